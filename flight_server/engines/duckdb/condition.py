"""What a sealed worker may ask of the rows it is sent: columns compared with constants, no more.

The worker reads the condition out of the filter that DuckDB pushed into its scan; the feeder makes
SQL of it anew, out of numbers of columns and typed constants. On the way it may only get weaker:
whoever asks still filters what comes. Knows no DuckDB and no statement.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from typing import Any

import pyarrow as pa

from catalog.names import text_literal

# A condition: a kind, then its parts. A comparison and a list name a column by its number.
Condition = list[Any]

LONGEST = 64 * 1024
# Arrow's form nests two by two; ours is flat.
_MOST_PARTS = 1_000
_DEEPEST = 16

_COMPARISONS = {
    "equal": "=",
    "less": "<",
    "less_equal": "<=",
    "greater": ">",
    "greater_equal": ">=",
}
_JOINED = {"and_kleene": "and", "or_kleene": "or"}
_ENTRY = re.compile(r"(call|end|field_ref|literal|options): '(\w+)'")
_COLUMN = re.compile(r"c(\d{1,5})")


class Malformed(Exception):
    """A condition that is not of the closed form: no honest worker asks for it."""


# --- the worker's side: out of Arrow's expression ------------------------------------------------


def read(expression: Any) -> bytes:
    """The part of an Arrow filter that can be asked for, encoded; empty where there is none."""
    # A filter is written as one row of constants; the schema's metadata lists its parts in order.
    _, (data,) = expression.__reduce__()
    with pa.ipc.open_file(data) as file:
        constants = file.get_batch(0)
    told = constants.schema.to_string(
        show_field_metadata=False, show_schema_metadata=True, truncate_metadata=False
    )
    _, _, listed = told.partition("-- schema metadata --\n")
    entries = [_ENTRY.fullmatch(line) for line in listed.splitlines()]
    if not all(entries) or len(entries) > _MOST_PARTS:
        return b""
    parts = [(entry[1], entry[2]) for entry in reversed(entries) if entry is not None]
    condition = _condition(_part(parts, constants))
    data = b"" if condition is None else json.dumps(condition, separators=(",", ":")).encode()
    return data if len(data) <= LONGEST else b""


def _part(parts: list[tuple[str, str]], constants: pa.RecordBatch) -> list[Any]:
    """The next part of an expression: a column, a constant, or a call with its arguments."""
    kind, name = parts.pop()
    if kind == "field_ref":
        return ["column", name]
    if kind == "literal":
        return ["constant", constants.column(int(name))[0]]
    arguments = []
    while parts[-1][0] not in ("end", "options"):
        arguments.append(_part(parts, constants))
    options = None
    if parts[-1][0] == "options":
        options = constants.column(int(parts.pop()[1]))[0]
    parts.pop()
    return ["call", name, arguments, options]


def _condition(part: list[Any]) -> Condition | None:
    """What is true wherever a part of an expression is; None for whatever is not known."""
    if part[0] != "call":
        return None
    _, name, arguments, options = part
    if name in _JOINED:
        return _joined(_JOINED[name], [_condition(argument) for argument in arguments])
    if name == "if_else":  # as DuckDB asks for lists: where valid, in the list, else NULL
        test, value, other = arguments
        null = other[0] == "constant" and not other[1].is_valid
        return _joined("and", [_condition(test), _condition(value)]) if null else None
    if not arguments or arguments[0][0] != "column":
        return None
    column = _COLUMN.fullmatch(arguments[0][1])
    if column is None:
        return None
    return _about(int(column[1]), name, arguments[1:], options)


def _joined(kind: str, conditions: Sequence[Condition | None]) -> Condition | None:
    """All or any of some conditions; what is not known weakens the first, and spoils the second."""
    known = [each for each in conditions if each is not None]
    if not known or (kind == "or" and len(known) < len(conditions)):
        return None
    flat: list[Condition] = []
    for each in known:  # DuckDB chains two by two
        flat += each[1] if each[0] == kind else [each]
    return flat[0] if len(flat) == 1 else [kind, flat]


def _about(column: int, name: str, others: list[list[Any]], options: Any) -> Condition | None:
    if name == "is_valid":
        return ["valid", column]
    if name == "is_null":
        return ["null", column] if not options.as_py()["nan_is_null"] else None
    if name == "is_in":
        # which of them are NULL does not matter: DuckDB asks for valid rows beside
        listed = [value for value in options["value_set"].values if value.is_valid]
        values = [_encoded(value) for value in listed]
        return None if None in values else ["in", column, values]
    if name not in _COMPARISONS or len(others) != 1 or others[0][0] != "constant":
        return None
    value = _encoded(others[0][1])
    return None if value is None else [_COMPARISONS[name], column, value]


def _encoded(scalar: pa.Scalar) -> Any:
    """A constant as JSON; None for a type that is not asked for."""
    data = scalar.type
    if not scalar.is_valid:
        return None
    if pa.types.is_timestamp(data):
        return scalar.value if data.unit == "us" else None
    if pa.types.is_date32(data):
        return scalar.value
    value = scalar.as_py()
    if isinstance(value, Decimal):
        return f"{value:f}"
    if pa.types.is_floating(data):
        return float(value).hex()
    return value if isinstance(value, bool | int | str) else None


# --- the feeder's side: SQL ----------------------------------------------------------------------


def sql(data: bytes, columns: Sequence[str], types: Sequence[str]) -> str | None:
    """The SQL of a condition over columns, which are SQL too; None where nothing is left of it.

    `types` are those of the columns as DuckDB names them. No evaluation of it can fail, for each
    constant has the type of its column. Raises `Malformed`.
    """
    try:
        condition = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise Malformed from error
    return _sql(condition, columns, types, 0)


def _sql(condition: Any, columns: Sequence[str], types: Sequence[str], depth: int) -> str | None:
    if not isinstance(condition, list) or len(condition) < 2:
        raise Malformed
    if depth > _DEEPEST:
        return None
    kind, first, *rest = condition
    if kind in ("and", "or"):
        if not isinstance(first, list) or not first or rest:
            raise Malformed
        parts = [_sql(each, columns, types, depth + 1) for each in first]
        known = [part for part in parts if part is not None]
        if not known or (kind == "or" and len(known) < len(parts)):
            return None
        return f"({f' {kind.upper()} '.join(known)})"
    if type(first) is not int or not 0 <= first < len(columns):
        raise Malformed
    return _compared(kind, rest, columns[first], types[first])


def _compared(kind: Any, rest: list[Any], column: str, data: str) -> str | None:
    if kind in ("valid", "null"):
        if rest:
            raise Malformed
        return f"({column} IS {'NOT ' if kind == 'valid' else ''}NULL)"
    if len(rest) != 1 or (kind != "in" and kind not in _COMPARISONS.values()):
        raise Malformed
    (value,) = rest
    if kind != "in":
        literal = _literal(value, data)
        return None if literal is None else f"({column} {kind} {literal})"
    if not isinstance(value, list):
        raise Malformed
    literals = [_literal(each, data) for each in value]
    known = [literal for literal in literals if literal is not None]
    if len(known) < len(literals) or not known:
        return None
    return f"({column} IN ({', '.join(known)}))"


def _literal(value: Any, data: str) -> str | None:
    """A constant of a column's own type; None for a type or value that is not asked for."""
    kind = re.sub(r"\(\d+,\d+\)$", "", data)
    write = _WRITERS.get(kind)
    text = None if write is None else write(value)
    return None if text is None else f"CAST({text} AS {data})"


