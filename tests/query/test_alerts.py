"""Operators are told when a role for emergencies is used, and of nothing else."""

from __future__ import annotations

import logging

import pyarrow as pa
import pytest

from auth.policy_file import parse_policy
from auth.principal import Principal
from flight_server.engines.base import Secured
from flight_server.query.alerts import Alerts
from flight_server.query.caller import Caller
from flight_server.query.events import PolicyChanged, StatementStarted
from flight_server.query.planned import Basis, Planned
from flight_server.query.resolve import Defaults
from flight_server.query.state import StatementState

POLICY = parse_policy("""version: 1
roles:
  reader: {groups: [readers]}
  rescue: {groups: [rescuers], includes: [reader], alert: true}
  both: {groups: [both], includes: [rescue], alert: false}
""")
EMPTY = pa.schema([])


def started(group: str) -> StatementStarted:
    caller = Caller(Principal("ann", frozenset({group})), "r1", peer="ipv4:10.0.0.1:5")
    state = StatementState("q1", "SELECT 'private'", Defaults(None, None), "UTC", {}, "", "")
    basis = Basis((), {}, POLICY.version, POLICY.roles(caller.principal))
    planned = Planned("q1", EMPTY, EMPTY, Secured(state.text, ()), state, basis)
    return StatementStarted(caller, planned, "duckdb")


@pytest.mark.parametrize(("group", "told"), [("readers", 0), ("rescuers", 1), ("both", 1)])
def test_a_statement_of_a_bearer_of_a_role_with_alert_is_told(
    group: str, told: int, caplog: pytest.LogCaptureFixture
) -> None:
    alerts = Alerts(lambda: POLICY)
    with caplog.at_level(logging.WARNING, logger="flight_server.query.alerts"):
        alerts.tell(PolicyChanged(POLICY.version, broken=False))
        alerts.tell(started(group))
    expected = ["ALERT role rescue is used by ann from ipv4:10.0.0.1:5: query q1"] * told
    assert [record.getMessage() for record in caplog.records] == expected
