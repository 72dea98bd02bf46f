"""Tables that Spark and Iceberg's Java library wrote, with what they say is in them."""

from __future__ import annotations

import json
import math
import zipfile
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Any

import pyarrow as pa
from pyiceberg.types import (
    BinaryType,
    DecimalType,
    FixedType,
    IcebergType,
    ListType,
    MapType,
    StructType,
)

_HERE = Path(__file__).parent / "tables"
_WRITTEN_AT = b"/tmp/flight-server-fixtures/" + b"0" * 32
# pyiceberg and Arrow take such a name for a query of a URL
_REFUSED_ON_S3 = frozenset({"question_file"})


@dataclass(frozen=True)
class Case:
    """A table of the matrix. `rows` are counted values as JSON has them; None: it is refused."""

    name: str
    title: str
    writer: str
    version: int
    truth: str
    rows: Counter[str] | None
    snapshot: int | None

    @property
    def refused_on_s3(self) -> bool:
        """Whether the table is refused only where it lies on S3."""
        return self.name in _REFUSED_ON_S3


@cache
def cases() -> Mapping[str, Case]:
    """All cases by name."""
    return {name: _case(name, told) for name, told in _truth().items()}


def _truth() -> Mapping[str, Any]:
    truth: Mapping[str, Any] = json.loads((_HERE / "truth.json").read_text())
    return truth


def _case(name: str, told: Mapping[str, Any]) -> Case:
    rows = None
    if "rows" in told:
        rows = Counter({_text(row): count for count, row in told["rows"]})
    return Case(
        name,
        told["title"],
        told["writer"],
        told["version"],
        told["truth"],
        rows,
        told.get("snapshot"),
    )


def place(parent: str, scheme: str = "") -> str:
    """A location below `parent` to which tables can be moved; `scheme` may stand before it."""
    start = f"{scheme}{parent}/"
    rest = len(_WRITTEN_AT) - len(start)
    assert rest > 0, "the folder's name is too long"
    return start + "x" * rest


def unpack(name: str, location: str, folder: Path) -> str:
    """Put a table into a folder that is seen as `location`; gives its metadata file's location."""
    assert len(location) == len(_WRITTEN_AT)
    found = ""
    with zipfile.ZipFile(_HERE / f"{name}.zip") as archive:
        for entry in archive.namelist():
            target = folder / entry
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(archive.read(entry).replace(_WRITTEN_AT, location.encode()))
            if entry.endswith(".metadata.json"):
                found = f"{location}/{entry}"
    assert found
    return found


def counted(table: pa.Table, types: list[IcebergType]) -> Counter[str]:
    """The rows of a table as the truth has them."""
    columns = [
        [_plain(value, kind) for value in _raw(column.combine_chunks(), kind)]
        for column, kind in zip(table.columns, types, strict=True)
    ]
    return Counter(_text(list(row)) for row in zip(*columns, strict=True))


def _text(row: list[Any]) -> str:
    return json.dumps(row, sort_keys=True)


def _raw(column: pa.Array, kind: IcebergType) -> list[Any]:
    """Values as Python has them, but moments as numbers: Python has not all of them."""
    if isinstance(column, pa.ChunkedArray):
        column = pa.concat_arrays(column.chunks) if column.num_chunks else pa.array([], column.type)
    if isinstance(kind, StructType):
        parts = [_raw(column.field(at), field.field_type) for at, field in enumerate(kind.fields)]
        rows = [list(row) for row in zip(*parts, strict=True)]
        return [r if v else None for r, v in zip(rows, column.is_valid().to_pylist(), strict=True)]
    if isinstance(kind, (ListType, MapType)):
        return _grouped(column, kind)
    if pa.types.is_temporal(column.type):
        return [None if v is None else v for v in _numbers(column)]
    values: list[Any] = column.to_pylist()
    return values


def _grouped(column: pa.Array, kind: ListType | MapType) -> list[Any]:
    if isinstance(kind, ListType):
        items = _raw(column.values, kind.element_type)
    else:
        keys, values = _raw(column.keys, kind.key_type), _raw(column.items, kind.value_type)
        items = [[key, value] for key, value in zip(keys, values, strict=True)]
    ends = column.offsets.to_pylist()
    rows = [items[start:end] for start, end in pairwise(ends)]
    return [r if v else None for r, v in zip(rows, column.is_valid().to_pylist(), strict=True)]


def _numbers(column: pa.Array) -> list[Any]:
    data = column.type
    whole = column.cast(pa.int32() if data.bit_width == 32 else pa.int64())
    values: list[Any] = whole.to_pylist()
    return values


def _plain(value: Any, kind: IcebergType) -> Any:
    """A value as the truth writes it."""
    if value is None:
        return None
    if isinstance(kind, StructType):
        return [_plain(v, f.field_type) for v, f in zip(value, kind.fields, strict=True)]
    if isinstance(kind, ListType):
        return [_plain(each, kind.element_type) for each in value]
    if isinstance(kind, MapType):
        pairs = [[_plain(k, kind.key_type), _plain(v, kind.value_type)] for k, v in value]
        return sorted(pairs, key=repr)
    if isinstance(kind, (BinaryType, FixedType)):
        return value.hex()
    if isinstance(kind, DecimalType):
        return str(value)
    if isinstance(value, float) and not math.isfinite(value):
        return {"nan": "NaN", "inf": "Infinity", "-inf": "-Infinity"}[str(value)]
    return value
