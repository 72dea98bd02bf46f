"""Finds tables at the states at which a statement reads them: versions, and the option `as_of`."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from auth.visible import VisibleCatalog, VisibleTable
from catalog.errors import SnapshotNotFound
from catalog.model import Snapshot
from catalog.names import TableName, display
from flight_server.query.versions import AsOf, Ref, Version, VersionKind


def find_at(
    visible: VisibleCatalog,
    name: TableName,
    pinned: Snapshot | None,
    version: Version | None,
    *,
    as_of: AsOf | None,
    time_zone: str,
) -> VisibleTable:
    """A table at a pinned state, or else at a version, or else as of a moment or as it is now.

    Snapshots, tags and branches as of which the whole statement is read are for `all_as_of`.
    Raises `TableNotFound` and `SnapshotNotFound`.
    """
    if pinned is not None:
        return visible.find(name, pinned)
    if version is not None:
        return _at_version(visible, name, version, time_zone)
    if isinstance(as_of, datetime):
        return visible.find_as_of(name, as_of)
    return visible.find(name)


def _at_version(
    visible: VisibleCatalog, name: TableName, version: Version, time_zone: str
) -> VisibleTable:
    today = visible.find(name)
    if today.table.snapshot is None:
        raise unversioned(str(today.name))
    found: VisibleTable | None = None
    match version.kind:
        case VersionKind.MOMENT:
            return visible.find_as_of(name, version.moment(time_zone))
        case VersionKind.NAME:
            found = visible.find_named(name, version.value)
            told = f"tag or branch {display(version.value)[:200]}"
        case VersionKind.SNAPSHOT:
            made = visible.find_snapshot(name, int(version.value))
            found = None if made is None else made[0]
            told = f"snapshot {version.value}"
    if found is None:
        raise SnapshotNotFound(f"Table {today.name} has no {told}.")
    return found


def unversioned(shown: str) -> SnapshotNotFound:
    """The error of a table that only is as it is now."""
    return SnapshotNotFound(f"Table {shown} has no earlier states.")


def all_as_of(
    visible: VisibleCatalog, tables: Mapping[TableName, VisibleTable], as_of: AsOf | None
) -> Mapping[TableName, VisibleTable]:
    """The tables of a statement, by any key, as of a snapshot, tag or branch; else as they are.

    Those without snapshots stay. Raises `TableNotFound` and `SnapshotNotFound`.
    """
    stored = {key: table for key, table in tables.items() if table.table.snapshot}
    if isinstance(as_of, Ref):
        return {**tables, **{key: _at_ref(visible, table, as_of) for key, table in stored.items()}}
    if isinstance(as_of, int):
        return {**tables, **_at_snapshot(visible, stored, as_of)}
    return tables


def _at_ref(visible: VisibleCatalog, table: VisibleTable, ref: Ref) -> VisibleTable:
    found = visible.find_named(table.name, ref.name, ref.kind)
    if found is None:
        raise SnapshotNotFound(f"Table {table.name} has no {ref.kind} {display(ref.name)[:200]}.")
    return found


def _at_snapshot(
    visible: VisibleCatalog, tables: Mapping[TableName, VisibleTable], snapshot_id: int
) -> Mapping[TableName, VisibleTable]:
    """Tables as of a snapshot that one of them has."""
    for key, table in tables.items():
        found = visible.find_snapshot(table.name, snapshot_id)
        if found is not None:
            at, made = found
            return {
                other: at if other == key else visible.find_as_of(each.name, made)
                for other, each in tables.items()
            }
    if tables:
        raise SnapshotNotFound(f"No table of the statement has a snapshot {snapshot_id}.")
    return {}
