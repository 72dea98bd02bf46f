"""The order of rules, sections and roles never changes what a policy decides."""

from __future__ import annotations

import dataclasses
import json
from datetime import UTC, datetime

import pyarrow as pa
from hypothesis import given, settings
from hypothesis import strategies as st

from auth.fields import parts_of
from auth.globs import compile_glob
from auth.grant import Grant
from auth.policy_file import parse_policy
from auth.principal import Principal
from catalog.model import Column, Table
from catalog.names import TableName

ROLE = st.sampled_from(["r1", "r2", "r3"])
SOME_ROLES = st.lists(ROLE, max_size=2, unique=True)
TO = st.one_of(st.just("*"), st.lists(ROLE, min_size=1, max_size=2, unique=True))
ON = st.sampled_from(
    [
        "lake.**",
        "lake.s.t",
        "lake.s.*",
        "lake.s.t.a",
        "**.b",
        "tag:pii",
        "tag:pii.x",
        "lake.*.*.c",
        "lake.s.t.d",
        "lake.s.t.d.b",
        "lake.s.t.d.*",
        "lake.s.t.{x,d}.{y,b}",
        "lake.s.t.x*",
        "**.y",
    ]
)
COLUMNS = st.sampled_from([["a", "d"], ["*"], {"except": ["b", "x"]}, {"include": ["x*", "d"]}])
ON_TABLES = st.fixed_dictionaries(
    {"on": st.sampled_from(["lake.**", "lake.s.t"]), "columns": COLUMNS}
)
GRANT = st.builds(
    lambda scope, on: {**scope, **on},
    st.fixed_dictionaries({"to": TO, "unless": SOME_ROLES}),
    st.one_of(st.fixed_dictionaries({"on": ON}), ON_TABLES),
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
        Column("d", pa.struct([("b", pa.string()), ("y", pa.string())])),
        Column("e", pa.list_(pa.struct([("b", pa.string()), ("y", pa.string())]))),
    ),
)


def decided(sections: dict[str, object], groups: list[str], table: Table = TABLE) -> Grant | None:
    roles = {f"r{i}": {"groups": [f"g{i}"]} for i in (1, 2, 3)}
    text = json.dumps({"version": 1, "roles": roles, **sections})
    return parse_policy(text).decide(Principal("u", frozenset(groups)), table)


def outcome(sections: dict[str, object], groups: list[str]) -> object:
    grant = decided(sections, groups)
    if grant is None:
        return None
    return (
        sorted(leaves(grant)),
        {name: (mask.name, mask.sql) for name, mask in grant.masks.items()},
        sorted((name, mask.name) for name, mask in grant.all_masks()),
        [each.name for each in grant.restrictive],
        [each.name for each in grant.permissive],
        grant.has_permissive,
    )


def leaves(grant: Grant | None, *, raw: bool = False) -> set[str]:
    """The smallest parts that are seen; with `raw` only those that are not masked."""
    if grant is None:
        return set()
    found: set[str] = set()
    for column in TABLE.columns:
        seen = grant.column(column.name)
        if seen is None or (raw and seen.mask is not None):
            continue
        if not pa.types.is_struct(column.type):
            found.add(column.name)
        for field in column.type if pa.types.is_struct(column.type) else ():
            mine = {each.name: each for each in seen.fields}
            part = mine.get(field.name) if seen.fields else seen
            if part is not None and not (raw and part.mask is not None):
                found.add(f"{column.name}.{field.name}")
    return found


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
    before = decided({"grants": grants}, ["g1", "g2"])
    after = decided({"grants": [*grants, denial]}, ["g1", "g2"])
    assert leaves(after) <= leaves(before)


PAST = st.fixed_dictionaries(
    {
        "former_names": st.frozensets(st.sampled_from(["a", "b", "x", "y", "xx"]), max_size=2),
        "reused": st.booleans(),
        "doubtful_tags": st.sampled_from([frozenset(), frozenset({"pii"}), frozenset({"pii.x"})]),
        "since": st.sampled_from([None, datetime(2020, 1, 1, tzinfo=UTC)]),
    }
)


def with_past(column: Column, data: st.DataObject) -> Column:
    children = tuple(with_past(part, data) for part in parts_of(column))
    return dataclasses.replace(column, children=children, **data.draw(PAST))


@settings(max_examples=200, deadline=None)
@given(
    grants=st.lists(GRANT, max_size=6),
    masks=st.lists(MASK, max_size=3).map(named),
    review=st.booleans(),
    data=st.data(),
)
def test_rule_5_a_past_and_the_review_of_new_columns_never_show_more(grants, masks, review, data):
    sections: dict[str, object] = {"grants": grants, "masks": masks}
    table = dataclasses.replace(
        TABLE, columns=tuple(with_past(column, data) for column in TABLE.columns)
    )
    plain = decided(sections, ["g1", "g2"])
    if review:
        sections["new_columns"] = {"after": "2021-01-01"}
    careful = decided(sections, ["g1", "g2"], table)
    assert leaves(careful) <= leaves(plain)
    assert leaves(careful, raw=True) <= leaves(plain, raw=True)


NAME = st.text(st.sampled_from("abAB_\u212a"), min_size=1, max_size=4)


@given(path=st.lists(NAME, min_size=1, max_size=5))
def test_a_quoted_path_matches_itself_and_any_depth_matches_all(path):
    folded = ["".join(chr(ord(c) + 32) if "A" <= c <= "Z" else c for c in name) for name in path]
    assert compile_glob(".".join(f'"{name}"' for name in path)).matches(folded)
    assert compile_glob("**").matches(folded)
    assert compile_glob(".".join("*" for _ in path)).matches(folded)
    assert not compile_glob(".".join("*" for _ in range(len(path) + 1))).matches(folded)
