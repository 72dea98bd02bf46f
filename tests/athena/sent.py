"""What a text that was sent to Athena reads: for a proof that it reads only what it may."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import sqlglot
from sqlglot import exp

_UNLOAD = re.compile(r"\AUNLOAD \(\n(?P<query>.*)\n\) TO '[^']*' WITH \([^)]*\)\Z", re.DOTALL)
# How a table is called where it is narrowed: what has no such name reads no table.
RAW = "raw0"
_NARROWED = re.compile(r"r\d+")


@dataclass(frozen=True)
class Narrowing:
    """What must hold where a table is read: the columns that may be named, and the filter."""

    columns: frozenset[str]
    where: str = ""


def faults(text: str, tables: Mapping[str, Narrowing]) -> Iterator[str]:
    """What is wrong with a text: tables by `database.table` that are read otherwise, or others."""
    unload = _UNLOAD.match(text)
    tree = sqlglot.parse_one(unload["query"] if unload else text, read="athena")
    for table in tree.find_all(exp.Table):
        if not table.db:
            if _NARROWED.fullmatch(table.name) or _made(table):
                continue
            yield f"{table.name} is read, which is no name made here"
            continue
        allowed = tables.get(f"{table.db}.{table.name}")
        if allowed is None:
            yield f"{table.db}.{table.name} is read"
            continue
        yield from _read(table, allowed)


def _made(table: exp.Table) -> bool:
    """Whether a name is that of a common table expression which was made here."""
    return re.fullmatch(r"(n\d+)?[tl]\d+|n\d+tl\d+", table.name) is not None


def _read(table: exp.Table, allowed: Narrowing) -> Iterator[str]:
    select = table.find_ancestor(exp.Select)
    assert select is not None
    around = select.parent
    if not isinstance(around, exp.CTE) or not _NARROWED.fullmatch(around.alias):
        yield f"{table.name} is read outside of the query that narrows it"
    named = {column.name for column in select.find_all(exp.Column)}
    if select.find(exp.Star) or not named <= allowed.columns:
        yield f"{sorted(named - allowed.columns)} of {table.name} are read"
    where = select.args.get("where")
    told = "" if where is None else where.this.sql("athena")
    if told != allowed.where:
        yield f"{table.name} is read where {told}"
    if allowed.where and not all(_hides(item, allowed.where) for item in select.expressions):
        yield f"a value of {table.name} is worked out for rows that are hidden"


def _hides(item: exp.Expr, where: str) -> bool:
    """Whether a value is NULL unless the filter lets its row through."""
    case = item.unalias()
    if not isinstance(case, exp.Case) or case.args.get("default") is not None:
        return False
    (only,) = case.args["ifs"]
    return bool(only.this.sql("athena") == where)
