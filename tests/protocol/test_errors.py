"""What travels of a failure."""

from __future__ import annotations

import grpc
import pytest

from auth.errors import TableNotFound
from flight_server.protocol.errors import (
    MAX_TEXT,
    PROTOCOL_RULES,
    failure,
    sent_size,
    shorten,
    status_of,
)
from flight_server.protocol.wire import status_pb2
from flight_server.query.errors import ColumnNotFound, InvalidSql
from flight_server.query.failures import Failure, Kind


def _status(
    told: Failure, statement: str | None = None, request_id: str = "r1"
) -> status_pb2.Status:
    made = status_of(told, statement=statement, request_id=request_id)
    details = status_pb2.Status.FromString(made.details)
    assert (details.code, details.message) == (made.code.value[0], made.text)
    return details


def test_every_kind_has_a_grpc_status() -> None:
    for kind in Kind:
        assert grpc.StatusCode[kind.name].name == kind.name


def test_every_rule_of_this_layer_has_a_code_of_its_own() -> None:
    codes = [rule.code for rule in PROTOCOL_RULES.values()]
    assert len(codes) == len(set(codes))


def test_an_error_has_its_code_place_and_hint() -> None:
    error = ColumnNotFound('There is no column "b".', position=10)
    status = _status(failure(error), "SELECT a,\n b FROM t")
    assert status.message == (
        'COLUMN_NOT_FOUND: There is no column "b". (line 2, column 1)'
        " Hint: DESCRIBE table lists the columns you may read."
    )
    info = status_pb2.ErrorInfo.FromString(status.details[0].value)
    assert (info.reason, info.domain) == ("COLUMN_NOT_FOUND", "flight-server")
    assert (info.metadata["line"], info.metadata["column"]) == ("2", "1")
    assert status_pb2.RequestInfo.FromString(status.details[1].value).request_id == "r1"


def test_the_same_error_has_the_same_text_whatever_the_call() -> None:
    told = failure(TableNotFound("There is no table x."))
    assert _status(told, request_id="r1").message == _status(told, request_id="r2").message


@pytest.mark.parametrize("position", [-1, 99, None])
def test_a_position_outside_of_the_statement_is_left_out(position: int | None) -> None:
    status = _status(failure(InvalidSql("No.", position=position)), "SELECT 1")
    assert "line" not in status.message


def test_an_unknown_error_says_nothing_of_itself() -> None:
    status = _status(failure(RuntimeError("secret in /etc/passwd")))
    assert status.code == grpc.StatusCode.INTERNAL.value[0]
    assert status.message.startswith("INTERNAL: The server failed.")
    assert "secret" not in str(status)


@pytest.mark.parametrize("letter", ["x", "é", "\n", "%", "😀"])
def test_a_long_text_is_cut_to_what_headers_carry(letter: str) -> None:
    status = _status(Failure("CODE", Kind.NOT_FOUND, letter * 20_000, "Do this."))
    assert MAX_TEXT - 16 < sent_size(status.message) <= MAX_TEXT
    assert status.message.endswith("… Hint: Do this.")


def test_a_short_text_is_kept() -> None:
    assert shorten("abc", 3) == "abc"
    assert shorten("abcdefghijklmn", 13) == "abcd…"
