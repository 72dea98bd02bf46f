"""Two issuers may give one name to two people: what belongs to the one is not the other's."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pytest

from auth.principal import Principal, owner_of
from flight_server.query.audit.files import Place
from flight_server.query.audit.signing import signing_key
from flight_server.query.audit.spent import spent
from flight_server.query.audit.trail import Trail, stamp
from flight_server.query.caller import Caller
from flight_server.query.errors import WrongOwner
from flight_server.query.handles import HandleKind
from tests.end_to_end.governed import Lake, caller, governed

ROWS = pa.table({"id": pa.array([1, 2, 3], pa.int64())})


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lake]:
    with governed(tmp_path_factory.mktemp("issuers"), {"desk.notes": ROWS}) as made:
        made.policy("")
        yield made


def of(issuer: str) -> Caller:
    ann = caller("ann")
    return replace(ann, principal=replace(ann.principal, issuer=issuer))


ONE, TWO, OWN = of("https://one.test"), of("https://two.test"), of("")


def test_an_owner_is_a_subject_of_one_issuer() -> None:
    assert OWN.principal.owner == "ann"
    owners = {Principal("ann", issuer=issuer).owner for issuer in ("", "a", "b", "a\nb")}
    assert len(owners) == 4


@pytest.mark.parametrize("other", [TWO, OWN], ids=["another issuer", "the users file"])
@pytest.mark.parametrize("kind", [HandleKind.TICKET, HandleKind.PREPARED])
def test_a_handle_of_one_issuers_user_is_not_taken_from_another(
    lake: Lake, kind: HandleKind, other: Caller
) -> None:
    planned = lake.service.plan(ONE, "SELECT id FROM notes")
    handle = lake.service.seal(ONE, planned, kind)
    assert lake.run(ONE, lake.service.unseal(ONE, handle, kind)) == [(1,), (2,), (3,)]
    with pytest.raises(WrongOwner):
        lake.service.unseal(other, handle, kind)


def test_a_query_is_not_ended_by_another_issuers_user(lake: Lake) -> None:
    planned = lake.service.plan(ONE, "SELECT id FROM notes")
    (endpoint,) = lake.service.offer(ONE, planned).endpoints
    with pytest.raises(WrongOwner):
        lake.service.cancel(TWO, [endpoint.ticket])
    with pytest.raises(WrongOwner):
        lake.service.renew(TWO, endpoint.ticket)
    assert lake.service.cancel(ONE, [endpoint.ticket])


def test_what_was_read_counts_for_the_user_of_the_issuer(tmp_path: Path) -> None:
    place = Place(tmp_path / "audit", "main", tmp_path / "audit")
    trail = Trail(place, signing_key("k" * 32))
    told = ({"issuer": "one"}, 5), ({"issuer": "two"}, 7), ({}, 11)
    for more, size in told:
        record = {"ts": stamp(), "event": "end", "user": "ann", "scanned": [{"bytes": size}]}
        trail.append([{**record, **more}], sync=False)
    trail.close()
    users = {a.name: used.size for a, used in spent(place, 0).items() if not a.is_team}
    assert users == {owner_of("ann", "one"): 5, owner_of("ann", "two"): 7, "ann": 11}
