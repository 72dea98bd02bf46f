-- Twenty-two questions to a company that buys from suppliers and sells to customers. They ask what
-- the queries of the TPC-H benchmark ask, with the same features of SQL, in words of our own.

-- 1. Sums and averages of what was shipped up to a day, by return flag and line status
SELECT l_returnflag, l_linestatus, sum(l_quantity) AS pieces, sum(l_extendedprice) AS listed,
    sum(l_extendedprice * (1 - l_discount)) AS charged,
    sum(l_extendedprice * (1 - l_discount) * (1 + l_tax)) AS taxed,
    avg(l_quantity) AS mean_pieces, avg(l_discount) AS mean_discount, count(*) AS n
FROM lineitem
WHERE l_shipdate <= DATE '1998-11-30' - INTERVAL '75' DAY
GROUP BY l_returnflag, l_linestatus
ORDER BY l_returnflag, l_linestatus;

-- 2. The suppliers of a region who sell a kind of part at the least price: a correlated minimum
SELECT s_acctbal, s_name, n_name, p_partkey, p_mfgr, s_address, s_phone, s_comment
FROM part, supplier, partsupp, nation, region
WHERE p_partkey = ps_partkey AND ps_suppkey = s_suppkey AND s_nationkey = n_nationkey
    AND n_regionkey = r_regionkey AND r_name = 'ASIA' AND p_size < 20 AND p_type LIKE '%STEEL'
    AND ps_supplycost = (
        SELECT min(inner_offer.ps_supplycost)
        FROM partsupp AS inner_offer, supplier AS s2, nation AS n2, region AS r2
        WHERE inner_offer.ps_partkey = part.p_partkey AND s2.s_suppkey = inner_offer.ps_suppkey
            AND s2.s_nationkey = n2.n_nationkey AND n2.n_regionkey = r2.r_regionkey
            AND r2.r_name = 'ASIA')
ORDER BY s_acctbal DESC, n_name, s_name, p_partkey
LIMIT 50;

-- 3. Open orders of a market segment with the most value
SELECT l_orderkey, sum(l_extendedprice * (1 - l_discount)) AS worth, o_orderdate, o_shippriority
FROM customer, orders, lineitem
WHERE c_mktsegment = 'MACHINERY' AND c_custkey = o_custkey AND l_orderkey = o_orderkey
    AND o_orderdate < DATE '1996-01-10' AND l_shipdate > DATE '1996-01-10'
GROUP BY l_orderkey, o_orderdate, o_shippriority
ORDER BY worth DESC, o_orderdate, l_orderkey
LIMIT 12;

-- 4. How many orders of a quarter had a line that came late, by priority
SELECT o_orderpriority, count(*) AS late_orders
FROM orders
WHERE o_orderdate >= DATE '1995-04-01' AND o_orderdate < DATE '1995-04-01' + INTERVAL 3 MONTH
    AND EXISTS (SELECT 1 FROM lineitem WHERE l_orderkey = o_orderkey
        AND l_receiptdate > l_commitdate)
GROUP BY o_orderpriority
ORDER BY o_orderpriority;

-- 5. Sales within the nations of a region: supplier and customer of the same nation
SELECT n_name, sum(l_extendedprice * (1 - l_discount)) AS domestic
FROM region
    JOIN nation ON n_regionkey = r_regionkey
    JOIN customer ON c_nationkey = n_nationkey
    JOIN orders ON o_custkey = c_custkey
    JOIN lineitem ON l_orderkey = o_orderkey
    JOIN supplier ON s_suppkey = l_suppkey AND s_nationkey = n_nationkey
WHERE r_name = 'EUROPE' AND o_orderdate BETWEEN DATE '1993-01-01' AND DATE '1996-12-31'
GROUP BY n_name
ORDER BY domestic DESC, n_name;

