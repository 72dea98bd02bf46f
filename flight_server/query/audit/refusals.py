"""Counts refused logins by address, so that who has no credentials cannot fill the audit log.

The first of an address has a record at once, all others of a minute have one together.
"""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from ipaddress import ip_network

from flight_server.query.audit.chain import Record

SECONDS = 60.0
# So many addresses are told apart at once; all further ones count as one.
MAX_ADDRESSES = 256
_OTHERS = ""


@dataclass(slots=True)
class _Minute:
    """What an address did since its first record: how many logins, and the last of them."""

    until: float
    count: int = 0
    last: Record | None = None

    def record(self) -> Record | None:
        """The record of all of them, if there are any."""
        if self.last is None or self.count == 1:
            return self.last
        return {**self.last, "count": self.count}


class Refusals:
    """The addresses of the last minute. Used by one thread."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        # the first to begin is the first to end
        self._minutes: OrderedDict[str, _Minute] = OrderedDict()

    def add(self, peer: str, record: Record) -> Iterator[Record]:
        """What is to be written where a login of a peer was refused: nothing, where it is counted.

        `record` tells of this login alone.
        """
        yield from self.over()
        address = _address(peer)
        if address not in self._minutes and len(self._minutes) >= MAX_ADDRESSES:
            address = _OTHERS
        minute = self._minutes.get(address)
        if minute is None:
            self._minutes[address] = _Minute(self._clock() + SECONDS)
            yield record
        else:
            minute.count += 1
            minute.last = record

    def over(self, *, all_: bool = False) -> Iterator[Record]:
        """The records of the minutes that are over, or of all of them at the end."""
        now = self._clock()
        while self._minutes:
            address, minute = next(iter(self._minutes.items()))
            if minute.until > now and not all_:
                return
            del self._minutes[address]
            record = minute.record()
            if record is not None:
                yield record

    def due(self) -> float | None:
        """The seconds until such a record is due; None where nothing is counted."""
        if not self._minutes:
            return None
        first = next(iter(self._minutes.values()))
        return max(0.0, first.until - self._clock())


def _address(peer: str) -> str:
    """The address of a peer without its port; of IPv6, the network that one customer has."""
    address = peer.rpartition(":")[0]
    family, _, rest = address.partition(":")
    if family != "ipv6":
        return address or peer
    groups = rest.replace("%5B", "").replace("[", "").split("%5D")[0].rstrip("]")
    try:
        network = ip_network(f"{groups.partition('%')[0]}/64", strict=False)
    except ValueError:
        return address
    return str(network)
