-- What exists: DuckDB's own listings would show policies (as view texts), paths and settings.
-- !every !refused

-- The standard's listings
SELECT * FROM system.information_schema.columns;  -- of the engine's own catalog
SELECT * FROM memory.information_schema.tables;  -- of the catalog in memory
SELECT * FROM temp.information_schema.tables;  -- of the temporary catalog
SELECT * FROM dark.information_schema.tables;  -- of a hidden catalog
SELECT * FROM information_schema.character_sets;  -- one that is not served
SELECT * FROM system.main.duckdb_views;  -- the engine's views, which hold policy texts
SELECT * FROM "information_schema.tables";  -- the schema and table as one name
SELECT * FROM lake."information_schema.tables";  -- the same below a catalog
TABLE information_schema.tables;  -- as TABLE
SELECT * FROM lake.shop.information_schema.tables;  -- below a schema

-- DuckDB's functions and views
SELECT * FROM duckdb_tables();  -- all tables
SELECT * FROM duckdb_tables;  -- all tables, as a view
SELECT * FROM duckdb_views();  -- all views
SELECT sql FROM duckdb_views() WHERE NOT internal;  -- the texts of views
SELECT * FROM duckdb_columns();  -- all columns
SELECT * FROM duckdb_databases();  -- all databases
SELECT * FROM duckdb_schemas();  -- all schemas
SELECT * FROM duckdb_constraints();  -- all constraints
SELECT * FROM duckdb_indexes();  -- all indexes
SELECT * FROM duckdb_functions();  -- all functions
SELECT * FROM duckdb_types();  -- all types
SELECT * FROM duckdb_extensions();  -- all extensions
SELECT * FROM duckdb_secrets();  -- all secrets
SELECT * FROM which_secret('s3://x', 's3');  -- which secret would be used
SELECT * FROM duckdb_logs();  -- the logs
SELECT * FROM duckdb_memory();  -- the memory in use
SELECT * FROM duckdb_temporary_files();  -- files that were spilled
SELECT * FROM duckdb_external_file_cache();  -- files that are kept
SELECT * FROM duckdb_variables();  -- variables
SELECT * FROM duckdb_prepared_statements();  -- prepared statements
SELECT * FROM duckdb_dependencies();  -- dependencies
SELECT * FROM duckdb_sequences();  -- sequences
SELECT * FROM duckdb_keywords();  -- keywords
SELECT * FROM duckdb_optimizers();  -- optimizers
SELECT * FROM duckdb_connection_count();  -- how many are connected
SELECT * FROM duckdb_approx_database_count();  -- how many databases there are
SELECT * FROM system.main.duckdb_tables();  -- qualified
SELECT * FROM main.duckdb_columns;  -- in the default schema

-- PostgreSQL's and SQLite's
SELECT * FROM pg_class;  -- classes
SELECT * FROM pg_catalog.pg_class;  -- classes, qualified
SELECT * FROM pg_tables;  -- tables
SELECT * FROM pg_views;  -- views
SELECT * FROM pg_attribute;  -- columns
SELECT * FROM pg_namespace;  -- namespaces
SELECT * FROM pg_catalog.pg_settings;  -- settings
SELECT * FROM pg_timezone_names();  -- time zones
SELECT * FROM sqlite_master;  -- SQLite's list
SELECT * FROM sqlite_schema;  -- its newer name
SELECT * FROM sqlite_temp_master;  -- its temporary one
SELECT pg_get_viewdef(1);  -- the text of a view
SELECT 'salaries'::regclass;  -- a name that is resolved
SELECT has_table_privilege('salaries', 'select');  -- a right that is asked for
SELECT col_description(1, 1);  -- a description

-- SHOW and DESCRIBE
SHOW TABLES FROM lake.vault;  -- tables of a hidden schema
SHOW TABLES FROM dark;  -- tables of a hidden catalog
SHOW SCHEMAS FROM dark;  -- schemas of a hidden catalog
SHOW TABLES FROM system.information_schema;  -- tables of the engine
SHOW customers;  -- a table as if it were a setting
SHOW allowed_paths;  -- the planned files as if they were a setting
SHOW ALL;  -- all settings
SHOW VARIABLES;  -- variables
DESCRIBE salaries;  -- a hidden table
DESC lake.shop.salaries;  -- a hidden table, short
DESCRIBE SELECT * FROM salaries;  -- a SELECT from one
SELECT * FROM (SHOW TABLES);  -- tables, in FROM
SELECT * FROM (SHOW ALL TABLES);  -- all tables, in FROM
SELECT * FROM (DESCRIBE salaries);  -- a hidden table, in FROM
SELECT * FROM (SHOW TABLES FROM lake.vault);  -- a hidden schema, in FROM
FROM (DESCRIBE customers);  -- a visible table, in FROM

-- PRAGMAs as functions
SELECT * FROM pragma_table_info('salaries');  -- columns
SELECT * FROM pragma_show('salaries');  -- the same by another name
SELECT * FROM pragma_database_size();  -- sizes
SELECT * FROM pragma_metadata_info();  -- blocks
SELECT * FROM pragma_collations();  -- collations
SELECT * FROM pragma_platform();  -- the platform
SELECT * FROM pragma_user_agent();  -- the client
SELECT * FROM pragma_version();  -- the version
