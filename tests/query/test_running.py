"""Running statements and their handles: who can end what, and for how long that is remembered."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest

from flight_server.engines.base import Frame
from flight_server.engines.errors import Cancelled
from flight_server.query.errors import InvalidHandle, ResultExpired, WrongOwner
from flight_server.query.handles import HandleKind, Handles, Lifetimes
from flight_server.query.resolve import Defaults
from flight_server.query.running import Query, Running
from flight_server.query.seal import Sealer, SealKey
from flight_server.query.state import StatementState
from tests.waiting import Clock

ANN = Query("ann", "q1")


@dataclass
class Frames:
    """Frames that wait to be let go on or cancelled."""

    go_on: threading.Event = field(default_factory=threading.Event)
    cancelled: bool = False
    closed: bool = False

    def __iter__(self) -> Iterator[Frame]:
        yield Frame(b"", 1)
        self.go_on.wait(5)
        if self.cancelled:
            raise Cancelled("The statement was cancelled.")

    def ready(self, seconds: float) -> bool:
        return True

    def cancel(self) -> None:
        self.cancelled = True
        self.go_on.set()

    def close(self) -> None:
        self.closed = True


def test_all_streams_of_a_query_are_ended_and_no_others() -> None:
    running = Running(10)
    mine = [Frames(), Frames()]
    other = Frames()
    for number, frames in enumerate(mine):
        running.start(ANN, (number, 2), lambda frames=frames: frames)
    running.start(Query("bob", "q1"), None, lambda: other)
    assert running.cancel(ANN, [])
    assert all(frames.cancelled for frames in mine)
    assert not other.cancelled


def test_a_statement_that_is_cancelled_while_it_waits_for_a_worker_never_begins() -> None:
    running, frames = Running(10), Frames()

    def begin() -> Frames:
        assert running.cancel(ANN, [None])
        return frames

    with pytest.raises(Cancelled):
        running.start(ANN, None, begin)
    assert frames.closed
    assert not running.cancel(Query("ann", "other"), [])


def test_what_fails_to_start_is_not_kept() -> None:
    running = Running(10)

    def begin() -> Frames:
        raise RuntimeError

    with pytest.raises(RuntimeError):
        running.start(ANN, None, begin)
    assert not running.cancel(ANN, [])


def test_a_query_is_over_when_all_of_its_parts_are_read_to_the_end() -> None:
    running = Running(10)
    for number in (0, 1):
        frames = Frames()
        frames.go_on.set()
        stream = running.start(ANN, (number, 2), lambda frames=frames: frames)
        if number == 1:
            assert running.cancel(Query("ann", "q2"), [(0, 2), (1, 2)])
        assert len(list(stream)) == 1
        stream.close()
    assert not running.cancel(ANN, [(0, 2), (1, 2)])
    assert not running.is_cancelled(ANN)


def test_a_stream_that_was_closed_early_can_still_be_prevented() -> None:
    running = Running(10)
    running.start(ANN, None, Frames).close()
    assert running.cancel(ANN, [None])
    with pytest.raises(Cancelled):
        running.start(ANN, None, Frames)


def test_cancellations_are_forgotten_after_their_time_and_beyond_their_number() -> None:
    clock = Clock(1_000_000.0)
    running = Running(10, most=3, clock=clock)
    for number in range(4):
        running.cancel(Query("ann", str(number)), [None])
    known = [running.is_cancelled(Query("ann", str(number))) for number in range(4)]
    assert known == [False, True, True, True]
    clock.now += 11
    assert not running.is_cancelled(Query("ann", "3"))


def _state(clock: Clock, query_id: str = "q1") -> StatementState:
    return StatementState(
        query_id, "SELECT 1", Defaults(None, None), "UTC", {}, "", "", planned_at=clock()
    )


def _handles(clock: Clock) -> tuple[Handles, Running]:
    running = Running(600, clock=clock)
    sealer = Sealer([SealKey(b"k" * 32)], clock)
    return Handles(sealer, None, Lifetimes(600, 3600, 1000), running, clock), running


def test_a_ticket_is_renewed_up_to_the_end_of_its_result() -> None:
    clock = Clock(1_000_000.0)
    handles, _ = _handles(clock)
    first = handles.seal("ann", _state(clock), HandleKind.TICKET)
    assert first.expires_at == clock.now + 600
    clock.now += 500
    second = handles.renew("ann", first.ticket)
    assert second.expires_at == clock.now + 500
    clock.now += 200
    with pytest.raises(InvalidHandle):
        handles.renew("ann", first.ticket)
    assert handles.renew("ann", second.ticket).expires_at == clock.now + 300
    late = _state(clock)
    clock.now += 1000
    with pytest.raises(ResultExpired):
        handles.seal("ann", late, HandleKind.TICKET)


def test_an_expired_ticket_ends_what_runs_of_it_and_else_nothing() -> None:
    clock = Clock(1_000_000.0)
    handles, running = _handles(clock)
    ticket = handles.seal("ann", _state(clock), HandleKind.TICKET).ticket
    frames = Frames()
    stream = running.start(ANN, None, lambda: frames)
    clock.now += 700
    assert handles.cancel("ann", [ticket])
    assert frames.cancelled
    stream.close()
    clock.now += 700
    assert not handles.cancel("ann", [ticket])
    assert not running.is_cancelled(ANN)


def test_one_foreign_ticket_and_nothing_is_cancelled() -> None:
    clock = Clock(1_000_000.0)
    handles, running = _handles(clock)
    mine = handles.seal("ann", _state(clock), HandleKind.TICKET).ticket
    other = handles.seal("bob", _state(clock, "q2"), HandleKind.TICKET).ticket
    with pytest.raises(WrongOwner):
        handles.cancel("ann", [mine, other])
    with pytest.raises(InvalidHandle):
        handles.cancel("ann", [mine, b"forged"])
    assert not running.is_cancelled(ANN)


def test_a_state_of_another_version_is_no_state() -> None:
    clock = Clock(1_000_000.0)
    good = _state(clock).encode()
    assert StatementState.decode(good) == _state(clock)
    for bad in (
        good.replace(b'"w":', b'"W":'),
        good.replace(b'"i":null', b'"i":[2,2]'),
        good.replace(b'"i":null', b'"i":[-1,2]'),
        good.replace(b'"i":null', b'"i":[0]'),
        good.replace(b'"i":null', b'"i":"x"'),
        b"[]",
    ):
        with pytest.raises(InvalidHandle):
            StatementState.decode(bad)
