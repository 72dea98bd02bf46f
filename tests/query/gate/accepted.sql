-- Statements that the gate lets through: what people and their tools write.
-- The last words of a comment, behind a colon, are the tables that it must report, in order.

-- Without tables
SELECT 1;
SELECT 1 AS one, 'two' AS two, 3.0 AS three, NULL AS none;
select 1 -- with a comment;
/* in front */ SELECT /* inside */ 1;
SELECT 1;;
VALUES (1, 'a'), (2, 'b');
FROM (VALUES (1, 'a')) AS v(x, y);
(SELECT 1);
((SELECT 1)) UNION ALL (SELECT 2);
SELECT x: 1, y: 2;
SELECT 1, 2,;
SELECT $1, $2;
SELECT ?, ?::INTEGER, CAST(? AS DATE);
SELECT $a, $b, $a;
SELECT 1 AS "a""b", 'it''s', e'tab\t', $$text$$, $x$te$$xt$x$, 'a' || 'b'

-- Selecting from tables: t
SELECT * FROM t;
SELECT t.* FROM t;
SELECT t.a, t."b", lake.s.t.a FROM t;
SELECT DISTINCT a FROM t;
SELECT ALL a FROM t;
SELECT DISTINCT ON (a) a, b FROM t ORDER BY a, b DESC NULLS LAST;
TABLE t;
FROM t;
FROM t SELECT a WHERE b > 1;
FROM t WHERE a LIMIT 3;
SELECT a FROM t AS x;
SELECT x.c FROM t AS x(c, d);
SELECT a FROM t LIMIT 10 OFFSET 5;
SELECT a FROM t OFFSET 5 LIMIT 10;
SELECT a FROM t LIMIT 10%;
SELECT a FROM t LIMIT ALL;
SELECT a FROM t LIMIT ? OFFSET ?;
SELECT a FROM t FETCH FIRST 3 ROWS ONLY;
SELECT a FROM t ORDER BY 1, 2 DESC;
SELECT a FROM t ORDER BY ALL;
SELECT a FROM t ORDER BY a COLLATE nocase;
SELECT a FROM t TABLESAMPLE 10%;
SELECT a FROM t USING SAMPLE reservoir(50 ROWS) REPEATABLE (1);
SELECT * EXCLUDE (a) REPLACE (b + 1 AS b) RENAME (c AS d) FROM t;
SELECT * LIKE 'a%' FROM t;
SELECT COLUMNS('a.*'), COLUMNS(c -> c LIKE 'b%'), COLUMNS(* EXCLUDE (a)) FROM t;
SELECT min(COLUMNS(*)) FROM t;
SELECT concat(*COLUMNS(*)) FROM t;
SELECT #1 FROM t;
SELECT t FROM t;
SELECT count(*), count(), count(DISTINCT a), sum(a) FILTER (WHERE b > 1) FROM t

-- Qualified and quoted names: s.t
SELECT * FROM s.t;
SELECT * FROM "s"."t"

-- Of three parts: lake.s.t
SELECT * FROM lake.s.t;
SELECT * FROM lake . s . t;
SELECT * FROM "lake".s."t"

