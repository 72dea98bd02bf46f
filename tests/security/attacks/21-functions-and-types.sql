-- Functions that tell of the engine, change its state or wait, and types that are looked up.
-- !every !refused

-- The session
SELECT system.main.version();  -- the engine's version
SELECT pg_catalog.current_schema();  -- the engine's schema
SELECT current_setting('threads');  -- a setting
SELECT current_setting('time' || 'zone');  -- a setting whose name is put together
SELECT current_setting(name) FROM customers;  -- a setting for each row
SELECT current_query();  -- the statement
SELECT current_query_id();  -- its number
SELECT current_connection_id();  -- the connection
SELECT current_transaction_id();  -- the transaction
SELECT txid_current();  -- its number
SELECT in_search_path('lake', 'shop');  -- whether a schema is searched
SELECT inet_client_addr();  -- the client's address
SELECT pg_postmaster_start_time();  -- since when it runs
SELECT get_block_size('lake');  -- how large blocks are

-- State
SELECT nextval('x');  -- the next number
SELECT currval('x');  -- the last number
SELECT setseed(0.5);  -- the seed of chance
SELECT sleep_ms(60000);  -- wait
SELECT pg_sleep(60);  -- wait, as PostgreSQL
SELECT add_parquet_key('a', 'b');  -- a key to decrypt with
SELECT truncate_duckdb_logs();  -- empty the logs
SELECT enable_logging();  -- make logs
SELECT force_checkpoint();  -- write out by force
SELECT checkpoint();  -- write out

-- Internals
SELECT __internal_compress_string_ubigint('a');  -- compress
SELECT __internal_decompress_string(1);  -- decompress
SELECT remap_struct({'a': 1}, NULL, NULL, NULL);  -- change a struct's shape
SELECT constant_or_null(1, name) FROM customers;  -- depend on nothing
SELECT finalize(x) FROM customers;  -- end an aggregate
SELECT combine(x, y) FROM customers;  -- join aggregates
SELECT to_aggregate_state('sum', id) FROM customers;  -- make a state
SELECT sum(id) EXPORT_STATE FROM customers;  -- give a state
SELECT invoke(lambda x: x, 1);  -- call a function value
SELECT parse_duckdb_log_message('QueryLog', 'x');  -- read a log
SELECT replace_type(1, NULL::INTEGER, NULL::VARCHAR);  -- exchange types
SELECT icu_sort_key('a', 'de');  -- sort as a language
SELECT icu_collate_de('a');  -- compare as a language

-- Functions that are not there
SELECT canary(name) FROM customers;  -- like a canary
SELECT xp_cmdshell('id');  -- SQL Server's shell
SELECT shell('id');  -- a shell
SELECT system('id');  -- a command
SELECT eval('1');  -- an evaluation
SELECT load_extension('x');  -- load code
SELECT sqlite_version();  -- SQLite's version
SELECT sys_exec('id');  -- Oracle's shell
SELECT pg_read_file('/etc/passwd');  -- PostgreSQL's files
SELECT lo_import('/etc/passwd');  -- its large objects
SELECT dblink('x', 'y');  -- its links
SELECT xmltable('x');  -- tables of XML
SELECT bloom_probe('x');  -- a filter of blocks

-- Types
SELECT 'x'::mine;  -- a name that is looked up
SELECT 'x'::lake.shop.mine;  -- one in a schema
SELECT CAST(1 AS "POINTER");  -- an address
SELECT 0::POINTER;  -- an address by number
SELECT 'x'::ENUM ('x');  -- names of values
SELECT 1::UNION(a INTEGER);  -- one of several
SELECT 'x'::VARIANT;  -- any
SELECT 'x'::regclass;  -- PostgreSQL's class
SELECT 'POINT(1 1)'::GEOMETRY;  -- a shape
SELECT 1::STRUCT(a mine);  -- within a struct
SELECT 1::mine[];  -- in a list
SELECT MAP {}::MAP(mine, mine);  -- within a map
SELECT '1'::AGGREGATE_STATE;  -- a state
SELECT from_json('{"a": 1}', '{"a": "mine"}');  -- in a document's structure
SELECT try_cast(1 AS mine);  -- by a function
