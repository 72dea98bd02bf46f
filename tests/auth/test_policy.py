"""The semantics of a policy: each promise of the language is a test."""

from __future__ import annotations

import logging
import re
from dataclasses import replace

import pyarrow as pa
import pytest

from auth.errors import PolicyInvalid
from auth.grant import Grant
from auth.policy import unbound
from auth.policy_file import parse_policy
from catalog.model import Column


def visible(grant: Grant | None) -> tuple[str, ...]:
    return () if grant is None else grant.columns


# default deny


def test_rule_1_what_nothing_allows_is_hidden(policy_of, table_of, someone):
    policy = policy_of("grants: [{to: reader, on: lake.sales.orders, allow: select}]")
    reader = someone("g-reader")
    assert visible(policy.decide(reader, table_of("lake.sales.orders", "a", "b"))) == ("a", "b")
    assert policy.decide(reader, table_of("lake.sales.other", "a")) is None
    assert policy.decide(someone("g-other"), table_of("lake.sales.orders", "a")) is None
    assert policy.decide(someone(), table_of("lake.sales.orders", "a")) is None


def test_rule_1_a_policy_without_sections_gives_nothing(table_of, someone):
    policy = parse_policy("version: 1")
    assert policy.decide(someone("g-reader"), table_of("lake.s.t", "a")) is None


def test_rule_1_a_denial_alone_gives_nothing(policy_of, table_of, someone):
    policy = policy_of("grants: [{to: reader, on: lake.s.t, deny: select, columns: {except: [a]}}]")
    assert policy.decide(someone("g-reader"), table_of("lake.s.t", "a", "b")) is None


def test_rule_1_a_table_without_columns_is_hidden(policy_of, table_of, someone):
    policy = policy_of("grants: [{to: '*', on: lake.**, allow: select}]")
    assert policy.decide(someone(), table_of("lake.s.t")) is None


@pytest.mark.parametrize("text", ["", "# nothing\n", "---\n", "null", "[]", "version: 2"])
def test_rule_1_an_empty_or_foreign_file_is_refused(text):
    with pytest.raises(PolicyInvalid):
        parse_policy(text)


# order-free, deny overrides


def test_rule_2_a_denial_wins_however_specific_the_allow(policy_of, table_of, someone):
    policy = policy_of(
        """
        grants:
          - {to: reader, on: lake.**, deny: select, columns: [secret]}
          - {to: analyst, on: lake.sales.orders.secret, allow: select}
          - {to: analyst, on: lake.sales.orders, allow: select}
        """
    )
    table = table_of("lake.sales.orders", "id", "secret")
    assert visible(policy.decide(someone("g-analyst"), table)) == ("id",)


def test_rule_2_rights_are_the_union_of_all_roles(policy_of, table_of, someone):
    policy = policy_of(
        """
        grants:
          - {to: reader, on: lake.s.t.a, allow: select}
          - {to: privacy, on: lake.s.t.b, allow: select}
        """
    )
    table = table_of("lake.s.t", "a", "b", "c")
    assert visible(policy.decide(someone("g-reader", "g-privacy"), table)) == ("a", "b")


def test_rule_2_an_included_role_brings_its_rights_and_its_denials(policy_of, table_of, someone):
    policy = policy_of(
        """
        grants:
          - {to: reader, on: lake.s.t, allow: select}
          - {to: reader, on: lake.s.t.b, deny: select}
          - {to: analyst, on: lake.s.t.b, allow: select}
        """
    )
    table = table_of("lake.s.t", "a", "b")
    assert visible(policy.decide(someone("g-analyst"), table)) == ("a",)
    assert policy.roles(someone("g-analyst")) == {"analyst", "reader"}


def test_rule_2_unless_exempts_from_its_own_rule_only(policy_of, table_of, someone):
    policy = policy_of(
        """
        grants:
          - {to: "*", on: lake.s.t, allow: select}
          - {to: "*", on: lake.s.t.ssn, deny: select, unless: privacy}
          - {to: reader, on: lake.s.t.ssn, deny: select}
        """
    )
    table = table_of("lake.s.t", "id", "ssn")
    assert visible(policy.decide(someone("g-privacy"), table)) == ("id", "ssn")
    assert visible(policy.decide(someone("g-privacy", "g-reader"), table)) == ("id",)


