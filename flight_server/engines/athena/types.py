"""The types of values: how DuckDB, Arrow and Athena each spell one and the same."""

from __future__ import annotations

from dataclasses import dataclass

import pyarrow as pa
from duckdb.sqltypes import DuckDBPyType

from catalog.names import quote
from flight_server.engines.errors import Untranslatable

# The scalars, by DuckDB's name: Athena's name, and Arrow's type.
_SCALARS: dict[str, tuple[str, pa.DataType]] = {
    "BOOLEAN": ("boolean", pa.bool_()),
    "TINYINT": ("tinyint", pa.int8()),
    "SMALLINT": ("smallint", pa.int16()),
    "INTEGER": ("integer", pa.int32()),
    "BIGINT": ("bigint", pa.int64()),
    # wider than Athena's widest: what does not fit 38 digits fails
    "HUGEINT": ("decimal(38, 0)", pa.decimal128(38, 0)),
    "FLOAT": ("real", pa.float32()),
    "DOUBLE": ("double", pa.float64()),
    "VARCHAR": ("varchar", pa.string()),
    "BLOB": ("varbinary", pa.binary()),
    "DATE": ("date", pa.date32()),
    "TIME": ("time(6)", pa.time64("us")),
    "TIMESTAMP": ("timestamp(6)", pa.timestamp("us")),
    "TIMESTAMP WITH TIME ZONE": ("timestamp(6) with time zone", pa.timestamp("us", "UTC")),
    "UUID": ("uuid", pa.uuid()),
}
INTEGERS = frozenset({"TINYINT", "SMALLINT", "INTEGER", "BIGINT", "HUGEINT"})
FLOATS = frozenset({"FLOAT", "DOUBLE"})
NUMBERS = INTEGERS | FLOATS | {"DECIMAL"}
MOMENTS = frozenset({"DATE", "TIMESTAMP", "TIMESTAMP WITH TIME ZONE"})


@dataclass(frozen=True, slots=True)
class Type:
    """A type by DuckDB's name.

    `parts` are a struct's fields with their names, a list's element, or a map's key and value.
    """

    name: str
    precision: int = 0
    scale: int = 0
    parts: tuple[tuple[str, Type], ...] = ()

    @property
    def duck(self) -> str:
        """DuckDB's text."""
        if self.name == "DECIMAL":
            return f"DECIMAL({self.precision},{self.scale})"
        if self.name == "LIST":
            return f"{self.parts[0][1].duck}[]"
        if self.name == "STRUCT":
            return "STRUCT(" + ", ".join(f"{quote(n)} {t.duck}" for n, t in self.parts) + ")"
        if self.name == "MAP":
            return f"MAP({self.parts[0][1].duck}, {self.parts[1][1].duck})"
        return '"NULL"' if self.name == "NULL" else self.name

    @property
    def trino(self) -> str:
        """Athena's text."""
        if self.name == "DECIMAL":
            return f"decimal({self.precision}, {self.scale})"
        if self.name == "LIST":
            return f"array({self.parts[0][1].trino})"
        if self.name == "STRUCT":
            return "row(" + ", ".join(f"{quote(n)} {t.trino}" for n, t in self.parts) + ")"
        if self.name == "MAP":
            return f"map({self.parts[0][1].trino}, {self.parts[1][1].trino})"
        return "varchar" if self.name == "NULL" else _SCALARS[self.name][0]

    @property
    def arrow(self) -> pa.DataType:
        """Arrow's type."""
        if self.name == "DECIMAL":
            return pa.decimal128(self.precision, self.scale)
        if self.name == "LIST":
            return pa.list_(self.parts[0][1].arrow)
        if self.name == "STRUCT":
            return pa.struct([pa.field(n, t.arrow) for n, t in self.parts])
        if self.name == "MAP":
            return pa.map_(self.parts[0][1].arrow, self.parts[1][1].arrow)
        return pa.null() if self.name == "NULL" else _SCALARS[self.name][1]

    @property
    def element(self) -> Type:
        """The type of a list's elements."""
        return self.parts[0][1]

    def has(self, *names: str) -> bool:
        """Whether it is one of these types, or holds one."""
        return self.name in names or any(part.has(*names) for _, part in self.parts)

    @property
    def shape(self) -> Type:
        """The same type as values of it are seen: Arrow knows no HUGEINT."""
        if self.name == "HUGEINT":
            return Type("DECIMAL", 38, 0)
        return Type(
            self.name, self.precision, self.scale, tuple((n, t.shape) for n, t in self.parts)
        )


