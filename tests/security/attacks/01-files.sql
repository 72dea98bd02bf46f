-- Reading files that are not tables. All of it is refused: no table function takes a path.
-- !every !refused

-- A data file of a visible table, with the columns and rows that the policy hides
SELECT * FROM read_parquet('«file»');  -- by the function for Parquet
SELECT * FROM parquet_scan('«file»');  -- by its other name
SELECT * FROM '«file»';  -- by its path as a text
SELECT * FROM "«file»";  -- by its path as a quoted name
FROM '«file»';  -- by its path, FROM first
SELECT ssn FROM read_parquet(['«file»']);  -- by a list of paths, the hidden column alone
SELECT * FROM read_parquet('«file»', filename = true, file_row_number = true);  -- with pseudo columns of the file
SELECT * FROM customers UNION BY NAME SELECT * FROM '«file»';  -- joined to what is visible

-- A data file of a hidden table
SELECT * FROM read_parquet('«hidden_file»');  -- by the function for Parquet
SELECT * FROM '«hidden_file»';  -- by its path as a text
SELECT * FROM lake.shop.'«hidden_file»';  -- by its path as a table of the schema
SELECT * FROM read_parquet('«warehouse»/**/*.parquet');  -- all files of the warehouse by a pattern
SELECT * FROM '«warehouse»/**/*.parquet';  -- the same pattern as a text

-- A path that leads to the file by detours
SELECT * FROM 'file://«file»';  -- as a URL
SELECT * FROM 'file:«file»';  -- as a URL without slashes
SELECT * FROM '/./«file»';  -- with a dot in front
SELECT * FROM '//«file»';  -- with two slashes in front
SELECT * FROM '«file»/../«file»';  -- up and down again
SELECT * FROM '/proc/self/root«file»';  -- through the root of the process
SELECT * FROM '/proc/self/fd/0';  -- through an open descriptor
SELECT * FROM read_blob('/proc/self/fd/3');  -- through another, as bytes

-- Files of the machine
SELECT * FROM read_text('/etc/passwd');  -- as text
SELECT * FROM read_blob('/etc/passwd');  -- as bytes
SELECT * FROM read_csv('/etc/passwd', header = false, delim = ':');  -- as CSV with a delimiter
SELECT * FROM read_csv_auto('/etc/hostname');  -- as CSV of any kind
SELECT * FROM '/etc/passwd';  -- by its path alone
SELECT * FROM read_text('«host_text»');  -- a file beside the warehouse, as text
SELECT * FROM '«host_csv»';  -- by its path alone
SELECT * FROM read_csv('«host_csv»');  -- as CSV
SELECT * FROM sniff_csv('«host_csv»');  -- by the function that guesses its form
SELECT * FROM read_json('«host_json»');  -- as JSON
SELECT * FROM read_json_auto('«host_json»');  -- as JSON of any kind
SELECT * FROM read_json_objects('«host_json»');  -- as JSON objects
SELECT * FROM read_ndjson('«host_json»');  -- as JSON lines
SELECT * FROM read_ndjson_objects('«host_json»');  -- as JSON lines of objects
SELECT * FROM '«host_json»';  -- by its path alone
SELECT * FROM read_text('/proc/self/environ');  -- the environment of the process
SELECT * FROM read_text('/proc/self/maps');  -- its map of memory
SELECT * FROM read_text('/proc/self/cmdline');  -- its arguments

-- Names of files
SELECT * FROM glob('/etc/*');  -- a directory of the machine
SELECT * FROM glob('«warehouse»/**');  -- the warehouse, all levels
SELECT * FROM glob('~/*');  -- the home directory

-- Databases as files
SELECT * FROM read_duckdb('«host_text»');  -- as a DuckDB database
SELECT * FROM '«host_text».duckdb';  -- by an ending that means one
SELECT * FROM sqlite_scan('«catalog_db»', 'iceberg_tables');  -- as an SQLite database, the catalog's own
SELECT * FROM '«catalog_db»';  -- the catalog's own by its path

-- The table's own metadata, with bounds of hidden columns and paths of files
SELECT * FROM read_json('«metadata»');  -- as JSON
SELECT * FROM read_text('«metadata»');  -- as text
SELECT * FROM iceberg_scan('«metadata»');  -- as an Iceberg table
SELECT * FROM iceberg_metadata('«metadata»');  -- the list of its manifests
SELECT * FROM iceberg_snapshots('«metadata»');  -- the list of its snapshots
SELECT * FROM read_avro('«warehouse»/shop/customers/metadata/*.avro');  -- its manifests as Avro

-- A path that comes from a subquery, so that no literal shows
SELECT * FROM read_parquet((SELECT '«file»'));  -- a path that is looked up
SELECT * FROM read_text((SELECT max(name) FROM customers));  -- a path that is a value of a row
SELECT (SELECT content FROM read_text('/etc/passwd'));  -- within a scalar subquery
SELECT * FROM customers WHERE name IN (SELECT content FROM read_text('/etc/passwd'));  -- within a condition
SELECT * FROM customers, LATERAL (SELECT * FROM read_text(customers.name));  -- a path for each row

-- Functions that open files although they are not table functions
SELECT read_text('/etc/passwd');  -- as a scalar function
SELECT read_blob('/etc/passwd');  -- as a scalar function of bytes
SELECT * FROM customers ORDER BY (SELECT max(file) FROM glob('/etc/*'));  -- names of files as an order

-- A bracketed list of paths in FROM
SELECT * FROM ['«file»', '«hidden_file»'];  -- two paths in brackets

-- Paths with escapes
SELECT * FROM '/etc/%2e%2e/etc/passwd';  -- dots as percent codes
SELECT * FROM read_text('file:///%65tc/passwd');  -- a letter as a percent code
SELECT * FROM '\etc\passwd';  -- backslashes
SELECT * FROM read_text(e'\x2fetc\x2fpasswd');  -- slashes as escapes of the string
SELECT * FROM '/etc/pass' 'wd';  -- two strings side by side
SELECT * FROM 'FILE:///etc/passwd';  -- the scheme in capitals
