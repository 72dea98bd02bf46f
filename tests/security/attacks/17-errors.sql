-- Errors as a channel: an expression that fails for hidden rows only, or whose text shows a value.
-- The statements must behave as over the permitted rows alone, and no text may show a value.

-- Casts that fail for hidden rows, which have other names and codes
SELECT count(*) FROM customers WHERE CAST(code AS INTEGER) > 0;
SELECT CAST(code AS INTEGER) FROM customers ORDER BY ALL;
SELECT count(*) FROM customers WHERE code::INTEGER IN (SELECT id FROM customers);
SELECT sum(CAST(code AS INTEGER)) FROM customers;
SELECT max(CAST(code AS INTEGER)) OVER () FROM customers;
SELECT count(*) FROM customers WHERE region = 'us' AND CAST(name AS INTEGER) = 1;
SELECT count(*) FROM customers WHERE CASE WHEN region = 'us' THEN CAST(name AS INTEGER) ELSE 1 END = 1;
SELECT count(*) FROM customers c JOIN orders o ON o.customer_id = c.id AND CAST(c.code AS INTEGER) > 0;
SELECT count(*) FROM orders o JOIN customers c ON c.code::INTEGER = o.order_id;
SELECT id FROM customers ORDER BY CAST(code AS INTEGER);
SELECT code::INTEGER AS k, count(*) FROM customers GROUP BY k ORDER BY k;
SELECT count(*) FROM customers WHERE code::INTEGER = (SELECT min(id) FROM customers);
SELECT count(*) FROM (SELECT DISTINCT CAST(code AS INTEGER) FROM customers);
SELECT count(*) FROM customers WHERE CAST(code AS INTEGER) > 0 AND region LIKE 'e%';
SELECT count(*) FROM customers a, customers b WHERE a.code::INTEGER = b.code::INTEGER

-- Division, overflow, out of range for hidden rows
SELECT count(*) FROM customers WHERE 1 // (CASE WHEN region = 'us' THEN 0 ELSE 1 END) = 1;
SELECT 100 % (level - 7) FROM customers ORDER BY ALL;
SELECT count(*) FROM customers WHERE CAST(level * 100 AS TINYINT) < 0 AND level < 0;
SELECT count(*) FROM customers WHERE CAST(level AS TINYINT) + 125::TINYINT > 0;
SELECT sum(level * 9000000000000000) FROM customers;
SELECT max(factorial(level + 15)) FROM customers;
SELECT max(sqrt(level - 1)) FROM customers;
SELECT max(ln(level)) FROM customers;
SELECT make_date(2000 + level, 1, 32 - level) FROM customers ORDER BY ALL

-- Functions that refuse a value and would show it
SELECT count(*) FROM customers WHERE strptime(code, '%d') IS NOT NULL;
SELECT max(regexp_matches('a', code)) FROM customers;
SELECT count(*) FROM customers WHERE CAST(code AS DATE) IS NULL;
SELECT CAST('[' || code || ']' AS INTEGER[]) FROM customers ORDER BY ALL;
SELECT CAST(code AS UUID) FROM customers;
SELECT json(code) FROM customers ORDER BY ALL;
SELECT from_hex(code) FROM customers ORDER BY ALL;
SELECT unhex(code) FROM customers ORDER BY ALL;
SELECT chr(CAST(code AS INTEGER)) FROM customers ORDER BY ALL;
SELECT printf(code) FROM customers ORDER BY ALL;
SELECT url_decode(code) FROM customers ORDER BY ALL;
SELECT struct_extract_at(row(1), CAST(code AS INTEGER)) FROM customers;
SELECT list_extract([1], CAST(code AS INTEGER)) FROM customers ORDER BY ALL;
SELECT time_bucket(to_days(CAST(code AS INTEGER)), joined) FROM customers ORDER BY ALL

-- Values that the user may see are not repeated by an error either. !refused
SELECT CAST(name AS INTEGER) FROM customers;
SELECT name::DATE FROM customers;
SELECT (SELECT name FROM customers);
SELECT CAST(email AS DOUBLE) FROM customers;
SELECT to_base(-id, 2) FROM customers

-- Errors on purpose. !refused
SELECT error(name) FROM customers;
SELECT CASE WHEN region = 'us' THEN error('there') END FROM customers;
SELECT assert_true(false, name) FROM customers

-- Subqueries whose number of rows tells whether there are hidden ones
SELECT (SELECT id FROM customers WHERE region <> 'eu');
SELECT (SELECT id FROM customers WHERE id > 6);
SELECT id FROM orders WHERE order_id = (SELECT id FROM customers WHERE region = 'us');
SELECT count(*) FROM customers WHERE id = (SELECT c.id FROM customers c WHERE c.region = 'us')

-- Where the error is must not say more than the statement itself. !refused
SELECT nam FROM customers;
SELECT ss FROM customers;
SELECT salarie FROM customers;
SELECT customer.name FROM customers;
SELECT * FROM customer;
SELECT * FROM salarie;
SELECT lowr(name) FROM customers;
SELECT canary FROM customers;
SELECT * FROM canary;
SELECT address.canary FROM customers;
SELECT struct_extract(address, 'cit') FROM customers
