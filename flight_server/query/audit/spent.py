"""What users and teams used on a day, as the log tells it: so that a restart gives no new day."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from auth.limits import EVERYONE
from auth.principal import owner_of
from flight_server.engines.base import Cost
from flight_server.query.audit.chain import Record
from flight_server.query.audit.files import Place
from flight_server.query.audit.recent import latest
from flight_server.query.budget import Account, Amount, amount_of, day_of

# Records of threads that run at once stand in the order in which they were taken.
_SLACK = 60.0
_NOTHING = Amount()


def spent(place: Place, day: int) -> Mapping[Account, Amount]:
    """What was used since a day began: what ended runs read and cost, and what those without an
    end, as of a server that was killed, were expected to cost.

    What such runs read here is not known. Teams are those of a run's start.
    """
    found: dict[Account, Amount] = {}
    for record, amount in _runs(place, day):
        owner = Account(owner_of(record["user"], record.get("issuer", "")))
        teams = (Account(role, is_team=True) for role in (*record.get("roles", ()), EVERYONE))
        for account in (owner, *teams):
            found[account] = found.get(account, _NOTHING) + amount
    return {account: amount for account, amount in found.items() if amount != _NOTHING}


def _runs(place: Place, day: int) -> Iterator[tuple[Record, Amount]]:
    """Each run with what it used: by its start, or by its end where that is not there."""
    ends: dict[str, Record] = {}
    charges: dict[str, tuple[Record, Amount]] = {}
    for record in _since(place, day):
        run = f"{record.get('query_id')} {record.get('part')} {record.get('request_id')}"
        match record["event"]:
            case "end":
                yield from _left(ends.pop(run, None))
                ends[run] = record
                charges.pop(run, None)
            case "charge" if run not in ends:
                _, before = charges.get(run, (record, _NOTHING))
                charges[run] = record, before + _cost(record)
            case "start":
                end, (_, open_) = ends.pop(run, None), charges.pop(run, (record, _NOTHING))
                yield record, _used(end) if end is not None else open_
    # of runs that began before the day
    for end in ends.values():
        yield from _left(end)
    yield from charges.values()


def _left(end: Record | None) -> Iterator[tuple[Record, Amount]]:
    if end is not None:
        yield end, _used(end)


def _since(place: Place, day: int) -> Iterator[Record]:
    begins = day * 86_400
    for record in latest(place):
        at = datetime.fromisoformat(record["ts"]).timestamp()
        if at < begins - _SLACK:
            return
        if day_of(at) >= day:
            yield record


def _used(end: Record) -> Amount:
    read = sum(each["bytes"] for each in end.get("scanned", []))
    return Amount(read) + _cost(end)


def _cost(record: Mapping[str, Any]) -> Amount:
    told = record.get("cost", {})
    return amount_of(Cost(billed=told.get("billed", 0), usd=told.get("usd", 0.0)))
