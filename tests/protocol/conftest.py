"""A Flight SQL server over a small query service that plans and runs straight on DuckDB."""

from __future__ import annotations

import json
import logging
import time
import uuid
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

import adbc_driver_flightsql.dbapi as flightsql
import duckdb
import pyarrow as pa
import pyarrow.flight as flight
import pytest

from auth.authenticate import Authenticator, Sessions
from auth.credentials import ApiKey, Credentials, User
from auth.identity import Identity
from auth.keys import secret_key
from auth.passwords import generate_api_key, hash_api_key, hash_password, parse_password_hash
from catalog.model import Column, Table
from catalog.names import SchemaName, TableName, fold, like
from flight_server.engines.base import Frame
from flight_server.engines.errors import Cancelled, ExecutionFailed
from flight_server.protocol.server import FlightServer
from flight_server.protocol.settings import ServerSettings
from flight_server.protocol.wire.frames import frame
from flight_server.query.caller import Caller
from flight_server.query.errors import BindError, InvalidSql
from flight_server.query.handles import HandleKind
from flight_server.query.results import Endpoint, Offer
from flight_server.query.seal import Sealer, SealKey

PASSWORD = "correct horse: battery"
API_KEY = generate_api_key()
TABLES = (
    Table(
        TableName("lake", "sales", "orders"),
        (
            Column("id", pa.int64(), nullable=False, doc="The number on the receipt."),
            Column("amount", pa.decimal128(12, 2)),
            Column("note", pa.string()),
            Column("placed", pa.timestamp("us", tz="UTC")),
            Column("tags", pa.list_(pa.string())),
        ),
    ),
    Table(TableName("lake", "sales", "recent"), (Column("id", pa.int64()),), kind="VIEW"),
    Table(TableName("lake", "hr", "people"), (Column("name", pa.string()),)),
    Table(TableName("other", "sales", "orders"), (Column("id", pa.int32()),)),
)


@dataclass(frozen=True)
class PlannedHere:
    text: str
    schema: pa.Schema
    parameter_schema: pa.Schema
    parameters: list[Any] | None = None
    query_id: str = field(default_factory=lambda: uuid.uuid4().hex)
    changes: None = None

    @property
    def secured(self) -> PlannedHere:
        return self

    @property
    def bound(self) -> bool:
        return self.parameters is not None or not len(self.parameter_schema)


@dataclass(frozen=True)
class PolledHere:
    planned: PlannedHere
    state: str | None
    patience: float = 30.0

    @property
    def is_over(self) -> bool:
        return self.state is None

    def told(self) -> bytes:
        return json.dumps({"state": self.state}).encode()


class StreamHere:
    def __init__(self, log: list[str], planned: PlannedHere, rows: int) -> None:
        self.schema = planned.schema
        self._log, self._planned, self._rows = log, planned, rows
        self._con = duckdb.connect(config={"threads": 1})
        self._cancelled = False

    def __iter__(self) -> Iterator[Frame]:
        try:
            relation = self._con.sql(self._planned.text, params=self._planned.parameters)
            for batch in relation.to_arrow_reader(self._rows):
                yield Frame(frame(batch.cast(self.schema).serialize()), batch.num_rows)
        except (duckdb.Error, pa.ArrowException, OSError, RuntimeError) as error:
            if self._cancelled:
                raise Cancelled("The statement was cancelled.") from error
            raise ExecutionFailed("The data did not allow the statement.") from error

    def ready(self, seconds: float) -> bool:
        return True

    def told(self) -> bytes:
        return b'{"status":"ok"}'

    def cancel(self) -> None:
        self._log.append("cancel")
        self._cancelled = True
        self._con.interrupt()

    def close(self) -> None:
        self._log.append("close")
        self._con.close()


@dataclass(frozen=True)
class TableHere:
    table: Table

    @property
    def name(self) -> TableName:
        return self.table.name

    @property
    def columns(self) -> tuple[Column, ...]:
        return self.table.columns


