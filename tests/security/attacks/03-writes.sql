-- Changing anything. Nothing but SELECT is let through, wherever the change hides.
-- !every !refused

-- Plain statements
INSERT INTO customers VALUES (1);  -- add a row
UPDATE customers SET name = 'x';  -- change all rows
DELETE FROM customers;  -- remove all rows
TRUNCATE customers;  -- empty the table
MERGE INTO customers USING orders ON true WHEN MATCHED THEN DELETE;  -- remove by a join
CREATE TABLE lake.shop.mine AS SELECT * FROM customers;  -- make a table of what is visible
CREATE TEMP TABLE customers AS SELECT 1;  -- cover a table by a temporary one
CREATE OR REPLACE VIEW lake.shop.customers AS SELECT 1;  -- exchange the view that narrows the table
CREATE SCHEMA lake.mine;  -- make a schema
CREATE TYPE mine AS ENUM ('a');  -- make a type
CREATE SEQUENCE mine;  -- make a sequence
CREATE INDEX mine ON customers (id);  -- make an index
CREATE SECRET (TYPE s3, KEY_ID 'x', SECRET 'y');  -- make a secret
DROP TABLE customers;  -- drop a table
DROP VIEW lake.shop.customers;  -- drop the view that narrows it
ALTER VIEW customers RENAME TO mine;  -- rename it
COMMENT ON TABLE customers IS 'x';  -- describe it
ANALYZE;  -- have statistics made
VACUUM;  -- have it tidied
CHECKPOINT;  -- have it written out
BEGIN TRANSACTION READ WRITE;  -- open a transaction that writes
SAVEPOINT mine;  -- mark a point to go back to
PREPARE TRANSACTION 'mine';  -- prepare a transaction in two phases

-- Changes inside a common table expression, which DuckDB takes for a SELECT
WITH x AS (INSERT INTO customers VALUES (1) RETURNING *) SELECT * FROM x;  -- add and give back
WITH x AS (DELETE FROM customers RETURNING *) SELECT * FROM x;  -- remove and give back
WITH x AS (UPDATE customers SET name = 'x' RETURNING *) SELECT * FROM x;  -- change and give back
WITH x AS (TRUNCATE customers) SELECT 1;  -- empty
WITH x AS (COPY (SELECT 1) TO '«outside»/copy.csv') SELECT 1;  -- write a file
WITH x AS (COPY customers TO '«outside»/copy.parquet') SELECT * FROM x;  -- write a table to a file
WITH x AS (MERGE INTO customers USING orders ON true WHEN MATCHED THEN DELETE RETURNING *) SELECT * FROM x;  -- merge and give back
WITH x AS (CREATE TABLE lake.shop.mine AS SELECT 1) SELECT 1;  -- make a table
SELECT * FROM (WITH x AS (COPY (SELECT 1) TO '«outside»/copy.csv') SELECT 1);  -- within a subquery of FROM
SELECT (WITH x AS (COPY (SELECT 1) TO '«outside»/copy.csv') SELECT 1);  -- within a scalar subquery
SELECT * FROM (INSERT INTO customers VALUES (1) RETURNING *);  -- a change in place of a table

-- Writing files
COPY (SELECT 1) TO '«outside»/copy.csv';  -- a constant to CSV
COPY (SELECT 1) TO '«outside»/copy.parquet' (FORMAT parquet);  -- a constant to Parquet
COPY customers TO '«outside»/copy.csv';  -- a table to CSV
COPY customers FROM '«host_csv»';  -- a file into a table
COPY FROM DATABASE lake TO memory;  -- one database into another
EXPORT DATABASE '«outside»/exported';  -- a whole database
IMPORT DATABASE '«outside»/exported';  -- the same back
SELECT * FROM write_log('x');  -- write to the log as a table
SELECT write_log('x');  -- write to the log as a function
EXPLAIN ANALYZE COPY (SELECT 1) TO '«outside»/copy.csv';  -- write while it is explained

-- SELECT forms of other systems that write
SELECT * INTO mine FROM customers;  -- into a new table
SELECT * INTO OUTFILE '«outside»/copy.csv' FROM customers;  -- into a file, as MySQL does
SELECT * FROM customers FOR UPDATE;  -- with a lock on the rows
