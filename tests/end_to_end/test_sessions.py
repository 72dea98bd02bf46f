"""Options that go with a client's statements: set once, by each of the ways that clients have."""

from __future__ import annotations

import datetime
import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import grpc
import pyarrow.flight as flight
import pytest
import yaml
from adbc_driver_flightsql import DatabaseOptions, dbapi
from pyiceberg.catalog import load_catalog
from pyiceberg.table import Table as IcebergTable

from flight_server.protocol.messages import pack
from flight_server.protocol.wire import flight_pb2
from flight_server.protocol.wire import flight_sql_pb2 as sql
from tests.servers import Server, serving

OPTION = "adbc.flight.sql.session.option."
ERASE = "adbc.flight.sql.session.optionerase."
ALL = "adbc.flight.sql.session.options"
COOKIES = {"adbc.flight.sql.rpc.with_cookie_middleware": "true"}
ERRORS = flight_pb2.SetSessionOptionsResult


class Jar(flight.ClientMiddlewareFactory):
    """Keeps cookies as JDBC does, and remembers what else the server sent."""

    def __init__(self) -> None:
        self.cookies: dict[str, str] = {}
        self.headers: dict[str, str] = {}

    def start_call(self, info: Any) -> flight.ClientMiddleware:
        return _JarCall(self)


class _JarCall(flight.ClientMiddleware):
    def __init__(self, jar: Jar) -> None:
        self.jar = jar

    def sending_headers(self) -> dict[str, str]:
        pairs = "; ".join(f"{name}={value}" for name, value in self.jar.cookies.items())
        return {"cookie": pairs} if pairs else {}

    def received_headers(self, headers: dict[str, list[str]]) -> None:
        for name, values in headers.items():
            self.jar.headers[name.lower()] = values[0]
            if name.lower() == "set-cookie":
                found = re.fullmatch(r"([^=]+)=([^;]*); Path=/; Max-Age=(\d+)", values[0])
                assert found, values
                if int(found[3]):
                    self.jar.cookies[found[1]] = found[2]
                else:
                    self.jar.cookies.pop(found[1], None)


class Client:
    """A plain Flight client, with or without a jar for cookies, and headers of its own."""

    def __init__(self, server: Server, user: str, *, cookies: bool = True, **headers: str) -> None:
        self.jar = Jar()
        self.target = server.uri.partition("//")[2]
        self.client = flight.FlightClient(server.uri, middleware=[self.jar] if cookies else [])
        login = server.login(user)
        token = self.client.authenticate_basic_token(login["username"], login["password"])
        self.token: tuple[bytes, bytes] = token
        self.headers = {name.replace("__", "-"): value for name, value in headers.items()}

    @property
    def options(self) -> flight.FlightCallOptions:
        given = [(name.encode(), value.encode()) for name, value in self.headers.items()]
        return flight.FlightCallOptions(headers=[self.token, *given])

    def act(self, name: str, message: Any, result: Any) -> Any:
        action = flight.Action(name, message.SerializeToString())
        (answer,) = self.client.do_action(action, self.options)
        return result.FromString(answer.body.to_pybytes())

    def set(self, **values: Any) -> dict[str, int]:
        request = flight_pb2.SetSessionOptionsRequest()
        for name, value in values.items():
            option = request.session_options[name]
            match value:
                case None:
                    pass
                case bool():
                    option.bool_value = value
                case int():
                    option.int64_value = value
                case float():
                    option.double_value = value
                case list():
                    option.string_list_value.values.extend(value)
                case _:
                    option.string_value = value
        answer = self.act("SetSessionOptions", request, flight_pb2.SetSessionOptionsResult)
        return {name: error.value for name, error in answer.errors.items()}

    def get(self) -> dict[str, str]:
        request = flight_pb2.GetSessionOptionsRequest()
        answer = self.act("GetSessionOptions", request, flight_pb2.GetSessionOptionsResult)
        return {name: v.string_value for name, v in answer.session_options.items()}

    def close_session(self) -> int:
        request = flight_pb2.CloseSessionRequest()
        status: int = self.act("CloseSession", request, flight_pb2.CloseSessionResult).status
        return status

    def size(self, text: str) -> int:
        """The bytes of a result's messages."""
        descriptor = flight.FlightDescriptor.for_command(
            pack(sql.CommandStatementQuery(query=text))
        )
        (endpoint,) = self.client.get_flight_info(descriptor, self.options).endpoints
        ticket = flight_pb2.Ticket(ticket=endpoint.ticket.ticket).SerializeToString()
        headers = [(name.decode(), value.decode()) for name, value in (self.token,)]
        headers += [("x-flight-session", self.jar.headers["x-flight-session"])]
        with grpc.insecure_channel(self.target) as channel:
            call = channel.unary_stream("/arrow.flight.protocol.FlightService/DoGet")
            return sum(len(message) for message in call(ticket, metadata=headers))

    def query(self, text: str) -> list[tuple[Any, ...]]:
        descriptor = flight.FlightDescriptor.for_command(
            pack(sql.CommandStatementQuery(query=text))
        )
        info = self.client.get_flight_info(descriptor, self.options)
        tables = [
            self.client.do_get(endpoint.ticket, self.options).read_all()
            for endpoint in info.endpoints
        ]
        return [tuple(row.values()) for table in tables for row in table.to_pylist()]


