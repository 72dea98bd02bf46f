"""How one statement's result comes back: by which way, read how, in which order and types."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass

import pyarrow as pa

from flight_server.engines.athena import unload
from flight_server.engines.athena.decode import decoded
from flight_server.engines.athena.execution import Finished, Service
from flight_server.engines.athena.faults import CallFailed, of_result
from flight_server.engines.athena.ordered import in_order
from flight_server.engines.athena.results import Check, Files, again, from_csv, from_pages
from flight_server.engines.athena.settings import AthenaRole, AthenaSettings, Delivery
from flight_server.engines.athena.translated import Translated
from flight_server.engines.errors import OutOfResources, UnsupportedData

_NESTED = "Results with nested values cannot be read from this work group: it allows no UNLOAD."
_TOO_LARGE = "The result is too large to be put in order: add a LIMIT, or leave ORDER BY out."
_ROWS = 65_536


@dataclass(frozen=True, slots=True)
class Outcome:
    """A translated statement whose result has `schema`, and the way that it comes back.

    What is read as one stream is put in order by Athena itself, files of an UNLOAD are not.
    """

    translated: Translated
    schema: pa.Schema
    delivery: Delivery

    @property
    def select(self) -> str:
        """The SELECT that Athena runs."""
        return self.translated.sql if self.delivery == "unload" else self.translated.ordered_sql

    def batches(self, service: Service, done: Finished, check: Check) -> Iterator[pa.RecordBatch]:
        """The rows in the promised types and order. Raises the errors of engines."""
        try:
            if self.delivery == "unload":
                yield from self._unloaded(service, done, check)
            else:
                yield from map(self._promised, self._texts(service, done, check))
        except (OSError, pa.ArrowException, *CallFailed) as error:
            raise of_result(error) from error

    def _unloaded(self, service: Service, done: Finished, check: Check) -> Iterator[pa.RecordBatch]:
        account, settings = service.account, service.settings
        paths = again(
            lambda: unload.files_of(done.execution, done.where, account.files()), time.sleep
        )
        if not paths:
            return
        with closing(Files(account.files, paths, settings)) as files:
            if self.translated.order_by:
                yield from self._sorted(files, settings, check)
                return
            for batch in files.one_by_one(check):
                yield self._promised(batch)

    def _sorted(
        self, files: Files, settings: AthenaSettings, check: Check
    ) -> Iterator[pa.RecordBatch]:
        if files.size() > settings.sort_bytes:
            raise OutOfResources(_TOO_LARGE)
        names = [sent.name for sent in self.translated.columns]
        sent = pa.schema(
            [(name, each.type) for name, each in zip(names, self.translated.columns, strict=True)]
        )
        rows = pa.Table.from_batches(
            [decoded(self._columns(batch), sent) for batch in files.one_by_one(check)], sent
        )
        ordered = in_order(rows, self.translated.order_by)
        visible = ordered.select(list(range(self.translated.visible)))
        for batch in visible.to_batches(max_chunksize=_ROWS):
            yield decoded(batch.columns, self.schema)

    def remove(self, service: Service, done: Finished) -> None:
        """Delete its files."""
        unload.remove(service.account, done.where, done.execution)

    def _texts(self, service: Service, done: Finished, check: Check) -> Iterator[pa.RecordBatch]:
        count = len(self.translated.columns)
        if self.delivery == "csv":
            path = unload.output_of(done.execution)
            return from_csv(service.account.files(), path, count, check)
        execution = str(done.execution["QueryExecutionId"])
        return from_pages(service.account.athena, execution, count, check)

    def _promised(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        return decoded(self._columns(batch)[: self.translated.visible], self.schema)

    def _columns(self, batch: pa.RecordBatch) -> list[pa.Array]:
        return list(batch.columns)


def outcome(translated: Translated, schema: pa.Schema, role: AthenaRole) -> Outcome:
    """Choose how a result comes back. Raises `UnsupportedData` where no way can carry it.

    Athena keeps no order among the files of an UNLOAD: what is ordered comes as CSV, but for nested
    values, which only Parquet carries without loss.
    """
    nested = any(pa.types.is_nested(sent.type) for sent in translated.columns)
    delivery = role.delivery
    if delivery == "unload" and translated.order_by and not nested:
        delivery = "csv"
    if delivery != "unload" and nested:
        raise UnsupportedData(_NESTED)
    return Outcome(translated, schema, delivery)
