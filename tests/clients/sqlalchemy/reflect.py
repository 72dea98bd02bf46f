"""Reads and reflects with SQLAlchemy's dialect for Flight SQL, and prints what it found as JSON."""

import json
import os
import sys
import warnings

import flightsql.sqlalchemy  # noqa: F401  (registers the dialect)
import sqlalchemy

warnings.simplefilter("ignore")
user, password, port = (os.environ[name] for name in ("FLIGHT_USER", "FLIGHT_PASSWORD", "PORT"))
place = f"{user}:{password}@127.0.0.1:{port}"
engine = sqlalchemy.create_engine(f"datafusion+flightsql://{place}?insecure=True&catalog=invest")
inspector = sqlalchemy.inspect(engine)
table = sqlalchemy.table("positions", sqlalchemy.column("portfolio_id"), schema="portfolio")
with engine.connect() as connection:
    json.dump(
        {
            "schemas": inspector.get_schema_names(),
            "tables": inspector.get_table_names(schema="portfolio"),
            "columns": {
                column["name"]: str(column["type"])
                for column in inspector.get_columns("accounts", schema="portfolio")
            },
            "values": [list(row) for row in connection.execute("SELECT 1 AS a, 'x' AS b")],
            "built": connection.execute(
                sqlalchemy.select(sqlalchemy.func.count()).select_from(table)
            ).scalar(),
        },
        sys.stdout,
    )
