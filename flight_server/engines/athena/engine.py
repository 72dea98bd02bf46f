"""The Athena engine: statements are translated, run by Athena, and their results read from S3."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Mapping
from functools import partial
from typing import Protocol

import boto3
import pyarrow as pa

from catalog.model import Table
from catalog.names import TableName
from flight_server.engines.athena.admission import Admission
from flight_server.engines.athena.client import Account, Accounts
from flight_server.engines.athena.costs import expected
from flight_server.engines.athena.execution import Service
from flight_server.engines.athena.held import Held, HeldStream, Holds
from flight_server.engines.athena.outcome import outcome
from flight_server.engines.athena.poller import Poller
from flight_server.engines.athena.settings import AthenaSettings
from flight_server.engines.athena.stream import AthenaStream
from flight_server.engines.athena.translated import AthenaTable, Translated
from flight_server.engines.base import (
    Cost,
    EngineStream,
    Errand,
    Relation,
    Secured,
    Toll,
    free,
)
from flight_server.engines.errors import EngineError, UnsupportedData

_ELSEWHERE = "Athena does not know one of the statement's tables."
_KEYED = "A table of the statement has masks whose keys must not be given to Athena."
_CLOSED = "The engine is closed."
_LAST_SECONDS = 30.0


class Translate(Protocol):
    """Says a statement in Athena's dialect; see `translate`. Raises `Untranslatable`."""

    def __call__(
        self,
        secured: Secured,
        parameters: pa.RecordBatch | None,
        schema: pa.Schema,
        places: Mapping[TableName, AthenaTable],
        /,
    ) -> Translated: ...


