"""Narrows a resolved statement to what its principal may read. The only place that does.

Rules for editors. Rule 1: nothing else makes a `Secured`. Rule 2: a table that is not narrowed here
does not reach an engine. Rule 3: no failure here gives back the statement.
"""

from __future__ import annotations

from dataclasses import replace

from auth.visible import VisibleTable
from flight_server.engines.base import Relation, RelationColumn, Secured, SessionFunction
from flight_server.query.expressions import FALSE, Compiler
from flight_server.query.resolve import Resolved


def secure(
    resolved: Resolved,
    compiler: Compiler,
    time_zone: str,
    functions: tuple[SessionFunction, ...] = (),
    *,
    part: tuple[int, int] | None = None,
) -> Secured:
    """The statement with each table narrowed to the granted columns, rows and masks.

    With `part`, to that part of its rows as well.
    """
    return Secured(
        text=resolved.spliced.text,
        relations=tuple(replace(relation(table, compiler), part=part) for table in resolved.tables),
        parameters=resolved.statement.parameters,
        catalog=resolved.defaults.catalog,
        schema=resolved.defaults.schema,
        time_zone=time_zone,
        functions=functions,
    )


def relation(visible: VisibleTable, compiler: Compiler) -> Relation:
    """One table as its grant lets it be read."""
    grant = visible.grant
    raw = frozenset(column.name for column in visible.table.columns)
    columns = []
    for column in visible.columns:
        expression = grant.masks.get(column.name)
        mask = compiler.mask(expression, raw, column.name) if expression else None
        columns.append(RelationColumn(column.name, column.type, mask))
    return Relation(
        name=visible.name,
        table=visible.table,
        columns=tuple(columns),
        row_filter=_row_filter(visible, compiler, raw),
    )


def _row_filter(visible: VisibleTable, compiler: Compiler, raw: frozenset[str]) -> str | None:
    grant = visible.grant
    parts = [compiler.filter(expression, raw) for expression in grant.restrictive]
    if grant.has_permissive:
        allowed = [compiler.filter(expression, raw) for expression in grant.permissive]
        parts.append(" OR ".join(f"({text})" for text in allowed) if allowed else FALSE)
    return " AND ".join(f"({text})" for text in parts) if parts else None
