"""One statement run to its end on Athena: admitted, started, watched, and ended if need be."""

from __future__ import annotations

import logging
import random
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, Protocol

from flight_server.engines.athena import unload
from flight_server.engines.athena.admission import Admission
from flight_server.engines.athena.client import Account
from flight_server.engines.athena.costs import cost
from flight_server.engines.athena.faults import (
    CallFailed,
    Trouble,
    is_worth_another,
    of_call,
    of_status,
    trouble,
)
from flight_server.engines.athena.poller import Poller, Progress, Watched
from flight_server.engines.athena.settings import AthenaSettings, Delivery
from flight_server.engines.base import Cost
from flight_server.engines.errors import EngineError

_log = logging.getLogger(__name__)
_AGAIN = frozenset({Trouble.THROTTLED, Trouble.FULL, Trouble.UNREACHABLE})
_FIRST_PAUSE, _MOST_PAUSE = 0.2, 5.0
_TURN = 0.25
_STOP_TRIES = 5
_STOP_SECONDS = 15.0  # how long an execution may take to end once it was told to


class Stopped(Exception):
    """The statement was ended by who reads it, or ran past its deadline."""


@dataclass(frozen=True, slots=True)
class Service:
    """What executions of one account share."""

    account: Account
    poller: Poller
    admission: Admission
    settings: AthenaSettings


@dataclass(frozen=True, slots=True)
class Finished:
    """An execution that succeeded: what Athena says of it, and where it wrote."""

    execution: Mapping[str, Any]
    where: unload.Place


class Tenure(Protocol):
    """What an execution that others may find has to see to while it is run."""

    def take(self, where: unload.Place) -> bool:
        """Before it is started: whether another server was there before, and has paid for it."""
        ...

    def keep(self, where: unload.Place) -> None:
        """Every now and then, while it runs."""
        ...

    def is_there(self, told: Mapping[str, Any]) -> bool:
        """Whether the result that Athena tells of has not been deleted. Raises engines' errors."""
        ...

    def leaves(self, where: unload.Place) -> bool:
        """Whether one that is not to run on here is left as it is, for other servers."""
        ...


