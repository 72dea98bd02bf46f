"""What a worker is told once: the catalogs, schemas, views and files that it may hold."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from functools import cached_property
from hashlib import sha256

from catalog.names import SchemaName, fold
from flight_server.engines.base import Secured
from flight_server.engines.duckdb.arriving import is_arriving
from flight_server.engines.errors import UnsupportedData

_RESERVED = frozenset({"system", "temp", "flight_server_private"})


@dataclass(frozen=True, slots=True)
class Stream:
    """A relation of the sealed tier: its full name as SQL, and its visible columns in order.

    With `unasked` no condition of a statement chooses its rows before its filter does.
    """

    relation: str
    columns: tuple[str, ...]
    unasked: bool = False


def stream_name(index: int) -> str:
    """The name of a stream's source in a worker's temporary schema."""
    return f"flight_server_stream_{index}"


def stream_column(index: int) -> str:
    """The name of a stream's column: one that no name of a table can spoil."""
    return f"c{index}"


@dataclass(frozen=True)
class Setup:
    """The contents of one DuckDB instance.

    `statements` create its views (or empty tables) by full name; `files` are absolute paths, all
    that they read. `use` is the default catalog and schema, None for a private empty one.
    `functions` are macros by name and definition. `streams` are the relations that come through
    pipes: a worker scans them, its feeder serves them. `feeder` is the feeder's own setup, None
    where there is none; a worker is never told of it. `options` are settings of the instance.
    """

    catalogs: tuple[str, ...]
    schemas: tuple[tuple[str, str], ...]
    statements: tuple[str, ...]
    files: tuple[str, ...]
    use: tuple[str, str] | None
    time_zone: str
    functions: tuple[tuple[str, str], ...] = ()
    streams: tuple[Stream, ...] = ()
    feeder: Setup | None = None
    options: tuple[tuple[str, str], ...] = ()

    @cached_property
    def encoded(self) -> bytes:
        """The setup as JSON, as it is sent to a worker: without that of its feeder."""
        told = {f.name: getattr(self, f.name) for f in fields(self) if f.name != "feeder"}
        told["streams"] = [(s.relation, s.columns, s.unasked) for s in self.streams]
        return json.dumps(told, separators=(",", ":")).encode()

    @cached_property
    def key(self) -> str:
        """Equal for equal setups only; warm workers are found by it."""
        behind = b"" if self.feeder is None else self.feeder.key.encode()
        return sha256(self.encoded + behind).hexdigest()

    @property
    def awaits_files(self) -> bool:
        """Whether some of the files come after the worker was told of them."""
        return any(map(is_arriving, self.files))

    @classmethod
    def decode(cls, data: bytes) -> Setup:
        """The inverse of `encoded`."""
        raw = json.loads(data)
        return cls(
            catalogs=tuple(raw["catalogs"]),
            schemas=tuple((catalog, schema) for catalog, schema in raw["schemas"]),
            statements=tuple(raw["statements"]),
            files=tuple(raw["files"]),
            use=None if raw["use"] is None else (raw["use"][0], raw["use"][1]),
            time_zone=raw["time_zone"],
            functions=tuple((name, definition) for name, definition in raw["functions"]),
            streams=tuple(Stream(n, tuple(columns), un) for n, columns, un in raw["streams"]),
            options=tuple((name, value) for name, value in raw["options"]),
        )


EMPTY = Setup((), (), (), (), None, "UTC")
# A plan in which a scan of the rows is joined to one of their numbers would hide what is wanted.
PLANNER = replace(EMPTY, options=(("disabled_optimizers", "late_materialization"),))


def compose(
    secured: Secured,
    statements: Sequence[str],
    files: Sequence[str],
    beside: Sequence[SchemaName] = (),
) -> Setup:
    """The setup of a statement: its relations by `statements`, in catalogs shaped as it names them.

    The default catalog and schema are there even where no relation lies in them, so that a partly
    qualified name means the same in every setup; `beside` are schemas of what views are made of.
    Raises `UnsupportedData` for a catalog whose name DuckDB keeps for itself.
    """
    named = (*(relation.name.in_schema for relation in secured.relations), *beside)
    schemas = {_folded(schema): schema for schema in named}
    use: tuple[str, str] | None = None
    if secured.catalog is not None:
        default = SchemaName(secured.catalog, secured.schema or "main")
        known = schemas.setdefault(_folded(default), default)
        use = (known.catalog, known.schema)
    catalogs = {fold(s.catalog): s.catalog for s in schemas.values()}
    if _RESERVED & catalogs.keys():
        raise UnsupportedData("A catalog has a name that this engine cannot serve.")
    return Setup(
        catalogs=tuple(catalogs[key] for key in sorted(catalogs)),
        schemas=tuple((s.catalog, s.schema) for _, s in sorted(schemas.items())),
        statements=tuple(dict.fromkeys(statements)),
        files=tuple(dict.fromkeys(files)),
        use=use,
        time_zone=secured.time_zone,
        functions=tuple((f.name, f.definition) for f in secured.functions),
    )


def _folded(name: SchemaName) -> SchemaName:
    return SchemaName(fold(name.catalog), fold(name.schema))
