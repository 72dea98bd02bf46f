-- A masked column: everywhere the statement sees the masked value, never the raw one.

-- Direct
SELECT email FROM customers ORDER BY id;
SELECT DISTINCT email FROM customers;
SELECT max(email), min(email) FROM customers;
SELECT string_agg(email, ',' ORDER BY id) FROM customers;
SELECT length(email) FROM customers ORDER BY id;
SELECT reverse(email), upper(email), md5(email), hex(email), base64(encode(email)) FROM customers ORDER BY id;
SELECT ascii(email), substr(email, 1, 1), email[1], left(email, 3) FROM customers ORDER BY id;
SELECT regexp_extract(email, '^[^@]*') FROM customers ORDER BY id;
SELECT split_part(email, '@', 1) FROM customers ORDER BY id;
SELECT string_split(email, '') FROM customers ORDER BY id;
SELECT hash(email) FROM customers ORDER BY id;
SELECT encode(email) FROM customers ORDER BY id;
SELECT email::BLOB FROM customers ORDER BY id;
SELECT to_json(customers)->>'email' FROM customers ORDER BY id;
SELECT (c).email FROM customers c ORDER BY (c).id;
SELECT struct_extract(c, 'email') FROM customers c ORDER BY c.id;
SELECT * FROM (SELECT unnest(c) FROM customers c) ORDER BY ALL

-- Probes for the raw value
SELECT count(*) FROM customers WHERE email = 'canary-f-1@mail.test';
SELECT count(*) FROM customers WHERE email LIKE 'canary%';
SELECT count(*) FROM customers WHERE email > 'b';
SELECT count(*) FROM customers WHERE email BETWEEN 'canary-f-1' AND 'canary-f-9';
SELECT count(*) FROM customers WHERE contains(email, 'canary');
SELECT count(*) FROM customers WHERE sha256(email) = sha256('canary-f-1@mail.test');
SELECT count(*) FROM customers WHERE email IN ('canary-f-1@mail.test', 'canary-f-2@mail.test');
SELECT count(*) FROM customers WHERE starts_with(email, 'c');
SELECT count(*) FROM customers WHERE length(email) > 13;
SELECT count(*) FROM customers WHERE regexp_matches(email, '^c');
SELECT count(*) FROM customers WHERE email <> '***@mail.test';
SELECT sum(CASE WHEN email LIKE 'canary%' THEN 1 ELSE 0 END) FROM customers;
SELECT count(*) FILTER (WHERE email LIKE 'canary%') FROM customers;
SELECT levenshtein(email, 'canary-f-1@mail.test') FROM customers ORDER BY ALL

-- Grouping, ordering and joining by the raw value would tell which are equal or less
SELECT email, count(*) FROM customers GROUP BY email;
SELECT count(DISTINCT email) FROM customers;
SELECT rank() OVER (ORDER BY email), id FROM customers ORDER BY id;
SELECT dense_rank() OVER (ORDER BY email), id FROM customers ORDER BY id;
SELECT first(id ORDER BY id) FROM customers GROUP BY email;
SELECT count(*) FROM customers a JOIN customers b USING (email);
SELECT count(*) FROM customers a JOIN customers b ON a.email = b.email AND a.id <> b.id;
SELECT count(*) FROM customers JOIN (VALUES ('canary-f-1@mail.test')) v(email) USING (email);
SELECT count(*) FROM customers WHERE email IN (SELECT note FROM orders);
SELECT count(*) FROM customers NATURAL JOIN (SELECT 'canary-f-1@mail.test' AS email);
SELECT count(*) FROM (SELECT email FROM customers INTERSECT SELECT 'canary-f-1@mail.test');
SELECT histogram(email) FROM customers;
SELECT DISTINCT ON (email) count(*) OVER () FROM customers;
SELECT count(*) FROM orders o ASOF JOIN customers c ON o.note >= c.email;
SELECT id FROM customers QUALIFY row_number() OVER (PARTITION BY email ORDER BY id) = 1

-- Errors that would show the raw value. !refused
SELECT CAST(email AS INTEGER) FROM customers;
SELECT email::DATE FROM customers;
SELECT strptime(email, '%Y') FROM customers;
SELECT json(email) FROM customers

-- Aliases and other columns of the same name
SELECT email FROM (SELECT 'mine' AS email, id FROM customers) ORDER BY id;
SELECT 'x' AS email FROM customers WHERE email LIKE 'canary%';
SELECT email AS e FROM customers WHERE e LIKE 'canary%';
SELECT upper(email) AS email FROM customers ORDER BY email;
SELECT lower(email) AS email, count(*) FROM customers GROUP BY email
