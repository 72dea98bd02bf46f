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
from auth.masks import Hash
from auth.policy import Policy
from auth.visible import VisibleTable
from catalog.errors import CatalogError
from catalog.model import Table
from catalog.names import TableName
from catalog.registry import Registry
from flight_server.cli.tables import tables as tables_of
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
    """Lines to print, each starting with its line of the policy file. Faults must be mended.

    `tables` is how many tables were looked at.
    """

    faults: tuple[str, ...]
    warnings: tuple[str, ...]
    tables: int = 0


def check(
    policy: Policy, registry: Registry | None, keys: Mapping[str, bytes] | None = None
) -> Findings:
    """Compile every expression; with catalogs, also as each of their tables would have it.

    `keys` are those of keyed hashes, by name; None where they are not known here.
    """
    alone = check_alone(policy, keys)
    if alone.faults or registry is None:
        return alone
    return check_over(policy, registry, keys)


def check_alone(policy: Policy, keys: Mapping[str, bytes] | None) -> Findings:
    """What is wrong with a policy whatever tables there are."""
    faults = list(compiled.faults(policy, Compiler(Parser(), keys or NO_KEYS)))
    if keys is not None:
        for mask in policy.rules.masks:
            if isinstance(mask.built_in, Hash) and mask.built_in.key not in keys:
                faults.append((mask.because.line, f"policy.keys has no key {mask.built_in.key!r}"))
    return _findings(faults, [])


def check_over(
    policy: Policy, registry: Registry, keys: Mapping[str, bytes] | None = None
) -> Findings:
    """What is or looks wrong with a policy, itself sound, over the tables of the catalogs."""
    compiler = Compiler(Parser(), keys or NO_KEYS)
    unread: list[tuple[int, str]] = []

    def left_out(name: TableName, error: CatalogError) -> None:
        unread.append((1, f"table {name} was left out: {error}"))

    tables = list(tables_of(registry, left_out))
    faults = [(each.line, f"{each.rule}: {each.text}") for each in unfit(policy, tables)]
    faults += _fits(policy, compiler, registry, tables)
    remarks = review(policy, tables, compiler)
    warnings = [(each.line, f"{each.rule}: {each.text}") for each in remarks]
    warnings += [*unread, *_hidden(policy, tables)]
    # of a rule that is at fault nothing else matters yet
    told = {line for line, _ in faults}
    found = _findings(faults, [each for each in warnings if each[0] not in told])
    return replace(found, tables=len(tables))


def _findings(faults: list[tuple[int, str]], warnings: list[tuple[int, str]]) -> Findings:
    def lines(found: list[tuple[int, str]]) -> tuple[str, ...]:
        return tuple(f"{line}: {text}" for line, text in sorted(set(found)))

    return Findings(lines(faults), lines(warnings))


def _fits(
    policy: Policy, compiler: Compiler, registry: Registry, tables: Sequence[Table]
) -> Iterator[tuple[int, str]]:
    """Filters and masks that cannot be made for a table that they are about.

    Whoever reads such a table would get an error: it is found here with the rule and its line.
    """
    known = by_role(policy)
    lookups = LookupTables(registry)
    claims = {name: _sample(rule.type.sql) for name, rule in policy.identity.claims.items()}
    everyone = bearers([known], None)
    done: set[tuple[object, ...]] = set()
    for table in tables:
        for bearer in everyone:
            for expression, single in _single(known.decide(bearer.principal, table), claims):
                key = (expression.name, table.name, single.columns)
                if key in done:
                    continue
                done.add(key)
                try:
                    trial(relation(engine_table(_visible(table, single)), compiler, lookups))
                except (PolicyInvalid, BindFailed) as error:
                    why = f"does not fit {table.name}: {error.__cause__ or error}"
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
