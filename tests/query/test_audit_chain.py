"""The audit log's files: whatever is changed in them is found, and where."""

from __future__ import annotations

import json
import os
import random
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from flight_server.query.audit.chain import Broken, genesis, link, read
from flight_server.query.audit.files import Place
from flight_server.query.audit.recent import SCHEMA, recent
from flight_server.query.audit.signing import KeyInvalid, public_key, signing_key
from flight_server.query.audit.trail import Rhythm, Trail, Unusable, stamp
from flight_server.query.audit.verify import Trust, Verdict, verify, verify_directory, verify_file

KEY = signing_key("k" * 32)
OTHER = signing_key("o" * 32)
TRUST = Trust(frozenset({KEY.public}))
USUAL = Rhythm()


def record(number: int, **more: object) -> dict[str, object]:
    return {"ts": stamp(), "event": "end", "user": f"user {number}", "rows": number, **more}


def write(place: Place, count: int, rhythm: Rhythm = USUAL, batch: int = 7) -> None:
    """A log of `count` records and those that say that it was opened and closed."""
    trail = Trail(place, KEY, rhythm)
    for start in range(0, count, batch):
        trail.append([record(n) for n in range(start, min(start + batch, count))], sync=False)
        if trail.due() == 0:
            trail.sign()
    trail.close()


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A log of several files with several checkpoints in each."""
    directory = tmp_path_factory.mktemp("audit")
    place = Place(directory, "main", directory)
    write(place, 300, Rhythm(records=25, file_size=20_000))
    write(place, 40, Rhythm(records=25, file_size=20_000))
    assert len(place.files()) > 3
    return directory


@pytest.fixture
def copy(written: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(written, tmp_path / "copy"))


def judge(directory: Path, trust: Trust = TRUST) -> Verdict:
    return verify(Place(directory, "main", directory), trust)


def files(directory: Path) -> list[Path]:
    return [file.path for file in Place(directory, "main", directory).files()]


def read_all(directory: Path) -> list[dict[str, Any]]:
    found = [line for path in files(directory) for line in path.read_bytes().splitlines()]
    return [json.loads(line) for line in found]


def test_a_log_that_nobody_touched_is_sound(written: Path) -> None:
    verdict = judge(written)
    assert verdict.sound, verdict.faults
    assert (verdict.first, verdict.covered) == (1, verdict.last)
    assert verdict.keys == {KEY.public.text}
    assert not verdict.notes


def test_every_changed_byte_is_found(tmp_path: Path) -> None:
    """Of every file, every other byte of the last line and a sample of the rest."""
    randomly = random.Random(7)
    directory = tmp_path / "log"
    write(Place(directory, "main", directory), 25, Rhythm(records=10, file_size=5_000))
    assert len(files(directory)) == 2
    copies = directory / "main.checkpoints"
    for path in [*files(directory), copies]:
        whole = path.read_bytes()
        lines = whole.splitlines(keepends=True)
        # the copies' last byte only says that their last line is finished
        places = set(range(len(whole) - len(lines[-1]), len(whole) - (path == copies), 2))
        places |= {len(whole) - 2, *randomly.sample(range(len(whole) - 1), 120)}
        for at in places:
            changed = bytearray(whole)
            changed[at] ^= 1 << randomly.randrange(8)
            path.write_bytes(changed)
            assert not judge(directory).sound, (path.name, at)
        path.write_bytes(whole)
    assert judge(directory).sound


def test_every_removed_record_is_found_at_its_place(copy: Path) -> None:
    for path in files(copy):
        whole = path.read_bytes().splitlines(keepends=True)
        for at in range(0, len(whole), 7):
            path.write_bytes(b"".join(whole[:at] + whole[at + 1 :]))
            verdict = judge(copy)
            assert not verdict.sound
            # what is removed is missed where the next one is, if there is any
            places = [(fault.file, fault.line) for fault in verdict.faults]
            if 0 < at < len(whole) - 1:
                assert (path.name, at + 1) in places
        path.write_bytes(b"".join(whole))


def test_exchanged_and_repeated_records_are_found(copy: Path) -> None:
    path = files(copy)[1]
    whole = path.read_bytes().splitlines(keepends=True)
    for one, two in [(3, 4), (2, 9), (0, 1), (len(whole) - 2, len(whole) - 1)]:
        changed = list(whole)
        changed[one], changed[two] = changed[two], changed[one]
        path.write_bytes(b"".join(changed))
        assert not judge(copy).sound
    path.write_bytes(b"".join([*whole[:5], whole[4], *whole[5:]]))
    assert not judge(copy).sound


@pytest.mark.parametrize("which", range(4))
def test_a_removed_file_is_found(copy: Path, which: int) -> None:
    files(copy)[which].unlink()
    assert not judge(copy).sound


def test_a_log_that_was_cut_anywhere_is_found_by_its_copied_checkpoints(copy: Path) -> None:
    for path in reversed(files(copy)[-2:]):
        whole = path.read_bytes()
        lines = whole.splitlines(keepends=True)
        for kept in range(0, len(lines), 3):
            path.write_bytes(b"".join(lines[:kept]))
            assert not judge(copy).sound, (path.name, kept)
        path.write_bytes(whole[: len(whole) - 30])
        assert not judge(copy).sound
        path.unlink()
        assert not judge(copy).sound


def test_what_follows_the_last_checkpoint_is_reported_as_not_covered(tmp_path: Path) -> None:
    place = Place(tmp_path, "main", tmp_path)
    trail = Trail(place, KEY)
    trail.append([record(n) for n in range(5)], sync=True)
    verdict = judge(tmp_path)
    assert verdict.sound
    assert (verdict.covered, verdict.last) == (2, 7)
    assert "records 3 to 7 are not covered by a signature yet" in verdict.notes
    (path,) = files(tmp_path)
    path.write_bytes(b"".join(path.read_bytes().splitlines(keepends=True)[:-2]))
    assert judge(tmp_path).notes == ("records 3 to 5 are not covered by a signature yet",)
    path.write_bytes(path.read_bytes()[:-10])
    assert any("the last record is not whole" in note for note in judge(tmp_path).notes)
    trail.close()


def test_a_log_that_was_written_anew_with_another_key_is_found(copy: Path, tmp_path: Path) -> None:
    forged = tmp_path / "forged"
    place = Place(forged, "main", forged)
    trail = Trail(place, OTHER)
    trail.append([record(n) for n in range(5)], sync=True)
    trail.close()
    assert judge(forged, Trust()).sound
    assert not judge(forged).sound
    # the true copies beside the forged records
    shutil.copy(copy / "main.checkpoints", forged)
    assert not judge(forged, Trust()).sound


def test_a_log_without_any_signature_is_not_sound(tmp_path: Path) -> None:
    end, lines = genesis("main"), []
    for number in range(5):
        made = link(record(number), end)
        end = type(end)(made.seq, made.hash)
        lines.append(made.line)
    Place(tmp_path, "main", tmp_path).file(1).write_bytes(b"".join(lines))
    assert not judge(tmp_path, Trust()).sound


def test_records_of_another_stream_are_found(tmp_path: Path) -> None:
    for stream in ("main", "other"):
        write(Place(tmp_path, stream, tmp_path), 10)
    one, two = Place(tmp_path, "main", tmp_path), Place(tmp_path, "other", tmp_path)
    assert all(verdict.sound for verdict in verify_directory(tmp_path, None, TRUST))
    shutil.copy(two.file(1), one.file(1))
    shutil.copy(two.checkpoints, one.checkpoints)
    found = {verdict.stream: verdict.sound for verdict in verify_directory(tmp_path, None, TRUST)}
    assert found == {"main": False, "other": True}


def test_the_first_files_may_be_moved_away_where_it_is_said(copy: Path) -> None:
    files(copy)[0].unlink()
    assert not judge(copy).sound
    verdict = judge(copy, Trust(frozenset({KEY.public}), archived=True))
    assert verdict.sound
    assert "are not here" in verdict.notes[0]
    # the checkpoint before them still vouches for where they begin
    path = files(copy)[0]
    path.write_bytes(b"".join(path.read_bytes().splitlines(keepends=True)[1:]))
    assert not judge(copy, Trust(frozenset({KEY.public}), archived=True)).sound


def test_a_file_can_be_verified_for_itself(written: Path, tmp_path: Path) -> None:
    path = files(written)[1]
    assert verify_file(path, TRUST).sound
    changed = tmp_path / path.name
    changed.write_bytes(path.read_bytes().replace(b'"rows":', b'"Rows":', 1))
    assert not verify_file(changed, TRUST).sound
    with pytest.raises(ValueError, match="not named"):
        verify_file(tmp_path / "any.txt", TRUST)


def test_copies_elsewhere_vouch_for_the_records(tmp_path: Path) -> None:
    place = Place(tmp_path / "log", "main", tmp_path / "copies")
    write(place, 50, Rhythm(records=10))
    assert verify(place, TRUST).sound
    assert not verify(Place(place.directory, "main", place.directory), TRUST).sound
    place.file(1).unlink()
    assert not verify(place, TRUST).sound


def test_a_name_cannot_forge_a_record(tmp_path: Path) -> None:
    place = Place(tmp_path, "main", tmp_path)
    trail = Trail(place, KEY)
    evil = 'x"}\n{"v":1,"seq":9}\r\n\x00\x1b[2J\u2028\udcff'
    trail.append([record(1, user=evil)], sync=True)
    trail.close()
    lines = place.file(1).read_bytes().split(b"\n")
    assert len(lines) == 6
    assert all(0x20 <= byte < 0x7F for line in lines for byte in line)
    assert json.loads(lines[2])["user"] == evil
    assert judge(tmp_path).sound


# --- writing --------------------------------------------------------------------------------------


def test_a_second_writer_is_refused(tmp_path: Path) -> None:
    place = Place(tmp_path, "main", tmp_path)
    trail = Trail(place, KEY)
    with pytest.raises(Unusable, match="another server"):
        Trail(place, KEY)
    other = Trail(Place(tmp_path, "second", tmp_path), KEY)
    other.close()
    trail.close()
    Trail(place, KEY).close()
    assert judge(tmp_path).sound


def test_the_chain_goes_on_over_restarts_and_files(written: Path) -> None:
    events = [line["event"] for line in read_all(written)]
    assert events.count("opened") == events.count("closed") == 2
    assert events[-1] == "checkpoint"


def test_what_a_killed_process_left_unfinished_is_cut_off_and_told(tmp_path: Path) -> None:
    place = Place(tmp_path, "main", tmp_path)
    write(place, 3)
    last = place.files()[-1].path
    with last.open("ab") as file:
        file.write(b'{"v":1,"seq":99,"ts":"20')
    assert judge(tmp_path).sound
    write(place, 3)
    assert judge(tmp_path).sound
    assert [line["cut_bytes"] for line in read_all(tmp_path) if "cut_bytes" in line] == [24]


@pytest.mark.parametrize("damage", ["cut", "edit", "remove", "copies"])
def test_a_log_that_was_tampered_with_is_not_gone_on_with(copy: Path, damage: str) -> None:
    path = files(copy)[-1]
    whole = path.read_bytes()
    match damage:
        case "cut":
            path.write_bytes(b"".join(whole.splitlines(keepends=True)[:-3]))
        case "edit":
            path.write_bytes(whole.replace(b'"rows":', b'"Rows":', 1))
        case "remove":
            for file in files(copy):
                file.unlink()
        case "copies":
            (copy / "main.checkpoints").write_bytes(b"{}\n")
    with pytest.raises(Unusable):
        Trail(Place(copy, "main", copy), KEY)


def test_a_signature_is_due_some_seconds_after_the_first_record_without_one(tmp_path: Path) -> None:
    now = 100.0
    trail = Trail(Place(tmp_path, "main", tmp_path), KEY, Rhythm(3, 10.0), clock=lambda: now)
    assert trail.due() is None
    now = 1_000.0
    trail.append([record(1)], sync=True)
    assert trail.due() == 10.0
    now = 1_004.0
    trail.append([record(2)], sync=True)
    assert trail.due() == 6.0
    trail.append([record(3)], sync=True)
    assert trail.due() == 0.0
    trail.sign()
    assert trail.due() is None
    trail.close()


def test_files_are_private(tmp_path: Path) -> None:
    place = Place(tmp_path / "audit", "main", tmp_path / "audit")
    write(place, 1)
    assert place.directory.stat().st_mode & 0o777 == 0o700
    assert {path.stat().st_mode & 0o777 for path in place.directory.iterdir()} == {0o600}


def remove_directory(place: Place) -> Callable[[], object]:
    away = place.directory.with_name("away")
    place.directory.rename(away)
    return lambda: away.rename(place.directory)


def empty_directory(place: Place) -> Callable[[], object]:
    away = place.directory.with_name("away")
    place.directory.rename(away)
    return place.directory.mkdir


@pytest.mark.parametrize("trouble", [remove_directory, empty_directory])
def test_a_trail_goes_on_when_its_directory_is_back(
    tmp_path: Path, trouble: Callable[[Place], Callable[[], object]]
) -> None:
    place = Place(tmp_path / "audit", "main", tmp_path / "audit")
    trail = Trail(place, KEY)
    trail.append([record(1)], sync=True)
    mend = trouble(place)
    for _ in range(3):
        with pytest.raises(OSError, match="No such file"):
            trail.append([record(2)], sync=True)
    mend()
    trail.append([record(2)], sync=True)
    trail.close()
    # the records are all there; what was taken away is missed
    archived = Trust(frozenset({KEY.public}), archived=True)
    assert judge(place.directory, archived).sound is (trouble is remove_directory)


def test_another_writer_in_the_directory_that_came_back_is_noticed(tmp_path: Path) -> None:
    place = Place(tmp_path / "audit", "main", tmp_path / "audit")
    trail = Trail(place, KEY)
    place.directory.rename(tmp_path / "away")
    other = Trail(place, KEY)
    with pytest.raises(OSError, match="another server"):
        trail.append([record(1)], sync=True)
    other.close()
    trail.append([record(1)], sync=True)
    trail.close()
    assert not judge(place.directory, Trust(frozenset({KEY.public}), archived=True)).sound


def test_a_file_that_is_cut_while_it_is_written_is_found(tmp_path: Path) -> None:
    place = Place(tmp_path, "main", tmp_path)
    trail = Trail(place, KEY)
    trail.append([record(n) for n in range(10)], sync=True)
    os.truncate(place.file(1), 1_000)
    trail.append([record(11)], sync=True)
    trail.close()
    assert not judge(tmp_path).sound


# --- keys, lines and recent records ---------------------------------------------------------------


def test_keys_are_refused_that_are_too_short_or_of_another_kind() -> None:
    for secret in ("short", "-----BEGIN PRIVATE KEY-----\nno\n-----END PRIVATE KEY-----"):
        with pytest.raises(KeyInvalid):
            signing_key(secret)
    assert public_key(KEY.public.text) == KEY.public
    with pytest.raises(KeyInvalid):
        public_key("00")
    assert "k" * 32 not in repr(KEY)


def test_a_line_that_no_record_can_be_is_refused() -> None:
    made = link(record(1), genesis("main"))
    assert read(made.line).record["user"] == "user 1"
    for line in (b"", b"\n", b"{}\n", made.line[:-1], made.line + made.line, made.line[1:]):
        with pytest.raises(Broken):
            read(line)


def test_recent_records_are_a_table_of_fixed_columns(written: Path, tmp_path: Path) -> None:
    table = recent(Place(written, "main", written), 10)
    assert table.schema.equals(SCHEMA)
    assert table.num_rows == 10
    assert table["seq"].to_pylist() == sorted(table["seq"].to_pylist(), reverse=True)
    assert "checkpoint" not in table["event"].to_pylist()
    every = recent(Place(written, "main", written), 10_000)
    assert every["user"].drop_null().to_pylist()[-1] == "user 0"
    assert recent(Place(tmp_path, "none", tmp_path), 10).num_rows == 0


@pytest.fixture(autouse=True)
def quiet(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("CRITICAL")
