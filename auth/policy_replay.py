"""What statements that once ran would get under another policy, by what is recorded of each.

Knows names, not SQL: which columns of which tables a statement read. What a record does not tell is
not guessed: it is said to be undecided, and why.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache

from auth.bearers import Bearer, recorded_bearer, user_bearer
from auth.credentials import Credentials, User
from auth.explain import Rows, Visibility
from auth.grant import Expression, Grant
from auth.insides import Reads, anything, explained
from auth.policy import Policy, claims_in
from auth.policy_diff import Change, ColumnChange, Seen, TableChange, difference
from auth.rules import Role
from catalog.model import Table
from catalog.names import TableName, fold

_ORDER = (Rows.NONE, Rows.FILTERED, Rows.ALL)


class Outcome(StrEnum):
    """What becomes of a statement, as far as one table is concerned; the gravest first."""

    FAILS = "fails"
    LOSES = "gets fewer columns or fields"
    FEWER = "sees fewer rows"
    OTHER = "sees other rows"
    MORE = "sees more rows"
    MASKED = "gets masked values"
    REMASKED = "gets values masked otherwise"
    UNMASKED = "gets raw values"
    GAINS = "gets more"
    UNDECIDED = "cannot be decided"


@dataclass(frozen=True, slots=True)
class Use:
    """What a recorded statement read of one table, and as whom.

    `columns` are those that it named, hidden ones of other tables perhaps among them; with `every`
    it could read all that were visible. `roles` are those that the record has; where the user is
    one of the users file (`in_file`), what that says of the user counts instead.
    """

    user: str
    roles: frozenset[str]
    in_file: bool
    table: TableName
    columns: frozenset[str]
    every: bool


@dataclass(frozen=True, slots=True, order=True)
class Effect:
    """One thing that becomes of a use: `about` are columns, names of filters, or why not known."""

    outcome: Outcome
    about: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class _Compared:
    """A table under both policies for one bearer; names are folded.

    `hidden` are the columns that neither policy shows. `unsure` says what cannot be decided.
    """

    change: TableChange | None
    seen: bool
    known: frozenset[str]
    hidden: frozenset[str]
    unsure: str = ""


class Replay:
    """Compares two policies, made by `bearers.by_role`, over uses of tables.

    `table` gives a table by name, or None, and may raise what a catalog does.
    """

    def __init__(
        self,
        old: Policy,
        new: Policy,
        users: Credentials | None,
        table: Callable[[TableName], Table | None],
        *,
        reads: Reads = anything,
    ) -> None:
        self._old, self._new = old, new
        self._users = users
        self._table = table
        self._reads = reads
        self._compare = lru_cache(maxsize=65_536)(self._compared)

    def effects(self, use: Use) -> list[Effect]:
        """What becomes of a use, the gravest first; nothing where it gets what it got."""
        found = self._compare(use.user, use.roles, use.in_file, use.table.folded)
        if isinstance(found, str):
            return [Effect(Outcome.UNDECIDED, (found,))]
        order = list(Outcome)
        return sorted(_effects(use, found), key=lambda each: order.index(each.outcome))

    def basis(self, use: Use) -> str:
        """What the decisions for a use's user rest on."""
        known = self._known(use.user, use.in_file)
        return "recorded roles" if known is None else "users file"

    def _known(self, user: str, in_file: bool) -> User | None:
        return None if self._users is None or not in_file else self._users.user(user)

    def _compared(
        self, user: str, roles: frozenset[str], in_file: bool, name: TableName
    ) -> _Compared | str:
        """The comparison, or why there is none."""
        table = self._table(name)
        if table is None:
            return "the table is not in the catalogs"
        bearer = self._bearer(user, roles, in_file)
        if isinstance(bearer, str):
            return bearer
        old, new = self._old, self._new
        told = [
            explained(policy, bearer.principal, table, self._reads, has_claims=bearer.has_claims)
            for policy in (old, new)
        ]
        hidden = [
            {fold(c.name) for c in each.columns if c.visibility is Visibility.HIDDEN}
            for each in told
        ]
        unsure = "" if bearer.has_claims else self._claims_unsure(bearer, table)
        return _Compared(
            change=difference(old, new, bearer, table, reads=self._reads),
            seen=any(each.visible for each in told),
            known=frozenset(fold(column.name) for column in table.columns),
            hidden=frozenset(hidden[0] & hidden[1]),
            unsure=unsure,
        )

    def _bearer(self, user: str, roles: frozenset[str], in_file: bool) -> Bearer | str:
        """Who is asked for, or why that is not known."""
        known = self._known(user, in_file)
        if known is not None:
            return user_bearer(known)
        old, new = self._old.rules.roles, self._new.rules.roles
        for name in sorted(roles - old.keys()):
            return f"role {name} is recorded, but not in the old policy"
        for name in sorted(old.keys() | new.keys()):
            before, after = old.get(name, Role(name)), new.get(name)
            if _may_differ(before, after, roles):
                return f"role {name} is given otherwise, and the groups are not recorded"
        return recorded_bearer(user, roles)

    def _claims_unsure(self, bearer: Bearer, table: Table) -> str:
        """The claim that the policies read in different ways, if the table's rules use one."""
        old, new = self._old.identity.claims, self._new.identity.claims
        for policy in (self._old, self._new):
            grant = policy.decide(bearer.principal, table)
            for name in sorted(_claims(grant) if grant is not None else ()):
                if old.get(name) != new.get(name):
                    return f"claim {name} is read otherwise, and claims are not recorded"
        return ""


