"""What the tests of running statements share: a double with a table, and SELECTs for Athena."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from catalog.names import TableName
from flight_server.engines.athena.engine import AthenaEngine
from flight_server.engines.athena.settings import AthenaRole, AthenaSettings
from flight_server.engines.athena.stream import AthenaStream
from flight_server.engines.athena.translated import AthenaTable, Sent, SortKey, Translated
from flight_server.engines.base import Secured
from flight_server.testing.athena import AthenaDouble
from tests.engines.rig import decoded, soon
from tests.waiting import eventually

STAGING = "s3://results-of-statements/staging"
ROLE = AthenaRole(staging=STAGING)
_ENDED = ("SUCCEEDED", "FAILED", "CANCELLED")


def untranslated(
    _secured: Secured,
    _parameters: pa.RecordBatch | None,
    _schema: pa.Schema,
    _places: Mapping[TableName, AthenaTable],
    /,
) -> Translated:
    """For engines that are given statements in Athena's dialect."""
    raise AssertionError("nothing is translated here")


def select(
    sql: str,
    schema: pa.Schema,
    *,
    ordered: str = "",
    order_by: Sequence[SortKey] = (),
    visible: int | None = None,
) -> Translated:
    """A SELECT in Athena's dialect as the translation gives it, with columns `c0`, `c1`, …"""
    columns = tuple(Sent(f"c{i}", field.type, False) for i, field in enumerate(schema))
    return Translated(sql, ordered or sql, columns, visible or len(columns), tuple(order_by))


@dataclass(frozen=True, slots=True)
class Rig:
    """A double and an engine over it."""

    aws: AthenaDouble
    engine: AthenaEngine

    def begin(self, statement: Translated, schema: pa.Schema, **options: Any) -> AthenaStream:
        """Start a statement."""
        return self.engine.begin(statement, schema, **{"deadline": soon(30), **options})

    def rows(self, statement: Translated, schema: pa.Schema, **options: Any) -> pa.Table:
        """Run a statement to its end, and see that nothing is left of it."""
        stream = self.begin(statement, schema, **options)
        try:
            found = decoded(stream, schema)
        finally:
            stream.close()
            stream.join(20)
        assert self.left() == []
        return found

    def left(self) -> list[str]:
        """The objects in the staging bucket, and the executions that still run."""
        running = [each.id for each in self.aws.executions if each.state not in _ENDED]
        return [*self.aws.objects("s3://results-of-statements/"), *running]

    def calls(self, operation: str) -> int:
        """How often an operation was called."""
        return sum(call.operation == operation for call in self.aws.calls)

    def started(self) -> bool:
        """Whether an execution runs."""
        return any(each.state == "RUNNING" for each in self.aws.executions)

    def leaves_nothing(self, seconds: float = 20.0) -> bool:
        """Whether no execution and no object is left, soon."""
        return eventually(lambda: not self.left(), seconds)


NewEngine = Callable[..., AthenaEngine]


@contextmanager
def engine_on(aws: AthenaDouble, **options: Any) -> Iterator[AthenaEngine]:
    """An engine that runs on a double, quick to poll."""
    quick: dict[str, Any] = {"default": ROLE, "poll_first": 0.05, "endpoint": aws.endpoint}
    engine = AthenaEngine(AthenaSettings(**{**quick, **options}), untranslated)
    try:
        yield engine
    finally:
        engine.close()


def elapsed(action: Callable[[], object]) -> float:
    """How long something takes."""
    began = time.monotonic()
    action()
    return time.monotonic() - began
