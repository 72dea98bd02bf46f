-- Listings, descriptions and settings that the server answers itself, from what the user may see.
-- !every !ours

-- The standard's listings
SELECT * FROM information_schema.tables;  -- tables
SELECT * FROM information_schema.columns;  -- columns
SELECT * FROM information_schema.schemata;  -- schemas
SELECT * FROM information_schema.views;  -- views
SELECT * FROM information_schema.table_constraints;  -- constraints
SELECT * FROM information_schema.key_column_usage;  -- columns of keys
SELECT * FROM information_schema.referential_constraints;  -- references
SELECT * FROM information_schema.constraint_column_usage;  -- columns that are referred to
SELECT * FROM lake.information_schema.tables;  -- of one catalog
SELECT * FROM INFORMATION_SCHEMA.TABLES;  -- in capitals
SELECT * FROM "information_schema"."tables";  -- in quotes
SELECT * FROM "lake" /* a */ . "information_schema" -- b
. columns AS c;  -- with comments between
SELECT * FROM __information_schema.main.columns;  -- where the engine keeps them
SELECT * FROM information_schema.columns WHERE table_schema = 'vault' OR table_name = 'salaries';  -- asking for hidden names
SELECT * FROM information_schema.tables t, LATERAL (SELECT * FROM information_schema.columns c WHERE c.table_name = t.table_name);  -- joined with each other
WITH tables AS (SELECT * FROM information_schema.tables) SELECT * FROM tables;  -- under a name of its own
SELECT (SELECT string_agg(column_name, ',') FROM information_schema.columns);  -- as a value
SELECT max(ordinal_position), count(*) FROM information_schema.columns GROUP BY table_name;  -- grouped
SELECT t FROM information_schema.tables t;  -- as rows
SELECT customers.*, tables.* FROM customers, information_schema.tables;  -- beside a visible table

-- SHOW, DESCRIBE and EXPLAIN
SHOW TABLES;  -- tables
SHOW ALL TABLES;  -- tables of all catalogs
SHOW DATABASES;  -- catalogs
SHOW CATALOGS;  -- catalogs by the other word
SHOW SCHEMAS;  -- schemas
SHOW TABLES FROM lake;  -- of a catalog
SHOW TABLES FROM lake.shop LIKE '%';  -- of a schema, by a pattern
SHOW TABLES LIKE ''' OR true --';  -- a pattern that breaks out
SHOW COLUMNS FROM customers;  -- columns
DESCRIBE customers;  -- a table
DESCRIBE lake.shop.orders;  -- a table in full
DESCRIBE information_schema.columns;  -- a listing
DESCRIBE SELECT * FROM customers;  -- a query
DESCRIBE SELECT *, score FROM customers;  -- a query with a hidden column
EXPLAIN SELECT * FROM customers;  -- a plan
EXPLAIN SELECT count(*) FROM customers WHERE ssn = 'x';  -- a plan with a hidden column
EXPLAIN SELECT * FROM customers, orders;  -- a plan of two tables

-- The session
SELECT version(), "version"();  -- the version
SELECT current_database(), current_catalog(), current_catalog;  -- the catalog
SELECT current_schema(), current_schema, current_schemas(true);  -- the schema
SELECT current_user, session_user, user, current_role, current_role(), "user"();  -- the user
SELECT current_setting('timezone'), current_setting('search_path', true);  -- settings
SELECT name FROM customers WHERE name = current_user OR region = current_setting('timezone');  -- in a condition
SHOW search_path;  -- a setting
SHOW server_version;  -- the server's version
SHOW TRANSACTION ISOLATION LEVEL;  -- the isolation
BEGIN;  -- a transaction
COMMIT;  -- its end
ROLLBACK;  -- its undoing
SET application_name = 'x';  -- a driver's own setting
USE lake.shop;  -- the schema
SET TimeZone = 'UTC';  -- the zone