def test_rule_2_unless_gives_nothing_by_itself(policy_of, table_of, someone):
    policy = policy_of("grants: [{to: '*', on: lake.s.t, deny: select, unless: [privacy]}]")
    assert policy.decide(someone("g-privacy"), table_of("lake.s.t", "a")) is None


def test_rule_2_no_name_is_an_administrator(policy_of, table_of, someone):
    policy = policy_of("grants: [{to: analyst, on: lake.**, allow: select}]")
    for name in ("admin", "root", "*", "superuser"):
        assert policy.decide(someone(name, subject=name), table_of("lake.s.t", "a")) is None


def test_rule_2_an_except_limits_its_own_allow_only(policy_of, table_of, someone):
    table = table_of("lake.s.t", "id", "margin")
    narrow = "{to: reader, on: lake.s.t, columns: {except: [margin]}, allow: select}"
    alone = policy_of(f"grants: [{narrow}]")
    assert visible(alone.decide(someone("g-reader"), table)) == ("id",)
    wider = policy_of(f"grants: [{narrow}, {{to: reader, on: lake.s.*, allow: select}}]")
    assert visible(wider.decide(someone("g-reader"), table)) == ("id", "margin")


# visibility follows columns


def test_rule_3_a_table_is_visible_while_one_column_is(policy_of, table_of, someone):
    policy = policy_of(
        """
        grants:
          - {to: "*", on: lake.s.*, allow: select}
          - {to: "*", on: "lake.s.*.{a,b}", deny: select}
        """
    )
    assert visible(policy.decide(someone(), table_of("lake.s.t", "a", "b", "c"))) == ("c",)
    assert policy.decide(someone(), table_of("lake.s.t", "a", "b")) is None


def test_rule_3_columns_keep_the_order_and_spelling_of_the_table(policy_of, table_of, someone):
    policy = policy_of("grants: [{to: '*', on: lake.s.t, columns: [z, A, m*], allow: select}]")
    assert visible(policy.decide(someone(), table_of("LAKE.S.T", "Max", "a", "b", "Z"))) == (
        "Max",
        "a",
        "Z",
    )


# fields within columns: lists and maps are one whole (structs: see test_fields.py)


STRUCT = pa.struct([("zip", pa.string()), ("geo", pa.struct([("lat", pa.float64())]))])
WHOLE = [
    Column("address", pa.list_(STRUCT)),
    Column("address", pa.large_list(STRUCT)),
    Column("address", pa.map_(pa.string(), STRUCT)),
    Column("address", STRUCT, children=(Column("zip", pa.string()),)),  # contradicts its type
    Column("address", pa.struct([("zip", pa.string()), ("ZIP", pa.string()), ("geo", STRUCT)])),
]


@pytest.mark.parametrize("column", WHOLE)
@pytest.mark.parametrize("pattern", ["**.zip", "lake.**.lat", "lake.s.t.address.**", "**.geo.*"])
def test_rule_5_a_denial_within_what_cannot_be_taken_apart_takes_the_whole_column(
    policy_of, table_of, someone, column, pattern
):
    policy = policy_of(
        f"""
        grants:
          - {{to: "*", on: lake.**, allow: select}}
          - {{to: "*", on: "{pattern}", deny: select}}
        """
    )
    assert visible(policy.decide(someone(), table_of("lake.s.t", "id", column))) == ("id",)


@pytest.mark.parametrize("column", WHOLE)
def test_rule_5_an_allow_of_a_part_of_a_whole_gives_nothing(policy_of, table_of, someone, column):
    policy = policy_of("grants: [{to: '*', on: '**.zip', allow: select}]")
    assert policy.decide(someone(), table_of("lake.s.t", "id", column)) is None


