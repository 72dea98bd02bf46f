"""The benchmarks run at a tiny scale, and what they write can be read. No time is judged."""

from __future__ import annotations

import json
import math
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
README = ROOT / "benchmarks" / "README.md"
SERVED = Path(sys.executable).with_name("flight-server").exists()
ROUNDS = 2


@dataclass(frozen=True)
class Output:
    text: str
    document: dict[str, Any]
    readme_before: str


def _benchmarks(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "benchmarks", *arguments]
    return subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=100
    )


@pytest.fixture(scope="module")
def output(tmp_path_factory: pytest.TempPathFactory) -> Output:
    folder = tmp_path_factory.mktemp("benchmarks")
    before = README.read_text()
    done = _benchmarks(
        *("--quick", "--scale", "0.001", "--tables", "3", "--rounds", str(ROUNDS)),
        *("--data", str(folder / "data"), "--json", str(folder / "results.json")),
    )
    assert done.returncode == 0, done.stderr
    return Output(done.stdout, json.loads((folder / "results.json").read_text()), before)


def _tables(text: str) -> Iterator[list[list[str]]]:
    for part in text.split("### ")[1:]:
        lines = [line for line in part.splitlines() if line.startswith("|")]
        yield [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]


def test_every_measure_has_a_value_of_every_target_in_every_round(output: Output) -> None:
    results = output.document["results"]
    assert {result["section"] for result in results} == {"bulk", "small", "metadata"}
    for result in results:
        assert len(result["rounds"]) == ROUNDS
        for values in result["rounds"]:
            assert values[result["compared by"]] > 0
            assert all(math.isfinite(value) and value >= 0 for value in values.values())


def test_the_same_targets_are_measured_for_every_small_statement(output: Output) -> None:
    targets: dict[str, set[str]] = {}
    for result in output.document["results"]:
        targets.setdefault(result["measure"], set()).add(result["target"])
    expected = {"in process", "bare Flight"} | ({"this server"} if SERVED else set())
    assert len(targets) == 10
    assert all(found >= expected for found in targets.values())


def test_the_bulk_read_reads_all_rows_that_the_policy_leaves(output: Output) -> None:
    rows = {
        result["target"]: {values["rows"] for values in result["rounds"]}
        for result in output.document["results"]
        if result["section"] == "bulk"
    }
    assert rows["in process"] == rows["bare Flight"] == {6001}
    assert 0 < min(rows["in process, filter and mask"]) < 6001


def test_the_report_is_made_of_whole_tables_under_the_facts(output: Output) -> None:
    for fact in ("date", "command", "versions", "machine", "load before", "load after", "data"):
        assert f"- {fact}: " in output.text
    tables = list(_tables(output.text))
    assert len(tables) == 10
    for head, rule, *rows in tables:
        assert all(set(cell) <= {"-", ":"} for cell in rule)
        assert all(len(row) == len(head) for row in rows)
        assert rows[0][0] == "in process"


def test_an_incomplete_run_leaves_the_readme_alone(output: Output) -> None:
    assert README.read_text() == output.readme_before


def test_a_wrong_section_is_refused_with_the_right_ones() -> None:
    done = _benchmarks("--only", "bulk,smal")
    assert done.returncode == 2
    assert "smal is none of bulk, small, metadata" in done.stderr
