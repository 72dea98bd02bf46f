"""Starts servers as processes of their own and counts what they use."""

from __future__ import annotations

import os
import select
import subprocess
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil

# Reading what pages are shared takes a millisecond or more for each process.
_SAMPLES_EVERY = 0.5
_KILL_AFTER = 10.0


class NotStarted(Exception):
    """A server did not say that it is ready; the message ends with what it logged."""


@dataclass(frozen=True, slots=True)
class Running:
    """A server that is ready."""

    pid: int
    uri: str


@dataclass(slots=True)
class Usage:
    """What was used while a block ran. Seconds of CPU; peaks in bytes of memory, twice a second.

    `front` is the process that was started and `workers` all below it. Of pages that processes
    share each has its part (PSS). `others` is CPU that neither server nor client used.
    """

    wall: float = 0.0
    client_cpu: float = 0.0
    front_cpu: float = 0.0
    workers_cpu: float = 0.0
    others_cpu: float = 0.0
    front_peak: int = 0
    workers_peak: int = 0


@contextmanager
def started(command: Sequence[str], *, ready: str, log: Path, seconds: float) -> Iterator[Running]:
    """Run a server; it is ready once it printed a line `ready URI`. Stopped in the end."""
    with (
        log.open("wb") as errors,
        subprocess.Popen(command, stdout=subprocess.PIPE, stderr=errors) as process,
    ):
        try:
            yield Running(process.pid, _uri(process, ready, log, seconds))
        finally:
            process.terminate()
            try:
                process.wait(_KILL_AFTER)
            except subprocess.TimeoutExpired:
                process.kill()


def _uri(process: subprocess.Popen[bytes], ready: str, log: Path, seconds: float) -> str:
    assert process.stdout is not None
    until = time.monotonic() + seconds
    text = b""
    while (left := until - time.monotonic()) > 0:
        if not select.select([process.stdout], [], [], left)[0]:
            break
        # Not readline: what it buffers beyond a line would be hidden from select.
        read = os.read(process.stdout.fileno(), 4096)
        text += read
        for line in text.decode(errors="replace").splitlines():
            if line.startswith(ready):
                return line.removeprefix(ready).split()[0]
        if not read:
            break
    said = log.read_text(errors="replace")[-2_000:]
    raise NotStarted(f"{process.args!r} is not ready: {text.decode(errors='replace')}{said}")


@contextmanager
def watched(pid: int | None, *, memory: bool = False) -> Iterator[Usage]:
    """Count what this process and, where given, the tree of processes under `pid` use."""
    usage = Usage()
    done = threading.Event()
    sampler = threading.Thread(target=_sample, args=(pid, usage, done))
    if memory and pid is not None:
        sampler.start()
    machine, before = _machine_cpu(), _tree_cpu(pid)
    own, clock = time.process_time(), time.perf_counter()
    try:
        yield usage
    finally:
        usage.wall = time.perf_counter() - clock
        usage.client_cpu = time.process_time() - own
        after = _tree_cpu(pid)
        usage.front_cpu, usage.workers_cpu = after[0] - before[0], after[1] - before[1]
        ours = usage.client_cpu + usage.front_cpu + usage.workers_cpu
        usage.others_cpu = max(0.0, _machine_cpu() - machine - ours)
        done.set()
        if sampler.is_alive():
            sampler.join()


def _sample(pid: int, usage: Usage, done: threading.Event) -> None:
    over = False
    while not over:
        over = done.wait(_SAMPLES_EVERY)
        front, *workers = _memory(pid)
        usage.front_peak = max(usage.front_peak, front)
        usage.workers_peak = max(usage.workers_peak, sum(workers))


def _tree(pid: int) -> list[psutil.Process]:
    root = psutil.Process(pid)
    return [root, *root.children(recursive=True)]


def _memory(pid: int) -> list[int]:
    found = []
    for process in _tree(pid):
        try:
            found.append(process.memory_full_info().pss)
        except psutil.NoSuchProcess:
            found.append(0)
    return found


def _tree_cpu(pid: int | None) -> tuple[float, float]:
    """CPU of the root and of all below it, those that have ended included."""
    if pid is None:
        return 0.0, 0.0
    front = workers = 0.0
    for process in _tree(pid):
        try:
            times = process.cpu_times()
        except psutil.NoSuchProcess:
            continue
        used = times.user + times.system
        workers += times.children_user + times.children_system
        if process.pid == pid:
            front = used
        else:
            workers += used
    return front, workers


def _machine_cpu() -> float:
    times = psutil.cpu_times()
    busy: float = sum(times) - times.idle - times.iowait - times.guest - times.guest_nice
    return busy
