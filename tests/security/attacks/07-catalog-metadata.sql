-- What exists: DuckDB's own listings would show policies (as view texts), paths and settings.
-- !every !refused

-- The standard's listings
SELECT * FROM system.information_schema.columns;
SELECT * FROM memory.information_schema.tables;
SELECT * FROM temp.information_schema.tables;
SELECT * FROM dark.information_schema.tables;
SELECT * FROM information_schema.character_sets;
SELECT * FROM system.main.duckdb_views;
SELECT * FROM "information_schema.tables";
SELECT * FROM lake."information_schema.tables";
TABLE information_schema.tables;
SELECT * FROM lake.shop.information_schema.tables

-- DuckDB's functions and views
SELECT * FROM duckdb_tables();
SELECT * FROM duckdb_tables;
SELECT * FROM duckdb_views();
SELECT sql FROM duckdb_views() WHERE NOT internal;
SELECT * FROM duckdb_columns();
SELECT * FROM duckdb_databases();
SELECT * FROM duckdb_schemas();
SELECT * FROM duckdb_constraints();
SELECT * FROM duckdb_indexes();
SELECT * FROM duckdb_functions();
SELECT * FROM duckdb_types();
SELECT * FROM duckdb_extensions();
SELECT * FROM duckdb_secrets();
SELECT * FROM which_secret('s3://x', 's3');
SELECT * FROM duckdb_logs();
SELECT * FROM duckdb_memory();
SELECT * FROM duckdb_temporary_files();
SELECT * FROM duckdb_external_file_cache();
SELECT * FROM duckdb_variables();
SELECT * FROM duckdb_prepared_statements();
SELECT * FROM duckdb_dependencies();
SELECT * FROM duckdb_sequences();
SELECT * FROM duckdb_keywords();
SELECT * FROM duckdb_optimizers();
SELECT * FROM duckdb_connection_count();
SELECT * FROM duckdb_approx_database_count();
SELECT * FROM system.main.duckdb_tables();
SELECT * FROM main.duckdb_columns

-- PostgreSQL's and SQLite's
SELECT * FROM pg_class;
SELECT * FROM pg_catalog.pg_class;
SELECT * FROM pg_tables;
SELECT * FROM pg_views;
SELECT * FROM pg_attribute;
SELECT * FROM pg_namespace;
SELECT * FROM pg_catalog.pg_settings;
SELECT * FROM pg_timezone_names();
SELECT * FROM sqlite_master;
SELECT * FROM sqlite_schema;
SELECT * FROM sqlite_temp_master;
SELECT pg_get_viewdef(1);
SELECT 'salaries'::regclass;
SELECT has_table_privilege('salaries', 'select');
SELECT col_description(1, 1)

-- SHOW and DESCRIBE
SHOW TABLES FROM lake.vault;
SHOW TABLES FROM dark;
SHOW SCHEMAS FROM dark;
SHOW TABLES FROM system.information_schema;
SHOW customers;
SHOW allowed_paths;
SHOW ALL;
SHOW VARIABLES;
DESCRIBE salaries;
DESC lake.shop.salaries;
DESCRIBE SELECT * FROM salaries;
SELECT * FROM (SHOW TABLES);
SELECT * FROM (SHOW ALL TABLES);
SELECT * FROM (DESCRIBE salaries);
SELECT * FROM (SHOW TABLES FROM lake.vault);
FROM (DESCRIBE customers)

-- PRAGMAs as functions
SELECT * FROM pragma_table_info('salaries');
SELECT * FROM pragma_show('salaries');
SELECT * FROM pragma_database_size();
SELECT * FROM pragma_metadata_info();
SELECT * FROM pragma_collations();
SELECT * FROM pragma_platform();
SELECT * FROM pragma_user_agent();
SELECT * FROM pragma_version()
