-- Everything that names columns without naming them: hidden ones are not among them.

-- Stars
SELECT * FROM customers ORDER BY id;  -- all
SELECT c.* FROM customers c ORDER BY id;  -- of an alias
SELECT lake.shop.customers.* FROM lake.shop.customers ORDER BY id;  -- of the full name
SELECT *, * FROM orders ORDER BY ALL;  -- twice
SELECT * FROM (SELECT * FROM (SELECT * FROM customers)) ORDER BY id;  -- through two subqueries
SELECT count(*), count(COLUMNS(*)) FROM orders;  -- as arguments
SELECT customers.*, orders.* FROM customers, orders WHERE customers.id = orders.customer_id ORDER BY ALL;  -- of two tables

-- COLUMNS with patterns, lists and functions
SELECT COLUMNS(*) FROM customers ORDER BY id;  -- all
SELECT COLUMNS('.*') FROM customers ORDER BY id;  -- by a pattern that takes all
SELECT COLUMNS('ssn|name') FROM customers ORDER BY 1;  -- by a pattern with the hidden name
SELECT COLUMNS('s.*|n.*') FROM customers ORDER BY ALL;  -- by a pattern of first letters
SELECT COLUMNS(c -> true) FROM customers ORDER BY id;  -- by a function that takes all
SELECT COLUMNS(lambda c: c LIKE '%a%') FROM customers ORDER BY ALL;  -- by a lambda
SELECT COLUMNS(lambda c: c NOT IN ('id')) FROM customers ORDER BY ALL;  -- by a lambda that leaves one out
SELECT COLUMNS(* EXCLUDE (id)) FROM customers ORDER BY ALL;  -- all but one
SELECT max(COLUMNS(*)) FROM customers;  -- each one's greatest
SELECT min(COLUMNS('.*')) FROM orders;  -- by a pattern, each one's least
SELECT max(COLUMNS('ssn|name')) AS "x_\0" FROM customers;  -- renamed by the pattern's groups
SELECT concat(*COLUMNS('name|ssn|canary.*')) FROM customers ORDER BY 1;  -- spread as arguments
SELECT [COLUMNS('na.*')] FROM customers ORDER BY ALL;  -- in a list
SELECT id FROM customers WHERE COLUMNS('name|ssn') IS NOT NULL ORDER BY id;  -- in a condition
SELECT coalesce(*COLUMNS('name|canary.*')) FROM customers ORDER BY 1;  -- spread into coalesce
SELECT struct_pack(*COLUMNS(*)) FROM orders ORDER BY 1;  -- packed as a struct

-- EXCLUDE, REPLACE, RENAME and LIKE
SELECT * EXCLUDE (id) FROM customers ORDER BY ALL;  -- all but one
SELECT * REPLACE (upper(name) AS name) FROM customers ORDER BY id;  -- one in another form
SELECT * RENAME (name AS ssn) FROM customers ORDER BY id;  -- one under a hidden name
SELECT * RENAME (ssn AS x) FROM customers ORDER BY id;  -- a hidden one under another name
SELECT * LIKE '%' FROM customers ORDER BY id;  -- names that are like anything
SELECT * LIKE '%s%' FROM customers ORDER BY ALL;  -- names with a letter
SELECT * NOT LIKE 'id' FROM customers ORDER BY ALL;  -- names that are not like one
SELECT * ILIKE '%N%' FROM customers ORDER BY ALL;  -- names without regard to case
SELECT * SIMILAR TO '.*s.*' FROM customers ORDER BY ALL;  -- names by a regular expression
SELECT * GLOB '*' FROM customers ORDER BY id;  -- names by a glob

-- EXCLUDE, REPLACE and RENAME of hidden names. !refused
SELECT * EXCLUDE (ssn) FROM customers;  -- leave the hidden one out
SELECT * REPLACE ('x' AS ssn) FROM customers;  -- put something in its place
SELECT COLUMNS('^ssn$') FROM customers;  -- its pattern, exactly
SELECT COLUMNS(['ssn']) FROM customers;  -- its name in a list
SELECT COLUMNS(* EXCLUDE (ssn)) FROM customers;  -- leave it out within COLUMNS

-- Whole rows as one value
SELECT customers FROM customers ORDER BY id;  -- by the table's name
SELECT c FROM customers c ORDER BY c.id;  -- by an alias
SELECT row_to_json(c) FROM customers c ORDER BY c.id;  -- as JSON
SELECT to_json(c) FROM customers c ORDER BY c.id;  -- as JSON of another kind
SELECT c::VARCHAR FROM customers c ORDER BY c.id;  -- as text
SELECT hash(o) FROM orders o ORDER BY o.order_id;  -- as a hash
SELECT unnest(c) FROM customers c ORDER BY ALL;  -- taken apart
SELECT struct_keys(c) FROM customers c;  -- its keys
SELECT struct_values(o) FROM orders o ORDER BY o.order_id;  -- its values
SELECT struct_extract_at(o, 5) FROM orders o;  -- a field by its place
SELECT struct_insert(o, x := 1) FROM orders o ORDER BY o.order_id;  -- with another field
SELECT count(DISTINCT c) FROM customers c;  -- distinct ones
SELECT max(o) FROM orders o;  -- the greatest
SELECT any_value(c.name) FROM customers c WHERE c.id = 1;  -- one field of any
SELECT list(o ORDER BY o.order_id) FROM orders o;  -- as a list
SELECT typeof(c) FROM customers c LIMIT 1;  -- its type
SELECT (c).name FROM customers c ORDER BY 1;  -- a field in brackets
SELECT c.address.* FROM customers c ORDER BY ALL;  -- the fields of a struct
SELECT unnest(address) FROM customers ORDER BY ALL;  -- a struct taken apart

-- Fields of whole rows that are hidden. !refused
SELECT (c).ssn FROM customers c;  -- by name
SELECT c['ssn'] FROM customers c;  -- by an index
SELECT struct_extract(c, 'ssn') FROM customers c;  -- by a function
SELECT to_json(c)->'ssn' FROM customers c WHERE (c).ssn IS NOT NULL;  -- in a condition
SELECT struct_pack(a := c).a.ssn FROM customers c;  -- of a struct in a struct

-- Fields of JSON that are not there give NULL
SELECT to_json(c)->>'ssn' FROM customers c;  -- by an arrow
SELECT json_extract_string(to_json(c), '$.ssn') FROM customers c;  -- by a path
SELECT json_keys(to_json(c)) FROM customers c;  -- the keys

-- What belongs to the columns of set operations and joins
SELECT * FROM customers UNION BY NAME SELECT 1 AS ssn ORDER BY ALL;  -- a column that the other side brings
SELECT ssn FROM (SELECT * FROM customers UNION BY NAME SELECT 'mine' AS ssn) ORDER BY ALL;  -- that column
SELECT * FROM customers POSITIONAL JOIN (SELECT 1 AS ssn) ORDER BY id;  -- a column from beside
