"""Tables that lie nowhere, and functions that answer for the session."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pytest

from catalog.model import Column, Table
from catalog.names import TableName
from flight_server.engines.base import SessionFunction
from flight_server.engines.duckdb.engine import DuckDBEngine
from flight_server.engines.duckdb.memory import MemoryFiles, MemoryLimits
from flight_server.engines.errors import OutOfResources
from tests.engines import rig
from tests.engines.conftest import NewEngine

SCHEMA = pa.schema([("n", pa.int64()), ("Name", pa.string()), ("on", pa.bool_())])


def made(count: int, mark: str = "x", batches: int = 1) -> Table:
    """A table of `count` rows in each batch, which say what `mark` is."""

    def rows() -> Iterator[pa.RecordBatch]:
        for _ in range(batches):
            names = [f"{mark}{n}" if n % 2 else None for n in range(count)]
            values = [list(range(count)), names, [True] * count]
            yield pa.RecordBatch.from_arrays(
                [pa.array(v, f.type) for v, f in zip(values, SCHEMA, strict=True)], schema=SCHEMA
            )

    columns = tuple(Column(field.name, field.type) for field in SCHEMA)
    return Table(TableName("place", "all", "Listing"), columns, rows=rows)


def test_its_rows_are_read_as_those_of_any_table(engine: DuckDBEngine) -> None:
    listing = rig.relation(made(3, "a", batches=2))
    assert rig.values(engine, 'SELECT * FROM place."all".listing ORDER BY n', listing) == [
        (n, f"a{n}" if n % 2 else None, True) for n in (0, 0, 1, 1, 2, 2)
    ]
    text = 'SELECT count(*), max(name) FROM place."all".listing WHERE n > 0'
    assert rig.values(engine, text, listing) == [(4, "a1")]


def test_no_rows_and_joins_with_stored_tables(engine: DuckDBEngine, people: Table) -> None:
    nothing, some = rig.relation(made(0)), rig.relation(made(3))
    text = 'SELECT p.id, l.n FROM people p {} JOIN place."all".listing l ON l.n = p.id ORDER BY 1'
    assert rig.values(engine, text.format("LEFT"), rig.relation(people), nothing) == [
        (1, None),
        (2, None),
        (3, None),
        (4, None),
    ]
    assert rig.values(engine, text.format(""), rig.relation(people), some) == [(1, 1), (2, 2)]


def test_parts_have_each_row_once(engine: DuckDBEngine) -> None:
    listing = rig.relation(made(5))
    parts = [replace(listing, part=(index, 3)) for index in range(3)]
    found = [rig.values(engine, 'SELECT n FROM place."all".listing', part) for part in parts]
    assert sorted(n for part in found for (n,) in part) == list(range(5))


def test_files_are_kept_by_content_and_removed_at_the_end(
    new_engine: NewEngine, tmp_path: Path
) -> None:
    engine = new_engine()
    for mark in ("a", "b", "a", "b", "a"):
        listing = rig.relation(made(3, mark))
        assert rig.values(engine, 'SELECT max(name) FROM place."all".listing', listing) == [
            (f"{mark}1",)
        ]
    (directory,) = tmp_path.glob("flight-server-memory-*")
    assert directory.stat().st_mode & 0o777 == 0o700
    assert len(list(directory.glob("[0-9]*.parquet"))) == 2
    engine.close()
    assert not directory.exists()


def test_the_least_used_files_go_first_but_not_those_being_read(tmp_path: Path) -> None:
    files = MemoryFiles(tmp_path, MemoryLimits(files=2))
    scan, release = files.hold(made(1, "first"))
    paths = {mark: files.hold(made(2, mark)) for mark in ("a", "b", "c")}
    for _, done in paths.values():
        done()
    assert Path(scan.files[0]).exists()
    release()
    again, done = files.hold(made(2, "d"))
    assert Path(again.files[0]).exists()
    assert not Path(scan.files[0]).exists()
    done()
    known, done = files.hold(made(2, "d"))
    assert known.files == again.files
    done()
    # What was removed comes back under another path: a warm worker can reach the old one only.
    back, done = files.hold(made(1, "first"))
    assert back.files != scan.files
    done()
    files.close()
    assert list(tmp_path.iterdir()) == []


def test_what_is_too_large_is_refused_and_leaves_nothing(tmp_path: Path) -> None:
    files = MemoryFiles(tmp_path, MemoryLimits(total=10_000))
    with pytest.raises(OutOfResources):
        files.hold(made(50_000))
    (directory,) = tmp_path.iterdir()
    assert list(directory.iterdir()) == []
    _, release = files.hold(made(1))
    release()
    files.close()


# --- session functions ----------------------------------------------------------------------------


def test_a_session_function_answers_in_place_of_the_engines_own(engine: DuckDBEngine) -> None:
    asked = rig.secured("SELECT version(), current_user, VERSION() || current_user()")
    for value in ("ours", "o''brien"):
        functions = tuple(
            SessionFunction(name, f"() AS CAST('{value}' AS VARCHAR)")
            for name in ("version", "current_user")
        )
        (row,) = rig.rows(engine, replace(asked, functions=functions)).to_pylist()
        told = value.replace("''", "'")
        assert list(row.values()) == [told, told, told + told]
    assert rig.values(engine, "SELECT version() LIKE 'v%'") == [(True,)]


def test_filters_and_masks_call_the_engines_functions_whatever_a_session_defines(
    engine: DuckDBEngine, people: Table
) -> None:
    narrowed = rig.relation(
        people,
        ["id", "name"],
        {"name": "system.main.upper(name)"},
        "system.main.lower(region) = 'eu'",
    )
    functions = (
        SessionFunction("lower", "(x) AS 'eu'"),
        SessionFunction("upper", "(x) AS system.main.concat(x, '!')"),
    )
    asked = rig.secured("SELECT id, name, upper(name) AS u FROM people ORDER BY id", narrowed)
    found = rig.rows(engine, replace(asked, functions=functions)).to_pylist()
    assert found == [
        {"id": 1, "name": "ANN", "u": "ANN!"},
        {"id": 3, "name": "CYD", "u": "CYD!"},
    ]