-- Joins: a b
SELECT * FROM a, b;
SELECT * FROM a JOIN b ON a.x = b.x;
SELECT * FROM a JOIN b USING (x, y);
SELECT * FROM a LEFT JOIN b USING (x);
SELECT * FROM a RIGHT OUTER JOIN b ON a.x = b.x AND a.y > b.y;
SELECT * FROM a FULL JOIN b USING (x);
SELECT * FROM a CROSS JOIN b;
SELECT * FROM a NATURAL JOIN b;
SELECT * FROM a NATURAL LEFT JOIN b;
SELECT * FROM a SEMI JOIN b USING (x);
SELECT * FROM a ANTI JOIN b ON a.x = b.x;
SELECT * FROM a ASOF JOIN b ON a.t >= b.t;
SELECT * FROM a ASOF LEFT JOIN b USING (k, t);
SELECT * FROM a POSITIONAL JOIN b;
SELECT * FROM a, LATERAL (SELECT * FROM b WHERE b.x = a.x) l;
SELECT * FROM a LEFT JOIN LATERAL (SELECT max(y) FROM b WHERE b.x = a.x) l(y) ON true;
SELECT * FROM (a JOIN b USING (x));
SELECT * FROM a WHERE x IN (SELECT x FROM b);
SELECT * FROM a WHERE EXISTS (SELECT 1 FROM b WHERE b.x = a.x);
SELECT * FROM a WHERE (x, y) IN (SELECT x, y FROM b);
SELECT * FROM a WHERE x > ALL (SELECT x FROM b);
SELECT * FROM a WHERE x = ANY (SELECT x FROM b);
SELECT (SELECT max(x) FROM a), ARRAY (SELECT x FROM b);
SELECT x FROM a ORDER BY (SELECT max(x) FROM b);
SELECT x FROM a LIMIT (SELECT count(*) FROM b);
SELECT x FROM a GROUP BY x HAVING count(*) > (SELECT count(*) FROM b);
SELECT sum(x) OVER (ORDER BY (SELECT max(x) FROM b)) FROM a

-- Three tables, in order of mention: a b c
SELECT * FROM a JOIN b USING (x) LEFT JOIN c USING (y);
SELECT * FROM a UNION SELECT * FROM b EXCEPT SELECT * FROM c;
SELECT * FROM a UNION ALL BY NAME SELECT * FROM b INTERSECT SELECT * FROM c;
(SELECT * FROM a ORDER BY x LIMIT 1) UNION ALL (SELECT * FROM b) EXCEPT ALL SELECT * FROM c ORDER BY 1;
SELECT (SELECT max(x) FROM a) FROM b WHERE x IN (SELECT x FROM c)

-- Common table expressions: t
WITH x AS (SELECT * FROM t) SELECT * FROM x;
WITH x AS MATERIALIZED (SELECT * FROM t), y AS NOT MATERIALIZED (SELECT * FROM x) FROM x JOIN y USING (a);
WITH x(a, b) AS (SELECT c, d FROM t) SELECT a FROM x;
WITH t AS (SELECT * FROM t) SELECT * FROM t;
WITH RECURSIVE r AS (SELECT a, parent FROM t UNION ALL SELECT t.a, t.parent FROM (SELECT 1) q, r WHERE q IS NULL) FROM r;
WITH RECURSIVE r(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM r WHERE n < 10) SELECT * FROM r, t;
WITH RECURSIVE r(k, v) USING KEY (k) AS (SELECT a, b FROM t UNION SELECT k, v + 1 FROM r WHERE v < 3) FROM r;
SELECT * FROM (WITH x AS (SELECT * FROM t) SELECT * FROM x) y;
WITH x AS (WITH y AS (SELECT * FROM t) SELECT * FROM y) SELECT * FROM x

-- Grouping: t
SELECT a, sum(b) FROM t GROUP BY a HAVING sum(b) > 1;
SELECT a, b, sum(c) FROM t GROUP BY ALL;
SELECT a, grouping(a), grouping_id(a, b), sum(c) FROM t GROUP BY GROUPING SETS ((a, b), (a), ());
SELECT a, sum(b) FROM t GROUP BY ROLLUP (a, c);
SELECT a, sum(b) FROM t GROUP BY CUBE (a, c), d;
SELECT a FROM t GROUP BY 1;
SELECT string_agg(a, ', ' ORDER BY b DESC), array_agg(DISTINCT a), list(a) FROM t;
SELECT percentile_cont(0.5) WITHIN GROUP (ORDER BY a), quantile_cont(a, [0.1, 0.9]), median(a), mode(a) FROM t;
SELECT arg_max(a, b), max_by(a, b, 3), any_value(a), first(a), approx_count_distinct(a), bool_and(a) FROM t;
SELECT stddev(a), var_pop(a), corr(a, b), regr_slope(a, b), kurtosis(a), entropy(a), histogram(a) FROM t

