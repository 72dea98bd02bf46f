"""Views as they are explained: one whose inside its reader cannot read is not there. No SQL."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from auth.explain import Explanation, Rows, Visibility, explain
from auth.policy import Policy
from auth.principal import Principal
from catalog.model import Table

# Whether what a table is made of can be read by whoever's rights it is read with.
Reads = Callable[[Policy, Principal, Table], bool]

_REMARK = "its reader may not read what the view is made of"


def anything(policy: Policy, principal: Principal, table: Table) -> bool:
    """Every inside can be read: for tables that are not made of others."""
    return True


def seen(policy: Policy, principal: Principal, table: Table, reads: Reads) -> bool:
    """Whether the principal sees the table at all."""
    return policy.decide(principal, table) is not None and reads(policy, principal, table)


def explained(
    policy: Policy,
    principal: Principal,
    table: Table,
    reads: Reads = anything,
    *,
    has_claims: bool = True,
) -> Explanation:
    """What the principal sees of the table, which is nothing of a view that is not for them.

    `has_claims` as in `explain`. Raises as that does.
    """
    told = explain(policy, principal, table, has_claims=has_claims)
    if table.view is None or not told.visible or reads(policy, principal, table):
        return told
    columns = tuple(
        replace(each, visibility=Visibility.HIDDEN, remark=_REMARK, mask=None, fields=())
        for each in told.columns
    )
    return replace(told, columns=columns, rows=Rows.NONE)
