-- Counting and sampling: every answer is the one that the permitted rows alone would give.

-- Counts and extremes
SELECT count(*) FROM customers;  -- all
SELECT count(*) FROM customers WHERE region = 'us';  -- of hidden rows
SELECT count(*) FROM customers WHERE region <> 'eu';  -- of others
SELECT count(*) FROM customers WHERE region <> 'eu' OR region IS NULL;  -- of others and of none
SELECT count(*) FROM customers WHERE NOT (region = 'eu');  -- by a negation
SELECT count(*) FROM customers WHERE true;  -- with a condition that holds
SELECT count(*) FROM customers WHERE 1 = 1 OR region = 'us';  -- with one that swallows others
SELECT min(id), max(id), sum(id), avg(id) FROM customers;  -- extremes
SELECT count(DISTINCT region) FROM customers;  -- distinct values
SELECT approx_count_distinct(region) FROM customers;  -- distinct values, roughly
SELECT region, count(*) FROM customers GROUP BY ALL;  -- groups
SELECT region, count(*) FROM customers GROUP BY ROLLUP (region) ORDER BY ALL;  -- groups with a total
SELECT region FROM customers WHERE region = 'us';  -- the hidden value
SELECT histogram(region) FROM customers;  -- a histogram
SELECT list_sort(list(DISTINCT region)) FROM customers;  -- a list
SELECT entropy(region) FROM customers;  -- entropy
SELECT approx_top_k(region, 3) FROM customers;  -- the most frequent
SELECT arg_max(name, id) FROM customers;  -- the last name
SELECT arg_max(name, id, 20) FROM customers;  -- more of them than there are
SELECT max(name, 20) FROM customers;  -- the greatest names
SELECT quantile_disc(id, 1.0) FROM customers;  -- a quantile
SELECT bit_xor(id) FROM customers;  -- bits of numbers
SELECT mode(region) FROM customers;  -- the most frequent one

-- Limits and offsets
SELECT id FROM customers ORDER BY id DESC LIMIT 3;  -- the last ones
SELECT id FROM customers ORDER BY id OFFSET 5;  -- the rest
SELECT id FROM customers ORDER BY id LIMIT 100%;  -- all percent
SELECT id FROM customers WHERE id > 6 ORDER BY id LIMIT 1;  -- beyond the last
SELECT count(*) FROM (FROM customers LIMIT 8);  -- more than there are
SELECT count(*) FROM (FROM customers OFFSET 0);  -- from the start
SELECT id FROM customers ORDER BY region DESC, id LIMIT 2;  -- by the filtered column
SELECT id FROM customers ORDER BY ALL DESC LIMIT 2;  -- by all columns

-- Windows see no rows beyond
SELECT id, lead(id) OVER (ORDER BY id) FROM customers ORDER BY id;  -- the next
SELECT id, lead(region, 1, 'end') OVER (ORDER BY id) FROM customers ORDER BY id;  -- the next, with a value for none
SELECT id, count(*) OVER (), rank() OVER (ORDER BY region) FROM customers ORDER BY id;  -- how many in all
SELECT last_value(name) OVER (ORDER BY id ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING) FROM customers;  -- the very last
SELECT ntile(3) OVER (ORDER BY id), id FROM customers ORDER BY id;  -- in three groups
SELECT cume_dist() OVER (ORDER BY region) FROM customers;  -- by shares

-- Samples. !random
SELECT region FROM customers TABLESAMPLE 100%;  -- all percent
SELECT region FROM customers TABLESAMPLE reservoir(100 ROWS);  -- more than there are
SELECT region FROM customers USING SAMPLE 100 PERCENT (system);  -- by blocks
SELECT region FROM customers TABLESAMPLE bernoulli(99%) REPEATABLE (1);  -- by chance, repeatable
SELECT name FROM customers ORDER BY random();  -- by chance as an order
SELECT reservoir_quantile(id, 0.99) FROM customers;  -- a quantile by chance
SELECT name FROM customers WHERE random() >= 0 OR region = 'us';  -- a condition by chance

-- Predicates that try to swallow the row filter
SELECT count(*) FROM customers WHERE region = 'eu' OR true;  -- OR
SELECT count(*) FROM customers WHERE region IS NOT DISTINCT FROM 'us';  -- a comparison that takes NULL
SELECT count(*) FROM customers WHERE region IN (SELECT code FROM lake.ref.regions);  -- a subquery with the hidden value
SELECT count(*) FROM customers WHERE coalesce(region, 'us') = 'us';  -- another value for none
SELECT count(*) FROM customers WHERE (SELECT true);  -- a condition that holds
SELECT count(*) FROM customers c WHERE EXISTS (SELECT 1 FROM lake.ref.regions r WHERE r.code = c.region AND r.code = 'us');  -- a correlated subquery
SELECT count(*) FROM customers WHERE starts_with(region, 'u');  -- a prefix
SELECT count(*) FROM customers AS t(region, id, x);  -- other names for the columns
SELECT count(*) FROM (SELECT 'us' AS region, * EXCLUDE region FROM customers);  -- another value under the name
SELECT * REPLACE ('us' AS region) FROM customers ORDER BY id;  -- another value in its place

-- Rows of a visible table that point at hidden ones
SELECT customer_id FROM orders WHERE customer_id NOT IN (SELECT id FROM customers) ORDER BY ALL;  -- customers that are not there
SELECT count(*) FROM orders WHERE (SELECT region FROM customers WHERE id = customer_id) = 'us';  -- their region

-- Null in the filtered column is not visible
SELECT count(*) FROM customers WHERE region IS NULL;  -- how many
SELECT id FROM customers WHERE region IS NULL;  -- which