class Run:
    """One run of a SELECT. `check` raises `Stopped`; `woken` is set whenever it would.

    Its executions are started with `tokens`, one after the other. With a `tenure` they may be those
    that another run has started, with the same tokens. Used by one thread, but for `progress` and
    `cost`.
    """

    def __init__(
        self,
        service: Service,
        select: str,
        delivery: Delivery,
        *,
        check: Callable[[], None],
        woken: threading.Event,
        tokens: Iterator[str] | None = None,
        tenure: Tenure | None = None,
    ) -> None:
        self._service = service
        self._tokens = tokens or unload.tokens()
        self._tenure = tenure
        self._where: unload.Place | None = None
        self._paid = self._left = False
        self._select = select
        self._delivery = delivery
        self._check = check
        self._woken = woken
        self._watched: Watched | None = None
        self._told: Mapping[str, Any] | None = None
        self.cost = Cost()

    @property
    def progress(self) -> Progress:
        """How far it is."""
        return Progress() if self._watched is None else self._watched.progress

    def finish(self, until: float) -> Finished:
        """Run to the end, again where Athena failed for no fault of the statement.

        `until` is how long it may wait for its turn. Raises `Stopped` and the errors of engines.
        """
        attempts = self._service.settings.attempts
        while True:
            try:
                done = self._once(until)
                if done is not None:
                    return done
                continue  # one that was run before, and whose files are gone
            except EngineError as error:
                attempts -= 1
                if attempts <= 0 or not is_worth_another(error):
                    raise
                _log.info("an execution failed and is started again", exc_info=error)
            self._pause(random.uniform(0.5, 1.0) * _FIRST_PAUSE)  # noqa: S311 - jitter

    def _once(self, until: float) -> Finished | None:
        service = self._service
        where = unload.place(service.account.role.staging, next(self._tokens))
        context = unload.Context(service.settings.catalog, service.account.role.workgroup)
        request = unload.request(self._select, self._delivery, context, where)
        if not service.admission.take(until, self._stopped):
            raise Stopped
        self._told, before = None, self.cost
        try:
            if self._tenure is not None:
                self._where, self._paid = where, self._tenure.take(where)
            told = self._follow(self._start(request, until))
            if self._tenure is None or self._tenure.is_there(told):
                return Finished(told, where)
            unload.remove(service.account, where, told)
            self.cost = before  # who ran it then has paid for it
            return None
        except BaseException:
            if not self._left:
                unload.remove(service.account, where, self._told)
            raise
        finally:
            service.admission.give()

    def _look(self) -> None:
        if self._tenure is not None and self._where is not None:
            self._tenure.keep(self._where)
        self._check()

    def _stopped(self) -> bool:
        try:
            self._check()
        except Stopped:
            return True
        return False

    def _start(self, request: Mapping[str, Any], until: float) -> str:
        """Start an execution; asked for again with the same token, it is the same one."""
        doubtful = False
        pause, since = _FIRST_PAUSE, time.monotonic()
        try:
            while True:
                self._look()
                try:
                    return self._asked(request)
                except CallFailed as error:
                    kind = trouble(error)
                    _log.info("starting an execution failed: %s", kind.value)
                    doubtful = doubtful or kind is Trouble.UNREACHABLE
                    now = time.monotonic()
                    silent = now - since >= self._service.settings.unreachable_seconds
                    late = now + pause > until or (silent and kind is Trouble.UNREACHABLE)
                    if kind not in _AGAIN or late:
                        raise of_call(error) from error
                self._pause(pause * random.uniform(0.5, 1.5))  # noqa: S311 - jitter
                pause = min(pause * 2, _MOST_PAUSE)
        except (Stopped, EngineError):
            if doubtful:
                self._end_lost(request)
            raise

    def _asked(self, request: Mapping[str, Any]) -> str:
        answer = self._service.account.athena.start_query_execution(**request)
        return str(answer["QueryExecutionId"])

    def _end_lost(self, request: Mapping[str, Any]) -> None:
        """End what may have been started by a call whose answer was lost: its token finds it."""
        try:
            self._stop(self._asked(request))
        except CallFailed:
            _log.warning("an execution may have been started and not be ended", exc_info=True)
        # what it read until then nobody asks
        self.cost += Cost(certain=False)

    def _follow(self, execution: str) -> Mapping[str, Any]:
        service = self._service
        try:
            watched = self._watched = service.poller.watch(execution, self._woken)
        except EngineError:  # the engine is being closed
            self._stop(execution)
            self.cost += Cost(certain=False)
            raise
        try:
            while not watched.over:
                self._look()
                self._woken.wait(_TURN)
                self._woken.clear()
            if watched.failed is not None:
                self._stop(execution)
                self._charge(watched, failed=False)
                raise watched.failed
        except Stopped:
            if self._tenure is not None and self._where is not None:
                self._left = self._tenure.leaves(self._where)
            if not self._left:
                self._stop(execution)
                self._settle(watched)
            raise
        finally:
            service.poller.forget(watched)
        return self._ended(watched)

    def _ended(self, watched: Watched) -> Mapping[str, Any]:
        told = self._told = watched.told or {}
        state = told["Status"]["State"]
        self._charge(watched, failed=state == "FAILED")
        if state == "SUCCEEDED":
            return told
        _log.info("execution %s ended as %s", watched.execution, state)
        _log.debug("Athena says: %s", told["Status"].get("StateChangeReason"))
        raise of_status(told["Status"])

    def _charge(self, watched: Watched, *, failed: bool) -> None:
        price = self._service.settings.price_per_tb
        if self._paid:
            return
        certain = watched.told is not None
        scanned = watched.progress.scanned
        self.cost += cost(scanned, price, failed=failed, certain=certain)

    def _stop(self, execution: str) -> None:
        """Tell Athena to end an execution."""
        account = self._service.account
        stop = partial(account.athena.stop_query_execution, QueryExecutionId=execution)
        for left in reversed(range(_STOP_TRIES)):
            try:
                stop()
                return
            except CallFailed as error:
                if not left or trouble(error) is Trouble.REFUSED:
                    _log.warning("execution %s could not be ended", execution, exc_info=True)
                    if not left:
                        account.leftovers.add("ending an execution", stop)
                    return
                time.sleep(random.uniform(0.05, 0.2))  # noqa: S311 - jitter

    def _settle(self, watched: Watched) -> None:
        """Wait until an execution that was told to end has: no file of it may come later."""
        until = time.monotonic() + _STOP_SECONDS
        self._service.poller.hurry(watched)
        while not watched.over and time.monotonic() < until:
            self._woken.clear()
            if not watched.over:
                self._woken.wait(0.1)
        if watched.told is None:
            _log.warning("execution %s did not end in time", watched.execution)
            self._charge(watched, failed=False)
            return
        try:
            self._ended(watched)
        except EngineError:
            _log.debug("execution %s was ended", watched.execution)

    def _pause(self, seconds: float) -> None:
        until = time.monotonic() + seconds
        while (left := until - time.monotonic()) > 0:
            self._look()
            self._woken.wait(left)
            self._woken.clear()
        self._look()
