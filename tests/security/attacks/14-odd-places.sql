-- A hidden table in every place that a subquery may stand.

-- Expressions. !refused
SELECT (SELECT max(pay) FROM salaries);  -- as a value
SELECT (FROM salaries SELECT max(pay));  -- FROM first
SELECT EXISTS (SELECT 1 FROM salaries);  -- whether there is one
SELECT NOT EXISTS (FROM salaries);  -- whether there is none
SELECT 1 IN (SELECT pay FROM salaries);  -- whether it has a value
SELECT 1 = ANY (SELECT pay FROM salaries);  -- whether any is equal
SELECT 1 > ALL (SELECT pay FROM salaries);  -- whether all are less
SELECT ARRAY (SELECT pay FROM salaries);  -- as an array
SELECT [(SELECT max(pay) FROM salaries)];  -- in a list
SELECT {'a': (SELECT max(pay) FROM salaries)};  -- in a struct
SELECT MAP {'a': (SELECT max(pay) FROM salaries)};  -- in a map
SELECT ((SELECT max(pay) FROM salaries), 1);  -- in a row
SELECT [1, 2][(SELECT max(pay) FROM salaries)];  -- as an index
SELECT [1, 2][1:(SELECT max(pay) FROM salaries)];  -- as an end of a slice
SELECT CASE (SELECT max(pay) FROM salaries) WHEN 1 THEN 1 END;  -- as the operand of CASE
SELECT CASE WHEN true THEN (SELECT max(pay) FROM salaries) END;  -- as a branch of CASE
SELECT CASE WHEN false THEN 1 ELSE (SELECT max(pay) FROM salaries) END;  -- as ELSE
SELECT CAST((SELECT max(pay) FROM salaries) AS VARCHAR);  -- in CAST
SELECT TRY((SELECT max(pay) FROM salaries));  -- in TRY
SELECT coalesce(NULL, (SELECT max(pay) FROM salaries));  -- in coalesce
SELECT (SELECT max(pay) FROM salaries) BETWEEN 1 AND 2;  -- before BETWEEN
SELECT 1 BETWEEN (SELECT min(pay) FROM salaries) AND (SELECT max(pay) FROM salaries);  -- as both bounds
SELECT NOT (SELECT max(pay) > 1 FROM salaries);  -- behind NOT
SELECT -(SELECT max(pay) FROM salaries);  -- behind a minus
SELECT (SELECT max(person) FROM salaries) COLLATE nocase;  -- before COLLATE
SELECT (SELECT max(person) FROM salaries) LIKE 'c%';  -- before LIKE
SELECT DATE '2020-01-01' + (SELECT max(pay) FROM salaries)::INTEGER;  -- added to a date
SELECT extract(year FROM DATE '2020-01-01' + (SELECT max(pay) FROM salaries)::INTEGER);  -- within extract
SELECT list_transform([(SELECT max(pay) FROM salaries)], lambda x: x);  -- in the list of a lambda
SELECT [x FOR x IN [(SELECT max(pay) FROM salaries)]];  -- in a comprehension
SELECT struct_pack(a := (SELECT max(pay) FROM salaries));  -- as a named argument
SELECT (SELECT (SELECT (SELECT max(pay) FROM salaries)));  -- three levels deep
SELECT concat('a', (SELECT max(person) FROM salaries));  -- as an argument
SELECT name, (SELECT max(pay) FROM salaries WHERE person = name) FROM customers;  -- for each row
SELECT INTERVAL ((SELECT max(pay) FROM salaries)) DAY;  -- in an interval
SELECT 1::DECIMAL((SELECT max(pay) FROM salaries), 2);  -- as a modifier of a type

-- Aggregates and windows. !refused
SELECT sum((SELECT max(pay) FROM salaries));  -- as the argument
SELECT count(*) FILTER (WHERE EXISTS (FROM salaries)) FROM customers;  -- in FILTER
SELECT string_agg(name, (SELECT max(person) FROM salaries)) FROM customers;  -- as a separator
SELECT string_agg(name ORDER BY (SELECT max(pay) FROM salaries)) FROM customers;  -- as its order
SELECT quantile_cont(id, (SELECT max(pay) FROM salaries)) FROM customers;  -- as a fraction
SELECT mode() WITHIN GROUP (ORDER BY (SELECT max(pay) FROM salaries)) FROM customers;  -- within a group
SELECT sum(id) OVER (PARTITION BY (SELECT max(pay) FROM salaries)) FROM customers;  -- as a partition
SELECT sum(id) OVER (ORDER BY (SELECT max(pay) FROM salaries)) FROM customers;  -- as the order of a window
SELECT sum(id) OVER (ORDER BY id ROWS BETWEEN (SELECT max(pay) FROM salaries) PRECEDING AND CURRENT ROW) FROM customers;  -- in a frame
SELECT lag(id, (SELECT max(pay) FROM salaries)) OVER (ORDER BY id) FROM customers;  -- as an offset
SELECT sum(id) OVER w FROM customers WINDOW w AS (ORDER BY (SELECT max(pay) FROM salaries));  -- in a named window

