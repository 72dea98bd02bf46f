-- Listings, descriptions and settings that the server answers itself, from what the user may see.
-- !every !ours

-- The standard's listings
SELECT * FROM information_schema.tables;
SELECT * FROM information_schema.columns;
SELECT * FROM information_schema.schemata;
SELECT * FROM information_schema.views;
SELECT * FROM information_schema.table_constraints;
SELECT * FROM information_schema.key_column_usage;
SELECT * FROM information_schema.referential_constraints;
SELECT * FROM information_schema.constraint_column_usage;
SELECT * FROM lake.information_schema.tables;
SELECT * FROM INFORMATION_SCHEMA.TABLES;
SELECT * FROM "information_schema"."tables";
SELECT * FROM "lake" /* a */ . "information_schema" -- b
. columns AS c;
SELECT * FROM __information_schema.main.columns;
SELECT * FROM information_schema.columns WHERE table_schema = 'vault' OR table_name = 'salaries';
SELECT * FROM information_schema.tables t, LATERAL (SELECT * FROM information_schema.columns c WHERE c.table_name = t.table_name);
WITH tables AS (SELECT * FROM information_schema.tables) SELECT * FROM tables;
SELECT (SELECT string_agg(column_name, ',') FROM information_schema.columns);
SELECT max(ordinal_position), count(*) FROM information_schema.columns GROUP BY table_name;
SELECT t FROM information_schema.tables t;
SELECT customers.*, tables.* FROM customers, information_schema.tables

-- SHOW, DESCRIBE and EXPLAIN
SHOW TABLES;
SHOW ALL TABLES;
SHOW DATABASES;
SHOW CATALOGS;
SHOW SCHEMAS;
SHOW TABLES FROM lake;
SHOW TABLES FROM lake.shop LIKE '%';
SHOW TABLES LIKE ''' OR true --';
SHOW COLUMNS FROM customers;
DESCRIBE customers;
DESCRIBE lake.shop.orders;
DESCRIBE information_schema.columns;
DESCRIBE SELECT * FROM customers;
DESCRIBE SELECT *, score FROM customers;
EXPLAIN SELECT * FROM customers;
EXPLAIN SELECT count(*) FROM customers WHERE ssn = 'x';
EXPLAIN SELECT * FROM customers, orders

-- The session
SELECT version(), "version"();
SELECT current_database(), current_catalog(), current_catalog;
SELECT current_schema(), current_schema, current_schemas(true);
SELECT current_user, session_user, user, current_role, current_role(), "user"();
SELECT current_setting('timezone'), current_setting('search_path', true);
SELECT name FROM customers WHERE name = current_user OR region = current_setting('timezone');
SHOW search_path;
SHOW server_version;
SHOW TRANSACTION ISOLATION LEVEL;
BEGIN;
COMMIT;
ROLLBACK;
SET application_name = 'x';
USE lake.shop;
SET TimeZone = 'UTC'
