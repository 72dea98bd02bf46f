"""Users from whom one kind of rule hides something, each with what they may see."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import pyarrow as pa

from flight_server.query.caller import Caller
from tests.security import warehouse
from tests.security.doors import EVE, caller
from tests.security.warehouse import Tables

_PLAIN = ["id", "region", "joined"]
_WHOLE = ["id", "name", "region", "code", "level", "joined", "address"]


@dataclass(frozen=True)
class Shape:
    """A user with what they may see."""

    caller: Caller
    tables: Tables


def _shape(group: str, people: pa.Table) -> Shape:
    tables = {**warehouse.seen(), ("shop", "customers"): people}
    return Shape(caller(f"{group}-user", group), tables)


def _eu(people: pa.Table) -> pa.Table:
    return people.filter(pa.compute.equal(people["region"], "eu"))


def _masked(people: pa.Table) -> pa.Table:
    """The columns of the masked users: constants, another column's value, nothing."""
    rows = people.select(["id", "name", "region", "code", "level", "email", "joined"]).to_pylist()
    for row in rows:
        row |= {"name": "x", "code": "10", "level": row["id"] % 3, "email": None}
    return pa.Table.from_pylist(rows, people.select(list(rows[0])).schema)


def _columns() -> Shape:
    return _shape("columns", warehouse.customers().select(_PLAIN))


def _tags() -> Shape:
    return _shape("tagged", warehouse.customers().select(_PLAIN))


def _filter() -> Shape:
    return _shape("filtered", _eu(warehouse.customers()).select(_WHOLE))


def _permissive() -> Shape:
    return _shape("opened", _eu(warehouse.customers()).select(_WHOLE))


def _permissive_of_others() -> Shape:
    people = warehouse.customers().drop_columns(["ssn", "score", "canary_f_column"])
    return _shape("closed", people.slice(0, 0))


def _masks() -> Shape:
    return _shape("masked", _masked(warehouse.customers()))


def _masks_and_filter() -> Shape:
    return _shape("both", _masked(_eu(warehouse.customers())))


def _other_schema() -> Shape:
    tables = {("ref", "regions"): warehouse.seen()["ref", "regions"]}
    return Shape(caller("regional-user", "regional"), tables)


def _nothing() -> Shape:
    return Shape(caller("nobody", "nobody"), {})


def _no_claim() -> Shape:
    seen = warehouse.seen()
    people = seen["shop", "customers"].slice(0, 0)
    without = replace(EVE, principal=replace(EVE.principal, claims={}))
    return Shape(without, {**seen, ("shop", "customers"): people})


SHAPES: Mapping[str, Callable[[], Shape]] = {
    "columns denied": _columns,
    "columns and tables denied by tags": _tags,
    "a row filter": _filter,
    "permissive filters": _permissive,
    "permissive filters of others only": _permissive_of_others,
    "masks": _masks,
    "masks over a row filter of raw values": _masks_and_filter,
    "rights in another schema only": _other_schema,
    "no rights at all": _nothing,
    "a filter whose claim is missing": _no_claim,
}
