"""Both sides for one policy: a query service over the warehouse, and the physical copies."""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import dataclass

import duckdb
import pyarrow as pa

from auth.policy import Policy
from flight_server.query.caller import Caller
from flight_server.query.service import QueryService
from tests.oracle import compare, edges, lake
from tests.oracle.generator import Generator
from tests.oracle.views import Case

Values = tuple[object, ...]


@dataclass(frozen=True)
class Fixed:
    """A policy that does not change."""

    policy: Policy

    def current(self) -> Policy:
        return self.policy


@dataclass(frozen=True)
class Pair:
    """Both sides for one policy and its user."""

    case: Case
    policy: Policy
    service: QueryService
    caller: Caller
    right: duckdb.DuckDBPyConnection
    seen: Mapping[str, pa.Schema]

    def difference(self, text: str, values: Values = (), *, ordered: bool = False) -> str:
        """How the two sides differ in a statement; empty where they do not."""
        right, found = self._both(text, values)
        return compare.difference(right, found, ordered=ordered)

    def told(self, text: str, values: Values = ()) -> str:
        """What both sides say, for a failure's message."""
        right, found = self._both(text, values)
        return f"  should be: {right.short}\n  server:    {found.short}"

    def _both(self, text: str, values: Values) -> tuple[compare.Outcome, compare.Outcome]:
        return (
            compare.by_oracle(self.right, text, values),
            compare.by_server(self.service, self.caller, text, values),
        )

    def generator(self, chance: random.Random) -> Generator:
        """Statements for this user."""
        return Generator(self.seen, lake.SCHEMAS, edges.stored(), chance)
