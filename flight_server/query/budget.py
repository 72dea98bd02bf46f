"""How much users and teams may read and spend in a day, and how much of it is used up.

What is read are the bytes of files that statements were planned to read here, and those that an
engine elsewhere charges for. Days are those of UTC. Counted in this process: replicas count each
for themselves.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from auth.limits import EVERYONE, Limits, Team
from auth.policy import Policy
from auth.principal import Principal
from flight_server.engines.base import Cost, EngineStream, Settle
from flight_server.query.errors import OverBudget

GIGABYTE = 10**9
USD = 10**9  # sums of fractions drift: money is counted in whole billionths
_DAY = 86_400


def day_of(moment: float) -> int:
    """The day of a moment, both since 1970."""
    return int(moment // _DAY)


@dataclass(frozen=True, slots=True)
class Account:
    """Whose use is counted: one user's (see `Principal.owner`), or that of all with a role."""

    name: str
    is_team: bool = False


@dataclass(frozen=True, slots=True)
class Amount:
    """How much: bytes, and billionths of a USD."""

    size: int = 0
    money: int = 0

    def __add__(self, other: Amount) -> Amount:
        """Both together."""
        return Amount(self.size + other.size, self.money + other.money)

    def __sub__(self, other: Amount) -> Amount:
        """This less the other, but not less than nothing."""
        return Amount(max(self.size - other.size, 0), max(self.money - other.money, 0))


def amount_of(cost: Cost) -> Amount:
    """What counts of a cost: bytes that are charged for, as what failed is free, and money."""
    return Amount(cost.billed, round(cost.usd * USD))


@dataclass(frozen=True, slots=True)
class Payer:
    """For whom a statement runs: a user, its teams, and what each of these may use."""

    owner: str
    limits: Limits = field(default_factory=Limits)
    teams: Mapping[str, Team | None] = field(default_factory=lambda: MappingProxyType({}))

    def accounts(self) -> Iterator[tuple[Account, Limits | Team]]:
        """Whose use it is, with the limits."""
        yield Account(self.owner), self.limits
        for role, team in self.teams.items():
            yield Account(role, is_team=True), team or Team()


def payer(policy: Policy, principal: Principal) -> Payer:
    """For whom statements of a principal run, by the policy in force."""
    return Payer(principal.owner, policy.limits(principal), policy.teams(principal))


class Budget:
    """Counts what was used today. Safe for several threads.

    Files count from when a statement begins, whether it reads them or not. What costs money counts
    as it is expected until it is known what it has cost. A clock that is set back does not begin a
    day anew.
    """

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._day = day_of(clock())
        self._used: dict[Account, Amount] = {}

    def charged(self, frames: EngineStream, who: Payer) -> EngineStream:
        """A stream whose files are counted; it is closed, and none of it read, where they are
        more than is left. Raises `OverBudget`."""
        try:
            self.take(who, Amount(sum(each.bytes for each in frames.scanned)))
        except OverBudget:
            frames.close()
            raise
        return frames

    def reserve(self, who: Payer, expected: Cost) -> Settle:
        """Count what something will cost; what it gives takes its place with what it has cost.

        What is not known for sure is not counted for less than was expected. Raises `OverBudget`.
        """
        held = amount_of(expected)
        day = self.take(who, held)

        def settle(cost: Cost) -> None:
            nonlocal day
            found = amount_of(cost)
            if not cost.certain:
                found = Amount(max(found.size, held.size), max(found.money, held.money))
            with self._lock:
                self._turn()
                if self._day == day:
                    for account, _ in who.accounts():
                        self._used[account] = self._used[account] - held + found
                day = -1  # once

        return settle

    def take(self, who: Payer, amount: Amount) -> int:
        """Count an amount; gives the day. Raises `OverBudget` for more than is left to the user or
        to one of its teams, and counts nothing."""
        with self._lock:
            self._turn()
            accounts = list(who.accounts())
            for account, limits in accounts:
                used = self._used.get(account, Amount())
                _check(account, limits, used + amount, amount)
            for account, _ in accounts:
                self._used[account] = self._used.get(account, Amount()) + amount
            return self._day

    def restore(self, spent: Callable[[int], Mapping[Account, Amount]]) -> None:
        """Count what was used earlier today, which `spent` tells by the day."""
        with self._lock:
            self._turn()
            for account, amount in spent(self._day).items():
                self._used[account] = self._used.get(account, Amount()) + amount

    def used(self) -> Mapping[Account, Amount]:
        """What was used today."""
        with self._lock:
            self._turn()
            return dict(self._used)

    def _turn(self) -> None:
        today = day_of(self._clock())
        if today > self._day:
            self._day = today
            self._used.clear()


def _check(account: Account, limits: Limits | Team, used: Amount, asked: Amount) -> None:
    """Raises `OverBudget` where more is used than may be; what asks for nothing needs nothing."""
    size, money = limits.scan_gb_day, limits.athena_usd_day
    if size is not None and asked.size and used.size > size * GIGABYTE:
        raise _over(account, f"reads more than is left of the {size:,} GB", "read")
    if money is not None and asked.money and used.money > round(money * USD):
        raise _over(account, f"may cost more than is left of the {money:,.9g} USD", "spend")


def _over(account: Account, what: str, verb: str) -> OverBudget:
    whose = "you"
    if account.is_team:
        whose = "all users together" if account.name == EVERYONE else "your team"
    return OverBudget(
        f"The statement {what} that {whose} may {verb} in a day, which begins at midnight in UTC."
    )
