"""Rights that are taken away end running streams, and are taken from open handles and tickets."""

from __future__ import annotations

import os
import random
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, field, replace
from pathlib import Path

import pyarrow as pa
import pyarrow.flight as flight
import pytest
import yaml

from auth.passwords import hash_password
from auth.policy import Policy
from auth.policy_file import parse_policy
from auth.policy_source import PolicySource
from auth.principal import Principal
from flight_server.app import Application, build
from flight_server.config import load
from flight_server.engines.base import Frame
from flight_server.protocol.wire import flight_sql_pb2
from flight_server.query.caller import Caller
from flight_server.query.errors import RightsChanged, StaleHandle
from flight_server.query.handles import HandleKind
from flight_server.query.revocation import GuardedFrames
from flight_server.query.seal import Sealer, SealKey
from flight_server.query.service import QueryService
from tests.security import doors
from tests.security.warehouse import PASSWORD, Lake

SECONDS = float(os.environ.get("FLIGHT_SERVER_RELOADS", "15"))
WITHIN = 5.0
ENDLESS = "SELECT c.* FROM customers AS c, range(4000000000)"

_GRANTS = """
version: 1
roles:
  reader: {groups: [readers]}
  filtered: {groups: [filtered]}
  owner: {groups: [owners]}
grants:
  - {to: reader, on: lake.shop.customers, columns: [id, name, region], allow: select}
  - {to: filtered, on: lake.shop.customers, columns: [id, name, region], allow: select}
  - {to: owner, on: "**", allow: select}
row_filters:
  - {name: region, on: lake.shop.customers, to: [reader, filtered], where: "region = 'eu'"}
"""
_REVOKED = _GRANTS.replace(
    "  - {to: reader, on: lake.shop.customers, columns: [id, name, region], allow: select}\n", ""
).replace("region = 'eu'", "region = 'eu' AND id > 2")


@dataclass
class Switch:
    """A policy source that is switched by the test."""

    policy: Policy

    def current(self) -> Policy:
        return self.policy


@dataclass(frozen=True)
class Place:
    """A server of the test's own, and the files that its rights come from."""

    application: Application
    directory: Path

    def replace(self, name: str, text: str) -> None:
        """Replace a file as an operator does: by renaming a finished one over it."""
        new = self.directory / "new"
        new.write_text(text)
        new.replace(self.directory / name)


USERS = {"rita": "readers", "fred": "filtered", "olga": "owners", "dora": "owners"}


def users(disabled: str = "") -> str:
    return yaml.safe_dump(
        {
            "version": 1,
            "users": {
                name: {"password": PASSWORDS[name], "groups": [group]}
                | ({"disabled": True} if name == disabled else {})
                for name, group in USERS.items()
            },
        }
    )


PASSWORDS = {name: hash_password(PASSWORD) for name in USERS}


@pytest.fixture
def place(lake: Lake, tmp_path: Path) -> Iterator[Place]:
    settings = yaml.safe_load(lake.config.read_text())
    settings["limits"]["statement"] = 60
    settings["engine"]["workers"] = 6
    (tmp_path / "secret").write_text("0123456789abcdef0123456789abcdef")
    (tmp_path / "policy.yaml").write_text(_GRANTS)
    (tmp_path / "users.yaml").write_text(users())
    (tmp_path / "config.yaml").write_text(yaml.safe_dump(settings))
    application = build(load(tmp_path / "config.yaml"))
    application.server.start()
    try:
        yield Place(application, tmp_path)
    finally:
        application.stop(1.0)


