"""Deciding is done once for a table and a set of roles, so that every call can ask."""

from __future__ import annotations

import pyarrow as pa

from auth.policy_file import parse_policy
from auth.principal import Principal
from catalog.model import Column, Table
from catalog.names import TableName

RULES = "".join(
    f"  - {{to: '*', on: 'lake.s{at}.**', allow: select}}\n"
    f"  - {{to: '*', on: 'lake.*.t{at}.secret*', deny: select}}\n"
    for at in range(40)
)
POLICY = f"""version: 1
tags:
  - {{on: "lake.*.*.*mail*", tags: [pii.email]}}
grants:
{RULES}
  - {{to: "*", on: "tag:pii.high", deny: select}}
masks:
  - {{name: m, on: "tag:pii.email", to: "*", using: "NULL"}}
"""


def table(at: int) -> Table:
    columns = [Column(f"column_{n}", pa.int64()) for n in range(98)]
    columns += [Column("email", pa.string()), Column("secret_1", pa.string())]
    return Table(TableName("lake", "s1", f"t{at}"), tuple(columns))


def test_a_table_of_a_hundred_columns_is_decided_once() -> None:
    policy, someone = parse_policy(POLICY), Principal("u")
    tables = [table(at) for at in range(40)]
    first = [policy.decide(someone, each) for each in tables]
    for grant in first:
        assert grant is not None
        assert len(grant.columns) == 99
        assert list(grant.masks) == ["email"]
    # the very same objects: nothing was matched anew, however many tables there are
    assert all(policy.decide(someone, each) is first[at] for at, each in enumerate(tables))
