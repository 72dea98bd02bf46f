"""Who gets in, who does not, and what the refused are told."""

from __future__ import annotations

import base64
import json
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

import jwt
import pyarrow as pa
import pyarrow.flight as flight
import pytest
import yaml

from tests.servers import Server

STATEMENT = "SELECT count(*) FROM invest.market.currencies"


@pytest.fixture(scope="module")
def issuer(server: Server) -> dict[str, Any]:
    """The trusted issuer of the sample configuration, with its secret read."""
    config = yaml.safe_load((server.directory / "flight-server.yaml").read_text())
    (entry,) = [entry for entry in config["auth"]["issuers"] if "secret" in entry]
    secret = (server.directory / entry["secret"].removeprefix("file:")).read_text().strip()
    return {"iss": entry["issuer"], "aud": entry["audience"], "secret": secret}


@pytest.fixture
def claims(issuer: dict[str, Any]) -> dict[str, Any]:
    """Claims of a token that is accepted, with the groups of the analyst."""
    now = int(time.time())
    groups = ["analysts"]
    standard = {"iss": issuer["iss"], "aud": issuer["aud"], "sub": "ann", "iat": now}
    return standard | {"exp": now + 60, "groups": groups}


def ask(server: Server, token: str) -> None:
    client = flight.FlightClient(server.uri)
    try:
        options = flight.FlightCallOptions(headers=[(b"authorization", f"Bearer {token}".encode())])
        client.get_flight_info(flight.FlightDescriptor.for_command(b"nonsense"), options)
    finally:
        client.close()


def test_a_minted_token_logs_in_with_its_groups(server: Server, analyst_groups: list[str]) -> None:
    command = [sys.executable, "-m", "flight_server", "token", "--subject", "ann"]
    config = ["--config", str(server.directory / "flight-server.yaml")]
    groups = [part for group in analyst_groups for part in ("--group", group)]
    token = subprocess.run(
        [*command, *config, *groups], check=True, capture_output=True, text=True
    ).stdout.strip()
    from adbc_driver_flightsql import dbapi

    header = {"adbc.flight.sql.authorization_header": f"Bearer {token}"}
    with (
        dbapi.connect(server.uri, db_kwargs=header, autocommit=True) as connection,
        connection.cursor() as cursor,
    ):
        cursor.execute(STATEMENT)
        assert cursor.fetchall()[0][0] > 0


@pytest.fixture
def analyst_groups(server: Server) -> list[str]:
    users = yaml.safe_load((server.directory / "users.yaml").read_text())
    groups: list[str] = users["users"]["analyst"]["groups"]
    return groups


def _without(name: str) -> Callable[[dict[str, Any]], dict[str, Any]]:
    return lambda claims: {key: value for key, value in claims.items() if key != name}


BAD: dict[str, Callable[[dict[str, Any]], dict[str, Any]]] = {
    "expired": lambda claims: claims | {"iat": claims["iat"] - 900, "exp": claims["iat"] - 600},
    "another audience": lambda claims: claims | {"aud": "someone-else"},
    "another issuer": lambda claims: claims | {"iss": "https://evil.example"},
    "an endless lifetime": lambda claims: claims | {"exp": 10**18},
    "not yet valid": lambda claims: claims | {"nbf": claims["iat"] + 600},
    "an empty subject": lambda claims: claims | {"sub": ""},
    **{f"no {name}": _without(name) for name in ("exp", "iss", "aud", "sub")},
}


@pytest.mark.parametrize("name", BAD)
def test_a_bad_token_is_refused(
    server: Server, issuer: dict[str, Any], claims: dict[str, Any], name: str
) -> None:
    token = jwt.encode(BAD[name](claims), issuer["secret"], algorithm="HS256")
    with pytest.raises(flight.FlightUnauthenticatedError, match="UNAUTHENTICATED"):
        ask(server, token)


def test_forged_tokens_are_refused(
    server: Server, issuer: dict[str, Any], claims: dict[str, Any]
) -> None:
    good = jwt.encode(claims, issuer["secret"], algorithm="HS256")
    head, body, signature = good.split(".")
    other = base64.urlsafe_b64encode(json.dumps(claims | {"sub": "root"}).encode()).decode()
    forged = [
        jwt.encode(claims, "x" * 32, algorithm="HS256"),
        jwt.encode(claims, issuer["secret"], algorithm="HS512"),
        jwt.encode(claims, "", algorithm="none"),
        f"{head}.{other.rstrip('=')}.{signature}",
        f"{head}.{body}.",
        f"{head}.{body}.{signature[:-2]}AA",
        "fsk_" + "A" * 43,
        "nonsense",
        "." * 20_000,
    ]
    with pytest.raises(pa.ArrowInvalid, match="MALFORMED_MESSAGE"):
        ask(server, good)
    for token in forged:
        with pytest.raises(flight.FlightUnauthenticatedError, match="UNAUTHENTICATED"):
            ask(server, token)


@pytest.mark.parametrize("user", ["analyst", "nobody", ""])
def test_a_wrong_password_is_refused_alike_for_known_and_unknown_users(
    server: Server, user: str
) -> None:
    client = flight.FlightClient(server.uri)
    try:
        with pytest.raises(flight.FlightUnauthenticatedError, match="UNAUTHENTICATED") as caught:
            client.authenticate_basic_token(user, "wrong")
        assert user == "" or user not in str(caught.value)
    finally:
        client.close()


def test_another_users_ticket_is_refused(server: Server) -> None:
    client = flight.FlightClient(server.uri)
    try:
        options = {}
        for user in ("analyst", "compliance"):
            login = server.login(user)
            token = client.authenticate_basic_token(login["username"], login["password"])
            options[user] = flight.FlightCallOptions(headers=[token])
        from flight_server.protocol.messages import pack
        from flight_server.protocol.wire import flight_sql_pb2 as sql

        command = pack(sql.CommandStatementQuery(query=STATEMENT))
        info = client.get_flight_info(
            flight.FlightDescriptor.for_command(command), options["compliance"]
        )
        ticket = info.endpoints[0].ticket
        assert client.do_get(ticket, options["compliance"]).read_all().num_rows == 1
        with pytest.raises(flight.FlightUnauthorizedError, match="WRONG_OWNER"):
            client.do_get(ticket, options["analyst"]).read_all()
        damaged = bytearray(ticket.ticket)
        damaged[-3] ^= 1
        with pytest.raises(flight.FlightUnauthenticatedError, match="INVALID_HANDLE"):
            client.do_get(flight.Ticket(bytes(damaged)), options["compliance"]).read_all()
    finally:
        client.close()


def test_no_credentials_no_answer(server: Server) -> None:
    client = flight.FlightClient(server.uri)
    try:
        with pytest.raises(flight.FlightUnauthenticatedError):
            client.get_flight_info(flight.FlightDescriptor.for_command(b"x"))
        with pytest.raises(flight.FlightUnauthenticatedError):
            list(client.do_action(flight.Action("CreatePreparedStatement", b"")))
        with pytest.raises(flight.FlightUnauthenticatedError):
            client.do_get(flight.Ticket(b"x")).read_all()
    finally:
        client.close()
