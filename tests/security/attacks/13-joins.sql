-- Joins of all kinds, with hidden tables and over hidden columns.

-- A hidden table on either side. !refused
SELECT * FROM customers JOIN salaries ON true;  -- on a condition
SELECT * FROM customers, salaries;  -- by a comma
SELECT * FROM customers CROSS JOIN salaries;  -- crossed
SELECT * FROM salaries LEFT JOIN customers ON false;  -- from the left, nothing matches
SELECT customers.* FROM customers RIGHT JOIN salaries ON false;  -- from the right, nothing matches
SELECT * FROM customers FULL JOIN salaries ON false;  -- from both, nothing matches
SELECT customers.name FROM customers SEMI JOIN salaries ON name = person;  -- only whether it matches
SELECT customers.name FROM customers ANTI JOIN salaries ON name = person;  -- only whether it does not
SELECT * FROM customers POSITIONAL JOIN salaries;  -- by position
SELECT * FROM orders ASOF JOIN salaries ON amount >= pay;  -- by the nearest
SELECT * FROM customers NATURAL JOIN salaries;  -- by common columns, of which there are none
SELECT * FROM (customers JOIN salaries ON true);  -- in brackets
SELECT * FROM ((customers CROSS JOIN orders) CROSS JOIN salaries);  -- in brackets in brackets
SELECT * FROM customers JOIN (SELECT * FROM salaries) s ON true;  -- as a subquery
SELECT * FROM customers JOIN LATERAL (SELECT * FROM salaries WHERE person = name) s ON true;  -- as a lateral subquery
SELECT * FROM customers JOIN orders ON id = (SELECT max(pay) FROM salaries);  -- in the condition
SELECT * FROM customers JOIN orders ON EXISTS (SELECT 1 FROM salaries);  -- in the condition, by EXISTS
SELECT * FROM customers a JOIN customers b ON a.id IN (SELECT pay FROM salaries);  -- in the condition, by IN

-- NATURAL and USING must not join on hidden columns that both sides have
SELECT count(*) FROM customers a NATURAL JOIN customers b;  -- the table with itself
SELECT * FROM orders a NATURAL JOIN orders b ORDER BY ALL;  -- another with itself
SELECT count(*) FROM customers NATURAL JOIN (SELECT 1 AS id, 'x' AS ssn);  -- with a value for the hidden one
SELECT * FROM (SELECT 1 AS id, 'x' AS ssn) NATURAL JOIN customers ORDER BY ALL;  -- the same from the other side
SELECT count(*) FROM customers NATURAL FULL JOIN (SELECT 'canary-f-ssn-1' AS ssn);  -- whether a hidden value is there

-- Outer joins must not bring back rows that the filter hides
SELECT o.order_id, c.name FROM orders o LEFT JOIN customers c ON c.id = o.customer_id ORDER BY ALL;  -- from the left
SELECT o.order_id, c.name FROM customers c RIGHT JOIN orders o ON c.id = o.customer_id ORDER BY ALL;  -- from the right
SELECT o.order_id, c.name FROM orders o FULL JOIN customers c ON c.id = o.customer_id ORDER BY ALL;  -- from both
SELECT order_id FROM orders ANTI JOIN customers ON id = customer_id ORDER BY ALL;  -- those without a match
SELECT order_id FROM orders WHERE customer_id NOT IN (SELECT id FROM customers) ORDER BY ALL;  -- those not in it
SELECT count(*) FROM orders o ASOF LEFT JOIN customers c ON o.customer_id >= c.id;  -- the nearest
SELECT * FROM range(20) r(n) LEFT JOIN customers ON id = n ORDER BY n;  -- numbers on the left
SELECT n, id FROM range(20) r(n) POSITIONAL JOIN (FROM customers ORDER BY id) ORDER BY ALL;  -- by position
SELECT x.name FROM orders o, LATERAL (SELECT name FROM customers WHERE id = o.customer_id) x ORDER BY ALL;  -- a row for each
SELECT r.code, count(c.id) FROM lake.ref.regions r LEFT JOIN customers c ON c.region = r.code GROUP BY 1 ORDER BY ALL;  -- groups

-- Set operations with hidden tables. !refused
SELECT name FROM customers UNION SELECT person FROM salaries;  -- together
SELECT name FROM customers EXCEPT SELECT person FROM salaries;  -- less
SELECT name FROM customers INTERSECT SELECT person FROM salaries;  -- common
SELECT name FROM customers UNION BY NAME SELECT person FROM salaries;  -- by name
(SELECT name FROM customers) UNION ALL (SELECT person FROM salaries) ORDER BY 1;  -- in brackets

-- Set operations tell nothing of hidden rows
SELECT name FROM customers EXCEPT SELECT title FROM lake.ref.regions ORDER BY 1;  -- what is not there
SELECT region FROM customers INTERSECT SELECT code FROM lake.ref.regions;  -- what is on both sides
