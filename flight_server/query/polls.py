"""Statements that are begun ahead of being read, where their engine runs them elsewhere.

One runs, and what comes of it is kept, as long as it is polled or read, and for a while after.
Knows this process only: another replica that is polled begins the same statement, and its engine
finds by a secret name in the ticket that it is running already.
"""

from __future__ import annotations

import hmac
import json
import secrets
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

from flight_server.engines.base import (
    Ahead,
    Choice,
    EngineStream,
    Errand,
    Frame,
    FrameStream,
    Progress,
)
from flight_server.engines.errors import Cancelled
from flight_server.query.caller import Caller
from flight_server.query.course import Course
from flight_server.query.planned import Planned
from flight_server.query.results import ResultStream, told_at_planning
from flight_server.query.running import Query

_TURN = 0.5
_LAST_SECONDS = 5.0
_CANCELLED = "The statement was cancelled."
_GONE = "The statement was ended, as nobody asked for it for a while."
BEGUN = "it was begun there when it was polled"


@dataclass(frozen=True, slots=True)
class Polled:
    """A polled statement: how far it is, None where there is nothing to wait for.

    `seconds` is since when it runs here; in `patience` seconds it must be asked for again.
    """

    planned: Planned
    choice: Choice
    progress: Progress | None = None
    seconds: float = 0.0
    patience: float = 0.0

    def told(self) -> bytes:
        """What a client is told of it, as JSON; how much was read only where that tells nothing."""
        if self.progress is None:
            return told_at_planning(self.planned, self.choice)
        state, scanned = self.progress.state, self.progress.scanned
        more: dict[str, object] = {"state": state, "seconds": round(self.seconds, 3)}
        if self.choice.open:
            more["scanned"] = scanned
        return told_at_planning(self.planned, self.choice, more=more)

    @property
    def is_over(self) -> bool:
        """Whether its result can be read without waiting, or is made while it is read."""
        return self.progress is None or self.progress.state == "finished"


def sent_ahead(planned: Planned, choice: Choice) -> Planned:
    """A planned statement that is to be begun ahead, on the engine of a choice."""
    if planned.state.ahead:
        return planned
    state = replace(planned.state, ahead=secrets.token_hex(16), engine=choice.engine)
    return replace(planned, state=state, secured=replace(planned.secured, engine=choice.engine))


def may_go_ahead(planned: Planned) -> bool:
    """Whether a statement can be begun ahead: as one run, that changes nothing."""
    rows = planned.state.parameters
    alone = rows is None or rows.num_rows == 1
    return planned.bound and alone and not planned.changes and planned.state.part is None


def on_errand(planned: Planned, owner: str, *, ahead: bool = False) -> Planned:
    """The statement so that its engine finds its run again, if it was begun ahead.

    The name is made of whose it is, which query, and by which decisions of the policy, with a
    secret that is only in the query's tickets.
    """
    state = planned.state
    if not state.ahead:
        return planned
    text = json.dumps([owner, state.query_id, state.fingerprint])
    name = hmac.new(state.ahead.encode(), text.encode(), "sha256").hexdigest()
    return replace(planned, secured=replace(planned.secured, errand=Errand(name, ahead)))


