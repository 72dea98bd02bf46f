"""Sealed tickets and handles: bound to subject and kind, expiring, and not to be forged."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flight_server.query.errors import InvalidHandle, WrongOwner
from flight_server.query.seal import Sealer, SealKey
from tests.waiting import Clock

KEY = SealKey(b"k" * 32)


def test_what_is_sealed_comes_back_for_the_same_subject_and_kind() -> None:
    sealer = Sealer([KEY])
    assert sealer.open("ticket", "ann", sealer.seal("ticket", "ann", b"x", lifetime=9)) == b"x"


def test_another_subject_is_told_that_it_is_not_the_owner() -> None:
    sealer = Sealer([KEY])
    with pytest.raises(WrongOwner):
        sealer.open("ticket", "bob", sealer.seal("ticket", "ann", b"x", lifetime=9))


def test_another_kind_is_not_accepted() -> None:
    sealer = Sealer([KEY])
    with pytest.raises(InvalidHandle):
        sealer.open("prepared", "ann", sealer.seal("ticket", "ann", b"x", lifetime=9))


def test_it_expires() -> None:
    clock = Clock(1_000.0)
    sealer = Sealer([KEY], clock)
    sealed = sealer.seal("ticket", "ann", b"x", lifetime=10)
    clock.now += 9
    assert sealer.open("ticket", "ann", sealed) == b"x"
    clock.now += 2
    with pytest.raises(InvalidHandle):
        sealer.open("ticket", "ann", sealed)


def test_an_older_key_still_opens_and_an_unknown_one_does_not() -> None:
    new = SealKey(b"n" * 32)
    sealed = Sealer([KEY]).seal("ticket", "ann", b"x", lifetime=9)
    assert Sealer([new, KEY]).open("ticket", "ann", sealed) == b"x"
    with pytest.raises(InvalidHandle):
        Sealer([new]).open("ticket", "ann", sealed)


def test_every_flipped_bit_and_every_truncation_is_refused() -> None:
    sealer = Sealer([KEY])
    sealed = sealer.seal("ticket", "ann", b"payload", lifetime=9)
    for index in range(len(sealed)):
        for bit in range(8):
            forged = bytearray(sealed)
            forged[index] ^= 1 << bit
            with pytest.raises(InvalidHandle):
                sealer.open("ticket", "ann", bytes(forged))
        with pytest.raises(InvalidHandle):
            sealer.open("ticket", "ann", sealed[:index])


@given(st.binary(max_size=300))
def test_arbitrary_bytes_are_refused(data: bytes) -> None:
    with pytest.raises(InvalidHandle):
        Sealer([KEY]).open("ticket", "ann", data)


def test_a_key_does_not_show_itself() -> None:
    assert "kkkk" not in repr(KEY)
    with pytest.raises(ValueError, match="32 bytes"):
        SealKey(b"short")