@pytest.fixture
def client(server: Server) -> Iterator[Client]:
    made = Client(server, "analyst")
    with made.client:
        yield made


def ask(connection: Any, text: str) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(text)
        rows: list[tuple[Any, ...]] = cursor.fetchall()
        return rows


def shown(connection: Any) -> str:
    text: str = connection.adbc_connection.get_option(ALL)
    return text


# --- ADBC -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("options", [{}, COOKIES], ids=["without cookies", "with cookies"])
def test_adbc_sets_options_that_hold_for_its_connection(
    server: Server, options: dict[str, str]
) -> None:
    with (
        server.connect("analyst", **options) as connection,
        server.connect("analyst", **options) as other,
    ):
        connection.adbc_connection.set_options(
            **{"adbc.connection.catalog": "INVEST", "adbc.connection.db_schema": "market"}
        )
        assert connection.adbc_current_catalog == "invest"
        assert connection.adbc_current_db_schema == "market"
        assert ask(connection, "SELECT count(*) > 0 FROM currencies") == [(True,)]
        connection.adbc_connection.set_options(**{OPTION + "time_zone": "Asia/Tokyo"})
        assert connection.adbc_connection.get_option(OPTION + "time_zone") == "Asia/Tokyo"
        assert ask(connection, NOON) == [("2024-02-29 21:00:00+09",)]
        assert shown(other) == '{"catalog":"invest"}'
        with pytest.raises(dbapi.ProgrammingError, match="TABLE_NOT_FOUND"):
            ask(other, "SELECT * FROM currencies")
        connection.adbc_connection.set_options(**{ERASE + "schema": ""})
        assert shown(connection) == '{"catalog":"invest","time_zone":"Asia/Tokyo"}'


NOON = "SELECT CAST(TIMESTAMPTZ '2024-02-29 12:00:00+00' AS VARCHAR)"


@pytest.mark.parametrize(
    ("option", "value", "why"),
    [
        ("adbc.connection.catalog", "nowhere", "invalid value"),
        ("adbc.connection.db_schema", "nowhere", "invalid value"),
        (OPTION + "colour", "red", "invalid name"),
        (OPTION + "time_zone", "Mars/Olympus", "invalid value"),
    ],
)
def test_adbc_is_told_what_is_wrong(server: Server, option: str, value: str, why: str) -> None:
    with server.connect("analyst") as connection:
        with pytest.raises(dbapi.ProgrammingError, match=re.escape(f"({why})")):
            connection.adbc_connection.set_options(**{option: value})
        assert shown(connection) == '{"catalog":"invest"}'


