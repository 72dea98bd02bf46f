-- Counting and sampling: every answer is the one that the permitted rows alone would give.

-- Counts and extremes
SELECT count(*) FROM customers;
SELECT count(*) FROM customers WHERE region = 'us';
SELECT count(*) FROM customers WHERE region <> 'eu';
SELECT count(*) FROM customers WHERE region <> 'eu' OR region IS NULL;
SELECT count(*) FROM customers WHERE NOT (region = 'eu');
SELECT count(*) FROM customers WHERE true;
SELECT count(*) FROM customers WHERE 1 = 1 OR region = 'us';
SELECT min(id), max(id), sum(id), avg(id) FROM customers;
SELECT count(DISTINCT region) FROM customers;
SELECT approx_count_distinct(region) FROM customers;
SELECT region, count(*) FROM customers GROUP BY ALL;
SELECT region, count(*) FROM customers GROUP BY ROLLUP (region) ORDER BY ALL;
SELECT region FROM customers WHERE region = 'us';
SELECT histogram(region) FROM customers;
SELECT list_sort(list(DISTINCT region)) FROM customers;
SELECT entropy(region) FROM customers;
SELECT approx_top_k(region, 3) FROM customers;
SELECT arg_max(name, id) FROM customers;
SELECT arg_max(name, id, 20) FROM customers;
SELECT max(name, 20) FROM customers;
SELECT quantile_disc(id, 1.0) FROM customers;
SELECT bit_xor(id) FROM customers;
SELECT mode(region) FROM customers

-- Limits and offsets
SELECT id FROM customers ORDER BY id DESC LIMIT 3;
SELECT id FROM customers ORDER BY id OFFSET 5;
SELECT id FROM customers ORDER BY id LIMIT 100%;
SELECT id FROM customers WHERE id > 6 ORDER BY id LIMIT 1;
SELECT count(*) FROM (FROM customers LIMIT 8);
SELECT count(*) FROM (FROM customers OFFSET 0);
SELECT id FROM customers ORDER BY region DESC, id LIMIT 2;
SELECT id FROM customers ORDER BY ALL DESC LIMIT 2

-- Windows see no rows beyond
SELECT id, lead(id) OVER (ORDER BY id) FROM customers ORDER BY id;
SELECT id, lead(region, 1, 'end') OVER (ORDER BY id) FROM customers ORDER BY id;
SELECT id, count(*) OVER (), rank() OVER (ORDER BY region) FROM customers ORDER BY id;
SELECT last_value(name) OVER (ORDER BY id ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING) FROM customers;
SELECT ntile(3) OVER (ORDER BY id), id FROM customers ORDER BY id;
SELECT cume_dist() OVER (ORDER BY region) FROM customers

-- Samples. !random
SELECT region FROM customers TABLESAMPLE 100%;
SELECT region FROM customers TABLESAMPLE reservoir(100 ROWS);
SELECT region FROM customers USING SAMPLE 100 PERCENT (system);
SELECT region FROM customers TABLESAMPLE bernoulli(99%) REPEATABLE (1);
SELECT name FROM customers ORDER BY random();
SELECT reservoir_quantile(id, 0.99) FROM customers;
SELECT name FROM customers WHERE random() >= 0 OR region = 'us'

-- Predicates that try to swallow the row filter
SELECT count(*) FROM customers WHERE region = 'eu' OR true;
SELECT count(*) FROM customers WHERE region IS NOT DISTINCT FROM 'us';
SELECT count(*) FROM customers WHERE region IN (SELECT code FROM lake.ref.regions);
SELECT count(*) FROM customers WHERE coalesce(region, 'us') = 'us';
SELECT count(*) FROM customers WHERE (SELECT true);
SELECT count(*) FROM customers c WHERE EXISTS (SELECT 1 FROM lake.ref.regions r WHERE r.code = c.region AND r.code = 'us');
SELECT count(*) FROM customers WHERE starts_with(region, 'u');
SELECT count(*) FROM customers AS t(region, id, x);
SELECT count(*) FROM (SELECT 'us' AS region, * EXCLUDE region FROM customers);
SELECT * REPLACE ('us' AS region) FROM customers ORDER BY id

-- Rows of a visible table that point at hidden ones
SELECT customer_id FROM orders WHERE customer_id NOT IN (SELECT id FROM customers) ORDER BY ALL;
SELECT count(*) FROM orders WHERE (SELECT region FROM customers WHERE id = customer_id) = 'us'

-- Null in the filtered column is not visible
SELECT count(*) FROM customers WHERE region IS NULL;
SELECT id FROM customers WHERE region IS NULL