def _whole(least: int, most: int, form: str = "{}") -> Callable[[Any], str | None]:
    def write(value: Any) -> str | None:
        return form.format(value) if type(value) is int and least <= value <= most else None

    return write


def _boolean(value: Any) -> str | None:
    return str(value).lower() if isinstance(value, bool) else None


def _float(value: Any) -> str | None:
    try:
        number = float.fromhex(value)
    except (TypeError, ValueError, OverflowError):
        return None
    return f"'{number!r}'" if math.isfinite(number) else None


def _decimal(value: Any) -> str | None:
    fits = isinstance(value, str) and re.fullmatch(r"-?\d{1,38}(\.\d{1,38})?", value, re.ASCII)
    return f"'{value}'" if fits else None


def _text(value: Any) -> str | None:
    if not isinstance(value, str) or re.search("[\0\ud800-\udfff]", value):
        return None
    return text_literal(value)


# Years 1 to 9999: beyond them lie values that stand for infinity.
_DAYS = (-719_162, 2_932_896)
_MICROSECONDS = (-62_135_596_800_000_000, 253_402_300_799_999_999)

_WRITERS: Mapping[str, Callable[[Any], str | None]] = {
    "BOOLEAN": _boolean,
    **{
        name: _whole(-(2 ** (bits - 1)), 2 ** (bits - 1) - 1)
        for name, bits in (("TINYINT", 8), ("SMALLINT", 16), ("INTEGER", 32), ("BIGINT", 64))
    },
    **{
        name: _whole(0, 2**bits - 1)
        for name, bits in (("UTINYINT", 8), ("USMALLINT", 16), ("UINTEGER", 32), ("UBIGINT", 64))
    },
    "FLOAT": _float,
    "DOUBLE": _float,
    "DECIMAL": _decimal,
    "VARCHAR": _text,
    "DATE": _whole(*_DAYS, "DATE '1970-01-01' + ({})"),
    "TIMESTAMP": _whole(*_MICROSECONDS, "make_timestamp({})"),
    "TIMESTAMP WITH TIME ZONE": _whole(*_MICROSECONDS, "make_timestamptz({})"),
}