class AthenaEngine:
    """Runs secured statements on Athena; see `flight_server.engines.base.Engine`.

    It binds nothing: results are promised by whoever routes statements to it. Nothing is asked of
    AWS before the first statement. Raises `EngineError` for settings that cannot work.
    """

    def __init__(
        self, settings: AthenaSettings, translate: Translate, session: boto3.Session | None = None
    ) -> None:
        for role in (settings.default, *(role for _, role in settings.by_group)):
            if role.delivery == "unload" and not role.staging.startswith("s3://"):
                raise EngineError("Results of Athena need a staging prefix that begins with s3://.")
        self._settings = settings
        self._translate = translate
        self._accounts = Accounts(settings, session)
        self._admission = Admission(settings.concurrent, settings.queued)
        self._lock = threading.Lock()
        self._services: dict[Account, Service] = {}
        self._holds = Holds()
        self._streams: set[AthenaStream] = set()
        self._closed = False

    @property
    def name(self) -> str:
        """The engine's name as clients see it."""
        return "athena"

    def run(
        self,
        secured: Secured,
        parameters: pa.RecordBatch | None,
        schema: pa.Schema,
        *,
        deadline: float,
        compression: str | None = None,
        groups: frozenset[str] = frozenset(),
        size: int | None = None,
        toll: Toll = free,
    ) -> EngineStream:
        """Run a statement whose result has exactly `schema`, as the role of the first of `groups`.

        `size` is how many bytes it would read, where that is known. Raises what `translated` does,
        `Busy` where too many wait already, and what `toll` does: nothing was sent then. All else is
        raised by the stream.
        """
        translated = self.translated(secured, parameters, schema)
        begin = self.begin if secured.errand is None else partial(self.find, secured.errand)
        return begin(
            translated,
            schema,
            deadline=deadline,
            compression=compression,
            groups=groups,
            size=size,
            toll=toll,
        )

    def translated(
        self, secured: Secured, parameters: pa.RecordBatch | None, schema: pa.Schema
    ) -> Translated:
        """The statement for Athena; asks nothing of it.

        Raises `Untranslatable`, and `UnsupportedData` for tables that Athena must not read.
        """
        return self._translate(secured, parameters, schema, _places(secured))

    def check(self, secured: Secured, parameters: pa.RecordBatch | None, schema: pa.Schema) -> None:
        """Raises what `run` would raise of the statement itself; asks nothing of Athena."""
        outcome(self.translated(secured, parameters, schema), schema, self._settings.default)

    def places(self) -> int:
        """How many more statements would run at once."""
        return self._admission.free

    def begin(
        self,
        translated: Translated,
        schema: pa.Schema,
        *,
        deadline: float,
        compression: str | None = None,
        groups: frozenset[str] = frozenset(),
        size: int | None = None,
        toll: Toll = free,
    ) -> AthenaStream:
        """Run a translated statement. Raises `UnsupportedData`, `Busy` and what `toll` does."""
        service = self._service(self._accounts.of(groups))
        way = outcome(translated, schema, service.account.role)
        self._admission.check()
        settle = toll(expected(size, self._settings))
        try:
            stream = AthenaStream(
                service,
                way,
                deadline=deadline,
                compression=compression,
                settle=settle,
                finished=self._forget,
            )
            with self._lock:
                if self._closed:
                    raise EngineError(_CLOSED)
                self._streams.add(stream)
            stream.start()
        except BaseException:
            settle(Cost())
            raise
        return stream

    def find(
        self,
        errand: Errand,
        translated: Translated,
        schema: pa.Schema,
        *,
        deadline: float,
        compression: str | None = None,
        groups: frozenset[str] = frozenset(),
        size: int | None = None,
        toll: Toll = free,
    ) -> EngineStream:
        """Read or hold a translated statement that may run already; `toll` is for one that is not.

        Raises as `begin`.
        """
        service = self._service(self._accounts.of(groups))
        way = outcome(translated, schema, service.account.role)

        def make() -> Held:
            self._admission.check()
            settle = toll(expected(size, self._settings))
            return Held(
                service,
                way,
                errand.name,
                deadline=deadline,
                settle=settle,
                finished=self._holds.forget,
            )

        held = self._holds.take(errand.name, service, way, make)
        if errand.ahead:
            return HeldStream(held)

        def finished(stream: AthenaStream) -> None:
            held.leave()
            self._forget(stream)

        stream = AthenaStream(
            service,
            way,
            deadline=deadline,
            compression=compression,
            settle=free(Cost()),
            finished=finished,
            held=held,
        )
        with self._lock:
            if self._closed:
                held.leave()
                raise EngineError(_CLOSED)
            self._streams.add(stream)
        stream.start()
        return stream

    def close(self) -> None:
        """End all statements, and delete their files."""
        with self._lock:
            self._closed = True
            streams, services = list(self._streams), list(self._services.values())
        for stream in streams:
            stream.close()
        until = time.monotonic() + _LAST_SECONDS
        for stream in streams:
            stream.join(max(until - time.monotonic(), 0))
        self._holds.close(max(until - time.monotonic(), 0))
        for service in services:
            service.poller.close()

    def _service(self, account: Account) -> Service:
        with self._lock:
            if self._closed:
                raise EngineError(_CLOSED)
            service = self._services.get(account)
            if service is None:
                poller = Poller(account.athena, self._settings)
                service = Service(account, poller, self._admission, self._settings)
                self._services[account] = service
            return service

    def _forget(self, stream: AthenaStream) -> None:
        with self._lock:
            self._streams.discard(stream)


def _places(secured: Secured) -> Mapping[TableName, AthenaTable]:
    """What Athena calls the statement's tables. Raises `UnsupportedData` for one not for it."""
    tables: list[Table] = []
    for relation in _all(secured):
        if relation.keyed:
            # texts of statements stay in Athena's history
            raise UnsupportedData(_KEYED)
        tables.append(relation.table)
        tables.extend(lookup.table for lookup in relation.lookups)
    places: dict[TableName, AthenaTable] = {}
    for table in tables:
        place = table.athena
        if place is None or table.rows is not None:
            raise UnsupportedData(_ELSEWHERE)
        places[table.name] = AthenaTable(place.catalog, place.database, place.table)
    return places


def _all(secured: Secured) -> Iterator[Relation]:
    for relation in secured.relations:
        yield relation
        yield from relation.below()
