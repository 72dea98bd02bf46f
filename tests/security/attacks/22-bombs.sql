-- Statements that would take all time or memory. They end as refusals or within their deadline, and
-- the server goes on. Those marked slow run only where they are asked for.

-- Refused before they are parsed, or by their shape. !refused !alone
SELECT «brackets»1«closing»;
SELECT * FROM «brackets»customers«closing»;
SELECT «brackets»;
SELECT 1 «unions»;
SELECT 1 FROM customers GROUP BY ROLLUP («many»), ROLLUP («many»);
SELECT 1 FROM customers GROUP BY CUBE (a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p, q);
SELECT «many»«many»«many»«many»«many»«many»«many»«many»«many»«many»«many»1;
SELECT * FROM customers «joins»;
SELECT «minuses»1

-- Memory of one value. !refused !alone
SELECT repeat('x', 100000000000);
SELECT length(repeat(name, 10000000000)) FROM customers

-- Time without end. !random !alone !slow
SELECT count(*) FROM range(1000000) a, range(1000000) b, customers

-- More of both. !random !alone !slow
SELECT lpad('x', 2000000000, 'y');
SELECT printf('%1000000000d', 1);
SELECT list_resize([1], 10000000000);
SELECT levenshtein(repeat('a', 200000), repeat('b', 200000));
SELECT count(*) FROM range(1000000000000);
WITH RECURSIVE r AS (SELECT 1 n UNION ALL SELECT n + 1 FROM r) SELECT max(n) FROM r;
SELECT max(x) FROM (SELECT list_sort(range(500000000)) AS x);
SELECT list_reduce(range(100000), lambda a, b: a + length(repeat('x', 100000)));
SELECT sum(length(string_agg)) FROM (SELECT string_agg(repeat('x', 1000000)) OVER (ORDER BY i) FROM range(100000) t(i));
SELECT mode(i) OVER (ROWS BETWEEN 100000 PRECEDING AND 100000 FOLLOWING) FROM range(10000000) t(i)

-- Harmless although it looks like one
SELECT regexp_matches(repeat('a', 10000), '(a+)+$');
SELECT count(*) FROM range(1000) a, range(1000) b
