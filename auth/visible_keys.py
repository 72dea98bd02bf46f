"""The declared keys that a principal may know of: those of which every column is seen unmasked."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from hashlib import sha256

from auth.errors import TableNotFound
from auth.visible import VisibleCatalog, VisibleTable
from catalog.errors import CatalogError
from catalog.keys import ForeignKey, foreign_keys, primary_key
from catalog.lookup import match
from catalog.names import TableName


@dataclass(frozen=True, slots=True)
class PrimaryKey:
    """The identifier of a visible table; `name` follows from the table's name alone."""

    name: str
    table: TableName
    columns: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Reference:
    """A foreign key between two visible tables: `columns[i]` has values of `references[i]`.

    `target_key` is the name of the target's primary key where the key refers to just that.
    """

    name: str
    table: TableName
    columns: tuple[str, ...]
    target: TableName
    references: tuple[str, ...]
    target_key: str | None


@dataclass(frozen=True, slots=True)
class VisibleKeys:
    """The keys of one table: its primary key, and the foreign keys that it declares, by name."""

    primary: PrimaryKey | None
    foreign: tuple[Reference, ...]


def visible_keys(visible: VisibleCatalog, table: VisibleTable) -> VisibleKeys:
    """The keys of a visible table.

    A key is not there if one of its columns, on either side, or its other table is hidden, nor if
    a column is masked: what a mask gives is no key. Names are made of visible names only, so that
    they do not tell how many keys are hidden.
    """
    declared = (_reference(visible, table, key) for key in foreign_keys(table.table))
    found = [key for key in declared if key is not None]
    names = Counter(key.name for key in found)
    told = [key if names[key.name] == 1 else _told_apart(key) for key in found]
    return VisibleKeys(_primary(table), tuple(sorted(set(told), key=lambda key: key.name)))


def referring_keys(visible: VisibleCatalog, table: VisibleTable) -> tuple[Reference, ...]:
    """The foreign keys of visible tables that refer to a visible table, by table and name."""
    return tuple(_referring(visible, table))


def _referring(visible: VisibleCatalog, table: VisibleTable) -> Iterator[Reference]:
    for other in visible.tables(table.name.catalog):
        # most tables refer to few others: only keys that name this one are looked into
        if any(key.target.folded == table.name.folded for key in foreign_keys(other.table)):
            for key in visible_keys(visible, other).foreign:
                if key.target == table.name:
                    yield key


def _primary(table: VisibleTable) -> PrimaryKey | None:
    columns = primary_key(table.table)
    if not columns or not _shown(table) >= set(columns):
        return None
    return PrimaryKey(f"pk_{table.name.table}", table.name, columns)


def _reference(visible: VisibleCatalog, table: VisibleTable, key: ForeignKey) -> Reference | None:
    if not _shown(table) >= set(key.columns):
        return None
    try:
        target = visible.find(key.target)
    except (TableNotFound, CatalogError):
        return None
    shown = _shown(target)
    references = [match(shown, column) for column in key.references]
    spelled = tuple(column for column in references if column is not None)
    if len(spelled) != len(references):
        return None
    primary = _primary(target)
    is_primary = primary is not None and set(primary.columns) == set(spelled)
    return Reference(
        name=f"fk_{table.name.table}_{'_'.join(key.columns)}_{target.name.table}",
        table=table.name,
        columns=key.columns,
        target=target.name,
        references=spelled,
        target_key=primary.name if primary is not None and is_primary else None,
    )


def _told_apart(key: Reference) -> Reference:
    """The same key with a name that no other key of its table has."""
    parts = repr((key.columns, key.target, key.references))
    return replace(key, name=f"{key.name}_{sha256(parts.encode()).hexdigest()[:8]}")


def _shown(table: VisibleTable) -> set[str]:
    grant = table.grant
    return {
        c.name for c in table.columns if c.name not in grant.masks and c.name not in grant.fields
    }
