"""What is too large for a handle: encrypted, the user's own, bounded and not kept for ever."""

from __future__ import annotations

import os
from pathlib import Path

import pyarrow as pa
import pytest

from flight_server.query.errors import InvalidHandle, SpoolFull, TooComplex, WrongOwner
from flight_server.query.resolve import Defaults
from flight_server.query.seal import Sealer, SealKey
from flight_server.query.spool import Spool, SpoolLimits
from flight_server.query.state import MAX_STATE, StatementState
from tests.waiting import Clock

CONTENT = b"some rows " * 1_000


@pytest.fixture
def clock() -> Clock:
    return Clock(1_700_000_000.0)


@pytest.fixture
def sealer(clock: Clock) -> Sealer:
    return Sealer([SealKey(b"k" * 32)], clock)


def spool_in(path: Path, sealer: Sealer, clock: Clock, **limits: float) -> Spool:
    return Spool(path, sealer, SpoolLimits(**{"seconds": 100.0} | limits), clock)


def files(path: Path) -> list[Path]:
    return sorted(file for file in path.rglob("*") if file.is_file())


def date(path: Path, clock: Clock) -> None:
    for file in files(path):
        os.utime(file, (clock.now, clock.now))


def test_what_is_kept_is_found_by_any_replica(tmp_path: Path, sealer: Sealer, clock: Clock) -> None:
    name = spool_in(tmp_path, sealer, clock).keep("ann", CONTENT)
    assert spool_in(tmp_path, sealer, clock).fetch("ann", name) == CONTENT


def test_the_files_are_private_and_encrypted(tmp_path: Path, sealer: Sealer, clock: Clock) -> None:
    directory = tmp_path / "spool"
    spool_in(directory, sealer, clock).keep("ann@example.com", CONTENT)
    (file,) = files(directory)
    assert b"some rows" not in file.read_bytes()
    assert "ann" not in str(file.relative_to(directory))
    assert file.stat().st_mode & 0o077 == 0
    assert directory.stat().st_mode & 0o077 == 0


def test_the_same_rows_are_kept_once(tmp_path: Path, sealer: Sealer, clock: Clock) -> None:
    spool = spool_in(tmp_path, sealer, clock)
    name = spool.keep("ann", CONTENT)
    date(tmp_path, clock)
    before = files(tmp_path)[0].stat().st_ino
    assert spool.keep("ann", CONTENT) == name
    assert files(tmp_path)[0].stat().st_ino == before
    assert spool.keep("bob", CONTENT) != name


def test_nobody_finds_what_another_user_keeps(tmp_path: Path, sealer: Sealer, clock: Clock) -> None:
    spool = spool_in(tmp_path, sealer, clock)
    name = spool.keep("ann", CONTENT)
    with pytest.raises(InvalidHandle):
        spool.fetch("bob", name)
    stolen = files(tmp_path)[0]
    spool.keep("bob", b"other")
    (folder,) = (d for d in tmp_path.iterdir() if d != stolen.parent)
    stolen.rename(folder / name)
    with pytest.raises(WrongOwner):
        spool.fetch("bob", name)


@pytest.mark.parametrize(
    "name", ["", "../../etc/passwd", "0" * 63, "0" * 64, "A" * 64, "0" * 64 + "/"]
)
def test_a_name_that_is_not_there_is_an_invalid_handle(
    tmp_path: Path, sealer: Sealer, clock: Clock, name: str
) -> None:
    with pytest.raises(InvalidHandle, match="not valid or has expired"):
        spool_in(tmp_path, sealer, clock).fetch("ann", name)


def test_a_damaged_or_exchanged_file_is_refused(
    tmp_path: Path, sealer: Sealer, clock: Clock
) -> None:
    spool = spool_in(tmp_path, sealer, clock)
    name, other = spool.keep("ann", CONTENT), spool.keep("ann", b"other")
    place = files(tmp_path)[0].parent
    whole = (place / name).read_bytes()
    (place / name).write_bytes((place / other).read_bytes())
    with pytest.raises(InvalidHandle):
        spool.fetch("ann", name)
    (place / name).write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
    with pytest.raises(InvalidHandle):
        spool.fetch("ann", name)


