-- Hidden tables, schemas and catalogs, by every way of naming them.
-- !every !refused

-- Tables
SELECT * FROM salaries;
SELECT * FROM shop.salaries;
SELECT * FROM lake.shop.salaries;
SELECT * FROM LAKE.SHOP.SALARIES;
SELECT * FROM "Lake"."Shop"."Salaries";
SELECT count(*) FROM salaries;
SELECT 1 FROM salaries;
SELECT 1 FROM salaries WHERE false;
SELECT * FROM salaries LIMIT 0;
TABLE salaries;
FROM salaries;
FROM salaries SELECT pay;
SELECT salaries.pay FROM customers;
SELECT lake.shop.salaries.pay FROM customers

-- Schemas
SELECT * FROM vault.secrets;
SELECT * FROM lake.vault.secrets;
SELECT * FROM lake.vault.nothing;
SELECT * FROM "lake.vault".secrets;
SELECT * FROM lake."vault.secrets";
SELECT * FROM lake.vault.deep.secrets;
SELECT * FROM lake.shop.vault.secrets;
SELECT * FROM a.b.c.d.e.f.secrets

-- Catalogs
SELECT * FROM dark.shop.customers;
SELECT * FROM dark.deep.treasure;
SELECT * FROM dark.customers;
SELECT * FROM "dark".shop.customers;
SELECT dark.shop.customers.name FROM customers;
SELECT * FROM customers, dark.shop.customers;
SELECT * FROM lake.dark.shop.customers

-- Databases that DuckDB always has
SELECT * FROM main.customers;
SELECT * FROM temp.customers;
SELECT * FROM temp.main.customers;
SELECT * FROM memory.main.customers;
SELECT * FROM system.main.customers;
SELECT * FROM flight_server_private.main.customers;
SELECT * FROM lake.main.customers;
SELECT * FROM pg_catalog.customers;
SELECT * FROM ''.customers;
SELECT * FROM "".customers;
SELECT * FROM lake..customers

-- Patterns in names
SELECT * FROM lake.shop."%";
SELECT * FROM lake.shop."*";
SELECT * FROM lake.shop."salarie_";
SELECT * FROM lake."%".salaries;
SELECT * FROM "*"."*"."*"