-- Windows: t
SELECT row_number() OVER (), rank() OVER (ORDER BY a), ntile(4) OVER (PARTITION BY b ORDER BY a) FROM t;
SELECT lag(a, 1, 0) OVER w, lead(a) OVER w, first_value(a IGNORE NULLS) OVER w FROM t WINDOW w AS (PARTITION BY b ORDER BY c);
SELECT sum(a) OVER (ORDER BY b ROWS BETWEEN 6 PRECEDING AND CURRENT ROW EXCLUDE TIES) FROM t;
SELECT avg(a) OVER (ORDER BY d RANGE BETWEEN INTERVAL 7 DAY PRECEDING AND INTERVAL 1 DAY FOLLOWING) FROM t;
SELECT count(*) FILTER (WHERE a) OVER (ORDER BY b GROUPS 1 PRECEDING) FROM t;
SELECT a FROM t QUALIFY row_number() OVER (PARTITION BY b ORDER BY c DESC) = 1;
SELECT cume_dist() OVER w, percent_rank() OVER w, nth_value(a, 2) OVER w FROM t WINDOW w AS (ORDER BY a)

-- Pivots: t
PIVOT t ON a IN ('x', 'y') USING sum(b) GROUP BY c;
SELECT * FROM t PIVOT (sum(b) AS s, max(b) AS m FOR a IN ('x', 'y') GROUP BY c);
UNPIVOT t ON a, b INTO NAME n VALUE v;
SELECT * FROM t UNPIVOT INCLUDE NULLS (v FOR n IN (a, b));
UNPIVOT t ON COLUMNS(* EXCLUDE (id)) INTO NAME n VALUE v;
FROM (FROM t SELECT a, b) PIVOT (count(*) FOR a IN (1, 2))

-- Expressions: t
SELECT CASE WHEN a > 1 THEN 'x' WHEN a IS NULL THEN 'y' ELSE 'z' END, CASE a WHEN 1 THEN 2 END FROM t;
SELECT coalesce(a, b, 0), nullif(a, b), ifnull(a, 0), greatest(a, b), least(a, b), if(a, b, c) FROM t;
SELECT a BETWEEN 1 AND 2, a NOT IN (1, 2), a IS DISTINCT FROM b, a IS NOT NULL, a IS NOT TRUE FROM t;
SELECT a LIKE 'x%', a NOT ILIKE '%y', a LIKE 'a!%' ESCAPE '!', a SIMILAR TO 'x.*', a ~ 'x', a GLOB 'x*' FROM t;
SELECT -a, +a, a + b - c * d / e // f % g ^ 2 ** 2, a & b | c << 1 >> 2, ~a, a!, @a FROM t;
SELECT NOT a AND (b OR c), a = b, a == b, a <> b, a != b, a <= b FROM t;
SELECT CAST(a AS VARCHAR), a::DECIMAL(10, 2), TRY_CAST(a AS INTEGER), a::VARCHAR(10), a::INT[], a::INT[3] FROM t;
SELECT a::TIMESTAMP WITH TIME ZONE, a::TIMESTAMPTZ, a::TIME, a::DATE, a::INTERVAL, a::UUID, a::BLOB, a::JSON FROM t;
SELECT a::STRUCT(x INTEGER, y VARCHAR), a::MAP(VARCHAR, INTEGER), a::HUGEINT, a::UBIGINT, a::DOUBLE PRECISION FROM t;
SELECT DATE '2024-01-01', TIMESTAMP '2024-01-01 00:00', INTERVAL '1' DAY, INTERVAL 3 MONTHS, TIME '10:00' FROM t;
SELECT TRY(a / b) FROM t;
SELECT a COLLATE nocase, a AT TIME ZONE 'UTC' FROM t;
SELECT [1, 2, 3], [a, b][1], [a, b][1:2], a[1:], {'x': a, 'y': b}, MAP {'k': a}, (a, b), row(a, b) FROM t;
SELECT a.b.c, (a).b, a['b'], struct_extract(a, 'b'), struct_pack(x := a), struct_insert(a, x := 1) FROM t;
SELECT list_transform(a, lambda x: x + 1), list_filter(a, lambda x, i: i > 1), list_reduce(a, lambda x, y: x + y) FROM t;
SELECT [x * 2 FOR x IN a IF x > 1], list_sort(a), list_contains(a, 1), len(a), flatten(a), array_length(a) FROM t;
SELECT unnest(a), unnest(s, recursive := true), generate_subscripts(a, 1) FROM t;
SELECT a->'x'->>'y', json_extract(a, '$.x'), json_extract_string(a, '$.x'), to_json(t), json_object('a', a) FROM t;
SELECT map_keys(a), map_values(a), map_entries(a), a['k'], element_at(a, 'k') FROM t

