-- A hidden column in every place that a column may stand: it was never there.

-- Lists. !refused
SELECT ssn FROM customers;
SELECT "ssn" FROM customers;
SELECT SSN FROM customers;
SELECT c.ssn FROM customers c;
SELECT customers.ssn FROM customers;
SELECT shop.customers.ssn FROM lake.shop.customers;
SELECT lake.shop.customers.ssn FROM lake.shop.customers;
SELECT ssn AS name FROM customers;
SELECT name, ssn FROM customers;
SELECT ssn || 'x' FROM customers;
SELECT lower(ssn) FROM customers;
SELECT max(ssn) FROM customers;
SELECT count(ssn) FROM customers;
SELECT count(DISTINCT ssn) FROM customers;
SELECT DISTINCT ssn FROM customers;
SELECT [ssn] FROM customers;
SELECT {'a': ssn} FROM customers;
SELECT CASE WHEN ssn = 'x' THEN 1 END FROM customers;
SELECT TRY(ssn) FROM customers;
SELECT typeof(ssn) FROM customers;
SELECT alias(ssn) FROM customers;
SELECT coalesce(NULL, ssn) FROM customers;
SELECT ssn IS NULL FROM customers;
SELECT ssn::VARCHAR FROM customers;
SELECT x: ssn FROM customers;
SELECT list_transform([1], lambda x: ssn) FROM customers;
SELECT [x || ssn FOR x IN ['a']] FROM customers;
SELECT name AS a, a || ssn FROM customers

-- Clauses. !refused
SELECT 1 FROM customers WHERE ssn = 'canary-f-ssn-1';
SELECT 1 FROM customers WHERE ssn IS NOT NULL;
SELECT 1 FROM customers WHERE ssn LIKE 'c%';
SELECT 1 FROM customers WHERE ssn BETWEEN 'a' AND 'z';
SELECT 1 FROM customers WHERE ssn IN ('x');
SELECT 1 FROM customers WHERE (ssn, 1) = ('x', 1);
SELECT 1 FROM customers WHERE false AND ssn = 'x';
SELECT 1 FROM customers WHERE true OR ssn = 'x';
SELECT name FROM customers ORDER BY ssn;
SELECT name FROM customers ORDER BY ssn IS NULL, name;
SELECT name FROM customers ORDER BY lower(ssn);
SELECT region FROM customers GROUP BY region, ssn;
SELECT count(*) FROM customers GROUP BY ssn;
SELECT count(*) FROM customers GROUP BY ROLLUP (ssn);
SELECT count(*) FROM customers GROUP BY GROUPING SETS ((ssn), ());
SELECT region FROM customers GROUP BY region HAVING max(ssn) > 'a';
SELECT name FROM customers QUALIFY row_number() OVER (ORDER BY ssn) = 1;
SELECT DISTINCT ON (ssn) name FROM customers;
SELECT name FROM customers LIMIT (SELECT count(ssn) FROM customers);
SELECT name FROM customers OFFSET (SELECT count(ssn) FROM customers)

-- Aggregates and windows. !refused
SELECT sum(1) FILTER (WHERE ssn = 'x') FROM customers;
SELECT string_agg(name, ',' ORDER BY ssn) FROM customers;
SELECT arg_max(name, ssn) FROM customers;
SELECT mode() WITHIN GROUP (ORDER BY ssn) FROM customers;
SELECT rank() OVER (ORDER BY ssn) FROM customers;
SELECT sum(id) OVER (PARTITION BY ssn) FROM customers;
SELECT lag(ssn) OVER (ORDER BY id) FROM customers;
SELECT first_value(name) OVER w FROM customers WINDOW w AS (ORDER BY ssn);
SELECT sum(id) OVER (ORDER BY id ROWS BETWEEN length(ssn) PRECEDING AND CURRENT ROW) FROM customers

-- Joins and subqueries. !refused
SELECT 1 FROM customers JOIN orders ON customers.ssn = orders.note;
SELECT 1 FROM customers a JOIN customers b USING (ssn);
SELECT 1 FROM customers a ASOF JOIN customers b ON a.ssn >= b.ssn;
SELECT 1 FROM customers SEMI JOIN orders ON ssn = note;
SELECT 1 FROM customers, LATERAL (SELECT ssn);
SELECT (SELECT ssn) FROM customers;
SELECT (SELECT max(ssn) FROM customers);
SELECT 1 FROM orders WHERE note IN (SELECT ssn FROM customers);
SELECT 1 FROM orders WHERE EXISTS (SELECT ssn FROM customers);
SELECT 1 FROM orders WHERE note > ALL (SELECT ssn FROM customers);
SELECT 1 FROM orders WHERE EXISTS (SELECT 1 FROM customers WHERE ssn = note);
WITH x AS (SELECT ssn FROM customers) SELECT 1 FROM x;
SELECT 1 FROM (SELECT ssn FROM customers);
SELECT 1 UNION ALL SELECT ssn FROM customers;
VALUES ((SELECT max(ssn) FROM customers));
SELECT * FROM range((SELECT max(score) FROM customers));
SELECT * FROM customers, unnest([ssn]);
SELECT * FROM customers c, range(c.score)

-- Correlation must not find the column in an outer query either. !refused
SELECT (SELECT max(note || ssn) FROM orders) FROM customers;
SELECT 1 FROM customers WHERE EXISTS (SELECT 1 FROM orders WHERE orders.ssn = 'x')

-- An expression that nothing uses is not looked at by DuckDB: it tells nothing either
WITH x AS (SELECT ssn FROM customers) SELECT 1
