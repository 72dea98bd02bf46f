-- Forty-three questions to the log of a web counter, one wide table. They ask what the queries of
-- ClickBench ask, with the same features of SQL, in words of our own.

-- 1. All rows
SELECT count(*) AS n FROM hits;

-- 2. Rows with a condition on a small number
SELECT count(*) FROM hits WHERE "AdvEngineID" <> 0;

-- 3. Several aggregates of the whole table
SELECT sum("AdvEngineID"), count(*), avg("ResolutionWidth") FROM hits;

-- 4. The average of a large number
SELECT avg("UserID") FROM hits;

-- 5. Distinct numbers
SELECT count(DISTINCT "UserID") FROM hits;

-- 6. Distinct texts
SELECT count(DISTINCT "SearchPhrase") FROM hits;

-- 7. Least and greatest day
SELECT min("EventDate"), max("EventDate") FROM hits;

-- 8. Few groups, by their size
SELECT "AdvEngineID", count(*) FROM hits WHERE "AdvEngineID" <> 0 GROUP BY "AdvEngineID"
ORDER BY count(*) DESC, "AdvEngineID";

-- 9. Distinct users of each region
SELECT "RegionID", count(DISTINCT "UserID") AS users FROM hits GROUP BY "RegionID"
ORDER BY users DESC, "RegionID" LIMIT 9;

-- 10. Several aggregates of each region, one of them distinct
SELECT "RegionID", sum("AdvEngineID"), count(*) AS n, avg("ResolutionWidth"), count(DISTINCT "UserID")
FROM hits GROUP BY "RegionID" ORDER BY n DESC, "RegionID" LIMIT 9;

-- 11. Distinct users of each telephone, where one is told
SELECT "MobilePhoneModel", count(DISTINCT "UserID") AS users FROM hits
WHERE "MobilePhoneModel" <> '' GROUP BY "MobilePhoneModel" ORDER BY users DESC, 1 LIMIT 9;

-- 12. The same by two columns
SELECT "MobilePhone", "MobilePhoneModel", count(DISTINCT "UserID") AS users FROM hits
WHERE "MobilePhoneModel" <> '' GROUP BY "MobilePhone", "MobilePhoneModel"
ORDER BY users DESC, 1, 2 LIMIT 9;

-- 13. The most frequent searches
SELECT "SearchPhrase", count(*) AS n FROM hits WHERE "SearchPhrase" <> ''
GROUP BY "SearchPhrase" ORDER BY n DESC, 1 LIMIT 9;

-- 14. The searches of the most users
SELECT "SearchPhrase", count(DISTINCT "UserID") AS users FROM hits WHERE "SearchPhrase" <> ''
GROUP BY "SearchPhrase" ORDER BY users DESC, 1 LIMIT 9;

-- 15. Searches by engine
SELECT "SearchEngineID", "SearchPhrase", count(*) AS n FROM hits WHERE "SearchPhrase" <> ''
GROUP BY "SearchEngineID", "SearchPhrase" ORDER BY n DESC, 1, 2 LIMIT 9;

-- 16. The most active users
SELECT "UserID", count(*) FROM hits GROUP BY "UserID" ORDER BY count(*) DESC, "UserID" LIMIT 9;

-- 17. Users and what they searched for
SELECT "UserID", "SearchPhrase", count(*) FROM hits GROUP BY "UserID", "SearchPhrase"
ORDER BY count(*) DESC, 1, 2 LIMIT 9;

-- 18. The same without an order: how many groups come at all
SELECT count(*) FROM (SELECT "UserID", "SearchPhrase", count(*) FROM hits
    GROUP BY "UserID", "SearchPhrase" LIMIT 9);

-- 19. By the minute of the hour as well
SELECT "UserID", extract(minute FROM "EventTime") AS minutes, "SearchPhrase", count(*) FROM hits
GROUP BY "UserID", minutes, "SearchPhrase" ORDER BY count(*) DESC, 1, 2, 3 LIMIT 9;

-- 20. One user
SELECT "UserID" FROM hits WHERE "UserID" = 435090932899640449;

