"""The DuckDB instance inside a worker: started blank, filled once, then locked."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

import duckdb
import pyarrow as pa
from duckdb import DuckDBPyConnection, DuckDBPyRelation

from catalog.names import quote
from catalog.names import text_literal as text_literal
from flight_server.engines.duckdb.setup import Setup

PRIVATE = "flight_server_private"

_BLANK: dict[str, str | bool | int | float | list[str]] = {
    # one thread until the sandbox holds: threads keep the rights they were started with
    "threads": 1,
    "async_threads": 0,
    "temp_directory": "",
    "python_enable_replacements": False,
    "autoinstall_known_extensions": False,
    "autoload_known_extensions": False,
    "allow_community_extensions": False,
    "allow_persistent_secrets": False,
    "errors_as_json": True,
}


class NotOneSelect(Exception):
    """The text is not exactly one SELECT statement."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What one instance may use; sizes in bytes. `directory` is for spilling, None for none."""

    threads: int
    memory: int
    process_memory: int
    spill: int
    directory: str | None
    sandboxed: bool

    def encode(self) -> bytes:
        """The limits as JSON."""
        return json.dumps(asdict(self)).encode()

    @classmethod
    def decode(cls, data: bytes) -> Limits:
        """The inverse of `encode`."""
        return cls(**json.loads(data))


def blank() -> DuckDBPyConnection:
    """A new, empty instance that has started no thread."""
    connection = duckdb.connect(":memory:", config=_BLANK)
    # Iceberg's files never change once they are there
    connection.execute("SET parquet_metadata_cache = true")
    connection.execute("SET validate_external_file_cache = 'NO_VALIDATION'")
    return connection


def warm(connection: DuckDBPyConnection) -> None:
    """Have DuckDB do once what every statement does, so that forks find it done."""
    connection.execute("ATTACH ':memory:' AS warm; CREATE SECURE VIEW warm.main.v AS SELECT 1 AS a")
    list(connection.sql("SELECT sum(a), now() FROM warm.main.v").to_arrow_reader(1))
    connection.execute("DETACH warm")


def renew(connection: DuckDBPyConnection) -> DuckDBPyConnection:
    """The instance of a forked connection under a new connection.

    A connection carries the state of its random numbers: two forks that went on with the same one
    would draw the same uuids. The old one must stay open: closing it closes both.
    """
    return connection.cursor()


def fill(
    connection: DuckDBPyConnection,
    setup: Setup,
    limits: Limits,
    attach: Callable[[], None] = lambda: None,
) -> None:
    """Give a blank instance its size and contents, and lock it for good.

    `attach` is called before the contents are made, for what they are made from.
    """
    settings: dict[str, str] = {
        "memory_limit": text_literal(f"{limits.memory}B"),
        "threads": str(limits.threads),
        "TimeZone": text_literal(setup.time_zone),
        "allowed_paths": "[" + ", ".join(map(text_literal, setup.files)) + "]",
    }
    if limits.directory is not None:
        settings["temp_directory"] = text_literal(limits.directory)
        settings["max_temp_directory_size"] = text_literal(f"{limits.spill}B")
    settings |= {name: text_literal(value) for name, value in setup.options}
    for name, value in settings.items():
        connection.execute(f"SET {name} = {value}")
    connection.execute("SET enable_external_access = false")
    # DuckDB names its first database "memory", a name that a catalog may have
    connection.execute(f"ATTACH ':memory:' AS {quote(PRIVATE)}")
    connection.execute(f"USE {quote(PRIVATE)}")
    connection.execute("DETACH memory")
    attach()
    furnish(connection, setup)
    connection.execute("SET lock_configuration = true")


def furnish(connection: DuckDBPyConnection, setup: Setup) -> None:
    """Create the catalogs, schemas and relations of a setup."""
    for name in setup.catalogs:
        connection.execute(f"ATTACH ':memory:' AS {quote(name)}")
    for catalog, schema in setup.schemas:
        connection.execute(f"CREATE SCHEMA IF NOT EXISTS {quote(catalog)}.{quote(schema)}")
    for statement in setup.statements:
        connection.execute(statement)
    if setup.use is not None:
        connection.execute(f"USE {quote(setup.use[0])}.{quote(setup.use[1])}")
    # temporary macros are found before all else, the engine's own functions of the name included
    for name, definition in setup.functions:
        connection.execute(f"CREATE TEMP MACRO {quote(name)}{definition}")


def empty(connection: DuckDBPyConnection, setup: Setup) -> None:
    """Take away what `furnish` created; works on a locked instance too."""
    connection.execute(f"USE {quote(PRIVATE)}")
    for name, _definition in setup.functions:
        connection.execute(f"DROP MACRO IF EXISTS temp.main.{quote(name)}")
    for name in setup.catalogs:
        connection.execute(f"DETACH {quote(name)}")


def relation(
    connection: DuckDBPyConnection, text: str, values: Mapping[str, Any]
) -> DuckDBPyRelation:
    """Bind a statement, unchanged. Nothing runs yet. Raises `NotOneSelect` and DuckDB's errors."""
    statements = connection.extract_statements(text)
    try:
        single = len(statements) == 1 and statements[0].type == duckdb.StatementType.SELECT
    except ValueError as error:  # a statement type that the Python client has no name for
        raise NotOneSelect from error
    if not single:
        raise NotOneSelect
    return connection.sql(statements[0], params=dict(values)) if values else connection.sql(text)


def nulls(types: Mapping[str, str]) -> str:
    """What a SELECT lists to give a NULL of each of these types, by name."""
    return ", ".join(f"CAST(NULL AS {data}) AS {quote(name)}" for name, data in types.items())


def result_schema(connection: DuckDBPyConnection, bound: DuckDBPyRelation) -> pa.Schema:
    """The Arrow schema that a bound statement will give, without running it.

    DuckDB itself turns the types into Arrow's, over a row of NULLs; so the user's expressions are
    not evaluated.
    """
    columns = ", ".join(
        f"CAST(NULL AS {data}) AS {quote(name)}"
        for name, data in zip(bound.columns, map(str, bound.types), strict=True)
    )
    schema: pa.Schema = connection.sql(f"SELECT {columns} LIMIT 0").to_arrow_reader(1).schema
    return pa.schema(list(schema))
