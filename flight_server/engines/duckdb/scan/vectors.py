"""Deletion vectors: which rows of which data file are gone, decoded here for workers.

Workers get plain positions. The bitmaps are read without foreign code, and never give more
positions than the metadata promises.
"""

from __future__ import annotations

import struct
import zlib
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from flight_server.engines.errors import UnsupportedData

Positions = npt.NDArray[np.int64]

_MAGIC = b"\xd1\xd3\x39\x64"
_PLAIN_COOKIE, _RUN_COOKIE = 12346, 12347
_NO_OFFSETS = 4  # bitmaps of fewer containers than this, with runs, carry no offsets
_ARRAY_LIMIT = 4096
_BITMAP_BYTES = 8192
_AT_ONCE = 8 * 1024 * 1024  # rows of a bitmap that take a byte each while it is made
_BROKEN = "A deletion vector of the table is not well formed."


@dataclass(frozen=True, slots=True)
class Vector:
    """A deletion vector's place: bytes of a file. `count` is how many rows it takes away.

    `data` is the number of its data file among those that are read together, and `rows` how many
    rows that has; None where the positions themselves are wanted, not a bitmap of so many bits.
    """

    data: int
    uri: str
    offset: int
    length: int
    count: int
    rows: int | None = None


def bitmap(found: Positions, rows: int) -> bytes:
    """A bit for each of so many rows, and up to seven more: set for those that are gone.

    Raises `UnsupportedData` where rows are gone that the file should not have.
    """
    if len(found) and found[-1] >= rows:
        raise UnsupportedData(_BROKEN)
    parts = []
    for start in range(0, rows, _AT_ONCE):
        flags = np.zeros(min(_AT_ONCE, rows - start), np.bool_)
        first, last = np.searchsorted(found, (start, start + len(flags)))
        flags[found[first:last] - start] = True
        parts.append(np.packbits(flags).tobytes())
    return b"".join(parts)


def positions(blob: bytes, count: int) -> Positions:
    """The positions in a blob of type `deletion-vector-v1`, ascending.

    Raises `UnsupportedData` where it is malformed or has not `count` of them.
    """
    try:
        return _positions(blob, count)
    except (struct.error, IndexError, ValueError) as error:
        raise UnsupportedData(_BROKEN) from error


def _positions(blob: bytes, count: int) -> Positions:
    (size,) = struct.unpack_from(">I", blob, 0)
    (checksum,) = struct.unpack_from(">I", blob, 4 + size)
    body = blob[4 : 4 + size]
    if body[:4] != _MAGIC or len(blob) != size + 8 or zlib.crc32(body) != checksum:
        raise UnsupportedData(_BROKEN)
    reader = _Bytes(body, 4)
    found: list[Positions] = []
    left = count
    last = -1
    for _ in range(reader.number("<Q")):
        key = reader.number("<I")
        if key <= last or key >> 31:
            raise UnsupportedData(_BROKEN)
        last = key
        for each in _bitmap(reader, left):
            left -= len(each)
            found.append(each + (key << 32))
    if left or reader.at != len(body):
        raise UnsupportedData(_BROKEN)
    return np.concatenate(found) if found else np.empty(0, np.int64)


class _Bytes:
    """Bytes that are read one part after the other; too few of them raise."""

    def __init__(self, data: bytes, at: int) -> None:
        self.data = data
        self.at = at

    def number(self, form: str) -> int:
        (value,) = struct.unpack_from(form, self.data, self.at)
        self.at += struct.calcsize(form)
        return int(value)

    def array(self, dtype: str, length: int) -> npt.NDArray[np.int64]:
        values = np.frombuffer(self.data, dtype, length, self.at)
        self.at += values.nbytes
        return values.astype(np.int64)

    def bits(self) -> npt.NDArray[np.int64]:
        data = np.frombuffer(self.data, np.uint8, _BITMAP_BYTES, self.at)
        self.at += _BITMAP_BYTES
        return np.flatnonzero(np.unpackbits(data, bitorder="little")).astype(np.int64)


def _bitmap(reader: _Bytes, most: int) -> list[Positions]:
    """The containers of one 32-bit bitmap in the portable format of Roaring."""
    cookie = reader.number("<I")
    runs = np.zeros(0, np.bool_)
    if cookie & 0xFFFF == _RUN_COOKIE:
        containers = (cookie >> 16) + 1
        flags = reader.array("u1", (containers + 7) // 8).astype(np.uint8)
        runs = np.unpackbits(flags, bitorder="little").astype(np.bool_)
    elif cookie == _PLAIN_COOKIE:
        containers = reader.number("<I")
    else:
        raise UnsupportedData(_BROKEN)
    if containers > 1 << 16:
        raise UnsupportedData(_BROKEN)
    head = reader.array("<u2", 2 * containers).reshape(containers, 2)
    if not len(runs) or containers >= _NO_OFFSETS:
        reader.array("<u4", containers)
    found = []
    for at, (key, size) in enumerate(zip(head[:, 0].tolist(), head[:, 1].tolist(), strict=True)):
        most -= size + 1
        if most < 0:
            raise UnsupportedData(_BROKEN)
        low = _container(reader, size + 1, run=bool(len(runs) and runs[at]))
        if len(low) != size + 1 or np.any(np.diff(low) <= 0) or low[-1] > 0xFFFF:
            raise UnsupportedData(_BROKEN)
        found.append(low + (key << 16))
    if np.any(np.diff(head[:, 0]) <= 0):
        raise UnsupportedData(_BROKEN)
    return found


def _container(reader: _Bytes, size: int, *, run: bool) -> Positions:
    if not run:
        return reader.array("<u2", size) if size <= _ARRAY_LIMIT else reader.bits()
    pairs = reader.array("<u2", 2 * reader.number("<H")).reshape(-1, 2)
    starts, lengths = pairs[:, 0], pairs[:, 1] + 1
    if int(lengths.sum()) != size:
        raise UnsupportedData(_BROKEN)
    before = np.cumsum(lengths) - lengths
    found: Positions = np.arange(size, dtype=np.int64) + np.repeat(starts - before, lengths)
    return found
