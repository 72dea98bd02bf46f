"""Which filters DuckDB itself pushes into the scans of a statement, found over stubs of its tables.

A stub is a relation with its filter and masks over an empty table, whose columns are named by the
relation's number and the field's id: so the plan says exactly what each filter is about.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from duckdb import DuckDBPyConnection

from catalog.names import quote
from flight_server.engines.base import Relation
from flight_server.engines.duckdb.relation import view
from flight_server.engines.duckdb.scan.plan import Scan
from flight_server.engines.duckdb.scan.predicate import COLUMN
from flight_server.engines.duckdb.session import text_literal

# The filters of each scan of each relation, by the relation's number, as trees of DuckDB's parser.
Pushed = dict[int, list[list[Any]]]

_SCAN = "READ_PARQUET"


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


def find(connection: DuckDBPyConnection, text: str, values: Mapping[str, Any]) -> bytes:
    """The filters pushed into the scans of a bound statement, as JSON; `null` where unsure."""
    explained = connection.execute(f"EXPLAIN (FORMAT json) {text}", dict(values) or None)
    (row,) = explained.fetchall()
    found: Pushed = {}
    for scan in _scans(json.loads(row[1])):
        texts = _texts(scan.get("Filters"))
        named = COLUMN.search(" ".join([*texts, *_texts(scan.get("Projections"))]))
        if named is None:
            return b"null"  # it may be of any relation
        trees = [tree for filter_ in texts if (tree := _tree(connection, filter_)) is not None]
        found.setdefault(int(named[1]), []).append(trees)
    return json.dumps(found).encode()


def decode(data: bytes) -> Pushed:
    """The inverse of what `find` gives."""
    told = json.loads(data) or {}
    return {int(number): scans for number, scans in told.items()}


def _scans(node: Any) -> Iterator[Mapping[str, Any]]:
    for each in node if isinstance(node, list) else [node]:
        if _SCAN in each.get("name", ""):
            yield each.get("extra_info", {})
        yield from _scans(each.get("children", []))


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
