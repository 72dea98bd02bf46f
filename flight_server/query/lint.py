"""What an author of a policy should look at in its SQL: masks that hide nothing, zones, misfits.

A remark is a guess that errs on both sides; nothing is refused for one.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import pyarrow as pa

from auth.errors import PolicyInvalid
from auth.grant import Expression
from auth.lint import Remark, remark, several, unmatched
from auth.matching import covers_table, taken
from auth.policy import Policy
from auth.rules import Mask, RowFilter
from catalog.model import Table
from catalog.names import TableName, fold
from flight_server.query.expressions import Compiler, Surroundings
from flight_server.query.functions import names
from flight_server.query.gate import nodes
from flight_server.query.parser import Node
from flight_server.query.subqueries import COLUMN, LookupUnreadable

_HASHES = names("hash md5 md5_number md5_number_lower md5_number_upper sha1 sha256")
# What gives back all of what it is given, in another form.
_REVERSIBLE = names(
    """
    reverse array_reverse list_reverse base64 to_base64 from_base64 hex to_hex unhex from_hex bin
    to_binary unbin encode decode url_encode url_decode concat || upper lower ucase lcase
    translate rot13 lpad rpad trim ltrim rtrim list_value list_pack array_value struct_pack
    row to_json json_quote string_split split str_split format printf nfc_normalize
    """
)
_ARITHMETIC = names("+ - * add subtract multiply xor")
_TEXTS = names("varchar text string char bpchar blob bytea varbinary binary json")
# Functions that read the clock of the session off a moment.
_ZONED = names(
    """
    century date_diff date_part date_sub date_trunc datediff datepart datesub datetrunc day dayname
    dayofmonth dayofweek dayofyear decade era hour isodow isoyear last_day millennium minute month
    monthname quarter strftime time_bucket week weekday weekofyear year yearweek timezone_hour
    timezone_minute concat || format printf julian
    """
)
_MOMENTS = names("to_timestamp make_timestamptz")
_SAME_TYPE = names("coalesce greatest least + - date_trunc datetrunc ifnull nullif")
_MOMENT_TYPES = names("timestamptz timestamptz_ns") | {"timestamp with time zone"}
_HAS_ZONE = re.compile(r"(\+\d\d(:?\d\d)?|:\S*-\d\d(:?\d\d)?|Z|UTC)\s*$", re.IGNORECASE)
_SAMPLES: Mapping[str, Any] = {
    "VARCHAR": "x",
    "BIGINT": 1,
    "DOUBLE": 1.0,
    "BOOLEAN": True,
    "DATE": "2000-01-01",
}
_ZONE = "depends on the time zone of the session, which the caller chooses: use AT TIME ZONE 'UTC'"


@dataclass(frozen=True, slots=True)
class _Rule:
    """A rule with its expression and where it applies: tables, and for masks their columns."""

    rule: RowFilter | Mask
    expression: Expression
    places: tuple[tuple[Table, str | None], ...]

    @property
    def own(self) -> frozenset[str]:
        """The names, folded, that stand for the masked value."""
        return frozenset({COLUMN, *(fold(name) for _, name in self.places if name)})

    @property
    def moments(self) -> frozenset[str]:
        """The names, folded, of columns that are moments in some table."""
        found = set()
        for table, name in self.places:
            for column in table.columns:
                if pa.types.is_timestamp(column.type) and column.type.tz is not None:
                    found |= {fold(column.name), *([COLUMN] if column.name == name else [])}
        return frozenset(found)


def review(policy: Policy, tables: Sequence[Table], compiler: Compiler) -> list[Remark]:
    """All remarks on a policy over the tables of the catalogs, in the order of its lines.

    Raises `PolicyInvalid` for an expression that fits no table at all.
    """
    found = list(unmatched(policy, tables))
    known = {table.name.folded: table for table in tables}
    for rule in _rules(policy, tables):
        found += _misfits(rule, known, compiler)
        if rule.expression.built_in is None:
            column = COLUMN if isinstance(rule.rule, Mask) else None
            tree = compiler.tree(rule.expression, column)["node"]["select_list"][0]
            texts = [_inversion(tree, rule.own)] if column else []
            texts += [_ZONE] if _depends_on_zone(tree, rule.moments) else []
            found += [remark(rule.rule.because, text) for text in texts if text]
    return sorted(found)


def _rules(policy: Policy, tables: Sequence[Table]) -> Iterator[_Rule]:
    rules: list[RowFilter | Mask] = [*policy.rules.row_filters, *policy.rules.masks]
    for rule, entry in zip(rules, policy.expressions(), strict=True):
        places: list[tuple[Table, str | None]] = []
        for table in tables:
            target = policy.prepared(table)
            if isinstance(rule, RowFilter):
                places += [(table, None)] if covers_table(rule.on, target) else []
            else:
                covered = set(map(id, taken(rule.on, target)))
                places += [(table, p.column.name) for p in target.columns if id(p) in covered]
        claims = {
            name: (kind, _sample(kind)) for name, (kind, _) in entry.expression.claims.items()
        }
        yield _Rule(rule, replace(entry.expression, claims=claims), tuple(places))


def _sample(kind: str) -> Any:
    element = _SAMPLES[kind.removesuffix("[]")]
    return [element] if kind.endswith("[]") else element


def _misfits(rule: _Rule, known: Mapping[TableName, Table], compiler: Compiler) -> Iterator[Remark]:
    """Tables that cannot be read, or show no rows, because the SQL does not fit them."""
    names_of_tables: dict[str, list[str]] = {}
    for table, column in rule.places if rule.expression.built_in is None else ():
        try:
            _compile(rule.expression, table, column, known, compiler)
        except (PolicyInvalid, LookupUnreadable) as error:
            names_of_tables.setdefault(str(error), []).append(str(table.name))
    for why, misfits in names_of_tables.items():
        yield remark(rule.rule.because, f"does not fit {several(misfits)}: {why}")


def _compile(
    expression: Expression,
    table: Table,
    column: str | None,
    known: Mapping[TableName, Table],
    compiler: Compiler,
) -> None:
    read = []
    for name in compiler.lookups(expression, column):
        lookup = known.get(expression.lookups[name].folded)
        if lookup is None:
            raise LookupUnreadable(f"lookup {name} is no table of the catalogs")
        read.append((name, frozenset(fold(c.name) for c in lookup.columns)))
    around = Surroundings(table.name.table, tuple(read))
    raw = frozenset(c.name for c in table.columns)
    if column is None:
        compiler.filter(expression, raw, around)
    else:
        compiler.mask(expression, raw, column, around)


def _inversion(tree: Node, own: frozenset[str]) -> str:
    """Why a mask can be undone; empty where no reason is seen."""
    if _keeps(tree, own):
        return "gives back the whole value, in a form that can be undone"
    for node in nodes(tree):
        hashes = fold(str(node.get("function_name"))) in _HASHES and not _salted(node, own)
        if hashes and any(_keeps(argument, own) for argument in _arguments(node)):
            return "is a hash without a key: who can guess values can test them"
    return ""


def _keeps(node: Node, own: frozenset[str]) -> bool:
    """Whether all of the value can be told from what an expression gives."""
    match node.get("class"):
        case "COLUMN_REF":
            return len(node["column_names"]) == 1 and _name(node) in own
        case "CAST":
            return _cast_type(node) in _TEXTS and _keeps(node["child"], own)
        case "FUNCTION":
            name, arguments = fold(node["function_name"]), _arguments(node)
            others = [each for each in arguments if not _keeps(each, own)]
            if name in _ARITHMETIC and any(each.get("class") != "CONSTANT" for each in others):
                return False
            return len(others) < len(arguments) and name in _REVERSIBLE | _ARITHMETIC
        case "CASE":
            results = [check["then_expr"] for check in node["case_checks"]]
            return all(_keeps(result, own) for result in (*results, node["else_expr"]) if result)
        case "OPERATOR" if node.get("type") == "OPERATOR_COALESCE":
            return _keeps(node["children"][0], own)
    return False


def _salted(node: Node, own: frozenset[str]) -> bool:
    """Whether a hash is of more than the value: of a text of the policy, or of other columns."""
    for part in nodes(_arguments(node)):
        if part.get("class") in ("CONSTANT", "PARAMETER"):
            return True
        if part.get("class") == "COLUMN_REF" and _name(part) not in own:
            return True
    return False


def _depends_on_zone(tree: Node, moments: frozenset[str]) -> bool:
    return any(_reads_zone(node, moments) for node in nodes(tree) if "class" in node)


def _reads_zone(node: Node, moments: frozenset[str]) -> bool:
    """Whether a node turns moments into days, parts or text, or these into moments."""
    match node["class"]:
        case "CAST":
            to_moment, child = _cast_type(node) in _MOMENT_TYPES, node["child"]
            if to_moment:
                return not _is_moment(child, moments) and not _has_zone(child)
            return _is_moment(child, moments)
        case "FUNCTION" if fold(node["function_name"]) in _ZONED:
            return any(_is_moment(argument, moments) for argument in _arguments(node))
        case "COMPARISON":
            return _mixed([node["left"], node["right"]], moments)
        case "BETWEEN":
            return _mixed([node["input"], node["lower"], node["upper"]], moments)
        case "OPERATOR" if str(node.get("type")).startswith(("COMPARE_IN", "COMPARE_NOT_IN")):
            return _mixed(node["children"], moments)
    return False


def _mixed(operands: Sequence[Node], moments: frozenset[str]) -> bool:
    """Whether moments are compared with something that the session's zone makes one."""
    others = [each for each in operands if not _is_moment(each, moments)]
    known = ("SUBQUERY",)
    return len(others) < len(operands) and any(
        not _has_zone(each) for each in others if each.get("class") not in known
    )


