"""Deleted rows as a bitmap for each data file, which a scan asks for each of its rows.

A join with the positions themselves costs more: a hash table of all of them first, and a search of
it for each row. It is left to files of so many rows, with so few deleted, that it takes less.
"""

from __future__ import annotations

from collections.abc import Sequence

from flight_server.engines.duckdb.scan.deletes import EQUALITY, is_vector
from flight_server.engines.duckdb.scan.entries import DataFile

# Bytes of bitmaps that do not matter, for 64 million rows, and that are never exceeded: what a
# table says of its own sizes is not checked yet. So no row's number is too large for a bitmap.
_SMALL = 8 * 1024 * 1024
_LARGEST = 64 * 1024 * 1024
_PER_ROW = 4  # bytes for each deleted row; a hash table takes more, but not all of it in memory


def are_small(files: Sequence[DataFile]) -> bool:
    """Whether bitmaps of the rows of data files are better than their deleted positions."""
    longest = max(file.record_count for file in files)
    rows = sum(
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
    return rows // 8 <= min(_LARGEST, max(_SMALL, _PER_ROW * sum(deletes.values())))


def joined(files: Sequence[DataFile], positions: str, made: str) -> str:
    """The join that leaves of `r` the rows of its files that are not deleted.

    `positions` gives rows (data, pos), and `made` bitmaps (data, bits), or they are empty. No
    bitmap leaves the join: one above it would keep it in its own hash table for each row.
    """
    longest = max(file.record_count for file in files)
    given = [f"SELECT data, bits::BIT AS bits FROM ({made})"] if made else []  # noqa: S608 - ours
    if positions:
        given.append(
            "SELECT data, "  # noqa: S608 - ours
            f"system.main.bitstring_agg(pos, 0::BIGINT, {longest - 1}::BIGINT) AS bits "
            f"FROM (SELECT data, pos::BIGINT AS pos FROM ({positions})) "
            # what names rows that are not there takes none away
            f"WHERE pos >= 0 AND pos < {longest} GROUP BY data"
        )
    numbers = f"SELECT range::UBIGINT AS data FROM system.main.range({len(files)})"  # noqa: S608
    return (
        f" SEMI JOIN (SELECT f.data, g.bits FROM ({numbers}) f "  # noqa: S608 - ours
        f"LEFT JOIN ({' UNION ALL '.join(given)}) g ON g.data = f.data) b"
        " ON b.data = r.file_index"
        " AND system.main.get_bit(b.bits, r.file_row_number::INTEGER) IS DISTINCT FROM 1"
    )
