"""One statement run to its end on Athena: admitted, started, watched, and ended if need be."""

from __future__ import annotations

import logging
import random
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from flight_server.engines.athena import unload
from flight_server.engines.athena.admission import Admission
from flight_server.engines.athena.client import Account
from flight_server.engines.athena.costs import Cost, cost, together
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


class Run:
    """One run of a SELECT. `check` raises `Stopped`; `woken` is set whenever it would.

    Used by one thread, but for `progress` and `cost`.
    """

    def __init__(
        self,
        service: Service,
        select: str,
        delivery: Delivery,
        *,
        check: Callable[[], None],
        woken: threading.Event,
    ) -> None:
        self._service = service
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
            attempts -= 1
            try:
                return self._once(until)
            except EngineError as error:
                if attempts <= 0 or not is_worth_another(error):
                    raise
                _log.info("an execution failed and is started again", exc_info=error)
            self._pause(random.uniform(0.5, 1.0) * _FIRST_PAUSE)  # noqa: S311 - jitter

    def _once(self, until: float) -> Finished:
        service = self._service
        where = unload.place(service.account.role.staging)
        context = unload.Context(service.settings.catalog, service.account.role.workgroup)
        request = unload.request(self._select, self._delivery, context, where)
        if not service.admission.take(until, self._stopped):
            raise Stopped
        self._told = None
        try:
            return Finished(self._follow(self._start(request, until)), where)
        except BaseException:
            unload.remove(service.account, where, self._told)
            raise
        finally:
            service.admission.give()

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
                self._check()
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

    def _follow(self, execution: str) -> Mapping[str, Any]:
        service = self._service
        watched = self._watched = service.poller.watch(execution, self._woken)
        try:
            while not watched.over:
                self._check()
                self._woken.wait(_TURN)
                self._woken.clear()
            if watched.failed is not None:
                self._stop(execution)
                self._charge(watched, failed=False)
                raise watched.failed
        except Stopped:
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
        self.cost = together(self.cost, cost(watched.progress.scanned, price, failed=failed))

    def _stop(self, execution: str) -> None:
        """Tell Athena to end an execution."""
        for left in reversed(range(_STOP_TRIES)):
            try:
                self._service.account.athena.stop_query_execution(QueryExecutionId=execution)
                return
            except CallFailed as error:
                if not left or trouble(error) is Trouble.REFUSED:
                    _log.warning("execution %s could not be ended", execution, exc_info=True)
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
            return
        try:
            self._ended(watched)
        except EngineError:
            _log.debug("execution %s was ended", watched.execution)

    def _pause(self, seconds: float) -> None:
        until = time.monotonic() + seconds
        while (left := until - time.monotonic()) > 0:
            self._check()
            self._woken.wait(left)
            self._woken.clear()
        self._check()
