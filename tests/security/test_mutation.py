"""Accepted statements with one thing changed in their trees: the gate or the catalog refuses each.

What is changed is what an attacker, or a new version of the parser, might bring: another table,
another function, a kind of node that nobody has looked at, at any place of any statement.
"""

from __future__ import annotations

import logging
import os
import random
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pytest

from auth.errors import TableNotFound
from auth.policy_file import parse_policy
from auth.principal import Principal
from auth.visible import VisibleCatalog
from catalog.memory import MemoryCatalog
from catalog.model import Column, Table
from catalog.names import TableName
from catalog.registry import Registry
from flight_server.query import gate, refused
from flight_server.query.errors import FunctionNotFound, NotAllowed, QueryError
from flight_server.query.gate import examine
from flight_server.query.lexical import check_size
from flight_server.query.parser import Node, Parser, nodes
from flight_server.query.resolve import Defaults, complete, resolve
from tests.statements import read, read_all

TESTS = Path(__file__).parents[1]
# How many changes of each statement are tried; which ones follows from a seed.
EACH = int(os.environ.get("MUTANTS_OF_EACH_STATEMENT", "85"))
AT_LEAST = 50_000

DEFAULTS = Defaults("lake", "shop")
POLICY = """
version: 1
roles: {everyone: {groups: [people]}}
grants:
  - {to: everyone, on: "**", allow: select}
  - {to: everyone, on: lake.shop.hidden, deny: select}
  - {to: everyone, on: "lake.vault.**", deny: select}
  - {to: everyone, on: "dark.**", deny: select}
"""
HIDDEN = [("lake", "shop", "hidden"), ("lake", "vault", "secrets"), ("dark", "shop", "customers")]
# Other tables that a reference is made to name.
ELSEWHERE = [
    ["hidden"],
    ["HIDDEN"],
    ["shop", "hidden"],
    ["vault", "secrets"],
    ["lake", "vault", "secrets"],
    ["dark", "shop", "customers"],
    ["nothing"],
    ["lake", "shop", "nothing"],
    ["lake", "deep", "shop", "customers"],
    ["information_schema", "duckdb_tables"],
    ["system", "main", "duckdb_views"],
    ["pg_catalog", "pg_class"],
    ["/etc/passwd"],
    ["customers.parquet"],
    ["customers$files"],
    [""],
]
# Functions that are refused, whatever the place.
FORBIDDEN = sorted(
    {*refused.REFUSED["runs text or a plan"], *refused.REFUSED["changes state"]}
    | {*refused.REFUSED["tells of settings, sessions or the network"]}
    | {*refused.REFUSED["tells of statistics or storage"], *refused.REFUSED["waits"]}
    | {*refused.REFUSED_IN_FROM["reads files"], *refused.REFUSED_IN_FROM["runs text or a plan"]}
    | {"nothing_of_the_kind", "current_setting", "__internal_compress_string_ubigint"}
)
QUERIES = ["INSERT_QUERY_NODE", "COPY_QUERY_NODE", "DELETE_QUERY_NODE", "STATEMENT_NODE", "UNHEARD"]
TABLES = ["SHOW_REF", "COLUMN_DATA", "DELIM_GET", "BOUND_TABLE_REF", "UNHEARD", "INVALID"]
CLASSES = ["BOUND_REF", "DEFAULT", "AGGREGATE", "LAMBDA_REF", "UNHEARD", "BASE_TABLE", ""]
TYPES = ["TABLE_REF", "FUNCTION_REF", "VALUE_DEFAULT", "UNHEARD", "BASE_TABLE", "SHOW_REF"]
GRAFTS = [
    {"type": "UNHEARD"},
    {"class": "UNHEARD", "type": "COLUMN_REF"},
    {"type": "BASE_TABLE", "qualified_name": {"path": ["lake", "vault", "secrets"]}},
    {"class": "FUNCTION", "type": "FUNCTION", "function_name": "query",
     "qualified_name": {"path": ["query"]}},
    {"unheard": 1},
]  # fmt: skip


# --- what the statements are asked of -------------------------------------------------------------


@dataclass(frozen=True)
class Seed:
    """A statement that is accepted, with its tree."""

    text: str
    tree: Node


def parsed(parser: Parser) -> Iterator[Seed]:
    """All statements of the tests that are for users, as far as the gate takes them."""
    people = read(TESTS / "query" / "gate" / "accepted.sql")
    corpora = [example for f in ("tpch", "tpcds", "clickbench")
               for example in read(TESTS / "corpora" / f"{f}.sql")]  # fmt: skip
    attacks = [a for a in read_all(Path(__file__).parent / "attacks") if "refused" not in a.marks]
    for example in (*people, *corpora, *attacks):
        text = example.fill(defaultdict(lambda: "x"))
        try:
            check_size(text)
            tree = parser.tree(text)
            examine(text, tree)
        except QueryError:
            continue
        yield Seed(text, tree)


@pytest.fixture(scope="module")
def seeds() -> list[Seed]:
    return list(parsed(Parser()))


