-- Statistics and plans: they know the values of rows that the row filter hides.
-- !every !refused

-- The least and greatest value of a column, before the row filter
SELECT stats(id) FROM customers;
SELECT stats(ssn) FROM customers;
SELECT DISTINCT stats(region) FROM customers;
SELECT stats(c) FROM (SELECT score AS c FROM customers OFFSET 0)

-- Summaries
SUMMARIZE customers;
SUMMARIZE salaries;
SUMMARIZE SELECT * FROM customers;
SELECT * FROM (SUMMARIZE customers);
SELECT * FROM (SUMMARIZE lake.shop.salaries);
SELECT * FROM summary((SELECT * FROM customers));
SELECT min, max FROM (SUMMARIZE '«file»')

-- How tables are stored
SELECT * FROM pragma_storage_info('customers');
SELECT * FROM duckdb_table_sample('customers');
SELECT * FROM seq_scan('customers')

-- Plans, with filters and estimates
EXPLAIN SELECT * FROM salaries;
EXPLAIN EXPLAIN SELECT * FROM customers;
EXPLAIN ANALYZE SELECT * FROM customers;
EXPLAIN (FORMAT json) SELECT * FROM customers;
SELECT json_serialize_plan('SELECT * FROM customers', optimize := true);
SELECT * FROM (EXPLAIN SELECT * FROM customers)

-- Internals of vectors and storage
SELECT vector_type(name) FROM customers;
SELECT * FROM test_all_types();
SELECT * FROM test_vector_types(NULL::INTEGER);
SELECT index_key('customers', 'x', 1);
SELECT create_sort_key(name, 'ASC') FROM customers
