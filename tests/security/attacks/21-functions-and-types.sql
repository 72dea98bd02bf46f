-- Functions that tell of the engine, change its state or wait, and types that are looked up.
-- !every !refused

-- The session
SELECT system.main.version();
SELECT pg_catalog.current_schema();
SELECT current_setting('threads');
SELECT current_setting('time' || 'zone');
SELECT current_setting(name) FROM customers;
SELECT current_query();
SELECT current_query_id();
SELECT current_connection_id();
SELECT current_transaction_id();
SELECT txid_current();
SELECT in_search_path('lake', 'shop');
SELECT inet_client_addr();
SELECT pg_postmaster_start_time();
SELECT get_block_size('lake')

-- State
SELECT nextval('x');
SELECT currval('x');
SELECT setseed(0.5);
SELECT sleep_ms(60000);
SELECT pg_sleep(60);
SELECT add_parquet_key('a', 'b');
SELECT truncate_duckdb_logs();
SELECT enable_logging();
SELECT force_checkpoint();
SELECT checkpoint()

-- Internals
SELECT __internal_compress_string_ubigint('a');
SELECT __internal_decompress_string(1);
SELECT remap_struct({'a': 1}, NULL, NULL, NULL);
SELECT constant_or_null(1, name) FROM customers;
SELECT finalize(x) FROM customers;
SELECT combine(x, y) FROM customers;
SELECT to_aggregate_state('sum', id) FROM customers;
SELECT sum(id) EXPORT_STATE FROM customers;
SELECT invoke(lambda x: x, 1);
SELECT parse_duckdb_log_message('QueryLog', 'x');
SELECT replace_type(1, NULL::INTEGER, NULL::VARCHAR);
SELECT icu_sort_key('a', 'de');
SELECT icu_collate_de('a')

-- Functions that are not there
SELECT canary(name) FROM customers;
SELECT xp_cmdshell('id');
SELECT shell('id');
SELECT system('id');
SELECT eval('1');
SELECT load_extension('x');
SELECT sqlite_version();
SELECT sys_exec('id');
SELECT pg_read_file('/etc/passwd');
SELECT lo_import('/etc/passwd');
SELECT dblink('x', 'y');
SELECT xmltable('x');
SELECT bloom_probe('x')

-- Types
SELECT 'x'::mine;
SELECT 'x'::lake.shop.mine;
SELECT CAST(1 AS "POINTER");
SELECT 0::POINTER;
SELECT 'x'::ENUM ('x');
SELECT 1::UNION(a INTEGER);
SELECT 'x'::VARIANT;
SELECT 'x'::regclass;
SELECT 'POINT(1 1)'::GEOMETRY;
SELECT 1::STRUCT(a mine);
SELECT 1::mine[];
SELECT MAP {}::MAP(mine, mine);
SELECT '1'::AGGREGATE_STATE;
SELECT from_json('{"a": 1}', '{"a": "mine"}');
SELECT try_cast(1 AS mine)