def test_connections_with_the_same_api_key_do_not_share_a_session(server: Server) -> None:
    key = server.credentials["service"]["api_key"]
    bearer = {DatabaseOptions.AUTHORIZATION_HEADER.value: f"Bearer {key}"}
    with (
        dbapi.connect(server.uri, db_kwargs=bearer, autocommit=True) as one,
        dbapi.connect(server.uri, db_kwargs=bearer, autocommit=True) as two,
    ):
        one.adbc_connection.set_options(**{OPTION + "time_zone": "Asia/Tokyo"})
        assert ask(one, NOON) == [("2024-02-29 21:00:00+09",)]
        assert ask(two, NOON) == [("2024-02-29 12:00:00+00",)]


def test_call_headers_are_options_of_one_statement_and_beat_the_session(server: Server) -> None:
    with server.connect("analyst") as connection:
        connection.adbc_connection.set_options(**{OPTION + "schema": "portfolio"})
        with connection.cursor() as cursor:
            header = "adbc.flight.sql.rpc.call_header."
            cursor.adbc_statement.set_options(
                **{header + "schema": "market", header + "time_zone": "+02:00"}
            )
            cursor.execute(f"{NOON}, count(*) > 0 FROM currencies")
            assert cursor.fetchall() == [("2024-02-29 14:00:00+02", True)]
        assert ask(connection, "SELECT count(*) > 0 FROM accounts") == [(True,)]


# --- cookies and headers --------------------------------------------------------------------------


def test_jdbc_sets_its_catalog_after_the_handshake_and_closes_at_the_end(server: Server) -> None:
    client = Client(server, "analyst", schema="market")  # unknown properties become headers
    with client.client:
        assert client.set(catalog="invest") == {}
        assert client.jar.cookies
        assert client.query("SELECT count(*) > 0 FROM currencies") == [(True,)]
        assert client.set(catalog="nowhere") == {"catalog": ERRORS.INVALID_VALUE}
        assert client.get() == {"catalog": "invest", "schema": "market"}
        assert client.close_session() == flight_pb2.CloseSessionResult.CLOSED
        assert not client.jar.cookies


def test_reading_options_starts_no_session(client: Client) -> None:
    assert client.get() == {"catalog": "invest"}
    assert client.query("SELECT 1") == [(1,)]
    assert not client.jar.cookies
    assert "x-flight-session" not in client.jar.headers


def test_each_option_has_its_error_and_the_rest_is_set(client: Client) -> None:
    assert client.set(
        catalog="invest", schema="hidden", colour="red", engine="athena", partitions=4
    ) == {
        "schema": ERRORS.INVALID_VALUE,
        "colour": ERRORS.INVALID_NAME,
        "engine": ERRORS.INVALID_VALUE,
    }
    assert client.get() == {"catalog": "invest", "partitions": "4"}


def test_options_are_kept_in_one_form_and_unset_by_nothing(client: Client) -> None:
    assert (
        client.set(
            schema="MARKET",
            time_zone="europe/zurich",
            statement_timeout=2.50,
            as_of=_now(),
            engine="AUTO",
            compression="none",
        )
        == {}
    )
    options = client.get()
    assert datetime.datetime.fromisoformat(options.pop("as_of")).utcoffset() == datetime.timedelta()
    assert options == {
        "catalog": "invest",
        "schema": "market",
        "time_zone": "Europe/Zurich",
        "statement_timeout": "2.5",
        "engine": "auto",
        "compression": "none",
    }
    assert client.set(**dict.fromkeys((*options, "as_of"))) == {}
    assert client.get() == {"catalog": "invest"}
    assert client.set(schema="market") == {}
    assert client.set(schema="") == {}
    assert client.get() == {"catalog": "invest"}


