"""`flight-server check` over a policy: warnings with file and line, and what it refuses."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pytest
import yaml
from pyiceberg.catalog import load_catalog

from flight_server.cli import check
from flight_server.config import load

HEAD = """version: 1
roles: {reader: {groups: [g]}}
grants: [{to: reader, on: "lake.desk.**", allow: select}]
"""
Checked = Callable[[str], tuple[int, list[str]]]


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("lake")
    place = {"uri": f"sqlite:///{directory}/lake.db", "warehouse": f"file://{directory}"}
    catalog = load_catalog("lake", type="sql", **place)
    catalog.create_namespace("desk")
    people = pa.schema([("id", pa.int64()), ("email", pa.string())])
    catalog.create_table("desk.people", people)
    (directory / "key").write_text("k" * 32)
    settings = {
        "policy": {"file": "policy.yaml", "keys": {"crm": "file:key"}},
        "catalogs": {"lake": place},
    }
    (directory / "flight-server.yaml").write_text(yaml.safe_dump(settings))
    return directory


@pytest.fixture
def checked(
    lake: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> Checked:
    monkeypatch.setattr(check, "_engine", lambda _settings: "not started here")

    def run(sections: str) -> tuple[int, list[str]]:
        (lake / "policy.yaml").write_text(HEAD + sections)
        status = check.run(load(lake / "flight-server.yaml"), argparse.Namespace())
        lines = capsys.readouterr().out.splitlines()
        return status, [line for line in lines if not line.startswith("ok ")]

    return run


def test_what_looks_wrong_is_told_with_its_line_and_fails_nothing(checked: Checked) -> None:
    status, told = checked("""masks:
  - {name: email, on: lake.desk.people.email, to: reader, using: "md5(${col})"}
  - {name: phone, on: lake.desk.people.phone, to: reader, mask: null}
""")
    assert status == 0
    assert told == [
        "warn  policy.yaml:5: mask email:"
        " is a hash without a key: who can guess values can test them",
        "warn  policy.yaml:6: mask phone: matches no table or column of the catalogs",
    ]


def test_a_built_in_mask_that_does_not_fit_is_refused(checked: Checked) -> None:
    status, told = checked(
        'masks: [{name: all, on: "lake.desk.people.*", to: reader, mask: {bucket: 5}}]'
    )
    assert status == 1
    assert told == [
        "FAULT policy over the tables:"
        " policy.yaml:4: mask all does not fit lake.desk.people.email (string)"
    ]


def test_a_hash_whose_key_is_not_in_the_settings_is_refused(checked: Checked) -> None:
    mask = "masks: [{name: m, on: lake.desk.people.email, to: reader, mask: {hash: {key: %s}}}]"
    assert checked(mask % "crm") == (0, [])
    status, told = checked(mask % "cmr")
    assert status == 1
    assert told == ["FAULT policy: policy.yaml:4: policy.keys has no key 'cmr'"]
