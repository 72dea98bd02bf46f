"""Reads what a policy file says in values rather than rules: built-in masks, lookups, limits."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from decimal import Decimal
from types import MappingProxyType
from typing import Any, Final

from auth.globs import GlobInvalid
from auth.grant import Reason
from auth.identity import ClaimRule
from auth.limits import EVERYONE, Limits, Team
from auth.lookups import table_name
from auth.masks import UNITS, Bucket, BuiltIn, Constant, Hash, Null, Partial, Truncate
from auth.rules import Lookup, Role
from auth.yaml_file import Value, nearest
from catalog.names import fold

_LOOKUP: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,63}")
_KEY: Final = re.compile(r"[A-Za-z0-9_\-]{1,64}")
_MASKS: Final = ("constant", "partial", "truncate", "bucket", "hash")
_MOST_KEPT: Final = 64
_MOST: Final = 2**62
_SECONDS: Final = 7 * 86_400
_WIDEST: Final = 10**15
_MOST_USD: Final = 10**9
_OF_ONE: Final = ("concurrent", "statement_seconds", "rows", "result_bytes")
_OF_DAY: Final = ("scan_gb_day", "athena_usd_day")


def built_in_mask(value: Value, claims: Mapping[str, ClaimRule]) -> BuiltIn:
    """The mask that `mask:` names; it may name claims. Raises the file's error."""
    if value.is_null:
        return Null()
    fields = value.fields(optional=_MASKS)
    if len(fields) != 1:
        raise value.fault("a mask is null or one of " + ", ".join(_MASKS))
    (name, body), *_ = fields.items()
    match name:
        case "constant":
            return _constant(body)
        case "partial":
            return _partial(body)
        case "truncate":
            if body.text() not in UNITS:
                raise body.fault(f"must be one of {', '.join(UNITS)}")
            return Truncate(body.text())
        case "bucket":
            return _bucket(body)
        case _:
            return _hash(body, claims)


def lookups(value: Value) -> Mapping[str, Lookup]:
    """The tables that subqueries may read, by folded name."""
    found: dict[str, Lookup] = {}
    for key, body in value.entries():
        name = key.key()
        if not _LOOKUP.fullmatch(name):
            raise key.fault(f"{name!r} cannot be a lookup: letters, digits and _ only")
        if fold(name) in found:
            raise key.fault(f"{name!r} is given twice")
        table = body.fields(required=["table"])["table"]
        try:
            found[fold(name)] = Lookup(
                name, table_name(table.text()), Reason(f"lookup {name}", key.line)
            )
        except GlobInvalid as fault:
            raise table.fault(str(fault)) from fault
    return MappingProxyType(found)


def limits(
    value: Value, roles: Mapping[str, Role]
) -> tuple[Mapping[str, Limits], Mapping[str, Team]]:
    """What each bearer of a role may use, and what all together may, by role; `*` is everyone."""
    found: dict[str, Limits] = {}
    teams: dict[str, Team] = {}
    for key, body in value.entries():
        role = key.key()
        if role not in roles and role != EVERYONE:
            raise key.fault(f"unknown role {role!r}{nearest(role, roles)}")
        fields = _limited(body, [*_OF_ONE, *_OF_DAY, "team"])
        team = fields.pop("team", None)
        found[role] = Limits(**_numbers(fields))
        if team is not None:
            teams[role] = Team(**_numbers(_limited(team, _OF_DAY)))
    return MappingProxyType(found), MappingProxyType(teams)


def _limited(value: Value, known: Sequence[str]) -> dict[str, Value]:
    fields = value.fields(optional=known)
    if not fields:
        raise value.fault("must not be empty")
    return fields


def _numbers(fields: Mapping[str, Value]) -> dict[str, Any]:
    highest = {"concurrent": 10_000, "statement_seconds": _SECONDS}
    return {
        name: _usd(said) if "_usd_" in name else said.integer(1, highest.get(name, _MOST))
        for name, said in fields.items()
    }


def _usd(value: Value) -> float:
    plain = value.plain()
    if isinstance(plain, bool) or not isinstance(plain, int | float) or not 0 < plain <= _MOST_USD:
        raise value.fault(f"must be a number above 0 and at most {_MOST_USD}")
    return float(plain)


def _constant(value: Value) -> Constant:
    plain = value.plain()
    if isinstance(plain, list) or (isinstance(plain, float) and not math.isfinite(plain)):
        raise value.fault("must be a text, a number, true or false")
    if isinstance(plain, str) and "${" in plain:
        raise value.fault("a constant has no placeholders; write 'using'")
    return Constant(plain)


def _partial(value: Value) -> Partial:
    fields = value.fields(optional=["keep_first", "keep_last", "with"])
    first, last = (
        fields[name].integer(0, _MOST_KEPT) if name in fields else 0
        for name in ("keep_first", "keep_last")
    )
    if first + last == 0:
        raise value.fault("needs 'keep_first' or 'keep_last'; to keep nothing use null")
    fill = fields["with"].text() if "with" in fields else "*"
    if len(fill) != 1:
        raise fields["with"].fault("must be one character")
    return Partial(first, last, fill)


def _hash(value: Value, claims: Mapping[str, ClaimRule]) -> Hash:
    fields = value.fields(required=["key"], optional=["per"])
    per = fields["per"].text() if "per" in fields else None
    if per is not None and per not in claims:
        raise fields["per"].fault(f"unknown claim {per!r}{nearest(per, claims)}")
    if per is not None and claims[per].type.sql.endswith("[]"):
        raise fields["per"].fault("must be a claim of one value, not a list")
    key = fields["key"].text()
    if not _KEY.fullmatch(key):
        raise fields["key"].fault("names a key of the server's settings: letters, digits, _ and -")
    return Hash(key, per)


def _bucket(value: Value) -> Bucket:
    plain = value.plain()
    if isinstance(plain, bool) or not isinstance(plain, int | float) or not 0 < plain <= _WIDEST:
        raise value.fault(f"must be a number above 0 and at most {_WIDEST}")
    return Bucket(Decimal(str(plain)))
