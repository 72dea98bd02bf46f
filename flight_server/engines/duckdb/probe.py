"""What a sandboxed worker tries at start-up, to prove that it reaches nothing."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
from duckdb import DuckDBPyConnection

from catalog.names import text_literal
from flight_server.engines.duckdb import sandbox

_FORBIDDEN = "/etc/passwd"
_TABLE = "other.parquet"


def prepare(directory: Path) -> None:
    """Put there what the worker will try to read: the data file of a table that is not its own."""
    pq.write_table(pa.table({"secret": [1]}), directory / _TABLE)


def attempts(connection: DuckDBPyConnection, directory: str) -> dict[str, bool]:
    """Each attempt by name, and whether it succeeded; `directory` is one to write to.

    DuckDB is not locked, so that the kernel's refusal is what is seen, and has threads of its own
    by then.
    """
    connection.execute("SET threads = 4")
    target = str(Path(directory) / "probe")
    table = str(Path(directory) / _TABLE)
    direct: dict[str, Callable[[], object]] = {
        "read a system file": lambda: Path(_FORBIDDEN).read_bytes(),
        "read another table's file": lambda: Path(table).read_bytes(),
        "list a directory": lambda: list(Path("/").iterdir()),
        "write a file": lambda: Path(target).write_bytes(b"x"),
        "open a network socket": lambda: _connect(socket.SOCK_STREAM),
        "send a datagram": lambda: _connect(socket.SOCK_DGRAM),
        "run a program": lambda: _in_child(lambda: os.execv("/bin/true", ["true"])),  # noqa: S606 - meant
        "signal the parent": lambda: os.kill(os.getppid(), 0),
        "outlive the parent": _outlives,
    }
    statements = {
        "read a system file by SQL": f"FROM read_text({text_literal(_FORBIDDEN)}) SELECT content",
        "read another table's file by SQL": f"FROM read_parquet({text_literal(table)})",
        "list a directory by SQL": "SELECT max(file) FROM glob('/*') HAVING count(*) > 0",
        "write a file by SQL": f"COPY (SELECT 1) TO {text_literal(target + '.csv')}",
        "attach a file by SQL": f"ATTACH {text_literal(target + '.db')} AS other; SELECT 1",
    }
    report = {name: _succeeds(attempt) for name, attempt in direct.items()}
    for name, statement in statements.items():
        report[name] = _answers(connection, statement)
    return report


def _outlives() -> None:
    """Whether the kernel would leave this process alive; nothing less than its word counts."""
    if sandbox.ends_with_parent():
        raise PermissionError


def _succeeds(attempt: Callable[[], object]) -> bool:
    try:
        attempt()
    except OSError:
        return False
    return True


def _answers(connection: DuckDBPyConnection, statement: str) -> bool:
    try:
        return bool(connection.execute(statement).fetchall())
    except duckdb.Error:
        return False


def _connect(kind: int) -> None:
    """Reach for an address of this machine; a refusal by the other side is a success."""
    with socket.socket(socket.AF_INET, kind) as attempt:
        try:
            attempt.connect(("127.0.0.1", 9))
        except ConnectionRefusedError:
            return


def _in_child(action: Callable[[], object]) -> None:
    pid = os.fork()
    if pid == 0:
        try:
            action()
        except OSError:
            os._exit(1)
    if os.waitpid(pid, 0)[1] != 0:
        raise PermissionError
