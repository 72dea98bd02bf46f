"""Deleted rows as a bitmap for each data file, which a scan asks for each of its rows.

A join with the positions themselves costs more: a hash table of all of them first, and a search of
it for each row. It is left to files of so many rows, with so few deleted, that it takes less.
"""

from __future__ import annotations

from collections.abc import Sequence

from flight_server.engines.duckdb.scan.deletes import EQUALITY, is_vector
from flight_server.engines.duckdb.scan.entries import DataFile

# True for the rows of `r` that stay, behind `joined`.
STAYS = "get_bit(b.bits, r.file_row_number::INTEGER) IS DISTINCT FROM 1"
_SMALL = 8 * 1024 * 1024  # bytes that do not matter, for 64 million rows
_PER_ROW = 16  # bytes of a hash table for a deleted row
_LONGEST = 1 << 31  # places in a bitmap are 32-bit integers


def are_small(files: Sequence[DataFile]) -> bool:
    """Whether bitmaps of the rows of data files take less than their deleted positions."""
    longest = max(file.record_count for file in files)
    taken = sum(
        # where they are made of positions, all are as long as the longest
        file.record_count if any(is_vector(delete) for delete in file.deletes) else longest
        for file in files
    )
    deletes = {
        (delete.path, delete.offset): delete.record_count
        for file in files
        for delete in file.deletes
        if delete.content != EQUALITY
    }
    most = max(_SMALL, _PER_ROW * sum(deletes.values()))
    return longest < _LONGEST and taken // 8 <= most


def joined(files: Sequence[DataFile], positions: str, made: str) -> str:
    """The join of `r` with a bitmap (`bits`) for each of its files; NULL where none of it is gone.

    `positions` gives rows (data, pos), and `made` bitmaps (data, bits), or they are empty.
    """
    longest = max(file.record_count for file in files)
    given = [f"SELECT data, bits::BIT AS bits FROM ({made})"] if made else []  # noqa: S608 - ours
    if positions:
        given.append(
            f"SELECT data, bitstring_agg(pos::BIGINT, 0::BIGINT, {longest - 1}::BIGINT) AS bits "  # noqa: S608
            # what names rows that are not there takes none away
            f"FROM ({positions}) WHERE pos >= 0 AND pos < {longest} GROUP BY data"
        )
    numbers = f"SELECT range::UBIGINT AS data FROM range({len(files)})"  # noqa: S608 - ours
    return (
        f" JOIN (SELECT f.data, g.bits FROM ({numbers}) f "  # noqa: S608 - ours
        f"LEFT JOIN ({' UNION ALL '.join(given)}) g ON g.data = f.data) b"
        " ON b.data = r.file_index"
    )
