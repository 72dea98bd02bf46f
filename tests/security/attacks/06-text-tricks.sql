-- Texts that one reader takes for something else than another: several statements, comments,
-- quotes, invisible characters. The gate reads with the parser that runs the statement.

-- Several statements. !refused
SELECT 1; SELECT * FROM lake.shop.salaries;
SELECT 1;;;SELECT * FROM lake.shop.salaries;
; SELECT 1; COPY (SELECT 1) TO '«outside»/copy.csv';
SELECT 1 /* ; */; SELECT * FROM salaries;
SELECT ';' ; DROP VIEW lake.shop.customers;
SELECT $$;$$; SELECT * FROM salaries;
SELECT 1«nl»;«nl»SELECT * FROM salaries;
SELECT 1;--«nl»SELECT * FROM salaries;
(SELECT 1); (SELECT * FROM salaries)

-- Comments that end where one reader does not expect it. !refused
SELECT * FROM /* customers */ salaries;
SELECT * FROM /* /* */ customers */ salaries;
SELECT * FROM --customers«nl»salaries;
SELECT * FROM customers --«nl», salaries;
SELECT * FROM customers /* /* */ */ , salaries;
SELECT * FROM customers, /*! salaries */ /**/ salaries;
SELECT 1 /*/ FROM salaries /*/ , /* x */ (SELECT max(pay) FROM salaries);
SELECT 1 AS "/*", (SELECT max(pay) FROM salaries) AS "*/";
SELECT '/*', (SELECT max(pay) FROM salaries), '*/'

-- Comments that hide nothing are fine
SELECT count(*) FROM /* salaries */ customers;
SELECT count(*) FROM customers --, salaries

-- Quotes. !refused
SELECT * FROM "salaries";
SELECT * FROM "SALARIES";
SELECT * FROM "lake"."shop"."salaries";
SELECT * FROM "lake.shop.salaries";
SELECT * FROM lake."shop.salaries";
SELECT * FROM "customers"" , salaries";
SELECT * FROM 'salaries';
SELECT * FROM 'lake.shop.salaries';
SELECT * FROM $$salaries$$;
SELECT * FROM U&"s\0061laries";
SELECT e'\'' || '', (SELECT max(pay) FROM salaries) AS x, '';
SELECT e'\\', (SELECT max(pay) FROM salaries), '';
SELECT '\', (SELECT max(pay) FROM salaries), '''';
SELECT 'a' 'b', (SELECT max(pay) FROM salaries);
SELECT $x$ $$ $x$, (SELECT max(pay) FROM salaries), $$ $$;
SELECT x'00', (SELECT max(pay) FROM salaries);
SELECT [1, (SELECT max(pay) FROM salaries)][2];
SELECT `pay` FROM `salaries`;
SELECT * FROM [salaries]

-- Characters that cannot be seen. !refused
SELECT * FROM«nbsp»salaries;
SELECT * FROM «zwsp»salaries;
SELECT * FROM salaries«zwsp»;
«bom»SELECT * FROM salaries;
SELECT * FROM sal«zwsp»aries;
SELECT * FROM salaries«nul»;
SELECT «nul» FROM customers;
SELECT * FROM«vt»salaries;
SELECT * FROM«ff»salaries;
SELECT * FROM«cr»salaries;
SELECT * FROM«tab»salaries;
SELECT * FROM«ls»salaries;
SELECT * FROM «rlo»salaries;
SELECT 1 --«cr»FROM salaries

-- Letters that fold into ASCII under Unicode rules, but not under DuckDB's. !refused
SELECT * FROM ſalaries;
SELECT * FROM salarıes;
SELECT * FROM SALARİES;
SELECT * FROM ｓａｌａｒｉｅｓ;
WITH "ſalaries" AS (SELECT 1 pay) SELECT * FROM salaries;
WITH "SALARİES" AS (SELECT 1 pay) SELECT * FROM salaries;
WITH ｓａｌａｒｉｅｓ AS (SELECT 1 pay) SELECT * FROM salaries;
WITH «kelvin»eys AS (SELECT 1 v) SELECT * FROM keys;
WITH "«kelvin»EYS" AS (SELECT 1 v) SELECT * FROM KEYS;
WITH keys AS (SELECT 1 v) SELECT * FROM «kelvin»eys

-- Columns that fold into hidden ones. !refused
SELECT ſſn FROM customers;
SELECT "SſN" FROM customers;
SELECT "ssn " FROM customers;
SELECT " ssn" FROM customers;
SELECT "ssn«zwsp»" FROM customers

-- The empty text and what is nearly one. !refused
;
--;
/* */;
«bom»;
«zwsp»;
«nul»
