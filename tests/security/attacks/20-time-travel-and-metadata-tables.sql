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

-- Earlier states of visible tables: no more than what is visible today. !ours
SELECT * FROM orders FOR VERSION AS OF 'first';  -- a column under the name that it had
SELECT * FROM orders AT (VERSION => 'first');  -- the same in the engine's form
SELECT gain FROM orders FOR VERSION AS OF 'first';  -- that column by that name
SELECT margin FROM orders FOR VERSION AS OF 'first';  -- by the name of today
SELECT o FROM orders FOR VERSION AS OF 'first' AS o;  -- a whole row
SELECT COLUMNS('.*') FROM orders FOR VERSION AS OF 'first';  -- by a pattern
SELECT max(gain) FROM orders FOR VERSION AS OF 'first' o JOIN orders USING (order_id);  -- joined with today
SELECT * FROM customers FOR VERSION AS OF 'first';  -- with a row filter and a mask
SELECT * FROM customers AT (VERSION => 'main');  -- the branch of today
SELECT email, name FROM customers FOR VERSION AS OF 'work';  -- a branch
SELECT * FROM customers FOR VERSION AS OF 'first' ANTI JOIN customers USING (id);  -- rows that only one state shows
SELECT count(*) FROM customers FOR VERSION AS OF 'first' WHERE 1 / (id - 9) > 0;  -- an error on a hidden row
SELECT ssn FROM customers FOR VERSION AS OF 'first';  -- a hidden column
SELECT * FROM salaries FOR VERSION AS OF 'first';  -- a hidden table
SELECT * FROM salaries FOR VERSION AS OF 'main';  -- its branch of today
SELECT * FROM lake.vault.secrets AT (VERSION => 'main');  -- in a hidden schema
SELECT * FROM "__version"."[""lake"", ""shop"", ""name 6669727374""]".orders, orders FOR VERSION AS OF 'first';  -- by the name within the engine
DESCRIBE SELECT * FROM orders FOR VERSION AS OF 'first';  -- its columns
EXPLAIN SELECT * FROM orders FOR VERSION AS OF 'first';  -- its plan
SELECT * FROM orders FOR VERSION AS OF 'first' TABLESAMPLE 100%;  -- a sample
FROM customers FOR VERSION AS OF 'first' AS c SELECT c.*;  -- all of an alias
PIVOT orders FOR VERSION AS OF 'first' ON customer_id IN (1, 2) USING max(amount);  -- a pivot

-- Clauses in odd places, and words that look like them
SELECT * FROM customers FOR VERSION AS OF (SELECT max(pay) FROM salaries);  -- an operand that is looked up
SELECT * FROM customers FOR VERSION AS OF 'first' || (SELECT max(v) FROM keys);  -- a name that is put together
SELECT * FROM customers FOR TIMESTAMP AS OF '2020-01-01 00:00:00 ../../etc/passwd';  -- a time zone that is a path
SELECT * FROM customers FOR VERSION AS OF 'first' FROM salaries;  -- a second FROM behind it
SELECT * FROM customers FOR VERSION AS OF 'first', salaries FOR VERSION AS OF 'first';  -- a hidden table beside it
SELECT * FROM salaries/**/FOR/**/VERSION/**/AS/**/OF/**/'first';  -- comments between the words
SELECT * FROM (salaries) FOR VERSION AS OF 'first';  -- brackets
WITH customers AS (FROM salaries) SELECT * FROM customers FOR VERSION AS OF 'first';  -- an expression of that name
SELECT * FROM customers FOR VERSION AS OF 'first' /* /* */ JOIN salaries ON true */ JOIN salaries ON true;  -- a comment within a comment
SELECT * FROM customers FOR VERSION AS OF $$first$$;  -- dollar quotes
SELECT * FROM "salaries' FOR VERSION AS OF 'first";  -- quotes of another kind

-- Metadata tables, where a row filter hides rows. !alone
SELECT * FROM "customers$files";  -- files
SELECT * FROM "customers$manifests";  -- manifests
SELECT * FROM "customers$partitions";  -- partitions
SELECT * FROM lake.shop."customers$files";  -- files, in full
SELECT * FROM lake.shop."CUSTOMERS$FILES";  -- in capitals
SELECT * FROM customers$files FOR VERSION AS OF 'first';  -- of an earlier state
DESCRIBE "customers$files";  -- described

-- Metadata tables
SELECT * FROM "customers$data";  -- data
SELECT * FROM lake.shop.customers.files;  -- as a level
SELECT * FROM lake.shop.customers.snapshots;  -- snapshots as a level
SELECT * FROM lake.shop.customers.all_data_files;  -- all files
SELECT * FROM lake.shop."salaries$files";  -- of a hidden table
SELECT * FROM "salaries$snapshots";  -- its snapshots
SELECT * FROM "salaries$refs";  -- its branches
SELECT * FROM "salaries$files" FOR VERSION AS OF 'main';  -- its files at a state
SELECT * FROM lake.vault."secrets$history";  -- in a hidden schema
SELECT * FROM "customers$snapshots$files";  -- of a metadata table
SELECT * FROM information_schema."tables$files";  -- of a listing
SELECT * FROM iceberg_tables;  -- the catalog's own tables
SELECT * FROM lake.iceberg_tables;  -- the same with the catalog

-- Metadata tables that are told: nothing of what is hidden. !ours
SELECT * FROM "customers$snapshots";  -- snapshots
SELECT * FROM "customers$history";  -- history
SELECT * FROM "customers$refs";  -- branches
SELECT summary FROM "customers$snapshots" WHERE summary['total-records'] = '12';  -- how many rows are hidden
SELECT * EXCLUDE (file_path) FROM "orders$files";  -- statistics of hidden columns
SELECT * EXCLUDE (file_path) FROM "orders$files" FOR VERSION AS OF 'first';  -- under the name that one had
SELECT lower_bounds['margin'], upper_bounds['gain'], null_value_counts['margin'] FROM "orders$files";  -- one by name
SELECT map_keys(lower_bounds), map_values(upper_bounds) FROM "orders$files";  -- all names and values
SELECT file_size_in_bytes, column_sizes FROM "orders$files";  -- sizes of what is hidden
SELECT * EXCLUDE (path) FROM "orders$manifests";  -- manifests
SELECT * FROM "orders$partitions";  -- partitions
SELECT * FROM "orders$snapshots" JOIN "orders$refs" USING (snapshot_id);  -- several of them

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
