-- Earlier states and the tables that Iceberg, Athena and others keep about tables.
-- !every !refused

-- Earlier snapshots, from before a policy or the dropping of a column
SELECT * FROM customers AT (VERSION => 1);  -- by number
SELECT * FROM customers AT (TIMESTAMP => now());  -- by now
SELECT * FROM customers AT (TIMESTAMP => TIMESTAMP '2020-01-01');  -- by a moment
SELECT * FROM customers AT (VERSION => (SELECT max(pay) FROM salaries));  -- by a number that is looked up
SELECT * FROM customers FOR VERSION AS OF 1;  -- Spark's form by number
SELECT * FROM customers FOR TIMESTAMP AS OF TIMESTAMP '2020-01-01';  -- its form by moment
SELECT * FROM customers FOR SYSTEM_TIME AS OF now();  -- the standard's form
SELECT * FROM customers VERSION AS OF 1;  -- without FOR
SELECT * FROM (SELECT * FROM customers AT (VERSION => 1));  -- in a subquery
SELECT * FROM customers JOIN orders AT (VERSION => 1) ON true;  -- in a join
SELECT * FROM "customers@1";  -- in the name
SELECT * FROM customers.branch_main;  -- a branch as a level
SELECT * FROM lake.shop.customers.snapshot_id_1;  -- a snapshot as a level

-- Metadata tables
SELECT * FROM "customers$snapshots";  -- snapshots
SELECT * FROM "customers$files";  -- files
SELECT * FROM "customers$manifests";  -- manifests
SELECT * FROM "customers$partitions";  -- partitions
SELECT * FROM "customers$history";  -- history
SELECT * FROM "customers$refs";  -- branches
SELECT * FROM "customers$data";  -- data
SELECT * FROM lake.shop."customers$files";  -- files, in full
SELECT * FROM lake.shop."CUSTOMERS$FILES";  -- in capitals
SELECT * FROM lake.shop.customers.files;  -- as a level
SELECT * FROM lake.shop.customers.snapshots;  -- snapshots as a level
SELECT * FROM lake.shop.customers.all_data_files;  -- all files
SELECT * FROM lake.shop."salaries$files";  -- of a hidden table
SELECT * FROM "salaries$snapshots";  -- its snapshots
SELECT * FROM iceberg_tables;  -- the catalog's own tables
SELECT * FROM lake.iceberg_tables;  -- the same with the catalog

-- Athena's and Trino's
SELECT * FROM TABLE(system.query('SELECT 1'));  -- a query that is passed on
SELECT * FROM TABLE(lake.system.query(query => 'SELECT 1'));  -- one with a named argument
UNLOAD (SELECT * FROM customers) TO 's3://bucket/' WITH (format = 'PARQUET');  -- to files of its own
USING EXTERNAL FUNCTION f(x VARCHAR) RETURNS VARCHAR LAMBDA 'x' SELECT f(name) FROM customers;  -- a function of its own
SELECT * FROM system.runtime.queries;  -- what runs
SELECT * FROM system.metadata.catalogs;  -- what exists
SELECT * FROM "customers$path";  -- paths

-- The server's own
SELECT * FROM system.queries;  -- statements of all users
SELECT * FROM system.audit;  -- the record of all users
SELECT * FROM flight_server.main.policy;  -- the policy