-- 6. What would have been earned without some discounts
SELECT sum(l_extendedprice * l_discount) AS given_away
FROM lineitem
WHERE l_shipdate >= CAST('1995-01-01' AS DATE)
    AND l_shipdate < CAST('1995-01-01' AS DATE) + INTERVAL '1' YEAR
    AND l_discount BETWEEN 0.05 - 0.011 AND 0.05 + 0.011 AND l_quantity < 30;

-- 7. Trade between two nations in both directions, by year
SELECT seller, buyer, year_shipped, sum(amount) AS volume
FROM (
    SELECT a.n_name AS seller, b.n_name AS buyer, extract(YEAR FROM l_shipdate) AS year_shipped,
        l_extendedprice * (1 - l_discount) AS amount
    FROM supplier, lineitem, orders, customer, nation a, nation b
    WHERE s_suppkey = l_suppkey AND o_orderkey = l_orderkey AND c_custkey = o_custkey
        AND s_nationkey = a.n_nationkey AND c_nationkey = b.n_nationkey
        AND ((a.n_name = 'KENYA' AND b.n_name = 'CANADA')
            OR (a.n_name = 'CANADA' AND b.n_name = 'KENYA'))
        AND l_shipdate BETWEEN DATE '1994-01-01' AND DATE '1997-12-31') AS trade
GROUP BY seller, buyer, year_shipped
ORDER BY seller, buyer, year_shipped;

-- 8. A nation's share of a region's market for a kind of part, by year
SELECT ordered_in, sum(CASE WHEN country = 'PERU' THEN amount ELSE 0 END) / sum(amount) AS share
FROM (
    SELECT extract(YEAR FROM o_orderdate) AS ordered_in,
        l_extendedprice * (1 - l_discount) AS amount, home.n_name AS country
    FROM part, supplier, lineitem, orders, customer, nation away, nation home, region
    WHERE p_partkey = l_partkey AND s_suppkey = l_suppkey AND l_orderkey = o_orderkey
        AND o_custkey = c_custkey AND c_nationkey = away.n_nationkey
        AND away.n_regionkey = r_regionkey AND r_name = 'AMERICA'
        AND s_nationkey = home.n_nationkey AND p_type LIKE '%COPPER') AS sales
GROUP BY ordered_in
ORDER BY ordered_in;

-- 9. Profit with parts whose name has a colour, by nation and year
SELECT country, made_in, sum(gain) AS profit
FROM (
    SELECT n_name AS country, year(o_orderdate) AS made_in,
        l_extendedprice * (1 - l_discount) - ps_supplycost * l_quantity AS gain
    FROM part, supplier, lineitem, partsupp, orders, nation
    WHERE s_suppkey = l_suppkey AND ps_suppkey = l_suppkey AND ps_partkey = l_partkey
        AND p_partkey = l_partkey AND o_orderkey = l_orderkey AND s_nationkey = n_nationkey
        AND p_name LIKE '%blue%') AS gains
GROUP BY country, made_in
ORDER BY country, made_in DESC;

-- 10. Customers who sent back the most
SELECT c_custkey, c_name, sum(l_extendedprice * (1 - l_discount)) AS lost, c_acctbal, n_name,
    c_address, c_phone, c_comment
FROM customer, orders, lineitem, nation
WHERE c_custkey = o_custkey AND l_orderkey = o_orderkey AND l_returnflag = 'R'
    AND o_orderdate >= DATE '1994-02-01' AND o_orderdate < DATE '1994-02-01' + INTERVAL '9' MONTH
    AND c_nationkey = n_nationkey
GROUP BY c_custkey, c_name, c_acctbal, c_phone, n_name, c_address, c_comment
ORDER BY lost DESC, c_custkey
LIMIT 15;

-- 11. Parts that are a considerable share of a nation's stock: a scalar subquery in HAVING
SELECT ps_partkey, sum(ps_supplycost * ps_availqty) AS stock
FROM partsupp JOIN supplier ON ps_suppkey = s_suppkey JOIN nation ON s_nationkey = n_nationkey
WHERE n_name = 'JAPAN'
GROUP BY ps_partkey
HAVING sum(ps_supplycost * ps_availqty) > (
    SELECT sum(ps_supplycost * ps_availqty) * 0.02
    FROM partsupp, supplier, nation
    WHERE ps_suppkey = s_suppkey AND s_nationkey = n_nationkey AND n_name = 'JAPAN')