@pytest.mark.parametrize("column", WHOLE[:3])
def test_rule_5_a_list_or_map_is_seen_once_every_part_of_it_is_allowed(
    policy_of, table_of, someone, column
):
    allows = "\n".join(
        f"  - {{to: '*', on: lake.s.t.address.{path}, allow: select}}"
        for path in ("zip", "key", "value.geo", "element.geo.lat")
    )
    grant = policy_of(f"grants:\n{allows}").decide(someone(), table_of("lake.s.t", "id", column))
    assert visible(grant) == ("address",)
    assert not grant.fields


def test_rule_5_tags_within_a_list_deny_and_hide(policy_of, table_of, someone):
    child = Column("zip", pa.string(), tags=frozenset({"pii.home"}))
    kind = pa.struct([("zip", pa.string())])
    element = Column("element", kind, children=(child,))
    table = table_of("lake.s.t", "id", Column("homes", pa.list_(kind), children=(element,)))
    allow = '{to: "*", on: lake.**, allow: select}'
    denied = policy_of(f"grants: [{allow}, {{to: '*', on: 'tag:pii', deny: select}}]")
    assert visible(denied.decide(someone(), table)) == ("id",)
    masked = policy_of(
        f"grants: [{allow}]\nmasks: [{{name: m, on: 'tag:pii', to: '*', using: 'NULL'}}]"
    )
    assert visible(masked.decide(someone(), table)) == ("id",)
    allowed = policy_of("grants: [{to: '*', on: 'tag:pii', allow: select}]")
    assert visible(allowed.decide(someone(), table)) == ("homes",)


# row filters


FILTERS = """
grants: [{to: "*", on: lake.**, allow: select}]
row_filters:
  - {name: tenant, on: lake.s.t, to: "*", unless: [privacy], where: "tenant = ${claims.tenant}"}
  - {name: region, on: "lake.s.*", to: analyst, where: "region IN (${claims.regions})"}
  - {name: own, on: lake.s.t, to: reader, where: "open", mode: permissive}
  - {name: more, on: lake.s.t, to: analyst, where: "late", mode: permissive}
"""


def names(expressions) -> list[str]:
    return [expression.name for expression in expressions]


def test_rule_6_restrictive_and_permissive_filters_that_apply_are_all_given(
    policy_of, table_of, someone
):
    policy, table = policy_of(FILTERS), table_of("lake.s.t", "a")
    analyst = policy.decide(someone("g-analyst"), table)
    assert names(analyst.restrictive) == ["region", "tenant"]
    assert names(analyst.permissive) == ["more", "own"]
    reader = policy.decide(someone("g-reader"), table)
    assert names(reader.restrictive) == ["tenant"]
    assert names(reader.permissive) == ["own"]


def test_rule_6_a_table_with_permissive_filters_of_others_shows_no_rows(
    policy_of, table_of, someone
):
    grant = policy_of(FILTERS).decide(someone(), table_of("lake.s.t", "a"))
    assert grant.has_permissive
    assert grant.permissive == ()


def test_rule_6_filters_do_not_reach_other_tables(policy_of, table_of, someone):
    grant = policy_of(FILTERS).decide(someone("g-reader"), table_of("lake.s.u", "a"))
    assert (grant.restrictive, grant.has_permissive) == ((), False)


def test_rule_6_one_exempt_from_every_permissive_filter_sees_all_rows(policy_of, table_of, someone):
    policy = policy_of(
        """
        grants: [{to: "*", on: lake.**, allow: select}]
        row_filters:
          - {name: p, on: lake.s.t, to: reader, unless: privacy, where: x, mode: permissive}
        """
    )
    table = table_of("lake.s.t", "a")
    assert not policy.decide(someone("g-privacy", "g-reader"), table).has_permissive
    assert policy.decide(someone(), table).has_permissive


def test_rule_6_a_filter_cannot_be_tied_to_one_grant(policy_of):
    with pytest.raises(PolicyInvalid, match="unknown key 'where'"):
        policy_of("grants: [{to: reader, on: lake.s.t, allow: select, where: x}]")


