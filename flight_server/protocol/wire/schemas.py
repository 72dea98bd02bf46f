"""The fixed result schemas of the metadata commands. Drivers compare them, nullability included."""

from __future__ import annotations

from collections.abc import Iterable

import pyarrow as pa


def _field(name: str, kind: pa.DataType, *, null: bool = True) -> pa.Field:
    return pa.field(name, kind, nullable=null)


_TEXT = pa.utf8()

CATALOGS = pa.schema([_field("catalog_name", _TEXT, null=False)])

DB_SCHEMAS = pa.schema(
    [
        _field("catalog_name", _TEXT),
        _field("db_schema_name", _TEXT, null=False),
    ]
)

TABLES = pa.schema(
    [
        _field("catalog_name", _TEXT),
        _field("db_schema_name", _TEXT),
        _field("table_name", _TEXT, null=False),
        _field("table_type", _TEXT, null=False),
    ]
)

TABLES_WITH_SCHEMA = TABLES.append(_field("table_schema", pa.binary(), null=False))

TABLE_TYPES = pa.schema([_field("table_type", _TEXT, null=False)])

PRIMARY_KEYS = pa.schema(
    [
        _field("catalog_name", _TEXT),
        _field("db_schema_name", _TEXT),
        _field("table_name", _TEXT, null=False),
        _field("column_name", _TEXT, null=False),
        _field("key_sequence", pa.int32(), null=False),
        _field("key_name", _TEXT),
    ]
)

# Of exported, imported and crossing keys alike.
FOREIGN_KEYS = pa.schema(
    [
        _field("pk_catalog_name", _TEXT),
        _field("pk_db_schema_name", _TEXT),
        _field("pk_table_name", _TEXT, null=False),
        _field("pk_column_name", _TEXT, null=False),
        _field("fk_catalog_name", _TEXT),
        _field("fk_db_schema_name", _TEXT),
        _field("fk_table_name", _TEXT, null=False),
        _field("fk_column_name", _TEXT, null=False),
        _field("key_sequence", pa.int32(), null=False),
        _field("fk_key_name", _TEXT),
        _field("pk_key_name", _TEXT),
        _field("update_rule", pa.uint8(), null=False),
        _field("delete_rule", pa.uint8(), null=False),
    ]
)

# The value of a SqlInfo: its child says its type, and readers do not look twice.
SQL_INFO_VALUE = pa.dense_union(
    [
        _field("string_value", _TEXT),
        _field("bool_value", pa.bool_()),
        _field("bigint_value", pa.int64()),
        _field("int32_bitmask", pa.int32()),
        _field("string_list", pa.list_(_field("item", _TEXT))),
        _field("int32_to_int32_list_map", pa.map_(pa.int32(), pa.list_(pa.int32()))),
    ],
    [0, 1, 2, 3, 4, 5],
)

SQL_INFO = pa.schema(
    [
        _field("info_name", pa.uint32(), null=False),
        _field("value", SQL_INFO_VALUE, null=False),
    ]
)

XDBC_TYPE_INFO = pa.schema(
    [
        _field("type_name", _TEXT, null=False),
        _field("data_type", pa.int32(), null=False),
        _field("column_size", pa.int32()),
        _field("literal_prefix", _TEXT),
        _field("literal_suffix", _TEXT),
        _field("create_params", pa.list_(_field("item", _TEXT, null=False))),
        _field("nullable", pa.int32(), null=False),
        _field("case_sensitive", pa.bool_(), null=False),
        _field("searchable", pa.int32(), null=False),
        _field("unsigned_attribute", pa.bool_()),
        _field("fixed_prec_scale", pa.bool_(), null=False),
        _field("auto_increment", pa.bool_()),
        _field("local_type_name", _TEXT),
        _field("minimum_scale", pa.int32()),
        _field("maximum_scale", pa.int32()),
        _field("sql_data_type", pa.int32(), null=False),
        _field("datetime_subcode", pa.int32()),
        _field("num_prec_radix", pa.int32()),
        _field("interval_precision", pa.int32()),
    ]
)


def batch(columns: Iterable[Iterable[object]], schema: pa.Schema) -> pa.RecordBatch:
    """Values by column as rows of a schema."""
    arrays = [pa.array(values, field.type) for values, field in zip(columns, schema, strict=True)]
    return pa.RecordBatch.from_arrays(arrays, schema=schema)
