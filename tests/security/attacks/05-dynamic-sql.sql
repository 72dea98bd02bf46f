-- Text that becomes SQL after the gate has looked, and names that change what later SQL means.
-- !every !refused

-- Functions that run their argument
SELECT * FROM query('SELECT * FROM lake.shop.salaries');
SELECT * FROM query('SELECT * FROM ' || 'lake.shop.salaries');
SELECT * FROM query(?);
SELECT * FROM query((SELECT 'SELECT 1'));
SELECT * FROM query_table('lake.shop.salaries');
SELECT * FROM query_table(['customers', 'salaries']);
SELECT * FROM query_table('salaries', by_name := true);
SELECT * FROM system.main.query('SELECT 1');
SELECT * FROM "query"('SELECT 1');
SELECT * FROM QUERY('SELECT 1');
FROM customers, query('SELECT * FROM lake.shop.salaries');
SELECT (FROM query('SELECT max(pay) FROM lake.shop.salaries'));
SELECT * FROM range((SELECT count(*) FROM query('SELECT 1')));
SELECT query('SELECT 1')

-- A serialised tree
SELECT * FROM json_execute_serialized_sql(json_serialize_sql('SELECT * FROM lake.shop.salaries'));
SELECT json_serialize_sql('SELECT 1');
SELECT json_deserialize_sql('{}');
SELECT json_serialize_plan('SELECT * FROM customers');
PRAGMA json_execute_serialized_sql('{}')

-- Prepared statements in SQL
PREPARE x AS SELECT * FROM lake.shop.salaries;
EXECUTE x;
DEALLOCATE x

-- Macros and tables that shadow what the policy's expressions call
CREATE MACRO lower(x) AS 'eu';
CREATE TEMP MACRO regexp_replace(a, b, c) AS a;
CREATE OR REPLACE MACRO sha256(x) AS x;
CREATE MACRO everything() AS TABLE SELECT * FROM lake.shop.salaries;
CREATE TEMP VIEW customers AS SELECT 1;
CREATE FUNCTION concat(a, b) AS a;
WITH x AS (CREATE MACRO lower(x) AS 'eu') SELECT 1

-- Functions under another name or schema
SELECT system.main.current_setting('allowed_paths');
SELECT main.getvariable('x');
SELECT pg_catalog.current_setting('allowed_paths');
SELECT "current_setting"('allowed_paths');
SELECT CURRENT_SETTING('allowed_paths');
SELECT 'allowed_paths'.current_setting();
SELECT ('allowed_paths').current_setting();
SELECT list_transform(['allowed_paths'], lambda x: current_setting(x));
SELECT list_transform(['x'], lambda x: x.current_setting());
SELECT [current_setting(x) FOR x IN ['allowed_paths']]

-- A denied function in every place that a function may stand
SELECT 1 WHERE current_setting('allowed_paths') = '';
SELECT 1 ORDER BY current_setting('allowed_paths');
SELECT 1 LIMIT length(current_setting('allowed_paths'));
SELECT 1 OFFSET length(current_setting('allowed_paths'));
SELECT count(*) FILTER (WHERE current_setting('allowed_paths') = '');
SELECT sum(1) OVER (ORDER BY current_setting('allowed_paths'));
SELECT lag(1, 1, length(current_setting('threads'))::INTEGER) OVER ();
SELECT CASE WHEN true THEN current_setting('threads') END;
SELECT CAST(current_setting('threads') AS VARCHAR);
SELECT {'a': current_setting('threads')};
SELECT [current_setting('threads')];
SELECT string_agg('a', current_setting('threads'));
SELECT array_agg(1 ORDER BY current_setting('threads'));
SELECT * FROM range(length(current_setting('threads')));
SELECT * FROM unnest([current_setting('threads')]);
SELECT * FROM (VALUES (current_setting('threads')));
SELECT * FROM customers JOIN orders ON current_setting('threads') = '';
SELECT name FROM customers GROUP BY name, current_setting('threads');
SELECT name FROM customers GROUP BY name HAVING current_setting('threads') = '';
SELECT name FROM customers QUALIFY current_setting('threads') = '';
SELECT DISTINCT ON (current_setting('threads')) name FROM customers;
SELECT * REPLACE (current_setting('threads') AS name) FROM customers;
SELECT COLUMNS(lambda c: current_setting(c) = '') FROM customers;
SELECT 1 BETWEEN 0 AND length(current_setting('threads'));
SELECT 'a' COLLATE nocase = current_setting('threads');
SELECT * FROM customers TABLESAMPLE reservoir(10) WHERE current_setting('threads') = '';
SELECT 1 UNION SELECT length(current_setting('threads'));
WITH RECURSIVE r AS (SELECT 1 UNION SELECT length(current_setting('threads')) FROM r) FROM r;
SELECT * FROM customers PIVOT (max(current_setting('threads')) FOR region IN ('eu'))
