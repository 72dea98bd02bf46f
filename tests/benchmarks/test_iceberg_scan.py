"""The measures of scans run at a tiny scale. No time is judged."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks import iceberg_scan


def test_every_statement_is_measured(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    told = ["--scale", "0.001", "--rounds", "1", "--data", str(tmp_path)]
    assert iceberg_scan.main(told) == 0
    rows = [line for line in capsys.readouterr().out.splitlines() if line.startswith("| ")]
    assert len(rows) == 2 + 2 * 5 + 2 * 2 + 3
