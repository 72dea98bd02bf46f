-- Columns that no table declares: where a row lies, in which file, at which place.

-- DuckDB's. !refused
SELECT rowid FROM customers;  -- the row's number
SELECT customers.rowid FROM customers;  -- of the table
SELECT filename FROM customers;  -- the file
SELECT file_row_number FROM customers;  -- the row in the file
SELECT file_index FROM customers;  -- the number of the file
SELECT customers.filename FROM customers;  -- the file, of the table
SELECT name FROM customers ORDER BY rowid;  -- as an order
SELECT name FROM customers WHERE rowid = 0;  -- in a condition
SELECT name FROM customers WHERE filename LIKE '%a%';  -- the file in a condition
SELECT max(file_row_number) FROM customers;  -- the last row in the file
SELECT "__internal_filename" FROM customers;  -- the engine's own name for it
SELECT rowid FROM orders;  -- of a table without a filter
SELECT filename FROM orders;  -- its file
SELECT file_row_number FROM orders;  -- its row in the file
SELECT file_index FROM orders;  -- the number of its file
SELECT orders.rowid, orders.filename FROM orders;  -- both
SELECT COLUMNS('filename|file_row_number') FROM orders;  -- by a pattern

-- Those of other systems. !refused
SELECT "$path" FROM customers;  -- Athena's path
SELECT "$file_size" FROM customers;  -- its size
SELECT "$file_modified_time" FROM customers;  -- its time
SELECT "$partition" FROM customers;  -- its partition
SELECT _metadata.file_path FROM customers;  -- Spark's
SELECT ctid FROM customers;  -- PostgreSQL's place
SELECT oid FROM customers;  -- its object
SELECT xmin FROM customers;  -- its transaction
SELECT _rowid_ FROM customers;  -- SQLite's
SELECT _file, _pos FROM customers;  -- Iceberg's
SELECT _row_id FROM customers;  -- Iceberg's row id
SELECT _last_updated_sequence_number FROM customers;  -- Iceberg's sequence number
SELECT tableoid FROM customers;  -- PostgreSQL's table

-- Words that become functions of the session: they say nothing of the server's own
SELECT count(current_user) FROM customers;  -- the user
SELECT count(session_user) FROM orders;  -- the user of the session
