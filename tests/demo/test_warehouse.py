"""Building: once, again after a crash, the same from a seed, and never over somebody's files."""

from __future__ import annotations

import json
import shutil
import stat
import threading
from pathlib import Path

import pytest
from pyiceberg.catalog import load_catalog

from flight_server.demo import warehouse
from flight_server.demo.warehouse import Demo, build


class Crash(BaseException):
    """The power fails."""


def _content(demo: Demo, table: str) -> object:
    catalog = load_catalog(demo.catalog, **demo.properties)
    try:
        loaded = catalog.load_table(table)
        keys = sorted(loaded.schema().identifier_field_names())
        order = [(key, "ascending") for key in keys]
        return loaded.scan().to_arrow().sort_by(order).combine_chunks()
    finally:
        catalog.close()


def test_a_second_build_takes_what_is_there(demo):
    told = []
    again = build(demo.directory, scale=0.01, progress=lambda what, done: told.append((what, done)))
    assert again == demo
    assert told == [("ready", 1.0)]


def test_the_rows_follow_from_the_seed_and_the_secrets_do_not(demo, tmp_path):
    told: list[tuple[str, float]] = []
    other = build(
        tmp_path / "other", scale=0.01, progress=lambda what, done: told.append((what, done))
    )
    parts = [done for _, done in told]
    assert parts == sorted(parts)
    assert (told[0], told[-1]) == (("market.currencies", 0.0), ("ready", 1.0))
    for table in ("market.prices", "market.securities", "portfolio.accounts",
                  "portfolio.positions", "portfolio.transactions"):  # fmt: skip
        assert _content(other, table) == _content(demo, table)
    for user, credential in demo.credentials.items():
        assert other.credentials[user] != credential
    third = build(tmp_path / "other", scale=0.01, seed=7)
    assert _content(third, "portfolio.accounts") != _content(demo, "portfolio.accounts")
    assert third.rows == {
        **demo.rows, "portfolio.transactions": third.rows["portfolio.transactions"]
    }  # fmt: skip


@pytest.mark.parametrize("moment", ["portfolio.transactions", "ready"])
def test_a_build_that_was_cut_off_is_done_anew(tmp_path, moment):
    def crash(what: str, _done: float) -> None:
        if what == moment and moment != "ready":
            raise Crash

    if moment == "ready":  # after all data, before the marker
        with pytest.MonkeyPatch.context() as patch, pytest.raises(Crash):
            patch.setattr(warehouse, "_finish", lambda _demo: (_ for _ in ()).throw(Crash))
            build(tmp_path, scale=0.01)
    else:
        with pytest.raises(Crash):
            build(tmp_path, scale=0.01, progress=crash)
    assert not (tmp_path / "demo.json").exists()
    demo = build(tmp_path, scale=0.01)
    assert _content(demo, "portfolio.transactions").num_rows == demo.rows["portfolio.transactions"]


def test_a_moved_demo_is_built_anew_for_its_files_are_named_by_path(demo, tmp_path):
    shutil.copytree(demo.directory, tmp_path / "there")
    moved = build(tmp_path / "there", scale=0.01)
    assert moved.credentials != demo.credentials
    assert _content(moved, "market.currencies").num_rows == 10


def test_a_folder_with_other_things_in_it_is_refused(tmp_path):
    (tmp_path / "warehouse").mkdir()
    (tmp_path / "warehouse" / "precious").write_text("mine")
    with pytest.raises(ValueError, match="not a demo's"):
        build(tmp_path, scale=0.01)
    assert (tmp_path / "warehouse" / "precious").read_text() == "mine"


@pytest.mark.parametrize("scale", [0, -1, 101, float("nan")])
def test_a_senseless_scale_is_refused(tmp_path, scale):
    with pytest.raises(ValueError, match="scale"):
        build(tmp_path, scale=scale)


def test_a_folder_that_no_url_can_name_is_refused(tmp_path):
    with pytest.raises(ValueError, match="cannot hold"):
        build(tmp_path / "what?", scale=0.01)


def test_two_builds_at_once_give_one_demo(tmp_path):
    built: list[Demo] = []
    threads = [
        threading.Thread(target=lambda: built.append(build(tmp_path, scale=0.01))) for _ in range(2)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert built[0] == built[1]


def test_only_the_owner_can_read_secrets_and_nothing_prints_them(demo):
    for name in ("credentials.json", "users.yaml", "flight-server.yaml", "session.secret",
                 "seal.key"):  # fmt: skip
        assert stat.S_IMODE((demo.directory / name).stat().st_mode) == 0o600
    stored = json.loads((demo.directory / "credentials.json").read_text())
    assert stored == demo.credentials
    public = [demo.users, demo.config, demo.policy, demo.directory / "demo.json"]
    texts = [repr(demo), *(Path(path).read_text() for path in public)]
    for credential in demo.credentials.values():
        for secret in credential.values():
            assert not any(secret in text for text in texts)


def test_a_demo_that_is_served_is_not_replaced(demo):
    with (
        warehouse.in_use(demo.directory),
        pytest.raises(ValueError, match="is being served"),
    ):
        build(demo.directory, scale=0.02)
    told = []
    assert build(demo.directory, scale=0.01, notice=told.append) == demo
    assert told == []


def test_it_is_told_before_another_demo_is_replaced(demo, tmp_path):
    shutil.copytree(demo.directory, tmp_path / "there")

    def stop(text: str) -> None:
        assert "(scale 0.01) is replaced by one of scale 0.02" in text
        assert (tmp_path / "there" / "demo.json").exists()
        raise Crash

    with pytest.raises(Crash):
        build(tmp_path / "there", scale=0.02, notice=stop)
    assert (tmp_path / "there" / "demo.json").exists()
