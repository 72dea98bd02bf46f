"""Runs the proof on a Trino of its own: downloaded once, trimmed, started, ended.

`make trino` runs it. It needs a Java that the release takes, named by JAVA_HOME, about 3 GB in the
cache and 3 GB of memory. The release is the one nearest to Athena's engine that Maven Central has.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.trino import client, prove

VERSION = "476"
ARCHIVE = (
    f"https://repo1.maven.org/maven2/io/trino/trino-server/{VERSION}/trino-server-{VERSION}.tar.gz"
)
CACHE = Path.home() / ".cache" / "flight-server-tests"
HOME = CACHE / f"trino-server-{VERSION}"
JAVA_HOMES = (Path("/usr/lib/jvm"), Path("/opt/java"))
_PLUGINS = {"memory", "tpch"}
_WAIT = 300.0
_JVM = """-server
-Xmx2G
-XX:+UseG1GC
-Djdk.attach.allowAttachSelf=true
--enable-native-access=ALL-UNNAMED
--sun-misc-unsafe-memory-access=allow
--add-modules=jdk.incubator.vector
"""
_CONFIG = """coordinator=true
node-scheduler.include-coordinator=true
http-server.http.port=18080
discovery.uri=http://127.0.0.1:18080
query.max-memory=800MB
query.max-memory-per-node=800MB
catalog.management=static
"""


def install() -> None:
    """Unpack the server into the cache, with only the plugins that are needed."""
    if (HOME / "etc" / "config.properties").exists():
        return
    CACHE.mkdir(parents=True, exist_ok=True)
    archive = CACHE / ARCHIVE.rpartition("/")[2]
    if not archive.exists():
        part = archive.with_suffix(".part")
        urllib.request.urlretrieve(ARCHIVE, part)
        part.rename(archive)
    with tarfile.open(archive) as packed:
        packed.extractall(CACHE, filter="data")
    for plugin in (HOME / "plugin").iterdir():
        if plugin.name not in _PLUGINS:
            shutil.rmtree(plugin)
    catalogs = HOME / "etc" / "catalog"
    catalogs.mkdir(parents=True, exist_ok=True)
    (catalogs / "memory.properties").write_text("connector.name=memory\n")
    (HOME / "etc" / "jvm.config").write_text(_JVM)
    (HOME / "etc" / "config.properties").write_text(_CONFIG)


def java() -> Path:
    """The newest Java at hand: JAVA_HOME, or one of the usual places."""
    named = os.environ.get("JAVA_HOME")
    if named:
        return Path(named)
    found = [home for root in JAVA_HOMES if root.is_dir() for home in root.iterdir()]
    usable = [home for home in found if (home / "bin" / "java").exists()]
    if not usable:
        raise SystemExit("Trino needs Java 24 or newer: set JAVA_HOME.")
    return max(usable, key=_release)


def _release(home: Path) -> int:
    told = home / "release"
    for line in told.read_text().splitlines() if told.exists() else ():
        if line.startswith("JAVA_VERSION="):
            return int(line.partition("=")[2].strip('"').split(".")[0])
    return 0


@contextmanager
def running() -> Iterator[None]:
    """A Trino that answers, ended at the end."""
    install()
    home = java()
    path = f"{home / 'bin'}:{os.environ['PATH']}"
    with tempfile.TemporaryDirectory(prefix="trino-") as data:
        node = f"node.environment=test\nnode.id=one\nnode.data-dir={data}\n"
        (HOME / "etc" / "node.properties").write_text(node)
        with (Path(data) / "out.log").open("wb") as out:
            process = subprocess.Popen(
                [str(HOME / "bin" / "launcher"), "run"],
                env={**os.environ, "JAVA_HOME": str(home), "PATH": path},
                stdout=out,
                stderr=subprocess.STDOUT,
            )
            try:
                _wait(process)
                yield
            finally:
                process.terminate()
                process.wait(timeout=60)


def _wait(process: subprocess.Popen[bytes]) -> None:
    until = time.monotonic() + _WAIT
    while time.monotonic() < until:
        if process.poll() is not None:
            raise SystemExit("Trino ended as it started.")
        try:
            client.ask("SELECT 1")
            return
        except (OSError, urllib.error.URLError, client.TrinoFailed):
            time.sleep(2)  # it takes many seconds to start
    raise SystemExit("Trino did not start in time.")


if __name__ == "__main__":
    with running():
        sys.exit(prove.main())
