-- Parameters: they are values, never text of the statement. Here they are not bound.
-- !every !refused

-- Where no value may stand
SELECT * FROM ?;
SELECT * FROM $1;
SELECT * FROM lake.shop.?;
SELECT * FROM query($1);
SELECT * FROM query_table(?);
SELECT 1 AS ?;
SELECT CAST(1 AS ?);
SELECT $salaries.pay

-- Beside hidden names
SELECT ? FROM salaries;
SELECT ssn FROM customers WHERE id = ?;
SELECT name FROM customers WHERE ssn = ?;
SELECT name FROM customers WHERE id = $id AND ssn = $ssn;
SELECT name FROM customers ORDER BY ssn LIMIT ?;
SELECT COLUMNS(?) FROM customers;
SELECT name FROM customers WHERE id = ?
