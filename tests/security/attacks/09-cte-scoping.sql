-- Names that a common table expression may or may not cover. A name that is not covered stands for
-- a table, and the table must be visible.

-- The name is covered somewhere else, not here. !refused
WITH salaries AS (SELECT * FROM salaries) SELECT * FROM salaries;  -- by itself, which it does not see
WITH a AS (SELECT * FROM salaries), salaries AS (SELECT 1 pay) SELECT * FROM a;  -- by a later one
WITH a AS (WITH salaries AS (SELECT 1 pay) SELECT * FROM salaries) SELECT * FROM salaries;  -- within another one
SELECT * FROM (WITH salaries AS (SELECT 1 pay) SELECT * FROM salaries) x, salaries;  -- in a subquery beside
(WITH salaries AS (SELECT 1 pay) SELECT pay FROM salaries) UNION ALL SELECT pay FROM salaries;  -- in the other side of a set operation
SELECT (WITH salaries AS (SELECT 1 pay) SELECT pay FROM salaries), (SELECT max(pay) FROM salaries);  -- in a scalar subquery beside
SELECT 1 WHERE EXISTS (WITH salaries AS (SELECT 1) FROM salaries) AND EXISTS (FROM salaries);  -- in an EXISTS beside
WITH salaries AS (SELECT 1 pay) SELECT * FROM shop.salaries;  -- with a schema in front
WITH salaries AS (SELECT 1 pay) SELECT * FROM lake.shop.salaries;  -- with its full name
WITH "lake.shop.salaries" AS (SELECT 1 pay) SELECT * FROM lake.shop.salaries;  -- by one that is named like the full name
WITH shop AS (SELECT 1 salaries) SELECT * FROM shop.salaries;  -- by one that is named like the schema
SELECT * FROM salaries, (WITH salaries AS (SELECT 1) SELECT 2);  -- in a subquery that follows
FROM (SELECT 1) AS salaries(pay), (SELECT max(pay) AS x FROM salaries) AS y;  -- as an alias beside
SELECT * FROM (VALUES (1)) AS salaries(pay) WHERE pay IN (SELECT pay FROM salaries);  -- as an alias of values

-- The first member of a recursive expression does not see its own name: it reads the table. !refused
WITH RECURSIVE salaries AS (SELECT pay FROM salaries UNION ALL SELECT pay FROM salaries WHERE false) SELECT * FROM salaries;  -- a table in the first member
WITH RECURSIVE salaries AS ((SELECT * FROM salaries) UNION SELECT * FROM salaries WHERE false) FROM salaries;  -- the same in brackets
WITH RECURSIVE salaries AS (SELECT pay FROM salaries UNION ALL SELECT 1 FROM customers) SELECT * FROM salaries;  -- the name is not used in the second
WITH RECURSIVE salaries(pay, n) USING KEY (pay) AS (SELECT pay, 1 FROM salaries UNION SELECT pay, n + 1 FROM salaries WHERE n < 2) FROM salaries;  -- with a key
WITH RECURSIVE salaries AS (SELECT (SELECT max(pay) FROM salaries) AS pay UNION ALL SELECT pay FROM salaries WHERE false) FROM salaries;  -- in a scalar subquery
WITH RECURSIVE salaries AS (SELECT 1 pay UNION ALL SELECT pay FROM salaries UNION ALL SELECT pay FROM salaries) FROM salaries;  -- a second UNION
WITH RECURSIVE salaries AS (SELECT * FROM salaries) SELECT * FROM salaries;  -- no recursion at all
WITH RECURSIVE salaries AS (SELECT 1 pay EXCEPT SELECT pay FROM salaries) FROM salaries;  -- EXCEPT instead of UNION
WITH RECURSIVE salaries AS (SELECT 1 pay UNION BY NAME SELECT pay FROM salaries) FROM salaries;  -- UNION BY NAME
WITH RECURSIVE a AS (SELECT * FROM salaries), salaries AS (SELECT 1 pay) SELECT * FROM a;  -- seen by an earlier one
WITH RECURSIVE t(a, b) USING KEY (a) AS (SELECT 1, 2 UNION SELECT a, b FROM recurring.salaries) FROM t;  -- by the word for what recurs
SELECT * FROM customers WHERE id = (WITH RECURSIVE salaries AS (SELECT max(pay) m FROM salaries UNION SELECT m FROM salaries WHERE false) SELECT max(m) FROM salaries);  -- within a condition

-- Covered names: the table must not be read
WITH salaries AS (SELECT 1 pay) SELECT * FROM salaries;  -- plainly
WITH "SALARIES" AS (SELECT 1 pay) SELECT * FROM salaries;  -- in other case
WITH salaries AS (SELECT 1 pay) SELECT (SELECT max(pay) FROM salaries);  -- in a scalar subquery
WITH salaries AS (SELECT 1 pay) SELECT count(*) FROM customers WHERE id IN (SELECT pay FROM salaries);  -- in a condition
WITH salaries AS (SELECT 1 pay), b AS (SELECT * FROM salaries) SELECT * FROM b;  -- in another one
WITH salaries AS (SELECT 1 pay), b AS (WITH salaries AS (SELECT pay + 1 AS pay FROM salaries) FROM salaries) FROM b;  -- in one within another
WITH RECURSIVE salaries AS (SELECT 1 pay UNION ALL SELECT pay + 1 FROM salaries WHERE pay < 3) FROM salaries ORDER BY pay;  -- recursively
WITH salaries AS (SELECT 1 pay) SELECT * FROM range((SELECT max(pay) FROM salaries));  -- in the argument of a table function
WITH salaries AS (SELECT 1 pay) SELECT 1 ORDER BY (SELECT max(pay) FROM salaries);  -- in ORDER BY
WITH salaries AS (SELECT 1 pay) SELECT 1 LIMIT (SELECT max(pay) FROM salaries);  -- in LIMIT
WITH salaries AS (SELECT 1 pay) VALUES ((SELECT max(pay) FROM salaries));  -- in VALUES
WITH salaries AS MATERIALIZED (SELECT 1 pay) SELECT * FROM salaries PIVOT (count(*) FOR pay IN (1));  -- in a PIVOT
WITH salaries AS (SELECT 1 pay) SELECT * FROM (WITH RECURSIVE salaries AS (SELECT pay FROM salaries UNION SELECT pay + 1 FROM salaries WHERE pay < 3) FROM salaries) ORDER BY pay;  -- recursively within

-- Expressions named like the system's tables and like what the policy uses
WITH duckdb_tables AS (SELECT 1 AS x) SELECT * FROM duckdb_tables;  -- like DuckDB's listing
WITH pg_class AS (SELECT 1 AS x) SELECT * FROM pg_class;  -- like PostgreSQL's listing
WITH customers AS (SELECT 'mine' AS name) SELECT name FROM customers;  -- like a visible table
WITH customers AS (SELECT * FROM customers) SELECT count(*) FROM customers;  -- like the table that it reads
WITH regions AS (SELECT 'us' AS code) SELECT count(*) FROM customers WHERE region IN (SELECT code FROM regions);  -- like another visible table
WITH region AS (SELECT 'us' AS region) SELECT count(*) FROM customers, region;  -- like the filtered column
WITH lake AS (SELECT 'us' AS region) SELECT count(*) FROM lake.shop.customers;  -- like the catalog

-- Names that cover a function
WITH lower AS (SELECT 'eu') SELECT lower(name) FROM customers ORDER BY 1;  -- the function that the row filter calls
