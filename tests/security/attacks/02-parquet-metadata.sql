-- Statistics in a file tell the least and greatest value of hidden columns and rows, and whether a
-- value is in it at all.
-- !every !refused

-- Bounds of hidden columns
SELECT * FROM parquet_metadata('«file»');  -- all statistics
SELECT stats_min, stats_max FROM parquet_metadata('«file»') WHERE path_in_schema = 'ssn';  -- least and greatest of one hidden column
SELECT * FROM parquet_full_metadata('«file»');  -- all metadata in one
SELECT * FROM parquet_file_metadata('«file»');  -- that of the file

-- Names of hidden columns
SELECT * FROM parquet_schema('«file»');  -- all names
SELECT name FROM parquet_schema('«file»') WHERE name NOT IN ('id', 'name');  -- those that are not visible

-- Keys and values of the writer (the Iceberg schema is among them)
SELECT * FROM parquet_kv_metadata('«file»');  -- all keys

-- Whether a hidden value is there, by the file's bloom filter
SELECT * FROM parquet_bloom_probe('«file»', 'ssn', 'canary-f-ssn-1');  -- one value
