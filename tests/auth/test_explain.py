"""The explanation of a decision names the rules with their lines."""

from __future__ import annotations

from auth.explain import Rows, Visibility, explain
from auth.policy_file import parse_policy

POLICY = """version: 1
identity: {claims: {t: {from: t, type: string}}}
roles:
  a: {groups: [g]}
grants:
  - {to: a, on: lake.s.t, allow: select}
  - {to: "*", on: lake.s.t.secret, deny: select}
masks:
  - {name: one, on: lake.s.t.mail, to: "*", using: "NULL"}
  - {name: two, on: "lake.s.t.m*", to: "*", using: "0", priority: -1}
  - {name: tri, on: lake.s.t.max, to: "*", using: "1", priority: -1}
row_filters:
  - {name: own, on: lake.s.t, to: a, where: "x = ${claims.t}"}
"""


def test_each_column_is_told_with_its_rules(table_of, someone):
    table = table_of("lake.s.t", "id", "mail", "max", "secret")
    told = explain(parse_policy(POLICY), someone("g", t="x"), table)
    assert told.visible
    assert [(c.name, c.visibility, [r.line for r in c.because]) for c in told.columns] == [
        ("id", Visibility.VISIBLE, [6]),
        ("mail", Visibility.MASKED, [6, 9, 10]),
        ("max", Visibility.HIDDEN, [6, 10, 11]),
        ("secret", Visibility.HIDDEN, [6, 7]),
    ]
    assert (told.rows, [r.line for r in told.row_filters]) == (Rows.FILTERED, [13])
    text = str(told)
    assert "mail: masked - allow a on lake.s.t (line 6); mask one (line 9)" in text
    assert "max: hidden" in text
    assert "masks conflict" in text
    assert "rows: filtered rows\n  row filter own (line 13)" in text


def test_a_missing_claim_is_told(table_of, someone):
    told = explain(parse_policy(POLICY), someone("g"), table_of("lake.s.t", "id"))
    assert (told.rows, told.missing_claims) == (Rows.NONE, ("t",))
    assert "missing claim: t" in str(told)


def test_a_hidden_table_is_told(table_of, someone):
    told = explain(parse_policy(POLICY), someone(), table_of("lake.s.t", "id"))
    assert (told.visible, told.rows) == (False, Rows.NONE)
    assert told.columns[0].remark == "no rule allows it"
    assert "roles (none)" in str(told)


def test_the_kinds_of_row_filters_are_told_apart(table_of, someone):
    head = "version: 1\nroles: {a: {groups: [g]}}\n"
    allow = "grants: [{to: '*', on: lake.**, allow: select}]\n"
    table = table_of("lake.s.t", "id")
    assert explain(parse_policy(head + allow), someone(), table).rows is Rows.ALL
    own = "row_filters: [{name: f, on: lake.**, to: a, where: x, mode: permissive}]"
    policy = parse_policy(head + allow + own)
    assert explain(policy, someone(), table).rows is Rows.NONE
    assert explain(policy, someone("g"), table).rows is Rows.FILTERED
