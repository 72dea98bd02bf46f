"""A policy file is read whole or refused, and each refusal names the line."""

from __future__ import annotations

import pytest

from auth.errors import PolicyInvalid
from auth.policy_file import parse_policy

HEAD = """version: 1
identity: {groups: [groups], claims: {tenant: {from: t, type: string}}}
roles:
  reader: {groups: [g]}
"""

BROKEN = [  # what follows the head, the line of the fault, a part of the message
    ("grunts: []", 5, "unknown key 'grunts', did you mean 'grants'?"),
    ("lookups: []", 5, "must be a mapping"),
    ("limits: {writer: {rows: 1}}", 5, "unknown role 'writer'"),
    ("grants: {}", 5, "must be a list"),
    ("grants:", 5, "must be a list"),
    ("grants: []\ngrants: []", 6, "given twice"),
    ("grants:\n  - {to: reader, on: a.b.c, alow: select}", 6, "did you mean 'allow'?"),
    ("grants:\n  - {to: reader, on: a.b.c}", 6, "either"),
    ("grants:\n  - {to: reader, on: a.b.c, allow: select, deny: select}", 6, "either"),
    ("grants:\n  - {to: reader, on: a.b.c, allow: insert}", 6, "'insert' is not supported yet"),
    ("grants:\n  - {on: a.b.c, allow: select}", 6, "'to' is missing"),
    ("grants:\n  - {to: raeder, on: a.b.c, allow: select}", 6, "did you mean 'reader'?"),
    ("grants:\n  - {to: [], on: a.b.c, allow: select}", 6, "must not be empty"),
    ("grants:\n  - {to: ['*'], on: a.b.c, allow: select}", 6, "stand alone"),
    ("grants:\n  - {to: '*', unless: '*', on: a.b.c, deny: select}", 6, "stand alone"),
    ("grants:\n  - to: reader\n    on: a.b\n    allow: select", 7, "a.b.**"),
    ("new_columns: {}", 5, "'after' is missing"),
    ("new_columns: {after: soon}", 5, "'soon' is no date"),
    ("new_columns: {after: 2026-13-01}", 5, "is no date"),
    ("new_columns: {after: 2026-11-01T12:00}", 5, "no moment with a zone"),
    ("new_columns: {after: [2026-11-01]}", 5, "must be a text"),
    ("new_columns:\n  after: 2026-11-01\n  befor: x", 7, "unknown key 'befor'"),
    ("grants:\n  - {to: reader, on: 'a.b.[c]', allow: select}", 6, "double quotes"),
    ("grants:\n  - {to: reader, on: 7, allow: select}", 6, "must be a text"),
    ("grants:\n  - {to: reader, on: a.b.c.d, columns: [x], allow: select}", 6, "already"),
    ("grants:\n  - {to: reader, on: a.b.c, columns: [x.y], allow: select}", 6, "one name"),
    ("grants:\n  - {to: reader, on: a.b.c, columns: {}, allow: select}", 6, "needs"),
    ("grants:\n  - {to: reader, on: a.b.c, columns: {execpt: [a]}, allow: select}", 6, "except"),
    ("grants:\n  - &a {to: reader, on: a.b.c, allow: select}\n  - *a", 6, "anchors"),
    ("masks:\n  - {name: m, on: a.b.c.d, to: reader, using: ''}", 6, "must not be empty"),
    ("masks:\n  - {name: m, on: a.b.c.d, to: reader, using: '${colum}'}", 6, "placeholder"),
    ("masks:\n  - {name: m, on: a.b.c.d, to: reader, using: '${claims.tenent}'}", 6, "tenant"),
    ("masks:\n  - {name: m, on: a.b.c.d, to: reader, using: '${col'}", 6, "without '}'"),
    ("masks:\n  - {name: m, on: a.b.c.d, to: reader, using: x, priority: high}", 6, "integer"),
    ("masks:\n  - {name: m, on: a.b.c.d, to: reader, using: x, priority: true}", 6, "integer"),
    ("masks:\n  - {name: m n, on: a.b.c.d, to: reader, using: x}", 6, "cannot be a name"),
    (
        "masks:\n  - {name: m, on: a.b.c.d, to: reader, using: x}\n"
        "  - {name: m, on: a.b.c.e, to: reader, using: x}",
        7,
        "named already in line 6",
    ),
    ("row_filters:\n  - {name: f, on: a.b.c, to: reader, where: '${col} = 1'}", 6, "masks"),
    ("row_filters:\n  - {name: f, on: a.b.c, to: reader, where: x, mode: lax}", 6, "permissive"),
    ("row_filters:\n  - {name: f, on: a.b.c.d, to: reader, where: x}", 6, "about tables"),
    ('row_filters:\n  - {name: f, on: a.b.c, to: reader, where: "x\\u202Ey"}', 6, "invisible"),
    ("tags:\n  - {on: 'tag:x', tags: [y]}", 6, "not to other tags"),
    ("tags:\n  - {on: a.b.c, tags: ['p..i']}", 6, "cannot be a tag"),
    ("a: [", 5, ""),
    ("--- \nversion: 1", 5, "one document"),
]