-- 21. Addresses with a word in them
SELECT count(*) FROM hits WHERE "URL" LIKE '%shop%';

-- 22. Searches that led to them
SELECT "SearchPhrase", min("URL"), count(*) AS n FROM hits
WHERE "URL" LIKE '%shop%' AND "SearchPhrase" <> '' GROUP BY "SearchPhrase"
ORDER BY n DESC, 1 LIMIT 9;

-- 23. Titles with a word, but not of some addresses
SELECT "SearchPhrase", min("URL"), min("Title"), count(*) AS n, count(DISTINCT "UserID") FROM hits
WHERE "Title" LIKE '%Shop%' AND "URL" NOT LIKE '%.shop.%' AND "SearchPhrase" <> ''
GROUP BY "SearchPhrase" ORDER BY n DESC, 1 LIMIT 9;

-- 24. Whole rows, the earliest first
SELECT * FROM hits WHERE "URL" LIKE '%shop%' ORDER BY "EventTime", "WatchID" LIMIT 9;

-- 25. The earliest searches
SELECT "SearchPhrase" FROM hits WHERE "SearchPhrase" <> '' ORDER BY "EventTime", "WatchID" LIMIT 9;

-- 26. The first searches of the alphabet
SELECT "SearchPhrase" FROM hits WHERE "SearchPhrase" <> '' ORDER BY "SearchPhrase" LIMIT 9;

-- 27. By time, then by alphabet
SELECT "SearchPhrase" FROM hits WHERE "SearchPhrase" <> '' ORDER BY "EventTime", "SearchPhrase" LIMIT 9;

-- 28. The longest addresses of each counter that has enough of them
SELECT "CounterID", avg(length("URL")) AS mean, count(*) AS n FROM hits WHERE "URL" <> ''
GROUP BY "CounterID" HAVING count(*) > 20 ORDER BY mean DESC, 1 LIMIT 25;

-- 29. Sites that lead here: the host taken out of an address by a regular expression
SELECT regexp_replace("Referer", '^https?://(?:www\.)?([^/]+)/.*$', '\1') AS host,
    avg(length("Referer")) AS mean, count(*) AS n, min("Referer")
FROM hits WHERE "Referer" <> '' GROUP BY host HAVING count(*) > 5 ORDER BY mean DESC, 1 LIMIT 25;

-- 30. Very many sums of one column
SELECT sum("ResolutionWidth"), sum("ResolutionWidth" + 1), sum("ResolutionWidth" + 2),
    sum("ResolutionWidth" + 3), sum("ResolutionWidth" + 4), sum("ResolutionWidth" + 5),
    sum("ResolutionWidth" + 6), sum("ResolutionWidth" + 7), sum("ResolutionWidth" + 8),
    sum("ResolutionWidth" + 9), sum("ResolutionWidth" + 10), sum("ResolutionWidth" + 11),
    sum("ResolutionWidth" + 12), sum("ResolutionWidth" + 13), sum("ResolutionWidth" + 14),
    sum("ResolutionWidth" + 15), sum("ResolutionWidth" + 16), sum("ResolutionWidth" + 17),
    sum("ResolutionWidth" + 18), sum("ResolutionWidth" + 19), sum("ResolutionWidth" + 20)
FROM hits;

-- 31. Clients of each search engine
SELECT "SearchEngineID", "ClientIP", count(*) AS n, sum("IsRefresh"), avg("ResolutionWidth")
FROM hits WHERE "SearchPhrase" <> '' GROUP BY "SearchEngineID", "ClientIP"
ORDER BY n DESC, 1, 2 LIMIT 9;

-- 32. By what is nearly a key, of those who searched
SELECT "WatchID", "ClientIP", count(*) AS n, sum("IsRefresh"), avg("ResolutionWidth") FROM hits
WHERE "SearchPhrase" <> '' GROUP BY "WatchID", "ClientIP" ORDER BY n DESC, 1, 2 LIMIT 9;

-- 33. By what is nearly a key, of all
SELECT "WatchID", "ClientIP", count(*) AS n, sum("IsRefresh"), avg("ResolutionWidth") FROM hits
GROUP BY "WatchID", "ClientIP" ORDER BY n DESC, 1, 2 LIMIT 9;

