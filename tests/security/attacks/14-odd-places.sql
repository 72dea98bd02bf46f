-- A hidden table in every place that a subquery may stand.

-- Expressions. !refused
SELECT (SELECT max(pay) FROM salaries);
SELECT (FROM salaries SELECT max(pay));
SELECT EXISTS (SELECT 1 FROM salaries);
SELECT NOT EXISTS (FROM salaries);
SELECT 1 IN (SELECT pay FROM salaries);
SELECT 1 = ANY (SELECT pay FROM salaries);
SELECT 1 > ALL (SELECT pay FROM salaries);
SELECT ARRAY (SELECT pay FROM salaries);
SELECT [(SELECT max(pay) FROM salaries)];
SELECT {'a': (SELECT max(pay) FROM salaries)};
SELECT MAP {'a': (SELECT max(pay) FROM salaries)};
SELECT ((SELECT max(pay) FROM salaries), 1);
SELECT [1, 2][(SELECT max(pay) FROM salaries)];
SELECT [1, 2][1:(SELECT max(pay) FROM salaries)];
SELECT CASE (SELECT max(pay) FROM salaries) WHEN 1 THEN 1 END;
SELECT CASE WHEN true THEN (SELECT max(pay) FROM salaries) END;
SELECT CASE WHEN false THEN 1 ELSE (SELECT max(pay) FROM salaries) END;
SELECT CAST((SELECT max(pay) FROM salaries) AS VARCHAR);
SELECT TRY((SELECT max(pay) FROM salaries));
SELECT coalesce(NULL, (SELECT max(pay) FROM salaries));
SELECT (SELECT max(pay) FROM salaries) BETWEEN 1 AND 2;
SELECT 1 BETWEEN (SELECT min(pay) FROM salaries) AND (SELECT max(pay) FROM salaries);
SELECT NOT (SELECT max(pay) > 1 FROM salaries);
SELECT -(SELECT max(pay) FROM salaries);
SELECT (SELECT max(person) FROM salaries) COLLATE nocase;
SELECT (SELECT max(person) FROM salaries) LIKE 'c%';
SELECT DATE '2020-01-01' + (SELECT max(pay) FROM salaries)::INTEGER;
SELECT extract(year FROM DATE '2020-01-01' + (SELECT max(pay) FROM salaries)::INTEGER);
SELECT list_transform([(SELECT max(pay) FROM salaries)], lambda x: x);
SELECT [x FOR x IN [(SELECT max(pay) FROM salaries)]];
SELECT struct_pack(a := (SELECT max(pay) FROM salaries));
SELECT (SELECT (SELECT (SELECT max(pay) FROM salaries)));
SELECT concat('a', (SELECT max(person) FROM salaries));
SELECT name, (SELECT max(pay) FROM salaries WHERE person = name) FROM customers;
SELECT INTERVAL ((SELECT max(pay) FROM salaries)) DAY;
SELECT 1::DECIMAL((SELECT max(pay) FROM salaries), 2)

-- Aggregates and windows. !refused
SELECT sum((SELECT max(pay) FROM salaries));
SELECT count(*) FILTER (WHERE EXISTS (FROM salaries)) FROM customers;
SELECT string_agg(name, (SELECT max(person) FROM salaries)) FROM customers;
SELECT string_agg(name ORDER BY (SELECT max(pay) FROM salaries)) FROM customers;
SELECT quantile_cont(id, (SELECT max(pay) FROM salaries)) FROM customers;
SELECT mode() WITHIN GROUP (ORDER BY (SELECT max(pay) FROM salaries)) FROM customers;
SELECT sum(id) OVER (PARTITION BY (SELECT max(pay) FROM salaries)) FROM customers;
SELECT sum(id) OVER (ORDER BY (SELECT max(pay) FROM salaries)) FROM customers;
SELECT sum(id) OVER (ORDER BY id ROWS BETWEEN (SELECT max(pay) FROM salaries) PRECEDING AND CURRENT ROW) FROM customers;
SELECT lag(id, (SELECT max(pay) FROM salaries)) OVER (ORDER BY id) FROM customers;
SELECT sum(id) OVER w FROM customers WINDOW w AS (ORDER BY (SELECT max(pay) FROM salaries))

