"""Which rows of each table a statement can want, so that files without any are never opened."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType

import pyarrow as pa
from pyiceberg.schema import Schema

from catalog.model import Table
from flight_server.engines.base import Relation, Scanned, Secured
from flight_server.engines.brought import Brought
from flight_server.engines.duckdb.kept import Kept
from flight_server.engines.duckdb.pushdown import Asked, decode, stub
from flight_server.engines.duckdb.relation import sql_name
from flight_server.engines.duckdb.scan.cache import FileCache
from flight_server.engines.duckdb.scan.plan import Scanner, Source
from flight_server.engines.duckdb.scan.predicate import predicate
from flight_server.engines.duckdb.scan.timely import in_time
from flight_server.engines.duckdb.scan.wanted import ALL, Wanted
from flight_server.engines.duckdb.setup import Setup, compose
from flight_server.engines.duckdb.sqltypes import sql_type
from flight_server.engines.errors import EngineError

_log = logging.getLogger(__name__)

# By the number of the relation. A relation that is not here is wanted whole.
Needs = Mapping[int, Wanted]
Ask = Callable[[Setup, Secured, pa.RecordBatch | None, float], bytes]

_NOTHING: Needs = MappingProxyType({})
# Asking costs some milliseconds, and another set of files another worker: few files are read whole.
MANY_FILES = 32
_REMEMBERED = 1_024


class Pruning:
    """Asks a planner which filters reach the tables of a statement.

    `ask` has it explain a statement over a setup of stubs; `file` is the empty file of the stubs.
    """

    def __init__(self, scanner: Scanner, cache: FileCache, file: str, ask: Ask) -> None:
        self._scanner = scanner
        self._cache = cache
        self._file = file
        self._ask = ask
        self._known: Kept[Needs] = Kept(_REMEMBERED)

    def wanted(self, secured: Secured, parameters: pa.RecordBatch | None, deadline: float) -> Needs:
        """What is wanted of each table. Raises what planning its files raises."""
        # rows of the server's own and lookups have no stubs, and a plan without them says nothing
        relations = secured.relations
        if any(_is_made(each.table) or each.lookups for each in relations):
            return _NOTHING
        # nor has the inside of a view
        if any(each.inside is not None for each in secured.relations):
            return _NOTHING
        # a planner binds what users write: no key may come near it
        if any(each.keyed for each in secured.relations):
            return _NOTHING
        # what was brought is narrowed already, but its shape belongs to the plan
        stored = {n: each for n, each in enumerate(relations) if each.table.rows is None}
        if not any(self._pays(relation, deadline) for relation in stored.values()):
            return _NOTHING
        sources = {n: self._source(each.table, deadline) for n, each in stored.items()}
        statements = [
            stub(each, n, sources[n].types if n in sources else _types(each.table), self._file)
            for n, each in enumerate(relations)
        ]
        setup = compose(secured, statements, [])

        def ask() -> Needs:
            pushed = decode(self._ask(setup, secured, parameters, deadline))
            found = {
                number: _wanted(stored[number], scans, sources[number].schema)
                for number, scans in pushed.items()
                if number in stored
            }
            return {number: each for number, each in found.items() if each != ALL}

        # tables of the same shape may have files of another snapshot, but want the same of them
        row = None if parameters is None else parameters.serialize().to_pybytes()
        try:
            return self._known.get((setup.key, secured.text, row), ask)
        except EngineError:  # a statement runs as well over all of its files
            _log.warning("files are not left out: no planner answered", exc_info=True)
            return _NOTHING

    def shown(self, secured: Secured, number: int, deadline: float) -> Scanned:
        """What a relation's own filter leaves of its table, whatever the statement asks for.

        Which files the caller's conditions leave tells of the values in hidden rows.
        """
        relation = secured.relations[number]
        text = f"SELECT * FROM {sql_name(relation)}"  # noqa: S608 - quoted
        alone = replace(secured, text=text, relations=(relation,), parameters=(), functions=())
        wanted = self.wanted(alone, None, deadline).get(0, ALL)
        source = self._source(relation.table, deadline)
        sizes = source.index.sizes[source.matching(wanted, relation.part)]
        return Scanned(relation.name, len(sizes), int(sizes.sum()))

    def _source(self, table: Table, deadline: float) -> Source:
        return in_time(table, lambda: self._scanner.source(table), deadline)

    def _pays(self, relation: Relation, deadline: float) -> bool:
        table, part = relation.table, relation.part
        if self._source(table, deadline).index.count > MANY_FILES:
            return True
        scan = in_time(table, lambda: self._scanner.scan(table, part), deadline)
        if len(scan.remote) < 2 and not self._cache.pays(scan.remote):
            return False
        return not self._cache.has(scan.remote, relation.table.storage)


def _is_made(table: Table) -> bool:
    """Whether the rows of a table are made here, and not stored or brought."""
    return table.rows is not None and not isinstance(table.rows, Brought)


def _types(table: Table) -> Mapping[str, str]:
    return {column.name: sql_type(column.type) for column in table.columns}


def _wanted(relation: Relation, scans: Sequence[Asked], schema: Schema) -> Wanted:
    """What matters of a relation to any of its scans."""
    rows = predicate([scan.filters for scan in scans], schema)
    limits = [scan.limit for scan in scans if scan.limit is not None]
    columns: set[int] | None = set()
    for scan in scans:
        columns = None if columns is None or scan.columns is None else columns.union(scan.columns)
    return Wanted(
        rows,
        limit=max(limits) if relation.row_filter is None and len(limits) == len(scans) else None,
        # what a filter or a mask of the policy reads is always read
        values=columns != set() or relation.needs_barrier,
        columns=None if columns is None else frozenset(columns),
    )
