"""`flight-server check` over a policy: warnings with file and line, and what it refuses."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pytest
import yaml
from pyiceberg.catalog import load_catalog

from flight_server.cli import check, configured
from flight_server.cli.main import main
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
        " policy.yaml:4: mask all: does not fit lake.desk.people.email (string)"
    ]


def test_sql_that_does_not_bind_to_a_table_is_refused_as_by_policy_check(
    checked: Checked,
    lake: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(configured, "configure", lambda *_: None)  # the log stays as it is
    status, told = checked(
        "row_filters: [{name: r, on: lake.desk.people, to: reader, where: 'lower(id) = 1'}]"
    )
    assert status == 1
    (fault,) = told
    why = "4: row filter r: does not fit lake.desk.people: "
    assert fault.startswith(f"FAULT policy over the tables: policy.yaml:{why}")
    assert main(["policy", "check", "--config", str(lake / "flight-server.yaml")]) == 1
    other = capsys.readouterr().out.rstrip()
    assert other.partition(why)[2] == fault.partition(why)[2] != ""


def test_a_hash_whose_key_is_not_in_the_settings_is_refused(checked: Checked) -> None:
    mask = "masks: [{name: m, on: lake.desk.people.email, to: reader, mask: {hash: {key: %s}}}]"
    assert checked(mask % "crm") == (0, [])
    status, told = checked(mask % "cmr")
    assert status == 1
    assert told == ["FAULT policy: policy.yaml:4: policy.keys has no key 'cmr'"]


@pytest.fixture
def found(
    lake: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> Callable[..., list[str]]:
    """What check says, other than ok, with some settings more."""
    monkeypatch.setattr(check, "_engine", lambda _settings: "not started here")
    (lake / "policy.yaml").write_text(HEAD)

    def run(**flags: str) -> list[str]:
        flags = {name.replace("__", "."): value for name, value in flags.items()}
        check.run(load(lake / "flight-server.yaml", flags), argparse.Namespace())
        lines = capsys.readouterr().out.splitlines()
        return [line for line in lines if not line.startswith("ok ")]

    return run


def test_an_anonymous_user_must_be_one(found: Callable[..., list[str]], tmp_path: Path) -> None:
    users = tmp_path / "users.yaml"
    users.write_text("version: 1\nusers:\n  ann: {}\n  bob: {disabled: true}\n")
    place = {"auth__users": str(users)}
    assert found(**place, auth__anonymous="ann") == []
    assert found(**place, auth__anonymous="bob") == [
        "FAULT users and issuers: auth.anonymous: user bob is disabled"
    ]
    assert found(auth__anonymous="ann") == [
        "FAULT users and issuers: auth.anonymous: user ann is not in the users file"
    ]


def test_defaults_must_exist(found: Callable[..., list[str]]) -> None:
    assert found(defaults__catalog="Lake", defaults__schema="DESK") == []
    assert found(defaults__catalog="sea") == [
        "FAULT defaults: defaults.catalog: there is no catalog sea"
    ]
    assert found(defaults__schema="dusk") == [
        "FAULT defaults: defaults.schema: there is no schema dusk"
    ]


def test_directories_must_be_writable(found: Callable[..., list[str]], tmp_path: Path) -> None:
    assert found(spool__directory=str(tmp_path / "new" / "spool")) == []
    assert not (tmp_path / "new").exists()
    (tmp_path / "file").touch()
    place = tmp_path / "file" / "spool"
    assert found(spool__directory=str(place)) == [
        f"FAULT directories: spool.directory: {place} cannot be written"
    ]


def test_a_database_that_is_not_there_is_told_and_not_made(
    found: Callable[..., list[str]], tmp_path: Path
) -> None:
    place = tmp_path / "mistyped.db"
    told = found(catalogs__lake__uri=f"sqlite:///{place}")
    assert told[0] == f"FAULT catalog lake: catalogs.lake.uri: there is no database {place}"
    assert all(line.startswith("skip ") for line in told[1:])
    assert not place.exists()


def test_why_a_catalog_cannot_be_reached_is_told_to_operators(
    found: Callable[..., list[str]], lake: Path
) -> None:
    told = found(catalogs__lake__type="rest", catalogs__lake__uri="http://127.0.0.1:1")
    assert told[0].startswith("FAULT catalog lake: Catalog lake cannot be reached now (")
    assert "ConnectionError" in told[0]


def test_a_fault_of_the_policy_is_told_once(checked: Checked) -> None:
    status, told = checked("wrong: 1\n")
    assert status == 1
    assert [line for line in told if "wrong" in line] == [
        "FAULT policy: policy.yaml:4: unknown key 'wrong'"
    ]


def test_a_server_without_catalogs_is_warned_of(
    checked: Checked, lake: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (lake / "policy.yaml").write_text(HEAD)
    settings = load(None, {"policy.file": str(lake / "policy.yaml")})
    assert check.run(settings, argparse.Namespace()) == 0
    assert "warn  catalogs: none are configured" in capsys.readouterr().out
