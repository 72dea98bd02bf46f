"""A snapshot's files as its manifests tell of them: what planning, pruning and reading share."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class DeleteFile:
    """A file that takes rows away.

    `content` is 1 for positions (deletion vectors too, which have an `offset` and a `length` in
    bytes and name their one data file as `referenced`) and 2 for equality, with the field ids that
    rows are compared by. `sequence` is its data sequence number.
    """

    content: int
    path: str
    format: str
    size: int
    record_count: int
    sequence: int
    spec_id: int
    partition: tuple[Any, ...]
    equality_ids: tuple[int, ...] = ()
    referenced: str | None = None
    offset: int | None = None
    length: int | None = None


@dataclass(frozen=True, slots=True)
class DataFile:
    """A file of rows, with all that takes rows of it away by the rules of sequence and partition.

    `format` is as the manifest spells it, in capitals; `sequence` is its data sequence number.
    `partition` are the values by the fields of its spec, in order.
    """

    path: str
    format: str
    size: int
    record_count: int
    sequence: int
    spec_id: int
    partition: tuple[Any, ...]
    deletes: tuple[DeleteFile, ...] = ()