def _now() -> str:
    return datetime.datetime.now(datetime.UTC).isoformat()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("partitions", 0),
        ("partitions", 17),
        ("partitions", "many"),
        ("partitions", "٣"),
        ("partitions", True),
        ("statement_timeout", 0),
        ("statement_timeout", -1),
        ("statement_timeout", 301),
        ("statement_timeout", float("inf")),
        ("statement_timeout", float("nan")),
        ("time_zone", "+05:30"),
        ("time_zone", "+15"),
        ("time_zone", "SystemV/AST4"),
        ("time_zone", "Europe/Zurich'; SELECT 1"),
        ("as_of", "yesterday"),
        ("as_of", "2999-01-01"),
        ("as_of", "snapshot:latest"),
        ("as_of", "tag:"),
        ("as_of", "label:x"),
        ("as_of", "0001-01-01T00:00:00+14:00"),
        ("compression", "snappy"),
        ("catalog", ["invest"]),
        ("schema", "x" * 2_000),
    ],
)
def test_values_out_of_bounds_are_refused(client: Client, name: str, value: Any) -> None:
    assert client.set(**{name: value}) == {name: ERRORS.INVALID_VALUE}
    assert client.get() == {"catalog": "invest"}


def test_a_session_is_good_on_every_replica_that_shares_the_keys(
    server: Server, client: Client, demo_directory: Path
) -> None:
    assert client.set(schema="market", time_zone="Asia/Tokyo") == {}
    sealed = client.jar.headers["x-flight-session"]
    assert client.jar.cookies == {"arrow_flight_session_id": sealed}
    with serving(demo_directory) as replica:
        by_cookie = Client(replica, "analyst")
        by_cookie.jar.cookies = dict(client.jar.cookies)
        by_header = Client(replica, "analyst", cookies=False, x__flight__session=sealed)
        neither = Client(replica, "analyst", cookies=False)
        with by_cookie.client, by_header.client, neither.client:
            for one in (by_cookie, by_header):
                assert one.query(f"{NOON} FROM currencies LIMIT 1") == [("2024-02-29 21:00:00+09",)]
            assert neither.query(NOON) == [("2024-02-29 12:00:00+00",)]


def test_a_header_beats_a_cookie_and_a_cookie_what_the_server_keeps(server: Server) -> None:
    one, two = Client(server, "analyst"), Client(server, "analyst", cookies=False)
    with one.client, two.client:
        one.set(time_zone="Asia/Tokyo")
        two.set(time_zone="Europe/Zurich")
        assert two.get()["time_zone"] == "Europe/Zurich"
        cookie = one.jar.cookies["arrow_flight_session_id"]
        two.headers = {"cookie": f"a=b; arrow_flight_session_id={cookie}; c=d"}
        assert two.get()["time_zone"] == "Asia/Tokyo"
        one.set(time_zone="UTC")
        two.headers["x-flight-session"] = one.jar.headers["x-flight-session"]
        assert two.get()["time_zone"] == "UTC"


def test_a_session_of_another_user_is_refused(server: Server, client: Client) -> None:
    client.set(schema="market")
    sealed = client.jar.headers["x-flight-session"]
    other = Client(server, "compliance", cookies=False)
    with other.client:
        for headers in (
            {"x-flight-session": sealed},
            {"cookie": f"arrow_flight_session_id={sealed}"},
        ):
            other.headers = headers
            with pytest.raises(flight.FlightUnauthorizedError, match="WRONG_OWNER"):
                other.get()


def test_a_damaged_session_is_refused_and_a_foreign_cookie_is_not(
    server: Server, client: Client
) -> None:
    client.set(schema="market")
    sealed = client.jar.headers["x-flight-session"]
    damaged = sealed[:-2] + ("AA" if sealed[-2:] != "AA" else "BB")
    other = Client(server, "analyst", cookies=False)
    with other.client:
        for headers in (
            {"x-flight-session": damaged},
            {"x-flight-session": "not-ours"},
            {"cookie": f"arrow_flight_session_id={damaged}"},
        ):
            other.headers = headers
            with pytest.raises(flight.FlightUnauthenticatedError, match="INVALID_HANDLE"):
                other.get()
        for foreign in ("1b9d6bcd-bbfd-4b2d-9b5d-ab8dfbbd4bed", "A" * 300, "x" * 9_000, "", "ö"):
            other.headers = {"cookie": f"arrow_flight_session_id={foreign}"}
            if foreign.isascii():
                assert other.get() == {"catalog": "invest"}


