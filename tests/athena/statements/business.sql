-- What tools for dashboards send, over the trades of a small fund: quoted names, derived tables,
-- limits around everything, and metadata of no use to a person. Both engines give the same.

-- Counts and sums as a dashboard's tiles ask for them
SELECT COUNT(*) AS "Number of Trades" FROM "lake"."fund"."trades" AS "trades";
SELECT COUNT(DISTINCT "t"."account_id") AS "Active Accounts", SUM("t"."quantity") AS "Units" FROM "fund"."trades" AS "t";
SELECT MIN("day") AS "From", MAX("day") AS "To", COUNT(DISTINCT "isin") AS "Papers" FROM fund.prices;
SELECT AVG(price) AS mean, STDDEV_SAMP(price) AS spread, VAR_POP(quantity) AS v FROM fund.trades;
SELECT SUM(1) AS n, SUM(CASE WHEN side = 'buy' THEN 1 ELSE 0 END) AS buys, COUNT(*) FILTER (WHERE side = 'sell') AS sells FROM fund.trades;
SELECT BOOL_OR(quantity > 900) AS large, BOOL_AND(quantity > 0) AS positive FROM fund.trades;

-- Groups with their order, cut off for a chart
SELECT side, COUNT(*) AS n, SUM(quantity * price) AS turnover FROM fund.trades GROUP BY side ORDER BY side;
SELECT region, tier, COUNT(*) AS n FROM fund.accounts GROUP BY 1, 2 ORDER BY 1, 2;
SELECT isin, SUM(volume) AS traded FROM fund.prices GROUP BY isin ORDER BY traded DESC, isin LIMIT 5;
SELECT "isin" AS "x", SUM("volume") AS "y" FROM "fund"."prices" GROUP BY 1 HAVING SUM("volume") > 20000 ORDER BY 2 DESC, 1 LIMIT 10 OFFSET 1;
SELECT date_trunc('month', at) AS month, COUNT(*) AS n FROM fund.trades GROUP BY 1 ORDER BY 1;
SELECT date_trunc('week', at)::DATE AS week, side, SUM(quantity) AS units FROM fund.trades GROUP BY ALL ORDER BY ALL;
SELECT extract(year FROM at) AS y, extract(quarter FROM at) AS q, COUNT(*) AS n FROM fund.trades GROUP BY y, q ORDER BY y, q;
SELECT strftime(at, '%Y-%m') AS month, dayname(at) AS weekday, COUNT(*) AS n FROM fund.trades GROUP BY ALL ORDER BY ALL;

-- Subtotals
SELECT region, tier, COUNT(*) AS n FROM fund.accounts GROUP BY ROLLUP (region, tier) ORDER BY region NULLS FIRST, tier NULLS FIRST, n;
SELECT side, desk, SUM(quantity) AS units FROM fund.trades GROUP BY CUBE (side, desk) ORDER BY ALL;
SELECT side, isin, COUNT(*) AS n FROM fund.trades GROUP BY GROUPING SETS ((side), (isin), ()) ORDER BY ALL;

-- A derived table around everything, and a limit around that
SELECT * FROM (SELECT "t"."trade_id", "t"."isin", "t"."at" FROM "fund"."trades" AS "t") AS "q" ORDER BY 1 LIMIT 20;
SELECT "q"."isin", "q"."n" FROM (SELECT isin, COUNT(*) AS n FROM fund.trades GROUP BY isin) AS "q" WHERE "q"."n" BETWEEN 5 AND 100 ORDER BY "q"."isin";
SELECT * FROM fund.trades WHERE 1 = 0;
SELECT * FROM fund.instruments LIMIT 0;
SELECT 1 AS ok;
SELECT DISTINCT region FROM fund.accounts WHERE region IS NOT NULL ORDER BY region;
SELECT DISTINCT "class", "currency" FROM "fund"."instruments" ORDER BY 1 ASC NULLS LAST, 2 DESC NULLS FIRST;

-- Filters of all kinds
SELECT trade_id FROM fund.trades WHERE isin IN ('XS0000000001', 'XS0000000003') AND at >= TIMESTAMP '2024-02-01 00:00:00' AND at < TIMESTAMP '2024-03-01 00:00:00' ORDER BY trade_id;
SELECT name FROM fund.instruments WHERE name ILIKE '%bond%' OR sector IS NULL ORDER BY name;
SELECT isin, name FROM fund.instruments WHERE regexp_matches(name, '^[A-M].*[0-9]$') ORDER BY isin;
SELECT account_id FROM fund.accounts WHERE opened BETWEEN DATE '2020-01-01' AND DATE '2021-12-31' AND NOT (tier = 'gold') ORDER BY account_id;
SELECT trade_id, CASE WHEN quantity >= 500 THEN 'large' WHEN quantity >= 100 THEN 'middle' ELSE 'small' END AS size FROM fund.trades ORDER BY trade_id LIMIT 30;
SELECT trade_id, coalesce(nullif(desk, 'eu'), 'home') AS desk FROM fund.trades ORDER BY trade_id LIMIT 30;

-- Parameters, as prepared statements have them !bound
SELECT COUNT(*) AS n FROM fund.trades WHERE isin = ?;  -- ('XS0000000002',)
SELECT trade_id, price FROM fund.trades WHERE quantity > $1 AND side = $2 ORDER BY trade_id;  -- (300, 'buy')
SELECT trade_id FROM fund.trades WHERE at >= $1 ORDER BY trade_id LIMIT 7;  -- (datetime.datetime(2024, 2, 10, 12, 30),)
SELECT account_id FROM fund.accounts WHERE opened < ? ORDER BY account_id LIMIT ?;  -- (datetime.date(2021, 6, 30), 3)
SELECT SUM(quantity) AS units FROM fund.trades WHERE price BETWEEN ? AND ?;  -- (decimal.Decimal('20.5'), decimal.Decimal('80'))
SELECT COUNT(*) AS n FROM fund.instruments WHERE name = ?;  -- ("it's; DROP TABLE x --",)
