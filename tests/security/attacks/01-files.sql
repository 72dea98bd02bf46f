-- Reading files that are not tables. All of it is refused: no table function takes a path.
-- !every !refused

-- A data file of a visible table, with the columns and rows that the policy hides
SELECT * FROM read_parquet('«file»');
SELECT * FROM parquet_scan('«file»');
SELECT * FROM '«file»';
SELECT * FROM "«file»";
FROM '«file»';
SELECT ssn FROM read_parquet(['«file»']);
SELECT * FROM read_parquet('«file»', filename = true, file_row_number = true);
SELECT * FROM customers UNION BY NAME SELECT * FROM '«file»'

-- A data file of a hidden table
SELECT * FROM read_parquet('«hidden_file»');
SELECT * FROM '«hidden_file»';
SELECT * FROM lake.shop.'«hidden_file»';
SELECT * FROM read_parquet('«warehouse»/**/*.parquet');
SELECT * FROM '«warehouse»/**/*.parquet'

-- A path that leads to the file by detours
SELECT * FROM 'file://«file»';
SELECT * FROM 'file:«file»';
SELECT * FROM '/./«file»';
SELECT * FROM '//«file»';
SELECT * FROM '«file»/../«file»';
SELECT * FROM '/proc/self/root«file»';
SELECT * FROM '/proc/self/fd/0';
SELECT * FROM read_blob('/proc/self/fd/3')

-- Files of the machine
SELECT * FROM read_text('/etc/passwd');
SELECT * FROM read_blob('/etc/passwd');
SELECT * FROM read_csv('/etc/passwd', header = false, delim = ':');
SELECT * FROM read_csv_auto('/etc/hostname');
SELECT * FROM '/etc/passwd';
SELECT * FROM read_text('«host_text»');
SELECT * FROM '«host_csv»';
SELECT * FROM read_csv('«host_csv»');
SELECT * FROM sniff_csv('«host_csv»');
SELECT * FROM read_json('«host_json»');
SELECT * FROM read_json_auto('«host_json»');
SELECT * FROM read_json_objects('«host_json»');
SELECT * FROM read_ndjson('«host_json»');
SELECT * FROM read_ndjson_objects('«host_json»');
SELECT * FROM '«host_json»';
SELECT * FROM read_text('/proc/self/environ');
SELECT * FROM read_text('/proc/self/maps');
SELECT * FROM read_text('/proc/self/cmdline')

-- Names of files
SELECT * FROM glob('/etc/*');
SELECT * FROM glob('«warehouse»/**');
SELECT * FROM glob('~/*')

-- Databases as files
SELECT * FROM read_duckdb('«host_text»');
SELECT * FROM '«host_text».duckdb';
SELECT * FROM sqlite_scan('«catalog_db»', 'iceberg_tables');
SELECT * FROM '«catalog_db»'

-- The table's own metadata, with bounds of hidden columns and paths of files
SELECT * FROM read_json('«metadata»');
SELECT * FROM read_text('«metadata»');
SELECT * FROM iceberg_scan('«metadata»');
SELECT * FROM iceberg_metadata('«metadata»');
SELECT * FROM iceberg_snapshots('«metadata»');
SELECT * FROM read_avro('«warehouse»/shop/customers/metadata/*.avro')

-- A path that comes from a subquery, so that no literal shows
SELECT * FROM read_parquet((SELECT '«file»'));
SELECT * FROM read_text((SELECT max(name) FROM customers));
SELECT (SELECT content FROM read_text('/etc/passwd'));
SELECT * FROM customers WHERE name IN (SELECT content FROM read_text('/etc/passwd'));
SELECT * FROM customers, LATERAL (SELECT * FROM read_text(customers.name))

-- Functions that open files although they are not table functions
SELECT read_text('/etc/passwd');
SELECT read_blob('/etc/passwd');
SELECT * FROM customers ORDER BY (SELECT max(file) FROM glob('/etc/*'))

-- A bracketed list of paths in FROM
SELECT * FROM ['«file»', '«hidden_file»']
