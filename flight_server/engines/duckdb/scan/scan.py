"""A table as a subquery over files: what planning gives and what engines put into FROM."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from catalog.names import text_literal
from flight_server.engines.duckdb.scan.remote import RemoteFile
from flight_server.engines.duckdb.scan.vectors import Vector


@dataclass(frozen=True, slots=True)
class Scan:
    """A table as a subquery.

    `sql` stands in FROM, in parentheses; it gives the columns of `types` (DuckDB's type by name,
    in table order). `files` are the absolute paths that it reads. `remote` are files that have to
    be fetched first: they stand in `sql` as `mark` with their number, until `fetched` replaces it.
    `vectors` are deletion vectors of which, together, a file is to be made first, of bitmaps or of
    positions: it stands in `sql` as `mark` with `v` and its number, until `decoded`.
    """

    sql: str
    types: dict[str, str]
    files: tuple[str, ...]
    remote: tuple[RemoteFile, ...] = ()
    mark: str = ""
    vectors: tuple[tuple[Vector, ...], ...] = ()

    def fetched(self, paths: Sequence[str]) -> Scan:
        """The scan over the local copies of its remote files, in their order."""
        sql = re.sub(
            f"'{self.mark}([0-9]+)'", lambda found: text_literal(paths[int(found[1])]), self.sql
        )
        return replace(self, sql=sql, files=(*self.files, *paths), remote=())

    def decoded(self, paths: Sequence[str]) -> Scan:
        """The scan over what was made of its deletion vectors, in their order."""
        sql = re.sub(
            f"'{self.mark}v([0-9]+)'", lambda found: text_literal(paths[int(found[1])]), self.sql
        )
        return replace(self, sql=sql, files=(*self.files, *paths), vectors=())
