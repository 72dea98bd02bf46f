"""Measures the server against DuckDB in process and against a bare Flight stream."""
