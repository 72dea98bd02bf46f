-- Statistics and plans: they know the values of rows that the row filter hides.
-- !every !refused

-- The least and greatest value of a column, before the row filter
SELECT stats(id) FROM customers;  -- of a key
SELECT stats(ssn) FROM customers;  -- of a hidden column
SELECT DISTINCT stats(region) FROM customers;  -- of the filtered column
SELECT stats(c) FROM (SELECT score AS c FROM customers OFFSET 0);  -- below a subquery that changes nothing

-- Summaries
SUMMARIZE customers;  -- of a visible table
SUMMARIZE salaries;  -- of a hidden table
SUMMARIZE SELECT * FROM customers;  -- of a query
SELECT * FROM (SUMMARIZE customers);  -- in FROM
SELECT * FROM (SUMMARIZE lake.shop.salaries);  -- of a hidden table, in FROM
SELECT * FROM summary((SELECT * FROM customers));  -- as a function
SELECT min, max FROM (SUMMARIZE '«file»');  -- of a file

-- How tables are stored
SELECT * FROM pragma_storage_info('customers');  -- segments
SELECT * FROM duckdb_table_sample('customers');  -- a sample that is kept
SELECT * FROM seq_scan('customers');  -- the scan itself

-- Plans, with filters and estimates
EXPLAIN SELECT * FROM salaries;  -- of a hidden table
EXPLAIN EXPLAIN SELECT * FROM customers;  -- twice
EXPLAIN ANALYZE SELECT * FROM customers;  -- with what really ran
EXPLAIN (FORMAT json) SELECT * FROM customers;  -- as JSON
SELECT json_serialize_plan('SELECT * FROM customers', optimize := true);  -- as a value
SELECT * FROM (EXPLAIN SELECT * FROM customers);  -- in FROM

-- Internals of vectors and storage
SELECT vector_type(name) FROM customers;  -- how a vector is stored
SELECT * FROM test_all_types();  -- values of all types
SELECT * FROM test_vector_types(NULL::INTEGER);  -- vectors of all kinds
SELECT index_key('customers', 'x', 1);  -- a key of an index
SELECT create_sort_key(name, 'ASC') FROM customers;  -- a key to sort by
