"""The order of rules, sections and roles never changes what a policy decides."""

from __future__ import annotations

import json

import pyarrow as pa
from hypothesis import given, settings
from hypothesis import strategies as st

from auth.globs import compile_glob
from auth.policy_file import parse_policy
from auth.principal import Principal
from catalog.model import Column, Table
from catalog.names import TableName

ROLE = st.sampled_from(["r1", "r2", "r3"])
SOME_ROLES = st.lists(ROLE, max_size=2, unique=True)
TO = st.one_of(st.just("*"), st.lists(ROLE, min_size=1, max_size=2, unique=True))
ON = st.sampled_from(
    ["lake.**", "lake.s.t", "lake.s.*", "lake.s.t.a", "**.b", "tag:pii", "tag:pii.x", "lake.*.*.c"]
)
GRANT = st.fixed_dictionaries(
    {"to": TO, "on": ON, "unless": SOME_ROLES},
).flatmap(lambda rule: st.sampled_from([{**rule, "allow": "select"}, {**rule, "deny": "select"}]))
MASK = st.fixed_dictionaries(
    {
        "to": TO,
        "on": ON,
        "unless": SOME_ROLES,
        "using": st.sampled_from(["NULL", "${col}"]),
        "priority": st.integers(0, 1),
    }
)
FILTER = st.fixed_dictionaries(
    {
        "to": TO,
        "on": st.sampled_from(["lake.**", "lake.s.t", "tag:pii"]),
        "unless": SOME_ROLES,
        "where": st.sampled_from(["x", "y"]),
        "mode": st.sampled_from(["restrictive", "permissive"]),
    }
)
TABLE = Table(
    TableName("lake", "s", "t"),
    (
        Column("a", pa.string(), tags=frozenset({"pii"})),
        Column("b", pa.string(), tags=frozenset({"pii.x"})),
        Column("c", pa.string()),
        Column("d", pa.struct([("b", pa.string())])),
    ),
)


def outcome(sections: dict[str, list[dict[str, object]]], groups: list[str]) -> object:
    roles = {f"r{i}": {"groups": [f"g{i}"]} for i in (1, 2, 3)}
    text = json.dumps({"version": 1, "roles": roles, **sections})
    grant = parse_policy(text).decide(Principal("u", frozenset(groups)), TABLE)
    if grant is None:
        return None
    return (
        grant.columns,
        {name: (mask.name, mask.sql) for name, mask in grant.masks.items()},
        [each.name for each in grant.restrictive],
        [each.name for each in grant.permissive],
        grant.has_permissive,
    )


def named(rules: list[dict[str, object]]) -> list[dict[str, object]]:
    return [{"name": f"n{at}", **rule} for at, rule in enumerate(rules)]


@settings(max_examples=150, deadline=None)
@given(
    grants=st.lists(GRANT, max_size=6),
    masks=st.lists(MASK, max_size=4).map(named),
    filters=st.lists(FILTER, max_size=4).map(named),
    groups=st.lists(st.sampled_from(["g1", "g2", "g3"]), unique=True),
    data=st.data(),
)
def test_shuffled_rules_decide_the_same(grants, masks, filters, groups, data):
    sections = {"grants": grants, "masks": masks, "row_filters": filters}
    shuffled = {
        name: data.draw(st.permutations(sections[name]))
        for name in data.draw(st.permutations(sorted(sections)))
    }
    assert outcome(sections, groups) == outcome(shuffled, groups)


@settings(max_examples=100, deadline=None)
@given(grants=st.lists(GRANT, max_size=6), more=GRANT)
def test_one_more_denial_never_shows_more(grants, more):
    denial = {**{k: v for k, v in more.items() if k != "allow"}, "deny": "select"}
    before = outcome({"grants": grants}, ["g1", "g2"])
    after = outcome({"grants": [*grants, denial]}, ["g1", "g2"])
    assert set(after[0] if after else ()) <= set(before[0] if before else ())


NAME = st.text(st.sampled_from("abAB_\u212a"), min_size=1, max_size=4)


@given(path=st.lists(NAME, min_size=1, max_size=5))
def test_a_quoted_path_matches_itself_and_any_depth_matches_all(path):
    folded = ["".join(chr(ord(c) + 32) if "A" <= c <= "Z" else c for c in name) for name in path]
    assert compile_glob(".".join(f'"{name}"' for name in path)).matches(folded)
    assert compile_glob("**").matches(folded)
    assert compile_glob(".".join("*" for _ in path)).matches(folded)
    assert not compile_glob(".".join("*" for _ in range(len(path) + 1))).matches(folded)
