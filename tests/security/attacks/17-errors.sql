-- Errors as a channel: an expression that fails for hidden rows only, or whose text shows a value.
-- The statements must behave as over the permitted rows alone, and no text may show a value.

-- Casts that fail for hidden rows, which have other names and codes
SELECT count(*) FROM customers WHERE CAST(code AS INTEGER) > 0;  -- in a condition
SELECT CAST(code AS INTEGER) FROM customers ORDER BY ALL;  -- in the list
SELECT count(*) FROM customers WHERE code::INTEGER IN (SELECT id FROM customers);  -- beside a subquery
SELECT sum(CAST(code AS INTEGER)) FROM customers;  -- in an aggregate
SELECT max(CAST(code AS INTEGER)) OVER () FROM customers;  -- in a window
SELECT count(*) FROM customers WHERE region = 'us' AND CAST(name AS INTEGER) = 1;  -- behind a condition of hidden rows
SELECT count(*) FROM customers WHERE CASE WHEN region = 'us' THEN CAST(name AS INTEGER) ELSE 1 END = 1;  -- in a CASE for hidden rows
SELECT count(*) FROM customers c JOIN orders o ON o.customer_id = c.id AND CAST(c.code AS INTEGER) > 0;  -- in the condition of a join
SELECT count(*) FROM orders o JOIN customers c ON c.code::INTEGER = o.order_id;  -- as the key of a join
SELECT id FROM customers ORDER BY CAST(code AS INTEGER);  -- as an order
SELECT code::INTEGER AS k, count(*) FROM customers GROUP BY k ORDER BY k;  -- as a group
SELECT count(*) FROM customers WHERE code::INTEGER = (SELECT min(id) FROM customers);  -- compared with a subquery
SELECT count(*) FROM (SELECT DISTINCT CAST(code AS INTEGER) FROM customers);  -- among distinct values
SELECT count(*) FROM customers WHERE CAST(code AS INTEGER) > 0 AND region LIKE 'e%';  -- before another condition
SELECT count(*) FROM customers a, customers b WHERE a.code::INTEGER = b.code::INTEGER;  -- on both sides

-- Division, overflow, out of range for hidden rows
SELECT count(*) FROM customers WHERE 1 // (CASE WHEN region = 'us' THEN 0 ELSE 1 END) = 1;  -- division by what is zero for hidden rows
SELECT 100 % (level - 7) FROM customers ORDER BY ALL;  -- by a column that is
SELECT count(*) FROM customers WHERE CAST(level * 100 AS TINYINT) < 0 AND level < 0;  -- overflow of a small type
SELECT count(*) FROM customers WHERE CAST(level AS TINYINT) + 125::TINYINT > 0;  -- overflow of a sum of small ones
SELECT sum(level * 9000000000000000) FROM customers;  -- overflow of a sum
SELECT max(factorial(level + 15)) FROM customers;  -- overflow of a function
SELECT max(sqrt(level - 1)) FROM customers;  -- a root of less than zero
SELECT max(ln(level)) FROM customers;  -- a logarithm
SELECT make_date(2000 + level, 1, 32 - level) FROM customers ORDER BY ALL;  -- a date that is none

-- Functions that refuse a value and would show it
SELECT count(*) FROM customers WHERE strptime(code, '%d') IS NOT NULL;  -- a format that does not fit
SELECT max(regexp_matches('a', code)) FROM customers;  -- a pattern that is none
SELECT count(*) FROM customers WHERE CAST(code AS DATE) IS NULL;  -- a date that is none
SELECT CAST('[' || code || ']' AS INTEGER[]) FROM customers ORDER BY ALL;  -- a list that is none
SELECT CAST(code AS UUID) FROM customers;  -- an identifier that is none
SELECT json(code) FROM customers ORDER BY ALL;  -- a document that is none
SELECT from_hex(code) FROM customers ORDER BY ALL;  -- bytes that are none
SELECT unhex(code) FROM customers ORDER BY ALL;  -- bytes by the other name
SELECT chr(CAST(code AS INTEGER)) FROM customers ORDER BY ALL;  -- a letter that is none
SELECT printf(code) FROM customers ORDER BY ALL;  -- a format
SELECT url_decode(code) FROM customers ORDER BY ALL;  -- an escape
SELECT struct_extract_at(row(1), CAST(code AS INTEGER)) FROM customers;  -- a place in a struct
SELECT list_extract([1], CAST(code AS INTEGER)) FROM customers ORDER BY ALL;  -- a place in a list
SELECT time_bucket(to_days(CAST(code AS INTEGER)), joined) FROM customers ORDER BY ALL;  -- a width of time

-- Values that the user may see are not repeated by an error either. !refused
SELECT CAST(name AS INTEGER) FROM customers;  -- a number of a name
SELECT name::DATE FROM customers;  -- a date of a name
SELECT (SELECT name FROM customers);  -- more than one row
SELECT CAST(email AS DOUBLE) FROM customers;  -- a number of a masked value
SELECT to_base(-id, 2) FROM customers;  -- a base of less than zero

-- Errors on purpose. !refused
SELECT error(name) FROM customers;  -- for each row
SELECT CASE WHEN region = 'us' THEN error('there') END FROM customers;  -- for hidden rows
SELECT assert_true(false, name) FROM customers;  -- by a condition that fails

-- Subqueries whose number of rows tells whether there are hidden ones
SELECT (SELECT id FROM customers WHERE region <> 'eu');  -- those of another region
SELECT (SELECT id FROM customers WHERE id > 6);  -- those of higher numbers
SELECT id FROM orders WHERE order_id = (SELECT id FROM customers WHERE region = 'us');  -- compared with a number
SELECT count(*) FROM customers WHERE id = (SELECT c.id FROM customers c WHERE c.region = 'us');  -- compared with their own

-- Where the error is must not say more than the statement itself. !refused
SELECT nam FROM customers;  -- a letter less
SELECT ss FROM customers;  -- a letter less of a hidden one
SELECT salarie FROM customers;  -- a letter less of a hidden table
SELECT customer.name FROM customers;  -- a letter less of the table
SELECT * FROM customer;  -- the same in FROM
SELECT * FROM salarie;  -- a hidden table in FROM
SELECT lowr(name) FROM customers;  -- a function
SELECT canary FROM customers;  -- a part of hidden names
SELECT * FROM canary;  -- the same as a table
SELECT address.canary FROM customers;  -- a hidden field
SELECT struct_extract(address, 'cit') FROM customers;  -- a part of a field
