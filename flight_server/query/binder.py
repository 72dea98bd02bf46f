"""The schemas of results: statements are bound by the engine, and what was bound is remembered."""

from __future__ import annotations

import time
from functools import lru_cache

import pyarrow as pa

from flight_server.engines.base import Engine, Secured
from flight_server.engines.errors import BindFailed
from flight_server.query.binding import bind_error
from flight_server.query.errors import QueryError
from flight_server.query.parameter_types import typical_row
from flight_server.query.shape import Shape

# Longer statements are rarely sent twice.
_CACHED_TEXT = 10_000
_CACHED = 1_024


class Binder:
    """Asks an engine for schemas, each time for at most so many seconds. Safe for several threads.

    Both functions raise what `Engine.describe` does.
    """

    def __init__(self, engine: Engine, seconds: float) -> None:
        self._engine = engine
        self._seconds = seconds
        self._describe = lru_cache(maxsize=_CACHED)(self._describe_uncached)

    def bind(self, secured: Secured, parameters: pa.RecordBatch | None) -> pa.Schema:
        """The schema of a statement's result. Raises a `QueryError` where it does not fit."""
        size = len(secured.text) + (parameters.nbytes if parameters else 0)
        describe = self._describe if size <= _CACHED_TEXT else self._describe_uncached
        found = describe(Shape.of(secured, parameters))
        if isinstance(found, BindFailed):
            raise bind_error(found) from found
        return found

    def bind_announced(self, secured: Secured, announced: pa.Schema) -> pa.Schema | None:
        """The schema as it will be where the parameters are bound as they are announced."""
        row = typical_row(announced)
        try:
            return self.bind(secured, row) if row is not None else None
        except QueryError:
            return None

    def _describe_uncached(self, shape: Shape) -> pa.Schema | BindFailed:
        """The schema, or why there is none: a shape that does not fit never will."""
        deadline = time.monotonic() + self._seconds
        try:
            return self._engine.describe(shape.secured, shape.parameters, deadline=deadline)
        except BindFailed as error:
            return error.with_traceback(None)