def test_rule_6_a_filter_by_tag_applies_where_the_table_or_a_column_has_it(
    policy_of, table_of, someone
):
    policy = policy_of(
        """
        grants: [{to: "*", on: lake.**, allow: select}]
        row_filters: [{name: f, on: "tag:pii", to: "*", where: x}]
        """
    )
    column = Column("mail", pa.string(), tags=frozenset({"pii.email"}))
    assert policy.decide(someone(), table_of("lake.s.t", "a", column)).restrictive
    table = table_of("lake.s.t", "a", tags=frozenset({"PII"}))
    assert policy.decide(someone(), table).restrictive
    assert not policy.decide(someone(), table_of("lake.s.t", "a")).restrictive


# masks


def masked(policy_of, masks: str):
    return policy_of(f"grants: [{{to: '*', on: lake.**, allow: select}}]\nmasks: [{masks}]")


ONE = "{name: one, on: lake.s.t.a, to: '*', using: 'upper(${col})'}"


def test_rule_7_a_mask_applies_to_its_column(policy_of, table_of, someone, masks_of):
    grant = masked(policy_of, ONE).decide(someone(), table_of("lake.s.t", "A", "b"))
    assert masks_of(grant) == {"A": "upper(${col})"}


def test_rule_7_two_different_masks_hide_the_column_and_warn(policy_of, table_of, someone, caplog):
    policy = masked(policy_of, f"{ONE}, {{name: two, on: 'lake.**.a', to: '*', using: 'NULL'}}")
    with caplog.at_level(logging.WARNING, "auth.policy"):
        grant = policy.decide(someone(), table_of("lake.s.t", "a", "b"))
    assert visible(grant) == ("b",)
    assert grant.masks == {}
    assert "hides a: its masks conflict" in caplog.text


def test_rule_7_the_same_mask_twice_is_no_conflict(policy_of, table_of, someone):
    two = "{name: two, on: lake.s.t.a, to: '*', using: 'upper(${col})'}"
    grant = masked(policy_of, f"{ONE}, {two}").decide(someone(), table_of("lake.s.t", "a"))
    assert visible(grant) == ("a",)


def test_rule_7_the_highest_priority_wins_and_equal_ones_conflict(
    policy_of, table_of, someone, masks_of
):
    high = "{name: high, on: lake.s.t.a, to: '*', using: 'NULL', priority: 5}"
    also = "{name: also, on: lake.s.t.a, to: '*', using: '0', priority: 5}"
    table = table_of("lake.s.t", "a", "b")
    assert masks_of(masked(policy_of, f"{ONE}, {high}").decide(someone(), table)) == {"a": "NULL"}
    assert visible(masked(policy_of, f"{ONE}, {high}, {also}").decide(someone(), table)) == ("b",)


def test_rule_7_a_denial_beats_a_mask(policy_of, table_of, someone):
    policy = policy_of(
        f"""
        grants:
          - {{to: "*", on: lake.**, allow: select}}
          - {{to: "*", on: lake.s.t.a, deny: select}}
        masks: [{ONE}]
        """
    )
    grant = policy.decide(someone(), table_of("lake.s.t", "a", "b"))
    assert (visible(grant), dict(grant.masks)) == (("b",), {})


def test_rule_7_a_mask_that_reaches_into_a_list_hides_the_column(policy_of, table_of, someone):
    policy = masked(policy_of, "{name: m, on: '**.zip', to: '*', using: 'NULL'}")
    grant = policy.decide(someone(), table_of("lake.s.t", "id", Column("homes", pa.list_(STRUCT))))
    assert visible(grant) == ("id",)


def test_rule_7_unless_shows_the_raw_value(policy_of, table_of, someone):
    policy = masked(policy_of, "{name: m, on: '**.a', to: '*', unless: privacy, using: 'NULL'}")
    table = table_of("lake.s.t", "a")
    assert policy.decide(someone(), table).masks
    assert not policy.decide(someone("g-privacy"), table).masks


# claims