@dataclass
class Reader:
    """A client that reads a result, slowly, until it ends; then `ended` and `said` tell how."""

    place: Place
    user: str
    statement: str
    begun: threading.Event = field(default_factory=threading.Event)
    stop: threading.Event = field(default_factory=threading.Event)
    ended: float = 0.0
    said: str = ""

    def read(self) -> None:
        location = self.place.application.server.location
        with closing(flight.FlightClient(location)) as client:
            token = client.authenticate_basic_token(self.user, PASSWORD)
            options = flight.FlightCallOptions(headers=[token])
            command = flight_sql_pb2.CommandStatementQuery(query=self.statement)
            descriptor = flight.FlightDescriptor.for_command(doors.packed(command))
            info = client.get_flight_info(descriptor, options)
            stream = client.do_get(info.endpoints[0].ticket, options)
            self.begun.set()
            try:
                for _ in stream:
                    if self.stop.wait(0.05):
                        stream.cancel()
                        break
            except (flight.FlightError, pa.ArrowException) as error:
                self.said = str(error)
            finally:
                self.ended = time.monotonic()


def test_streams_end_when_their_rights_do_and_no_others(place: Place) -> None:
    """A removed grant, a narrower filter, a disabled user; also before the first row is there."""
    cut = [
        Reader(place, "rita", ENDLESS),
        Reader(place, "rita", f"SELECT sum(hash(c.id)) FROM ({ENDLESS}) AS c"),
        Reader(place, "fred", ENDLESS),
        Reader(place, "dora", ENDLESS),
    ]
    spared = Reader(place, "olga", ENDLESS)
    with ThreadPoolExecutor(5) as pool:
        try:
            reading = [pool.submit(reader.read) for reader in (*cut, spared)]
            for reader, future in zip((*cut, spared), reading, strict=True):
                while not reader.begun.wait(0.1):
                    assert not future.done(), future.result()
            time.sleep(1.0)  # nothing ends of itself
            assert not any(reader.ended for reader in cut)
            changed = time.monotonic()
            place.replace("policy.yaml", _REVOKED)
            place.replace("users.yaml", users(disabled="dora"))
            for reader in reading[:4]:
                reader.result(WITHIN + 10)
            assert not spared.ended
        finally:
            for reader in (*cut, spared):
                reader.stop.set()
    assert [
        round(reader.ended - changed, 1) for reader in cut if reader.ended - changed > WITHIN
    ] == []
    assert all("RIGHTS_CHANGED" in reader.said for reader in cut[:3]), [r.said for r in cut]
    assert "UNAUTHENTICATED" in cut[3].said


def caller(group: str) -> Caller:
    return Caller(Principal("u", groups=frozenset({group})), "request")


@pytest.fixture
def switched(application: Application) -> tuple[QueryService, Switch]:
    """A service whose policy the test switches, on the engine of the other tests."""
    shared = application.service
    switch = Switch(parse_policy(_GRANTS))
    service = QueryService(
        shared._registry,
        switch,
        shared._engine,
        Sealer([SealKey(b"revocation-revocation-revocation")]),
        defaults=shared._defaults,
    )
    return service, switch


def outcome(service: QueryService, who: Caller, sealed: bytes, kind: HandleKind) -> pa.Table | str:
    """What a handle gives now: the rows, or the name of the error."""
    try:
        planned = service.unseal(who, sealed, kind)
    except Exception as error:  # any refusal is an outcome
        return type(error).__name__
    return fetched(service, who, planned.state.text, planned)


def fetched(service: QueryService, who: Caller, text: str, planned: object = None) -> pa.Table:
    stream = service.run(who, planned or service.plan(who, text))
    with closing(stream):
        return pa.Table.from_batches(doors.rows(stream, stream.schema), stream.schema)


@pytest.mark.parametrize("kind", HandleKind)
def test_a_handle_gives_what_the_rights_of_its_use_give(
    switched: tuple[QueryService, Switch], kind: HandleKind
) -> None:
    service, switch = switched
    reader = caller("readers")
    sealed = {
        text: service.seal(reader, service.plan(reader, text), kind)
        for text in ("SELECT * FROM customers", "SELECT count(*) AS n FROM customers")
    }
    every, count = sealed.values()
    assert outcome(service, reader, count, kind).to_pylist() == [{"n": 6}]

    switch.policy = parse_policy(_GRANTS.replace("region = 'eu'", "id < 3"))
    assert outcome(service, reader, count, kind).to_pylist() == [{"n": 2}]

    switch.policy = parse_policy(_GRANTS.replace("[id, name, region]", "[id, region]"))
    assert outcome(service, reader, every, kind) == StaleHandle.__name__

    switch.policy = parse_policy(_REVOKED)
    assert outcome(service, reader, every, kind) == "TableNotFound"
    assert outcome(service, reader, count, kind) == "TableNotFound"


