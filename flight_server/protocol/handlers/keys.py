"""Primary and foreign keys, as far as the caller may see every part of them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import pyarrow as pa

from auth.visible import VisibleCatalog, VisibleTable
from auth.visible_keys import Reference, referring_keys, visible_keys
from catalog.names import exactly, fold
from flight_server.protocol.call import Call
from flight_server.protocol.wire import schemas
from flight_server.protocol.wire.flight_sql_pb2 import (
    CommandGetCrossReference,
    CommandGetExportedKeys,
    CommandGetImportedKeys,
    CommandGetPrimaryKeys,
)

NO_ACTION = 3  # nothing is enforced, so nothing follows a change


def primary_keys(call: Call, message: CommandGetPrimaryKeys) -> pa.RecordBatch:
    """The columns of the primary keys of the tables of a name."""
    visible = call.door.service.visible(call.caller)
    rows: list[tuple[object, ...]] = []
    for table in _tables(visible, message):
        key = visible_keys(visible, table).primary
        for number, column in enumerate(key.columns if key else (), start=1):
            name = table.name
            rows.append(
                (name.catalog, name.schema, name.table, column, number, key.name if key else None)
            )
    return _batch(rows, schemas.PRIMARY_KEYS)


def imported_keys(call: Call, message: CommandGetImportedKeys) -> pa.RecordBatch:
    """The foreign keys of a table, by the tables that they refer to."""
    visible = call.door.service.visible(call.caller)
    found = [
        key for table in _tables(visible, message) for key in visible_keys(visible, table).foreign
    ]
    return _references(sorted(found, key=lambda key: (key.target, key.table, key.name)))


def exported_keys(call: Call, message: CommandGetExportedKeys) -> pa.RecordBatch:
    """The foreign keys of other tables that refer to a table, by those tables."""
    visible = call.door.service.visible(call.caller)
    found = [key for table in _tables(visible, message) for key in referring_keys(visible, table)]
    return _references(sorted(found, key=lambda key: (key.table, key.name, key.target)))


def cross_reference(call: Call, message: CommandGetCrossReference) -> pa.RecordBatch:
    """The foreign keys of one table that refer to another."""
    visible = call.door.service.visible(call.caller)
    catalog = message.pk_catalog if message.HasField("pk_catalog") else None
    schema = message.pk_db_schema if message.HasField("pk_db_schema") else None

    def wanted(key: Reference) -> bool:
        target = key.target
        return (
            fold(target.table) == fold(message.pk_table)
            and (catalog is None or fold(target.catalog) == fold(catalog))
            and (schema is None or fold(target.schema) == fold(schema))
        )

    referring = _named(
        visible,
        message.fk_catalog if message.HasField("fk_catalog") else None,
        message.fk_db_schema if message.HasField("fk_db_schema") else None,
        message.fk_table,
    )
    found = [key for table in referring for key in visible_keys(visible, table).foreign]
    found = [key for key in found if wanted(key)]
    return _references(sorted(found, key=lambda key: (key.table, key.name, key.target)))


def _tables(
    visible: VisibleCatalog,
    message: CommandGetPrimaryKeys | CommandGetImportedKeys | CommandGetExportedKeys,
) -> Iterator[VisibleTable]:
    return _named(
        visible,
        message.catalog if message.HasField("catalog") else None,
        message.db_schema if message.HasField("db_schema") else None,
        message.table,
    )


def _named(
    visible: VisibleCatalog, catalog: str | None, schema: str | None, table: str
) -> Iterator[VisibleTable]:
    """The visible tables of a name, which is exact here and no pattern."""
    return visible.tables(catalog, None if schema is None else exactly(schema), exactly(table))


def _references(keys: Iterable[Reference]) -> pa.RecordBatch:
    rows: list[tuple[object, ...]] = []
    for key in keys:
        pairs = zip(key.references, key.columns, strict=True)
        for number, (reference, column) in enumerate(pairs, start=1):
            target, table = key.target, key.table
            rows.append(
                (
                    *(target.catalog, target.schema, target.table, reference),
                    *(table.catalog, table.schema, table.table, column),
                    *(number, key.name, key.target_key, NO_ACTION, NO_ACTION),
                )
            )
    return _batch(rows, schemas.FOREIGN_KEYS)


def _batch(rows: list[tuple[object, ...]], schema: pa.Schema) -> pa.RecordBatch:
    columns = zip(*rows, strict=True) if rows else ((),) * len(schema)
    return schemas.batch(columns, schema)
