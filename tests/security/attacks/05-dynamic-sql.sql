-- Text that becomes SQL after the gate has looked, and names that change what later SQL means.
-- !every !refused

-- Functions that run their argument
SELECT * FROM query('SELECT * FROM lake.shop.salaries');  -- a hidden table
SELECT * FROM query('SELECT * FROM ' || 'lake.shop.salaries');  -- a text that is put together
SELECT * FROM query(?);  -- a parameter
SELECT * FROM query((SELECT 'SELECT 1'));  -- a text that is looked up
SELECT * FROM query_table('lake.shop.salaries');  -- a table by name
SELECT * FROM query_table(['customers', 'salaries']);  -- two tables by name
SELECT * FROM query_table('salaries', by_name := true);  -- a table by name, with an option
SELECT * FROM system.main.query('SELECT 1');  -- qualified
SELECT * FROM "query"('SELECT 1');  -- in quotes
SELECT * FROM QUERY('SELECT 1');  -- in capitals
FROM customers, query('SELECT * FROM lake.shop.salaries');  -- beside a visible table
SELECT (FROM query('SELECT max(pay) FROM lake.shop.salaries'));  -- in a scalar subquery
SELECT * FROM range((SELECT count(*) FROM query('SELECT 1')));  -- in the argument of another function
SELECT query('SELECT 1');  -- as a scalar function

-- A serialised tree
SELECT * FROM json_execute_serialized_sql(json_serialize_sql('SELECT * FROM lake.shop.salaries'));  -- run it
SELECT json_serialize_sql('SELECT 1');  -- write one
SELECT json_deserialize_sql('{}');  -- read one
SELECT json_serialize_plan('SELECT * FROM customers');  -- write a plan
PRAGMA json_execute_serialized_sql('{}');  -- run it by PRAGMA

-- Prepared statements in SQL
PREPARE x AS SELECT * FROM lake.shop.salaries;  -- prepare
EXECUTE x;  -- run
DEALLOCATE x;  -- forget

-- Macros and tables that shadow what the policy's expressions call
CREATE MACRO lower(x) AS 'eu';  -- what the row filter calls
CREATE TEMP MACRO regexp_replace(a, b, c) AS a;  -- what the mask calls
CREATE OR REPLACE MACRO sha256(x) AS x;  -- a hash
CREATE MACRO everything() AS TABLE SELECT * FROM lake.shop.salaries;  -- a table of its own
CREATE TEMP VIEW customers AS SELECT 1;  -- a view in front of a table
CREATE FUNCTION concat(a, b) AS a;  -- under the other word
WITH x AS (CREATE MACRO lower(x) AS 'eu') SELECT 1;  -- within a table expression

-- Functions under another name or schema
SELECT system.main.current_setting('allowed_paths');  -- in the engine's schema
SELECT main.getvariable('x');  -- in the default schema
SELECT pg_catalog.current_setting('allowed_paths');  -- in PostgreSQL's schema
SELECT "current_setting"('allowed_paths');  -- in quotes
SELECT CURRENT_SETTING('allowed_paths');  -- in capitals
SELECT 'allowed_paths'.current_setting();  -- as a method
SELECT ('allowed_paths').current_setting();  -- as a method of brackets
SELECT list_transform(['allowed_paths'], lambda x: current_setting(x));  -- within a lambda
SELECT list_transform(['x'], lambda x: x.current_setting());  -- as a method within a lambda
SELECT [current_setting(x) FOR x IN ['allowed_paths']];  -- within a comprehension

-- A denied function in every place that a function may stand
SELECT 1 WHERE current_setting('allowed_paths') = '';  -- in WHERE
SELECT 1 ORDER BY current_setting('allowed_paths');  -- in ORDER BY
SELECT 1 LIMIT length(current_setting('allowed_paths'));  -- in LIMIT
SELECT 1 OFFSET length(current_setting('allowed_paths'));  -- in OFFSET
SELECT count(*) FILTER (WHERE current_setting('allowed_paths') = '');  -- in FILTER
SELECT sum(1) OVER (ORDER BY current_setting('allowed_paths'));  -- in a window
SELECT lag(1, 1, length(current_setting('threads'))::INTEGER) OVER ();  -- in an argument of a window
SELECT CASE WHEN true THEN current_setting('threads') END;  -- in CASE
SELECT CAST(current_setting('threads') AS VARCHAR);  -- in CAST
SELECT {'a': current_setting('threads')};  -- in a struct
SELECT [current_setting('threads')];  -- in a list
SELECT string_agg('a', current_setting('threads'));  -- as a separator
SELECT array_agg(1 ORDER BY current_setting('threads'));  -- in the order of an aggregate
SELECT * FROM range(length(current_setting('threads')));  -- in the argument of a table function
SELECT * FROM unnest([current_setting('threads')]);  -- in a list that is unnested
SELECT * FROM (VALUES (current_setting('threads')));  -- in VALUES
SELECT * FROM customers JOIN orders ON current_setting('threads') = '';  -- in a join
SELECT name FROM customers GROUP BY name, current_setting('threads');  -- in GROUP BY
SELECT name FROM customers GROUP BY name HAVING current_setting('threads') = '';  -- in HAVING
SELECT name FROM customers QUALIFY current_setting('threads') = '';  -- in QUALIFY
SELECT DISTINCT ON (current_setting('threads')) name FROM customers;  -- in DISTINCT ON
SELECT * REPLACE (current_setting('threads') AS name) FROM customers;  -- in REPLACE
SELECT COLUMNS(lambda c: current_setting(c) = '') FROM customers;  -- in COLUMNS
SELECT 1 BETWEEN 0 AND length(current_setting('threads'));  -- in BETWEEN
SELECT 'a' COLLATE nocase = current_setting('threads');  -- in a collation's operand
SELECT * FROM customers TABLESAMPLE reservoir(10) WHERE current_setting('threads') = '';  -- beside a sample
SELECT 1 UNION SELECT length(current_setting('threads'));  -- in a set operation
WITH RECURSIVE r AS (SELECT 1 UNION SELECT length(current_setting('threads')) FROM r) FROM r;  -- in a recursive member
SELECT * FROM customers PIVOT (max(current_setting('threads')) FOR region IN ('eu'));  -- in a PIVOT
