"""Deciding is quick enough to be done for every table of every call."""

from __future__ import annotations

import time

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


def test_a_hundred_columns_are_decided_in_a_millisecond_and_then_in_microseconds():
    policy, someone = parse_policy(POLICY), Principal("u")
    tables = [table(at) for at in range(40)]
    policy.decide(someone, tables[0])
    cold, warm = [], []
    for times in (cold, warm):
        for each in tables[1:]:
            started = time.perf_counter()
            grant = policy.decide(someone, each)
            times.append(time.perf_counter() - started)
            assert grant is not None
            assert len(grant.columns) == 99
            assert list(grant.masks) == ["email"]
    print(f"cold {sorted(cold)[20] * 1e6:.0f} us, warm {sorted(warm)[20] * 1e6:.1f} us")
    # the fastest of many: other work on the machine must not fail the test
    assert min(cold) < 0.001
    assert min(warm) < 0.000_1
