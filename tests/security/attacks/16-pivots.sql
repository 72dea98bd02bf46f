-- PIVOT and UNPIVOT, which take columns and tables in places of their own.

-- Hidden tables. !refused
PIVOT salaries ON person IN ('a') USING max(pay);
FROM salaries PIVOT (max(pay) FOR person IN ('a'));
SELECT * FROM (PIVOT salaries ON person IN ('a') USING max(pay));
UNPIVOT salaries ON pay INTO NAME n VALUE v;
SELECT * FROM salaries UNPIVOT (v FOR n IN (pay));
SELECT * FROM customers PIVOT (max((SELECT max(pay) FROM salaries)) FOR region IN ('eu'));
WITH x AS (FROM salaries) PIVOT x ON person IN ('a') USING max(pay);
PIVOT (SELECT * FROM salaries) ON person IN ('a') USING max(pay);
PIVOT customers ON (SELECT max(person) FROM salaries) IN ('a') USING max(id)

-- Hidden columns. !refused
PIVOT customers ON ssn IN ('a') USING max(id);
PIVOT customers ON region IN ('eu') USING max(ssn);
PIVOT customers ON region IN ('eu') USING max(id) GROUP BY ssn;
FROM customers PIVOT (max(ssn) FOR region IN ('eu'));
FROM customers PIVOT (max(id) FOR ssn IN ('a'));
UNPIVOT customers ON ssn INTO NAME n VALUE v;
FROM customers UNPIVOT (v FOR n IN (ssn))

-- The values of a dynamic PIVOT are found by another statement. !refused
PIVOT customers ON region USING count(*);
PIVOT customers ON name, region USING max(id);
SELECT * FROM (PIVOT customers ON region USING count(*));
PIVOT customers ON region IN (SELECT code FROM lake.ref.regions) USING count(*);
CREATE TYPE regions AS ENUM (SELECT DISTINCT region FROM customers);
FROM customers PIVOT (max(id) FOR region IN regions)

-- Hidden rows and columns are in no pivot
FROM (SELECT id, region FROM customers) PIVOT (count(*) FOR region IN ('eu', 'us'));
PIVOT (SELECT region, name, id FROM customers) ON region IN ('eu', 'us') USING max(id) GROUP BY name ORDER BY name;
UNPIVOT (SELECT id, name, region FROM customers) ON COLUMNS(* EXCLUDE id) INTO NAME n VALUE v ORDER BY ALL;
UNPIVOT (SELECT COLUMNS(c -> c NOT IN ('address', 'id', 'joined')) FROM customers) ON * ORDER BY ALL;
FROM (SELECT * EXCLUDE (address, joined) FROM customers) UNPIVOT INCLUDE NULLS (v FOR n IN (name, email)) ORDER BY ALL
