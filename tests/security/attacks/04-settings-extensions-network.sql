-- Changing the engine's settings, loading code, attaching databases, reaching the network.
-- !every !refused

-- Settings
SET enable_external_access = true;
SET lock_configuration = false;
RESET lock_configuration;
SET allowed_paths = ['/etc/passwd'];
SET search_path = 'dark';
SET schema = 'lake.vault';
SET VARIABLE x = (SELECT max(ssn) FROM customers);
SET GLOBAL memory_limit = '1TB';
SET threads = 64;
USE dark;
USE lake.vault;
PRAGMA enable_verification;
PRAGMA disable_optimizer;
PRAGMA enable_profiling;
PRAGMA database_list;
PRAGMA show_tables;
PRAGMA table_info('customers');
PRAGMA storage_info('customers');
PRAGMA add_parquet_key('k', '0123456789112345');
PRAGMA version;
CALL enable_logging();
CALL enable_profiling();
CALL truncate_duckdb_logs();
CALL pragma_table_info('customers')

-- Reading settings and variables
SELECT current_setting('allowed_paths');
SELECT current_setting('temp_directory');
SELECT getvariable('x');
SELECT getenv('PATH');
SELECT * FROM duckdb_settings()

-- Code
INSTALL httpfs;
LOAD httpfs;
LOAD '«outside»/mine.duckdb_extension';
FORCE INSTALL spatial FROM community;
UPDATE EXTENSIONS;
LOAD json

-- Databases
ATTACH ':memory:' AS mine;
ATTACH '«catalog_db»' AS mine;
ATTACH '«catalog_db»' AS mine (TYPE sqlite);
ATTACH 'http://127.0.0.1:«port»/x.duckdb' AS mine;
DETACH lake;
CONNECT 'quack:127.0.0.1:«port»'

-- The network
SELECT * FROM 'http://127.0.0.1:«port»/x.parquet';
SELECT * FROM read_csv('http://127.0.0.1:«port»/x.csv');
SELECT * FROM read_parquet('s3://bucket/x.parquet');
SELECT * FROM 'https://127.0.0.1:«port»/x.json';
SELECT * FROM postgres_scan('host=127.0.0.1 port=«port»', 'public', 't');
SELECT * FROM mysql_scan('host=127.0.0.1 port=«port»', 'public', 't');
SELECT * FROM delta_scan('http://127.0.0.1:«port»/x');
SELECT * FROM iceberg_scan('http://127.0.0.1:«port»/x');
SELECT http_get('http://127.0.0.1:«port»/');
SELECT * FROM load_aws_credentials()

-- Memory of the process
SELECT * FROM arrow_scan(1, 2, 3);
SELECT * FROM pandas_scan(0);
SELECT * FROM python_map_function(0);
SELECT * FROM arrow_scan_dumb(0, 0, 0)

-- Python variables of the server, by replacement scans
SELECT * FROM connection;
SELECT * FROM setup;
SELECT * FROM "self";
SELECT * FROM text
