-- Parameters: they are values, never text of the statement. Here they are not bound.
-- !every !refused

-- Where no value may stand
SELECT * FROM ?;  -- a table
SELECT * FROM $1;  -- a numbered one
SELECT * FROM lake.shop.?;  -- a table of a schema
SELECT * FROM query($1);  -- a statement
SELECT * FROM query_table(?);  -- a table by a function
SELECT 1 AS ?;  -- an alias
SELECT CAST(1 AS ?);  -- a type
SELECT $salaries.pay;  -- a name behind a sign

-- Beside hidden names
SELECT ? FROM salaries;  -- with a hidden table
SELECT ssn FROM customers WHERE id = ?;  -- with a hidden column
SELECT name FROM customers WHERE ssn = ?;  -- compared with it
SELECT name FROM customers WHERE id = $id AND ssn = $ssn;  -- named like it
SELECT name FROM customers ORDER BY ssn LIMIT ?;  -- with it as an order
SELECT COLUMNS(?) FROM customers;  -- as a pattern of columns
SELECT name FROM customers WHERE id = ?;  -- not bound