def _may_differ(old: Role, new: Role | None, borne: frozenset[str]) -> bool:
    """Whether a bearer of the old policy's roles `borne` may bear others for a role that changed.

    The groups are not known: who bears a role may do so by any of its groups, or by a role that
    includes it.
    """
    groups, includes = (new.groups, new.includes) if new is not None else (frozenset(), frozenset())
    if old.name not in borne:
        return bool(groups - old.groups)
    lost = new is not None and bool(old.groups - groups)
    return lost or not borne.isdisjoint(old.includes - includes)


def _claims(grant: Grant) -> frozenset[str]:
    masks = (mask for _, mask in grant.all_masks())
    rules: list[Expression] = [*grant.restrictive, *grant.permissive, *masks]
    return frozenset().union(*(claims_in(rule.sql) for rule in rules))


def _effects(use: Use, found: _Compared) -> Iterator[Effect]:
    if not found.seen:
        yield Effect(Outcome.UNDECIDED, ("neither policy shows the table",))
        return
    if found.change is not None and found.change.after is None:
        yield Effect(Outcome.FAILS, ("the table",))
        return
    for why, unknown in (
        ("not in the table any more", use.columns - found.known),
        ("shown by neither policy", use.columns & found.hidden),
    ):
        if unknown:
            yield Effect(Outcome.UNDECIDED, (f"{why}: {', '.join(sorted(unknown))}",))
    if found.unsure:
        yield Effect(Outcome.UNDECIDED, (found.unsure,))
    if found.change is None:
        return
    by_outcome: dict[Outcome, list[str]] = {}
    for column in found.change.columns:
        outcome = _of_column(use, column)
        if outcome is not None:
            by_outcome.setdefault(outcome, []).append(column.column)
    for outcome, names in by_outcome.items():
        yield Effect(outcome, tuple(names))
    if found.change.before is not None and found.change.after is not None:
        yield from _of_rows(found.change.before, found.change.after, found.change.filters_changed)


def _of_column(use: Use, column: ColumnChange) -> Outcome | None:
    named = fold(column.path[0]) in use.columns
    if not named and not use.every:
        return None
    if column.change is Change.LOSES:
        # of a struct only fields are lost: whether the statement names them is not recorded
        return Outcome.FAILS if named and len(column.path) == 1 else Outcome.LOSES
    return {
        Change.GAINS: Outcome.GAINS,
        Change.UNMASKS: Outcome.UNMASKED,
        Change.MASKS: Outcome.MASKED,
        Change.REMASKS: Outcome.REMASKED,
    }[column.change]


def _of_rows(before: Seen, after: Seen, changed: tuple[str, ...]) -> Iterator[Effect]:
    names = tuple(sorted(set(before.filters) ^ set(after.filters) | set(changed)))
    was, now = _ORDER.index(before.rows), _ORDER.index(after.rows)
    if was != now:
        yield Effect(Outcome.MORE if now > was else Outcome.FEWER, names)
    elif names and after.rows is not Rows.NONE:
        yield Effect(Outcome.OTHER, names)
