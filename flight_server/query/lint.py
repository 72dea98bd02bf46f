"""What an author of a policy should look at in its SQL: masks that hide nothing, and misfits.

A remark is a guess that errs on both sides; nothing is refused for one.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

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
from flight_server.query.parser import Node, nodes
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
_SAMPLES: Mapping[str, Any] = {
    "VARCHAR": "x",
    "BIGINT": 1,
    "DOUBLE": 1.0,
    "BOOLEAN": True,
    "DATE": "2000-01-01",
}


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
            text = _inversion(tree, rule.own) if column else ""
            found += [remark(rule.rule.because, text)] if text else []
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
    read: dict[str, Table] = {}
    for name in sorted(compiler.lookups(expression, column)):
        lookup = known.get(expression.lookups[name].folded)
        if lookup is None:
            raise LookupUnreadable(f"lookup {name} is no table of the catalogs")
        read[name] = lookup
    columns = ((name, frozenset(fold(c.name) for c in t.columns)) for name, t in read.items())
    around = Surroundings(table.name.table, tuple(columns))
    raw = frozenset(c.name for c in table.columns)
    if column is None:
        sql = compiler.filter(expression, raw, around)
    else:
        sql = compiler.mask(expression, raw, column, around)
    compiler.settled(expression, sql, table, read)


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


def _name(node: Node) -> str:
    name = str(node["column_names"][0])
    return name if name == COLUMN else fold(name)


def _arguments(node: Node) -> list[Node]:
    return [argument["expression"] for argument in node.get("arguments") or []]


def _cast_type(node: Node) -> str:
    path = ((node.get("type_expr") or {}).get("qualified_name") or {}).get("path") or [""]
    return fold(str(path[0]))
