-- Earlier states and the tables that Iceberg, Athena and others keep about tables.
-- !every !refused

-- Earlier snapshots, from before a policy or the dropping of a column
SELECT * FROM customers AT (VERSION => 1);
SELECT * FROM customers AT (TIMESTAMP => now());
SELECT * FROM customers AT (TIMESTAMP => TIMESTAMP '2020-01-01');
SELECT * FROM customers AT (VERSION => (SELECT max(pay) FROM salaries));
SELECT * FROM customers FOR VERSION AS OF 1;
SELECT * FROM customers FOR TIMESTAMP AS OF TIMESTAMP '2020-01-01';
SELECT * FROM customers FOR SYSTEM_TIME AS OF now();
SELECT * FROM customers VERSION AS OF 1;
SELECT * FROM (SELECT * FROM customers AT (VERSION => 1));
SELECT * FROM customers JOIN orders AT (VERSION => 1) ON true;
SELECT * FROM "customers@1";
SELECT * FROM customers.branch_main;
SELECT * FROM lake.shop.customers.snapshot_id_1

-- Metadata tables
SELECT * FROM "customers$snapshots";
SELECT * FROM "customers$files";
SELECT * FROM "customers$manifests";
SELECT * FROM "customers$partitions";
SELECT * FROM "customers$history";
SELECT * FROM "customers$refs";
SELECT * FROM "customers$data";
SELECT * FROM lake.shop."customers$files";
SELECT * FROM lake.shop."CUSTOMERS$FILES";
SELECT * FROM lake.shop.customers.files;
SELECT * FROM lake.shop.customers.snapshots;
SELECT * FROM lake.shop.customers.all_data_files;
SELECT * FROM lake.shop."salaries$files";
SELECT * FROM "salaries$snapshots";
SELECT * FROM iceberg_tables;
SELECT * FROM lake.iceberg_tables

-- Athena's and Trino's
SELECT * FROM TABLE(system.query('SELECT 1'));
SELECT * FROM TABLE(lake.system.query(query => 'SELECT 1'));
UNLOAD (SELECT * FROM customers) TO 's3://bucket/' WITH (format = 'PARQUET');
USING EXTERNAL FUNCTION f(x VARCHAR) RETURNS VARCHAR LAMBDA 'x' SELECT f(name) FROM customers;
SELECT * FROM system.runtime.queries;
SELECT * FROM system.metadata.catalogs;
SELECT * FROM "customers$path"

-- The server's own
SELECT * FROM system.queries;
SELECT * FROM system.audit;
SELECT * FROM flight_server.main.policy
