"""That somebody has looked at every function and every kind of node of the pinned DuckDB.

An upgrade that brings a new one is refused by the gate in any case; here it stops the build, until
it is on a list of what may be used or on one of what may not.
"""

from __future__ import annotations

import copy
import json
import re
import string
from collections.abc import Iterator

import duckdb
import pytest

from catalog.names import fold
from flight_server.query import functions, gate, refused
from flight_server.query.errors import NotAllowed, QueryError
from flight_server.query.gate import Gate
from flight_server.query.parser import Parser

PARSER = Parser()
GATE = Gate(PARSER)
IN_EXPRESSIONS = ("scalar", "aggregate", "macro", "window")
IN_FROM = ("table", "table_macro", "pragma")
ALLOWED = functions.ALLOWED | functions.SESSION


def every_function(*kinds: str) -> list[str]:
    with duckdb.connect() as connection:
        rows = connection.execute(
            "SELECT DISTINCT function_name FROM duckdb_functions() WHERE function_type IN "
            "(SELECT unnest(?)) ORDER BY 1",
            [list(kinds)],
        ).fetchall()
    return [fold(str(name)) for (name,) in rows]


def test_every_kind_of_function_is_known() -> None:
    with duckdb.connect() as connection:
        kinds = connection.execute("SELECT DISTINCT function_type FROM duckdb_functions()")
        assert {kind for (kind,) in kinds.fetchall()} == {*IN_EXPRESSIONS, *IN_FROM}


def test_every_function_is_allowed_or_refused_with_a_reason() -> None:
    known = every_function(*IN_EXPRESSIONS)
    assert len(known) > 900
    assert not [n for n in known if n not in ALLOWED and not refused.why_refused(n)]
    assert not [n for n in known if n in ALLOWED and refused.why_refused(n)]


def test_every_function_of_from_is_allowed_or_refused_with_a_reason() -> None:
    known = every_function(*IN_FROM)
    assert "read_parquet" in known
    free = functions.TABLE_FUNCTIONS
    assert not [n for n in known if n not in free and not refused.why_refused_in_from(n)]
    assert not [n for n in known if n in free and refused.why_refused_in_from(n)]


@pytest.mark.parametrize(
    ("reasons", "kinds"), [(refused.REFUSED, IN_EXPRESSIONS), (refused.REFUSED_IN_FROM, IN_FROM)]
)
def test_what_is_refused_exists_and_has_one_reason(
    reasons: dict[str, frozenset[str]], kinds: tuple[str, ...]
) -> None:
    listed = sorted(name for members in reasons.values() for name in members)
    assert len(listed) == len(set(listed))
    assert set(listed) <= set(every_function(*kinds))


def test_allowed_and_answered_functions_are_apart() -> None:
    assert not functions.ALLOWED & functions.SESSION


def test_allowed_functions_with_side_effects_are_only_clocks_and_chance() -> None:
    with duckdb.connect() as connection:
        rows = connection.execute(
            "SELECT DISTINCT function_name FROM duckdb_functions() "
            "WHERE has_side_effects AND function_type IN ('scalar', 'aggregate', 'macro')"
        ).fetchall()
    allowed = {fold(str(name)) for (name,) in rows} & functions.ALLOWED
    assert allowed <= functions.VOLATILE


def test_no_table_function_stands_in_from_but_those_that_count() -> None:
    for name in every_function(*IN_FROM):
        if name in functions.TABLE_FUNCTIONS:
            continue
        for call in (f'SELECT * FROM "{name}"()', f'SELECT * FROM "{name}"(1, x := 2)'):
            with pytest.raises(NotAllowed):
                GATE.check(call)


def test_refused_functions_are_refused_wherever_they_stand() -> None:
    for name in every_function(*IN_EXPRESSIONS):
        if refused.why_refused(name):
            with pytest.raises(QueryError):
                GATE.check(f'SELECT "{name}"(a) FROM t')
    for place in ("OVER ()", "FILTER (WHERE true)"):
        with pytest.raises(NotAllowed):
            GATE.check(f"SELECT stats(a) {place} FROM t")


# --- nodes ----------------------------------------------------------------------------------------

