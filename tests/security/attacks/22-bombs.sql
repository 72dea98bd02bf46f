-- Statements that would take all time or memory. They end as refusals or within their deadline, and
-- the server goes on. Those marked slow run only where they are asked for.

-- Refused before they are parsed, or by their shape. !refused !alone
SELECT «brackets»1«closing»;  -- brackets around a value
SELECT * FROM «brackets»customers«closing»;  -- brackets around a table
SELECT «brackets»;  -- brackets that stay open
SELECT 1 «unions»;  -- set operations
SELECT 1 FROM customers GROUP BY ROLLUP («many»), ROLLUP («many»);  -- sets of groups, multiplied
SELECT 1 FROM customers GROUP BY CUBE (a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p, q);  -- sets of groups, doubled each time
SELECT «many»«many»«many»«many»«many»«many»«many»«many»«many»«many»«many»1;  -- columns
SELECT * FROM customers «joins»;  -- tables
SELECT «minuses»1;  -- signs

-- Memory of one value. !refused !alone
SELECT repeat('x', 100000000000);  -- a text
SELECT length(repeat(name, 10000000000)) FROM customers;  -- a text for each row

-- Time without end. !random !alone !slow
SELECT count(*) FROM range(1000000) a, range(1000000) b, customers;  -- a product

-- More of both. !random !alone !slow
SELECT lpad('x', 2000000000, 'y');  -- padding
SELECT printf('%1000000000d', 1);  -- printing
SELECT list_resize([1], 10000000000);  -- a list
SELECT levenshtein(repeat('a', 200000), repeat('b', 200000));  -- a distance
SELECT count(*) FROM range(1000000000000);  -- a count
WITH RECURSIVE r AS (SELECT 1 n UNION ALL SELECT n + 1 FROM r) SELECT max(n) FROM r;  -- a recursion
SELECT max(x) FROM (SELECT list_sort(range(500000000)) AS x);  -- sorting
SELECT list_reduce(range(100000), lambda a, b: a + length(repeat('x', 100000)));  -- a reduction
SELECT sum(length(string_agg)) FROM (SELECT string_agg(repeat('x', 1000000)) OVER (ORDER BY i) FROM range(100000) t(i));  -- texts for each row
SELECT mode(i) OVER (ROWS BETWEEN 100000 PRECEDING AND 100000 FOLLOWING) FROM range(10000000) t(i);  -- windows

-- Harmless although it looks like one
SELECT regexp_matches(repeat('a', 10000), '(a+)+$');  -- an expression that others try for ever
SELECT count(*) FROM range(1000) a, range(1000) b;  -- a product of a million

-- Many names and levels in little text. !refused !alone
WITH «tables_of_ctes» SELECT 1;  -- table expressions
SELECT * FROM customers WHERE «deep_not»;  -- negations
SELECT 1 FROM customers GROUP BY ROLLUP (id, name, region, code, level, joined), CUBE («many»1);  -- sets of groups of both kinds