def test_rule_8_claims_are_bound_as_typed_values_beside_the_text(policy_of, table_of, someone):
    hostile = "x' OR '1'='1"
    grant = policy_of(FILTERS).decide(
        someone("g-analyst", tenant_id=hostile, regions=["EU", "US"]), table_of("lake.s.t", "a")
    )
    region, tenant = grant.restrictive
    assert tenant.sql == "tenant = ${claims.tenant}"
    assert dict(tenant.claims) == {"tenant": ("VARCHAR", hostile)}
    assert dict(region.claims) == {"regions": ("VARCHAR[]", ("EU", "US"))}


@pytest.mark.parametrize("value", [None, 7, True, ["acme"], {"a": 1}, "nul\0", "x" * 5000])
def test_rule_8_a_claim_that_is_missing_or_mistyped_is_not_bound(
    policy_of, table_of, someone, value
):
    claims = {} if value is None else {"tenant_id": value}
    grant = policy_of(FILTERS).decide(someone("g-reader", **claims), table_of("lake.s.t", "a"))
    assert unbound(grant.restrictive[0]) == {"tenant"}


def test_rule_8_a_list_claim_is_bounded_and_homogeneous(policy_of, table_of, someone):
    table = table_of("lake.s.t", "a")
    for value in (["x"] * 10_001, ["x", 1], ["x", None], "x"):
        grant = policy_of(FILTERS).decide(someone("g-analyst", regions=value), table)
        assert "regions" not in grant.restrictive[0].claims
    empty = policy_of(FILTERS).decide(someone("g-analyst", regions=[]), table)
    assert dict(empty.restrictive[0].claims) == {"regions": ("VARCHAR[]", ())}


# fingerprint


def test_rule_10_the_fingerprint_follows_policy_subject_roles_and_used_claims(policy_of, someone):
    policy = policy_of(FILTERS)
    base = policy.fingerprint(someone("g-reader", tenant_id="a"))
    assert re.fullmatch("[0-9a-f]{64}", base)
    assert base == policy.fingerprint(someone("g-reader", "g-unknown", tenant_id="a", other=1))
    different = {
        policy.fingerprint(someone("g-reader", tenant_id="b")),
        policy.fingerprint(someone("g-reader")),
        policy.fingerprint(someone("g-analyst", tenant_id="a")),
        policy.fingerprint(someone("g-reader", subject="bob", tenant_id="a")),
        policy_of(FILTERS.replace("open", "shut")).fingerprint(someone("g-reader", tenant_id="a")),
    }
    assert base not in different
    assert len(different) == 5


def test_rule_10_the_version_ignores_comments_and_spacing_only(policy_of):
    version = policy_of(FILTERS).version
    assert version == policy_of("# a comment\n" + FILTERS.replace(", to:", ",   to:")).version
    assert version != policy_of(FILTERS.replace("late", "Late")).version


# caching


def test_rule_11_decisions_of_two_users_never_mix(policy_of, table_of, someone):
    policy, table = policy_of(FILTERS), table_of("lake.s.t", "a")
    for turn in range(10_000):
        who = "acme" if turn % 2 else "umbrella"
        grant = policy.decide(someone("g-reader", subject=who, tenant_id=who), table)
        assert grant.restrictive[0].claims["tenant"] == ("VARCHAR", who)


def test_rule_11_a_table_with_new_tags_is_decided_anew(policy_of, table_of, someone):
    policy = policy_of(
        """
        grants:
          - {to: "*", on: lake.**, allow: select}
          - {to: "*", on: tag:pii, deny: select}
        """
    )
    assert policy.decide(someone(), table_of("lake.s.t", "a")) is not None
    assert policy.decide(someone(), table_of("lake.s.t", "a", tags=frozenset({"pii"}))) is None


# matching


def test_rule_12_names_fold_ascii_only_so_a_kelvin_sign_is_not_a_k(policy_of, table_of, someone):
    policy = policy_of("grants: [{to: '*', on: Lake.Sales.Keys, allow: select}]")
    assert policy.decide(someone(), table_of("LAKE.sales.KEYS", "a")) is not None
    assert policy.decide(someone(), table_of("lake.sales.\u212aeys", "a")) is None
    other = policy_of("grants: [{to: '*', on: lake.s.\u212aeys, allow: select}]")
    assert other.decide(someone(), table_of("lake.s.keys", "a")) is None