_TREE = PARSER.tree("SELECT a = 1 FROM t ORDER BY a")
# What the parser knows and no statement may have.
BOUND_OR_INTERNAL_CLASSES = functions.names(
    """
    AGGREGATE BOUND_AGGREGATE BOUND_CASE BOUND_COLUMN_REF BOUND_CONJUNCTION BOUND_CONSTANT
    BOUND_DEFAULT BOUND_EXPANDED BOUND_FUNCTION BOUND_LAMBDA BOUND_LAMBDA_REF BOUND_OPERATOR
    BOUND_PARAMETER BOUND_REF BOUND_SUBQUERY BOUND_UNNEST BOUND_WINDOW DEFAULT INVALID LAMBDA_REF
    LEGACY_BOUND_BETWEEN LEGACY_BOUND_CAST LEGACY_BOUND_COMPARISON
    """
)
BOUND_OR_INTERNAL_TYPES = functions.names(
    """
    AGGREGATE BOUND_AGGREGATE BOUND_COLUMN_REF BOUND_EXPANDED BOUND_FUNCTION BOUND_LAMBDA_REF
    BOUND_REF BOUND_UNNEST CAST FUNCTION_REF INVALID LAMBDA_REF PLACEHOLDER TABLE_REF TABLE_STAR
    VALUE_DEFAULT VALUE_NULL VALUE_SCALAR VALUE_TUPLE VALUE_TUPLE_ADDRESS VALUE_VECTOR
    WINDOW_FUNCTION
    """
)
WRITING_OR_BOUND_QUERIES = functions.names(
    """
    BOUND_SUBQUERY_NODE COPY_QUERY_NODE CTE_NODE DELETE_QUERY_NODE INSERT_QUERY_NODE
    MERGE_QUERY_NODE STATEMENT_NODE UPDATE_QUERY_NODE
    """
)
OTHER_TABLES = functions.names(
    "BOUND_TABLE_REF COLUMN_DATA CTE DELIM_GET INVALID SHOW_REF"  # SHOW_REF is also SUMMARIZE
)
INVENTORY = {
    "query nodes": (("node", "type"), gate.QUERY_NODES, WRITING_OR_BOUND_QUERIES),
    "tables": (("node", "from_table", "type"), gate.TABLE_NODES, OTHER_TABLES),
    "modifiers": (
        ("node", "modifiers", 0, "type"),
        gate.MODIFIERS,
        frozenset({"LEGACY_LIMIT_PERCENT_MODIFIER"}),
    ),
    "orders": (
        ("node", "modifiers", 0, "orders", 0, "type"),
        gate.ORDERS,
        frozenset({"ASC", "DEFAULT", "DESC", "INVALID"}),
    ),
    "classes": (
        ("node", "select_list", 0, "class"),
        frozenset(gate.EXPRESSIONS),
        BOUND_OR_INTERNAL_CLASSES,
    ),
    "types": (
        ("node", "select_list", 0, "type"),
        frozenset().union(*gate.EXPRESSIONS.values()),
        BOUND_OR_INTERNAL_TYPES,
    ),
}


def candidates(
    cursor: duckdb.DuckDBPyConnection, path: tuple[str | int, ...], word: str
) -> list[str]:
    """The names that DuckDB suggests in place of one that it does not know at this place."""
    tree = copy.deepcopy(_TREE)
    place = tree
    for step in path[:-1]:
        place = place[step]
    place[path[-1]] = word
    text = json.dumps({"error": False, "statements": [tree]})
    try:
        cursor.execute("SELECT json_deserialize_sql(?::JSON)", [text]).fetchall()
    except duckdb.Error as error:
        _, found, listed = str(error).partition("Candidates:")
        return re.findall(r'"(\w+)"', listed) if found else []
    return []


def near(name: str) -> Iterator[str]:
    """Words that are near a name, but are none."""
    words = name.split("_")
    yield f"{name}_"
    yield name[:-1]
    for index in range(len(words)):
        yield f"{words[index]}X"
        yield "_".join((*words[:index], "X", *words[index + 1 :]))


def known_to_duckdb(path: tuple[str | int, ...], listed: frozenset[str]) -> set[str]:
    """All names that DuckDB knows at a place, found by asking for what it does not know."""
    found: set[str] = set()
    asked: set[str] = set()
    todo = [*string.ascii_uppercase, *(word for name in listed for word in near(name))]
    with duckdb.connect() as connection:
        while todo:
            word = todo.pop()
            if word in asked:
                continue
            asked.add(word)
            for name in candidates(connection, path, word):
                if name not in found:
                    found.add(name)
                    todo.extend(near(name))
    return found


@pytest.mark.parametrize("kind", INVENTORY)
def test_every_kind_of_node_was_looked_at(kind: str) -> None:
    path, allowed, denied = INVENTORY[kind]
    # What is denied is not told to the search: it finds it as it would find what is new.
    found = known_to_duckdb(path, allowed)
    assert not found - allowed - denied, "new: allow or deny them"
    assert not allowed - found, "allowed, although they are gone"
    assert not denied - found, "denied, although they are gone"
    assert not allowed & denied
