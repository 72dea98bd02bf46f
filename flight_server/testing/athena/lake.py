"""Fills the store of a double: buckets, Iceberg and Hive tables of given rows, and views."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from flight_server.testing.athena.ddl import view_entry
from flight_server.testing.athena.formats import FORMATS, file_bytes, hive_name
from flight_server.testing.athena.store import Store


@dataclass(frozen=True, slots=True)
class Data:
    """The rows of a table, and how they are to lie where."""

    rows: pa.Table
    location: str
    file_format: str
    partitioned_by: tuple[str, ...]


def put_bucket(store: Store, name: str, region: str) -> None:
    """Make a bucket."""
    more = {}
    if region != "us-east-1":  # which may not be named
        more["CreateBucketConfiguration"] = {"LocationConstraint": region}
    store.s3.create_bucket(Bucket=name, **more)


def put_table(store: Store, name: str, data: Data) -> None:
    """Make a table of rows. Raises `ValueError` for a format that there is not."""
    database, _, table = name.partition(".")
    _put_database(store, database)
    if data.file_format == "iceberg":
        made = store.iceberg().create_table(
            (database, table), schema=data.rows.schema, location=data.location
        )
        made.append(data.rows)
        return
    if data.file_format not in FORMATS:
        raise ValueError(f"no such format: {data.file_format}")
    keys = data.partitioned_by
    plain = [field for field in data.rows.schema if field.name not in keys]
    store.glue.create_table(DatabaseName=database, TableInput=_entry(table, data, plain))
    for values, rows in _partitions(data.rows, keys):
        steps = "".join(f"/{key}={value}" for key, value in zip(keys, values, strict=True))
        place = data.location + steps
        if keys:
            described = _storage(data, plain) | {"Location": place}
            store.glue.create_partition(
                DatabaseName=database,
                TableName=table,
                PartitionInput={"Values": values, "StorageDescriptor": described},
            )
        written = rows.select([field.name for field in plain])
        store.put(f"{place}/part-0.{data.file_format}", file_bytes(written, data.file_format))


def put_view(store: Store, name: str, query: str, columns: Mapping[str, str]) -> None:
    """Make a view."""
    database, _, view = name.partition(".")
    _put_database(store, database)
    entry = view_entry(view, query, columns=list(columns.items()), database=database)
    store.glue.create_table(DatabaseName=database, TableInput=entry)


def empty(store: Store) -> None:
    """Delete all buckets with what is in them."""
    for bucket in store.s3.list_buckets()["Buckets"]:
        pages = store.s3.get_paginator("list_objects_v2")
        for page in pages.paginate(Bucket=bucket["Name"]):
            found = [{"Key": item["Key"]} for item in page.get("Contents", [])]
            if found:
                store.s3.delete_objects(Bucket=bucket["Name"], Delete={"Objects": found})
        store.s3.delete_bucket(Bucket=bucket["Name"])


def _put_database(store: Store, name: str) -> None:
    if not store.has_database(name):
        store.glue.create_database(DatabaseInput={"Name": name})


def _entry(name: str, data: Data, plain: list[pa.Field]) -> dict[str, Any]:
    parameters = {"EXTERNAL": "TRUE"}
    if data.file_format == "csv":
        parameters["skip.header.line.count"] = "1"
    keys = [data.rows.schema.field(key) for key in data.partitioned_by]
    return {
        "Name": name,
        "TableType": "EXTERNAL_TABLE",
        "Parameters": parameters,
        "PartitionKeys": [_column(key) for key in keys],
        "StorageDescriptor": _storage(data, plain),
    }


def _storage(data: Data, plain: list[pa.Field]) -> dict[str, Any]:
    return {
        "Columns": [_column(field) for field in plain],
        "Location": data.location,
        **FORMATS[data.file_format].described(),
    }


def _column(field: pa.Field) -> dict[str, str]:
    comment = (field.metadata or {}).get(b"comment", b"").decode()
    shown = {"Name": field.name.lower(), "Type": hive_name(field.type)}
    return shown | ({"Comment": comment} if comment else {})


def _partitions(rows: pa.Table, keys: tuple[str, ...]) -> Iterator[tuple[list[str], pa.Table]]:
    """The rows of each combination of the keys' values."""
    if not keys:
        yield [], rows
        return
    for values in rows.select(list(keys)).group_by(list(keys)).aggregate([]).to_pylist():
        chosen = rows
        for key in keys:
            value = pa.scalar(values[key], rows[key].type)
            chosen = chosen.filter(pc.equal(chosen[key], value))
        yield [str(values[key]) for key in keys], chosen
