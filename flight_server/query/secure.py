"""Narrows a resolved statement to what its principal may read. The only place that does.

Rules for editors. Rule 1: nothing else makes a `Secured`. Rule 2: a table that is not narrowed here
does not reach an engine. Rule 3: no failure here gives back the statement.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace

from auth.errors import TableNotFound
from auth.grant import Expression, FieldGrant
from auth.masks import Hash
from auth.visible import VisibleTable
from catalog.model import Column, Table
from catalog.names import fold, quote, text_literal
from flight_server.engines.base import (
    AUTO,
    Inside,
    Lookup,
    Relation,
    RelationColumn,
    Secured,
    SessionFunction,
)
from flight_server.query.expressions import ALONE, FALSE, NULL, Compiler, Surroundings
from flight_server.query.lookups import LookupTables
from flight_server.query.places import engine_catalog, shown_table
from flight_server.query.resolve import Inside as Opened
from flight_server.query.resolve import Resolved
from flight_server.query.subqueries import LookupUnreadable, internal_name

_log = logging.getLogger(__name__)
_COL = "${col}"
_Path = tuple[str, ...]
_Compiled = Callable[[Expression, Column, _Path], str]  # a mask's SQL, with the column or field


def secure(
    resolved: Resolved,
    compiler: Compiler,
    time_zone: str,
    functions: tuple[SessionFunction, ...] = (),
    *,
    part: tuple[int, int] | None = None,
    lookups: LookupTables | None = None,
    engine: str = AUTO,
) -> Secured:
    """The statement with each table narrowed to the granted columns, rows and masks.

    With `part`, to that part of its rows as well. `engine` is the one that must run it. A table
    whose filters or masks read a lookup that cannot be read shows no rows.
    """
    narrowed = _narrowed(resolved, compiler, lookups)
    return Secured(
        text=resolved.spliced.text,
        relations=tuple(replace(made, part=part) for made in narrowed),
        parameters=resolved.statement.parameters,
        catalog=engine_catalog(resolved.defaults.catalog),
        schema=resolved.defaults.schema,
        time_zone=time_zone,
        functions=functions,
        engine=engine,
        by_row=resolved.statement.by_row,
    )


def _narrowed(
    resolved: Resolved, compiler: Compiler, lookups: LookupTables | None
) -> Iterator[Relation]:
    for table in resolved.tables:
        made = relation(table, compiler, lookups)
        # what reads a lookup holds its rows too, so that it is protected as the lookup is
        made = replace(made, tags=table.grant.tags | made.tags)
        if table.table.view is not None:
            made = _with_inside(made, resolved.insides.get(table.name), compiler, lookups)
        yield made


def _with_inside(
    view: Relation, found: Opened | None, compiler: Compiler, lookups: LookupTables | None
) -> Relation:
    """A view over what it is made of, narrowed as well, and protected as all of that is."""
    if found is None:
        raise TableNotFound(f"Table {shown_table(view.name)} does not exist.")
    inner = tuple(_narrowed(found.resolved, compiler, lookups))
    text, confined = found.resolved.spliced.text, found.definer is not None
    tags = view.tags.union(*(each.tags for each in inner))
    return replace(view, inside=Inside(text, inner, found.output, confined), tags=tags)


def relation(
    visible: VisibleTable, compiler: Compiler, lookups: LookupTables | None = None
) -> Relation:
    """One table as its grant lets it be read."""
    try:
        read = _lookups(visible, compiler, lookups)
        if not read and visible.table.rows is None:
            # the same table under the same grant is narrowed to the same; made rows are of one call
            return compiler.narrowed.get(
                (visible.table, visible.grant), (), lambda: _relation(visible, compiler, read)
            )
        made = _relation(visible, compiler, read)
        return made if lookups is None else replace(made, tags=lookups.tags(read.values()))
    except LookupUnreadable as error:
        _log.warning("table %s shows no rows: a lookup cannot be read: %s", visible.name, error)
        columns = _columns(visible, lambda _mask, _column, _path: NULL)
        return Relation(visible.name, visible.table, columns, FALSE)


def _relation(visible: VisibleTable, compiler: Compiler, lookups: Mapping[str, Table]) -> Relation:
    raw = frozenset(column.name for column in visible.table.columns)
    around = _surroundings(visible, lookups)

    def compiled(expression: Expression, column: Column, path: _Path) -> str:
        top, *fields = path
        if isinstance(expression.built_in, Hash) and visible.table.rows is not None:
            return NULL  # these rows are not sealed: no key may be where they are
        if not fields:
            sql = compiler.mask(expression, raw, top, around, kind=column.type)
            return compiler.settled(expression, sql, visible.table, lookups, column.type)
        if expression.built_in is None:
            # the placeholder stands for the column: the field is taken out of it
            sql = expression.sql.replace(_COL, _extracted(_COL, fields))
            sql = compiler.mask(replace(expression, sql=sql), raw, top, around)
            return compiler.settled(expression, sql, visible.table, lookups, column.type)
        value = _extracted(quote(top), fields, "system.main.")
        return compiler.built_in(expression, value, column.type)

    return Relation(
        name=visible.name,
        table=visible.table,
        columns=_columns(visible, compiled),
        row_filter=_row_filter(
            visible,
            lambda each: compiler.settled(
                each, compiler.filter(each, raw, around), visible.table, lookups
            ),
        ),
        lookups=tuple(Lookup(internal_name(name), table) for name, table in lookups.items()),
        keyed=any(isinstance(mask.built_in, Hash) for _, mask in visible.grant.all_masks()),
    )


def _columns(visible: VisibleTable, compiled: _Compiled) -> tuple[RelationColumn, ...]:
    grant = visible.grant
    changed = grant.masks.keys() | grant.fields.keys()
    return tuple(
        _column(column, grant.column(column.name), compiled, ())
        if column.name in changed
        else RelationColumn(column.name, column.type)
        for column in visible.columns
    )


def _column(
    column: Column, seen: FieldGrant | None, compiled: _Compiled, above: _Path
) -> RelationColumn:
    """A column, or a field of one, as it is granted; where nothing is said, all of it."""
    path = (*above, column.name)
    if seen is None or seen.is_whole:
        return RelationColumn(column.name, column.type)
    if seen.mask is not None:
        return RelationColumn(column.name, column.type, compiled(seen.mask, column, path))
    granted = {field.name: field for field in seen.fields}
    fields = (
        _column(child, granted[child.name], compiled, path)
        for child in column.children
        if child.name in granted
    )
    return RelationColumn(column.name, column.type, fields=tuple(fields))


def _extracted(value: str, fields: Sequence[str], qualifier: str = "") -> str:
    """A field within a struct. Expressions that are compiled get their functions qualified then."""
    for name in fields:
        value = f"{qualifier}struct_extract({value}, {text_literal(name)})"
    return value


def _lookups(
    visible: VisibleTable, compiler: Compiler, tables: LookupTables | None
) -> Mapping[str, Table]:
    """The lookups that filters and masks of a table read, by folded name."""
    grant = visible.grant
    read: list[tuple[Expression, str | None]] = [
        (expression, None) for expression in (*grant.restrictive, *grant.permissive)
    ]
    read += [(mask, column) for column, mask in grant.all_masks()]
    found: dict[str, Table] = {}
    for expression, column in read:
        for name in compiler.lookups(expression, column):
            table = expression.lookups[name]
            if tables is None or table.folded == shown_table(visible.name).folded:
                raise LookupUnreadable(f"rule {expression.name} reads the table that it is about")
            found[name] = tables.find(table)
    return dict(sorted(found.items()))


def _surroundings(visible: VisibleTable, lookups: Mapping[str, Table]) -> Surroundings:
    if not lookups:
        return ALONE
    columns = {name: (fold(c.name) for c in table.columns) for name, table in lookups.items()}
    known = tuple((name, frozenset(folded)) for name, folded in columns.items())
    return Surroundings(visible.name.table, known)


def _row_filter(visible: VisibleTable, compiled: Callable[[Expression], str]) -> str | None:
    grant = visible.grant
    parts = [compiled(expression) for expression in grant.restrictive]
    if grant.has_permissive:
        allowed = [compiled(expression) for expression in grant.permissive]
        parts.append(" OR ".join(f"({text})" for text in allowed) if allowed else FALSE)
    return " AND ".join(f"({text})" for text in parts) if parts else None