@pytest.fixture(scope="module")
def visible(seeds: list[Seed]) -> VisibleCatalog:
    """A catalog with every table that the statements name, and the hidden ones."""
    found = {TableName(*name).folded for name in HIDDEN}
    for seed in seeds:
        for reference in examine(seed.text, seed.tree).tables:
            if len(reference.parts) <= 3:
                found.add(complete(reference, DEFAULTS).folded)
    held = defaultdict(list)
    for name in found:
        held[name.catalog].append(Table(name, (Column("a", pa.int64()),)))
    usual = [name for name in held if name not in ("system", "__information_schema")]
    registry = Registry([MemoryCatalog(name, held[name]) for name in usual])
    return VisibleCatalog(Principal("ann", frozenset({"people"})), parse_policy(POLICY), registry)


def is_accepted(seed: Seed, visible: VisibleCatalog) -> bool:
    """What the gate and the catalog say of a tree; any other error is one of the server's."""
    try:
        resolve(examine(seed.text, seed.tree), visible, DEFAULTS)
    except (FunctionNotFound, NotAllowed, TableNotFound):
        return False
    return True


# --- what is changed ------------------------------------------------------------------------------


def mutants(node: Node, chance: random.Random) -> Iterator[tuple[str, Node]]:
    """What a node is changed to: its new content, and a word for the change."""
    kind = node.get("type")
    if "class" in node:
        yield from _expressions(node, chance)
    elif isinstance(kind, str):
        yield from _typed(node, kind, chance)
    yield "a dictionary under a new key", {**node, "unheard": chance.choice(GRAFTS)}
    lists = [key for key, value in node.items() if isinstance(value, list)]
    if lists:
        key = chance.choice(lists)
        yield "one more in a list", {**node, key: [*node[key], chance.choice(GRAFTS)]}
    empty = [key for key, value in node.items() if value is None]
    if empty:
        yield "something where nothing was", {**node, chance.choice(empty): chance.choice(GRAFTS)}


def _expressions(node: Node, chance: random.Random) -> Iterator[tuple[str, Node]]:
    yield "an unknown class", {**node, "class": chance.choice(CLASSES)}
    yield "an unknown type of expression", {**node, "type": chance.choice(TYPES)}
    if node["class"] in ("FUNCTION", "WINDOW"):
        name = chance.choice(FORBIDDEN)
        called = {"function_name": name, "qualified_name": {"path": [name]}}
        yield "another function", {**node, **called}
        yield "another function behind the name", {**node, "qualified_name": {"path": [name]}}
        place = [*chance.choice([["system", "main"], ["main"], ["pg_catalog"]])]
        path = [*place, node["function_name"]]
        yield "a qualified function", {**node, "qualified_name": {"path": path}}
        yield "a function's schema", {**node, "schema": "main"}
    if node["class"] == "TYPE":
        yield "another type", {**node, "qualified_name": {"path": [chance.choice(["mine", ""])]}}
        yield "a qualified type", {**node, "qualified_name": {"path": ["lake", "integer"]}}


def _typed(node: Node, kind: str, chance: random.Random) -> Iterator[tuple[str, Node]]:
    other = QUERIES if kind in gate.QUERY_NODES else TABLES
    yield "an unknown kind of node", {**node, "type": chance.choice(other)}
    yield "no kind of node", {key: value for key, value in node.items() if key != "type"}
    if kind == "BASE_TABLE":
        for path in chance.sample(ELSEWHERE, 6):
            yield "another table", {**node, "qualified_name": {"path": path}}
        yield "an earlier state", {**node, "at_clause": {"unit": "VERSION", "expr": None}}
    if kind == "TABLE_FUNCTION":
        name = chance.choice(FORBIDDEN)
        called = {"function_name": name, "qualified_name": {"path": [name]}}
        yield "another table function", {**node, "function": {**node["function"], **called}}


def changed(seed: Seed, chance: random.Random, most: int) -> Iterator[str]:
    """Change a seed's tree in place, one change at a time; yields the word for each."""
    places = list(nodes(seed.tree))
    tried = 0
    while tried < most:
        # A large statement is changed at some places only, a small one at all of them, repeatedly.
        for node in chance.sample(places, len(places)):
            before = dict(node)
            for word, after in mutants(node, chance):
                node.clear()
                node.update(after)
                yield word
                node.clear()
                node.update(before)
                tried += 1
                if tried == most:
                    return


def test_statements_as_they_are_are_accepted(seeds: list[Seed], visible: VisibleCatalog) -> None:
    assert len(seeds) > 600
    assert not [seed.text for seed in seeds if not is_accepted(seed, visible)]


@pytest.mark.timeout(600)
def test_no_mutant_is_accepted(
    seeds: list[Seed],
    visible: VisibleCatalog,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    caplog.set_level(logging.ERROR)  # each tree of an unexpected shape is logged
    monkeypatch.setattr("time.sleep", lambda seconds: None)  # refusals take a while on purpose
    chance = random.Random(11)
    tried: Counter[str] = Counter()
    wrong = []
    for seed in seeds:
        for word in changed(seed, chance, EACH):
            tried[word] += 1
            if is_accepted(seed, visible):
                wrong.append(f"{word} in {seed.text[:200]}")
    assert not wrong, "\n".join(wrong[:20])
    assert tried.total() >= AT_LEAST
    assert len(tried) == 16
    assert min(tried.values()) > 20


def test_changing_a_tree_leaves_it_as_it_was(seeds: list[Seed]) -> None:
    for seed in seeds[:50]:
        before = repr(seed.tree)
        for _ in changed(seed, random.Random(1), 50):
            pass
        assert repr(seed.tree) == before
