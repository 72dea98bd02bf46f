"""A JVM with the Flight SQL JDBC driver that does what a test tells it."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.clients import tools
from tests.servers import Server

ARTIFACT = "org.apache.arrow:flight-sql-jdbc-driver"
# A zone far from UTC, so that a timestamp that is shifted by mistake shows.
_OPTIONS = (
    "--add-opens=java.base/java.nio=org.apache.arrow.memory.core,ALL-UNNAMED",
    "-Duser.timezone=Asia/Tokyo",
    "-XX:TieredStopAtLevel=1",
    "-Xmx512m",
)
NULL = "\\N"


class JdbcError(Exception):
    """What the driver threw."""

    def __init__(self, told: dict[str, Any]) -> None:
        super().__init__(f"{told['class']}: {told['message']}")
        self.told = told


@dataclass(frozen=True)
class Jdbc:
    """Commands to the JVM; `connection` names the connection that they use."""

    process: subprocess.Popen[str]
    server: Server
    version: str
    connection: str = "analyst"

    def url(self, parameters: str = "") -> str:
        return (
            f"jdbc:arrow-flight-sql://127.0.0.1:{self.server.port}/?useEncryption=false{parameters}"
        )

    def open(self, name: str, parameters: str = "", **properties: str) -> Jdbc:
        return self.open_url(name, self.url(parameters), **properties)

    def open_url(self, name: str, url: str, **properties: str) -> Jdbc:
        pairs = [f"{key}={value}" for key, value in properties.items()]
        self._ask("open", name, url, *pairs)
        return Jdbc(self.process, self.server, self.version, name)

    def log_in(self, user: str, parameters: str = "") -> Jdbc:
        login = self.server.login(user)
        return self.open(user + parameters, parameters, user=user, password=login["password"])

    def close(self) -> None:
        self.tell("close")

    def tell(self, command: str, *words: str) -> Any:
        """Run a command on the connection."""
        return self._ask(command, self.connection, *words)

    def metadata(self, method: str, *arguments: str) -> list[dict[str, Any]]:
        """The rows of a metadata call."""
        return rows(self.tell("metadata", method, *arguments))

    def _ask(self, *words: str) -> Any:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        assert not any("\t" in word or "\n" in word for word in words)
        self.process.stdin.write("\t".join(words) + "\n")
        self.process.stdin.flush()
        answer = json.loads(self.process.stdout.readline())
        if "error" in answer:
            raise JdbcError(answer["error"])
        return answer["value"]


def rows(table: dict[str, Any]) -> list[dict[str, Any]]:
    """A table as one dictionary per row."""
    names = [column["label"] for column in table["columns"]]
    return [dict(zip(names, row, strict=True)) for row in table["rows"]]


def jar(version: str) -> Path:
    """The driver, fetched with Maven."""
    folder = tools.cache() / "jars"
    made = folder / f"{ARTIFACT.partition(':')[2]}-{version}.jar"
    if not made.exists():
        folder.mkdir(exist_ok=True)
        copy = [tools.program("mvn"), "-q", "-B", "dependency:copy"]
        where = [f"-Dartifact={ARTIFACT}:{version}", f"-DoutputDirectory={folder}"]
        tools.fetch(f"{ARTIFACT}:{version}", [*copy, *where], folder)
    return made


@contextmanager
def jvm(server: Server, version: str, log: Path) -> Iterator[Jdbc]:
    """A running JVM, with the analyst's connection open."""
    path = jar(version)
    tools.program("javac")
    source = Path(__file__).with_name("Probe.java")
    command = [tools.program("java"), *_OPTIONS, "-cp", str(path), str(source)]
    with (
        log.open("w") as errors,
        subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
            encoding="utf-8",
        ) as process,
    ):
        try:
            yield Jdbc(process, server, version).log_in("analyst")
        finally:
            process.kill()
