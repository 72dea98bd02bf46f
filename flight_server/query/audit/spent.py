"""What users read on a day, as the log tells it: so that a restart gives nobody a new day."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from datetime import datetime

from auth.principal import owner_of
from flight_server.query.audit.files import Place
from flight_server.query.audit.recent import latest
from flight_server.query.budget import day_of


def spent(place: Place, day: int) -> Mapping[str, int]:
    """The bytes of files that each user's statements were planned to read since a day began.

    Statements without an end, as of a server that was killed, are not among them.
    """
    found: Counter[str] = Counter()
    for record in latest(place):
        if day_of(datetime.fromisoformat(record["ts"]).timestamp()) < day:
            break
        if record["event"] == "end":
            owner = owner_of(record["user"], record.get("issuer", ""))
            found[owner] += sum(each["bytes"] for each in record.get("scanned", []))
    return found
