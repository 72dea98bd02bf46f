"""What a translation gives: SQL for Athena, how its columns are read back, and their order."""

from __future__ import annotations

from dataclasses import dataclass

import pyarrow as pa


@dataclass(frozen=True, slots=True)
class AthenaTable:
    """Where Athena finds a table: data catalog, database and table, as Athena spells them."""

    catalog: str
    database: str
    table: str


@dataclass(frozen=True, slots=True)
class SortKey:
    """One key of the result's order: the position of a column among all that are sent."""

    column: int
    descending: bool
    nulls_first: bool


@dataclass(frozen=True, slots=True)
class Sent:
    """A column as Athena writes it.

    `type` is what is promised, or for a column that only sorts, what its values are; `encoded` is
    whether its values travel in another form, which `wrapper.decoded` reads back.
    """

    name: str
    type: pa.DataType
    encoded: bool


@dataclass(frozen=True, slots=True)
class Translated:
    """A statement for Athena.

    `sql` is one SELECT with columns `c0`, `c1`, … in the order of `columns`, each of a type that
    UNLOAD can write to Parquet; its rows come in no order. The first `visible` columns are the
    result, the others only sort: they are to be dropped once the rows were put in the order of
    `order_by`, which is empty where the statement asks for none. `ordered_sql` gives the same rows
    and columns in that order, for results that are read as one stream.
    """

    sql: str
    ordered_sql: str
    columns: tuple[Sent, ...]
    visible: int
    order_by: tuple[SortKey, ...] = ()
