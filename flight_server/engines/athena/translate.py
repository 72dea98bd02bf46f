"""A secured statement as one SELECT in Athena's dialect, or an error that names what has no form.

Rules for editors. Rule 1: SQL for Athena is made of forms that are written here and of literals;
nothing of a statement's or a policy's text is passed on. Rule 2: what no rule names is refused.
Rule 3: the types that were inferred must be those that were promised.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from functools import cache

import pyarrow as pa
import pyarrow.compute as pc

from catalog.names import TableName
from flight_server.engines.athena.binder import Binder
from flight_server.engines.athena.narrowed import narrowed, path
from flight_server.engines.athena.queries import Statement
from flight_server.engines.athena.query import Query
from flight_server.engines.athena.scope import Defined
from flight_server.engines.athena.translated import (
    AthenaTable,
    Sent,
    SortKey,
    Translated,
)
from flight_server.engines.athena.types import (
    HUGEINT,
    INTEGERS,
    NULL,
    VARCHAR,
    Type,
    from_arrow,
)
from flight_server.engines.athena.values import Value, coerced, literal
from flight_server.engines.athena.wrapper import encoded, is_encoded
from flight_server.engines.base import Secured
from flight_server.engines.errors import Untranslatable

_LOGGER = logging.getLogger(__name__)
_MAX_BYTES = 262_144  # of a statement, for Athena
_FOREIGN = (LookupError, TypeError, ValueError, AttributeError, RecursionError)


@cache
def _binder() -> Binder:
    return Binder()


def translate(
    secured: Secured,
    parameters: pa.RecordBatch | None,
    schema: pa.Schema,
    places: Mapping[TableName, AthenaTable],
    binder: Binder | None = None,
) -> Translated:
    """The statement for Athena, whose result has `schema`; `places` are its tables and lookups.

    Raises `Untranslatable`.
    """
    try:
        return _translated(secured, parameters, schema, places, binder or _binder())
    except _FOREIGN as error:
        # a tree is another program's data: a form that was not foreseen is refused as all others
        _LOGGER.warning("a tree of an unknown form was refused: %s", type(error).__name__)
        raise Untranslatable("A statement of this form") from error


def _translated(
    secured: Secured,
    parameters: pa.RecordBatch | None,
    schema: pa.Schema,
    places: Mapping[TableName, AthenaTable],
    binder: Binder,
) -> Translated:
    if secured.time_zone.upper() not in ("UTC", "ETC/UTC", "GMT"):
        raise Untranslatable("A session time zone other than UTC")
    if secured.functions:
        raise Untranslatable("A function of the session")
    tables: dict[tuple[str, ...], Defined] = {}
    heads = []
    for number, relation in enumerate(secured.relations):
        sql, columns = narrowed(relation, places, binder, f"n{number}t")
        name, full = f"r{number}", path(relation.name)
        tables[full] = Defined(name, columns, full)
        heads.append(f"{name} AS ({sql})")
    statement = Statement(
        binder,
        tables,
        (secured.catalog, secured.schema),
        _bound(secured.parameters, parameters),
        secured.text.encode(),
    )
    made = statement.query(binder.tree(secured.text), None)
    return _wrapped(made, heads, schema)


def _bound(names: tuple[str, ...], row: pa.RecordBatch | None) -> dict[str, Value]:
    if not names:
        return {}
    if row is None or row.num_columns != len(names) or row.num_rows != 1:
        raise Untranslatable("A statement without values for its parameters")
    return {name: _parameter(row.column(at)) for at, name in enumerate(names)}


def _parameter(column: pa.Array) -> Value:
    """A bound value as a literal of its type; it is never pasted as it came."""
    if pa.types.is_dictionary(column.type):
        column = column.dictionary_decode()
    kind, scalar = from_arrow(column.type), column[0]
    if not scalar.is_valid:
        made = "NULL" if kind == NULL else f"CAST(NULL AS {kind.trino})"
        return Value(made, kind)
    if kind == VARCHAR:
        return Value(literal(str(scalar.as_py())), VARCHAR)
    if kind.name == "BOOLEAN":
        return Value("true" if scalar.as_py() else "false", kind)
    if kind.name in INTEGERS | {"DECIMAL"}:
        text = format(scalar.as_py(), "f") if kind.name == "DECIMAL" else str(scalar.as_py())
        number = scalar.as_py() if kind.name in INTEGERS - {"HUGEINT"} else None
        source = HUGEINT if kind.name in INTEGERS else kind
        sql = coerced(Value(literal(text), VARCHAR, text=text), source)
        return Value(f"CAST({sql} AS {kind.trino})", kind, number=number)
    if kind.name in ("DATE", "TIMESTAMP", "TIMESTAMP WITH TIME ZONE", "TIME"):
        if kind.name == "TIMESTAMP WITH TIME ZONE":
            scalar = pc.cast(pc.cast(scalar, pa.int64()), pa.timestamp("us"))
        text = str(pc.cast(scalar, pa.string()))
        return Value(coerced(Value("", VARCHAR, text=text), kind), kind)
    if kind.name == "DOUBLE":
        return _double(float(scalar.as_py()), kind)
    if kind.name == "BLOB":
        return Value(f"X'{bytes(scalar.as_py()).hex().upper()}'", kind)
    raise Untranslatable(f"A parameter of type {kind.name}")


def _double(number: float, kind: Type) -> Value:
    if number != number:
        return Value("nan()", kind)
    if number in (float("inf"), float("-inf")):
        return Value("infinity()" if number > 0 else "(- infinity())", kind)
    return Value(f"DOUBLE '{number!r}'", kind)


def _wrapped(made: Query, heads: list[str], schema: pa.Schema) -> Translated:
    """The query in the form in which its columns travel."""
    if len(made.columns) != len(schema):
        raise Untranslatable("A result of this shape")
    kinds: list[Type] = []
    for (_, kind), field in zip(made.columns, schema, strict=True):
        promised = from_arrow(field.type)
        if kind.shape != promised.shape:
            raise Untranslatable(f"A result column of type {promised.name}")
        kinds.append(promised)
    kinds += made.extra
    values = (
        encoded(_as_promised(f"q.c{at}", kind), kind) + f" AS c{at}"
        for at, kind in enumerate(kinds)
    )
    head = f"WITH {', '.join(heads)} " if heads else ""
    sql = f"{head}SELECT {', '.join(values)} FROM ({made.sql}) AS q ({made.names})"  # noqa: S608 - made names, translated values
    by = ", ".join(f"q.c{each.column} {each.sql}" for each in made.order)
    ordered = f"{sql} ORDER BY {by}" if by else sql
    if len(ordered.encode()) > _MAX_BYTES:
        raise Untranslatable("A statement of this length")
    types = [field.type for field in schema] + [kind.arrow for kind in made.extra]
    return Translated(
        sql=sql,
        ordered_sql=ordered,
        columns=tuple(
            Sent(f"c{at}", data, is_encoded(kind))
            for at, (data, kind) in enumerate(zip(types, kinds, strict=True))
        ),
        visible=len(schema),
        order_by=tuple(SortKey(o.column, o.descending, o.nulls_first) for o in made.order),
    )


def _as_promised(sql: str, kind: Type) -> str:
    """A column cast to what is promised, so that Athena writes exactly that."""
    if kind.name in ("VARCHAR", "BLOB", "BOOLEAN", "DOUBLE", "NULL"):
        return sql
    return f"CAST({sql} AS {kind.trino})"
