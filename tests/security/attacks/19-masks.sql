-- A masked column: everywhere the statement sees the masked value, never the raw one.

-- Direct
SELECT email FROM customers ORDER BY id;  -- as it is
SELECT DISTINCT email FROM customers;  -- distinct ones
SELECT max(email), min(email) FROM customers;  -- extremes
SELECT string_agg(email, ',' ORDER BY id) FROM customers;  -- together
SELECT length(email) FROM customers ORDER BY id;  -- lengths
SELECT reverse(email), upper(email), md5(email), hex(email), base64(encode(email)) FROM customers ORDER BY id;  -- other forms
SELECT ascii(email), substr(email, 1, 1), email[1], left(email, 3) FROM customers ORDER BY id;  -- parts
SELECT regexp_extract(email, '^[^@]*') FROM customers ORDER BY id;  -- by a pattern
SELECT split_part(email, '@', 1) FROM customers ORDER BY id;  -- split by the sign
SELECT string_split(email, '') FROM customers ORDER BY id;  -- split into letters
SELECT hash(email) FROM customers ORDER BY id;  -- a hash
SELECT encode(email) FROM customers ORDER BY id;  -- bytes
SELECT email::BLOB FROM customers ORDER BY id;  -- bytes by a cast
SELECT to_json(customers)->>'email' FROM customers ORDER BY id;  -- in JSON
SELECT (c).email FROM customers c ORDER BY (c).id;  -- as a field
SELECT struct_extract(c, 'email') FROM customers c ORDER BY c.id;  -- as a field, by a function
SELECT * FROM (SELECT unnest(c) FROM customers c) ORDER BY ALL;  -- taken apart

-- Probes for the raw value
SELECT count(*) FROM customers WHERE email = 'canary-f-1@mail.test';  -- equal
SELECT count(*) FROM customers WHERE email LIKE 'canary%';  -- like
SELECT count(*) FROM customers WHERE email > 'b';  -- greater
SELECT count(*) FROM customers WHERE email BETWEEN 'canary-f-1' AND 'canary-f-9';  -- between
SELECT count(*) FROM customers WHERE contains(email, 'canary');  -- containing
SELECT count(*) FROM customers WHERE sha256(email) = sha256('canary-f-1@mail.test');  -- by a hash
SELECT count(*) FROM customers WHERE email IN ('canary-f-1@mail.test', 'canary-f-2@mail.test');  -- in a list
SELECT count(*) FROM customers WHERE starts_with(email, 'c');  -- by its start
SELECT count(*) FROM customers WHERE length(email) > 13;  -- by its length
SELECT count(*) FROM customers WHERE regexp_matches(email, '^c');  -- by a regular expression
SELECT count(*) FROM customers WHERE email <> '***@mail.test';  -- different
SELECT sum(CASE WHEN email LIKE 'canary%' THEN 1 ELSE 0 END) FROM customers;  -- summed
SELECT count(*) FILTER (WHERE email LIKE 'canary%') FROM customers;  -- filtered
SELECT levenshtein(email, 'canary-f-1@mail.test') FROM customers ORDER BY ALL;  -- by its distance

-- Grouping, ordering and joining by the raw value would tell which are equal or less
SELECT email, count(*) FROM customers GROUP BY email;  -- groups
SELECT count(DISTINCT email) FROM customers;  -- distinct ones
SELECT rank() OVER (ORDER BY email), id FROM customers ORDER BY id;  -- rank
SELECT dense_rank() OVER (ORDER BY email), id FROM customers ORDER BY id;  -- rank without gaps
SELECT first(id ORDER BY id) FROM customers GROUP BY email;  -- the first of each group
SELECT count(*) FROM customers a JOIN customers b USING (email);  -- with itself
SELECT count(*) FROM customers a JOIN customers b ON a.email = b.email AND a.id <> b.id;  -- with itself, other rows
SELECT count(*) FROM customers JOIN (VALUES ('canary-f-1@mail.test')) v(email) USING (email);  -- with a list
SELECT count(*) FROM customers WHERE email IN (SELECT note FROM orders);  -- in another table
SELECT count(*) FROM customers NATURAL JOIN (SELECT 'canary-f-1@mail.test' AS email);  -- by common columns
SELECT count(*) FROM (SELECT email FROM customers INTERSECT SELECT 'canary-f-1@mail.test');  -- common values
SELECT histogram(email) FROM customers;  -- a histogram
SELECT DISTINCT ON (email) count(*) OVER () FROM customers;  -- the first of each
SELECT count(*) FROM orders o ASOF JOIN customers c ON o.note >= c.email;  -- the nearest
SELECT id FROM customers QUALIFY row_number() OVER (PARTITION BY email ORDER BY id) = 1;  -- the first by a window

-- Errors that would show the raw value. !refused
SELECT CAST(email AS INTEGER) FROM customers;  -- a number
SELECT email::DATE FROM customers;  -- a date
SELECT strptime(email, '%Y') FROM customers;  -- a time
SELECT json(email) FROM customers;  -- a document

-- Aliases and other columns of the same name
SELECT email FROM (SELECT 'mine' AS email, id FROM customers) ORDER BY id;  -- another column of the name
SELECT 'x' AS email FROM customers WHERE email LIKE 'canary%';  -- an alias of the name
SELECT email AS e FROM customers WHERE e LIKE 'canary%';  -- an alias in the condition
SELECT upper(email) AS email FROM customers ORDER BY email;  -- another form under the name
SELECT lower(email) AS email, count(*) FROM customers GROUP BY email;  -- groups under the name
