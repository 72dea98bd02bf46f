-- A small table of our own for the questions in clickbench.sql, with columns of the ClickBench table.

CREATE TABLE hits AS
SELECT
    9000000000000000000 - i AS "WatchID",
    CASE WHEN i % 5 = 0 THEN 'Shop ' || i % 7 WHEN i % 11 = 0 THEN '' ELSE 'News ' || i % 13 END AS "Title",
    TIMESTAMP '2013-07-10 08:00:00' + INTERVAL (i * 97) SECOND AS "EventTime",
    CAST(TIMESTAMP '2013-07-10 08:00:00' + INTERVAL (i * 97) SECOND AS DATE) AS "EventDate",
    CASE WHEN i % 3 = 0 THEN 62 ELSE (i % 9)::INTEGER END AS "CounterID",
    (2000000000 - i % 37)::INTEGER AS "ClientIP",
    (i % 23)::INTEGER AS "RegionID",
    435090932899640449 + i % 101 AS "UserID",
    'http://' || ['a.shop.test', 'b.news.test', 'shop.test'][1 + i % 3] || '/p/' || i % 29 AS "URL",
    CASE WHEN i % 4 = 0 THEN '' ELSE 'https://www.site' || i % 6 || '.test/from/' || i % 17 END AS "Referer",
    (i % 10 = 9)::SMALLINT AS "IsRefresh",
    (800 + i % 5 * 160)::SMALLINT AS "ResolutionWidth",
    (i % 6)::SMALLINT AS "MobilePhone",
    CASE WHEN i % 6 = 0 THEN '' ELSE 'model ' || i % 5 END AS "MobilePhoneModel",
    (i % 8 - 1)::SMALLINT AS "TraficSourceID",
    (i % 3 * (i % 2))::SMALLINT AS "SearchEngineID",
    CASE WHEN i % 2 = 0 THEN '' ELSE 'search ' || i % 19 END AS "SearchPhrase",
    (CASE WHEN i % 12 = 0 THEN i % 5 ELSE 0 END)::SMALLINT AS "AdvEngineID",
    (i % 4 = 1)::SMALLINT AS "IsLink",
    (i % 16 = 1)::SMALLINT AS "IsDownload",
    (i % 14 = 13)::SMALLINT AS "DontCountHits",
    (600 + i % 4 * 100)::SMALLINT AS "WindowClientWidth",
    (400 + i % 3 * 100)::SMALLINT AS "WindowClientHeight",
    2868770270353813622 + i % 2 AS "URLHash",
    3594120000172545465 + i % 2 AS "RefererHash"
FROM range(5000) t(i)
