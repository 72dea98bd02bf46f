"""Opens views: the text that a catalog keeps, over the tables that somebody may read.

Rules for editors. Rule 1: a view's text passes the same gate as a statement. Rule 2: each table in
it is found in what one principal sees, the reader or the configured definer, and narrowed for that
one; the two are never mixed. Rule 3: a reader who may not read what the text reads gets the answer
of a view that is not there. Rule 4: no error names what is inside a view.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from functools import lru_cache
from types import MappingProxyType

import pyarrow as pa

from auth.errors import PolicyInvalid, TableNotFound
from auth.principal import Principal
from auth.visible import VisibleCatalog, VisibleTable
from catalog.errors import CatalogUnavailable, SnapshotNotFound, UnsupportedTable
from catalog.model import Snapshot, Table, ViewDefinition
from catalog.names import TableName, fold
from flight_server.engines.errors import EngineError
from flight_server.query.dialects import why_refused
from flight_server.query.errors import QueryError
from flight_server.query.functions import names
from flight_server.query.gate import Statement
from flight_server.query.parser import Parser, nodes
from flight_server.query.places import inside_name, shown_table
from flight_server.query.resolve import Defaults, Inside, Reading, Resolved, complete
from flight_server.query.splice import splice
from flight_server.query.states import find_at
from flight_server.query.view_shapes import differs
from flight_server.query.zones import depends_on_zone, is_unsettled

_log = logging.getLogger(__name__)

MAX_DEPTH = 8
MAX_TABLES = 100
_KEPT = 1_024
# A text stands between these, as it will where it runs; `inside` is its name for error texts alone.
_HEAD, _TAIL = "FROM (\n", "\n) AS inside"

# What gives the day or the time of day in the zone of the session.
_OF_TODAY = names(
    """
    current_date today current_time current_localtime current_localtimestamp localtime
    localtimestamp get_current_time age ago
    """
)

# Whether a text may run, and the schema of what it gives once its tables are narrowed.
Check = Callable[[str], Statement]
Bind = Callable[[Resolved, Callable[[Table], frozenset[str]], str], pa.Schema]


class FoundViews:
    """Lets all views be found, for those who open them right after or never."""

    def readable(self, visible: VisibleCatalog, view: Table) -> bool:
        """Always."""
        return True


@dataclass(frozen=True, slots=True)
class _Way:
    """How a view was come to: the views around it and itself, and the principal that reads it."""

    views: tuple[TableName, ...]
    visible: VisibleCatalog
    reading: Reading

    @property
    def own(self) -> TableName:
        """The view's name, for errors."""
        return self.views[-1]


