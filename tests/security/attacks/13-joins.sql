-- Joins of all kinds, with hidden tables and over hidden columns.

-- A hidden table on either side. !refused
SELECT * FROM customers JOIN salaries ON true;
SELECT * FROM customers, salaries;
SELECT * FROM customers CROSS JOIN salaries;
SELECT * FROM salaries LEFT JOIN customers ON false;
SELECT customers.* FROM customers RIGHT JOIN salaries ON false;
SELECT * FROM customers FULL JOIN salaries ON false;
SELECT customers.name FROM customers SEMI JOIN salaries ON name = person;
SELECT customers.name FROM customers ANTI JOIN salaries ON name = person;
SELECT * FROM customers POSITIONAL JOIN salaries;
SELECT * FROM orders ASOF JOIN salaries ON amount >= pay;
SELECT * FROM customers NATURAL JOIN salaries;
SELECT * FROM (customers JOIN salaries ON true);
SELECT * FROM ((customers CROSS JOIN orders) CROSS JOIN salaries);
SELECT * FROM customers JOIN (SELECT * FROM salaries) s ON true;
SELECT * FROM customers JOIN LATERAL (SELECT * FROM salaries WHERE person = name) s ON true;
SELECT * FROM customers JOIN orders ON id = (SELECT max(pay) FROM salaries);
SELECT * FROM customers JOIN orders ON EXISTS (SELECT 1 FROM salaries);
SELECT * FROM customers a JOIN customers b ON a.id IN (SELECT pay FROM salaries)

-- NATURAL and USING must not join on hidden columns that both sides have
SELECT count(*) FROM customers a NATURAL JOIN customers b;
SELECT * FROM orders a NATURAL JOIN orders b ORDER BY ALL;
SELECT count(*) FROM customers NATURAL JOIN (SELECT 1 AS id, 'x' AS ssn);
SELECT * FROM (SELECT 1 AS id, 'x' AS ssn) NATURAL JOIN customers ORDER BY ALL;
SELECT count(*) FROM customers NATURAL FULL JOIN (SELECT 'canary-f-ssn-1' AS ssn)

-- Outer joins must not bring back rows that the filter hides
SELECT o.order_id, c.name FROM orders o LEFT JOIN customers c ON c.id = o.customer_id ORDER BY ALL;
SELECT o.order_id, c.name FROM customers c RIGHT JOIN orders o ON c.id = o.customer_id ORDER BY ALL;
SELECT o.order_id, c.name FROM orders o FULL JOIN customers c ON c.id = o.customer_id ORDER BY ALL;
SELECT order_id FROM orders ANTI JOIN customers ON id = customer_id ORDER BY ALL;
SELECT order_id FROM orders WHERE customer_id NOT IN (SELECT id FROM customers) ORDER BY ALL;
SELECT count(*) FROM orders o ASOF LEFT JOIN customers c ON o.customer_id >= c.id;
SELECT * FROM range(20) r(n) LEFT JOIN customers ON id = n ORDER BY n;
SELECT n, id FROM range(20) r(n) POSITIONAL JOIN (FROM customers ORDER BY id) ORDER BY ALL;
SELECT x.name FROM orders o, LATERAL (SELECT name FROM customers WHERE id = o.customer_id) x ORDER BY ALL;
SELECT r.code, count(c.id) FROM lake.ref.regions r LEFT JOIN customers c ON c.region = r.code GROUP BY 1 ORDER BY ALL

-- Set operations with hidden tables. !refused
SELECT name FROM customers UNION SELECT person FROM salaries;
SELECT name FROM customers EXCEPT SELECT person FROM salaries;
SELECT name FROM customers INTERSECT SELECT person FROM salaries;
SELECT name FROM customers UNION BY NAME SELECT person FROM salaries;
(SELECT name FROM customers) UNION ALL (SELECT person FROM salaries) ORDER BY 1

-- Set operations tell nothing of hidden rows
SELECT name FROM customers EXCEPT SELECT title FROM lake.ref.regions ORDER BY 1;
SELECT region FROM customers INTERSECT SELECT code FROM lake.ref.regions