def test_what_was_planned_before_a_change_is_not_run_after_it(
    switched: tuple[QueryService, Switch],
) -> None:
    """A stream that begins to run, or is read on, late is looked at before it gives a row."""
    service, switch = switched
    reader = caller("readers")
    stream = service.run(reader, service.plan(reader, ENDLESS))
    with closing(stream):
        frames = iter(stream)
        next(frames)
        switch.policy = parse_policy(_REVOKED)
        time.sleep(1.1)  # rights are looked at each second
        with pytest.raises(RightsChanged):
            next(frames)


def test_a_change_that_is_about_others_ends_nothing(
    switched: tuple[QueryService, Switch],
) -> None:
    service, switch = switched
    for who in (caller("owners"), caller("filtered")):
        switch.policy = parse_policy(_GRANTS)
        stream = service.run(who, service.plan(who, ENDLESS))
        with closing(stream):
            frames = iter(stream)
            next(frames)
            more = "grants:\n  - {to: reader, on: lake.shop.salaries, allow: select}"
            switch.policy = parse_policy(_GRANTS.replace("grants:", more))
            for _ in range(2):
                time.sleep(1.1)  # likewise
                next(frames)


class Endless:
    """Frames without end; `waits` is how often the next one is not there yet."""

    def __init__(self, waits: int = 0) -> None:
        self.waits = waits
        self.ended = False

    def __iter__(self) -> Iterator[Frame]:
        while True:
            yield Frame(b"", 1)

    def ready(self, seconds: float) -> bool:
        self.waits -= 1
        return self.waits < 0

    def cancel(self) -> None:
        self.ended = True

    def close(self) -> None:
        self.ended = True


def test_no_frame_leaves_after_more_than_a_second_without_a_look() -> None:
    now, looks = [100.0], []
    frames = GuardedFrames(Endless(), lambda: looks.append(now[0]), 100.0, lambda: now[0])
    reading = iter(frames)
    for moment in (100.1, 100.9, 101.0, 101.5, 102.5, 190.0):
        now[0] = moment
        next(reading)
    assert looks == [101.0, 102.5, 190.0]


def test_a_statement_without_rights_is_ended_while_its_first_frame_is_waited_for() -> None:
    now = [100.0]

    def clock() -> float:
        now[0] += 0.5
        return now[0]

    def refuse() -> None:
        raise RightsChanged("gone")

    endless = Endless(waits=1_000)
    with pytest.raises(RightsChanged):
        next(iter(GuardedFrames(endless, refuse, 100.0, clock)))
    assert endless.ended


_VERSION = """
version: 1
identity: {{claims: {{}}}}
roles: {{reader: {{groups: [readers]}}}}
grants:
  - {{to: reader, on: lake.shop.customers, columns: [{columns}], allow: select}}
  - {{to: reader, on: lake.shop.orders, columns: [order_id, {other}], allow: select}}
row_filters:
  - {{name: a, on: lake.shop.customers, to: reader, where: "{rows}"}}
  - {{name: b, on: lake.shop.orders, to: reader, where: "order_id % 2 = {half}"}}
masks:
  - {{name: c, on: lake.shop.customers.name, to: reader, using: "'{mask}'"}}
"""
VERSIONS = {
    "a": _VERSION.format(
        columns="id, name, region", other="amount", rows="id <= 6", half=0, mask="A"
    ),
    "b": _VERSION.format(columns="id, name, level", other="note", rows="id > 6", half=1, mask="B"),
}
STATEMENTS = (
    "SELECT * FROM customers ORDER BY id",
    "SELECT c.id, c.name, o.* FROM customers c, orders o ORDER BY ALL",
    "WITH x AS (SELECT * FROM orders) SELECT *, (SELECT max(name) FROM customers) AS m FROM x"
    " ORDER BY order_id",
    "SELECT (SELECT string_agg(id::VARCHAR, ',' ORDER BY id) FROM customers) AS i,"
    " (SELECT string_agg(order_id::VARCHAR, ',' ORDER BY order_id) FROM orders) AS o",
    "SELECT table_name, column_name FROM information_schema.columns ORDER BY ALL",
)


