"""A CSV file of Athena is read in parts, wherever their borders fall."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pytest
from pyarrow import fs

from flight_server.engines.athena import results

_VALUES = [None, "", "plain", 'q"\n"', '\n\n""\r\n,', '"', ",", "ü" * 9, "\n", None]


def _read(path: Path) -> list[tuple[str | None, ...]]:
    batches = results.from_csv(fs.LocalFileSystem(), str(path), 2, lambda: None)
    return [row for batch in batches for row in zip(*batch.to_pydict().values(), strict=True)]


def _written(path: Path, rows: list[tuple[str | None, ...]]) -> Path:
    quoted = [
        ",".join("" if v is None else '"' + v.replace('"', '""') + '"' for v in row) for row in rows
    ]
    path.write_bytes("".join(f"{line}\n" for line in ['"c0","c1"', *quoted]).encode())
    return path


@pytest.mark.parametrize("part", [11, 12, 13, 17, 64, 4096])
def test_rows_are_whole_whatever_the_size_of_a_part(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, part: int
) -> None:
    monkeypatch.setattr(results, "_PART", part)
    rows = [(a, b) for a in _VALUES for b in _VALUES]
    assert _read(_written(tmp_path / "r.csv", rows)) == rows


def test_a_file_of_names_alone_has_no_rows(tmp_path: Path) -> None:
    assert _read(_written(tmp_path / "r.csv", [])) == []


def test_a_row_that_no_message_holds_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(results, "_PART", 64)
    monkeypatch.setattr(results, "_LONGEST_ROW", 1_000)
    with pytest.raises(pa.ArrowInvalid, match="longer"):
        _read(_written(tmp_path / "r.csv", [("x" * 5_000, "")]))