def test_columns_whose_names_differ_in_case_only_are_hidden(policy_of, table_of, someone):
    policy = policy_of("grants: [{to: '*', on: lake.**, allow: select}]")
    table = table_of("lake.s.t", "id", "Key", "kEY", "\u212aey")
    assert visible(policy.decide(someone(), table)) == ("id", "\u212aey")


# tags


TAGGED = """
tags:
  - {on: "lake.*.*.email", tags: [pii.email]}
  - {on: lake.hr.staff, tags: internal}
grants:
  - {to: "*", on: lake.**, allow: select}
  - {to: "*", on: "%s", deny: select}
"""


@pytest.mark.parametrize(
    ("pattern", "hidden"),
    [
        ("tag:pii.email", True),
        ("tag:pii", True),
        ("tag:pii.*", True),
        ("tag:PII.**", True),
        ("tag:**", True),
        ("tag:*", True),
        ("tag:pii.e", False),
        ("tag:pii.email.*", False),
        ("tag:email", False),
    ],
)
def test_a_tag_rule_reaches_what_lies_below_its_tag(policy_of, table_of, someone, pattern, hidden):
    policy = policy_of(TAGGED % pattern)
    grant = policy.decide(someone(), table_of("lake.s.t", "id", "EMAIL"))
    assert visible(grant) == (("id",) if hidden else ("id", "EMAIL"))


def test_a_tag_of_a_table_is_a_tag_of_all_its_columns(policy_of, table_of, someone):
    policy = policy_of(TAGGED % "tag:internal")
    assert policy.decide(someone(), table_of("lake.hr.staff", "a", "b")) is None
    tagged = table_of("lake.x.y", "a", tags=frozenset({"internal.draft"}))
    assert policy.decide(someone(), tagged) is None


def test_tags_of_the_catalog_and_of_the_policy_add_up(policy_of, table_of, someone):
    policy = policy_of(TAGGED % "tag:secret")
    column = Column("email", pa.string(), tags=frozenset({"secret"}))
    assert visible(policy.decide(someone(), table_of("lake.s.t", "id", column))) == ("id",)
    policy = policy_of(TAGGED % "tag:pii")
    assert visible(policy.decide(someone(), table_of("lake.s.t", "id", column))) == ("id",)


def test_expressions_come_with_the_types_of_their_claims(policy_of):
    found = list(policy_of(FILTERS + f"masks: [{ONE}]").expressions())
    assert [(each.expression.name, each.kind, each.on) for each in found][::4] == [
        ("tenant", "row filter", "lake.s.t"),
        ("one", "mask", "lake.s.t.a"),
    ]
    assert dict(found[1].expression.claims) == {"regions": ("VARCHAR[]", None)}
    assert found[0].expression.because.line > 0


@pytest.mark.parametrize(
    ("on", "seen"),
    [
        ("**", False),
        ("*.governance.**", False),
        ("s*.governance.users", False),
        ("tag:own", False),
        ("system.**", True),
        ("system.governance.users", True),
        ("SYSTEM.governance.users.name", True),
    ],
)
def test_the_servers_own_tables_are_given_only_by_who_spells_out_their_catalog(
    policy_of, table_of, someone, on, seen
):
    table = replace(
        table_of("system.governance.users", "name", tags=frozenset({"own"})),
        rows=lambda: iter(()),
    )
    policy = policy_of(f'grants: [{{to: "*", on: "{on}", allow: select}}]')
    assert (policy.decide(someone("g"), table) is not None) is seen


def test_the_servers_own_tables_are_taken_away_by_any_rule(policy_of, table_of, someone):
    table = replace(table_of("system.governance.users", "name"), rows=lambda: iter(()))
    policy = policy_of(
        'grants: [{to: "*", on: "system.**", allow: select}, {to: "*", on: "**", deny: select}]'
    )
    assert policy.decide(someone("g"), table) is None
