"""`information_schema`: what a principal sees of the catalogs, as tables of their own.

Filled from the visible catalog alone, so that nothing hidden can be in them, and only when a
statement that names one of them runs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from types import MappingProxyType
from typing import Any

import pyarrow as pa

from auth.errors import TableNotFound
from auth.grant import Grant
from auth.visible import VisibleCatalog, VisibleTable
from auth.visible_keys import PrimaryKey, Reference, VisibleKeys, visible_keys
from catalog.errors import CatalogError
from catalog.lookup import match
from catalog.model import Column, Table
from catalog.names import TableName, fold
from catalog.types import sql_name

NAME = "information_schema"
# Where the engine finds these tables: its own catalogs have an information_schema already. Each
# served catalog is a schema there; `main`, which no catalog can be called, is for all of them.
PLACE = "__information_schema"
EVERYWHERE = "main"

_BATCH = 8_192
_READ_ONLY = "NO"

Values = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Relation:
    """One of the tables: its columns, and how its rows are found in one catalog (or in all)."""

    schema: pa.Schema
    rows: Callable[[VisibleCatalog, str | None], Iterator[Values]]


def system_table(visible: VisibleCatalog, catalog: str | None, name: str) -> VisibleTable | None:
    """The table of a name over one visible catalog, or over all; None where there is none."""
    found = match(RELATIONS, name)
    if found is None:
        return None
    relation = RELATIONS[found]
    place = TableName(PLACE, EVERYWHERE if catalog is None else catalog, found)
    columns = tuple(Column(field.name, field.type) for field in relation.schema)
    table = Table(place, columns, rows=lambda: _batches(relation, visible, catalog))
    return VisibleTable(table, Grant(tuple(relation.schema.names)), columns)


def is_information_schema(schema: str) -> bool:
    """Whether a schema's name is that of these tables."""
    return fold(schema) == NAME


def _batches(
    relation: Relation, visible: VisibleCatalog, catalog: str | None
) -> Iterator[pa.RecordBatch]:
    rows = relation.rows(visible, catalog)
    while part := list(islice(rows, _BATCH)):
        yield pa.RecordBatch.from_pylist(part, relation.schema)


def _tables(visible: VisibleCatalog, catalog: str | None) -> Iterator[VisibleTable]:
    return visible.tables(catalog)


# --- the rows; what is not given is NULL ----------------------------------------------------------


def _schemata(visible: VisibleCatalog, catalog: str | None) -> Iterator[Values]:
    for name in visible.schemas(catalog):
        yield {"catalog_name": name.catalog, "schema_name": name.schema}


def _placed(name: TableName) -> Values:
    return {
        "table_catalog": name.catalog,
        "table_schema": name.schema,
        "table_name": name.table,
    }


def _table_rows(visible: VisibleCatalog, catalog: str | None) -> Iterator[Values]:
    for table in _tables(visible, catalog):
        yield {
            **_placed(table.name),
            "table_type": "BASE TABLE" if table.table.kind == "TABLE" else table.table.kind,
            "is_insertable_into": _READ_ONLY,
            "is_typed": "NO",
            "TABLE_COMMENT": table.table.description or None,
        }


def _view_rows(visible: VisibleCatalog, catalog: str | None) -> Iterator[Values]:
    # A view's text may name what its reader may not see: it is never told.
    for table in _tables(visible, catalog):
        if table.table.kind == "VIEW":
            yield {
                **_placed(table.name),
                "check_option": "NONE",
                "is_updatable": _READ_ONLY,
                "is_insertable_into": _READ_ONLY,
            }


def _column_rows(visible: VisibleCatalog, catalog: str | None) -> Iterator[Values]:
    for table in _tables(visible, catalog):
        place = _placed(table.name)
        # Counted over the visible columns: a gap would tell of a hidden one.
        for position, column in enumerate(table.columns, start=1):
            yield {
                **place,
                "column_name": column.name,
                "ordinal_position": position,
                "is_nullable": "YES" if column.nullable else "NO",
                "data_type": type_text(column.type),
                **_digits(column.type),
                "is_identity": False,
                "is_generated": "NEVER",
                "is_updatable": False,
                "COLUMN_COMMENT": column.doc or None,
            }


