"""Sessions that are kept here, and those that are sealed: how long, how many, whose."""

from __future__ import annotations

import base64

import pytest

from flight_server.query.errors import InvalidHandle, WrongOwner
from flight_server.query.seal import Sealer, SealKey
from flight_server.query.sessions import SessionKey, SessionLimits, Sessions
from tests.waiting import Clock

ZONE = {"time_zone": "UTC"}


@pytest.fixture
def clock() -> Clock:
    return Clock(1_000.0)


@pytest.fixture
def sessions(clock: Clock) -> Sessions:
    sealer = Sealer([SealKey(b"k" * 32)], clock)
    return Sessions(sealer, SessionLimits(seconds=100, kept=4, kept_per_user=2), clock)


def key(subject: str, number: int = 0) -> SessionKey:
    return SessionKey(subject, bytes([number]))


def test_a_sealed_session_opens_for_its_user_until_it_expires(
    sessions: Sessions, clock: Clock
) -> None:
    sealed = sessions.seal("ann", ZONE)
    assert sessions.open("ann", sealed).options == ZONE
    assert sessions.known(sealed)
    with pytest.raises(WrongOwner):
        sessions.open("bob", sealed)
    clock.now += 101
    with pytest.raises(InvalidHandle):
        sessions.open("ann", sealed)


def test_a_session_in_use_is_sealed_anew_before_it_expires(
    sessions: Sessions, clock: Clock
) -> None:
    sealed = sessions.seal("ann", ZONE)
    assert not sessions.open("ann", sealed).aging
    clock.now += 30
    assert sessions.open("ann", sealed).aging


def test_a_ticket_is_no_session(clock: Clock) -> None:
    sealer = Sealer([SealKey(b"k" * 32)], clock)
    ticket = sealer.seal("ticket", "ann", b'{"o": {}, "t": 1}', lifetime=100)
    text = base64.urlsafe_b64encode(ticket).decode()
    with pytest.raises(InvalidHandle):
        Sessions(sealer, clock=clock).open("ann", text)


@pytest.mark.parametrize(
    "body", [b"", b"[]", b'{"o": 1, "t": 1}', b'{"o": {}}', b'{"o":{},"t":[]}']
)
def test_a_session_of_another_version_is_refused(clock: Clock, body: bytes) -> None:
    sealer = Sealer([SealKey(b"k" * 32)], clock)
    sealed = sealer.seal("session", "ann", body, lifetime=100)
    with pytest.raises(InvalidHandle):
        Sessions(sealer, clock=clock).open("ann", base64.urlsafe_b64encode(sealed).decode())


def test_options_that_are_no_more_are_passed_over(sessions: Sessions) -> None:
    sealed = sessions.seal("ann", {**ZONE, "gone": "x"})
    assert sessions.open("ann", sealed).options == ZONE


@pytest.mark.parametrize("text", ["", "A", "AAAA", "ö", "x" * 9_000, "not base64!"])
def test_what_is_not_a_session_is_not_known(sessions: Sessions, text: str) -> None:
    assert not sessions.known(text)
    with pytest.raises(InvalidHandle):
        sessions.open("ann", text)


def test_a_session_sealed_with_another_key_is_not_known(sessions: Sessions) -> None:
    other = Sessions(Sealer([SealKey(b"o" * 32)]))
    assert not sessions.known(other.seal("ann", ZONE))


def test_a_user_with_many_sessions_loses_their_own_oldest(sessions: Sessions) -> None:
    sessions.keep(key("bob"), ZONE)
    for number in range(3):
        sessions.keep(key("ann", number), ZONE)
    assert sessions.recall(key("bob")) == ZONE
    assert [sessions.recall(key("ann", number)) for number in range(3)] == [{}, ZONE, ZONE]


def test_no_more_sessions_are_kept_than_the_limit(sessions: Sessions) -> None:
    for subject in "abcd":
        sessions.keep(key(subject), ZONE)
    assert sessions.recall(key("a")) == ZONE  # used: b is now the oldest
    sessions.keep(key("e"), ZONE)
    assert [sessions.recall(key(subject)) for subject in "abcde"] == [ZONE, {}, ZONE, ZONE, ZONE]


def test_a_kept_session_expires_unless_it_is_used(sessions: Sessions, clock: Clock) -> None:
    sessions.keep(key("ann"), ZONE)
    for _ in range(3):
        clock.now += 60
        assert sessions.recall(key("ann")) == ZONE
    clock.now += 101
    assert sessions.recall(key("ann")) == {}


def test_a_session_without_options_takes_no_place(sessions: Sessions) -> None:
    sessions.keep(key("ann", 1), ZONE)
    sessions.keep(key("ann", 2), ZONE)
    sessions.keep(key("ann", 1), {})
    sessions.keep(key("ann", 3), ZONE)
    assert sessions.recall(key("ann", 2)) == ZONE
    assert sessions.recall(key("ann", 1)) == {}