class Polls:
    """The statements of this process that were begun ahead. Safe for several threads.

    `seconds` is for how long one is kept that nobody asks for.
    """

    def __init__(self, seconds: float, clock: Callable[[], float] = time.monotonic) -> None:
        self.seconds = seconds
        self._clock = clock
        self._lock = threading.Lock()
        self._begun: dict[Query, _Begun] = {}

    def poll(
        self,
        caller: Caller,
        planned: Planned,
        choice: Choice,
        run: Callable[[Caller, Planned], ResultStream],
        wait: float,
    ) -> Polled:
        """How far a statement is that runs ahead; it is begun where it does not yet.

        Waits up to a time until it is further. Raises as `run`, and what it ended with.
        """
        if not may_go_ahead(planned):
            return Polled(planned, choice)
        planned, owner = sent_ahead(planned, choice), caller.principal.owner
        begun = self._found(
            Query(owner, planned.query_id),
            planned.state.fingerprint,
            lambda: run(caller, on_errand(planned, owner, ahead=True)),
        )
        return Polled(planned, choice, begun.progress(wait), begun.passed, self.seconds)

    def _found(self, query: Query, name: str, begin: Callable[[], ResultStream]) -> _Begun:
        """What runs of a query; what was begun by other rights than those of now is ended."""
        with self._lock:
            self._forget()
            known = self._begun.get(query)
            if known is not None and known.name == name and known.ask():
                return known
            begun = self._begun[query] = _Begun(name, self.seconds, self._clock)
        if known is not None:
            known.let_go()
        try:
            begun.start(begin())
        except BaseException:
            with self._lock:
                if self._begun.get(query) is begun:
                    del self._begun[query]
            raise
        return begun

    def attached(
        self, owner: str, planned: Planned, stream: EngineStream, course: Course
    ) -> FrameStream:
        """The stream of a statement, told whether it is still wanted where it runs ahead."""
        errand = planned.secured.errand
        if errand is None or not errand.ahead:
            return stream
        if not isinstance(stream, Ahead):
            stream.close()
            raise TypeError("the engine begins nothing ahead")
        with self._lock:
            begun = self._begun.get(Query(owner, planned.query_id))
        if begun is None or begun.name != planned.state.fingerprint:
            stream.close()  # by other rights than it was begun meanwhile
            raise Cancelled(_CANCELLED)
        return begun.attach(stream, course)

    def reading(self, query: Query, planned: Planned, frames: FrameStream) -> FrameStream:
        """The frames of a statement that is read; once they all are, it need not be kept."""
        if planned.secured.errand is None or planned.secured.errand.ahead:
            return frames
        with self._lock:
            begun = self._begun.get(query)
        return frames if begun is None else _Read(frames, begun)

    def close(self) -> None:
        """Let go of all of them, and wait until their ends are told."""
        with self._lock:
            known = list(self._begun.values())
        for begun in known:
            begun.let_go()
        until = time.monotonic() + _LAST_SECONDS
        for begun in known:
            begun.join(max(until - time.monotonic(), 0))

    def _forget(self) -> None:
        """Forget those that have ended long ago."""
        for query, begun in list(self._begun.items()):
            if begun.is_past:
                del self._begun[query]


