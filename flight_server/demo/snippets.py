"""Lines to paste into a client, for a server that runs the demo."""

from __future__ import annotations

from flight_server.demo.warehouse import Demo

_STATEMENT = "SELECT * FROM invest.portfolio.accounts ORDER BY account_id LIMIT 10"


def adbc(host: str, port: int, user: str, password: str) -> str:
    """Python with the ADBC driver."""
    return f"""\
import adbc_driver_flightsql.dbapi as flight_sql
login = {{"username": "{user}", "password": "{password}"}}
connection = flight_sql.connect("grpc://{host}:{port}", db_kwargs=login, autocommit=True)
with connection.cursor() as cursor:
    cursor.execute("{_STATEMENT}")
    print(cursor.fetch_arrow_table())"""


def adbc_key(host: str, port: int, key: str) -> str:
    """Python with the ADBC driver and an API key."""
    return f"""\
import adbc_driver_flightsql.dbapi as flight_sql
login = {{"adbc.flight.sql.authorization_header": "Bearer {key}"}}
connection = flight_sql.connect("grpc://{host}:{port}", db_kwargs=login, autocommit=True)"""


def polars() -> str:
    """polars, over the connection that `adbc` made."""
    return f"""\
import polars
print(polars.read_database("{_STATEMENT}", connection))"""


def pandas() -> str:
    """pandas, over the connection that `adbc` made."""
    return f"""\
import pandas
print(pandas.read_sql("{_STATEMENT}", connection))"""


def jdbc(host: str, port: int, user: str, password: str) -> str:
    """The URL for the JDBC driver of Flight SQL."""
    return (
        f"jdbc:arrow-flight-sql://{host}:{port}/?useEncryption=false"
        f"&user={user}&password={password}"
    )


def render(demo: Demo, port: int, host: str = "127.0.0.1") -> str:
    """Who may log in, and how, as shown when the demo starts."""
    secrets = demo.credentials
    user, password = "analyst", secrets["analyst"]["password"]
    people = "\n".join(
        f"  {name:<12}{kind.replace('_', ' '):<10}{secret}"
        for name, credential in secrets.items()
        for kind, secret in credential.items()
    )
    total = sum(demo.rows.values())
    return f"""
Serving {total:,} rows in {len(demo.rows)} tables on grpc://{host}:{port}

Users (also in {demo.directory / "credentials.json"})
{people}

Python (in .venv, or pip install adbc-driver-flightsql adbc-driver-manager pyarrow)
{_indented(adbc(host, port, user, password))}

polars and pandas, over that connection
{_indented(polars())}
{_indented(pandas())}

Python with the API key
{_indented(adbc_key(host, port, secrets["service"]["api_key"]))}

JDBC
{_indented(jdbc(host, port, user, password))}
"""


def _indented(text: str) -> str:
    return "\n".join(f"  {line}" for line in text.splitlines())
