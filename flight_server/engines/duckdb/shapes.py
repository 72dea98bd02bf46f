"""The columns of statements, bound in this process and never run; for operators' commands."""

from __future__ import annotations

from contextlib import closing

import duckdb
import pyarrow as pa

from flight_server.engines.base import Secured
from flight_server.engines.duckdb import session
from flight_server.engines.duckdb.faults import running_fault
from flight_server.engines.duckdb.relation import shadow
from flight_server.engines.duckdb.settings import MIB
from flight_server.engines.duckdb.setup import compose
from flight_server.engines.errors import BindFailed

_LIMITS = session.Limits(
    threads=1, memory=256 * MIB, process_memory=0, spill=0, directory=None, sandboxed=False
)


def shape_of(secured: Secured) -> pa.Schema:
    """The schema of a statement without parameters, on empty tables of the visible shape.

    Raises `BindFailed` with the engine's own words, and `UnsupportedData`.
    """
    setup = compose(secured, [shadow(relation) for relation in secured.relations], ())
    with closing(session.blank()) as connection:
        try:
            session.fill(connection, setup, _LIMITS)
            bound = session.relation(connection, secured.text, {})
            return session.result_schema(connection, bound)
        except duckdb.Error as error:
            raise BindFailed(running_fault(error).detail.splitlines()[0]) from error