@pytest.mark.parametrize(
    ("name", "value"), [("schema", "hr"), ("partitions", "99"), ("time_zone", "nowhere")]
)
def test_a_bad_call_header_is_an_error_of_the_call(server: Server, name: str, value: str) -> None:
    bad = Client(server, "analyst", cookies=False, **{name: value})
    with bad.client, pytest.raises(ValueError, match="INVALID_OPTION"):
        bad.query("SELECT 1")


# --- what options do ------------------------------------------------------------------------------


def test_results_under_different_zones_never_mix(client: Client) -> None:
    texts = {
        "UTC": "2024-02-29 12:00:00+00",
        "Asia/Tokyo": "2024-02-29 21:00:00+09",
        "-05:00": "2024-02-29 07:00:00-05",
    }
    for _ in range(2):
        for zone, text in texts.items():
            client.set(time_zone=zone)
            assert client.query(NOON) == [(text,)]
            ((value,),) = client.query("SELECT TIMESTAMPTZ '2024-02-29 12:00:00+00'")
            assert value == datetime.datetime(2024, 2, 29, 12, tzinfo=datetime.UTC)
            ((local,),) = client.query("SELECT TIMESTAMPTZ '2024-02-29 12:00:00'")
            assert str(local.utcoffset()) == str(value.utcoffset())
            assert local.hour == 12


def test_a_statement_ends_at_its_own_timeout(client: Client) -> None:
    client.set(statement_timeout=0.3)
    with pytest.raises(flight.FlightTimedOutError, match="TIMED_OUT"):
        client.query(
            "SELECT count(*) FROM range(1000000) a, range(1000000) b WHERE a.range % 7 = 1"
        )
    client.set(statement_timeout=None)


def _source(directory: Path, table: str) -> IcebergTable:
    settings = yaml.safe_load((directory / "flight-server.yaml").read_text())
    uri = settings["catalogs"]["invest"]["uri"]
    return load_catalog("invest", type="sql", uri=uri).load_table(table)


def _history(directory: Path, table: str) -> list[tuple[datetime.datetime, int]]:
    source = _source(directory, table)
    return [
        (
            datetime.datetime.fromtimestamp(entry.timestamp_ms / 1000, datetime.UTC),
            source.scan(snapshot_id=entry.snapshot_id).to_arrow().num_rows,
        )
        for entry in source.history()
    ]


@pytest.mark.parametrize("table", ["market.prices", "portfolio.transactions"])
def test_tables_are_read_as_of_a_moment(server: Server, client: Client, table: str) -> None:
    count = f"SELECT count(*) FROM {table}"
    history = _history(server.directory, table)
    assert len({rows for _, rows in history}) > 1
    for moment, rows in history:
        assert client.set(as_of=moment.isoformat()) == {}
        assert client.query(count) == [(rows,)]
    assert client.set(as_of=(history[0][0] - datetime.timedelta(milliseconds=1)).isoformat()) == {}
    with pytest.raises(KeyError, match="SNAPSHOT_NOT_FOUND"):
        client.query(count)
    client.set(as_of=None)
    assert client.query(count) == [(history[-1][1],)]


def test_tables_are_read_as_of_a_snapshot(server: Server, client: Client) -> None:
    source = _source(server.directory, "portfolio.transactions")
    moments = _history(server.directory, "portfolio.transactions")
    prices = _history(server.directory, "market.prices")
    for entry, (moment, rows) in zip(source.history(), moments, strict=True):
        assert client.set(as_of=f"snapshot:{entry.snapshot_id}") == {}
        assert client.query("SELECT count(*) FROM portfolio.transactions") == [(rows,)]
        assert client.query("SELECT 1") == [(1,)]
        then = [rows for when, rows in prices if when <= moment]
        both = """SELECT (SELECT count(*) FROM market.prices),
                         (SELECT count(*) FROM portfolio.transactions)"""
        if then:
            assert client.query(both) == [(then[-1], rows)]
        else:
            with pytest.raises(KeyError, match="SNAPSHOT_NOT_FOUND"):
                client.query(both)
        with pytest.raises(KeyError, match="SNAPSHOT_NOT_FOUND"):
            client.query("SELECT count(*) FROM market.prices")