ORDER BY stock DESC, ps_partkey;

-- 12. Whether cheap ways of shipping make urgent orders late
SELECT l_shipmode,
    sum(CASE WHEN o_orderpriority = '1-URGENT' OR o_orderpriority = '2-HIGH' THEN 1 ELSE 0 END)
        AS urgent,
    sum(CASE WHEN o_orderpriority <> '1-URGENT' AND o_orderpriority <> '2-HIGH' THEN 1 ELSE 0 END)
        AS others
FROM orders, lineitem
WHERE o_orderkey = l_orderkey AND l_shipmode IN ('TRUCK', 'RAIL') AND l_commitdate < l_receiptdate
    AND l_shipdate < l_commitdate AND l_receiptdate >= DATE '1994-01-01'
    AND l_receiptdate < DATE '1994-01-01' + INTERVAL '3' YEAR
GROUP BY l_shipmode
ORDER BY l_shipmode;

-- 13. How many customers have how many orders, those without any included
SELECT orders_made, count(*) AS customers
FROM (
    SELECT c_custkey, count(o_orderkey)
    FROM customer LEFT OUTER JOIN orders
        ON c_custkey = o_custkey AND o_comment NOT LIKE '%pending%requests%'
    GROUP BY c_custkey) AS each_one (c_custkey, orders_made)
GROUP BY orders_made
ORDER BY customers DESC, orders_made DESC;

-- 14. The share of promoted parts in a month's revenue
SELECT 100.00 * sum(CASE WHEN p_type LIKE 'PROMO%' THEN l_extendedprice * (1 - l_discount)
        ELSE 0 END) / sum(l_extendedprice * (1 - l_discount)) AS promoted
FROM lineitem, part
WHERE l_partkey = p_partkey AND l_shipdate >= DATE '1996-05-01'
    AND l_shipdate < DATE '1996-05-01' + INTERVAL '4' MONTH;

-- 15. The supplier who sold the most in a quarter, by a view that became a table expression
WITH sold (supplier_no, total) AS (
    SELECT l_suppkey, sum(l_extendedprice * (1 - l_discount))
    FROM lineitem
    WHERE l_shipdate >= DATE '1995-07-01' AND l_shipdate < DATE '1995-07-01' + INTERVAL '3' MONTH
    GROUP BY l_suppkey)
SELECT s_suppkey, s_name, s_address, s_phone, total
FROM supplier, sold
WHERE s_suppkey = supplier_no AND total = (SELECT max(total) FROM sold)
ORDER BY s_suppkey;

-- 16. How many suppliers offer which kinds of parts, without those who were complained about
SELECT p_brand, p_type, p_size, count(DISTINCT ps_suppkey) AS offers
FROM partsupp, part
WHERE p_partkey = ps_partkey AND p_brand <> 'Brand#23' AND p_type NOT LIKE 'SMALL%'
    AND p_size IN (1, 4, 9, 16, 25, 36, 49, 12)
    AND ps_suppkey NOT IN (SELECT s_suppkey FROM supplier
        WHERE s_comment LIKE '%Customer%Complaints%')
GROUP BY p_brand, p_type, p_size
ORDER BY offers DESC, p_brand, p_type, p_size;

-- 17. What small orders of a part are worth in a year: a correlated average
SELECT sum(l_extendedprice) / 7.0 AS yearly
FROM lineitem, part
WHERE p_partkey = l_partkey AND p_container LIKE 'MED%'
    AND l_quantity < (SELECT 0.5 * avg(other.l_quantity) FROM lineitem other
        WHERE other.l_partkey = p_partkey);

-- 18. Orders with very many pieces: IN over a grouped subquery
SELECT c_name, c_custkey, o_orderkey, o_orderdate, o_totalprice, sum(l_quantity)
FROM customer, orders, lineitem
WHERE o_orderkey IN (SELECT l_orderkey FROM lineitem GROUP BY l_orderkey
        HAVING sum(l_quantity) > 120)
    AND c_custkey = o_custkey AND o_orderkey = l_orderkey
