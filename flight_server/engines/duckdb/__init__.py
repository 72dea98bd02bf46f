"""DuckDB in sandboxed worker processes over the planned files of a statement."""
