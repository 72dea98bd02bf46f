"""Runs the corpus on a real Trino and on DuckDB, and keeps what both agreed on as golden files.

`python -m tests.trino.prove` needs a Trino at `client.URL`; `make trino` starts one for it.
"""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass
from typing import Any

import duckdb
import pyarrow as pa

from flight_server.engines.athena.translate import translate
from flight_server.engines.errors import Untranslatable
from tests.trino import lake, policies, rows
from tests.trino.client import TrinoFailed, ask
from tests.trino.corpus import GOLDEN, Idiom, differing, idioms


@dataclass(frozen=True)
class Proof:
    """What a statement was proven to give: its translation and its rows; None where both fail."""

    sql: str
    trino: str
    ordered: bool
    found: list[rows.Row] | None

    def entry(self) -> dict[str, Any]:
        """As it is kept."""
        return {"sql": self.sql, "trino": self.trino, "ordered": self.ordered, "rows": self.found}


def on_duck(connection: duckdb.DuckDBPyConnection, sql: str) -> tuple[pa.Schema, Any]:
    """The schema of a statement's result, and its rows, or None where it fails on them."""
    schema = connection.sql(f"SELECT * FROM ({sql}) LIMIT 0").to_arrow_table().schema
    try:
        return schema, rows.of_arrow(connection.sql(sql).to_arrow_table())
    except (duckdb.ConversionException, duckdb.OutOfRangeException, duckdb.InvalidInputException):
        return schema, None


def prove(connection: duckdb.DuckDBPyConnection, idiom: Idiom) -> Proof | str:
    """Run one idiom on both; gives the fault where they differ."""
    schema, expected = on_duck(connection, idiom.sql)
    try:
        made = translate(lake.secured(idiom.sql), None, schema, lake.PLACES)
    except Untranslatable as error:
        return f"refused: {error.construct} {error.__cause__ or ''}"
    ordered = bool(made.order_by)
    if expected is not None and not ordered:
        expected = rows.unordered(expected)
    try:
        found = rows.of_trino(ask(made.ordered_sql), schema)
    except TrinoFailed as error:
        if expected is None:
            return Proof(idiom.sql, made.ordered_sql, ordered, None)
        return f"{error}\n    {made.ordered_sql}"
    found = found if ordered else rows.unordered(found)
    if found != expected:
        return f"differs\n    duck  {expected}\n    trino {found}\n    {made.ordered_sql}"
    return Proof(idiom.sql, made.ordered_sql, ordered, found)


def prove_difference(connection: duckdb.DuckDBPyConnection, name: str, sql: str) -> dict[str, Any]:
    """Run a statement whose rows differ on both; None stands for a failure.

    Raises `ValueError` where they do not differ.
    """
    schema, expected = on_duck(connection, sql)
    made = translate(lake.secured(sql), None, schema, lake.PLACES)
    try:
        found = rows.of_trino(ask(made.ordered_sql), schema)
    except TrinoFailed:
        found = None
    if found == expected:
        raise ValueError(f"{name} does not differ: {sql} gives {found}")
    return {"name": name, "sql": sql, "trino": made.ordered_sql, "rows": found, "duck": expected}


def main() -> int:
    """Prove everything; the exit status is whether something differs."""
    for statement in lake.trino_statements():
        ask(statement)
    connection = lake.duck()
    kept: dict[str, list[dict[str, Any]]] = {}
    faults = 0
    for idiom in idioms():
        if idiom.construct is not None:
            continue
        try:
            proof = prove(connection, idiom)
        except duckdb.Error as error:
            proof = f"DuckDB: {error}"
        if isinstance(proof, str):
            faults += 1
            print(f"{idiom.topic}: {idiom.idiom}\n  {proof}")
        else:
            kept.setdefault(idiom.topic, []).append(proof.entry())
    found, wrong = policies.proven(ask)
    faults += wrong
    kept["policies"] = found
    kept["differences"] = []
    for name, sql in differing():
        try:
            kept["differences"].append(prove_difference(connection, name, sql))
        except ValueError as error:
            faults += 1
            print(error)
    GOLDEN.mkdir(parents=True, exist_ok=True)
    for topic, entries in kept.items():
        text = json.dumps(entries, indent=1, ensure_ascii=False)
        (GOLDEN / f"{topic}.json").write_text(text + "\n")
    print(f"{sum(map(len, kept.values()))} proven, {faults} at fault")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
