-- Small tables of our own for the questions in tpch.sql, with the columns of the TPC-H benchmark.
-- Values follow from row numbers alone, so that every run has the same.

CREATE TABLE region AS
SELECT i AS r_regionkey, ['AFRICA', 'AMERICA', 'ASIA', 'EUROPE', 'MIDDLE EAST'][i + 1] AS r_name,
    'part ' || i || ' of the world' AS r_comment
FROM range(5) t(i);

CREATE TABLE nation AS
SELECT i AS n_nationkey,
    ['KENYA', 'PERU', 'JAPAN', 'FRANCE', 'EGYPT', 'GHANA', 'CANADA', 'INDIA', 'SPAIN', 'IRAQ'][i + 1] AS n_name,
    i % 5 AS n_regionkey, 'a nation' AS n_comment
FROM range(10) t(i);

CREATE TABLE supplier AS
SELECT i AS s_suppkey, format('Supplier#{:09d}', i) AS s_name, 'street ' || i AS s_address,
    i % 10 AS s_nationkey, (10 + i % 15) || '-555-' || (1000 + i) AS s_phone,
    (((i * 7919) % 1100000) / 100.0 - 1000)::DECIMAL(15, 2) AS s_acctbal,
    CASE WHEN i % 9 = 4 THEN 'Customer had Complaints' ELSE 'careful packages' END AS s_comment
FROM range(1, 61) t(i);

CREATE TABLE part AS
SELECT i AS p_partkey,
    ['red', 'blue', 'green', 'ivory'][1 + i % 4] || ' ' || ['lace', 'blue', 'peach'][1 + i % 3] AS p_name,
    'Manufacturer#' || (1 + i % 5) AS p_mfgr, 'Brand#' || (1 + i % 5) || (1 + i % 4) AS p_brand,
    ['PROMO', 'SMALL', 'LARGE', 'ECONOMY'][1 + i % 4] || ' ' || ['BURNISHED', 'PLATED'][1 + i % 2]
        || ' ' || ['STEEL', 'COPPER', 'TIN'][1 + i % 3] AS p_type,
    (1 + (i * 13) % 50)::INTEGER AS p_size,
    ['SM', 'MED', 'LG'][1 + i % 3] || ' ' || ['BOX', 'BAG'][1 + i % 2] AS p_container,
    (900 + i % 100)::DECIMAL(15, 2) AS p_retailprice, 'a part' AS p_comment
FROM range(1, 201) t(i);

CREATE TABLE partsupp AS
SELECT p AS ps_partkey, 1 + (p + 15 * s) % 60 AS ps_suppkey,
    (100 + (p * 31 + s * 17) % 900)::INTEGER AS ps_availqty,
    (1 + (p * 37 + s * 11) % 1000)::DECIMAL(15, 2) AS ps_supplycost, 'an offer' AS ps_comment
FROM range(1, 201) p(p), range(4) s(s);

CREATE TABLE customer AS
SELECT i AS c_custkey, format('Customer#{:09d}', i) AS c_name, 'road ' || i AS c_address,
    i % 10 AS c_nationkey, (10 + i % 15) || '-666-' || (1000 + i) AS c_phone,
    (((i * 104729) % 1100000) / 100.0 - 1000)::DECIMAL(15, 2) AS c_acctbal,
    ['MACHINERY', 'BUILDING', 'FURNITURE'][1 + i % 3] AS c_mktsegment, 'a customer' AS c_comment
FROM range(1, 301) t(i);

CREATE TABLE orders AS
SELECT i AS o_orderkey, 1 + (i * 7) % 200 AS o_custkey, ['F', 'O', 'P'][1 + i % 3] AS o_orderstatus,
    (1000 + (i * 739) % 90000)::DECIMAL(15, 2) AS o_totalprice,
    (DATE '1992-01-01' + ((i * 11) % 2500)::INTEGER) AS o_orderdate,
    ['1-URGENT', '2-HIGH', '3-MEDIUM', '4-NOT SPECIFIED', '5-LOW'][1 + i % 5] AS o_orderpriority,
    'Clerk#' || (i % 10) AS o_clerk, 0 AS o_shippriority,
    CASE WHEN i % 7 = 0 THEN 'pending special requests' ELSE 'an order' END AS o_comment
FROM range(1, 1201) t(i);

CREATE TABLE lineitem AS
SELECT o AS l_orderkey, p AS l_partkey, 1 + (p + 15 * (o % 4)) % 60 AS l_suppkey, n::INTEGER AS l_linenumber,
    (1 + (o * 17 + n * 5) % 50)::DECIMAL(15, 2) AS l_quantity,
    (1000 + (o * 331 + n * 77) % 50000)::DECIMAL(15, 2) AS l_extendedprice,
    ((o + n) % 11 / 100.0)::DECIMAL(15, 2) AS l_discount, ((o * n) % 9 / 100.0)::DECIMAL(15, 2) AS l_tax,
    ['R', 'A', 'N'][1 + o % 3] AS l_returnflag, ['O', 'F'][1 + (o + n) % 2] AS l_linestatus,
    shipped AS l_shipdate, shipped + (7 + (o * n) % 40)::INTEGER AS l_commitdate,
    shipped + (10 + (o * n * 3) % 41)::INTEGER AS l_receiptdate,
    ['NONE', 'COLLECT COD'][1 + n % 2] AS l_shipinstruct,
    ['TRUCK', 'RAIL', 'AIR', 'SHIP'][1 + (o + n) % 4] AS l_shipmode, 'a line' AS l_comment
FROM (
    SELECT o, n, 1 + (o * 29 + n * 43) % 200 AS p,
        DATE '1992-01-01' + ((o * 11) % 2500 + (o * n) % 120)::INTEGER AS shipped
    FROM range(1, 1201) o(o), range(1, 5) n(n))
