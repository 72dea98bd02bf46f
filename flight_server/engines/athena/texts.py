"""Functions over texts and bytes whose form depends on their arguments."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from flight_server.engines.athena.binder import Binder
from flight_server.engines.athena.types import BOOLEAN, INTEGERS, VARCHAR, Type
from flight_server.engines.athena.values import Value, joined
from flight_server.engines.errors import Untranslatable

_Form = Callable[[Binder, list[Value], int | None], Value]
_MOST = 100_000


def _are_texts(values: list[Value], *places: int) -> bool:
    return all(at < len(values) and values[at].type == VARCHAR for at in places)


def _within(value: Value, least: int) -> bool:
    return value.number is not None and least <= value.number <= _MOST


def _refused(name: str, at: int | None) -> Untranslatable:
    return Untranslatable(f"The function {name} over these arguments", at)


def _substring(_binder: Binder, values: list[Value], at: int | None) -> Value:
    """Only from a place and of a length that are written out: others are counted differently."""
    if not _are_texts(values, 0) or len(values) not in (2, 3) or not _within(values[1], 1):
        raise _refused("substring", at)
    if len(values) == 3 and not _within(values[2], 0):
        raise _refused("substring", at)
    rest = ", ".join(value.sql for value in values[1:])
    return joined(values, f"substr({values[0].sql}, {rest})", VARCHAR, at)


def _left(_binder: Binder, values: list[Value], at: int | None) -> Value:
    if not _are_texts(values, 0) or len(values) != 2 or not _within(values[1], 0):
        raise _refused("left", at)
    return joined(values, f"substr({values[0].sql}, 1, {values[1].sql})", VARCHAR, at)


def _right(_binder: Binder, values: list[Value], at: int | None) -> Value:
    if not _are_texts(values, 0) or len(values) != 2 or not _within(values[1], 1):
        raise _refused("right", at)
    text, count = values[0].sql, values[1].number
    sql = f"IF(length({text}) <= {count}, {text}, substr({text}, -{count}))"
    return joined(values, sql, VARCHAR, at)


def _replace(_binder: Binder, values: list[Value], at: int | None) -> Value:
    if not _are_texts(values, 0, 1, 2) or len(values) != 3 or not values[1].text:
        raise _refused("replace", at)
    return joined(values, f"replace({', '.join(v.sql for v in values)})", VARCHAR, at)


def _padded(name: str) -> _Form:
    def made(_binder: Binder, values: list[Value], at: int | None) -> Value:
        given = _are_texts(values, 0, 2) and len(values) == 3
        if not given or not _within(values[1], 0) or not values[2].text:
            raise _refused(name, at)
        return joined(values, f"{name}({', '.join(v.sql for v in values)})", VARCHAR, at)

    return made


def _repeat(_binder: Binder, values: list[Value], at: int | None) -> Value:
    """Athena's repeat makes lists: an empty text is filled instead."""
    small = len(values) == 2 and values[1].type.name in INTEGERS - {"HUGEINT"}
    if not _are_texts(values, 0) or not small or not values[0].text:
        raise _refused("repeat", at)
    count = f"greatest({values[1].sql}, 0) * {len(values[0].text)}"
    return joined(values, f"lpad('', {count}, {values[0].sql})", VARCHAR, at)


def _split_part(_binder: Binder, values: list[Value], at: int | None) -> Value:
    given = _are_texts(values, 0, 1) and len(values) == 3
    if not given or not _within(values[2], 1) or not values[1].text:
        raise _refused("split_part", at)
    text = values[0].sql
    part = f"coalesce(split_part({text}, {values[1].sql}, {values[2].sql}), '')"
    return joined(values, f"IF({text} IS NULL, NULL, {part})", VARCHAR, at)


def _split(_binder: Binder, values: list[Value], at: int | None) -> Value:
    if not _are_texts(values, 0, 1) or len(values) != 2 or not values[1].text:
        raise _refused("string_split", at)
    kind = Type("LIST", parts=(("element", VARCHAR),))
    return joined(values, f"split({values[0].sql}, {values[1].sql})", kind, at)


def _ends(_binder: Binder, values: list[Value], at: int | None) -> Value:
    if not _are_texts(values, 0, 1) or len(values) != 2:
        raise _refused("ends_with", at)
    text, end = values[0].sql, values[1].sql
    tail = f"substr({text}, length({text}) - length({end}) + 1) = {end}"
    sql = f"(length({end}) = 0 OR (length({text}) >= length({end}) AND {tail}))"
    sql = f"IF({text} IS NULL OR {end} IS NULL, NULL, {sql})"
    return joined(values, sql, BOOLEAN, at)


def _trimmed(side: str) -> _Form:
    def made(_binder: Binder, values: list[Value], at: int | None) -> Value:
        if not _are_texts(values, 0, 1) or len(values) != 2 or not values[1].text:
            raise _refused("trim", at)
        return joined(values, f"trim({side} {values[1].sql} FROM {values[0].sql})", VARCHAR, at)

    return made


def _unhex(_binder: Binder, values: list[Value], at: int | None) -> Value:
    if not _are_texts(values, 0) or len(values) != 1:
        raise _refused("unhex", at)
    return values[0].made(f"from_hex({values[0].sql})", Type("BLOB"))


def _hashed(name: str) -> _Form:
    def made(_binder: Binder, values: list[Value], at: int | None) -> Value:
        if len(values) != 1 or values[0].type.name != "BLOB":
            raise _refused(name, at)
        return values[0].made(f"lower(to_hex({name}({values[0].sql})))", VARCHAR)

    return made


def _octets(_binder: Binder, values: list[Value], at: int | None) -> Value:
    if len(values) != 1 or values[0].type.name != "BLOB":
        raise _refused("octet_length", at)
    return values[0].made(f"length({values[0].sql})", Type("BIGINT"))


FORMS: Mapping[str, _Form] = {
    **dict.fromkeys(("substr", "substring"), _substring),
    **dict.fromkeys(("string_split", "str_split", "split", "string_to_array"), _split),
    **dict.fromkeys(("ends_with", "suffix"), _ends),
    **{name: _padded(name) for name in ("lpad", "rpad")},
    **{name: _hashed(name) for name in ("md5", "sha1", "sha256")},
    "left": _left,
    "right": _right,
    "replace": _replace,
    "repeat": _repeat,
    "split_part": _split_part,
    "trim": _trimmed("BOTH"),
    "ltrim": _trimmed("LEADING"),
    "rtrim": _trimmed("TRAILING"),
    "unhex": _unhex,
    "from_hex": _unhex,
    "octet_length": _octets,
}
