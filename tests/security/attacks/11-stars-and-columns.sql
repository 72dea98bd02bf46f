-- Everything that names columns without naming them: hidden ones are not among them.

-- Stars
SELECT * FROM customers ORDER BY id;
SELECT c.* FROM customers c ORDER BY id;
SELECT lake.shop.customers.* FROM lake.shop.customers ORDER BY id;
SELECT *, * FROM orders ORDER BY ALL;
SELECT * FROM (SELECT * FROM (SELECT * FROM customers)) ORDER BY id;
SELECT count(*), count(COLUMNS(*)) FROM orders;
SELECT customers.*, orders.* FROM customers, orders WHERE customers.id = orders.customer_id ORDER BY ALL

-- COLUMNS with patterns, lists and functions
SELECT COLUMNS(*) FROM customers ORDER BY id;
SELECT COLUMNS('.*') FROM customers ORDER BY id;
SELECT COLUMNS('ssn|name') FROM customers ORDER BY 1;
SELECT COLUMNS('s.*|n.*') FROM customers ORDER BY ALL;
SELECT COLUMNS(c -> true) FROM customers ORDER BY id;
SELECT COLUMNS(lambda c: c LIKE '%a%') FROM customers ORDER BY ALL;
SELECT COLUMNS(lambda c: c NOT IN ('id')) FROM customers ORDER BY ALL;
SELECT COLUMNS(* EXCLUDE (id)) FROM customers ORDER BY ALL;
SELECT max(COLUMNS(*)) FROM customers;
SELECT min(COLUMNS('.*')) FROM orders;
SELECT max(COLUMNS('ssn|name')) AS "x_\0" FROM customers;
SELECT concat(*COLUMNS('name|ssn|canary.*')) FROM customers ORDER BY 1;
SELECT [COLUMNS('na.*')] FROM customers ORDER BY ALL;
SELECT id FROM customers WHERE COLUMNS('name|ssn') IS NOT NULL ORDER BY id;
SELECT coalesce(*COLUMNS('name|canary.*')) FROM customers ORDER BY 1;
SELECT struct_pack(*COLUMNS(*)) FROM orders ORDER BY 1

-- EXCLUDE, REPLACE, RENAME and LIKE
SELECT * EXCLUDE (id) FROM customers ORDER BY ALL;
SELECT * REPLACE (upper(name) AS name) FROM customers ORDER BY id;
SELECT * RENAME (name AS ssn) FROM customers ORDER BY id;
SELECT * RENAME (ssn AS x) FROM customers ORDER BY id;
SELECT * LIKE '%' FROM customers ORDER BY id;
SELECT * LIKE '%s%' FROM customers ORDER BY ALL;
SELECT * NOT LIKE 'id' FROM customers ORDER BY ALL;
SELECT * ILIKE '%N%' FROM customers ORDER BY ALL;
SELECT * SIMILAR TO '.*s.*' FROM customers ORDER BY ALL;
SELECT * GLOB '*' FROM customers ORDER BY id

-- EXCLUDE, REPLACE and RENAME of hidden names. !refused
SELECT * EXCLUDE (ssn) FROM customers;
SELECT * REPLACE ('x' AS ssn) FROM customers;
SELECT COLUMNS('^ssn$') FROM customers;
SELECT COLUMNS(['ssn']) FROM customers;
SELECT COLUMNS(* EXCLUDE (ssn)) FROM customers

-- Whole rows as one value
SELECT customers FROM customers ORDER BY id;
SELECT c FROM customers c ORDER BY c.id;
SELECT row_to_json(c) FROM customers c ORDER BY c.id;
SELECT to_json(c) FROM customers c ORDER BY c.id;
SELECT c::VARCHAR FROM customers c ORDER BY c.id;
SELECT hash(o) FROM orders o ORDER BY o.order_id;
SELECT unnest(c) FROM customers c ORDER BY ALL;
SELECT struct_keys(c) FROM customers c;
SELECT struct_values(o) FROM orders o ORDER BY o.order_id;
SELECT struct_extract_at(o, 5) FROM orders o;
SELECT struct_insert(o, x := 1) FROM orders o ORDER BY o.order_id;
SELECT count(DISTINCT c) FROM customers c;
SELECT max(o) FROM orders o;
SELECT any_value(c.name) FROM customers c WHERE c.id = 1;
SELECT list(o ORDER BY o.order_id) FROM orders o;
SELECT typeof(c) FROM customers c LIMIT 1;
SELECT (c).name FROM customers c ORDER BY 1;
SELECT c.address.* FROM customers c ORDER BY ALL;
SELECT unnest(address) FROM customers ORDER BY ALL

-- Fields of whole rows that are hidden. !refused
SELECT (c).ssn FROM customers c;
SELECT c['ssn'] FROM customers c;
SELECT struct_extract(c, 'ssn') FROM customers c;
SELECT to_json(c)->'ssn' FROM customers c WHERE (c).ssn IS NOT NULL;
SELECT struct_pack(a := c).a.ssn FROM customers c

-- Fields of JSON that are not there give NULL
SELECT to_json(c)->>'ssn' FROM customers c;
SELECT json_extract_string(to_json(c), '$.ssn') FROM customers c;
SELECT json_keys(to_json(c)) FROM customers c

-- What belongs to the columns of set operations and joins
SELECT * FROM customers UNION BY NAME SELECT 1 AS ssn ORDER BY ALL;
SELECT ssn FROM (SELECT * FROM customers UNION BY NAME SELECT 'mine' AS ssn) ORDER BY ALL;
SELECT * FROM customers POSITIONAL JOIN (SELECT 1 AS ssn) ORDER BY id
