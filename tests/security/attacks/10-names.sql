-- Hidden tables, schemas and catalogs, by every way of naming them.
-- !every !refused

-- Tables
SELECT * FROM salaries;  -- by its name
SELECT * FROM shop.salaries;  -- with the schema
SELECT * FROM lake.shop.salaries;  -- with the catalog
SELECT * FROM LAKE.SHOP.SALARIES;  -- in capitals
SELECT * FROM "Lake"."Shop"."Salaries";  -- quoted, mixed case
SELECT count(*) FROM salaries;  -- counted
SELECT 1 FROM salaries;  -- a constant for each row
SELECT 1 FROM salaries WHERE false;  -- no row at all
SELECT * FROM salaries LIMIT 0;  -- a limit of none
TABLE salaries;  -- as TABLE
FROM salaries;  -- FROM alone
FROM salaries SELECT pay;  -- FROM first
SELECT salaries.pay FROM customers;  -- as a qualifier
SELECT lake.shop.salaries.pay FROM customers;  -- as a full qualifier

-- Schemas
SELECT * FROM vault.secrets;  -- from the default catalog
SELECT * FROM lake.vault.secrets;  -- in full
SELECT * FROM lake.vault.nothing;  -- another table of it
SELECT * FROM "lake.vault".secrets;  -- a dot in quotes
SELECT * FROM lake."vault.secrets";  -- the same on the other side
SELECT * FROM lake.vault.deep.secrets;  -- a level too many
SELECT * FROM lake.shop.vault.secrets;  -- a level between
SELECT * FROM a.b.c.d.e.f.secrets;  -- very many levels

-- Catalogs
SELECT * FROM dark.shop.customers;  -- the visible table's namesake
SELECT * FROM dark.deep.treasure;  -- another schema
SELECT * FROM dark.customers;  -- without a schema
SELECT * FROM "dark".shop.customers;  -- in quotes
SELECT dark.shop.customers.name FROM customers;  -- as a qualifier
SELECT * FROM customers, dark.shop.customers;  -- beside the visible one
SELECT * FROM lake.dark.shop.customers;  -- below the visible catalog

-- Databases that DuckDB always has
SELECT * FROM main.customers;  -- the default schema
SELECT * FROM temp.customers;  -- the temporary one
SELECT * FROM temp.main.customers;  -- the temporary one in full
SELECT * FROM memory.main.customers;  -- memory
SELECT * FROM system.main.customers;  -- the engine's own
SELECT * FROM flight_server_private.main.customers;  -- one of the server's
SELECT * FROM lake.main.customers;  -- its default schema in the lake
SELECT * FROM pg_catalog.customers;  -- PostgreSQL's
SELECT * FROM ''.customers;  -- an empty name as text
SELECT * FROM "".customers;  -- an empty name in quotes
SELECT * FROM lake..customers;  -- a name left out

-- Patterns in names
SELECT * FROM lake.shop."%";  -- a percent sign
SELECT * FROM lake.shop."*";  -- a star
SELECT * FROM lake.shop."salarie_";  -- an underscore
SELECT * FROM lake."%".salaries;  -- a percent sign for the schema
SELECT * FROM "*"."*"."*";  -- stars for everything
