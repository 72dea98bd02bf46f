-- Changing the engine's settings, loading code, attaching databases, reaching the network.
-- !every !refused

-- Settings
SET enable_external_access = true;  -- allow files and network
SET lock_configuration = false;  -- unlock the settings
RESET lock_configuration;  -- set the lock back
SET allowed_paths = ['/etc/passwd'];  -- add an allowed path
SET search_path = 'dark';  -- search in a hidden catalog
SET schema = 'lake.vault';  -- search in a hidden schema
SET VARIABLE x = (SELECT max(ssn) FROM customers);  -- keep a value for later
SET GLOBAL memory_limit = '1TB';  -- more memory, for all
SET threads = 64;  -- more threads
USE dark;  -- change to a hidden catalog
USE lake.vault;  -- change to a hidden schema
PRAGMA enable_verification;  -- the engine's own checks
PRAGMA disable_optimizer;  -- no optimizer, which changes what runs first
PRAGMA enable_profiling;  -- profiles of statements
PRAGMA database_list;  -- the list of databases
PRAGMA show_tables;  -- the list of tables
PRAGMA table_info('customers');  -- a table's columns
PRAGMA storage_info('customers');  -- a table's storage
PRAGMA add_parquet_key('k', '0123456789112345');  -- a key to decrypt files with
PRAGMA version;  -- the engine's version
CALL enable_logging();  -- logs of all statements
CALL enable_profiling();  -- profiles by a call
CALL truncate_duckdb_logs();  -- empty the logs
CALL pragma_table_info('customers');  -- columns by a call

-- Reading settings and variables
SELECT current_setting('allowed_paths');  -- the planned files
SELECT current_setting('temp_directory');  -- the spill folder
SELECT getvariable('x');  -- a variable
SELECT getenv('PATH');  -- the environment
SELECT * FROM duckdb_settings();  -- all settings

-- Code
INSTALL httpfs;  -- install an extension
LOAD httpfs;  -- load it
LOAD '«outside»/mine.duckdb_extension';  -- load one from a file
FORCE INSTALL spatial FROM community;  -- install one of a community
UPDATE EXTENSIONS;  -- update all
LOAD json;  -- load one that is built in

-- Databases
ATTACH ':memory:' AS mine;  -- in memory
ATTACH '«catalog_db»' AS mine;  -- the catalog's own
ATTACH '«catalog_db»' AS mine (TYPE sqlite);  -- the catalog's own, by its type
ATTACH 'http://127.0.0.1:«port»/x.duckdb' AS mine;  -- over the network
DETACH lake;  -- take the lake away
CONNECT 'quack:127.0.0.1:«port»';  -- reach another server

-- The network
SELECT * FROM 'http://127.0.0.1:«port»/x.parquet';  -- Parquet by HTTP
SELECT * FROM read_csv('http://127.0.0.1:«port»/x.csv');  -- CSV by HTTP
SELECT * FROM read_parquet('s3://bucket/x.parquet');  -- Parquet on S3
SELECT * FROM 'https://127.0.0.1:«port»/x.json';  -- JSON by HTTPS
SELECT * FROM postgres_scan('host=127.0.0.1 port=«port»', 'public', 't');  -- PostgreSQL
SELECT * FROM mysql_scan('host=127.0.0.1 port=«port»', 'public', 't');  -- MySQL
SELECT * FROM delta_scan('http://127.0.0.1:«port»/x');  -- a Delta table
SELECT * FROM iceberg_scan('http://127.0.0.1:«port»/x');  -- an Iceberg table
SELECT http_get('http://127.0.0.1:«port»/');  -- a function for HTTP
SELECT * FROM load_aws_credentials();  -- credentials of the machine

-- Memory of the process
SELECT * FROM arrow_scan(1, 2, 3);  -- Arrow at an address
SELECT * FROM pandas_scan(0);  -- a data frame at an address
SELECT * FROM python_map_function(0);  -- a Python function at an address
SELECT * FROM arrow_scan_dumb(0, 0, 0);  -- Arrow at an address, by its other name

-- Python variables of the server, by replacement scans
SELECT * FROM connection;  -- a usual name
SELECT * FROM setup;  -- the engine's own
SELECT * FROM "self";  -- the object of a method
SELECT * FROM text;  -- a variable with the statement

-- Settings that write files, or share what others do
CALL enable_logging(storage = 'file', storage_path = '«outside»');  -- logs to files
PRAGMA enable_profiling = 'json';  -- profiles as JSON
PRAGMA profiling_output = '«outside»/profile.json';  -- profiles to a file
SET log_query_path = '«outside»/queries.log';  -- statements to a file
SET temp_directory = '«outside»';  -- spill to another folder
SET extension_directory = '«outside»';  -- extensions from another folder
SET secret_directory = '«outside»';  -- secrets from another folder
SET SESSION search_path = 'dark.shop';  -- a hidden schema for this session
CALL disable_logging();  -- no logs
CALL force_checkpoint();  -- write everything out
SELECT * FROM enable_profiling();  -- profiles, in FROM
SELECT * FROM enable_logging(storage := 'file');  -- logs, in FROM