def _is_moment(node: Node, moments: frozenset[str]) -> bool:
    """Whether an expression is a TIMESTAMPTZ."""
    match node.get("class"):
        case "COLUMN_REF":
            return len(node["column_names"]) == 1 and _name(node) in moments
        case "CAST":
            return _cast_type(node) in _MOMENT_TYPES
        case "FUNCTION":
            name, arguments = fold(node["function_name"]), list(_arguments(node))
            if name == "timezone" and len(arguments) == 2:
                return not _is_moment(arguments[1], moments)
            within = any(_is_moment(argument, moments) for argument in arguments)
            return name in _MOMENTS or (name in _SAME_TYPE and within)
        case "OPERATOR" if node.get("type") == "OPERATOR_COALESCE":
            return any(_is_moment(child, moments) for child in node["children"])
        case "CASE":
            results = [check["then_expr"] for check in node["case_checks"]]
            return any(_is_moment(each, moments) for each in (*results, node["else_expr"]))
    return False


def _has_zone(node: Node) -> bool:
    """Whether a constant says its zone itself, or is no moment at all."""
    literal = node.get("literal") or {}
    if node.get("class") != "CONSTANT":
        return False
    return literal.get("kind") != "STRING" or bool(_HAS_ZONE.search(str(literal.get("text"))))


def _name(node: Node) -> str:
    name = str(node["column_names"][0])
    return name if name == COLUMN else fold(name)


def _arguments(node: Node) -> list[Node]:
    return [argument["expression"] for argument in node.get("arguments") or []]


def _cast_type(node: Node) -> str:
    path = ((node.get("type_expr") or {}).get("qualified_name") or {}).get("path") or [""]
    return fold(str(path[0]))
