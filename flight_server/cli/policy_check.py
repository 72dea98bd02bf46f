"""What is wrong, or looks wrong, with a policy: alone, and against the tables there are."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Any, Final

from auth.bearers import bearers, by_role
from auth.errors import PolicyInvalid
from auth.explain import Visibility, explain
from auth.fields import narrowed
from auth.grant import Expression, FieldGrant, Grant
from auth.lint import unfit
from auth.policy import Policy
from auth.visible import VisibleTable
from catalog.errors import CatalogError
from catalog.model import Table
from catalog.registry import Registry
from flight_server.engines.duckdb.trial import trial
from flight_server.engines.errors import BindFailed
from flight_server.query import compiled
from flight_server.query.expressions import NO_KEYS, Compiler
from flight_server.query.lint import review
from flight_server.query.lookups import LookupTables
from flight_server.query.parser import Parser
from flight_server.query.places import engine_table
from flight_server.query.secure import relation

_SAMPLES: Final[Mapping[str, Any]] = {
    "VARCHAR": "x",
    "BIGINT": 1,
    "DOUBLE": 1.0,
    "BOOLEAN": True,
    "DATE": date(2000, 1, 1),
}


@dataclass(frozen=True, slots=True)
class Findings:
    """Lines to print, each starting with its line of the policy file. Faults must be mended."""

    faults: tuple[str, ...]
    warnings: tuple[str, ...]


def check(
    policy: Policy, registry: Registry | None, keys: Mapping[str, bytes] = NO_KEYS
) -> Findings:
    """Compile every expression; with catalogs, also as each of their tables would have it.

    `keys` are those of keyed hashes, by name; without catalogs they are not looked at.
    """
    compiler = Compiler(Parser(), keys)
    faults = list(compiled.faults(policy, compiler))
    if faults or registry is None:
        return _findings(faults, [])
    tables, unread = _tables(registry)
    faults += ((each.line, f"{each.rule}: {each.text}") for each in unfit(policy, tables))
    faults += _fits(policy, compiler, registry, tables)
    remarks = review(policy, tables, compiler)
    warnings = [(each.line, f"{each.rule}: {each.text}") for each in remarks]
    warnings += [*unread, *_hidden(policy, tables)]
    # of a rule that is at fault nothing else matters yet
    told = {line for line, _ in faults}
    return _findings(faults, [each for each in warnings if each[0] not in told])


def _findings(faults: list[tuple[int, str]], warnings: list[tuple[int, str]]) -> Findings:
    def lines(found: list[tuple[int, str]]) -> tuple[str, ...]:
        return tuple(f"{line}: {text}" for line, text in sorted(set(found)))

    return Findings(lines(faults), lines(warnings))


def _tables(registry: Registry) -> tuple[list[Table], list[tuple[int, str]]]:
    """All tables, and a warning for each that cannot be read."""
    found: list[Table] = []
    unread: list[tuple[int, str]] = []
    for schema in registry.schemas():
        for name in registry.tables(schema):
            try:
                table = registry.table(name)
            except CatalogError as error:
                unread.append((1, f"table {name} was left out: {error}"))
                continue
            if table is not None:
                found.append(table)
    return found, unread


def _fits(
    policy: Policy, compiler: Compiler, registry: Registry, tables: Sequence[Table]
) -> Iterator[tuple[int, str]]:
    """Filters and masks that cannot be made for a table that they are about.

    Whoever reads such a table would get an error: it is found here with the rule and its line.
    """
    known = by_role(policy)
    lookups = LookupTables(registry)
    claims = {name: _sample(rule.type.sql) for name, rule in policy.identity.claims.items()}
    done: set[tuple[object, ...]] = set()
    for table in tables:
        for bearer in bearers([known], None):
            for expression, single in _single(known.decide(bearer.principal, table), claims):
                key = (expression.name, table.name, single.columns)
                if key in done:
                    continue
                done.add(key)
                try:
                    trial(relation(engine_table(_visible(table, single)), compiler, lookups))
                except (PolicyInvalid, BindFailed) as error:
                    why = f"does not fit {table.name}: {error}"
                    yield expression.because.line, f"{expression.because.rule}: {why}"


def _single(
    grant: Grant | None, claims: Mapping[str, tuple[str, Any]]
) -> Iterator[tuple[Expression, Grant]]:
    """Each filter and mask of a grant, with a grant of a column that has nothing else.

    Claims get sample values: without any, nothing would be compiled.
    """

    def sampled(expression: Expression) -> Expression:
        return replace(expression, claims=claims)

    if grant is None:
        return
    for expression in (*grant.restrictive, *grant.permissive):
        yield expression, Grant(grant.columns[:1], restrictive=(sampled(expression),))
    for column, mask in grant.masks.items():
        yield mask, Grant((column,), masks={column: sampled(mask)})
    for column, fields in grant.fields.items():
        for mask in _masks(fields):
            sampled_fields = tuple(_sampled(field, sampled) for field in fields)
            yield mask, Grant((column,), fields={column: sampled_fields})


def _masks(fields: Iterable[FieldGrant]) -> Iterator[Expression]:
    for field in fields:
        if field.mask is not None:
            yield field.mask
        yield from _masks(field.fields)


def _sampled(field: FieldGrant, sampled: Callable[[Expression], Expression]) -> FieldGrant:
    return replace(
        field,
        mask=None if field.mask is None else sampled(field.mask),
        fields=tuple(_sampled(inner, sampled) for inner in field.fields),
    )


def _visible(table: Table, grant: Grant) -> VisibleTable:
    granted = ((column, grant.column(column.name)) for column in table.columns)
    columns = tuple(narrowed(column, seen) for column, seen in granted if seen is not None)
    return VisibleTable(table, grant, columns)


def _sample(kind: str) -> tuple[str, Any]:
    """A value of a claim's type; of one that is not known, none."""
    value = _SAMPLES.get(kind.removesuffix("[]"))
    return kind, [value] if kind.endswith("[]") else value


def _hidden(policy: Policy, tables: Sequence[Table]) -> Iterator[tuple[int, str]]:
    """Columns that are allowed to a role but hidden, for masks conflict or do not fit."""
    known = by_role(policy)
    for bearer in bearers([known], None):
        for table in tables:
            if known.decide(bearer.principal, table) is None:
                continue
            told = explain(known, bearer.principal, table, has_claims=False)
            for column in told.columns:
                if column.visibility is Visibility.HIDDEN and "masks conflict" in column.remark:
                    line = max(reason.line for reason in column.because)
                    where = f"{table.name}.{column.name} for {bearer}"
                    yield line, f"{where}: {column.remark}"
