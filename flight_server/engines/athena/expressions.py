"""Expressions of DuckDB's tree in Athena's dialect; what is not named here is refused."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Protocol

from catalog.names import fold, quote
from flight_server.engines.athena import aggregates, comparisons, functions
from flight_server.engines.athena.binder import Binder, Node
from flight_server.engines.athena.scope import Scope
from flight_server.engines.athena.types import BOOLEAN, NULL, VARCHAR, Type
from flight_server.engines.athena.values import (
    Value,
    call_type,
    coerced,
    common,
    converted,
    joined,
    literal,
    plain,
)
from flight_server.engines.errors import Untranslatable

_MAX_DEPTH = 200


class Subqueries(Protocol):
    """Translates a subquery: its SQL, and the types of its columns."""

    def subquery(self, node: Node, scope: Scope) -> tuple[str, tuple[Type, ...]]: ...


@dataclass(frozen=True, slots=True)
class Expressions:
    """Translates expressions within a scope. `parameters` are the values bound to a statement."""

    binder: Binder
    scope: Scope
    queries: Subqueries
    parameters: Mapping[str, Value]
    text: bytes | None = None
    depth: int = 0
    trying: bool = False

    def at(self, node: Node) -> int | None:
        """The place of a node in the statement, in characters."""
        found = node.get("query_location")
        if self.text is None or not isinstance(found, int) or found > len(self.text):
            return None
        return len(self.text[:found].decode(errors="ignore"))

    def value(self, node: Node) -> Value:
        """The translation of one expression."""
        kind = str(node.get("class"))
        if self.depth > _MAX_DEPTH:
            raise Untranslatable("An expression nested this deeply", self.at(node))
        made = _CLASSES.get(kind)
        if made is None:
            raise Untranslatable(_words(str(node.get("type", kind))), self.at(node))
        return made(replace(self, depth=self.depth + 1), node)

    def values(self, nodes: list[Node]) -> list[Value]:
        """The translations of several expressions."""
        return [self.value(node) for node in nodes]

    def condition(self, node: Node) -> Value:
        """A boolean expression."""
        value = self.value(node)
        return joined([value], coerced(value, BOOLEAN), BOOLEAN, value.at)


def _words(kind: str) -> str:
    return kind.replace("_", " ").capitalize()


def _constant(self: Expressions, node: Node) -> Value:
    held, at = node["literal"], self.at(node)
    kind, text = held["kind"], str(held.get("text", ""))
    if kind == "NULL_LITERAL":
        return Value("NULL", NULL, literal="NULL", at=at)
    if kind == "BOOLEAN":
        return Value(text.lower(), BOOLEAN, literal=text, at=at)
    if kind == "STRING":
        sql = literal(text)
        return Value(sql, VARCHAR, literal=sql, text=text, at=at)
    if kind == "HEX":
        return Value(f"X'{text}'", Type("BLOB"), at=at)
    if kind in ("INTEGER", "NUMERIC"):
        return number(self.binder, text, at)
    raise Untranslatable("This literal", at)


def number(binder: Binder, text: str, at: int | None) -> Value:
    """A number as it is written."""
    bare = text.replace("_", "")
    kind = binder.type(bare, (), at)
    if kind.name in ("INTEGER", "BIGINT"):
        sql = bare if not bare.startswith("-") else f"({bare})"
        sql = sql if kind.name == "INTEGER" else f"CAST({sql} AS bigint)"
        return Value(sql, kind, literal=bare, number=int(bare), at=at)
    if kind.name == "HUGEINT":
        return Value(f"CAST(DECIMAL '{bare}' AS {kind.trino})", kind, literal=bare, at=at)
    if kind.name == "DECIMAL":
        return Value(f"CAST(DECIMAL '{bare}' AS {kind.trino})", kind, literal=bare, at=at)
    if kind.name == "DOUBLE":
        return Value(f"DOUBLE '{bare}'", kind, literal=bare, at=at)
    raise Untranslatable("This number", at)


def _parameter(self: Expressions, node: Node) -> Value:
    found = self.parameters.get(str(node["identifier"]))
    if found is None:
        raise Untranslatable("A parameter without a value", self.at(node))
    return replace(found, at=self.at(node))


def _column(self: Expressions, node: Node) -> Value:
    path, at = [str(part) for part in node["column_names"]], self.at(node)
    alias = self.scope.aliases.get(fold(path[0])) if len(path) == 1 else None
    found = self.scope.column(path, at)
    if found is not None and alias is not None and not self.scope.owns(path):
        raise Untranslatable("A name of an item and of a query around", at)
    if found is None:
        if alias is not None:
            return alias
        if len(path) == 1 and fold(path[0]) in functions.WORDS:
            return functions.word(fold(path[0]), at)
        raise Untranslatable("A name that is not found", at)
    column, fields = found
    value = Value(column.sql, column.type, at=at)
    for name in fields:
        value = field_of(value, name, at)
    return value


def field_of(value: Value, name: str, at: int | None) -> Value:
    """A field of a struct."""
    for known, kind in value.type.parts if value.type.name == "STRUCT" else ():
        if fold(known) == fold(name):
            return value.made(f"{value.sql}.{quote(known)}", kind)
    raise Untranslatable("A field that is not found", at)


def _cast(self: Expressions, node: Node) -> Value:
    at = self.at(node)
    kind = _type(self, node["type_expr"])
    if node.get("try_cast"):
        raise Untranslatable("TRY_CAST", at)
    child = node["child"]
    if kind.name == "INTERVAL":
        raise Untranslatable("An interval as a value", at)
    value = self.value(child)
    if self.trying and value.type.name == "VARCHAR" and kind != value.type and not value.literal:
        # DuckDB reads more texts as dates than Athena does
        raise Untranslatable("A cast of VARCHAR within TRY", at)
    if value.type == kind:
        return plain(value)
    return value.made(converted(replace(value, at=at), kind), kind)


def _type(self: Expressions, node: Node) -> Type:
    text = type_text(node)
    if text is None:
        raise Untranslatable("This type", self.at(node))
    if text.upper() in ("JSON", "BIT", "BITSTRING"):
        raise Untranslatable(f"The type {text.upper()}", self.at(node))
    return self.binder.type(f"CAST(NULL AS {text})", (), self.at(node))


def type_text(node: Node) -> str | None:
    """The text of a type in the tree; None for one that is not to be had."""
    name, children = str(node.get("type_name", "")), node.get("children") or []
    if not name.replace(" ", "").replace("_", "").isalnum() or not name.isascii():
        return None
    if name.lower() in ("list", "struct", "map"):
        inner = [type_text(child) for child in children]
        if None in inner:
            return None
        if name.lower() == "list":
            return f"{inner[0]}[]"
        if name.lower() == "struct":
            named = (
                f"{quote(str(c.get('alias')))} {t}" for c, t in zip(children, inner, strict=True)
            )
            return f"STRUCT({', '.join(named)})"
        return f"MAP({inner[0]}, {inner[1]})"
    sizes = [str((child.get("literal") or {}).get("text", "?")) for child in children]
    if not all(size.isdigit() for size in sizes):
        return None
    return f"{name}({','.join(sizes)})" if sizes else name


def _comparison(self: Expressions, node: Node) -> Value:
    left, right = self.values([node["left"], node["right"]])
    return comparisons.compared(self.binder, str(node["type"]), left, right, self.at(node))


def _between(self: Expressions, node: Node) -> Value:
    at = self.at(node)
    middle, low, high = self.values([node["input"], node["lower"], node["upper"]])
    # one type for all three, as DuckDB compares them
    kind = comparisons.comparable(self.binder, [middle, low, high], at)
    middle, low, high = (replace(v, sql=coerced(v, kind), type=kind) for v in (middle, low, high))
    least = comparisons.compared(self.binder, "COMPARE_GREATERTHANOREQUALTO", middle, low, at)
    most = comparisons.compared(self.binder, "COMPARE_LESSTHANOREQUALTO", middle, high, at)
    sql = f"({least.sql} AND {most.sql})"
    if node["type"] == "COMPARE_NOT_BETWEEN":
        sql = f"(NOT {sql})"
    return joined([middle, low, high], sql, BOOLEAN, at)


def _conjunction(self: Expressions, node: Node) -> Value:
    word = {"CONJUNCTION_AND": " AND ", "CONJUNCTION_OR": " OR "}[str(node["type"])]
    values = [self.condition(child) for child in node["children"]]
    return joined(values, "(" + word.join(v.sql for v in values) + ")", BOOLEAN, self.at(node))


def _case(self: Expressions, node: Node) -> Value:
    at = self.at(node)
    whens = [self.condition(check["when_expr"]) for check in node["case_checks"]]
    thens = [self.value(check["then_expr"]) for check in node["case_checks"]]
    last = self.value(node["else_expr"]) if "else_expr" in node else Value("NULL", NULL, "NULL")
    return cases(self.binder, whens, [*thens, last], at)


def cases(binder: Binder, whens: list[Value], results: list[Value], at: int | None) -> Value:
    """CASE over conditions, with a result for each and one for the rest."""
    form = "CASE " + " ".join(f"WHEN true THEN {{{n}}}" for n in range(len(whens)))
    form += f" ELSE {{{len(whens)}}} END"
    kind = call_type(binder, form, results, at)
    pairs = " ".join(
        f"WHEN {w.sql} THEN {coerced(r, kind)}" for w, r in zip(whens, results, strict=False)
    )
    sql = f"CASE {pairs} ELSE {coerced(results[-1], kind)} END"
    return joined([*whens, *results], sql, kind, at)


def _operator(self: Expressions, node: Node) -> Value:
    kind, at = str(node["type"]), self.at(node)
    children: list[Node] = node.get("children") or []
    if kind == "GROUPING_FUNCTION":
        raise Untranslatable("GROUPING", at)
    if kind == "OPERATOR_NOT":
        inner = self.condition(children[0])
        return inner.made(f"(NOT {inner.sql})", BOOLEAN)
    if kind == "OPERATOR_TRY":
        return _tried(self, children[0], at)
    values = self.values(children)
    if kind in ("OPERATOR_IS_NULL", "OPERATOR_IS_NOT_NULL"):
        word = "IS NULL" if kind == "OPERATOR_IS_NULL" else "IS NOT NULL"
        return values[0].made(f"({values[0].sql} {word})", BOOLEAN)
    if kind in ("COMPARE_IN", "COMPARE_NOT_IN"):
        return comparisons.member(self.binder, values, negated=kind == "COMPARE_NOT_IN", at=at)
    if kind == "OPERATOR_COALESCE":
        target = common(self.binder, values, at)
        sql = ", ".join(coerced(value, target) for value in values)
        sql = f"coalesce({sql})" if len(values) > 1 else sql
        return joined(values, sql, target, at)
    if kind in ("ARRAY_EXTRACT", "STRUCT_EXTRACT"):
        return _extracted(values, at)
    if kind == "ARRAY_CONSTRUCTOR":
        return functions.made_list(self.binder, values, at)
    raise Untranslatable(_words(kind), at)


def _tried(self: Expressions, node: Node, at: int | None) -> Value:
    """TRY, over what fails for the same values in both: else the one would give NULL alone."""
    value = replace(self, trying=True).value(node)
    if value.grouped or value.windowed or value.type.has("HUGEINT"):
        raise Untranslatable("TRY of this value", at)
    if value.literal is not None or value.type.name == "NULL":
        return value
    return value.made(f"try({value.sql})", value.type)


def _extracted(values: list[Value], at: int | None) -> Value:
    value, key = values
    if value.type.name == "STRUCT" and key.text is not None:
        return field_of(value, key.text, at)
    if value.type.name == "LIST" and key.number:
        return joined(values, f"element_at({value.sql}, {key.sql})", value.type.element, at)
    if value.type.name == "MAP":
        (_, kind), (_, item) = value.type.parts
        if kind.name not in ("FLOAT", "DOUBLE"):
            return joined(values, f"element_at({value.sql}, {coerced(key, kind)})", item, at)
    raise Untranslatable("This extraction of an element", at)


def _function(self: Expressions, node: Node) -> Value:
    name, at = fold(str(node["function_name"])), self.at(node)
    known = {"class", "type", "function_name", "arguments", "is_operator", "alias", "distinct"}
    known |= {"filter", "order_bys", "export_state", "qualified_name", "query_location"}
    known |= {"query_location_length", "schema", "catalog"}
    if not node.keys() <= known or node.get("export_state"):
        raise Untranslatable("A call of this kind", at)
    if name in aggregates.AGGREGATES:
        return aggregates.aggregate(self, node, name)
    if node.get("distinct") or node.get("filter") or (node.get("order_bys") or {}).get("orders"):
        raise Untranslatable(f"The function {name}", at)
    arguments: list[Node] = node.get("arguments") or []
    shift = functions.shifted(self, name, [a["expression"] for a in arguments], at)
    if shift is not None:
        return shift
    if name == "struct_pack":
        if not all("name" in a for a in arguments):
            raise Untranslatable("The function struct_pack without names", at)
        named = [(str(a["name"]), self.value(a["expression"])) for a in arguments]
        return functions.made_struct(named, at)
    if any("name" in a for a in arguments):
        raise Untranslatable("A named argument", at)
    values = self.values([a["expression"] for a in arguments])
    if name == "struct_extract" and len(values) == 2 and values[1].text is not None:
        return field_of(values[0], values[1].text, at)
    return functions.called(self.binder, name, values, at)


def _subquery(self: Expressions, node: Node) -> Value:
    at, kind = self.at(node), str(node["subquery_type"])
    if self.trying:
        raise Untranslatable("A subquery within TRY", at)
    sql, types = self.queries.subquery(node["subquery"]["node"], self.scope)
    if kind in ("EXISTS", "NOT_EXISTS"):
        return Value(f"({'NOT ' if kind == 'NOT_EXISTS' else ''}EXISTS ({sql}))", BOOLEAN, at=at)
    if len(types) != 1:
        raise Untranslatable("A subquery of several columns", at)
    if kind == "SCALAR":
        return Value(f"({sql})", types[0], at=at)
    if kind == "ANY":
        child = self.value(node["child"])
        return comparisons.any_of(
            self.binder, str(node["comparison_type"]), child, (sql, types[0]), at
        )
    raise Untranslatable("A subquery of this kind", at)


def _window(self: Expressions, node: Node) -> Value:
    return aggregates.window(self, node)


_CLASSES: Mapping[str, Callable[[Expressions, Any], Value]] = {
    "CONSTANT": _constant,
    "PARAMETER": _parameter,
    "COLUMN_REF": _column,
    "CAST": _cast,
    "COMPARISON": _comparison,
    "BETWEEN": _between,
    "CONJUNCTION": _conjunction,
    "CASE": _case,
    "OPERATOR": _operator,
    "FUNCTION": _function,
    "SUBQUERY": _subquery,
    "WINDOW": _window,
}
