"""Random expressions over columns, of a wanted kind, with one answer only."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import pyarrow as pa

KINDS = ("int", "money", "double", "text", "date", "moment", "instant", "bool")


@dataclass(frozen=True)
class Leaf:
    """Something with a value: a column or a field in one, as SQL."""

    sql: str
    kind: str


def quoted(name: str) -> str:
    """A name as SQL, in quotes where it needs them."""
    plain = name.isascii() and name.replace("_", "a").isalnum() and name not in ("select", "rank")
    return name if plain else '"' + name.replace('"', '""') + '"'


def leaves(alias: str, schema: pa.Schema) -> tuple[Leaf, ...]:
    """All that can be named of a table."""
    return tuple(
        leaf for column in schema for leaf in _within(f"{alias}.{quoted(column.name)}", column.type)
    )


def _within(sql: str, kind: pa.DataType) -> Iterator[Leaf]:
    yield Leaf(sql, kind_of(kind))
    if pa.types.is_struct(kind):
        for inner in kind:
            yield from _within(f"{sql}.{quoted(inner.name)}", inner.type)


def kind_of(kind: pa.DataType) -> str:
    """The kind of expression that a type makes."""
    for matches, name in _TYPES:
        if matches(kind):
            return name
    raise AssertionError(kind)


def _list_of(kind: pa.DataType) -> str:
    return kind_of(kind.value_type)


_TYPES: tuple[tuple[Callable[[pa.DataType], bool], str], ...] = (
    (pa.types.is_integer, "int"),
    (pa.types.is_decimal, "money"),
    (pa.types.is_floating, "double"),
    (pa.types.is_string, "text"),
    (pa.types.is_date, "date"),
    (lambda t: pa.types.is_timestamp(t) and t.tz is None, "moment"),
    (pa.types.is_timestamp, "instant"),
    (pa.types.is_boolean, "bool"),
    (pa.types.is_map, "map"),
    (pa.types.is_struct, "struct"),
    (lambda t: pa.types.is_list(t) and _list_of(t) == "int", "ints"),
    (lambda t: pa.types.is_list(t) and _list_of(t) == "text", "texts"),
    (pa.types.is_list, "list"),
)
_LITERALS = {
    "int": ("0", "1", "3", "7", "50", "-2", "NULL"),
    "money": ("0.00", "12.50", "250.25", "-3.10", "1000::DECIMAL(12,2)"),
    "double": ("0.5::DOUBLE", "0.25::DOUBLE", "2::DOUBLE"),
    "text": ("'eu'", "'us'", "''", "'name-3'", "'open'", "'ß'", "'a''b'", "'eu'", "NULL"),
    "date": ("DATE '2024-01-01'", "DATE '2023-06-15'", "DATE '2025-02-28'"),
    "moment": ("TIMESTAMP '2024-03-15 12:00:00'", "TIMESTAMP '2024-03-01 00:30:00'"),
    "instant": ("TIMESTAMPTZ '2024-03-15 12:00:00+00'", "TIMESTAMPTZ '2024-03-05 23:00:00+02'"),
    "bool": ("true", "true", "false", "NULL"),
}
# `{int}` and so on stand for other expressions.
_FORMS: dict[str, Sequence[str]] = {
    "int": (
        "{int} + {int}",
        "{int} - {int}",
        "{int} * 3",
        "{int} % 5",
        "{int} // 4",
        "abs({int})",
        "-({int})",
        "length({text})",
        "year({date})",
        "month({date})",
        "day({moment})",
        "hour({instant})",
        "extract(dow FROM {date})",
        "date_diff('day', {date}, {date})",
        "CASE WHEN {bool} THEN {int} ELSE {int} END",
        "coalesce({int}, {int})",
        "nullif({int}, {int})",
        "greatest({int}, {int})",
        "least({int}, {int}, 5)",
        "if({bool}, {int}, {int})",
        "CAST({money} AS BIGINT)",
        "TRY_CAST({text} AS INTEGER)",
        "len(string_split({text}, '-'))",
        "instr({text}, 'e')",
        "ascii({text})",
        "sign({money})",
        "epoch({moment})::BIGINT",
        "({int})::BIGINT & 6",
    ),
    "money": (
        "{money} + {money}",
        "{money} - {money}",
        "{money} * 2",
        "round({money}, 1)",
        "abs({money})",
        "CAST({int} AS DECIMAL(18,2))",
        "coalesce({money}, {money})",
        "CASE WHEN {bool} THEN {money} END",
        "greatest({money}, {money})",
        "({money})::DECIMAL(18,1)",
    ),
    "double": (
        "{double} * 0.5",
        "{double} + {double}",
        "{int} / 4",
        "round(sqrt(abs({int})), 5)",
        "({int})::DOUBLE / 8",
        "floor({double})",
        "coalesce({double}, 0.5)",
        "round(ln(1 + abs({int})), 5)",
    ),
    "text": (
        "upper({text})",
        "lower({text})",
        "reverse({text})",
        "left({text}, 3)",
        "substring({text}, 2, 4)",
        "{text} || '-' || {text}",
        "concat({text}, {text})",
        "concat_ws('/', {text}, {int})",
        "replace({text}, 'e', 'E')",
        "regexp_replace({text}, '[0-9]+', '#')",
        "regexp_extract({text}, '([a-z]+)', 1)",
        "split_part({text}, '-', 1)",
        "coalesce({text}, {text})",
        "CASE WHEN {bool} THEN {text} ELSE {text} END",
        "CASE {int} WHEN 0 THEN 'none' WHEN 3 THEN {text} END",
        "CAST({int} AS VARCHAR)",
        "({date})::TEXT",
        "CAST({money} AS VARCHAR)",
        "CAST({instant} AS VARCHAR)",
        "strftime({date}, '%Y/%m')",
        "dayname({date})",
        "lpad({text}, 8, '*')",
        "trim({text}, 'n')",
        "md5({text})",
        "typeof({int})",
        "format('{{}}:{{}}', {text}, {int})",
        "to_json({text})::VARCHAR",
        "json_object('k', {text}, 'v', {int})->>'k'",
    ),
    "date": (
        "{date} + 5",
        "({date} - INTERVAL 1 MONTH)::DATE",
        "date_trunc('month', {date})::DATE",
        "last_day({date})",
        "coalesce({date}, {date})",
        "CAST({moment} AS DATE)",
        "CASE WHEN {bool} THEN {date} END",
        "greatest({date}, {date})",
        "make_date(year({date}), 1, 1)",
        "TRY_CAST({text} AS DATE)",
    ),
    "moment": (
        "{moment} + INTERVAL 90 MINUTE",
        "date_trunc('hour', {moment})",
        "CAST({date} AS TIMESTAMP)",
        "{instant} AT TIME ZONE 'Europe/Berlin'",
        "time_bucket(INTERVAL 6 HOUR, {moment})",
        "coalesce({moment}, {moment})",
    ),
    "instant": (
        "{instant} + INTERVAL 2 DAY",
        "{moment} AT TIME ZONE 'UTC'",
        "date_trunc('day', {instant})",
        "coalesce({instant}, {instant})",
    ),
    "bool": (
        "{int} > {int}",
        "{int} <= {int}",
        "{int} = {int}",
        "{money} < {money}",
        "{double} <> {double}",
        "{text} = {text}",
        "{text} < {text}",
        "{date} >= {date}",
        "{moment} > {moment}",
        "{instant} < {instant}",
        "{text} IS NULL",
        "{int} IS NOT NULL",
        "{text} IS DISTINCT FROM {text}",
        "{int} IS NOT DISTINCT FROM {int}",
        "{bool} AND {bool}",
        "{bool} OR {bool}",
        "NOT ({bool})",
        "({bool}) IS TRUE",
        "{text} LIKE '%e%'",
        "{text} ILIKE 'NAME-1_'",
        "{text} NOT LIKE '%1%'",
        "{text} SIMILAR TO '.*[0-9]'",
        "regexp_matches({text}, '^[a-m]')",
        "starts_with({text}, 'n')",
        "{int} BETWEEN {int} AND {int}",
        "{date} NOT BETWEEN {date} AND {date}",
        "{int} IN (1, 2, 3, {int})",
        "{text} NOT IN ('eu', 'open')",
        "coalesce({bool}, false)",
        "{int} % 2 = 0",
        "[{int}, 1] = [1, {int}]",
        "({int}, {text}) = (3, {text})",
    ),
}
_NESTED: dict[str, Sequence[tuple[str, str]]] = {
    "ints": (
        ("int", "len({x})"),
        ("int", "{x}[1]"),
        ("int", "list_sum({x})::BIGINT"),
        ("bool", "list_contains({x}, 3)"),
        ("bool", "3 = ANY({x})"),
        ("int", "len(list_filter({x}, lambda i: i > 2))"),
        ("text", "array_to_string([i * 2 FOR i IN {x} IF i IS NOT NULL], '+')"),
        ("int", "list_reduce({x}, lambda a, b: coalesce(a, 0) + coalesce(b, 0), 0)"),
        ("int", "(to_json({x})->>'$[0]')::INTEGER"),
        ("bool", "(SELECT bool_or(v > 3) FROM unnest({x}) AS un(v))"),
    ),
    "texts": (
        ("int", "len({x})"),
        ("text", "{x}[1]"),
        ("text", "array_to_string(list_sort({x}), ',')"),
        ("bool", "list_contains({x}, 'vip')"),
        ("bool", "list_has_any({x}, ['old', 'new'])"),
        ("text", "list_aggregate(list_transform({x}, lambda t: upper(t)), 'max')"),
    ),
    "list": (
        ("int", "list_sum(list_transform({x}, lambda e: e.n))::BIGINT"),
        ("text", "{x}[-1].sku"),
        ("text", "to_json({x})->>'$[1].sku'"),
        ("bool", "len(list_filter({x}, lambda e, i: e.n = i - 1)) > 1"),
        ("int", "len({x})"),
        ("text", "CAST({x}[1] AS VARCHAR)"),
        ("bool", "{x} IS NULL"),
    ),
    "map": (
        ("int", "cardinality({x})::BIGINT"),
        ("int", "{x}['vip']"),
        ("int", "map_extract({x}, 'new')[1]"),
        ("bool", "map_contains({x}, 'lead')"),
        ("text", "CAST(map_entries({x})[1].key AS VARCHAR)"),
        ("text", "array_to_string(list_sort(map_keys({x})), ',')"),
    ),
    "struct": (
        # no plain cast to text: DuckDB 2.0.0 fails on conditions with one of a struct in a struct
        ("text", "CAST(to_json({x}) AS VARCHAR)"),
        ("bool", "{x} IS NULL"),
        ("text", "to_json({x})->>'$.city'"),
        ("text", "json_extract_string(to_json({x}), '$.geo.lon')"),
        ("bool", "{x} = {x}"),
    ),
}


class Expressions:
    """Makes expressions of columns in scope; every choice is of the given randomness."""

    def __init__(self, chance: random.Random, scope: Sequence[Leaf]) -> None:
        self._chance = chance
        self.scope = tuple(scope)

    def column(self, kind: str) -> str | None:
        """A column of a kind, if there is one."""
        found = [leaf.sql for leaf in self.scope if leaf.kind == kind]
        return self._chance.choice(found) if found else None

    def any(self, depth: int = 2) -> tuple[str, str]:
        """An expression of any kind, with its kind."""
        kind = self._chance.choice(KINDS)
        return self.of(kind, depth), kind

    def of(self, kind: str, depth: int = 2) -> str:
        """An expression of a kind."""
        if depth <= 0 or self._chance.random() < 0.25:
            return self._simple(kind)
        if self._chance.random() < 0.15:
            nested = self._nested(kind)
            if nested is not None:
                return nested
        form = self._chance.choice(_FORMS[kind])
        return "(" + self._filled(form, depth) + ")"

    def _filled(self, form: str, depth: int) -> str:
        made = form
        for kind in KINDS:
            while "{" + kind + "}" in made:
                made = made.replace("{" + kind + "}", self.of(kind, depth - 1), 1)
        return made.replace("{{", "{").replace("}}", "}")

    def _simple(self, kind: str) -> str:
        column = self.column(kind)
        if column is not None and self._chance.random() < 0.9:
            return column
        return f"({self._chance.choice(_LITERALS[kind])})"

    def _nested(self, kind: str) -> str | None:
        found = [
            form.replace("{x}", leaf.sql)
            for leaf in self.scope
            for made, form in _NESTED.get(leaf.kind, ())
            if made == kind
        ]
        return f"({self._chance.choice(found)})" if found else None
