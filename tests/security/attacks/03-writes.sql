-- Changing anything. Nothing but SELECT is let through, wherever the change hides.
-- !every !refused

-- Plain statements
INSERT INTO customers VALUES (1);
UPDATE customers SET name = 'x';
DELETE FROM customers;
TRUNCATE customers;
MERGE INTO customers USING orders ON true WHEN MATCHED THEN DELETE;
CREATE TABLE lake.shop.mine AS SELECT * FROM customers;
CREATE TEMP TABLE customers AS SELECT 1;
CREATE OR REPLACE VIEW lake.shop.customers AS SELECT 1;
CREATE SCHEMA lake.mine;
CREATE TYPE mine AS ENUM ('a');
CREATE SEQUENCE mine;
CREATE INDEX mine ON customers (id);
CREATE SECRET (TYPE s3, KEY_ID 'x', SECRET 'y');
DROP TABLE customers;
DROP VIEW lake.shop.customers;
ALTER VIEW customers RENAME TO mine;
COMMENT ON TABLE customers IS 'x';
ANALYZE;
VACUUM;
CHECKPOINT;
BEGIN TRANSACTION READ WRITE;
SAVEPOINT mine;
PREPARE TRANSACTION 'mine'

-- Changes inside a common table expression, which DuckDB takes for a SELECT
WITH x AS (INSERT INTO customers VALUES (1) RETURNING *) SELECT * FROM x;
WITH x AS (DELETE FROM customers RETURNING *) SELECT * FROM x;
WITH x AS (UPDATE customers SET name = 'x' RETURNING *) SELECT * FROM x;
WITH x AS (TRUNCATE customers) SELECT 1;
WITH x AS (COPY (SELECT 1) TO '«outside»/copy.csv') SELECT 1;
WITH x AS (COPY customers TO '«outside»/copy.parquet') SELECT * FROM x;
WITH x AS (MERGE INTO customers USING orders ON true WHEN MATCHED THEN DELETE RETURNING *) SELECT * FROM x;
WITH x AS (CREATE TABLE lake.shop.mine AS SELECT 1) SELECT 1;
SELECT * FROM (WITH x AS (COPY (SELECT 1) TO '«outside»/copy.csv') SELECT 1);
SELECT (WITH x AS (COPY (SELECT 1) TO '«outside»/copy.csv') SELECT 1);
SELECT * FROM (INSERT INTO customers VALUES (1) RETURNING *)

-- Writing files
COPY (SELECT 1) TO '«outside»/copy.csv';
COPY (SELECT 1) TO '«outside»/copy.parquet' (FORMAT parquet);
COPY customers TO '«outside»/copy.csv';
COPY customers FROM '«host_csv»';
COPY FROM DATABASE lake TO memory;
EXPORT DATABASE '«outside»/exported';
IMPORT DATABASE '«outside»/exported';
SELECT * FROM write_log('x');
SELECT write_log('x');
EXPLAIN ANALYZE COPY (SELECT 1) TO '«outside»/copy.csv'

-- SELECT forms of other systems that write
SELECT * INTO mine FROM customers;
SELECT * INTO OUTFILE '«outside»/copy.csv' FROM customers;
SELECT * FROM customers FOR UPDATE
