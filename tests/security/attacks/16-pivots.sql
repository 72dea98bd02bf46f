-- PIVOT and UNPIVOT, which take columns and tables in places of their own.

-- Hidden tables. !refused
PIVOT salaries ON person IN ('a') USING max(pay);  -- as a statement
FROM salaries PIVOT (max(pay) FOR person IN ('a'));  -- as a clause
SELECT * FROM (PIVOT salaries ON person IN ('a') USING max(pay));  -- in FROM
UNPIVOT salaries ON pay INTO NAME n VALUE v;  -- unpivoted
SELECT * FROM salaries UNPIVOT (v FOR n IN (pay));  -- unpivoted, as a clause
SELECT * FROM customers PIVOT (max((SELECT max(pay) FROM salaries)) FOR region IN ('eu'));  -- in the aggregate
WITH x AS (FROM salaries) PIVOT x ON person IN ('a') USING max(pay);  -- through a table expression
PIVOT (SELECT * FROM salaries) ON person IN ('a') USING max(pay);  -- through a subquery
PIVOT customers ON (SELECT max(person) FROM salaries) IN ('a') USING max(id);  -- as what is pivoted on

-- Hidden columns. !refused
PIVOT customers ON ssn IN ('a') USING max(id);  -- as what is pivoted on
PIVOT customers ON region IN ('eu') USING max(ssn);  -- as the aggregate
PIVOT customers ON region IN ('eu') USING max(id) GROUP BY ssn;  -- as the group
FROM customers PIVOT (max(ssn) FOR region IN ('eu'));  -- as the aggregate of a clause
FROM customers PIVOT (max(id) FOR ssn IN ('a'));  -- as what a clause is about
UNPIVOT customers ON ssn INTO NAME n VALUE v;  -- unpivoted
FROM customers UNPIVOT (v FOR n IN (ssn));  -- unpivoted, as a clause

-- The values of a dynamic PIVOT are found by another statement. !refused
PIVOT customers ON region USING count(*);  -- by one column
PIVOT customers ON name, region USING max(id);  -- by two
SELECT * FROM (PIVOT customers ON region USING count(*));  -- in FROM
PIVOT customers ON region IN (SELECT code FROM lake.ref.regions) USING count(*);  -- by a subquery
CREATE TYPE regions AS ENUM (SELECT DISTINCT region FROM customers);  -- by a type that is made first
FROM customers PIVOT (max(id) FOR region IN regions);  -- by a type that is there

-- Hidden rows and columns are in no pivot
FROM (SELECT id, region FROM customers) PIVOT (count(*) FOR region IN ('eu', 'us'));  -- by regions
PIVOT (SELECT region, name, id FROM customers) ON region IN ('eu', 'us') USING max(id) GROUP BY name ORDER BY name;  -- by regions, with names
UNPIVOT (SELECT id, name, region FROM customers) ON COLUMNS(* EXCLUDE id) INTO NAME n VALUE v ORDER BY ALL;  -- all but one
UNPIVOT (SELECT COLUMNS(c -> c NOT IN ('address', 'id', 'joined')) FROM customers) ON * ORDER BY ALL;  -- all of a subquery
FROM (SELECT * EXCLUDE (address, joined) FROM customers) UNPIVOT INCLUDE NULLS (v FOR n IN (name, email)) ORDER BY ALL;  -- with NULL
