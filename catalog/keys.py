"""The keys that tables declare: their identifier fields, and foreign keys as a table property.

`flight.foreign_keys` is a JSON list of `{"columns": [...], "table": "schema.table", "references":
[...]}`; the other table is in the same catalog. Iceberg enforces neither kind of key. Knows no
users: whoever shows a key must see to it that all of it may be seen.
"""

from __future__ import annotations

import json
import logging
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from catalog.lookup import match
from catalog.model import Table
from catalog.names import TableName, fold

FOREIGN_KEYS = "flight.foreign_keys"

_log = logging.getLogger(__name__)
_LONGEST = 256 * 1024
_MOST = 1_000


@dataclass(frozen=True, slots=True)
class ForeignKey:
    """`columns[i]` of the declaring table has values of `references[i]` of `target`.

    The declaring table's columns are as that table spells them, the rest is as it was declared.
    """

    columns: tuple[str, ...]
    target: TableName
    references: tuple[str, ...]


def primary_key(table: Table) -> tuple[str, ...]:
    """The columns of the table's identifier in table order; empty where it has none."""
    return tuple(column.name for column in table.columns if column.name in table.identifier)


def foreign_keys(table: Table) -> tuple[ForeignKey, ...]:
    """The foreign keys that a table declares, each once; malformed ones are logged and left out."""
    text = table.properties.get(FOREIGN_KEYS, "")
    if not text:
        return ()
    columns = tuple(column.name for column in table.columns)
    return _read(text, table.name, columns)


@lru_cache(maxsize=1_024)  # also so that a malformed declaration is logged once, not per call
def _read(text: str, name: TableName, columns: tuple[str, ...]) -> tuple[ForeignKey, ...]:
    try:
        declared = json.loads(text) if len(text) <= _LONGEST else None
    except (ValueError, RecursionError):
        declared = None
    if not isinstance(declared, list) or len(declared) > _MOST:
        _log.warning("table %s: the property %s is not a list of keys", name, FOREIGN_KEYS)
        return ()
    found: dict[ForeignKey, None] = {}
    for number, entry in enumerate(declared, start=1):
        key = _key(entry, name, columns)
        if key is None:
            _log.warning("table %s: key %d of %s is malformed", name, number, FOREIGN_KEYS)
        else:
            found[key] = None
    return tuple(found)


def _key(entry: Any, name: TableName, known: tuple[str, ...]) -> ForeignKey | None:
    if not isinstance(entry, dict):
        return None
    columns, references = _texts(entry.get("columns")), _texts(entry.get("references"))
    target = _target(entry.get("table"), name.catalog)
    if target is None or not columns or len(columns) != len(references):
        return None
    spelled = [match(known, column) for column in columns]
    if None in spelled or len(set(spelled)) != len(spelled):
        return None
    if len({fold(column) for column in references}) != len(references):
        return None
    return ForeignKey(tuple(str(column) for column in spelled), target, references)


def _texts(value: Any) -> tuple[str, ...]:
    if not isinstance(value, list) or not all(isinstance(item, str) and item for item in value):
        return ()
    return tuple(value)


def _target(value: Any, catalog: str) -> TableName | None:
    """The table of `schema.table`; nested schemas have dots of their own."""
    if not isinstance(value, str):
        return None
    schema, _, table = value.rpartition(".")
    return TableName(catalog, schema, table) if schema and table else None
