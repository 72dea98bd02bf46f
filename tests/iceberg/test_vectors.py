"""Deletion vectors are decoded exactly, and refused where they are not what they should be."""

from __future__ import annotations

import random
import struct
import zlib

import numpy as np
import pytest
from pyroaring import BitMap, BitMap64

from flight_server.engines.duckdb.scan import vectors
from flight_server.engines.duckdb.scan.vectors import bitmap, positions
from flight_server.engines.errors import UnsupportedData


def blob(body: bytes, magic: bytes = b"\xd1\xd3\x39\x64") -> bytes:
    data = magic + body
    return struct.pack(">I", len(data)) + data + struct.pack(">I", zlib.crc32(data))


def vector(values: BitMap64) -> bytes:
    return blob(values.serialize())


SETS = {
    "nothing": [],
    "one": [7],
    "a full container": range(65_536),
    "a run over containers": range(65_000, 300_000),
    "every other row": range(0, 500_000, 2),
    "far apart": [0, 65_535, 65_536, 2**31, 2**32 - 1, 2**32, 2**40],
    "4096 in one container": range(0, 8_192, 2),
    "4097 in one container": range(0, 8_194, 2),
}


@pytest.mark.parametrize("compact", [False, True])
@pytest.mark.parametrize("name", SETS)
def test_all_kinds_of_containers_are_decoded(name: str, compact: bool) -> None:
    values = BitMap64(SETS[name])
    if compact:
        values.run_optimize()
    expected = np.array(list(values), np.int64)
    assert np.array_equal(positions(vector(values), len(values)), expected)


def test_random_positions_are_decoded() -> None:
    chance = random.Random(1)
    for _ in range(100):
        values = BitMap64()
        for _ in range(chance.randrange(8)):
            start = chance.randrange(200_000)
            end = start + chance.randrange(1, 70_000)
            step = chance.choice([1, 1, 2, 3, 1_000])
            values.update(range(start, end, step))
        if chance.random() < 0.5:
            values.run_optimize()
        expected = np.array(list(values), np.int64)
        assert np.array_equal(positions(vector(values), len(values)), expected)


@pytest.mark.parametrize("count", [0, 99, 101, 2**40])
def test_another_number_of_positions_than_promised_is_refused(count: int) -> None:
    with pytest.raises(UnsupportedData):
        positions(vector(BitMap64(range(100))), count)


def test_damaged_vectors_are_refused() -> None:
    values = BitMap64([*range(0, 10_000, 2), *range(70_000, 140_000), 5_000_000])
    values.run_optimize()
    whole = vector(values)
    count = len(values)
    for end in range(0, len(whole), 97):
        with pytest.raises(UnsupportedData):
            positions(whole[:end], count)
    with pytest.raises(UnsupportedData):
        positions(whole[:-1] + bytes([whole[-1] ^ 1]), count)
    with pytest.raises(UnsupportedData):
        positions(blob(values.serialize(), b"\0\0\0\0"), count)
    with pytest.raises(UnsupportedData):
        positions(blob(values.serialize() + b"\0"), count)


def test_whatever_the_bytes_are_there_is_no_other_error() -> None:
    chance = random.Random(2)
    values = BitMap64([*range(0, 20_000, 3), *range(70_000, 140_000), 2**33])
    values.run_optimize()
    good = values.serialize()
    for _ in range(3_000):
        body = bytearray(good)
        for _ in range(chance.randrange(1, 6)):
            # the first bytes are the counts and kinds of what follows
            body[chance.randrange(min(len(body), 60))] = chance.randrange(256)
        try:
            found = positions(blob(bytes(body)), len(values))
        except UnsupportedData:
            continue
        assert len(found) == len(values)
        assert np.all(np.diff(found) > 0)


def test_a_short_vector_cannot_claim_many_positions() -> None:
    run = (
        struct.pack("<IB", 12347, 1)
        + struct.pack("<HH", 0, 65_535)
        + struct.pack("<HHH", 1, 0, 65_535)
    )
    many = struct.pack("<Q", 1_000) + b"".join(struct.pack("<I", key) + run for key in range(1_000))
    with pytest.raises(UnsupportedData):
        positions(blob(many), 100_000)
    one = struct.pack("<QI", 1, 0) + run
    assert np.array_equal(positions(blob(one), 65_536), np.arange(65_536))


def test_the_library_agrees_about_the_format() -> None:
    inner = BitMap([1, 2, 3])
    body = struct.pack("<QI", 1, 0) + inner.serialize()
    assert positions(blob(body), 3).tolist() == [1, 2, 3]


@pytest.mark.parametrize("rows", [1, 8, 15, 16, 17, 40])
def test_a_bitmap_has_a_bit_for_each_row(rows: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(vectors, "_AT_ONCE", 16)
    known = np.array([0, 7, 8, 15, 16, 31, 39], np.int64)
    gone = known[known < rows]
    bits = np.unpackbits(np.frombuffer(bitmap(gone, rows), np.uint8))
    assert len(bits) == rows + -rows % 8
    assert np.flatnonzero(bits).tolist() == gone.tolist()
    assert bitmap(gone[:0], rows) == bytes(len(bits) // 8)
    with pytest.raises(UnsupportedData):
        bitmap(np.array([0, rows], np.int64), rows)