-- Functions of every kind: t
SELECT lower(a), upper(a), trim(BOTH ' ' FROM a), substring(a FROM 1 FOR 2), position('x' IN a), overlay(a PLACING 'x' FROM 1) FROM t;
SELECT concat(a, b), concat_ws('-', a, b), format('{} {}', a, b), printf('%d', a), replace(a, 'x', 'y'), lpad(a, 5, '0') FROM t;
SELECT regexp_matches(a, 'x'), regexp_replace(a, 'x', 'y', 'g'), regexp_extract(a, '(x)', 1), split_part(a, '-', 1) FROM t;
SELECT 'abc'.upper(), length('abc'), strlen(a), left(a, 2), right(a, 2), reverse(a), repeat(a, 2), starts_with(a, 'x') FROM t;
SELECT md5(a), sha256(a), hash(a), hex(a), unhex(a), base64(a::BLOB), encode(a), url_encode(a) FROM t;
SELECT date_trunc('month', d), date_diff('day', d, e), date_part('year', d), extract(EPOCH FROM d), year(d), dayname(d) FROM t;
SELECT strftime(d, '%Y-%m'), strptime(a, '%Y'), d + INTERVAL 1 DAY, age(d), last_day(d), make_date(2024, 1, 1), time_bucket(INTERVAL 1 HOUR, d) FROM t;
SELECT current_date, current_timestamp, now(), today(), localtimestamp, get_current_timestamp() FROM t;
SELECT abs(a), round(a, 2), floor(a), ceil(a), sqrt(a), ln(a), power(a, 2), mod(a, 2), sign(a), pi(), random(), trunc(a) FROM t;
SELECT typeof(a), uuid(), hash(a), bit_count(a), bin(a), isnan(a), isfinite(a), width_bucket FROM t

-- Table functions that only count.
SELECT * FROM range(10);
SELECT * FROM range(1, 10, 2) r(i);
SELECT * FROM generate_series(DATE '2024-01-01', DATE '2024-02-01', INTERVAL 1 DAY) g(d);
SELECT * FROM unnest([1, 2, 3]) WITH ORDINALITY;
SELECT * FROM unnest([{'a': 1}], recursive := true);
SELECT * FROM repeat(1, 3)

-- With a table beside it: t
SELECT * FROM t, unnest(t.list) u(x);
SELECT * FROM t CROSS JOIN range(3) r(i);
SELECT * FROM range((SELECT max(a) FROM t))

-- As BI tools write: sales.orders
SELECT "orders"."region" AS "region", SUM("orders"."amount") AS "sum:amount" FROM "sales"."orders" "orders" GROUP BY 1 HAVING (COUNT(1) > 0);
SELECT TOP_.* FROM (SELECT * FROM sales.orders) AS TOP_ LIMIT 1001;
SELECT CAST(EXTRACT(YEAR FROM "t0"."day") AS BIGINT) AS "yr:day", COUNT(DISTINCT "t0"."id") AS "c" FROM (SELECT * FROM sales.orders "o" WHERE ("o"."day" >= TIMESTAMP '2024-01-01 00:00:00')) "t0" GROUP BY 1 ORDER BY 2 DESC NULLS LAST;
/* tool: dashboard 12 */ select date_trunc('week', "orders"."created") as "created", count(*) as "count" from "sales"."orders" where "orders"."status" in ('a', 'b') and "orders"."created" >= cast(? as timestamp) group by 1 order by 1 asc limit 10000;
SELECT * FROM (SELECT *, ROW_NUMBER() OVER (PARTITION BY region ORDER BY amount DESC) AS rn FROM sales.orders) q WHERE rn <= 3;
SELECT * FROM sales.orders WHERE 1 = 0
