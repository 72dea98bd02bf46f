"""Files of tables that were brought from another engine, for one statement each."""

from __future__ import annotations

import threading
from collections.abc import Callable
from itertools import count
from pathlib import Path

from catalog.model import Table
from catalog.names import quote
from flight_server.engines.brought import Brought
from flight_server.engines.duckdb.memory import write
from flight_server.engines.duckdb.private import PrivateDirectory
from flight_server.engines.duckdb.scan.scan import Scan
from flight_server.engines.duckdb.session import text_literal
from flight_server.engines.duckdb.sqltypes import sql_type
from flight_server.engines.errors import OutOfResources

_PREFIX = "flight-server-brought-"
_NO_ROOM = "The server has no room on its disk to bring a table of Athena here."
# What is left behind must not be taken for NULL, should a statement come to read it after all.
_LEFT = "system.main.error('This column was not brought.')"


class BroughtFiles:
    """Files in a directory of this process alone. Safe for several threads."""

    def __init__(self, parent: Path) -> None:
        self._parent = parent
        self._lock = threading.Lock()
        self._directory: PrivateDirectory | None = None
        self._numbers = count()

    def hold(self, table: Table, rows: Brought) -> tuple[Scan, Callable[[], None]]:
        """A scan of what is brought of a table, and what to call once it is not read any more.

        Waits for all of its rows. Raises what reading them raises, and `OutOfResources`.
        """
        path = self._place() / f"{next(self._numbers)}.parquet"
        try:
            found = write(path, rows.schema, rows(), None)
        except BaseException as error:
            path.unlink(missing_ok=True)
            if isinstance(error, OSError):
                raise OutOfResources(_NO_ROOM) from error
            raise
        types = {column.name: sql_type(column.type) for column in table.columns}
        came = set(rows.schema.names)
        columns = ", ".join(
            f"CAST({quote(name) if name in came else _LEFT} AS {data}) AS {quote(name)}"
            for name, data in types.items()
        )
        source = f"read_parquet([{text_literal(str(path))}], explicit_cardinality={found})"
        scan = Scan(f"SELECT {columns} FROM {source}", types, (str(path),))  # noqa: S608 - quoted
        return scan, lambda: path.unlink(missing_ok=True)

    def close(self) -> None:
        """Remove all files."""
        with self._lock:
            directory, self._directory = self._directory, None
        if directory is not None:
            directory.close()

    def _place(self) -> Path:
        with self._lock:
            if self._directory is None:
                self._directory = PrivateDirectory(self._parent, _PREFIX)
            return self._directory.path
