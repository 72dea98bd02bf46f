-- Texts that one reader takes for something else than another: several statements, comments,
-- quotes, invisible characters. The gate reads with the parser that runs the statement.

-- Several statements. !refused
SELECT 1; SELECT * FROM lake.shop.salaries;  -- two SELECT
SELECT 1;;;SELECT * FROM lake.shop.salaries;  -- many semicolons between
; SELECT 1; COPY (SELECT 1) TO '«outside»/copy.csv';  -- a semicolon in front, a write behind
SELECT 1 /* ; */; SELECT * FROM salaries;  -- a semicolon in a comment
SELECT ';' ; DROP VIEW lake.shop.customers;  -- a semicolon in a string
SELECT $$;$$; SELECT * FROM salaries;  -- a semicolon in dollar quotes
SELECT 1«nl»;«nl»SELECT * FROM salaries;  -- on two lines
SELECT 1;--«nl»SELECT * FROM salaries;  -- behind a comment
(SELECT 1); (SELECT * FROM salaries);  -- in brackets

-- Comments that end where one reader does not expect it. !refused
SELECT * FROM /* customers */ salaries;  -- a comment in front of the table
SELECT * FROM /* /* */ customers */ salaries;  -- a comment in a comment
SELECT * FROM --customers«nl»salaries;  -- a comment to the end of the line
SELECT * FROM customers --«nl», salaries;  -- a comment that ends in the middle of a list
SELECT * FROM customers /* /* */ */ , salaries;  -- nested comments with a blank between the ends
SELECT * FROM customers, /*! salaries */ /**/ salaries;  -- a comment with a mark that MySQL runs
SELECT 1 /*/ FROM salaries /*/ , /* x */ (SELECT max(pay) FROM salaries);  -- a comment that seems to end at once
SELECT 1 AS "/*", (SELECT max(pay) FROM salaries) AS "*/";  -- names that look like a comment
SELECT '/*', (SELECT max(pay) FROM salaries), '*/';  -- strings that look like a comment

-- Comments that hide nothing are fine
SELECT count(*) FROM /* salaries */ customers;  -- the hidden name in a comment
SELECT count(*) FROM customers --, salaries;  -- the hidden name behind the statement

-- Quotes. !refused
SELECT * FROM "salaries";  -- quoted
SELECT * FROM "SALARIES";  -- quoted, in capitals
SELECT * FROM "lake"."shop"."salaries";  -- quoted in parts
SELECT * FROM "lake.shop.salaries";  -- quoted as a whole
SELECT * FROM lake."shop.salaries";  -- half of it quoted
SELECT * FROM "customers"" , salaries";  -- a quote in a name
SELECT * FROM 'salaries';  -- as a string
SELECT * FROM 'lake.shop.salaries';  -- as a string with dots
SELECT * FROM $$salaries$$;  -- as a dollar quote
SELECT * FROM U&"s\0061laries";  -- with escaped letters
SELECT e'\'' || '', (SELECT max(pay) FROM salaries) AS x, '';  -- an escaped quote in a string
SELECT e'\\', (SELECT max(pay) FROM salaries), '';  -- an escaped backslash
SELECT '\', (SELECT max(pay) FROM salaries), '''';  -- a backslash that escapes nothing
SELECT 'a' 'b', (SELECT max(pay) FROM salaries);  -- strings side by side
SELECT $x$ $$ $x$, (SELECT max(pay) FROM salaries), $$ $$;  -- dollar quotes in dollar quotes
SELECT x'00', (SELECT max(pay) FROM salaries);  -- bytes in front
SELECT [1, (SELECT max(pay) FROM salaries)][2];  -- a list that is indexed
SELECT `pay` FROM `salaries`;  -- quotes of MySQL
SELECT * FROM [salaries];  -- quotes of SQL Server

-- Characters that cannot be seen. !refused
SELECT * FROM«nbsp»salaries;  -- a blank that does not break
SELECT * FROM «zwsp»salaries;  -- a blank of no width in front
SELECT * FROM salaries«zwsp»;  -- a blank of no width behind
«bom»SELECT * FROM salaries;  -- a mark of byte order
SELECT * FROM sal«zwsp»aries;  -- a blank of no width within
SELECT * FROM salaries«nul»;  -- a NUL behind
SELECT «nul» FROM customers;  -- a NUL in front
SELECT * FROM«vt»salaries;  -- a vertical tab
SELECT * FROM«ff»salaries;  -- a form feed
SELECT * FROM«cr»salaries;  -- a carriage return
SELECT * FROM«tab»salaries;  -- a tab
SELECT * FROM«ls»salaries;  -- a separator of lines
SELECT * FROM «rlo»salaries;  -- a mark that turns the direction
SELECT 1 --«cr»FROM salaries;  -- a comment that a carriage return may end

-- Letters that fold into ASCII under Unicode rules, but not under DuckDB's. !refused
SELECT * FROM ſalaries;  -- a long s
SELECT * FROM salarıes;  -- an i without a dot
SELECT * FROM SALARİES;  -- a capital I with a dot
SELECT * FROM ｓａｌａｒｉｅｓ;  -- letters of full width
WITH "ſalaries" AS (SELECT 1 pay) SELECT * FROM salaries;  -- a table expression with a long s
WITH "SALARİES" AS (SELECT 1 pay) SELECT * FROM salaries;  -- one with a dotted I
WITH ｓａｌａｒｉｅｓ AS (SELECT 1 pay) SELECT * FROM salaries;  -- one of full width
WITH «kelvin»eys AS (SELECT 1 v) SELECT * FROM keys;  -- one with the sign of Kelvin
WITH "«kelvin»EYS" AS (SELECT 1 v) SELECT * FROM KEYS;  -- the same in capitals
WITH keys AS (SELECT 1 v) SELECT * FROM «kelvin»eys;  -- the sign in the name that is asked for

-- Columns that fold into hidden ones. !refused
SELECT ſſn FROM customers;  -- long s twice
SELECT "SſN" FROM customers;  -- long s in capitals
SELECT "ssn " FROM customers;  -- a blank behind
SELECT " ssn" FROM customers;  -- a blank in front
SELECT "ssn«zwsp»" FROM customers;  -- a blank of no width behind

-- The empty text and what is nearly one. !refused
;  -- nothing
--;  -- a comment
/* */;  -- another comment
«bom»;  -- a mark of byte order
«zwsp»;  -- a blank of no width
«nul»;  -- a NUL

-- Composed and decomposed letters are different names. !refused
SELECT * FROM "saláries";  -- composed
SELECT * FROM "saláries";  -- decomposed
SELECT * FROM "SALÁRIES";  -- composed, in capitals
WITH "saláries" AS (SELECT 1 pay) SELECT * FROM "saláries";  -- one covers not the other
WITH "é" AS (SELECT 1 pay) SELECT * FROM "É";  -- a capital is another letter
WITH "ﬁsh" AS (SELECT 1 v) SELECT * FROM fish;  -- a ligature is no two letters
