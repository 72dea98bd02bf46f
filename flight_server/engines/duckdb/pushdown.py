"""What DuckDB itself asks of the scans of a statement, found over stubs of its tables.

A stub is a relation with its filter and masks over an empty table, whose columns are named by the
relation's number and the field's id: so the plan says exactly what each filter is about.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from duckdb import DuckDBPyConnection

from catalog.names import quote, text_literal
from flight_server.engines.base import Relation
from flight_server.engines.duckdb.relation import view
from flight_server.engines.duckdb.scan.predicate import COLUMN
from flight_server.engines.duckdb.scan.scan import Scan

_SCAN = "READ_PARQUET"
_PROJECTION = "PROJECTION"
_LIMITS = ("LIMIT", "STREAMING_LIMIT")
_NUMBER = re.compile(r"[0-9]+")
_STRING = re.compile(r"'(?:[^']|'')*'")


@dataclass(frozen=True, slots=True)
class Asked:
    """What one scan asks for: the filters as trees of DuckDB's parser, which all hold.

    `limit` is how many rows it is asked for at most, None for all. `columns` are the field ids of
    all that it reads, also for filters; None where that is not sure.
    """

    filters: list[Any]
    limit: int | None
    columns: list[int] | None


# What the scans of each relation ask for, by the relation's number.
Pushed = dict[int, list[Asked]]


def stub(relation: Relation, number: int, types: Mapping[str, str], file: str) -> str:
    """The statement that creates a relation's stub over the empty file.

    A plain view, so that the user's filters pass it; nothing is in it that they could tell of.
    """
    entries, columns = [], []
    for column in relation.table.columns:
        name, data = f"s{number}f{column.field_id}", text_literal(types[column.name])
        entries.append(
            f"{column.field_id}: {{name: '{name}', type: {data}, default_value: NULL::VARCHAR}}"
        )
        columns.append(f"{name} AS {quote(column.name)}")
    source = f"read_parquet({text_literal(file)}, schema=MAP {{{', '.join(entries)}}})"
    sql = f"SELECT {', '.join(columns)} FROM {source}"  # noqa: S608 - names and types are quoted
    return view(relation, Scan(sql, dict(types), (file,)), barrier=False)


def find(
    connection: DuckDBPyConnection, text: str, values: Mapping[str, Any], *, alone: bool
) -> bytes:
    """What the scans of a bound statement ask for, as JSON; `null` where unsure.

    `alone` says that there is one relation only, so that every scan is of it.
    """
    explained = connection.execute(f"EXPLAIN (FORMAT json) {text}", dict(values) or None)
    (row,) = explained.fetchall()
    found: dict[int, list[dict[str, Any]]] = {}
    for scan, limit in _scans(json.loads(row[1])):
        texts, read = _texts(scan.get("Filters")), scan.get("Projections")
        named = _columns([*texts, *_texts(read)])
        numbers = {number for number, _ in named} or ({0} if alone else set())
        if len(numbers) != 1:
            return b"null"  # it may be of any relation
        trees = [tree for filter_ in texts if (tree := _tree(connection, filter_)) is not None]
        sure = read is not None and all(_columns([each]) for each in [*texts, *_texts(read)])
        columns = sorted(column for _, column in named) if sure else None
        told = asdict(Asked(trees, None if texts else limit, columns))
        found.setdefault(numbers.pop(), []).append(told)
    return json.dumps(found).encode()


def decode(data: bytes) -> Pushed:
    """The inverse of what `find` gives."""
    told = json.loads(data) or {}
    return {int(number): [Asked(**scan) for scan in scans] for number, scans in told.items()}


def _scans(node: Any, limit: int | None = None) -> Iterator[tuple[Mapping[str, Any], int | None]]:
    """The scans below a node, with how many rows what is right above them takes of each."""
    for each in node if isinstance(node, list) else [node]:
        name, info = each.get("name", ""), each.get("extra_info", {})
        if _SCAN in name:
            yield info, limit
        # what is projected are as many rows
        kept = limit if name == _PROJECTION else None
        below = _limit(info) if name in _LIMITS else kept
        yield from _scans(each.get("children", []), below)


def _limit(info: Mapping[str, Any]) -> int | None:
    limit, offset = info.get("Limit", ""), info.get("Offset", "0")
    if _NUMBER.fullmatch(limit) and _NUMBER.fullmatch(offset):
        return int(limit) + int(offset)
    return None


def _columns(texts: Sequence[str]) -> set[tuple[int, int]]:
    """The columns of stubs that texts speak of, each as relation and field."""
    bare = _STRING.sub("''", " ".join(texts))  # what users write may look like one
    return {(int(number), int(column)) for number, column in COLUMN.findall(bare)}


def _texts(value: Any) -> Sequence[str]:
    if isinstance(value, str):
        return [value] if value else []
    return list(value or [])


def _tree(connection: DuckDBPyConnection, text: str) -> Any:
    """A filter's tree; None for what is no SQL, such as filters that are found while running."""
    (row,) = connection.execute("SELECT json_serialize_sql(?)", [f"SELECT {text}"]).fetchall()
    told = json.loads(row[0])
    if told.get("error"):
        return None
    (statement,) = told["statements"]
    (tree,) = statement["node"]["select_list"]
    return tree
