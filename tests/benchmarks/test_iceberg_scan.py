"""The measures of scans and of deleted rows run at a tiny scale. No time is judged."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks import deleted, deletes, iceberg_scan

TINY = ["--scale", "0.001", "--rounds", "1", "--data"]


def _rows(capsys: pytest.CaptureFixture[str]) -> list[str]:
    """The lines of the table, without its head."""
    printed = [line for line in capsys.readouterr().out.splitlines() if line.startswith("| ")]
    return printed[2:]


def test_every_statement_is_measured(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert iceberg_scan.main([*TINY, str(tmp_path)]) == 0
    of_kinds = len(deletes.KINDS) * len(iceberg_scan._DELETED)
    wanted = 2 * len(iceberg_scan._SINGLE) + of_kinds + len(iceberg_scan._JOINS)
    assert len(_rows(capsys)) == wanted == 12 + 10 + 3


def test_deleted_rows_are_measured(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert deleted.main([*TINY, str(tmp_path)]) == 0
    assert len(_rows(capsys)) == len(deletes.KINDS) * len(deleted._STATEMENTS)
