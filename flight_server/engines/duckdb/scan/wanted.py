"""What of a table can matter to a statement. Nothing else of it has to be read."""

from __future__ import annotations

from dataclasses import dataclass, field

from pyiceberg.expressions import AlwaysTrue, BooleanExpression


@dataclass(frozen=True, slots=True)
class Wanted:
    """The rows that an expression lets through; where `limit` is given, any so many of them.

    Without `values` only how many rows there are matters, and not what is in them. `columns` are
    the field ids of the top-level columns that are read, None for any.
    """

    rows: BooleanExpression = field(default_factory=AlwaysTrue)
    limit: int | None = None
    values: bool = True
    columns: frozenset[int] | None = None

    @property
    def key(self) -> object:
        """Equal for what wants the same rows."""
        rows = None if isinstance(self.rows, AlwaysTrue) else repr(self.rows)
        return rows, self.limit, self.values


ALL = Wanted()
