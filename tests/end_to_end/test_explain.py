"""`flight-server explain`: what is read in the place of each masked column and field."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
import yaml
from pyiceberg.catalog import load_catalog

from flight_server.cli import explain
from flight_server.config import load

POLICY = """version: 1
roles: {reader: {groups: [g]}}
grants:
  - {to: reader, on: "lake.desk.**", allow: select}
  - {to: reader, on: lake.desk.people.place.street, deny: select}
masks:
  - {name: zip, on: lake.desk.people.place.zip, to: reader, using: "left(${col}, 2)"}
  - {name: email, on: lake.desk.people.email, to: reader, mask: {hash: {key: crm}}}
  - {name: number, on: lake.desk.people.place.door.number, to: reader, mask: null}
"""


@contextmanager
def nothing_planned(*_: Any) -> Iterator[Any]:
    yield lambda caller, text: None


def test_masked_fields_are_told_with_their_path_and_no_key(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    place = {"uri": f"sqlite:///{tmp_path}/lake.db", "warehouse": f"file://{tmp_path}"}
    catalog = load_catalog("lake", type="sql", **place)
    catalog.create_namespace("desk")
    door = pa.struct([("number", pa.int32()), ("side", pa.string())])
    where = pa.struct([("zip", pa.string()), ("street", pa.string()), ("door", door)])
    people = pa.schema([("id", pa.int64()), ("email", pa.string()), ("place", where)])
    catalog.create_table("desk.people", people)
    (tmp_path / "policy.yaml").write_text(POLICY)
    (tmp_path / "key").write_text("k" * 32)
    settings = {
        "policy": {"file": "policy.yaml", "keys": {"crm": "file:key"}},
        "catalogs": {"lake": place},
    }
    (tmp_path / "server.yaml").write_text(yaml.safe_dump(settings))
    monkeypatch.setattr(explain, "_planning", nothing_planned)

    options = argparse.Namespace(user="ann", group=["g"], claim=[])
    options.sql = "SELECT * FROM lake.desk.people"
    assert explain.run(load(tmp_path / "server.yaml"), options) == 0
    printed = capsys.readouterr().out
    told = [line.strip() for line in printed.splitlines() if "is read as" in line]
    assert told == [
        'email is read as mask: {"hash": {"key": "crm"}}',
        'place.zip is read as TRY(CAST(("system".main."left"('
        "\"system\".main.struct_extract(place, 'zip'), 2)) AS VARCHAR))",
        "place.door.number is read as mask: null",
    ]
    assert "place.street: hidden" in printed
    assert "k" * 32 not in printed