-- Clauses. !refused
SELECT 1 WHERE EXISTS (FROM salaries);  -- in WHERE
SELECT 1 FROM customers WHERE id IN (SELECT pay FROM salaries);  -- in IN
SELECT 1 FROM customers WHERE id NOT IN (SELECT pay FROM salaries);  -- in NOT IN
SELECT 1 FROM customers WHERE (id, name) IN (SELECT pay, person FROM salaries);  -- in IN, as a row
SELECT name FROM customers GROUP BY name, (SELECT max(pay) FROM salaries);  -- in GROUP BY
SELECT name FROM customers GROUP BY CUBE (name, (SELECT max(pay) FROM salaries));  -- in CUBE
SELECT name FROM customers GROUP BY GROUPING SETS ((name), ((SELECT max(pay) FROM salaries)));  -- in GROUPING SETS
SELECT region FROM customers GROUP BY region HAVING count(*) > (SELECT max(pay) FROM salaries);  -- in HAVING
SELECT name FROM customers QUALIFY row_number() OVER (ORDER BY id) = (SELECT max(pay) FROM salaries);  -- in QUALIFY
SELECT name FROM customers ORDER BY (SELECT max(pay) FROM salaries);  -- in ORDER BY
SELECT DISTINCT ON ((SELECT max(pay) FROM salaries)) name FROM customers;  -- in DISTINCT ON
SELECT name FROM customers LIMIT (SELECT max(pay) FROM salaries);  -- in LIMIT
SELECT name FROM customers LIMIT (SELECT max(pay) FROM salaries) PERCENT;  -- in LIMIT by percent
SELECT name FROM customers OFFSET (SELECT max(pay) FROM salaries);  -- in OFFSET
SELECT name FROM customers UNION SELECT '' ORDER BY (SELECT max(pay) FROM salaries);  -- as the order of a set operation
SELECT name FROM customers UNION SELECT '' LIMIT (SELECT max(pay) FROM salaries);  -- as the limit of a set operation
SELECT * REPLACE ((SELECT max(pay) FROM salaries) AS id) FROM customers;  -- in REPLACE
SELECT COLUMNS(lambda c: c IN (SELECT person FROM salaries)) FROM customers;  -- in COLUMNS
SELECT * FROM customers USING SAMPLE (SELECT max(pay) FROM salaries) ROWS;  -- in a sample

-- FROM. !refused
SELECT * FROM (salaries);  -- in brackets
SELECT * FROM (SELECT * FROM salaries);  -- as a subquery
SELECT * FROM (FROM salaries);  -- FROM alone
SELECT * FROM (TABLE salaries);  -- as TABLE
SELECT * FROM (VALUES ((SELECT max(pay) FROM salaries)));  -- in VALUES
SELECT * FROM salaries TABLESAMPLE 50%;  -- in a sample
SELECT * FROM salaries AS customers;  -- under a visible name
SELECT * FROM salaries AS customers(id, name);  -- under visible names of columns
SELECT * FROM LATERAL (SELECT * FROM salaries);  -- as LATERAL
SELECT * FROM range((SELECT max(pay) FROM salaries));  -- in range
SELECT * FROM generate_series(1, (SELECT max(pay) FROM salaries), 1);  -- in generate_series
SELECT * FROM unnest((SELECT list(pay) FROM salaries));  -- in unnest
SELECT * FROM unnest(ARRAY (SELECT pay FROM salaries));  -- as an array in unnest
SELECT * FROM repeat((SELECT max(person) FROM salaries), 1);  -- in repeat
SELECT * FROM repeat_row((SELECT max(person) FROM salaries), num_rows := 1);  -- in repeat_row
SELECT unnest((SELECT list(pay) FROM salaries));  -- unnested in the list
SELECT generate_series(1, (SELECT max(pay) FROM salaries));  -- as a series in the list
VALUES ((SELECT max(pay) FROM salaries));  -- VALUES alone
VALUES (1), ((SELECT max(pay) FROM salaries));  -- VALUES, second row
WITH x AS (SELECT * FROM salaries) SELECT * FROM x;  -- in a table expression
WITH x AS (SELECT * FROM salaries) SELECT 1;  -- in one that is not used
WITH x AS MATERIALIZED (SELECT * FROM salaries) SELECT 1;  -- in one that is made, though not used
SELECT * FROM customers WHERE id IN (WITH x AS (SELECT pay FROM salaries) SELECT * FROM x);  -- in one within a condition

-- A window that nothing uses is dropped by the parser, with its subquery
SELECT sum(id) OVER (ORDER BY id) FROM customers WINDOW unused AS (ORDER BY (SELECT max(pay) FROM salaries));  -- in a window that nothing uses
