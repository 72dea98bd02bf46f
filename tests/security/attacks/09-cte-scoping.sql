-- Names that a common table expression may or may not cover. A name that is not covered stands for
-- a table, and the table must be visible.

-- The name is covered somewhere else, not here. !refused
WITH salaries AS (SELECT * FROM salaries) SELECT * FROM salaries;
WITH a AS (SELECT * FROM salaries), salaries AS (SELECT 1 pay) SELECT * FROM a;
WITH a AS (WITH salaries AS (SELECT 1 pay) SELECT * FROM salaries) SELECT * FROM salaries;
SELECT * FROM (WITH salaries AS (SELECT 1 pay) SELECT * FROM salaries) x, salaries;
(WITH salaries AS (SELECT 1 pay) SELECT pay FROM salaries) UNION ALL SELECT pay FROM salaries;
SELECT (WITH salaries AS (SELECT 1 pay) SELECT pay FROM salaries), (SELECT max(pay) FROM salaries);
SELECT 1 WHERE EXISTS (WITH salaries AS (SELECT 1) FROM salaries) AND EXISTS (FROM salaries);
WITH salaries AS (SELECT 1 pay) SELECT * FROM shop.salaries;
WITH salaries AS (SELECT 1 pay) SELECT * FROM lake.shop.salaries;
WITH "lake.shop.salaries" AS (SELECT 1 pay) SELECT * FROM lake.shop.salaries;
WITH shop AS (SELECT 1 salaries) SELECT * FROM shop.salaries;
SELECT * FROM salaries, (WITH salaries AS (SELECT 1) SELECT 2);
FROM (SELECT 1) AS salaries(pay), (SELECT max(pay) AS x FROM salaries) AS y;
SELECT * FROM (VALUES (1)) AS salaries(pay) WHERE pay IN (SELECT pay FROM salaries)

-- The first member of a recursive expression does not see its own name: it reads the table. !refused
WITH RECURSIVE salaries AS (SELECT pay FROM salaries UNION ALL SELECT pay FROM salaries WHERE false) SELECT * FROM salaries;
WITH RECURSIVE salaries AS ((SELECT * FROM salaries) UNION SELECT * FROM salaries WHERE false) FROM salaries;
WITH RECURSIVE salaries AS (SELECT pay FROM salaries UNION ALL SELECT 1 FROM customers) SELECT * FROM salaries;
WITH RECURSIVE salaries(pay, n) USING KEY (pay) AS (SELECT pay, 1 FROM salaries UNION SELECT pay, n + 1 FROM salaries WHERE n < 2) FROM salaries;
WITH RECURSIVE salaries AS (SELECT (SELECT max(pay) FROM salaries) AS pay UNION ALL SELECT pay FROM salaries WHERE false) FROM salaries;
WITH RECURSIVE salaries AS (SELECT 1 pay UNION ALL SELECT pay FROM salaries UNION ALL SELECT pay FROM salaries) FROM salaries;
WITH RECURSIVE salaries AS (SELECT * FROM salaries) SELECT * FROM salaries;
WITH RECURSIVE salaries AS (SELECT 1 pay EXCEPT SELECT pay FROM salaries) FROM salaries;
WITH RECURSIVE salaries AS (SELECT 1 pay UNION BY NAME SELECT pay FROM salaries) FROM salaries;
WITH RECURSIVE a AS (SELECT * FROM salaries), salaries AS (SELECT 1 pay) SELECT * FROM a;
WITH RECURSIVE t(a, b) USING KEY (a) AS (SELECT 1, 2 UNION SELECT a, b FROM recurring.salaries) FROM t;
SELECT * FROM customers WHERE id = (WITH RECURSIVE salaries AS (SELECT max(pay) m FROM salaries UNION SELECT m FROM salaries WHERE false) SELECT max(m) FROM salaries)

-- Covered names: the table must not be read
WITH salaries AS (SELECT 1 pay) SELECT * FROM salaries;
WITH "SALARIES" AS (SELECT 1 pay) SELECT * FROM salaries;
WITH salaries AS (SELECT 1 pay) SELECT (SELECT max(pay) FROM salaries);
WITH salaries AS (SELECT 1 pay) SELECT count(*) FROM customers WHERE id IN (SELECT pay FROM salaries);
WITH salaries AS (SELECT 1 pay), b AS (SELECT * FROM salaries) SELECT * FROM b;
WITH salaries AS (SELECT 1 pay), b AS (WITH salaries AS (SELECT pay + 1 AS pay FROM salaries) FROM salaries) FROM b;
WITH RECURSIVE salaries AS (SELECT 1 pay UNION ALL SELECT pay + 1 FROM salaries WHERE pay < 3) FROM salaries ORDER BY pay;
WITH salaries AS (SELECT 1 pay) SELECT * FROM range((SELECT max(pay) FROM salaries));
WITH salaries AS (SELECT 1 pay) SELECT 1 ORDER BY (SELECT max(pay) FROM salaries);
WITH salaries AS (SELECT 1 pay) SELECT 1 LIMIT (SELECT max(pay) FROM salaries);
WITH salaries AS (SELECT 1 pay) VALUES ((SELECT max(pay) FROM salaries));
WITH salaries AS MATERIALIZED (SELECT 1 pay) SELECT * FROM salaries PIVOT (count(*) FOR pay IN (1));
WITH salaries AS (SELECT 1 pay) SELECT * FROM (WITH RECURSIVE salaries AS (SELECT pay FROM salaries UNION SELECT pay + 1 FROM salaries WHERE pay < 3) FROM salaries) ORDER BY pay

-- Expressions named like the system's tables and like what the policy uses
WITH duckdb_tables AS (SELECT 1 AS x) SELECT * FROM duckdb_tables;
WITH pg_class AS (SELECT 1 AS x) SELECT * FROM pg_class;
WITH customers AS (SELECT 'mine' AS name) SELECT name FROM customers;
WITH customers AS (SELECT * FROM customers) SELECT count(*) FROM customers;
WITH regions AS (SELECT 'us' AS code) SELECT count(*) FROM customers WHERE region IN (SELECT code FROM regions);
WITH region AS (SELECT 'us' AS region) SELECT count(*) FROM customers, region;
WITH lake AS (SELECT 'us' AS region) SELECT count(*) FROM lake.shop.customers

-- Names that cover a function
WITH lower AS (SELECT 'eu') SELECT lower(name) FROM customers ORDER BY 1
