-- Columns that no table declares: where a row lies, in which file, at which place.

-- DuckDB's. !refused
SELECT rowid FROM customers;
SELECT customers.rowid FROM customers;
SELECT filename FROM customers;
SELECT file_row_number FROM customers;
SELECT file_index FROM customers;
SELECT customers.filename FROM customers;
SELECT name FROM customers ORDER BY rowid;
SELECT name FROM customers WHERE rowid = 0;
SELECT name FROM customers WHERE filename LIKE '%a%';
SELECT max(file_row_number) FROM customers;
SELECT "__internal_filename" FROM customers;
SELECT rowid FROM orders;
SELECT filename FROM orders;
SELECT file_row_number FROM orders;
SELECT file_index FROM orders;
SELECT orders.rowid, orders.filename FROM orders;
SELECT COLUMNS('filename|file_row_number') FROM orders

-- Those of other systems. !refused
SELECT "$path" FROM customers;
SELECT "$file_size" FROM customers;
SELECT "$file_modified_time" FROM customers;
SELECT "$partition" FROM customers;
SELECT _metadata.file_path FROM customers;
SELECT ctid FROM customers;
SELECT oid FROM customers;
SELECT xmin FROM customers;
SELECT _rowid_ FROM customers;
SELECT _file, _pos FROM customers;
SELECT _row_id FROM customers;
SELECT _last_updated_sequence_number FROM customers;
SELECT tableoid FROM customers

-- Words that become functions of the session: they say nothing of the server's own
SELECT count(current_user) FROM customers;
SELECT count(session_user) FROM orders