-- 34. The most frequent addresses
SELECT "URL", count(*) AS n FROM hits GROUP BY "URL" ORDER BY n DESC, 1 LIMIT 9;

-- 35. The same with a constant among the groups
SELECT 1, "URL", count(*) AS n FROM hits GROUP BY 1, "URL" ORDER BY n DESC, 2 LIMIT 9;

-- 36. Groups that depend on each other
SELECT "ClientIP", "ClientIP" - 1, "ClientIP" - 2, "ClientIP" - 3, count(*) AS n FROM hits
GROUP BY "ClientIP", "ClientIP" - 1, "ClientIP" - 2, "ClientIP" - 3 ORDER BY n DESC, 1 LIMIT 9;

-- 37. The addresses of one counter in a month
SELECT "URL", count(*) AS views FROM hits
WHERE "CounterID" = 62 AND "EventDate" >= '2013-07-01' AND "EventDate" <= '2013-07-31'
    AND "DontCountHits" = 0 AND "IsRefresh" = 0 AND "URL" <> ''
GROUP BY "URL" ORDER BY views DESC, 1 LIMIT 9;

-- 38. Its titles
SELECT "Title", count(*) AS views FROM hits
WHERE "CounterID" = 62 AND "EventDate" BETWEEN '2013-07-01' AND '2013-07-31'
    AND "DontCountHits" = 0 AND "IsRefresh" = 0 AND "Title" <> ''
GROUP BY "Title" ORDER BY views DESC, 1 LIMIT 9;

-- 39. Links that were followed, some pages on
SELECT "URL", count(*) AS views FROM hits
WHERE "CounterID" = 62 AND "EventDate" BETWEEN '2013-07-01' AND '2013-07-31'
    AND "IsRefresh" = 0 AND "IsLink" <> 0 AND "IsDownload" = 0
GROUP BY "URL" ORDER BY views DESC, 1 LIMIT 9 OFFSET 3;

-- 40. Where visitors came from, told by a CASE
SELECT "TraficSourceID", "SearchEngineID", "AdvEngineID",
    CASE WHEN "SearchEngineID" = 0 AND "AdvEngineID" = 0 THEN "Referer" ELSE '' END AS source,
    "URL" AS target, count(*) AS views
FROM hits
WHERE "CounterID" = 62 AND "EventDate" BETWEEN '2013-07-01' AND '2013-07-31' AND "IsRefresh" = 0
GROUP BY "TraficSourceID", "SearchEngineID", "AdvEngineID", source, target
ORDER BY views DESC, 1, 2, 3, 4, 5 LIMIT 9 OFFSET 2;

-- 41. Days on which an address was reached from some sources, by its hash
SELECT "URLHash", "EventDate", count(*) AS views FROM hits
WHERE "CounterID" = 62 AND "EventDate" BETWEEN '2013-07-01' AND '2013-07-31' AND "IsRefresh" = 0
    AND "TraficSourceID" IN (-1, 6) AND "RefererHash" = 3594120000172545465
GROUP BY "URLHash", "EventDate" ORDER BY views DESC, 1, 2 LIMIT 9;

-- 42. Sizes of windows
SELECT "WindowClientWidth", "WindowClientHeight", count(*) AS views FROM hits
WHERE "CounterID" = 62 AND "EventDate" BETWEEN '2013-07-01' AND '2013-07-31' AND "IsRefresh" = 0
    AND "DontCountHits" = 0 AND "URLHash" = 2868770270353813622
GROUP BY "WindowClientWidth", "WindowClientHeight" ORDER BY views DESC, 1, 2 LIMIT 9;

-- 43. Views by the minute
SELECT date_trunc('minute', "EventTime") AS m, count(*) AS views FROM hits
WHERE "CounterID" = 62 AND "EventDate" BETWEEN '2013-07-14' AND '2013-07-15' AND "IsRefresh" = 0
    AND "DontCountHits" = 0
GROUP BY date_trunc('minute', "EventTime") ORDER BY m LIMIT 9 OFFSET 1