@pytest.mark.timeout(max(120, int(SECONDS) + 60))
def test_no_statement_is_decided_by_a_mix_of_two_policies(
    application: Application, tmp_path: Path
) -> None:
    """Twenty clients, and a policy that is another one each second."""
    file = tmp_path / "policy.yaml"
    file.write_text(VERSIONS["a"])
    shared = application.service

    def service_over(source: object) -> QueryService:
        return QueryService(
            shared._registry,
            source,
            shared._engine,
            Sealer([SealKey(b"reloading-reloading-reloading-12")]),
            defaults=shared._defaults,
        )

    who = caller("readers")
    right = {
        name: [
            text_of(fetched(service_over(Switch(parse_policy(policy))), who, statement))
            for statement in STATEMENTS
        ]
        for name, policy in VERSIONS.items()
    }
    assert all(a != b for a, b in zip(*right.values(), strict=True))
    service = service_over(PolicySource(file))
    until = time.monotonic() + SECONDS
    with ThreadPoolExecutor(21) as pool:
        writing = pool.submit(rewrite, file, until)
        clients = [pool.submit(ask, service, who, number, until) for number in range(20)]
        answers = [answer for client in clients for answer in client.result()]
    assert writing.result() >= SECONDS // 2
    seen = dict.fromkeys(VERSIONS, 0)
    for number, answer in answers:
        if answer in ("StaleHandle", "RightsChanged"):
            continue
        by = [name for name in VERSIONS if right[name][number] == answer]
        assert by, f"{STATEMENTS[number]}\n{answer}\n{right['a'][number]}\n{right['b'][number]}"
        seen[by[0]] += 1
    assert min(seen.values()) > 20, seen


def rewrite(file: Path, until: float) -> int:
    """Replace the policy each second by the other one, finished a while ago; gives how often."""
    times = 0
    while time.monotonic() < until:
        times += 1
        new = file.with_suffix(".new")
        new.write_text(VERSIONS["ab"[times % 2]])
        old = time.time() - 5
        os.utime(new, (old, old + times / 1000))
        new.replace(file)
        time.sleep(1.0)  # as the docstring says
    return times


def ask(service: QueryService, who: Caller, seed: int, until: float) -> list[tuple[int, str]]:
    """Run statements in all ways until the time is over; what each gave, as text."""
    chance, answers = random.Random(seed), []
    me = replace(who, request_id=f"client-{seed}")
    while time.monotonic() < until:
        number = chance.randrange(len(STATEMENTS))
        answers.append((number, attempt(service, me, STATEMENTS[number], chance)))
    return answers


def attempt(service: QueryService, who: Caller, text: str, chance: random.Random) -> str:
    ways: tuple[Callable[[], pa.Table | str], ...] = (
        lambda: fetched(service, who, text),
        lambda: outcome(service, who, sealed(HandleKind.TICKET), HandleKind.TICKET),
        lambda: outcome(service, who, sealed(HandleKind.PREPARED), HandleKind.PREPARED),
    )

    def sealed(kind: HandleKind) -> bytes:
        made = service.seal(who, service.plan(who, text), kind)
        time.sleep(chance.random() * 0.3)  # the policy may change before it is used
        return made

    try:
        answer = chance.choice(ways)()
    except RightsChanged:
        return "RightsChanged"
    return answer if isinstance(answer, str) else text_of(answer)


def text_of(table: pa.Table) -> str:
    return f"{table.schema!s} {table.to_pylist()!r}"
