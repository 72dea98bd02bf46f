"""Rules of the policy that need time or numbers: expired credentials, and callers interleaved."""

from __future__ import annotations

import random
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import replace

import pytest

from auth.errors import Unauthenticated
from flight_server.app import Application
from flight_server.query.audit.records import Scribe
from flight_server.query.audit.signing import signing_key
from flight_server.query.caller import Caller
from flight_server.query.events import StatementStarted
from flight_server.query.handles import HandleKind
from tests.security import doors
from tests.security.doors import EVE

STATEMENT = "SELECT count(*) AS n, min(region) AS least, max(region) AS most FROM customers"
INTERLEAVED = 10_000
EXPIRED_SECONDS = 60


def of_region(region: str) -> Caller:
    principal = replace(EVE.principal, subject=f"eve of {region}", claims={"region": region})
    return replace(EVE, principal=principal)


@pytest.mark.parametrize(("claims", "missing"), [({}, ["region"]), ({"region": "somewhere"}, None)])
def test_rule_8_the_audit_log_tells_which_claim_left_no_rows(
    application: Application, claims: dict[str, str], missing: list[str] | None
) -> None:
    caller = replace(EVE, principal=replace(EVE.principal, claims=claims))
    planned = application.service.plan(caller, STATEMENT)
    scribe = Scribe(signing_key("a secret of thirty-two bytes or more").namer())
    *_, start = scribe.records(StatementStarted(caller, planned, engine="duckdb"))
    (told,) = start["objects"]
    assert told.get("missing_claims") == missing
    assert "somewhere" not in str(start)


def test_rule_10_a_running_stream_ends_a_minute_after_its_token_did(
    application: Application,
) -> None:
    left = 2
    ends = int(time.time()) - EXPIRED_SECONDS + left
    caller = replace(EVE, principal=replace(EVE.principal, expires_at=ends))
    service = application.service
    started = time.monotonic()
    endless = service.plan(caller, "SELECT c.* FROM customers AS c, range(4000000000)")
    stream = service.run(caller, endless)
    with closing(stream), pytest.raises(Unauthenticated):
        for _ in stream:
            assert time.monotonic() - started < left + 5
    assert time.monotonic() - started > left - 1


def test_rule_11_ten_thousand_interleaved_statements_never_cross(application: Application) -> None:
    """Two users, the same text: plans, tickets and results are each one's own, every time."""
    service = application.service
    callers = {region: of_region(region) for region in ("eu", "us")}
    own = {region: service.plan(caller, STATEMENT) for region, caller in callers.items()}
    counts = {"eu": 6, "us": 5}
    assert own["eu"].secured != own["us"].secured
    assert own["eu"].state.fingerprint != own["us"].state.fingerprint

    def once(turn: int) -> str:
        """Nothing, or what went wrong."""
        region = chosen[turn]
        caller, mine = callers[region], own[region]
        planned = service.plan(caller, STATEMENT)
        if turn % 10 == 0:
            sealed = service.seal(caller, planned, HandleKind.PREPARED)
            planned = service.unseal(caller, sealed, HandleKind.PREPARED)
        if planned.secured != mine.secured or planned.state.fingerprint != mine.state.fingerprint:
            return f"{turn}: planned as another"
        if turn % 50 == 0:
            answer = doors.in_process(service, caller, STATEMENT)
            expected = [{"n": counts[region], "least": region, "most": region}]
            if answer.table is None or answer.table.to_pylist() != expected:
                return f"{turn}: {answer.seen}"
        return ""

    chance = random.Random(11)
    chosen = [chance.choice(["eu", "us"]) for _ in range(INTERLEAVED)]
    with ThreadPoolExecutor(4) as pool:
        assert [wrong for wrong in pool.map(once, range(INTERLEAVED)) if wrong] == []
