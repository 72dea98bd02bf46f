"""Files that change while the server runs: taken when whole, else the last good one stays."""

from __future__ import annotations

import logging
import os
import time
from pathlib import Path

import pytest

from auth.credentials import CredentialsSource
from auth.errors import ConfigurationInvalid, PolicyInvalid
from auth.policy_source import PolicySource
from auth.reloading import ReloadingFile
from tests.waiting import eventually

GOOD = "version: 1\ngrants: [{to: '*', on: %s, allow: select}]\n"


def parse(text: str, file: str) -> str:
    if "bad" in text:
        raise PolicyInvalid(f"{file}:1: bad")
    return text


class Watched:
    """A file with a clock that a test turns."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.now = 0.0
        self.write("one")
        self.file = ReloadingFile(path, parse, PolicyInvalid, clock=lambda: self.now)

    def write(self, text: str, age: float = 10) -> None:
        self.path.write_text(text)
        self.aged = time.time() - age - len(text)  # another time for another text
        os.utime(self.path, (self.aged, self.aged))

    def later(self, seconds: float = 1.1) -> str:
        self.now += seconds
        return self.file.current()


@pytest.fixture
def watched(tmp_path) -> Watched:
    return Watched(tmp_path / "f.yaml")


def test_a_change_is_taken_within_a_second_and_looked_for_once_per_second(watched):
    watched.write("three")
    assert watched.later(0.5) == "one"
    assert watched.later(0.6) == "three"


def test_a_file_that_is_replaced_all_the_time_is_taken_nonetheless(watched, tmp_path):
    def replaced(text: str) -> str:
        new = tmp_path / "new"
        new.write_text(text)
        new.replace(watched.path)
        return watched.later()

    seen = [replaced(f"text {number}") for number in range(7)]
    assert seen == ["one", "one", "text 2", "text 2", "text 2", "text 5", "text 5"]


def test_a_file_that_is_being_written_is_waited_for(watched):
    for number in range(6):
        watched.path.write_text("x" * number)
        assert watched.later() == "one"


def test_rule_1_a_broken_change_keeps_the_last_good_one_and_is_logged_once(watched, caplog):
    watched.write("bad")
    with caplog.at_level(logging.ERROR):
        assert [watched.later() for _ in range(3)] == ["one"] * 3
    assert len(caplog.records) == 1
    assert watched.file.failure == "f.yaml:1: bad"
    watched.write("again")
    assert watched.later() == "again"
    assert watched.file.failure == ""


def test_rule_1_a_file_that_vanishes_keeps_the_last_good_one(watched):
    watched.path.unlink()
    assert watched.later() == "one"
    assert "cannot be read" in watched.file.failure
    watched.write("back")
    assert watched.later() == "back"


def test_a_file_that_is_still_being_written_waits_for_the_next_look(watched):
    watched.path.write_text("half")
    assert watched.later() == "one"
    watched.path.write_text("half and half")
    assert watched.later() == "one"
    assert watched.later() == "half and half"


def test_a_file_exchanged_by_renaming_is_taken(watched, tmp_path):
    other = tmp_path / "other"
    other.write_text("two")
    os.utime(other, (watched.aged, watched.aged))
    other.rename(watched.path)
    assert watched.later() == "two"


def test_rule_1_a_source_over_a_missing_or_bad_file_is_not_made(tmp_path):
    with pytest.raises(PolicyInvalid, match=r"policy\.yaml"):
        PolicySource(tmp_path / "policy.yaml")
    with pytest.raises(ConfigurationInvalid, match=r"users\.yaml"):
        CredentialsSource(tmp_path / "users.yaml")
    (tmp_path / "policy.yaml").write_text("")
    (tmp_path / "users.yaml").write_bytes(b"\xff")
    with pytest.raises(PolicyInvalid):
        PolicySource(tmp_path / "policy.yaml")
    with pytest.raises(ConfigurationInvalid):
        CredentialsSource(tmp_path / "users.yaml")


def test_a_changed_policy_is_in_force_within_five_seconds(tmp_path, table_of, someone):
    file = tmp_path / "policy.yaml"
    file.write_text(GOOD % "lake.s.t")
    source = PolicySource(str(file))
    table = table_of("lake.s.t", "a")
    assert source.current().decide(someone(), table) is not None
    file.write_text(GOOD % "lake.s.u")
    assert eventually(lambda: source.current().decide(someone(), table) is None, 5)
    assert source.failure == ""