def type_text(data: pa.DataType) -> str:
    """A type as SQL spells it, or as Arrow does where SQL has no name for it."""
    try:
        return sql_name(data)
    except ValueError:
        return str(data)


def _digits(data: pa.DataType) -> Values:
    if pa.types.is_decimal(data):
        digits, radix, scale = int(data.precision), 10, int(data.scale)
    elif pa.types.is_integer(data):
        digits, radix, scale = int(data.bit_width), 2, 0
    elif pa.types.is_floating(data):
        digits, radix, scale = (53 if data == pa.float64() else 24), 2, 0
    else:
        return {}
    return {"numeric_precision": digits, "numeric_precision_radix": radix, "numeric_scale": scale}


def _keys(visible: VisibleCatalog, catalog: str | None) -> Iterator[VisibleKeys]:
    for table in _tables(visible, catalog):
        yield visible_keys(visible, table)


def _constraint(table: TableName, name: str) -> Values:
    return {
        "constraint_catalog": table.catalog,
        "constraint_schema": table.schema,
        "constraint_name": name,
    }


def _constraint_rows(visible: VisibleCatalog, catalog: str | None) -> Iterator[Values]:
    for keys in _keys(visible, catalog):
        found: list[tuple[PrimaryKey | Reference, str]] = []
        if keys.primary:
            found.append((keys.primary, "PRIMARY KEY"))
        found += [(key, "FOREIGN KEY") for key in keys.foreign]
        for key, kind in found:
            yield {
                **_constraint(key.table, key.name),
                **_placed(key.table),
                "constraint_type": kind,
                "is_deferrable": "NO",
                "initially_deferred": "NO",
                # Keys are declared; nothing checks them.
                "enforced": "NO",
            }


def _key_column_rows(visible: VisibleCatalog, catalog: str | None) -> Iterator[Values]:
    for keys in _keys(visible, catalog):
        if keys.primary:
            place = {
                **_constraint(keys.primary.table, keys.primary.name),
                **_placed(keys.primary.table),
            }
            for number, column in enumerate(keys.primary.columns, start=1):
                yield {**place, "column_name": column, "ordinal_position": number}
        for key in keys.foreign:
            unique = _positions(visible, key)
            for number, column in enumerate(key.columns, start=1):
                yield {
                    **_constraint(key.table, key.name),
                    **_placed(key.table),
                    "column_name": column,
                    "ordinal_position": number,
                    "position_in_unique_constraint": unique.get(key.references[number - 1]),
                }


def _positions(visible: VisibleCatalog, key: Reference) -> Mapping[str, int]:
    """The places of the columns in the primary key that a foreign key refers to."""
    if key.target_key is None:
        return {}
    try:
        target = visible.find(key.target)
    except (TableNotFound, CatalogError):
        return {}
    columns = [column.name for column in target.columns if column.name in key.references]
    return {name: number for number, name in enumerate(columns, start=1)}


def _reference_rows(visible: VisibleCatalog, catalog: str | None) -> Iterator[Values]:
    for keys in _keys(visible, catalog):
        for key in keys.foreign:
            unique = key.target_key is not None
            yield {
                **_constraint(key.table, key.name),
                "unique_constraint_catalog": key.target.catalog if unique else None,
                "unique_constraint_schema": key.target.schema if unique else None,
                "unique_constraint_name": key.target_key,
                "match_option": "NONE",
                "update_rule": "NO ACTION",
                "delete_rule": "NO ACTION",
            }


def _used_column_rows(visible: VisibleCatalog, catalog: str | None) -> Iterator[Values]:
    """The columns that a key refers to: of a foreign key, those of the other table."""
    for keys in _keys(visible, catalog):
        used: list[tuple[PrimaryKey | Reference, TableName, tuple[str, ...]]] = []
        if keys.primary:
            used.append((keys.primary, keys.primary.table, keys.primary.columns))
        used += [(key, key.target, key.references) for key in keys.foreign]
        for key, table, columns in used:
            for column in columns:
                yield {
                    **_placed(table),
                    "column_name": column,
                    **_constraint(key.table, key.name),
                }


