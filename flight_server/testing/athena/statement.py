"""One statement while it runs, and what it came to: values that the parts of the engine share."""

from __future__ import annotations

import random
import re
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import duckdb

from flight_server.testing.athena.errors import StatementCancelled
from flight_server.testing.athena.faults import Faults
from flight_server.testing.athena.groups import Groups
from flight_server.testing.athena.store import Store

Authorize = Callable[[str | None, str, str], "frozenset[str] | None"]
"""The columns that an access key may see of a database's table; None is all."""


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What all statements of a double share."""

    store: Store
    groups: Groups
    faults: Faults
    unload_files: int
    strict: bool
    authorize: Authorize | None
    chance: random.Random


@dataclass(slots=True)
class Statement:
    """A statement as it was sent; `scanned` and `output` are filled in while it runs.

    `output` is the folder of its results, None where the work group keeps them itself.
    """

    id: str
    text: str
    database: str
    group: str
    access_key: str | None
    output: str | None
    parameters: list[str]
    around: Surroundings
    connection: duckdb.DuckDBPyConnection
    cancelled: threading.Event = field(default_factory=threading.Event)
    scanned: int = 0

    def check(self) -> None:
        """Raises `StatementCancelled` once it was stopped or reads more than its group allows."""
        if self.cancelled.is_set():
            raise StatementCancelled("Query cancelled by user")
        cutoff = self.around.groups.settings(self.group).get("BytesScannedCutoffPerQuery")
        if cutoff and self.scanned > cutoff:
            raise StatementCancelled(
                "Bytes scanned limit was exceeded. The query was cancelled because it read more "
                f"than {cutoff} bytes."
            )

    def place(self, suffix: str) -> str | None:
        """Where one of its results goes, or None."""
        return None if self.output is None else f"{self.output.rstrip('/')}/{self.id}{suffix}"


@dataclass(frozen=True, slots=True)
class Result:
    """What a statement came to. `header` is whether the first page begins with the names."""

    columns: list[dict[str, Any]] = field(default_factory=list)
    rows: list[list[str | None]] = field(default_factory=list)
    header: bool = False
    update_count: int = 0
    location: str | None = None
    manifest: str | None = None


_KINDS: tuple[tuple[str, str, str], ...] = (
    (r"(SELECT|WITH|VALUES|TABLE|\()", "DML", "SELECT"),
    (r"UNLOAD\b", "DML", "UNLOAD"),
    (r"EXECUTE\b", "DML", "SELECT"),
    (r"INSERT\b", "DML", "INSERT"),
    (r"UPDATE\b", "DML", "UPDATE"),
    (r"DELETE\b", "DML", "DELETE"),
    (r"MERGE\b", "DML", "MERGE"),
    (r"EXPLAIN\b", "UTILITY", "EXPLAIN"),
    (r"SHOW\s+(DATABASES|SCHEMAS)", "UTILITY", "SHOW_DATABASES"),
    (r"SHOW\s+TABLES", "UTILITY", "SHOW_TABLES"),
    (r"SHOW\s+VIEWS", "UTILITY", "SHOW_VIEWS"),
    (r"SHOW\s+COLUMNS", "UTILITY", "SHOW_COLUMNS"),
    (r"SHOW\s+PARTITIONS", "UTILITY", "SHOW_PARTITIONS"),
    (r"SHOW\s+CREATE\s+VIEW", "UTILITY", "SHOW_CREATE_VIEW"),
    (r"SHOW\s+CREATE", "UTILITY", "SHOW_CREATE_TABLE"),
    (r"DESC(RIBE)?\b", "UTILITY", "DESCRIBE_TABLE"),
    (r"VACUUM\b", "DML", "VACUUM_TABLE"),
    (r"OPTIMIZE\b", "DML", "OPTIMIZE"),
    (r"MSCK\b", "DDL", "MSCK"),
    (r"CREATE\s+(DATABASE|SCHEMA)", "DDL", "CREATE_DATABASE"),
    (r"CREATE\s+(OR\s+REPLACE\s+)?VIEW", "DDL", "CREATE_VIEW"),
    (r"CREATE\s+TABLE\b.*?\bAS\s+(SELECT|WITH)\b", "DDL", "CREATE_TABLE_AS_SELECT"),
    (r"CREATE\b", "DDL", "CREATE_TABLE"),
    (r"ALTER\s+TABLE\b.*\bADD\b", "DDL", "ALTER_TABLE_ADD_PARTITION"),
    (r"ALTER\b", "DDL", "ALTER_TABLE"),
    (r"DROP\s+(DATABASE|SCHEMA)", "DDL", "DROP_DATABASE"),
    (r"DROP\s+VIEW", "DDL", "DROP_VIEW"),
    (r"DROP\b", "DDL", "DROP_TABLE"),
    (r"PREPARE\b", "DDL", "PREPARE"),
    (r"DEALLOCATE\b", "DDL", "DEALLOCATE"),
)
_COMMENT = re.compile(r"(?s)\A(?:\s+|--[^\n]*(?:\n|\Z)|/\*.*?\*/)+")


def stripped(text: str) -> str:
    """A statement without the comments before it and the semicolon after it."""
    return _COMMENT.sub("", text).rstrip().rstrip(";").rstrip()


def kind_of(text: str) -> tuple[str, str]:
    """The `StatementType` and `SubstatementType` of a statement."""
    bare = stripped(text)
    for pattern, statement_type, sub in _KINDS:
        if re.match(pattern, bare, re.IGNORECASE | re.DOTALL):
            return statement_type, sub
    return "DML", "SELECT"
