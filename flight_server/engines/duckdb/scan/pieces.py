"""Which bytes of a Parquet file a reader of some columns needs. Knows no storage."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from typing import Any

import pyarrow as pa
from pyarrow.parquet import FileMetaData

# From the first byte to the one behind the last.
Piece = tuple[int, int]

_FIELD_ID = b"PARQUET:field_id"


class NotTold(Exception):
    """The file does not say plainly where its columns are."""


def needed(metadata: FileMetaData, columns: Collection[int], size: int) -> list[Piece]:
    """The pieces of a file of `size` bytes without the column chunks that nobody asked for.

    `columns` are the field ids of top-level columns. All else is in it, whatever it is: footer,
    indexes, filters, and bytes that belong to nothing. Raises `NotTold`.
    """
    tops = _tops(metadata)
    wanted: list[Piece] = []
    unwanted: list[Piece] = []
    for number in range(metadata.num_row_groups):
        group = metadata.row_group(number)
        for leaf, top in enumerate(tops):
            chunk = _chunk(group.column(leaf), size)
            (wanted if top in columns else unwanted).append(chunk)
    # the file's own offsets may overlap, by mistake or on purpose: what is wanted is never left out
    return without([(0, size)], without(unwanted, wanted))


def without(pieces: Iterable[Piece], others: Iterable[Piece]) -> list[Piece]:
    """Pieces less others, in order and as few as can be."""
    taken = merged(others)
    left: list[Piece] = []
    at = 0
    for start, end in merged(pieces):
        while at < len(taken) and taken[at][1] <= start:
            at += 1
        number = at
        while number < len(taken) and taken[number][0] < end:
            if taken[number][0] > start:
                left.append((start, taken[number][0]))
            start = max(start, taken[number][1])
            number += 1
        if start < end:
            left.append((start, end))
    return left


def merged(pieces: Iterable[Piece], gap: int = 0) -> list[Piece]:
    """The same bytes in as few pieces as can be, in order; and holes of at most `gap` bytes."""
    found: list[Piece] = []
    for start, end in sorted(piece for piece in pieces if piece[0] < piece[1]):
        if found and start <= found[-1][1] + gap:
            found[-1] = (found[-1][0], max(found[-1][1], end))
        else:
            found.append((start, end))
    return found


def split(pieces: Iterable[Piece], most: int) -> list[Piece]:
    """The same bytes in pieces of at most `most` bytes."""
    return [(at, min(at + most, end)) for start, end in pieces for at in range(start, end, most)]


def length(pieces: Iterable[Piece]) -> int:
    """How many bytes they are."""
    return sum(end - start for start, end in pieces)


def _chunk(column: Any, size: int) -> Piece:
    starts = (column.data_page_offset, column.dictionary_page_offset)
    start = min(offset for offset in starts if offset)
    end = start + column.total_compressed_size
    if not 0 < start <= end <= size:
        raise NotTold
    return start, end


def _tops(metadata: FileMetaData) -> Sequence[int]:
    """For each leaf of the schema the field id of the top-level column that it is of."""
    try:
        schema = metadata.schema.to_arrow_schema()
    except (pa.ArrowException, OSError) as error:
        raise NotTold from error
    tops: list[int] = []
    for field in schema:
        told = (field.metadata or {}).get(_FIELD_ID)
        if told is None:
            raise NotTold
        tops += [int(told)] * _leaves(field.type)
    if len(tops) != metadata.num_columns:
        raise NotTold
    return tops


def _leaves(data: pa.DataType) -> int:
    if isinstance(data, pa.BaseExtensionType):
        return _leaves(data.storage_type)
    if data.num_fields == 0:
        return 1
    return sum(_leaves(data.field(number).type) for number in range(data.num_fields))
