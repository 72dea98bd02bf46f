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
from tests.oracle import compare, lake
from tests.oracle.generator import Generator
from tests.oracle.views import Case


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

    def difference(self, text: str, *, ordered: bool = False) -> str:
        """How the two sides differ in a statement; empty where they do not."""
        right = compare.by_oracle(self.right, text)
        found = compare.by_server(self.service, self.caller, text)
        return compare.difference(right, found, ordered=ordered)

    def told(self, text: str) -> str:
        """What both sides say, for a failure's message."""
        right = compare.by_oracle(self.right, text)
        found = compare.by_server(self.service, self.caller, text)
        return f"  should be: {right.short}\n  server:    {found.short}"

    def generator(self, chance: random.Random) -> Generator:
        """Statements for this user."""
        return Generator(self.seen, lake.SCHEMAS, chance)
