"""The shared memory through which a worker hands frames to the front: equal slots, used in turn."""

from __future__ import annotations

import fcntl
import mmap
import os

from flight_server.engines.duckdb.settings import MIB

SLOTS = 4
SLOT = 4 * MIB
SIZE = SLOTS * SLOT

# Linux's fcntl numbers; Python's fcntl module does not name them all in 3.11
_ADD_SEALS = 1033
_SEAL_SEAL, _SEAL_SHRINK, _SEAL_GROW = 1, 2, 4


def create() -> int:
    """A new ring's file descriptor.

    Its size is sealed: a worker that could shrink it would kill the front with SIGBUS.
    """
    descriptor = os.memfd_create("frames", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
    os.ftruncate(descriptor, SIZE)
    fcntl.fcntl(descriptor, _ADD_SEALS, _SEAL_SEAL | _SEAL_SHRINK | _SEAL_GROW)
    return descriptor


def readable(descriptor: int) -> mmap.mmap:
    """The ring as the front sees it."""
    return mmap.mmap(descriptor, SIZE, prot=mmap.PROT_READ)


def writable(descriptor: int) -> mmap.mmap:
    """The ring as its worker sees it."""
    return mmap.mmap(descriptor, SIZE)


def take(ring: mmap.mmap, offset: int, length: int) -> bytes:
    """Copy a frame out, once. Raises `ValueError` for a place that is not in the ring."""
    if offset > SIZE or length > SIZE - offset:
        raise ValueError("outside the ring")
    return ring[offset : offset + length]
