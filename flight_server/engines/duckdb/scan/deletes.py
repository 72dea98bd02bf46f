"""What takes rows of data files away, as anti joins over a source called `r`."""

from __future__ import annotations

from collections.abc import Callable, Container, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import groupby

from pyiceberg.types import DoubleType, FloatType, NestedField

from flight_server.engines.duckdb.scan import fields
from flight_server.engines.duckdb.scan.entries import DataFile, DeleteFile
from flight_server.engines.duckdb.scan.vectors import Vector
from flight_server.engines.duckdb.session import text_literal
from flight_server.engines.errors import UnsupportedData

EQUALITY = 2
_Places = tuple[list[int], list[int]]
_PUFFIN = "PUFFIN"


def is_vector(delete: DeleteFile) -> bool:
    """Whether a delete is a deletion vector, which stands within a puffin file."""
    return delete.format == _PUFFIN


def vectors_of(files: Sequence[DataFile]) -> tuple[Vector, ...]:
    """The deletion vectors of data files that are read together. Raises `UnsupportedData`."""
    found: list[Vector] = []
    for number, file in enumerate(files):
        for delete in file.deletes:
            if not is_vector(delete):
                continue
            if (
                delete.offset is None
                or delete.length is None
                or delete.referenced != file.path
                or not 0 <= delete.record_count <= file.record_count
            ):
                raise UnsupportedData("A deletion vector of the table is not well formed.")
            place = delete.path, delete.offset, delete.length
            found.append(Vector(number, *place, delete.record_count, file.record_count))
    return tuple(found)


def positions(files: Sequence[DataFile], paths: Callable[[list[DeleteFile]], list[str]]) -> str:
    """The rows (data, pos) of position delete files, which the worker reads itself; or nothing."""
    deletes = {
        delete.path: delete
        for file in files
        for delete in file.deletes
        if delete.content != EQUALITY and not is_vector(delete)
    }
    if not deletes:
        return ""
    order = {path: index for index, path in enumerate(deletes)}
    read = ", ".join(map(text_literal, paths(list(deletes.values()))))
    # which delete file speaks of which data file: others may name it but were written before it.
    # Most data files have the same ones, so these are told once for all of a kind
    kinds: dict[tuple[int, ...], int] = {}
    told = [
        tuple(order[delete.path] for delete in file.deletes if delete.path in order)
        for file in files
    ]
    rows = ", ".join(
        f"({text_literal(file.path)}, {number}::UBIGINT, {kinds.setdefault(mine, len(kinds))})"
        for number, (file, mine) in enumerate(zip(files, told, strict=True))
        if mine
    )
    pairs = ", ".join(
        f"({delete}::UBIGINT, {kind})" for mine, kind in kinds.items() for delete in mine
    )
    return (
        "SELECT f.data, p.pos FROM (SELECT file_path, pos, file_index FROM "  # noqa: S608 - quoted
        f"read_parquet([{read}], hive_partitioning=false)) p "
        f"JOIN (VALUES {rows}) f(path, data, kind) ON f.path = p.file_path "
        f"JOIN (VALUES {pairs}) k(deletes, kind) ON k.deletes = p.file_index AND k.kind = f.kind"
    )


def by_positions(rows: Sequence[str]) -> str:
    """The anti join with the positions (data, pos) that some queries give."""
    return (
        f" ANTI JOIN ({' UNION ALL '.join(rows)}) d"
        " ON d.data = r.file_index AND d.pos = r.file_row_number"
    )


def equality_sets(
    files: Sequence[DataFile],
) -> list[tuple[tuple[int, ...], list[DeleteFile]]]:
    """The equality deletes of data files, by the ids of the columns that they compare."""
    found = {
        delete.path: delete
        for file in files
        for delete in file.deletes
        if delete.content == EQUALITY
    }

    def ids(delete: DeleteFile) -> tuple[int, ...]:
        return tuple(sorted(set(delete.equality_ids)))

    if not all(delete.equality_ids for delete in found.values()):
        raise UnsupportedData("An equality delete of the table names no columns.")
    return [(key, list(some)) for key, some in groupby(sorted(found.values(), key=ids), key=ids)]


