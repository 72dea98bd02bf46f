"""A statement that is planned, and what its plan was made of."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

import pyarrow as pa

from auth.visible import VisibleTable
from catalog.names import TableName
from flight_server.engines.base import Secured
from flight_server.query.parser import Node
from flight_server.query.resolve import Inside
from flight_server.query.state import StatementState


@dataclass(frozen=True, slots=True)
class Basis:
    """What a plan was made of, for those who are told of it; never for clients.

    The tables with their grants, the statement's tree, the version of the policy, the roles that
    the principal has by it, how long planning took, in seconds, and what views are made of.
    """

    tables: tuple[VisibleTable, ...]
    tree: Node = field(repr=False, compare=False)
    policy: str
    roles: frozenset[str]
    seconds: float = 0.0
    insides: Mapping[TableName, Inside] = field(default_factory=lambda: MappingProxyType({}))


@dataclass(frozen=True, slots=True)
class Planned:
    """A statement that is ready to run. `bound` says whether it has all of its parameters.

    `changes` are the session options that it sets once it runs (None unsets one).
    """

    query_id: str
    schema: pa.Schema
    parameter_schema: pa.Schema
    secured: Secured
    state: StatementState
    basis: Basis
    changes: Mapping[str, str | None] | None = None

    @property
    def bound(self) -> bool:
        """Whether the statement can run: it needs no parameters or has them."""
        return self.state.parameters is not None or not self.secured.parameters
