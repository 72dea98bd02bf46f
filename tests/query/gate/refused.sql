-- Statements that the gate refuses for everybody, by the error that it raises.

-- What is not one statement. !InvalidSql
;
--;
SELECT;
SELEC 1;
SELECT 1 FROM;
SELECT (1;
SELECT 'open;
SELECT /* open;
SELECT 1; SELECT 2;
SELECT 1 INTO t;
SELECT * FROM t FOR UPDATE

-- Literals that are none, one of which DuckDB cannot even complain about. !InvalidSql
SELECT b'2';
SELECT x'zz';
SELECT x'é';
SELECT b'é'

-- What is not a SELECT. !NotAllowed
INSERT INTO t VALUES (1);
UPDATE t SET a = 1;
SELECT 1; DROP TABLE t;
DELETE FROM t;
MERGE INTO t USING u ON t.a = u.a WHEN MATCHED THEN DELETE;
CREATE TABLE t (a INTEGER);
CREATE TABLE t AS SELECT 1;
CREATE MACRO f(x) AS x;
CREATE VIEW v AS SELECT 1;
DROP TABLE t;
ALTER TABLE t ADD COLUMN b INTEGER;
ATTACH 'x.db';
DETACH x;
USE x;
SET threads = 1;
RESET threads;
PRAGMA database_list;
CALL pragma_version();
COPY t TO 'x.csv';
EXPORT DATABASE 'x';
INSTALL x;
LOAD x;
BEGIN;
EXPLAIN SELECT 1;
EXPLAIN ANALYZE SELECT 1;
PREPARE p AS SELECT 1;
EXECUTE p;
PIVOT t ON a USING sum(b)

-- What looks like a SELECT to the parser. !NotAllowed
DESCRIBE t;
SUMMARIZE t;
SHOW TABLES;
SHOW ALL TABLES;
SELECT * FROM (DESCRIBE t);
SELECT * FROM (SHOW TABLES);
SELECT * FROM (SUMMARIZE t);
WITH x AS (INSERT INTO t VALUES (1) RETURNING *) SELECT * FROM x;
WITH x AS (DELETE FROM t RETURNING *) SELECT * FROM x;
WITH x AS (UPDATE t SET a = 1 RETURNING *) SELECT * FROM x;
WITH x AS (COPY t TO 'x.csv') SELECT 1;
SELECT * FROM (WITH x AS (TRUNCATE t) SELECT 1);
SELECT (WITH x AS (DELETE FROM t RETURNING a) SELECT max(a) FROM x);
SELECT sum(a) EXPORT_STATE FROM t

-- Table functions. !NotAllowed
SELECT * FROM query('SELECT 1');
SELECT * FROM query_table('t');
SELECT * FROM read_parquet('x');
SELECT * FROM read_csv(?);
SELECT * FROM glob('*');
SELECT * FROM duckdb_tables();
SELECT * FROM pragma_table_info('t');
SELECT * FROM json_each('{}');
SELECT * FROM system.main.range(3);
SELECT * FROM main.unnest([1]);
SELECT * FROM lower('x');
SELECT * FROM t, LATERAL query(t.a)

-- Functions and types. !NotAllowed
SELECT current_setting('threads');
SELECT current_setting(a) FROM t;
SELECT current_setting();
SELECT main.version();
SELECT pg_catalog.current_schema();
SELECT getvariable('x');
SELECT main.lower('x');
SELECT system.main.lower('x');
SELECT t.a.lower() FROM t;
SELECT nextval('s');
SELECT 1::mine;
SELECT 1::main.mine;
SELECT 'a'::ENUM ('a');
SELECT list_transform([1], lambda x: sleep_ms(x));
SELECT count(*) FILTER (WHERE error('x')) FROM t;
SELECT lag(getvariable('x')) OVER () FROM t;
SELECT * FROM range(nextval('s'))

-- Functions that DuckDB does not have. !FunctionNotFound
SELECT * FROM nothing(1);
SELECT nothing(1);

-- States that are not written out, or not those of a stored table. !NotAllowed
SELECT * FROM t AT (VERSION => 1 + 1);
SELECT * FROM t AT (VERSION => ?);
SELECT * FROM t AT (VERSION => (SELECT 1));
SELECT * FROM t AT (VERSION => -1);
SELECT * FROM t AT (VERSION => 1.5);
SELECT * FROM t AT (VERSION => 1_000);
SELECT * FROM t AT (VERSION => 9223372036854775808);
SELECT * FROM t AT (VERSION => e'x');
SELECT * FROM t AT (VERSION => $$x$$);
SELECT * FROM t AT (TIMESTAMP => now());
SELECT * FROM t AT (TIMESTAMP => 1);
SELECT * FROM t AT (TIMESTAMP => CAST('2026-01-01' AS TIMESTAMP));
SELECT * FROM t FOR VERSION AS OF ?;
SELECT * FROM t FOR VERSION AS OF (SELECT 1);
SELECT * FROM t FOR VERSION AS OF;
SELECT * FROM t FOR TIMESTAMP AS OF now();
SELECT * FROM t FOR SYSTEM_TIME AS OF current_timestamp;
SELECT 1 FOR VERSION AS OF 1;
SELECT a FOR VERSION AS OF 1 FROM t;
SELECT * FROM t WHERE a = 1 FOR VERSION AS OF 1;
SELECT * FROM t JOIN s ON true FOR VERSION AS OF 1;
SELECT * FROM (SELECT * FROM t) FOR VERSION AS OF 1;
SELECT * FROM (SELECT * FROM t) AS x AT (VERSION => 1);
SELECT * FROM range(3) FOR VERSION AS OF 1;
SELECT * FROM x: t AT (VERSION => 1);
WITH t AS (SELECT 1) SELECT * FROM t FOR VERSION AS OF 1;
SELECT * FROM t FOR VERSION AS OF 1 FOR VERSION AS OF 2;
SELECT * FROM t FOR VERSION AS OF 1 AS x AT (VERSION => 2)

-- What is no clause of that kind. !InvalidSql
SELECT * FROM t VERSION AS OF 1;
SELECT * FROM t FOR VERSION AS OF 1 + 1;
SELECT * FROM t FOR VERSION OF 1;
SELECT * FROM t FOR SNAPSHOT AS OF 1;
SELECT * FROM t AT (SNAPSHOT => 1);
SELECT * FROM t AT (VERSION = 1);
SELECT * FROM t AS x FOR VERSION AS OF 1 AS y AT (VERSION => 2);
SELECT * FROM t FOR VERSION AS OF 1 x y