@pytest.mark.parametrize(("text", "line", "part"), BROKEN)
def test_a_fault_is_told_with_its_line(text, line, part):
    with pytest.raises(PolicyInvalid) as caught:
        parse_policy(HEAD + text, "acl.yaml")
    assert part in str(caught.value)
    assert str(caught.value).startswith(f"acl.yaml:{line}:") or text == "a: ["


HEADS = [
    ("identity: {user: [email]}", "must be a text"),
    ("roles: {a: {alert: yes}}", "must be true or false"),
    ("identity: {claims: {t: {from: t, type: txt}}}", "unknown type"),
    ("identity: {claims: {t-x: {from: t, type: string}}}", "cannot be a claim"),
    ("identity: {claims: {t: string}}", "must be a mapping"),
    ("roles: {r: {groups: ['g*']}}", "exact names"),
    ("roles: {r: {groups: [no]}}", "put it in quotes"),
    ("roles: {r: {includes: [q]}}", "unknown role 'q'"),
    ("roles: {'*': {}}", "cannot be a role"),
    ("roles: {r: {users: [u]}}", "unknown key 'users'"),
]


@pytest.mark.parametrize(("text", "part"), HEADS)
def test_a_fault_in_identity_or_roles_is_told(text, part):
    with pytest.raises(PolicyInvalid, match=r"policy\.yaml:2: ") as caught:
        parse_policy("version: 1\n" + text)
    assert part in str(caught.value)


@pytest.mark.parametrize(
    "text",
    [
        "roles: {}",
        "version: '1'",
        "version: 2",
        "version: true",
        "version: 0x1",
        "a\tb: [}",
        "[" * 100_000,
        "version: 1\nroles: " + "{a: " * 40 + "1" + "}" * 40,
        "version: 1\n\0: 2",
        "x" * 5_000_000,
    ],
)
def test_a_file_that_is_no_policy_is_refused(text):
    with pytest.raises(PolicyInvalid):
        parse_policy(text)


def test_on_is_read_as_the_key_that_it_looks_like(table_of, someone):
    policy = parse_policy(HEAD + "grants:\n  - {to: reader, on: a.b.c, allow: select}")
    assert policy.decide(someone("g"), table_of("a.b.c", "x")) is not None


def test_cyclic_roles_end():
    policy = parse_policy(
        "version: 1\nroles: {a: {groups: [g], includes: [b]}, b: {includes: [a]}}"
    )
    assert policy.rules.roles["a"].includes == {"b"}


def test_rules_know_their_lines(table_of, someone):
    policy = parse_policy(HEAD + "grants:\n  - {to: reader, on: a.b.c, allow: select}")
    grant = policy.decide(someone("g"), table_of("a.b.c", "x"))
    assert [(reason.rule, reason.line) for reason in grant.because] == [
        ("allow reader on a.b.c", 6)
    ]
