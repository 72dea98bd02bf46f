"""Which statements give their rows in any order, so that all threads stream at once.

In the order of the files only one thread at a time can hand rows on: the others fill what little
is buffered, and wait.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from flight_server.engines.base import Scanned, Secured
from flight_server.engines.duckdb.setup import Setup

# Less than this fits what is buffered; so small results look the same each time.
LARGE = 16 * 1024 * 1024
_ANY_ORDER = ("preserve_insertion_order", "false")


def in_any_order(setup: Setup, secured: Secured, scanned: Sequence[Scanned]) -> Setup:
    """The setup of a statement that reads so many bytes, with the order of rows given up if it may.

    A statement may whose rows stand each for itself: no LIMIT then takes others, and nothing is
    made of several. What is inside a view may not be so, and a feeder has an order of its own.
    """
    small = sum(each.bytes for each in scanned) < LARGE
    views = any(relation.inside is not None for relation in secured.relations)
    if small or views or not secured.by_row or setup.feeder is not None:
        return setup
    return replace(setup, options=(*setup.options, _ANY_ORDER))