def test_several_tables_are_pinned_to_one_moment_in_prepared_statements_too(
    server: Server,
) -> None:
    prices, transactions = (
        _history(server.directory, name) for name in ("market.prices", "portfolio.transactions")
    )
    moment = prices[-1][0]
    expected = [rows for when, rows in transactions if when <= moment]
    if not expected:  # transactions are made later: their first state has no prices of the past
        moment = transactions[0][0]
        expected = [transactions[0][1]]
    then = [rows for when, rows in prices if when <= moment][-1]
    with server.connect("compliance") as connection:
        connection.adbc_connection.set_options(**{OPTION + "as_of": moment.isoformat()})
        with connection.cursor() as cursor:
            text = """
                SELECT (SELECT count(*) FROM market.prices),
                       (SELECT count(*) FROM portfolio.transactions) WHERE ? = 1"""
            for _ in range(2):
                cursor.execute(text, (1,))
                assert cursor.fetchall() == [(then, expected[-1])]


def test_what_is_hidden_is_not_told_apart_as_of_a_moment(client: Client) -> None:
    messages = []
    client.set(as_of="1999-01-01")
    for name in ("tax_id", "nothing"):
        client.set(as_of=_now())
        with pytest.raises(ValueError, match="COLUMN_NOT_FOUND") as caught:
            client.query(f"SELECT {name} FROM portfolio.accounts")
        messages.append(str(caught.value).replace(name, "?"))
    assert messages[0] == messages[1]
    client.set(as_of="1999-01-01")
    with pytest.raises(KeyError, match="TABLE_NOT_FOUND"):
        client.query("SELECT * FROM portfolio.nothing")


def test_limits_are_settings_and_a_cookie_in_use_is_renewed(demo_directory: Path) -> None:
    flags = [
        f"--set=limits.{name}={value}"
        for name, value in {"session": 8, "statement": 20, "partitions": 2}.items()
    ]
    with serving(demo_directory, *flags) as own:
        client = Client(own, "analyst")
        with client.client:
            assert client.set(statement_timeout=21, partitions=3) == {
                "statement_timeout": ERRORS.INVALID_VALUE,
                "partitions": ERRORS.INVALID_VALUE,
            }
            assert client.set(time_zone="Asia/Tokyo") == {}
            first = dict(client.jar.cookies)
            time.sleep(3.5)  # so old that it is renewed, and not so old that it ends
            assert client.query(NOON) == [("2024-02-29 21:00:00+09",)]
            assert client.jar.cookies != first
            late = Client(own, "analyst", cookies=False)
            with late.client:
                cookie = first["arrow_flight_session_id"]
                late.headers = {"cookie": f"arrow_flight_session_id={cookie}"}
                time.sleep(6)  # now the first one has
                with pytest.raises(flight.FlightUnauthenticatedError, match="session is not valid"):
                    late.get()


@pytest.mark.parametrize("codec", ["lz4", "zstd"])
def test_results_are_compressed_where_a_session_asks(server: Server, codec: str) -> None:
    query = "SELECT * FROM market.prices"
    noise = "SELECT random() AS a, [random(), NULL] AS b, uuid()::VARCHAR AS c FROM range(300000)"
    results, sizes = [], []
    for given in ("none", codec):
        client = Client(server, "compliance")
        assert client.set(compression=given) == {}
        assert len(client.query(noise)) == 300_000  # what does not compress
        results.append(sorted(client.query(query)))
        sizes.append(client.size(query))
    assert results[0] == results[1]
    assert sizes[1] < sizes[0] * 0.8
    with server.connect("compliance") as connection, connection.cursor() as cursor:
        connection.adbc_connection.set_options(**{OPTION + "compression": codec})
        cursor.execute(query)
        assert cursor.fetch_arrow_table().num_rows == len(results[0])