-- Clauses. !refused
SELECT 1 WHERE EXISTS (FROM salaries);
SELECT 1 FROM customers WHERE id IN (SELECT pay FROM salaries);
SELECT 1 FROM customers WHERE id NOT IN (SELECT pay FROM salaries);
SELECT 1 FROM customers WHERE (id, name) IN (SELECT pay, person FROM salaries);
SELECT name FROM customers GROUP BY name, (SELECT max(pay) FROM salaries);
SELECT name FROM customers GROUP BY CUBE (name, (SELECT max(pay) FROM salaries));
SELECT name FROM customers GROUP BY GROUPING SETS ((name), ((SELECT max(pay) FROM salaries)));
SELECT region FROM customers GROUP BY region HAVING count(*) > (SELECT max(pay) FROM salaries);
SELECT name FROM customers QUALIFY row_number() OVER (ORDER BY id) = (SELECT max(pay) FROM salaries);
SELECT name FROM customers ORDER BY (SELECT max(pay) FROM salaries);
SELECT DISTINCT ON ((SELECT max(pay) FROM salaries)) name FROM customers;
SELECT name FROM customers LIMIT (SELECT max(pay) FROM salaries);
SELECT name FROM customers LIMIT (SELECT max(pay) FROM salaries) PERCENT;
SELECT name FROM customers OFFSET (SELECT max(pay) FROM salaries);
SELECT name FROM customers UNION SELECT '' ORDER BY (SELECT max(pay) FROM salaries);
SELECT name FROM customers UNION SELECT '' LIMIT (SELECT max(pay) FROM salaries);
SELECT * REPLACE ((SELECT max(pay) FROM salaries) AS id) FROM customers;
SELECT COLUMNS(lambda c: c IN (SELECT person FROM salaries)) FROM customers;
SELECT * FROM customers USING SAMPLE (SELECT max(pay) FROM salaries) ROWS

-- FROM. !refused
SELECT * FROM (salaries);
SELECT * FROM (SELECT * FROM salaries);
SELECT * FROM (FROM salaries);
SELECT * FROM (TABLE salaries);
SELECT * FROM (VALUES ((SELECT max(pay) FROM salaries)));
SELECT * FROM salaries TABLESAMPLE 50%;
SELECT * FROM salaries AS customers;
SELECT * FROM salaries AS customers(id, name);
SELECT * FROM LATERAL (SELECT * FROM salaries);
SELECT * FROM range((SELECT max(pay) FROM salaries));
SELECT * FROM generate_series(1, (SELECT max(pay) FROM salaries), 1);
SELECT * FROM unnest((SELECT list(pay) FROM salaries));
SELECT * FROM unnest(ARRAY (SELECT pay FROM salaries));
SELECT * FROM repeat((SELECT max(person) FROM salaries), 1);
SELECT * FROM repeat_row((SELECT max(person) FROM salaries), num_rows := 1);
SELECT unnest((SELECT list(pay) FROM salaries));
SELECT generate_series(1, (SELECT max(pay) FROM salaries));
VALUES ((SELECT max(pay) FROM salaries));
VALUES (1), ((SELECT max(pay) FROM salaries));
WITH x AS (SELECT * FROM salaries) SELECT * FROM x;
WITH x AS (SELECT * FROM salaries) SELECT 1;
WITH x AS MATERIALIZED (SELECT * FROM salaries) SELECT 1;
SELECT * FROM customers WHERE id IN (WITH x AS (SELECT pay FROM salaries) SELECT * FROM x)

-- A window that nothing uses is dropped by the parser, with its subquery
SELECT sum(id) OVER (ORDER BY id) FROM customers WINDOW unused AS (ORDER BY (SELECT max(pay) FROM salaries))