class VisibleHere:
    fingerprint = "all"

    def __init__(self, tables: tuple[Table, ...]) -> None:
        self._tables = sorted(tables, key=lambda table: table.name)

    def catalogs(self) -> list[str]:
        return sorted({table.name.catalog for table in self._tables})

    def schemas(self, catalog: str | None = None, pattern: str | None = None) -> list[SchemaName]:
        matches = like(pattern)
        names = {table.name.in_schema for table in self._tables if matches(table.name.schema)}
        return sorted(n for n in names if catalog is None or fold(catalog) == fold(n.catalog))

    def tables(
        self,
        catalog: str | None = None,
        schema_pattern: str | None = None,
        table_pattern: str | None = None,
    ) -> Iterator[TableHere]:
        in_schema, named = like(schema_pattern), like(table_pattern)
        for table in self._tables:
            name = table.name
            if catalog is not None and fold(catalog) != fold(name.catalog):
                continue
            if in_schema(name.schema) and named(name.table):
                yield TableHere(table)

    def names(
        self,
        catalog: str | None = None,
        schema_pattern: str | None = None,
        table_pattern: str | None = None,
    ) -> Iterator[tuple[TableName, str]]:
        for found in self.tables(catalog, schema_pattern, table_pattern):
            yield found.name, found.table.kind


class ServiceHere:
    """Plans and runs on DuckDB. `log` says what became of the streams."""

    def __init__(self, sealer: Sealer, tables: tuple[Table, ...] = TABLES) -> None:
        self._sealer = sealer
        self.known_tables = tables
        self.log: list[str] = []
        self.callers: list[Caller] = []
        self.batch_rows = 10_000
        self.raises: Exception | None = None
        self.states: list[str] = []  # what polls tell before they are done

    def visible(self, caller: Caller) -> VisibleHere:
        self.callers.append(caller)
        return VisibleHere(self.known_tables)

    def plan(self, caller: Caller, text: str) -> PlannedHere:
        self.callers.append(caller)
        if self.raises is not None:
            raise self.raises
        return self._plan(text, None)

    def _plan(self, text: str, parameters: list[Any] | None) -> PlannedHere:
        con = duckdb.connect(config={"threads": 1})
        try:
            names = con.extract_statements(text)[0].named_parameters
            values = parameters if parameters is not None else [None] * len(names)
            schema = con.sql(f"FROM ({text}) LIMIT 0", params=values).to_arrow_table().schema
        except (duckdb.BinderException, duckdb.CatalogException) as error:
            position = text.find("nothing") if "nothing" in text else None
            raise BindError("The statement does not fit.", position=position) from error
        except (duckdb.Error, IndexError) as error:
            raise InvalidSql("The statement is not SQL.", position=0) from error
        finally:
            con.close()
        wanted = pa.schema([(name, pa.string()) for name in sorted(names)])
        return PlannedHere(text, schema, wanted, parameters)

    def bind(self, caller: Caller, planned: PlannedHere, parameters: pa.RecordBatch) -> PlannedHere:
        values = [parameters.column(i)[0].as_py() for i in range(parameters.num_columns)]
        return replace(self._plan(planned.text, values), parameter_schema=planned.parameter_schema)

    def seal(self, caller: Caller, planned: PlannedHere, kind: HandleKind) -> bytes:
        payload = json.dumps([planned.text, planned.parameters]).encode()
        return self._sealer.seal(kind, caller.principal.subject, payload, lifetime=60)

    def offer(self, caller: Caller, planned: PlannedHere) -> Offer:
        ticket = self.seal(caller, planned, HandleKind.TICKET)
        return Offer((Endpoint(ticket, int(time.time()) + 60),), False, b'{"engine":"here"}')

    def renew(self, caller: Caller, ticket: bytes) -> Endpoint:
        planned = self.unseal(caller, ticket, HandleKind.TICKET)
        return self.offer(caller, planned).endpoints[0]

    def cancel(self, caller: Caller, tickets: Iterable[bytes]) -> bool:
        for ticket in tickets:
            self.unseal(caller, ticket, HandleKind.TICKET)
        return True

    def unseal(self, caller: Caller, sealed: bytes, kind: HandleKind) -> PlannedHere:
        text, parameters = json.loads(self._sealer.open(kind, caller.principal.subject, sealed))
        return self._plan(text, parameters)

    def poll(self, caller: Caller, planned: PlannedHere, wait: float = 0.0) -> PolledHere:
        return PolledHere(planned, self.states.pop(0) if self.states else None)

    def run(self, caller: Caller, planned: PlannedHere) -> StreamHere:
        return StreamHere(self.log, planned, self.batch_rows)