BOOLEAN, BIGINT, INTEGER = Type("BOOLEAN"), Type("BIGINT"), Type("INTEGER")
DOUBLE, VARCHAR, NULL = Type("DOUBLE"), Type("VARCHAR"), Type("NULL")
DATE, TIMESTAMP, HUGEINT = Type("DATE"), Type("TIMESTAMP"), Type("HUGEINT")
TIMESTAMPTZ = Type("TIMESTAMP WITH TIME ZONE")
_SAME: dict[pa.DataType, str] = {arrow: name for name, (_, arrow) in _SCALARS.items()} | {
    pa.large_string(): "VARCHAR",
    pa.string_view(): "VARCHAR",
    pa.large_binary(): "BLOB",
    pa.binary_view(): "BLOB",
    pa.date64(): "DATE",
    pa.null(): "NULL",
}


def from_arrow(data: pa.DataType, position: int | None = None) -> Type:
    """The type of Arrow's. Raises `Untranslatable` for one that Athena has not."""
    if data in _SAME:
        return Type(_SAME[data])
    if pa.types.is_decimal(data) and data.precision <= 38:
        return Type("DECIMAL", data.precision, data.scale)
    if pa.types.is_timestamp(data) and data.unit == "us" and data.tz is not None:
        return TIMESTAMPTZ
    if pa.types.is_struct(data):
        fields = (data.field(i) for i in range(data.num_fields))
        parts = tuple((f.name, from_arrow(f.type, position)) for f in fields)
        if len({name.lower() for name, _ in parts}) == len(parts):
            return Type("STRUCT", parts=parts)
    elif pa.types.is_map(data):
        key, item = from_arrow(data.key_type, position), from_arrow(data.item_type, position)
        return Type("MAP", parts=(("key", key), ("value", item)))
    elif pa.types.is_list(data) or pa.types.is_large_list(data):
        return Type("LIST", parts=(("element", from_arrow(data.value_type, position)),))
    elif pa.types.is_fixed_size_binary(data):
        return Type("BLOB")
    raise Untranslatable(f"A value of type {data}", position)


def from_duck(data: DuckDBPyType, position: int | None = None) -> Type:
    """The type of DuckDB's. Raises `Untranslatable` for one that Athena has not."""
    name = data.id.upper()
    if name in ("TIMESTAMP WITH TIME ZONE", "TIMESTAMPTZ"):
        return TIMESTAMPTZ
    if name in ("NULL", "SQLNULL", '"NULL"'):
        return NULL
    if name in _SCALARS and str(data).upper() == name:
        return Type(name)
    if name == "DECIMAL":
        sizes: dict[str, int] = {str(k): int(str(v)) for k, v in data.children}
        return Type("DECIMAL", sizes["precision"], sizes["scale"])
    if name in ("LIST", "STRUCT", "MAP"):
        parts = []
        for key, child in data.children:
            assert isinstance(child, DuckDBPyType)  # noqa: S101 - only decimals have numbers here
            named = "element" if name == "LIST" else str(key)
            parts.append((named, from_duck(child, position)))
        if name == "STRUCT" and len({n.lower() for n, _ in parts}) != len(parts):
            raise Untranslatable("A struct whose fields differ only in case", position)
        return Type(name, parts=tuple(parts))
    if name == "INTERVAL":
        return Type("INTERVAL")
    raise Untranslatable(f"A value of type {str(data)[:60]}", position)
