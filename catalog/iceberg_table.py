"""One Iceberg table's metadata in our words, and what opens its files."""

from __future__ import annotations

import time
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from pyiceberg.io import PY_IO_IMPL
from pyiceberg.table.metadata import TableMetadata

from catalog.errors import UnsupportedTable
from catalog.iceberg_fields import TAGS, past_of, split_tags
from catalog.iceberg_schema import columns_of, identifier_of
from catalog.model import Snapshot, Table
from catalog.names import TableName
from catalog.restrictions import ReadRestrictions

# what opens files; the rest of a catalog's properties (its URL, its tokens) is nobody else's
_STORAGE_PREFIXES = ("s3.", "gcs.", "adls.", "hdfs.", "hf.", "oss.", "client.")
_EXPIRES_AT = "s3.session-token-expires-at-ms"
_MARGIN = 60.0  # seconds before credentials expire: files are still fetched with them


def table_of(
    name: TableName,
    metadata: TableMetadata,
    snapshot: Snapshot,
    *,
    storage: Mapping[str, str],
    restrictions: ReadRestrictions | None = None,
) -> Table | None:
    """A table at a snapshot; None where it has none of that id."""
    schema = metadata.schema()
    if snapshot.snapshot_id is not None and snapshot.snapshot_id != metadata.current_snapshot_id:
        pinned = metadata.snapshot_by_id(snapshot.snapshot_id)
        if pinned is None:
            return None
        if not snapshot.branch:
            schema = next((s for s in metadata.schemas if s.schema_id == pinned.schema_id), schema)
    properties = dict(metadata.properties)
    return Table(
        name=name,
        columns=columns_of(schema, past_of(metadata)),
        snapshot=snapshot,
        description=properties.get("comment", ""),
        owner=properties.get("owner", ""),
        tags=split_tags(properties.get(TAGS, "")),
        properties=MappingProxyType(properties),
        identifier=identifier_of(schema),
        location=metadata.location,
        storage=storage,
        restrictions=restrictions,
    )


def sound(table: Table | None, name: TableName) -> Table:
    """The table of a metadata file; without one the file contradicts itself."""
    if table is None:
        raise UnsupportedTable(f"The metadata of table {name} contradicts itself")
    return table


def is_at(table: Table | None, place: str) -> bool:
    """Whether a table is the one whose metadata is at a place."""
    snapshot = None if table is None else table.snapshot
    return snapshot is not None and snapshot.metadata_location == place


def storage_of(options: Mapping[str, Any]) -> Mapping[str, str]:
    """Those options of a catalog that open files.

    Never pass a table's properties: its writer would choose where our credentials are sent.
    """
    return MappingProxyType(
        {
            key: str(value)
            for key, value in options.items()
            if key == PY_IO_IMPL or key.startswith(_STORAGE_PREFIXES)
        }
    )


def good_for(table: Table | None) -> float | None:
    """For how many seconds the credentials that came with a table may still be given on.

    None where they are not known to expire.
    """
    told = table.storage.get(_EXPIRES_AT, "") if table is not None else ""
    if not told.isdecimal():
        return None
    left = int(told) / 1000 - time.time()
    return max(0.0, left - _MARGIN, left / 2)
