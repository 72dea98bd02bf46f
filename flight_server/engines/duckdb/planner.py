"""Binds statements on empty tables: what shape a result has, and what is wrong with a statement."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import duckdb
import pyarrow as pa
from duckdb import DuckDBPyConnection

from flight_server.engines.duckdb import bound as bound_plan
from flight_server.engines.duckdb import pushdown, session
from flight_server.engines.duckdb.faults import Fault
from flight_server.engines.duckdb.setup import EMPTY, Setup


class Planner:
    """One instance whose catalogs are exchanged for each other setup.

    Exchanging them takes a few milliseconds, an instance of its own would take fifty and 25 MB.
    Nothing that a client binds changes the instance: only a single SELECT is bound, and not run.
    """

    def __init__(self, connection: DuckDBPyConnection) -> None:
        self._connection = connection
        self._setup = EMPTY

    def describe(
        self, setup: Setup, text: str, values: Mapping[str, Any], *, checked: bool = True
    ) -> pa.Schema | Fault:
        """The result's schema, or why it cannot be served. Raises DuckDB's errors.

        With `checked`, the statement's plan must read nothing but the setup's relations.
        """
        self._furnish(setup)
        try:
            bound = session.relation(self._connection, text, values)
        except duckdb.Error:
            # the same fault again, by the path that says where it is; what fails to bind is not run
            self._connection.execute(text, dict(values) or None)
            raise
        fault = (
            bound_plan.check(self._connection, text, parameters=bool(values)) if checked else None
        )
        if fault is not None:
            return fault
        schema = session.result_schema(self._connection, bound)
        for field in schema:
            if _has_dictionary(field.type):
                message = f'Column "{field.name}" is an ENUM; cast it to VARCHAR.'
                return Fault("unsupported", message)
        return schema

    def pushed(self, setup: Setup, text: str, values: Mapping[str, Any]) -> bytes:
        """The filters that reach the scans of a statement over stubs. Raises DuckDB's errors."""
        self._furnish(setup)
        session.relation(self._connection, text, values)  # what is explained is a single SELECT
        alone = len(setup.statements) == 1
        return pushdown.find(self._connection, text, values, alone=alone)

    def _furnish(self, setup: Setup) -> None:
        if setup != self._setup:
            session.empty(self._connection, self._setup)
            self._setup = setup
            session.furnish(self._connection, setup)


def _has_dictionary(data: pa.DataType) -> bool:
    if pa.types.is_dictionary(data):
        return True
    if isinstance(data, pa.BaseExtensionType):
        return _has_dictionary(data.storage_type)
    return any(_has_dictionary(data.field(i).type) for i in range(data.num_fields))