class _Begun:
    """One statement that runs ahead, and who waits for it."""

    def __init__(self, name: str, seconds: float, clock: Callable[[], float]) -> None:
        self.name = name
        self._seconds = seconds
        self._clock = clock
        self._lock = threading.Lock()
        self._since = self._asked = clock()
        self._readers = 0
        self._wanted = True
        self._over = False
        self._error: BaseException | None = None
        self._stream: Ahead | None = None
        self._thread: threading.Thread | None = None

    # --- who asks ---------------------------------------------------------------------------------

    def ask(self) -> bool:
        """Ask for it: False where it has ended and can be begun again. Raises how it ended."""
        with self._lock:
            if self._error is not None:
                raise self._error.with_traceback(None)
            self._asked = self._clock()
            return self._wanted and not self._over

    def progress(self, seconds: float = 0.0) -> Progress:
        """How far it is; waits up to a time until it is further. Raises what ended it."""
        stream = self._stream
        now = Progress() if stream is None else stream.progress()
        if stream is not None and seconds and now.state != "finished":
            stream.further(now, seconds)
            now = stream.progress()
        return now

    @property
    def passed(self) -> float:
        """For how many seconds it has run."""
        return self._clock() - self._since

    def read(self, *, begins: bool = False, whole: bool = False) -> None:
        """Somebody begins or ends to read it; one that was read whole need not be kept."""
        with self._lock:
            self._readers += 1 if begins else -1
            self._asked = self._clock()
            if whole and not self._readers:
                self._wanted = False

    def let_go(self) -> None:
        """It is wanted no more."""
        with self._lock:
            self._wanted = False

    @property
    def is_past(self) -> bool:
        """Whether it has ended, and nobody needs to be told how."""
        with self._lock:
            return self._over and (self._error is None or self._is_late())

    # --- its run ----------------------------------------------------------------------------------

    def attach(self, stream: Ahead, course: Course) -> FrameStream:
        """Take the engine's stream; gives the same, which ends once nobody asks any more."""
        self._stream = stream
        return _Waiting(stream, self, course)

    def start(self, result: ResultStream) -> None:
        """Follow the run to its end; it is ended where there is no thread to be had."""
        thread = threading.Thread(
            target=self._follow, args=(result,), name="polled-statement", daemon=True
        )
        try:
            thread.start()
        except RuntimeError:
            result.close()
            raise
        self._thread = thread

    def fail(self, error: BaseException) -> None:
        """It has ended; how is told to who asks next."""
        with self._lock:
            self._over, self._asked = True, self._clock()
            if self._wanted:
                self._error = error

    def join(self, seconds: float) -> None:
        """Wait until its end was told."""
        if self._thread is not None:
            self._thread.join(seconds)

    def wanted(self) -> str:
        """Whether it is still `wanted`, or was `read`, or is `late`: nobody asked for a while."""
        with self._lock:
            if not self._wanted:
                return "read"
            return "late" if not self._readers and self._is_late() else "wanted"

    def _is_late(self) -> bool:
        return self._clock() - self._asked > self._seconds

    def _follow(self, result: ResultStream) -> None:
        try:
            for _ in result:
                pass
            with self._lock:
                self._over = True
        except Exception as error:
            # the root of a thread: it is told to who asks next
            self.fail(error)
        finally:
            result.close()


class _Waiting:
    """The stream of a statement that runs ahead: it also ends once nobody wants it any more."""

    def __init__(self, stream: Ahead, begun: _Begun, course: Course) -> None:
        self._stream = stream
        self._begun = begun
        self._course = course

    def __iter__(self) -> Iterator[Frame]:
        while not self.ready(_TURN):
            pass
        kind = self._begun.wanted()
        if kind == "wanted":
            yield from self._stream
        elif kind == "late":
            runs = self._stream.progress().state != "finished"
            self._course.client_gone()
            if not runs:
                self._begun.let_go()  # what is asked for again runs anew
            raise Cancelled(_GONE)

    def ready(self, seconds: float) -> bool:
        """Whether it has ended, or nobody wants it any more."""
        until = time.monotonic() + seconds
        while self._begun.wanted() == "wanted":
            left = until - time.monotonic()
            if self._stream.ready(max(min(left, _TURN), 0)):
                return True
            if left <= 0:
                return False
        return True

    def cancel(self) -> None:
        """End the statement now, from any thread."""
        self._stream.cancel()

    def close(self) -> None:
        """Let go of the statement."""
        self._stream.close()


class _Read:
    """The frames of a statement that was begun ahead."""

    def __init__(self, frames: FrameStream, begun: _Begun) -> None:
        self._frames = frames
        self._begun = begun
        self._whole = self._closed = False
        begun.read(begins=True)

    def __iter__(self) -> Iterator[Frame]:
        yield from self._frames
        self._whole = True

    def ready(self, seconds: float) -> bool:
        """Whether the next frame, or the end, can be had within a time."""
        return self._frames.ready(seconds)

    def cancel(self) -> None:
        """End the reading now, from any thread."""
        self._frames.cancel()

    def close(self) -> None:
        """Give back what the stream holds."""
        if self._closed:
            return
        self._closed = True
        try:
            self._frames.close()
        finally:
            self._begun.read(whole=self._whole)