@dataclass(frozen=True)
class Running:
    """A server on a free port of this machine, with ways to reach it."""

    server: FlightServer
    service: ServiceHere
    sealer: Sealer
    authenticator: Authenticator
    password: str = PASSWORD
    api_key: str = API_KEY

    @property
    def uri(self) -> str:
        return self.server.location

    @property
    def target(self) -> str:
        return f"127.0.0.1:{self.server.port}"

    @contextmanager
    def adbc(self, **options: str) -> Iterator[flightsql.Connection]:
        """A connection with ADBC, as alice unless told otherwise."""
        given = options or {"adbc.flight.sql.authorization_header": f"Bearer {API_KEY}"}
        with flightsql.connect(self.uri, db_kwargs=given, autocommit=True) as connection:
            yield connection

    @contextmanager
    def flight(self) -> Iterator[tuple[flight.FlightClient, flight.FlightCallOptions]]:
        """A client of pyarrow, logged in as alice."""
        with flight.FlightClient(self.uri) as client:
            # Passwords are slow on purpose.
            token = (b"authorization", f"Bearer {API_KEY}".encode())
            yield client, flight.FlightCallOptions(headers=[token])

    def bearer(self) -> str:
        """A session token of alice."""
        return self.authenticator.mint(self.authenticator.bearer(API_KEY))


def authenticator() -> Authenticator:
    """Two users: alice with a password and an API key, bob with a password."""
    password = parse_password_hash(hash_password(PASSWORD))
    key = ApiKey("laptop", hash_api_key(API_KEY))
    users = Credentials(
        [User("alice", password=password, api_keys=(key,)), User("bob", password=password)]
    )
    return Authenticator(
        identity=Identity,
        credentials=lambda: users,
        sessions=Sessions(secret_key(b"s" * 32)),
    )


@contextmanager
def serving(
    settings: ServerSettings | None = None,
    tables: tuple[Table, ...] = TABLES,
    who: Authenticator | None = None,
) -> Iterator[Running]:
    """A running server with the given settings."""
    sealer = Sealer([SealKey(b"k" * 32)])
    service = ServiceHere(sealer, tables)
    known = who or authenticator()
    server = FlightServer(service, known, sealer, settings or ServerSettings(port=0))
    server.start()
    try:
        yield Running(server, service, sealer, known)
    finally:
        server.stop(0).wait(10)


@pytest.fixture(scope="session")
def known_users() -> Authenticator:
    """The users of every server here; made once, since passwords are slow on purpose."""
    return authenticator()


@pytest.fixture(scope="module")
def shared(known_users: Authenticator) -> Iterator[Running]:
    """A server that the tests of a module share."""
    logging.getLogger("flight_server").setLevel(logging.CRITICAL)
    with serving(who=known_users) as running:
        yield running


@pytest.fixture
def running(shared: Running) -> Running:
    """The shared server with nothing left over from the test before."""
    shared.service.log.clear()
    shared.service.callers.clear()
    shared.service.raises = None
    shared.service.known_tables = TABLES
    return shared


@pytest.fixture
def serve(known_users: Authenticator) -> Callable[..., Any]:
    """Makes servers of a test's own: `with serve(settings) as running`."""
    return lambda settings=None, tables=TABLES: serving(settings, tables, known_users)
