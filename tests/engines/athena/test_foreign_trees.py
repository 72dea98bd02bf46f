"""Whatever tree of a statement comes, it is translated or refused: no other error comes out."""

from __future__ import annotations

import copy
import json
import os
import random
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pytest

from catalog.model import Column, Table
from catalog.names import TableName
from flight_server.engines.athena.binder import Binder, Node
from flight_server.engines.athena.translate import translate
from flight_server.engines.athena.translated import AthenaTable
from flight_server.engines.base import Relation, RelationColumn, Secured
from flight_server.engines.errors import Untranslatable
from tests.oracle import edges
from tests.oracle import lake as oracle
from tests.oracle.generator import Generator
from tests.statements import read_all
from tests.trino import lake
from tests.trino.corpus import idioms

COUNT = int(os.environ.get("FLIGHT_SERVER_TREES", "5000"))
SEED = 20260114
RANDOM = 400
_ATTACKS = Path(__file__).parents[2] / "security" / "attacks"
_SCHEMA = pa.schema([("id", pa.int64()), ("v", pa.string())])
_ODD: tuple[Any, ...] = (None, 0, -1, 2**70, "", "x\0", True, [], {}, [[]], [None], "SELECT_NODE")


class Given(Binder):
    """A binder that gives one tree for every statement."""

    def __init__(self) -> None:
        super().__init__()
        self.given: Node = {}

    def tree(self, text: str) -> Node:
        return self.given if text == "given" else super().tree(text)


@pytest.fixture(scope="module")
def binder() -> Given:
    return Given()


@dataclass(frozen=True)
class Tree:
    """The tree of a statement, and the schema in which its names are."""

    schema: str
    node: Node


def _relation(name: TableName, schema: pa.Schema) -> Relation:
    table = Table(name, tuple(Column(field.name, field.type) for field in schema))
    return Relation(name, table, tuple(RelationColumn(c.name, c.type) for c in table.columns))


_NAMES = {TableName(*name.split(".")): schema for name, schema in oracle.SCHEMAS.items()}
_RELATIONS = (
    *(lake.whole(name) for name in lake.names()),
    *(_relation(name, schema) for name, schema in _NAMES.items()),
)
_PLACES = {**lake.PLACES, **{name: AthenaTable("c", name.schema, name.table) for name in _NAMES}}


@pytest.fixture(scope="module")
def trees(binder: Given) -> list[Tree]:
    found = []
    for schema, text in texts():
        try:
            found.append(Tree(schema, binder.tree(text)))
        except Untranslatable:
            continue
    return found


def texts() -> Iterator[tuple[str, str]]:
    """The dialect's corpus, statements of attacks, and random ones, with where their names are."""
    yield from (("s", idiom.sql) for idiom in idioms())
    attacks = (attack for attack in read_all(_ATTACKS) if "alone" not in attack.marks)
    yield from (("shop", attack.text) for attack in attacks)
    chance = random.Random(SEED)
    generator = Generator(oracle.SCHEMAS, oracle.SCHEMAS, edges.stored(), chance)
    yield from (("shop", generator.next().query.text) for _ in range(RANDOM))


def fault(binder: Given, tree: Tree) -> str:
    """What comes of a tree: `translated`, `refused`, or what it stumbled over."""
    binder.given = tree.node
    secured = Secured("given", _RELATIONS, catalog="lake", schema=tree.schema)
    try:
        translate(secured, None, _SCHEMA, _PLACES, binder)
    except Untranslatable as error:
        cause = error.__cause__
        if cause is not None and not isinstance(cause, Untranslatable | duckdb.Error):
            return f"stumbled: {cause!r}"
        return "translated" if error.construct.startswith("A result ") else "refused"
    return "translated"


def nodes(tree: Any) -> Iterator[Any]:
    """All objects and lists of a tree."""
    if isinstance(tree, dict | list):
        yield tree
        for inner in tree.values() if isinstance(tree, dict) else tree:
            yield from nodes(inner)


def expressions(tree: Any) -> list[Node]:
    """All expressions of a tree."""
    return [node for node in nodes(tree) if isinstance(node, dict) and "class" in node]


def test_trees_of_statements_never_stumble(binder: Given, trees: list[Tree]) -> None:
    assert len(trees) > 700
    wrong = [told for tree in trees if (told := fault(binder, tree)).startswith("stumbled")]
    assert not wrong, "\n".join(sorted(set(wrong)))


def test_expressions_in_each_others_places_never_stumble(binder: Given, trees: list[Tree]) -> None:
    """Every such tree is one that a statement could have: no part has another form."""
    chance = random.Random(SEED)
    names = functions()
    parts = [part for tree in trees for part in expressions(tree.node)]
    wrong, kinds = set(), Counter[str]()
    for _ in range(COUNT - len(trees)):
        tree = copy.deepcopy(chance.choice(trees))
        for _ in range(chance.randint(1, 3)):
            part = chance.choice(expressions(tree.node) or [{}])
            if part.get("class") == "FUNCTION" and chance.random() < 0.5:
                part["function_name"] = chance.choice(names)
                part["arguments"] = (part.get("arguments") or [])[: chance.randint(0, 3)]
            else:
                other = copy.deepcopy(chance.choice(parts))
                part.clear()
                part.update(other)
        told = fault(binder, tree)
        kinds[told.partition(":")[0]] += 1
        if told.startswith("stumbled"):
            wrong.add(f"{told} {json.dumps(tree.node)[:2000]}")
    assert not wrong, "\n".join(sorted(wrong)[:20])
    assert kinds["translated"] > COUNT // 50, kinds


def functions() -> list[str]:
    """The names of all of DuckDB's functions, and one that is none."""
    found = duckdb.sql("SELECT DISTINCT function_name FROM duckdb_functions()").fetchall()
    return [*sorted(name for (name,) in found), "no_such_function"]


def test_damaged_trees_are_refused(binder: Given, trees: list[Tree]) -> None:
    """As another version of the parser might give them: keys that are gone, and odd values."""
    chance = random.Random(SEED)
    for _ in range(COUNT // 5):
        tree = copy.deepcopy(chance.choice(trees))
        place = chance.choice(list(nodes(tree.node)))
        if isinstance(place, dict) and place:
            key = chance.choice(list(place))
            if chance.random() < 0.5:
                del place[key]
            else:
                place[key] = chance.choice(_ODD)
        elif place:
            place[chance.randrange(len(place))] = chance.choice(_ODD)
        fault(binder, tree)