@dataclass(frozen=True, slots=True)
class Keys:
    """Equality deletes that compare the same columns: files at `paths`, read by field id.

    `values` are the columns of `r` as SQL by field id.
    """

    columns: Sequence[NestedField]
    deletes: Sequence[DeleteFile]
    paths: Sequence[str]
    values: Mapping[int, str]


def by_equality(keys: Keys, files: Sequence[DataFile], everywhere: Container[int]) -> str:
    """The anti joins with the keys in equality delete files, for data files read together.

    A delete holds for rows that were written before it: for those of its partition, or for all
    where its spec is among `everywhere`.
    """
    bound = [delete.spec_id not in everywhere for delete in keys.deletes]
    joins = []
    for some in (False, True):
        picked = [at for at, each in enumerate(bound) if each is some]
        if picked:
            deletes = [keys.deletes[at] for at in picked]
            paths = [keys.paths[at] for at in picked]
            part = replace(keys, deletes=deletes, paths=paths)
            joins.append(_join(part, files, _places(deletes, files) if some else None))
    return "".join(joins)


def _join(keys: Keys, files: Sequence[DataFile], places: _Places | None) -> str:
    names = {f"k{each.field_id}": each for each in keys.columns}
    columns = [f"e.{name}" for name in names]
    terms = []
    for name, field in names.items():
        value = keys.values[field.field_id]
        terms.append(f"x.{name} IS NOT DISTINCT FROM {value}")
        if isinstance(field.field_type, (FloatType, DoubleType)):
            # DuckDB takes 0 and -0 for the same, Iceberg does not
            terms.append(f"{_sign('x.' + name)} IS NOT DISTINCT FROM {_sign(value)}")
    if places is not None:
        columns.append(f"{_by_file(places[0], 'e')} AS place")
        terms.append(f"x.place = {_by_file(places[1], 'r')}")
    if max(file.sequence for file in files) >= min(each.sequence for each in keys.deletes):
        columns.append(f"{_by_file([each.sequence for each in keys.deletes], 'e')} AS sequence")
        terms.append(f"x.sequence > {_by_file([file.sequence for file in files], 'r')}")
    source = f"read_parquet([{', '.join(map(text_literal, keys.paths))}]"
    return (
        f" ANTI JOIN (SELECT {', '.join(columns)} FROM {source}, "  # noqa: S608 - quoted
        f"schema={fields.field_map(names)}, hive_partitioning=false) e) x ON {' AND '.join(terms)}"
    )


def _places(deletes: Sequence[DeleteFile], files: Sequence[DataFile]) -> _Places:
    """Numbers of the partitions that deletes are bound to, and those of the data files.

    Which delete is of which file's partition was decided when they were assigned.
    """
    numbers: dict[tuple[int, str], int] = {}
    own = {d.path: numbers.setdefault(_partition(d), len(numbers)) for d in deletes}
    found = []
    for file in files:
        mine = {own[delete.path] for delete in file.deletes if delete.path in own}
        if len(mine) > 1:
            raise UnsupportedData("The table has deletes that belong to two partitions.")
        found.append(mine.pop() if mine else -1)
    return [own[delete.path] for delete in deletes], found


def _partition(delete: DeleteFile) -> tuple[int, str]:
    # by its text: NaN is not equal to itself
    return delete.spec_id, repr(delete.partition)


def _sign(value: str) -> str:
    return f"CASE WHEN NOT system.main.isnan({value}) THEN system.main.signbit({value}) END"


def _by_file(numbers: Sequence[int], source: str) -> str:
    """A number of each file that is read as `source`, in order."""
    if len(set(numbers)) == 1:
        return f"CAST({numbers[0]} AS BIGINT)"
    listed = ", ".join(map(str, numbers))
    return (
        f"system.main.list_extract(CAST([{listed}] AS BIGINT[]), "
        f"CAST({source}.file_index AS BIGINT) + 1)"
    )