def test_a_file_is_good_for_its_time_and_then_removed(
    tmp_path: Path, sealer: Sealer, clock: Clock
) -> None:
    spool = spool_in(tmp_path, sealer, clock)
    name = spool.keep("ann", CONTENT)
    date(tmp_path, clock)
    clock.now += 99
    assert spool.keep("ann", CONTENT) == name  # not written anew, and yet good for its time
    clock.now += 99
    assert spool.fetch("ann", name) == CONTENT
    clock.now += 10
    with pytest.raises(InvalidHandle):
        spool.fetch("ann", name)
    spool.keep("bob", b"x")
    assert len(files(tmp_path)) == 1


def test_a_user_cannot_fill_it_for_all(tmp_path: Path, sealer: Sealer, clock: Clock) -> None:
    spool = spool_in(tmp_path, sealer, clock, per_user=30_000, total=50_000)
    spool.keep("ann", b"a" * 20_000)
    with pytest.raises(SpoolFull):
        spool.keep("ann", b"b" * 20_000)
    spool.keep("bob", b"b" * 20_000)
    with pytest.raises(SpoolFull):
        spool.keep("cat", b"c" * 20_000)
    date(tmp_path, clock)
    clock.now += 201
    spool.keep("cat", b"c" * 20_000)


def test_a_content_over_the_limit_is_refused(tmp_path: Path, sealer: Sealer, clock: Clock) -> None:
    with pytest.raises(SpoolFull):
        spool_in(tmp_path, sealer, clock, file=10).keep("ann", CONTENT)
    assert not files(tmp_path)


def test_a_directory_that_cannot_be_written_is_a_full_one(
    tmp_path: Path, sealer: Sealer, clock: Clock
) -> None:
    spool = spool_in(tmp_path / "here", sealer, clock)
    (tmp_path / "here").rmdir()
    (tmp_path / "here").write_text("a file")
    with pytest.raises((SpoolFull, OSError)):
        spool.keep("ann", CONTENT)


def test_a_private_directory_is_removed(sealer: Sealer) -> None:
    spool = Spool(None, sealer)
    name = spool.keep("ann", CONTENT)
    assert spool.fetch("ann", name) == CONTENT
    spool.close()
    with pytest.raises(InvalidHandle):
        spool.fetch("ann", name)


def state(text: str, rows: pa.RecordBatch | None) -> StatementState:
    return StatementState(
        query_id="q",
        text=text,
        defaults=Defaults(None, None),
        time_zone="UTC",
        snapshots={},
        fingerprint="f",
        schema_digest="d",
        parameters=rows,
    )


@pytest.mark.parametrize("text", ["SELECT ?", "SELECT '" + 'é\n"\\' * 20_000 + "'"])
@pytest.mark.parametrize("count", [0, 1, 20_000])
def test_a_state_of_any_size_makes_a_small_handle(
    tmp_path: Path, sealer: Sealer, clock: Clock, text: str, count: int
) -> None:
    spool = spool_in(tmp_path, sealer, clock)
    rows = pa.record_batch({"1": pa.array(range(count))}) if count else None
    drawer = spool.of("ann")
    encoded = state(text, rows).encode(drawer)
    assert len(encoded) <= MAX_STATE
    assert drawer.used == (len(text) > 100 or count > 1)
    assert StatementState.decode(encoded, spool.of("ann")) == state(text, rows)
    if drawer.used:
        with pytest.raises(InvalidHandle):
            StatementState.decode(encoded, spool.of("bob"))
        with pytest.raises(InvalidHandle):
            StatementState.decode(encoded)
        with pytest.raises(TooComplex):
            state(text, rows).encode()