GROUP BY c_name, c_custkey, o_orderkey, o_orderdate, o_totalprice
ORDER BY o_totalprice DESC, o_orderdate, o_orderkey
LIMIT 40;

-- 19. Revenue of three groups of parts: a disjunction of conjunctions
SELECT sum(l_extendedprice * (1 - l_discount)) AS revenue
FROM lineitem, part
WHERE (p_partkey = l_partkey AND p_brand = 'Brand#11' AND p_container IN ('SM BOX', 'SM BAG')
        AND l_quantity BETWEEN 2 AND 25 AND p_size BETWEEN 1 AND 30
        AND l_shipmode IN ('AIR', 'RAIL') AND l_shipinstruct = 'NONE')
    OR (p_partkey = l_partkey AND p_brand = 'Brand#23' AND p_container IN ('MED BAG', 'MED BOX')
        AND l_quantity >= 5 AND l_quantity <= 40 AND p_size BETWEEN 1 AND 40
        AND l_shipmode IN ('AIR', 'TRUCK'))
    OR (p_partkey = l_partkey AND p_brand = 'Brand#34' AND p_container LIKE 'LG%'
        AND l_quantity > 10 AND p_size < 50);

-- 20. Suppliers of a nation who hold far more of a part than they sell: subqueries in subqueries
SELECT s_name, s_address
FROM supplier, nation
WHERE s_suppkey IN (
        SELECT ps_suppkey FROM partsupp
        WHERE ps_partkey IN (SELECT p_partkey FROM part WHERE p_name LIKE 'red%')
            AND ps_availqty > (
                SELECT 0.5 * sum(l_quantity) FROM lineitem
                WHERE l_partkey = ps_partkey AND l_suppkey = ps_suppkey
                    AND l_shipdate >= DATE '1993-01-01'
                    AND l_shipdate < DATE '1993-01-01' + INTERVAL '5' YEAR))
    AND s_nationkey = n_nationkey AND n_name IN ('JAPAN', 'KENYA', 'PERU', 'FRANCE')
ORDER BY s_name;

-- 21. Suppliers who alone kept an order waiting: EXISTS and NOT EXISTS over the same table
SELECT s_name, count(*) AS waits
FROM supplier, lineitem mine, orders, nation
WHERE s_suppkey = mine.l_suppkey AND o_orderkey = mine.l_orderkey AND o_orderstatus = 'F'
    AND mine.l_receiptdate > mine.l_commitdate
    AND EXISTS (SELECT * FROM lineitem any_other WHERE any_other.l_orderkey = mine.l_orderkey
        AND any_other.l_suppkey <> mine.l_suppkey)
    AND NOT EXISTS (SELECT * FROM lineitem late WHERE late.l_orderkey = mine.l_orderkey
        AND late.l_suppkey <> mine.l_suppkey AND late.l_receiptdate > late.l_commitdate)
    AND s_nationkey = n_nationkey AND n_name <> 'PERU'
GROUP BY s_name
ORDER BY waits DESC, s_name
LIMIT 60;

-- 22. Customers with a good balance and no orders, by the country code of their telephone
SELECT code, count(*) AS customers, sum(c_acctbal) AS balance
FROM (
    SELECT substring(c_phone FROM 1 FOR 2) AS code, c_acctbal
    FROM customer
    WHERE substring(c_phone FROM 1 FOR 2) IN ('10', '12', '14', '16', '18', '20', '22')
        AND c_acctbal > (SELECT avg(c_acctbal) FROM customer WHERE c_acctbal > 0.00
            AND substring(c_phone FROM 1 FOR 2) IN ('10', '12', '14', '16', '18', '20', '22'))
        AND NOT EXISTS (SELECT * FROM orders WHERE o_custkey = c_custkey)) AS silent
GROUP BY code
ORDER BY code
