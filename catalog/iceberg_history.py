"""What a table's snapshot log says of its past."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from pyiceberg.table.metadata import TableMetadata
from pyiceberg.table.snapshots import Snapshot

from catalog.model import Snapshot as Pin

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

# Moments in milliseconds since 1970, each with the snapshot that was current from then on; None for
# one that has expired, lest the state before it be taken for it.
History = tuple[tuple[int, int | None], ...]
_MAIN = "main"  # the branch that is the table's current state


@dataclass(frozen=True, slots=True)
class Past:
    """The states of a table: in the order in which they were current, and when each was made.

    `refs` are its tags and branches: what each is, and the id of its snapshot. `divided_by` are
    the ids of all fields by which the table is or was partitioned.
    """

    history: History
    made: Mapping[int, datetime]
    refs: Mapping[str, tuple[str, int]]
    divided_by: frozenset[int]

    def named(self, current: Pin, ref: str, kind: str | None) -> Pin | None:
        """The state of a tag or branch; None where there is none of the kind, or it has expired."""
        found, snapshot_id = self.refs.get(ref, ("", 0))
        if snapshot_id not in self.made or kind not in (None, found):
            return None
        if ref == _MAIN and snapshot_id == current.snapshot_id:
            return current
        return replace(current, snapshot_id=snapshot_id, branch=found == "branch")


def states_of(metadata: TableMetadata) -> Past:
    """What a table's metadata say of its states."""
    refs = {
        name: (str(ref.snapshot_ref_type.value), ref.snapshot_id)
        for name, ref in metadata.refs.items()
    }
    divided_by = (field.source_id for spec in metadata.partition_specs for field in spec.fields)
    return Past(history_of(metadata), made_of(metadata), refs, frozenset(divided_by))


def history_of(metadata: TableMetadata) -> History:
    """The states of a table in the order in which they were current.

    Some writers take expired snapshots out of the log as well. A commit then follows on another
    state than the log says, from a time that nobody knows: the one before counts as expired.
    """
    kept = {snapshot.snapshot_id: snapshot for snapshot in metadata.snapshots}
    found: list[tuple[int, int | None]] = []
    before: Snapshot | None = None
    for entry in metadata.snapshot_log:
        snapshot = kept.get(entry.snapshot_id)
        # one that becomes current later than it was made was gone back to: that follows on anything
        made = snapshot is not None and snapshot.timestamp_ms == entry.timestamp_ms
        if before is not None and snapshot is not None and made and not _follows(snapshot, before):
            found[-1] = (found[-1][0], None)
        found.append((entry.timestamp_ms, entry.snapshot_id if snapshot else None))
        before = snapshot
    return tuple(found)


def made_of(metadata: TableMetadata) -> Mapping[int, datetime]:
    """When each snapshot that is kept was made, by its id."""
    return {
        s.snapshot_id: _EPOCH + timedelta(milliseconds=s.timestamp_ms) for s in metadata.snapshots
    }


def _follows(snapshot: Snapshot, before: Snapshot) -> bool:
    """Whether a commit was made on a state, with none between that is gone."""
    if snapshot.parent_snapshot_id is not None:
        return snapshot.parent_snapshot_id == before.snapshot_id
    # Those writers forget expired parents too; where a table was replaced there never was one.
    numbers = (before.sequence_number, snapshot.sequence_number)
    return numbers[0] is not None and numbers[1] == numbers[0] + 1


def current_at(history: History, moment: datetime) -> int | None:
    """The snapshot that was current at a moment; None before the first and for one that is gone.

    The log is in order of its commits, and the clocks of writers differ: the last entry that is
    not later than the moment counts.
    """
    wanted = (moment - _EPOCH) // timedelta(milliseconds=1)
    for since, snapshot_id in reversed(history):
        if since <= wanted:
            return snapshot_id
    return None
