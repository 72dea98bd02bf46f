-- What an analyst of investments asks of a small fund: performance, exposure, costs, what is missing.
-- Both engines give the same, or the statement is refused by the name of what has no form.

-- Joins of what was traded with who and what
SELECT i.class, SUM(t.quantity * t.price) AS turnover FROM fund.trades t JOIN fund.instruments i ON t.isin = i.isin GROUP BY i.class ORDER BY i.class;
SELECT a.client, i.name, COUNT(*) AS n FROM fund.trades AS t JOIN fund.accounts AS a USING (account_id) JOIN fund.instruments AS i USING (isin) GROUP BY ALL ORDER BY ALL LIMIT 25;
SELECT i.isin, i.name, COUNT(t.trade_id) AS n FROM fund.instruments i LEFT JOIN fund.trades t ON t.isin = i.isin AND t.side = 'buy' GROUP BY i.isin, i.name ORDER BY i.isin;
SELECT a.account_id, t.trade_id FROM fund.accounts a FULL JOIN fund.trades t ON a.account_id = t.account_id AND t.quantity > 900 ORDER BY a.account_id NULLS LAST, t.trade_id NULLS LAST LIMIT 40;
SELECT a.account_id FROM fund.accounts a ANTI JOIN fund.trades t ON a.account_id = t.account_id ORDER BY 1;
SELECT one.isin, other.isin AS twin FROM fund.instruments one JOIN fund.instruments other ON one.sector = other.sector AND one.isin < other.isin ORDER BY ALL;
SELECT COUNT(*) AS n FROM fund.instruments CROSS JOIN range(5) AS r(k);

-- Prices over time: returns, moving averages, the last of a month
SELECT isin, day, close, lag(close) OVER (PARTITION BY isin ORDER BY day) AS before FROM fund.prices ORDER BY isin, day LIMIT 60;
SELECT isin, day, close / lag(close) OVER (PARTITION BY isin ORDER BY day) - 1 AS back FROM fund.prices WHERE isin < 'XS0000000004' ORDER BY isin, day;
SELECT isin, day, avg(close) OVER (PARTITION BY isin ORDER BY day ROWS BETWEEN 4 PRECEDING AND CURRENT ROW) AS mean FROM fund.prices ORDER BY isin, day LIMIT 80;
SELECT isin, day, close FROM fund.prices QUALIFY row_number() OVER (PARTITION BY isin, date_trunc('month', day) ORDER BY day DESC) = 1 ORDER BY isin, day;
SELECT isin, max(close) AS high, min(close) AS low, arg_max(close, day) AS latest FROM fund.prices GROUP BY isin ORDER BY isin;
SELECT isin, day, sum(volume) OVER (PARTITION BY isin ORDER BY day) AS running, rank() OVER (PARTITION BY day ORDER BY volume DESC, isin) AS place FROM fund.prices ORDER BY isin, day LIMIT 50;
SELECT isin, first_value(close) OVER w AS opened, last_value(close) OVER w AS closed FROM fund.prices WINDOW w AS (PARTITION BY isin ORDER BY day ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING) ORDER BY ALL LIMIT 20;
SELECT DISTINCT ON (isin) isin, day, close FROM fund.prices ORDER BY isin, day DESC;

-- Positions and exposure, by common table expressions
WITH signed AS (SELECT account_id, isin, CASE side WHEN 'buy' THEN quantity ELSE -quantity END AS units FROM fund.trades), held AS (SELECT account_id, isin, sum(units) AS units FROM signed GROUP BY ALL) SELECT h.account_id, h.isin, h.units, h.units * p.close AS worth FROM held h JOIN (SELECT isin, arg_max(close, day) AS close FROM fund.prices GROUP BY isin) p USING (isin) WHERE h.units <> 0 ORDER BY ALL;
WITH daily AS (SELECT day, isin, close FROM fund.prices WHERE day >= DATE '2024-02-01'), ends AS (SELECT isin, min(day) AS first, max(day) AS last FROM daily GROUP BY isin) SELECT e.isin, b.close AS last, a.close AS first, round(b.close / a.close - 1, 6) AS performance FROM ends e JOIN daily a ON a.isin = e.isin AND a.day = e.first JOIN daily b ON b.isin = e.isin AND b.day = e.last ORDER BY e.isin;
WITH converted AS (SELECT t.trade_id, t.quantity * t.price * f.rate AS euros FROM fund.trades t JOIN fund.instruments i USING (isin) JOIN fund.fx f ON f.currency = i.currency AND f.day = t.at::DATE) SELECT count(*) AS n, sum(euros) AS total FROM converted;
WITH monthly AS (SELECT date_trunc('month', at) AS month, sum(quantity * price) AS turnover FROM fund.trades GROUP BY 1) SELECT month, turnover, turnover - lag(turnover) OVER (ORDER BY month) AS change FROM monthly ORDER BY month;

