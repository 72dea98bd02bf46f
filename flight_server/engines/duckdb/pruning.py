"""Which rows of each table a statement can want, so that files without any are never opened."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from types import MappingProxyType

import pyarrow as pa
from pyiceberg.expressions import AlwaysTrue, BooleanExpression

from flight_server.engines.base import Relation, Secured
from flight_server.engines.duckdb.kept import Kept
from flight_server.engines.duckdb.pushdown import decode, stub
from flight_server.engines.duckdb.scan.cache import FileCache
from flight_server.engines.duckdb.scan.plan import Scanner
from flight_server.engines.duckdb.scan.predicate import predicate
from flight_server.engines.duckdb.setup import Setup, compose
from flight_server.engines.errors import EngineError

_log = logging.getLogger(__name__)

# By the number of the relation. A relation that is not here is wanted whole.
Wanted = Mapping[int, BooleanExpression]
Ask = Callable[[Setup, Secured, pa.RecordBatch | None, float], bytes]

_NOTHING: Wanted = MappingProxyType({})
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
        self._known: Kept[Wanted] = Kept(_REMEMBERED)

    def wanted(
        self, secured: Secured, parameters: pa.RecordBatch | None, deadline: float
    ) -> Wanted:
        """What is wanted of each table. Raises what planning its files raises."""
        # rows of the server's own and lookups have no stubs, and a plan without them says nothing
        if any(each.table.rows is not None or each.lookups for each in secured.relations):
            return _NOTHING
        # a planner binds what users write: no key may come near it
        if any(each.keyed for each in secured.relations):
            return _NOTHING
        if not any(self._pays(relation) for relation in secured.relations):
            return _NOTHING
        sources = [self._scanner.source(relation.table) for relation in secured.relations]
        statements = [
            stub(relation, number, source.types, self._file)
            for number, (relation, source) in enumerate(
                zip(secured.relations, sources, strict=True)
            )
        ]
        setup = compose(secured, statements, [])

        def ask() -> Wanted:
            pushed = decode(self._ask(setup, secured, parameters, deadline))
            found = {
                number: predicate(scans, sources[number].schema)
                for number, scans in pushed.items()
                if number < len(sources)
            }
            return {n: each for n, each in found.items() if not isinstance(each, AlwaysTrue)}

        # tables of the same shape may have files of another snapshot, but want the same of them
        row = None if parameters is None else parameters.serialize().to_pybytes()
        try:
            return self._known.get((setup.key, secured.text, row), ask)
        except EngineError:  # a statement runs as well over all of its files
            _log.warning("files are not left out: no planner answered", exc_info=True)
            return _NOTHING

    def _pays(self, relation: Relation) -> bool:
        source = self._scanner.source(relation.table)
        if len(source.tasks) > MANY_FILES:
            return True
        scan = self._scanner.scan(relation.table, relation.part)
        return len(scan.remote) > 1 and not self._cache.has(scan.remote, relation.table.storage)
