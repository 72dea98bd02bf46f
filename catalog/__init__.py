"""What exists: catalogs, schemas, tables and columns. Knows no users, no SQL, no Flight."""
