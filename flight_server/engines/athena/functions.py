"""The allow-list of functions and operators per row, each with its form in Athena's dialect.

A form holds for the types that it names; whatever is not here is refused. `{0}`, `{1}`, … stand for
the arguments as they are, `{type}` for the type that DuckDB gives to the result.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from catalog.names import quote
from flight_server.engines.athena import moments, patterns, texts
from flight_server.engines.athena.binder import Binder, Node
from flight_server.engines.athena.comparisons import comparable, compared
from flight_server.engines.athena.types import (
    BOOLEAN,
    DATE,
    DOUBLE,
    FLOATS,
    INTEGERS,
    NULL,
    NUMBERS,
    TIMESTAMPTZ,
    VARCHAR,
    Type,
)
from flight_server.engines.athena.values import (
    Translates,
    Value,
    as_double,
    call_type,
    coerced,
    common,
    converted,
    joined,
)
from flight_server.engines.errors import Untranslatable

_OPERATORS = frozenset({"+", "-", "*", "/", "//", "%", "||", "**", "^"})
# By name: how many arguments, and the form over texts.
_TEXTS: Mapping[str, tuple[int, str]] = {
    "length": (1, "length({0})"),
    "len": (1, "length({0})"),
    "char_length": (1, "length({0})"),
    "character_length": (1, "length({0})"),
    "strlen": (1, "length(to_utf8({0}))"),
    "octet_length": (1, "length(to_utf8({0}))"),
    "lower": (1, "lower({0})"),
    "lcase": (1, "lower({0})"),
    "upper": (1, "upper({0})"),
    "ucase": (1, "upper({0})"),
    "trim": (1, "trim(BOTH ' ' FROM {0})"),
    "ltrim": (1, "trim(LEADING ' ' FROM {0})"),
    "rtrim": (1, "trim(TRAILING ' ' FROM {0})"),
    "strpos": (2, "strpos({0}, {1})"),
    "instr": (2, "strpos({0}, {1})"),
    "position": (2, "strpos({0}, {1})"),
    "contains": (2, "(strpos({0}, {1}) > 0)"),
    "starts_with": (2, "starts_with({0}, {1})"),
    "prefix": (2, "starts_with({0}, {1})"),
    "^@": (2, "starts_with({0}, {1})"),
    "md5": (1, "lower(to_hex(md5(to_utf8({0}))))"),
    "sha1": (1, "lower(to_hex(sha1(to_utf8({0}))))"),
    "sha256": (1, "lower(to_hex(sha256(to_utf8({0}))))"),
    "encode": (1, "to_utf8({0})"),
    "hex": (1, "to_hex(to_utf8({0}))"),
    "to_hex": (1, "to_hex(to_utf8({0}))"),
}
# Over one number, as doubles.
_DOUBLES: Mapping[str, str] = {
    "sqrt": "sqrt({0})",
    "ln": "ln({0})",
    "log": "log10({0})",
    "log10": "log10({0})",
    "log2": "log2({0})",
    "exp": "exp({0})",
    "cbrt": "cbrt({0})",
    "atan": "atan({0})",
    "degrees": "degrees({0})",
    "radians": "radians({0})",
    "isnan": "is_nan({0})",
    "isinf": "is_infinite({0})",
    "isfinite": "is_finite({0})",
}
WORDS = frozenset({"current_date", "current_timestamp"})


def word(name: str, at: int | None) -> Value:
    """What SQL calls by its name alone."""
    if name == "current_date":
        return Value("CAST((current_timestamp AT TIME ZONE 'UTC') AS date)", DATE, at=at)
    return Value(f"CAST(current_timestamp AS {TIMESTAMPTZ.trino})", TIMESTAMPTZ, at=at)


def shifted(made: Translates, name: str, arguments: Sequence[Node], at: int | None) -> Value | None:
    """A moment plus or minus an interval, or None where there is no interval."""
    if name not in ("+", "-") or len(arguments) != 2:
        return None
    steps = [moments.interval(made, node) for node in arguments]
    if steps[0] is None and steps[1] is None:
        return None
    if steps[1] is None and name == "+":
        steps.reverse()
        arguments = [arguments[1], arguments[0]]
    if steps[0] is not None or steps[1] is None:
        raise Untranslatable("Arithmetic of intervals", at)
    return moments.shift(made.value(arguments[0]), steps[1], name == "-", at)


def called(binder: Binder, name: str, values: list[Value], at: int | None) -> Value:
    """A call of a function, or of an operator."""
    if name in _COMPARISONS and len(values) == 2:
        return compared(binder, _COMPARISONS[name], values[0], values[1], at)
    special = _SPECIAL.get(name)
    known = _TEXTS.get(name)
    form: str | None = None
    if known is not None and len(values) == known[0] and all(_is_text(v) for v in values):
        form = known[1].format(*(coerced(v, VARCHAR) for v in values))
    elif name in _DOUBLES and len(values) == 1 and values[0].type.name in NUMBERS:
        form = _DOUBLES[name].format(as_double(values[0]))
    elif name in moments.PARTS and len(values) == 1:
        form = moments.part(name, values[0], at)
    elif special is not None:
        return special(binder, values, at)
    if not form:
        raise Untranslatable(f"The function {name} over these arguments", at)
    return joined(values, form, _typed(binder, name, values, at), at)


def _is_text(value: Value) -> bool:
    return value.type.name in ("VARCHAR", "NULL")


def _typed(binder: Binder, name: str, values: Sequence[Value], at: int | None) -> Type:
    slots = [f"{{{n}}}" for n in range(len(values))]
    if name in _OPERATORS:
        form = f"({name}{slots[0]})" if len(slots) == 1 else f"({slots[0]} {name} {slots[1]})"
    else:
        form = f"system.main.{quote(name)}({', '.join(slots)})"
    return call_type(binder, form, values, at)


def _arithmetic(name: str) -> Callable[[Binder, list[Value], int | None], Value]:
    def made(binder: Binder, values: list[Value], at: int | None) -> Value:
        if len(values) == 1 and name == "-":
            return _negative(values[0], _typed(binder, name, values, at), at)
        day = moments.days(name, values)
        if day is not None:
            return joined(values, day, _typed(binder, name, values, at), at)
        if len(values) != 2 or not all(v.type.name in NUMBERS | {"NULL"} for v in values):
            raise Untranslatable(f"The operator {name} over these types", at)
        kind = _typed(binder, name, values, at)
        if kind.name in INTEGERS | FLOATS:
            one, two = (coerced(value, kind) for value in values)
        elif any(v.type.name in FLOATS for v in values) or kind.name != "DECIMAL":
            raise Untranslatable(f"The operator {name} over these types", at)
        else:
            one, two = (_exact(value) for value in values)
        sign = "/" if name == "//" else name
        if name == "//" and kind.name not in INTEGERS:
            raise Untranslatable("The operator // over these types", at)
        sql = f"({one} {sign} {two})"
        # DuckDB's type of the result is narrower at times, and fails where a value needs more
        sql = f"CAST({sql} AS {kind.trino})" if kind.name in ("DECIMAL", "HUGEINT") else sql
        return joined(values, sql, kind, at)

    return made


def _exact(value: Value) -> str:
    return "CAST(NULL AS decimal(1, 0))" if value.type == NULL else value.sql


def _negative(value: Value, kind: Type, at: int | None) -> Value:
    if kind.name not in NUMBERS:
        raise Untranslatable("A minus before this type", at)
    return value.made(f"(- {coerced(value, kind)})", kind)


def _divided(binder: Binder, values: list[Value], at: int | None) -> Value:
    if len(values) != 2 or _typed(binder, "/", values, at) != DOUBLE:
        raise Untranslatable("The operator / over these types", at)
    one, two = (as_double(value) for value in values)
    return joined(values, f"({one} / {two})", DOUBLE, at)


def _power(_binder: Binder, values: list[Value], at: int | None) -> Value:
    if len(values) != 2 or not all(v.type.name in NUMBERS for v in values):
        raise Untranslatable("A power of these types", at)
    return joined(values, f"power({as_double(values[0])}, {as_double(values[1])})", DOUBLE, at)


def _pasted(_binder: Binder, values: list[Value], at: int | None) -> Value:
    kinds = {value.type.name for value in values}
    if kinds == {"BLOB"} and len(values) == 2:
        return joined(values, f"({values[0].sql} || {values[1].sql})", values[0].type, at)
    if "NULL" in kinds and kinds <= {"NULL", "VARCHAR"}:
        return Value("NULL", NULL, at=at)
    if "VARCHAR" not in kinds or len(values) != 2:
        raise Untranslatable("The operator || over these types", at)
    texts = [_as_text(value) for value in values]
    return joined(values, f"({texts[0]} || {texts[1]})", VARCHAR, at)


def _as_text(value: Value) -> str:
    return value.sql if value.type == VARCHAR else converted(value, VARCHAR)


def _concat(_binder: Binder, values: list[Value], at: int | None) -> Value:
    if any(value.type.name in ("LIST", "BLOB") for value in values):
        raise Untranslatable("The function concat over these arguments", at)
    parts = [f"coalesce({_as_text(value)}, '')" for value in values]
    return joined(values, "(" + " || ".join(parts) + ")", VARCHAR, at)


def _concat_ws(_binder: Binder, values: list[Value], at: int | None) -> Value:
    if len(values) < 2 or any(v.type.name == "LIST" for v in values):
        raise Untranslatable("The function concat_ws over these arguments", at)
    parts = ", ".join(_as_text(value) for value in values)
    return joined(values, f"concat_ws({parts})", VARCHAR, at)


def _rounding(name: str) -> Callable[[Binder, list[Value], int | None], Value]:
    def made(binder: Binder, values: list[Value], at: int | None) -> Value:
        if len(values) not in (1, 2):
            raise Untranslatable(f"The function {name} over these arguments", at)
        value = values[0]
        digits = values[1].number if len(values) == 2 else 0
        whole = name in ("round", "trunc") or len(values) == 1
        if value.type.name not in NUMBERS or digits is None or not 0 <= digits < 15 or not whole:
            raise Untranslatable(f"The function {name} over these arguments", at)
        if name == "trunc" and len(values) > 1:
            raise Untranslatable(f"The function {name} over these arguments", at)
        kind = _typed(binder, name, values, at)
        spelled = {"ceil": "ceil", "ceiling": "ceil", "floor": "floor", "trunc": "truncate"}
        if value.type.name in INTEGERS:
            return joined(values, coerced(value, kind), kind, at)
        if name != "round":
            return joined(values, f"CAST({spelled[name]}({value.sql}) AS {kind.trino})", kind, at)
        if value.type.name == "DECIMAL":
            sql = f"CAST(round({value.sql}, {digits}) AS {kind.trino})"
        elif digits == 0:
            sql = f"round({value.sql})"
        else:
            sql = f"(round({value.sql} * 1E{digits}) / 1E{digits})"
            if value.type.name == "FLOAT":
                raise Untranslatable("The function round over a float", at)
        return joined(values, sql, kind, at)

    return made


def _abs(binder: Binder, values: list[Value], at: int | None) -> Value:
    if len(values) != 1 or values[0].type.name not in NUMBERS:
        raise Untranslatable("The function abs over these arguments", at)
    return values[0].made(f"abs({values[0].sql})", _typed(binder, "abs", values, at))


def _sign(binder: Binder, values: list[Value], at: int | None) -> Value:
    if len(values) != 1 or values[0].type.name not in NUMBERS - FLOATS:
        raise Untranslatable("The function sign over these arguments", at)
    kind = _typed(binder, "sign", values, at)
    return values[0].made(f"CAST(sign({values[0].sql}) AS {kind.trino})", kind)


def _nullif(binder: Binder, values: list[Value], at: int | None) -> Value:
    if len(values) != 2:
        raise Untranslatable("The function nullif over these arguments", at)
    kind = _typed(binder, "nullif", values, at)
    same = compared(binder, "COMPARE_EQUAL", values[0], values[1], at)
    sql = f"CASE WHEN {same.sql} THEN NULL ELSE {coerced(values[0], kind)} END"
    return joined(values, sql, kind, at)


def _if(binder: Binder, values: list[Value], at: int | None) -> Value:
    if len(values) != 3:
        raise Untranslatable("The function if over these arguments", at)
    kind = call_type(binder, "CASE WHEN true THEN {0} ELSE {1} END", values[1:], at)
    one, two = (coerced(value, kind) for value in values[1:])
    return joined(values, f"IF({coerced(values[0], BOOLEAN)}, {one}, {two})", kind, at)


def _extreme(name: str) -> Callable[[Binder, list[Value], int | None], Value]:
    def made(binder: Binder, values: list[Value], at: int | None) -> Value:
        kind = comparable(binder, values, at)
        if kind.name in FLOATS:
            raise Untranslatable(f"The function {name} over floats", at)
        parts = ", ".join(coerced(value, kind) for value in values)
        end = "array_max" if name == "greatest" else "array_min"
        return joined(values, f"{end}(filter(ARRAY[{parts}], x -> x IS NOT NULL))", kind, at)

    return made


def made_list(binder: Binder, values: list[Value], at: int | None) -> Value:
    """A list of values."""
    if not values:
        raise Untranslatable("An empty list", at)
    element = common(binder, values, at)
    sql = f"ARRAY[{', '.join(coerced(value, element) for value in values)}]"
    return joined(values, sql, Type("LIST", parts=(("element", element),)), at)


def made_struct(named: list[tuple[str, Value]], at: int | None) -> Value:
    """A struct of values with names."""
    if len({name.lower() for name, _ in named}) != len(named):
        raise Untranslatable("A struct whose fields differ only in case", at)
    if any(value.type.name == "NULL" for _, value in named):
        raise Untranslatable("A struct with a NULL of no type", at)
    kind = Type("STRUCT", parts=tuple((name, value.type) for name, value in named))
    sql = f"CAST(ROW({', '.join(value.sql for _, value in named)}) AS {kind.trino})"
    return joined([value for _, value in named], sql, kind, at)


def _contains(binder: Binder, values: list[Value], at: int | None) -> Value:
    if len(values) != 2 or values[0].type.name != "LIST":
        raise Untranslatable("The function list_contains over these arguments", at)
    held, wanted = values
    kind = comparable(binder, [Value("x", held.type.element), wanted], at)
    if kind != held.type.element or kind.name in FLOATS:
        raise Untranslatable("The function list_contains over these types", at)
    one, two = held.sql, coerced(wanted, kind)
    found = f"coalesce(contains({one}, {two}), false)"
    return joined(values, f"IF({one} IS NULL OR {two} IS NULL, NULL, {found})", BOOLEAN, at)


def _list_length(binder: Binder, values: list[Value], at: int | None) -> Value:
    if len(values) != 1 or values[0].type.name != "LIST":
        raise Untranslatable("The length of this type", at)
    return values[0].made(f"cardinality({values[0].sql})", Type("BIGINT"))


def _now(_binder: Binder, values: list[Value], at: int | None) -> Value:
    if values:
        raise Untranslatable("The function now with arguments", at)
    return word("current_timestamp", at)


_COMPARISONS = {
    "=": "COMPARE_EQUAL",
    "<>": "COMPARE_NOTEQUAL",
    "!=": "COMPARE_NOTEQUAL",
    "<": "COMPARE_LESSTHAN",
    ">": "COMPARE_GREATERTHAN",
    "<=": "COMPARE_LESSTHANOREQUALTO",
    ">=": "COMPARE_GREATERTHANOREQUALTO",
}
_Special = Callable[[Binder, list[Value], int | None], Value]
_SPECIAL: Mapping[str, _Special] = {
    **{name: _arithmetic(name) for name in ("+", "-", "*", "//", "%")},
    **{name: _rounding(name) for name in ("round", "ceil", "ceiling", "floor", "trunc")},
    **{name: _extreme(name) for name in ("greatest", "least")},
    **dict.fromkeys(("power", "pow", "**", "^"), _power),
    **dict.fromkeys(("list_contains", "array_contains", "list_has"), _contains),
    **dict.fromkeys(("array_has", "contains"), _contains),
    **dict.fromkeys(("array_length", "len"), _list_length),
    **patterns.FORMS,
    **texts.FORMS,
    **moments.FORMS,
    "mod": _arithmetic("%"),
    "/": _divided,
    "||": _pasted,
    "concat": _concat,
    "concat_ws": _concat_ws,
    "abs": _abs,
    "sign": _sign,
    "nullif": _nullif,
    "if": _if,
    "now": _now,
    "list_value": made_list,
}
