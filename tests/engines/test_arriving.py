"""Files that come while a statement runs: read when they are here, and not before."""

from __future__ import annotations

import socket
import threading
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from flight_server.engines.duckdb.arriving import NUMBER, Arrived, ArrivingFiles, name_of


def test_a_file_is_read_once_its_descriptor_came(tmp_path: Path) -> None:
    paths = [tmp_path / f"{number}.parquet" for number in range(2)]
    for number, path in enumerate(paths):
        pq.write_table(pa.table({"a": [number] * 100}), path)
    names = [name_of("m", number, path.stat().st_size) for number, path in enumerate(paths)]
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with ours, theirs, duckdb.connect() as connection:
        connection.register_filesystem(ArrivingFiles(Arrived(theirs), names))
        passed = threading.Event()

        def give() -> None:
            for number, path in enumerate(paths):
                with path.open("rb") as file:
                    socket.send_fds(ours, [NUMBER.pack(number)], [file.fileno()])
            passed.set()

        timer = threading.Timer(0.2, give)
        timer.start()
        found = connection.sql(f"SELECT sum(a) FROM read_parquet({names!r})").fetchall()
        assert passed.is_set()
        timer.join()
    assert found == [(100,)]


def test_a_file_that_does_not_come_is_an_error(tmp_path: Path) -> None:
    name = name_of("m", 0, 1000)
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with ours, theirs:
        files = ArrivingFiles(Arrived(theirs), [name])
        socket.send_fds(ours, [NUMBER.pack(0)], [])
        with pytest.raises(OSError, match="does not come"):
            files.open(name)


def test_no_other_file_can_be_named(tmp_path: Path) -> None:
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with ours, theirs:
        files = ArrivingFiles(Arrived(theirs), [name_of("m", 0, 10)])
        for other in ("arriving://m/1/10", "/etc/passwd", "arriving://../../etc/passwd"):
            with pytest.raises(FileNotFoundError):
                files.open(other)