# --- the columns, as DuckDB and PostgreSQL name them ----------------------------------------------

_OTHER_TYPES: Mapping[str, pa.DataType] = {
    **dict.fromkeys(("ordinal_position", "datetime_precision", "interval_precision"), pa.int32()),
    **dict.fromkeys(("character_maximum_length", "character_octet_length"), pa.int32()),
    **dict.fromkeys(("numeric_precision", "numeric_precision_radix", "numeric_scale"), pa.int32()),
    **dict.fromkeys(("maximum_cardinality", "position_in_unique_constraint"), pa.int64()),
    **dict.fromkeys(("is_self_referencing", "is_identity", "identity_cycle"), pa.bool_()),
    "is_updatable": pa.bool_(),
}


def _schema(names: str, **others: pa.DataType) -> pa.Schema:
    types = {**_OTHER_TYPES, **others}
    return pa.schema([pa.field(name, types.get(name, pa.string())) for name in names.split()])


_OF_CONSTRAINT = "constraint_catalog constraint_schema constraint_name"
_OF_TABLE = "table_catalog table_schema table_name"

RELATIONS: Mapping[str, Relation] = MappingProxyType(
    {
        "schemata": Relation(
            _schema(
                "catalog_name schema_name schema_owner default_character_set_catalog"
                " default_character_set_schema default_character_set_name sql_path"
            ),
            _schemata,
        ),
        "tables": Relation(
            _schema(
                f"{_OF_TABLE} table_type self_referencing_column_name reference_generation"
                " user_defined_type_catalog user_defined_type_schema user_defined_type_name"
                " is_insertable_into is_typed commit_action TABLE_COMMENT"
            ),
            _table_rows,
        ),
        "columns": Relation(
            _schema(
                f"{_OF_TABLE} column_name ordinal_position column_default is_nullable data_type"
                " character_maximum_length character_octet_length numeric_precision"
                " numeric_precision_radix numeric_scale datetime_precision interval_type"
                " interval_precision character_set_catalog character_set_schema"
                " character_set_name collation_catalog collation_schema collation_name"
                " domain_catalog domain_schema domain_name udt_catalog udt_schema udt_name"
                " scope_catalog scope_schema scope_name maximum_cardinality dtd_identifier"
                " is_self_referencing is_identity identity_generation identity_start"
                " identity_increment identity_maximum identity_minimum identity_cycle"
                " is_generated generation_expression is_updatable COLUMN_COMMENT"
            ),
            _column_rows,
        ),
        "table_constraints": Relation(
            _schema(
                f"{_OF_CONSTRAINT} {_OF_TABLE} constraint_type is_deferrable initially_deferred"
                " enforced nulls_distinct"
            ),
            _constraint_rows,
        ),
        "key_column_usage": Relation(
            _schema(
                f"{_OF_CONSTRAINT} {_OF_TABLE} column_name ordinal_position"
                " position_in_unique_constraint",
                ordinal_position=pa.int64(),
            ),
            _key_column_rows,
        ),
        "referential_constraints": Relation(
            _schema(
                f"{_OF_CONSTRAINT} unique_constraint_catalog unique_constraint_schema"
                " unique_constraint_name match_option update_rule delete_rule"
            ),
            _reference_rows,
        ),
        "constraint_column_usage": Relation(
            _schema(f"{_OF_TABLE} column_name {_OF_CONSTRAINT}"), _used_column_rows
        ),
        "views": Relation(
            _schema(
                f"{_OF_TABLE} view_definition check_option is_updatable is_insertable_into"
                " is_trigger_updatable is_trigger_deletable is_trigger_insertable_into",
                is_updatable=pa.string(),
            ),
            _view_rows,
        ),
    }
)
