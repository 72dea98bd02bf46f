"""The SQL of the masks that a policy names instead of writing it.

Rules for editors. Rule 1: a value of the policy becomes a literal, never text. Rule 2: every
function is qualified to `system.main`. Rule 3: no mask depends on the session, and none can fail on
a value: a failure would tell of it.
"""

from __future__ import annotations

import hashlib
from datetime import UTC, date, datetime

import pyarrow as pa

from auth.masks import Bucket, BuiltIn, Constant, Hash, Null, Partial, Truncate
from catalog.names import text_literal

_BLOCK = 64  # bytes that SHA-256 takes at once


def mask_sql(mask: BuiltIn, name: str, kind: pa.DataType) -> str:
    """A mask of a value of a type that it fits, as DuckDB SQL; `name` is the SQL of the raw value.

    NULL stays NULL. What it gives may be of a wider type, which is to be cast to the column's.
    """
    match mask:
        case Null():
            return "NULL"
        case Constant(value):
            return f"CASE WHEN {name} IS NOT NULL THEN {_literal(_of(value, kind))} END"
        case Partial():
            return _partial(mask, name)
        case Truncate(unit):
            return _truncated(unit, name, kind)
        case Bucket(width):
            return f"{name} - {name} % {width:f}"
        case Hash():
            raise ValueError("a hash needs its key")


def hash_sql(name: str, key: bytes) -> str:
    """The HMAC-SHA256 of a text in hexadecimal. The SQL holds the key: see `Relation.keyed`."""
    block = (hashlib.sha256(key).digest() if len(key) > _BLOCK else key).ljust(_BLOCK, b"\0")
    inner, outer = (_blob(bytes(byte ^ pad for byte in block)) for pad in (0x36, 0x5C))
    hashed = f"system.main.sha256({inner} || system.main.encode({name}))"
    return f"system.main.sha256({outer} || system.main.unhex({hashed}))"


def _blob(data: bytes) -> str:
    escaped = "".join(rf"\x{byte:02X}" for byte in data)
    return f"CAST('{escaped}' AS BLOB)"


def _partial(mask: Partial, name: str) -> str:
    length = f"system.main.length({name})"
    fill = _literal(mask.fill)
    kept = mask.keep_first + mask.keep_last
    ends = [f"system.main.repeat({fill}, {length} - {kept})"]
    # left and right of 0 characters are left out: a number below 0 would mean something else
    if mask.keep_first:
        ends.insert(0, f"system.main.left({name}, {mask.keep_first})")
    if mask.keep_last:
        ends.append(f"system.main.right({name}, {mask.keep_last})")
    return (
        f"CASE WHEN {length} > {kept} THEN {' || '.join(ends)}"
        f" ELSE system.main.repeat({fill}, {length}) END"
    )


def _truncated(unit: str, name: str, kind: pa.DataType) -> str:
    if pa.types.is_timestamp(kind) and kind.tz is not None:
        # in UTC and back, or else its edges would be those of the session's time zone
        local = f"system.main.timezone('UTC', {name})"
        start = f"system.main.timezone('UTC', system.main.date_trunc({_literal(unit)}, {local}))"
    else:
        start = f"system.main.date_trunc({_literal(unit)}, {name})"
    return f"TRY({start})"  # dates and moments at their ends have no start


def _of(value: str | int | float | bool, kind: pa.DataType) -> str | int | float | bool:
    """A constant as it is written for a column's type: moments in UTC, whatever the session's."""
    if isinstance(value, str) and pa.types.is_date(kind):
        return date.fromisoformat(value).isoformat()
    if isinstance(value, str) and pa.types.is_timestamp(kind):
        moment = datetime.fromisoformat(value)
        if moment.tzinfo is not None:
            moment = moment.astimezone(UTC)
        return moment.isoformat(sep=" ")
    return value


def _literal(value: str | int | float | bool) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return text_literal(value.replace("\0", ""))
    return repr(value)
