"""Refused logins: the first of an address is written at once, the others of a minute together."""

from __future__ import annotations

import json
from pathlib import Path

from flight_server.query.audit.files import Place
from flight_server.query.audit.log import AuditLog
from flight_server.query.audit.records import Scribe
from flight_server.query.audit.refusals import MAX_ADDRESSES, SECONDS, Refusals
from flight_server.query.audit.signing import signing_key
from flight_server.query.audit.trail import Trail
from flight_server.query.audit.verify import Trust, verify
from flight_server.query.events import CallEnded, PolicyChanged
from tests.waiting import Clock, eventually

KEY = signing_key("k" * 32)


def add(refusals: Refusals, peer: str, name: str) -> list[dict[str, object]]:
    return [dict(record) for record in refusals.add(peer, {"claimed": name})]


def test_the_first_is_written_at_once_and_the_others_of_its_minute_as_one() -> None:
    clock = Clock()
    refusals = Refusals(clock)
    assert add(refusals, "ipv4:10.0.0.1:1", "a") == [{"claimed": "a"}]
    # another port is the same address
    for port in range(2, 1000):
        assert add(refusals, f"ipv4:10.0.0.1:{port}", f"n{port}") == []
    assert add(refusals, "ipv4:10.0.0.2:1", "b") == [{"claimed": "b"}]
    assert refusals.due() == SECONDS
    clock.now = SECONDS
    assert list(refusals.over()) == [{"claimed": "n999", "count": 998}]
    assert refusals.due() is None
    assert add(refusals, "ipv4:10.0.0.1:1", "c") == [{"claimed": "c"}]


def test_a_single_one_that_was_kept_back_is_a_record_like_any_other() -> None:
    refusals = Refusals(Clock())
    add(refusals, "ipv4:10.0.0.1:1", "a")
    add(refusals, "ipv4:10.0.0.1:1", "b")
    assert list(refusals.over(all_=True)) == [{"claimed": "b"}]


def test_what_is_over_is_written_before_the_next() -> None:
    clock = Clock()
    refusals = Refusals(clock)
    add(refusals, "ipv4:10.0.0.1:1", "a")
    add(refusals, "ipv4:10.0.0.1:1", "b")
    clock.now = SECONDS + 1
    assert add(refusals, "ipv4:10.0.0.9:1", "c") == [{"claimed": "b"}, {"claimed": "c"}]


def test_many_addresses_are_counted_as_one() -> None:
    refusals = Refusals(Clock())
    peers = [f"ipv4:10.0.{n // 250}.{n % 250}:7" for n in range(20 * MAX_ADDRESSES)]
    written = [record for peer in peers for record in add(refusals, peer, "x")]
    assert len(written) == MAX_ADDRESSES + 1
    (last,) = refusals.over(all_=True)
    assert last["count"] == 19 * MAX_ADDRESSES - 1


def test_addresses_of_one_ipv6_network_count_as_one() -> None:
    refusals = Refusals(Clock())
    peers = [f"ipv6:%5B2001:db8:1:2:{n:x}::{n:x}%5D:{n}" for n in range(1, 50)]
    assert len([record for peer in peers for record in add(refusals, peer, "x")]) == 1
    assert len(add(refusals, "ipv6:[2001:db8:1:3::1]:5", "x")) == 1


def test_a_log_is_not_filled_by_those_who_cannot_log_in(tmp_path: Path) -> None:
    place = Place(tmp_path / "audit", "main", tmp_path / "audit")
    clock = Clock()
    scribe = Scribe(KEY.namer())
    scribe.refusals = Refusals(clock)
    log = AuditLog(Trail(place, KEY), scribe)

    def written(event: str) -> list[dict[str, object]]:
        lines = [line for f in place.files() for line in f.path.read_bytes().splitlines()]
        return [record for record in map(json.loads, lines) if record["event"] == event]

    def wait(event: str, count: int) -> None:
        assert eventually(lambda: len(written(event)) >= count, 10)

    try:
        for number in range(5_000):
            log.tell(CallEnded("DoGet", "", f"r{number}", "ipv4:10.0.0.1:5", "", claimed="eve"))
        log.tell(PolicyChanged("version", broken=False))
        wait("policy", 1)
        clock.now = SECONDS
        log.tell(CallEnded("DoGet", "", "other", "ipv4:10.0.0.2:5", "", claimed="eve"))
        wait("login", 3)
        log.tell(CallEnded("DoGet", "", "last", "ipv4:10.0.0.2:5", "", claimed="eve"))
    finally:
        log.close()
    told = [(record["request_id"], record.get("count")) for record in written("login")]
    assert told == [("r0", None), ("r4999", 4_999), ("other", None), ("last", None)]
    assert verify(place, Trust(frozenset({KEY.public}))).sound