-- Subqueries: scalar, correlated, EXISTS, over two levels
SELECT trade_id, price FROM fund.trades WHERE price > (SELECT avg(price) FROM fund.trades) ORDER BY trade_id;
SELECT t.trade_id FROM fund.trades t WHERE t.quantity = (SELECT max(o.quantity) FROM fund.trades o WHERE o.account_id = t.account_id) ORDER BY t.trade_id;
SELECT account_id FROM fund.accounts a WHERE EXISTS (SELECT 1 FROM fund.trades t WHERE t.account_id = a.account_id AND t.side = 'sell') ORDER BY account_id;
SELECT account_id FROM fund.accounts a WHERE NOT EXISTS (FROM fund.trades t WHERE t.account_id = a.account_id AND t.quantity > 700) ORDER BY account_id;
SELECT a.account_id FROM fund.accounts a WHERE EXISTS (SELECT 1 FROM fund.trades t WHERE t.account_id = a.account_id AND EXISTS (SELECT 1 FROM fund.prices p WHERE p.isin = t.isin AND p.volume > 1000)) ORDER BY 1;
SELECT isin FROM fund.instruments WHERE isin NOT IN (SELECT isin FROM fund.trades WHERE side = 'sell') ORDER BY isin;
SELECT a.account_id, (SELECT count(*) FROM fund.trades t WHERE t.account_id = a.account_id) AS n FROM fund.accounts a ORDER BY a.account_id;

-- Sets
SELECT isin FROM fund.instruments EXCEPT SELECT isin FROM fund.trades WHERE side = 'sell' ORDER BY isin;
SELECT isin FROM fund.trades WHERE side = 'buy' INTERSECT SELECT isin FROM fund.trades WHERE side = 'sell' ORDER BY isin;
SELECT 'trade' AS kind, count(*) AS n FROM fund.trades UNION ALL SELECT 'price', count(*) FROM fund.prices UNION ALL SELECT 'account', count(*) FROM fund.accounts ORDER BY kind;
SELECT currency FROM fund.instruments UNION SELECT currency FROM fund.fx ORDER BY currency;

-- Dates
SELECT trade_id, at + INTERVAL 2 DAY AS settles, last_day(at) AS ends, date_diff('day', DATE '2024-01-01', at::DATE) AS days FROM fund.trades ORDER BY trade_id LIMIT 20;
SELECT day, count(*) AS n FROM fund.prices WHERE day >= DATE '2024-03-01' - INTERVAL 10 DAY GROUP BY day ORDER BY day;
SELECT account_id, date_diff('year', opened, DATE '2024-06-30') AS years, extract(isodow FROM opened) AS weekday FROM fund.accounts ORDER BY account_id;

-- Texts and lists
SELECT side, string_agg(isin, ', ' ORDER BY isin, trade_id) AS papers FROM fund.trades WHERE quantity > 800 GROUP BY side ORDER BY side;
SELECT upper(left(name, 3)) || '-' || lpad(CAST(length(name) AS VARCHAR), 3, '0') AS code FROM fund.instruments ORDER BY code;
SELECT split_part(name, ' ', 1) AS head, count(*) AS n FROM fund.instruments GROUP BY 1 ORDER BY 1;
SELECT array_agg(quantity ORDER BY trade_id) AS sizes FROM fund.trades WHERE account_id = 3;

-- Columns that not everyone may see: the same rows, or the same error
SELECT sum(fee) AS fees FROM fund.trades;
SELECT * EXCLUDE (tax_id) FROM fund.accounts ORDER BY account_id;
SELECT client, tax_id FROM fund.accounts ORDER BY account_id;
SELECT * FROM fund.accounts ORDER BY account_id;
SELECT count(*) AS n FROM fund.secrets;

-- What the data do not allow fails on both !failing
SELECT 1 // (quantity - quantity) AS boom FROM fund.trades;
SELECT CAST(quantity * 1000000000 AS INTEGER) AS boom FROM fund.trades;
SELECT isin, (SELECT quantity FROM fund.trades t WHERE t.isin = i.isin) AS boom FROM fund.instruments i;

-- What has no form at Athena is refused, by its name !refused
PIVOT fund.trades ON side IN ('buy', 'sell') USING sum(quantity) GROUP BY isin;  -- Pivot
SELECT median(price) AS m FROM fund.trades;  -- The function median
SELECT approx_count_distinct(isin) AS n FROM fund.trades;  -- The function approx_count_distinct
SELECT t.trade_id, p.close FROM fund.trades t ASOF JOIN fund.prices p ON t.isin = p.isin AND t.at::DATE >= p.day;  -- Asof join
SELECT a.account_id, last.trade_id FROM fund.accounts a, LATERAL (SELECT trade_id FROM fund.trades t WHERE t.account_id = a.account_id ORDER BY t.at DESC LIMIT 1) last;  -- A
WITH RECURSIVE days AS (SELECT DATE '2024-01-01' AS d UNION ALL SELECT d + 1 FROM days WHERE d < DATE '2024-01-05') SELECT * FROM days;  -- Recursive cte node
SELECT list_transform(array_agg(quantity ORDER BY trade_id), lambda x: x + 1) AS l FROM fund.trades;  -- Lambda
SELECT * FROM fund.trades USING SAMPLE 10%;  -- SAMPLE
SELECT side, GROUPING(side) AS g, count(*) AS n FROM fund.trades GROUP BY ROLLUP (side);  -- GROUPING
SELECT a.account_id FROM fund.accounts a WHERE EXISTS (FROM fund.trades t WHERE EXISTS (FROM fund.prices p WHERE p.isin = t.isin AND p.volume > a.account_id));  -- A correlation over two levels
SELECT TRY_CAST(isin AS INTEGER) AS n FROM fund.trades;  -- TRY_CAST
SELECT t.at AT TIME ZONE 'Europe/Zurich' AS there FROM fund.trades t;  -- A time zone other than UTC
