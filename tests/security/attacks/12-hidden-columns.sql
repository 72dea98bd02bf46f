-- A hidden column in every place that a column may stand: it was never there.

-- Lists. !refused
SELECT ssn FROM customers;  -- plainly
SELECT "ssn" FROM customers;  -- quoted
SELECT SSN FROM customers;  -- in capitals
SELECT c.ssn FROM customers c;  -- of an alias
SELECT customers.ssn FROM customers;  -- of the table
SELECT shop.customers.ssn FROM lake.shop.customers;  -- with the wrong catalog
SELECT lake.shop.customers.ssn FROM lake.shop.customers;  -- of the full name
SELECT ssn AS name FROM customers;  -- under a visible name
SELECT name, ssn FROM customers;  -- beside a visible one
SELECT ssn || 'x' FROM customers;  -- in an operator
SELECT lower(ssn) FROM customers;  -- in a function
SELECT max(ssn) FROM customers;  -- its greatest
SELECT count(ssn) FROM customers;  -- its count
SELECT count(DISTINCT ssn) FROM customers;  -- its distinct count
SELECT DISTINCT ssn FROM customers;  -- its distinct values
SELECT [ssn] FROM customers;  -- in a list
SELECT {'a': ssn} FROM customers;  -- in a struct
SELECT CASE WHEN ssn = 'x' THEN 1 END FROM customers;  -- in a CASE
SELECT TRY(ssn) FROM customers;  -- in TRY
SELECT typeof(ssn) FROM customers;  -- its type
SELECT alias(ssn) FROM customers;  -- its name
SELECT coalesce(NULL, ssn) FROM customers;  -- in coalesce
SELECT ssn IS NULL FROM customers;  -- whether it is NULL
SELECT ssn::VARCHAR FROM customers;  -- cast
SELECT x: ssn FROM customers;  -- with the alias in front
SELECT list_transform([1], lambda x: ssn) FROM customers;  -- in a lambda
SELECT [x || ssn FOR x IN ['a']] FROM customers;  -- in a comprehension
SELECT name AS a, a || ssn FROM customers;  -- behind an alias that is used

-- Clauses. !refused
SELECT 1 FROM customers WHERE ssn = 'canary-f-ssn-1';  -- compared with a value
SELECT 1 FROM customers WHERE ssn IS NOT NULL;  -- not NULL
SELECT 1 FROM customers WHERE ssn LIKE 'c%';  -- by a pattern
SELECT 1 FROM customers WHERE ssn BETWEEN 'a' AND 'z';  -- in a range
SELECT 1 FROM customers WHERE ssn IN ('x');  -- in a list
SELECT 1 FROM customers WHERE (ssn, 1) = ('x', 1);  -- in a row
SELECT 1 FROM customers WHERE false AND ssn = 'x';  -- behind what is false
SELECT 1 FROM customers WHERE true OR ssn = 'x';  -- beside what is true
SELECT name FROM customers ORDER BY ssn;  -- as an order
SELECT name FROM customers ORDER BY ssn IS NULL, name;  -- as an order by whether it is NULL
SELECT name FROM customers ORDER BY lower(ssn);  -- as an order within a function
SELECT region FROM customers GROUP BY region, ssn;  -- as a group
SELECT count(*) FROM customers GROUP BY ssn;  -- as the only group
SELECT count(*) FROM customers GROUP BY ROLLUP (ssn);  -- in ROLLUP
SELECT count(*) FROM customers GROUP BY GROUPING SETS ((ssn), ());  -- in GROUPING SETS
SELECT region FROM customers GROUP BY region HAVING max(ssn) > 'a';  -- in HAVING
SELECT name FROM customers QUALIFY row_number() OVER (ORDER BY ssn) = 1;  -- in QUALIFY
SELECT DISTINCT ON (ssn) name FROM customers;  -- in DISTINCT ON
SELECT name FROM customers LIMIT (SELECT count(ssn) FROM customers);  -- in LIMIT
SELECT name FROM customers OFFSET (SELECT count(ssn) FROM customers);  -- in OFFSET

-- Aggregates and windows. !refused
SELECT sum(1) FILTER (WHERE ssn = 'x') FROM customers;  -- in FILTER
SELECT string_agg(name, ',' ORDER BY ssn) FROM customers;  -- as the order of an aggregate
SELECT arg_max(name, ssn) FROM customers;  -- as the one to compare by
SELECT mode() WITHIN GROUP (ORDER BY ssn) FROM customers;  -- within a group
SELECT rank() OVER (ORDER BY ssn) FROM customers;  -- as the order of a window
SELECT sum(id) OVER (PARTITION BY ssn) FROM customers;  -- as its partition
SELECT lag(ssn) OVER (ORDER BY id) FROM customers;  -- before this row
SELECT first_value(name) OVER w FROM customers WINDOW w AS (ORDER BY ssn);  -- as the order of a named window
SELECT sum(id) OVER (ORDER BY id ROWS BETWEEN length(ssn) PRECEDING AND CURRENT ROW) FROM customers;  -- in the frame

-- Joins and subqueries. !refused
SELECT 1 FROM customers JOIN orders ON customers.ssn = orders.note;  -- in ON
SELECT 1 FROM customers a JOIN customers b USING (ssn);  -- in USING
SELECT 1 FROM customers a ASOF JOIN customers b ON a.ssn >= b.ssn;  -- in ASOF
SELECT 1 FROM customers SEMI JOIN orders ON ssn = note;  -- in SEMI
SELECT 1 FROM customers, LATERAL (SELECT ssn);  -- in LATERAL
SELECT (SELECT ssn) FROM customers;  -- in a scalar subquery that sees it
SELECT (SELECT max(ssn) FROM customers);  -- in one that selects it
SELECT 1 FROM orders WHERE note IN (SELECT ssn FROM customers);  -- in IN
SELECT 1 FROM orders WHERE EXISTS (SELECT ssn FROM customers);  -- in EXISTS
SELECT 1 FROM orders WHERE note > ALL (SELECT ssn FROM customers);  -- in ALL
SELECT 1 FROM orders WHERE EXISTS (SELECT 1 FROM customers WHERE ssn = note);  -- in a condition that sees it
WITH x AS (SELECT ssn FROM customers) SELECT 1 FROM x;  -- in a table expression
SELECT 1 FROM (SELECT ssn FROM customers);  -- in FROM
SELECT 1 UNION ALL SELECT ssn FROM customers;  -- in the other side of a set operation
VALUES ((SELECT max(ssn) FROM customers));  -- in VALUES
SELECT * FROM range((SELECT max(score) FROM customers));  -- in the argument of a table function
SELECT * FROM customers, unnest([ssn]);  -- unnested beside
SELECT * FROM customers c, range(c.score);  -- as an argument beside

-- Correlation must not find the column in an outer query either. !refused
SELECT (SELECT max(note || ssn) FROM orders) FROM customers;  -- in an aggregate of another table
SELECT 1 FROM customers WHERE EXISTS (SELECT 1 FROM orders WHERE orders.ssn = 'x');  -- as another table's column

-- An expression that nothing uses is not looked at by DuckDB: it tells nothing either
WITH x AS (SELECT ssn FROM customers) SELECT 1;  -- not used