class ViewOpener:
    """Opens views with their readers' rights, or those of the definer of their catalog.

    `definers` are by folded name of the catalog. Safe for several threads.
    """

    def __init__(self, check: Check, bind: Bind, definers: Mapping[str, Principal]) -> None:
        self._check = check
        self._bind = bind
        self._definers = {fold(catalog): principal for catalog, principal in definers.items()}
        self._parser = Parser() if definers else None
        self._statement = lru_cache(maxsize=_KEPT)(self._checked)

    def readable(self, visible: VisibleCatalog, view: Table) -> bool:
        """Whether what a view is made of can be read now.

        Raises `CatalogUnavailable`, and `UnsupportedTable` for a view that nobody can read.
        """
        try:
            self._open(view, _Way((view.name,), visible, Reading()))
        except TableNotFound as error:
            _log.debug("view %s is not there for its reader: %s", view.name, error)
            return False
        return True

    def opened(self, resolved: Resolved, visible: VisibleCatalog, reading: Reading) -> Resolved:
        """A statement with what its views are made of, and the states of that.

        Raises `TableNotFound`, `SnapshotNotFound`, `CatalogUnavailable` and `UnsupportedTable`.
        """
        insides: dict[TableName, Inside] = {}
        for table in resolved.tables:
            if table.table.view is not None:
                name = shown_table(table.name)
                view = replace(table.table, name=name)
                insides[table.name] = self._open(view, _Way((name,), visible, reading))
        if not insides:
            return resolved
        snapshots = dict(resolved.snapshots)
        for inside in insides.values():
            snapshots |= inside.resolved.snapshots
        return replace(resolved, insides=MappingProxyType(insides), snapshots=snapshots)

    def _open(self, view: Table, way: _Way) -> Inside:
        definition = view.view
        if definition is None:
            raise UnsupportedTable(f"View {way.own} has no text")
        statement = self._statement(way.own, definition)
        definer = self._definers.get(fold(view.name.catalog))
        principal = way.visible.principal if definer is None else definer
        inner = replace(way, visible=way.visible.seen_by(principal, FoundViews()))
        try:
            resolved = self._resolved(statement, definition, inner)
            self._look(view, resolved, inner)
            if definer is not None:
                self._settled(resolved)
        except TableNotFound as error:
            if definer is None:
                raise
            _log.warning("view %s cannot be read by its definer: %s", way.own, error)
            raise _unreadable(way.own) from error
        except SnapshotNotFound as error:
            raise SnapshotNotFound(
                f"View {way.own} cannot be read at this state: a table of it has none."
            ) from error
        except CatalogUnavailable as error:
            raise CatalogUnavailable(f"View {way.own} cannot be read now") from error
        except UnsupportedTable as error:
            _log.warning("view %s cannot be read: %s", way.own, error)
            raise _unreadable(way.own) from error
        return Inside(resolved, definition.output, None if definer is None else definer.subject)

    def _resolved(self, statement: Statement, definition: ViewDefinition, way: _Way) -> Resolved:
        """The text with its tables found, and with what the views among them are made of."""
        if not isinstance(way.reading.as_of, datetime | None):
            raise SnapshotNotFound("views are read as of moments alone")
        defaults = Defaults(definition.catalog, definition.schema)
        pins = {name.folded: snapshot for name, snapshot in way.reading.pins.items()}
        found: dict[TableName, VisibleTable] = {}
        moved = []
        for reference in statement.tables:
            name = complete(reference, defaults)
            place = inside_name(way.views, name).folded
            if place not in found:
                found[place] = self._found(name, pins.get(place), way)
            moved.append((reference, inside_name(way.views, found[place].name)))
        insides: dict[TableName, Inside] = {}
        tables: list[VisibleTable] = []
        snapshots: dict[TableName, Snapshot] = {}
        for table in found.values():
            placed = inside_name(way.views, table.name)
            tables.append(replace(table, table=replace(table.table, name=placed)))
            if table.table.pin is not None:
                snapshots[placed] = table.table.pin
            if table.table.view is not None:
                insides[placed] = self._nested(table, way)
                snapshots |= insides[placed].resolved.snapshots
            if len(snapshots) > MAX_TABLES:
                raise UnsupportedTable("too many tables are read")
        spliced = splice(statement.text, moved)
        nowhere = Defaults(None, None)
        return Resolved(statement, tuple(tables), nowhere, spliced, snapshots, insides)

    def _found(self, name: TableName, pinned: Snapshot | None, way: _Way) -> VisibleTable:
        reading = way.reading
        table = find_at(
            way.visible, name, pinned, None, as_of=reading.as_of, time_zone=reading.time_zone
        )
        if table.table.pin is None:
            raise TableNotFound(f"Table {name} is not a stored one.")
        return table

    def _nested(self, view: VisibleTable, way: _Way) -> Inside:
        if view.name.folded in {each.folded for each in way.views}:
            raise UnsupportedTable("a view reads itself")
        if len(way.views) >= MAX_DEPTH:
            raise UnsupportedTable("views are nested too deeply")
        return self._open(view.table, replace(way, views=(*way.views, view.name)))

    def _look(self, view: Table, resolved: Resolved, way: _Way) -> None:
        """Raise where the text does not give what the catalog promises of the view."""
        definition = view.view
        assert definition is not None  # noqa: S101 - for the type checker
        try:
            found = self._bind(resolved, way.visible.tags, way.reading.time_zone)
            fault = differs(found, definition.output, view.columns)
        except (QueryError, PolicyInvalid) as error:
            fault = str(error)
        except EngineError as error:
            raise CatalogUnavailable("no engine can look at the view now") from error
        if fault is None:
            return
        if all(map(_is_whole, resolved.tables)):
            raise UnsupportedTable(f"its text does not give what is promised: {fault}")
        # columns that its reader may not see are as little there as tables
        raise TableNotFound(f"the text does not fit what its reader sees: {fault}")

    def _settled(self, resolved: Resolved) -> None:
        """Raise for a text whose edge its reader could move by the time zone of the session."""
        tree = resolved.statement.tree
        named = {fold(str(node.get("function_name", ""))) for node in nodes(tree)}
        named |= {
            fold(str(part)) for node in nodes(tree) for part in node.get("column_names") or ()
        }
        columns = {table.name: table.columns for table in resolved.tables}
        if (
            self._parser is None
            or named & _OF_TODAY
            or is_unsettled(tree)
            or depends_on_zone(self._parser, resolved.spliced, columns)
        ):
            raise UnsupportedTable("its text depends on the time zone of the session")

    def _checked(self, name: TableName, definition: ViewDefinition) -> Statement:
        """The text between its brackets, where it may run. Raises `UnsupportedTable`."""
        try:
            alone = self._check(definition.sql)
            fault = why_refused(definition.dialect, definition.sql, alone.tree)
            wrapped = self._check(f"{_HEAD}{definition.sql}{_TAIL}")
        except QueryError as error:
            raise UnsupportedTable(
                f"View {name} cannot be read: its text uses what cannot be used here"
            ) from error
        if fault is not None:
            raise UnsupportedTable(f"View {name} cannot be read: {fault}")
        if alone.parameters or alone.functions:
            raise UnsupportedTable(
                f"View {name} cannot be read: its text depends on who reads it, and how"
            )
        if any(table.version is not None for table in alone.tables):
            raise UnsupportedTable(f"View {name} cannot be read: it reads tables at a version")
        if [t.parts for t in alone.tables] != [t.parts for t in wrapped.tables]:
            raise UnsupportedTable(f"View {name} cannot be read: its text is not one query")
        return wrapped


def _unreadable(name: TableName) -> UnsupportedTable:
    return UnsupportedTable(f"View {name} cannot be read: what it is made of does not fit it")


def _is_whole(table: VisibleTable) -> bool:
    """Whether all columns are visible, with all that is in them."""
    return len(table.columns) == len(table.table.columns) and not table.grant.fields
