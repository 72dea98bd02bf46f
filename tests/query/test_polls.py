"""Statements that are begun ahead: one run for all who ask, until nobody does any more."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace

import pytest

from flight_server.engines.base import Choice, Frame, FrameStream, Progress, Scanned, State
from flight_server.engines.errors import EngineError, ExecutionFailed
from flight_server.query.caller import Caller
from flight_server.query.course import Course
from flight_server.query.events import Event, StatementEnded, StatementStarted, Status
from flight_server.query.planned import Planned
from flight_server.query.polls import Polled, Polls, on_errand
from flight_server.query.results import ResultStream
from flight_server.query.running import Query
from tests.query.test_audit_log import start
from tests.waiting import Clock, eventually

CHOICE = Choice("elsewhere", "")
SECONDS = 60.0


@dataclass
class Ahead:
    """A run elsewhere that is as far as a test says."""

    state: State = "running"
    error: EngineError | None = None
    scanned: tuple[Scanned, ...] = ()
    ended: threading.Event = field(default_factory=threading.Event)
    closed: bool = False

    def progress(self) -> Progress:
        if self.error is not None:
            raise self.error
        return Progress(self.state, 7)

    def further(self, seen: Progress, seconds: float) -> None:
        self.ended.wait(min(seconds, 0.01))

    def __iter__(self) -> Iterator[Frame]:
        if self.error is not None:
            raise self.error
        return iter(())

    def ready(self, seconds: float) -> bool:
        return self.ended.wait(min(seconds, 0.01))

    def fail(self, error: EngineError) -> None:
        self.error = error
        self.ended.set()

    def cancel(self) -> None:
        self.ended.set()

    def close(self) -> None:
        self.closed = True


@dataclass
class Bench:
    """Statements of one user, run by `Ahead`."""

    clock: Clock = field(default_factory=Clock)
    runs: list[Ahead] = field(default_factory=list)
    events: list[Event] = field(default_factory=list)
    started: StatementStarted = field(default_factory=start)
    refuses: EngineError | None = None

    def __post_init__(self) -> None:
        self.polls = Polls(SECONDS, self.clock)

    @property
    def planned(self) -> Planned:
        return self.started.planned

    @property
    def query(self) -> Query:
        return Query("ann", self.planned.query_id)

    def tell(self, event: Event) -> None:
        self.events.append(event)

    def poll(self, planned: Planned | None = None) -> Polled:
        caller = replace(self.started.caller, request_id="poll")
        return self.polls.poll(caller, planned or self.planned, CHOICE, self._run, 0.0)

    def _run(self, caller: Caller, planned: Planned) -> ResultStream:
        if self.refuses is not None:
            raise self.refuses
        course = Course(self, self.started)
        self.runs.append(Ahead())
        owner = caller.principal.owner
        frames = self.polls.attached(owner, planned, self.runs[-1], course)
        return ResultStream(caller, planned, frames, course=course)

    def read(self, polled: Polled, frames: FrameStream) -> FrameStream:
        planned = on_errand(polled.planned, self.started.caller.principal.owner)
        return self.polls.reading(self._key(polled), planned, frames)

    def _key(self, polled: Polled) -> Query:
        return Query(self.started.caller.principal.owner, polled.planned.query_id)

    def ends(self) -> list[Status]:
        return [event.status for event in self.events if isinstance(event, StatementEnded)]


@pytest.fixture
def bench() -> Iterator[Bench]:
    made = Bench()
    yield made
    made.polls.close()


def _closed(run: Ahead) -> Callable[[], bool]:
    return lambda: run.closed


def test_a_statement_runs_once_for_all_who_ask(bench: Bench) -> None:
    first = bench.poll()
    again = [bench.poll(first.planned) for _ in range(3)]
    assert len(bench.runs) == 1
    assert {each.progress for each in again} == {Progress("running", 7)}
    assert not first.is_over
    bench.runs[0].state = "finished"
    assert bench.poll(first.planned).is_over


def test_each_query_has_a_secret_of_its_own_that_is_in_its_name_alone(bench: Bench) -> None:
    first, second = bench.poll(), bench.poll(replace(bench.planned, query_id="other"))
    names = set()
    for polled, owner in ((first, "ann"), (first, "bob"), (second, "ann")):
        sent = on_errand(polled.planned, owner)
        assert sent.secured.errand is not None
        names.add(sent.secured.errand.name)
        assert sent.secured == polled.planned.secured  # what is read is the same
        assert polled.planned.state.ahead not in repr(sent)
        assert sent.secured.errand.name not in repr(sent)
    changed = replace(first.planned, state=replace(first.planned.state, fingerprint="changed"))
    errand = on_errand(changed, "ann").secured.errand
    assert errand is not None
    assert len({*names, errand.name}) == 4


def test_one_that_nobody_asks_for_is_let_go_after_a_while(bench: Bench) -> None:
    polled = bench.poll()
    bench.clock.now = SECONDS - 1
    bench.poll(polled.planned)
    bench.clock.now = 2 * SECONDS - 2
    assert not eventually(_closed(bench.runs[0]), 0.2)
    bench.clock.now = 2 * SECONDS
    assert eventually(_closed(bench.runs[0]))
    assert eventually(lambda: bench.ends() == [Status.CLIENT_GONE])
    with pytest.raises(EngineError, match="nobody asked"):
        bench.poll(polled.planned)
    assert len(bench.runs) == 1


def test_a_result_that_was_let_go_is_made_anew(bench: Bench) -> None:
    polled = bench.poll()
    bench.runs[0].state = "finished"
    bench.clock.now = SECONDS + 1
    assert eventually(_closed(bench.runs[0]))
    bench.poll(polled.planned)
    assert len(bench.runs) == 2


def test_one_is_kept_while_it_is_read_and_let_go_once_all_was_read(bench: Bench) -> None:
    polled = bench.poll()
    bench.runs[0].state = "finished"
    lost, whole = bench.read(polled, Ahead()), bench.read(polled, Ahead())
    bench.clock.now = 10 * SECONDS
    assert not eventually(_closed(bench.runs[0]), 0.2)
    lost.close()
    assert list(whole) == []
    whole.close()
    assert eventually(_closed(bench.runs[0]))
    assert eventually(lambda: bench.ends() == [Status.OK])


def test_a_reader_that_is_lost_leaves_it_for_another_while(bench: Bench) -> None:
    polled = bench.poll()
    lost = bench.read(polled, Ahead())
    bench.clock.now = SECONDS + 1
    lost.close()
    lost.close()
    bench.clock.now = 2 * SECONDS
    assert not eventually(_closed(bench.runs[0]), 0.2)
    bench.poll(polled.planned)
    assert len(bench.runs) == 1


def test_a_failure_is_told_to_all_who_ask_and_begins_nothing_anew(bench: Bench) -> None:
    polled = bench.poll()
    bench.runs[0].fail(ExecutionFailed("The data did not allow the statement."))
    assert eventually(lambda: bench.ends() == [Status.ERROR])
    for _ in range(2):
        with pytest.raises(ExecutionFailed):
            bench.poll(polled.planned)
    assert len(bench.runs) == 1


def test_what_cannot_begin_can_be_begun_again(bench: Bench) -> None:
    bench.refuses = EngineError("not now")
    with pytest.raises(EngineError, match="not now"):
        bench.poll()
    bench.refuses = None
    assert not bench.poll().is_over


def test_other_rights_begin_another_run_and_end_the_first(bench: Bench) -> None:
    polled = bench.poll()
    changed = replace(polled.planned, state=replace(polled.planned.state, fingerprint="changed"))
    bench.poll(changed)
    assert eventually(_closed(bench.runs[0]))
    assert not bench.runs[1].closed


def test_closing_ends_all_and_tells_it(bench: Bench) -> None:
    bench.poll()
    bench.poll(replace(bench.planned, query_id="other"))
    bench.polls.close()
    assert all(run.closed for run in bench.runs)
    assert len(bench.ends()) == 2


def test_where_there_is_no_thread_to_follow_it_it_is_ended(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    def none(_thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", none)
        with pytest.raises(RuntimeError):
            bench.poll()
    assert bench.runs[0].closed
    assert not bench.poll().is_over
    assert len(bench.runs) == 2
