"""Promises of the policy language that no other page of these tests is about."""

from __future__ import annotations

import json
import logging

import pyarrow as pa
import pytest

from auth.errors import PolicyInvalid, TableNotFound
from auth.globs import GlobInvalid
from auth.policy_source import PolicySource
from auth.rules import compile_pattern
from auth.visible import VisibleCatalog
from auth.visible_keys import visible_keys
from catalog.model import Column
from catalog.names import TableName
from catalog.registry import Registry

ALLOW = '{to: "*", on: lake.**, allow: select}'


@pytest.mark.parametrize("text", [None, "", "version: 1\ngrants: ["])
def test_rule_1_a_policy_file_that_is_missing_empty_or_broken_refuses_to_start(tmp_path, text):
    path = tmp_path / "policy.yaml"
    if text is not None:
        path.write_text(text)
    with pytest.raises(PolicyInvalid):
        PolicySource(path)


def test_rule_3_a_key_with_a_partly_hidden_column_is_hidden(policy_of, table_of, someone, held):
    kind = pa.struct([("x", pa.string()), ("y", pa.string())])
    declared = [{"columns": ["key"], "table": "s.u", "references": ["id"]}]
    tables = [
        table_of(
            "lake.s.t",
            Column("key", kind),
            identifier=("key",),
            properties={"flight.foreign_keys": json.dumps(declared)},
        ),
        table_of("lake.s.u", "id", identifier=("id",)),
    ]

    def keys(more: str):
        policy = policy_of(f"grants: [{ALLOW}{more}]")
        seen = VisibleCatalog(someone(), policy, Registry([held("lake", tables)]))
        found = visible_keys(seen, seen.find(TableName("lake", "s", "t")))
        return found.primary is not None, len(found.foreign)

    assert keys("") == (True, 1)
    assert keys(', {to: "*", on: lake.s.t.key.x, deny: select}') == (False, 0)


def test_rule_4_a_table_of_hidden_fields_gives_the_text_of_one_that_never_existed(
    policy_of, table_of, someone, held
):
    table = table_of("lake.s.t", Column("a", pa.struct([("b", pa.string())])))
    policy = policy_of(f'grants: [{ALLOW}, {{to: "*", on: "**.b", deny: select}}]')
    seen = VisibleCatalog(someone(), policy, Registry([held("lake", [table])]))
    texts = []
    for name in (table.name, TableName("lake", "s", "u")):
        with pytest.raises(TableNotFound) as caught:
            seen.find(name)
        texts.append(str(caught.value).replace(str(name), "?"))
    assert texts[0] == texts[1]
    assert seen.catalogs() == []


def test_rule_8_a_claim_is_never_part_of_the_text_of_a_rule(policy_of, table_of, someone):
    policy = policy_of(
        f"""
        grants: [{ALLOW}]
        masks:
          - {{name: m, on: lake.s.t.a.x, to: "*", using: "${{claims.tenant}} || ${{col}}"}}
        """
    )
    table = table_of("lake.s.t", Column("a", pa.struct([("x", pa.string()), ("y", pa.int8())])))
    grant = policy.decide(someone(tenant_id="'; DROP"), table)
    ((_, mask),) = grant.all_masks()
    assert mask.sql == "${claims.tenant} || ${col}"
    assert dict(mask.claims) == {"tenant": ("VARCHAR", "'; DROP")}


LOOKUP = """
lookups: {acl: {table: lake.sec.acl}}
grants: [{to: "*", on: lake.s.**, allow: select}]
row_filters:
  - {name: f, on: "%s", to: "*", where: "id IN (SELECT id FROM acl)"}
"""


def test_rule_9_a_filter_brings_the_lookups_that_it_names_and_gives_no_right_to_them(
    policy_of, table_of, someone
):
    policy = policy_of(LOOKUP % "lake.s.t")
    (row_filter,) = policy.decide(someone(), table_of("lake.s.t", "id")).restrictive
    assert dict(row_filter.lookups) == {"acl": TableName("lake", "sec", "acl")}
    assert policy.decide(someone(), table_of("lake.sec.acl", "id")) is None


def test_rule_9_a_filter_of_the_lookup_itself_is_refused(policy_of):
    with pytest.raises(PolicyInvalid, match="which the rule itself is about"):
        policy_of(LOOKUP % "lake.sec.*")


def test_rule_10_a_right_that_is_taken_away_is_gone_with_the_next_policy(
    policy_of, someone, registry
):
    before, after = (
        policy_of(f"grants: [{ALLOW}{more}]")
        for more in ("", ', {to: "*", on: lake.sales.orders.id, deny: select}')
    )
    assert before.fingerprint(someone()) != after.fingerprint(someone())
    name = TableName("lake", "sales", "orders")
    columns = [
        [column.name for column in VisibleCatalog(someone(), policy, registry).find(name).columns]
        for policy in (before, after)
    ]
    assert columns == [["id", "email", "margin"], ["email", "margin"]]


def test_rule_11_a_table_that_changes_is_decided_anew_field_by_field(policy_of, table_of, someone):
    policy = policy_of(f'grants: [{ALLOW}, {{to: "*", on: "**.x", deny: select}}]')
    for names, left in ((["y"], ()), (["x", "y"], ("y",))):
        kind = pa.struct([(name, pa.string()) for name in names])
        grant = policy.decide(someone(), table_of("lake.s.t", Column("a", kind)))
        assert tuple(field.name for field in grant.fields.get("a", ())) == left


@pytest.mark.parametrize("text", ["lake.s.t.(a|b)", "lake.s.t.a.+", "^lake.s.t", "lake.s.[tu]"])
def test_rule_12_there_are_no_regular_expressions(text):
    with pytest.raises(GlobInvalid):
        compile_pattern(text)


@pytest.mark.parametrize("name", ["lake.s.tt", "xlake.s.t", "lake.s.t2", "lake.ss.t"])
def test_rule_12_a_pattern_matches_whole_names_only(policy_of, table_of, someone, name):
    policy = policy_of("grants: [{to: '*', on: lake.s.t, allow: select}]")
    assert policy.decide(someone(), table_of(name, "a")) is None


def test_what_is_hidden_without_a_rule_is_logged(policy_of, table_of, someone, caplog):
    policy = policy_of(
        f"""
        grants: [{ALLOW}]
        masks:
          - {{name: a, on: "**.x", to: "*", using: "1"}}
          - {{name: b, on: "**.x", to: "*", using: "2"}}
        """
    )
    table = table_of("lake.s.t", Column("a", pa.struct([("X", pa.int8()), ("y", pa.int8())])))
    with caplog.at_level(logging.WARNING, "auth.policy"):
        policy.decide(someone(), table)
    assert 'hides a."X": its masks conflict' in caplog.text
