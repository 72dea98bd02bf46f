"""No more statements run at once than may, the others wait in order, and too many are refused."""

from __future__ import annotations

import threading
import time

import pytest

from flight_server.engines.athena.admission import Admission
from flight_server.engines.errors import Busy
from tests.engines.rig import soon
from tests.waiting import eventually


def _never() -> bool:
    return False


def test_who_waits_gets_a_place_in_order() -> None:
    admission = Admission(1, 10)
    assert admission.take(soon(), _never)
    got: list[int] = []

    def wait(number: int) -> None:
        assert admission.take(soon(), _never)
        got.append(number)
        admission.give()

    waiting = []
    for number in range(3):
        thread = threading.Thread(target=wait, args=(number,))
        thread.start()
        waiting.append(thread)
        assert eventually(lambda number=number: len(admission._line) == number + 1)
    assert got == []
    admission.give()
    for thread in waiting:
        thread.join(5)
    assert got == [0, 1, 2]


def test_who_waits_too_long_is_told_so() -> None:
    admission = Admission(1, 10)
    assert admission.take(soon(), _never)
    with pytest.raises(Busy):
        admission.take(time.monotonic() + 0.05, _never)
    admission.give()
    assert admission.take(soon(), _never)


def test_more_than_may_wait_are_refused_at_once() -> None:
    admission = Admission(1, 0)
    admission.check()
    assert admission.take(soon(), _never)
    with pytest.raises(Busy):
        admission.check()
    with pytest.raises(Busy):
        admission.take(soon(), _never)


def test_who_is_stopped_waits_no_more_and_takes_no_place() -> None:
    admission = Admission(1, 10)
    assert admission.take(soon(), _never)
    stopped = threading.Event()
    answers: list[bool] = []
    thread = threading.Thread(target=lambda: answers.append(admission.take(soon(), stopped.is_set)))
    thread.start()
    stopped.set()
    admission.wake()
    thread.join(5)
    assert answers == [False]
    admission.give()
    assert admission.take(soon(), _never)
