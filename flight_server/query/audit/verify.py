"""Finds out whether a log is as it was written: every edit, removal, exchange or cut.

Needs the files alone. What follows the last signature is chained but not signed: who can write the
files could have replaced it as a whole, so it is reported as not covered.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from flight_server.query.audit.chain import Broken, End, Link, genesis, read, signer
from flight_server.query.audit.files import LogFile, Place, lines, log_file, log_files
from flight_server.query.audit.signing import PublicKey


@dataclass(frozen=True, slots=True)
class Fault:
    """Something that is not as it was written. `line` counts from 1, 0 is the file as a whole."""

    file: str
    line: int
    what: str

    def __str__(self) -> str:
        """The place and what is wrong there."""
        return f"{self.file}:{self.line}: {self.what}" if self.line else f"{self.file}: {self.what}"


@dataclass(frozen=True, slots=True)
class Verdict:
    """What was found of one stream.

    `covered` is the last record that a signature vouches for, `last` the last one that is there.
    `keys` are the public keys of the signatures. `notes` are no faults, but worth to know.
    """

    stream: str
    first: int
    last: int
    covered: int
    keys: frozenset[str]
    faults: tuple[Fault, ...]
    notes: tuple[str, ...]

    @property
    def sound(self) -> bool:
        """Whether nothing is wrong."""
        return not self.faults


@dataclass(frozen=True, slots=True)
class Trust:
    """By what a log is judged: the public keys that may have signed it; any where none are known.

    With `archived` the first files of a stream may have been taken away.
    """

    keys: frozenset[PublicKey] = frozenset()
    archived: bool = False

    def holds(self, key: PublicKey) -> bool:
        """Whether a key may have signed."""
        return not self.keys or key in self.keys


def verify_directory(directory: Path, copies: Path | None, trust: Trust) -> list[Verdict]:
    """Verify all streams of a directory; `copies` is where copied checkpoints are, if elsewhere."""
    aside = copies or directory
    streams = {file.stream for file in log_files(directory)}
    streams |= {path.name.removesuffix(".checkpoints") for path in aside.glob("*.checkpoints")}
    return [verify(Place(directory, stream, aside), trust) for stream in sorted(streams)]


def verify(place: Place, trust: Trust) -> Verdict:
    """Verify one stream, whole: from its first record to its last signature."""
    walk = _Walk(place, trust)
    files = place.files()
    for file in files:
        walk.file(file, last=file is files[-1])
    walk.finish()
    return walk.verdict()


def verify_file(path: Path, trust: Trust) -> Verdict:
    """Verify one file for itself; whether files before or after it are missing is not asked."""
    found = log_file(path)
    if found is None:
        raise ValueError(f"{path.name} is not named as a file of an audit log")
    place = Place(path.parent, found.stream, path.parent)
    walk = _Walk(place, Trust(trust.keys, archived=True), alone=True)
    walk.file(found, last=True)
    return walk.verdict()


class _Walk:
    """One pass over a stream's files, and what is known at each point of it."""

    def __init__(self, place: Place, trust: Trust, *, alone: bool = False) -> None:
        self._place = place
        self._trust = trust
        self._alone = alone
        self._faults: list[Fault] = []
        self._notes: list[str] = []
        self._copied = {} if alone else {link.seq: link for link in self._copies()}
        self._keys: set[str] = set()
        self._end: End | None = genesis(place.stream)
        self._first = self._last = self._covered = 0
        self._started = False

    def file(self, file: LogFile, *, last: bool) -> None:
        """Go on with the next file; `last` says that no other follows."""
        if not self._started:
            self._start(file)
        elif self._end is not None and file.first != self._end.seq + 1:
            missing = f"records {self._end.seq + 1} to {file.first - 1} are missing before it"
            if file.first <= self._end.seq:
                missing = f"its name says {file.first}, but {self._end.seq} records come before it"
            self._fault(file, 0, missing)
            self._end = None
        number = 0
        for number, line in enumerate(lines(file.path), 1):
            if last and not line.endswith(b"\n"):
                # As a killed server leaves it, or one that writes just now.
                self._notes.append(f"{file.path.name}:{number}: the last record is not whole")
            else:
                self._line(file, number, line)
        if not number:
            self._fault(file, 0, "it is empty")

    def finish(self) -> None:
        """All files were seen: what the copied checkpoints know beyond them is missing."""
        beyond = max(self._copied, default=0)
        if beyond > self._last:
            self._faults.append(
                Fault(
                    self._place.checkpoints.name,
                    0,
                    f"records {self._last + 1} to {beyond} are missing: a checkpoint vouches for"
                    " them",
                )
            )
        if not self._copied:
            what = "there is no copy of a checkpoint, as every log has"
            self._faults.append(Fault(self._place.checkpoints.name, 0, what))

    def verdict(self) -> Verdict:
        """What was found."""
        if self._started and not self._keys:
            what = "no record of it is signed"
            self._faults.append(Fault(self._place.stream, 0, what))
        if self._last > self._covered:
            self._notes.append(
                f"records {self._covered + 1} to {self._last} are not covered by a signature yet"
            )
        return Verdict(
            stream=self._place.stream,
            first=self._first,
            last=self._last,
            covered=self._covered,
            keys=frozenset(self._keys),
            faults=tuple(self._faults),
            notes=tuple(self._notes),
        )

    def _start(self, file: LogFile) -> None:
        self._started = True
        self._first = file.first
        if file.first == 1:
            return
        vouched = self._copied.get(file.first - 1)
        self._last = self._covered = file.first - 1
        self._end = None if vouched is None else End(vouched.seq, vouched.hash)
        if vouched is None and not self._alone:
            self._fault(file, 0, "nothing vouches for where it begins")
        elif self._trust.archived:
            self._notes.append(f"the records before {file.first} are not here")
        else:
            self._fault(file, 0, f"records 1 to {file.first - 1} are missing before it")

    def _line(self, file: LogFile, number: int, line: bytes) -> None:
        try:
            found = read(line)
        except Broken as broken:
            self._fault(file, number, str(broken))
            self._end = None
            return
        end = self._end
        if number == 1 and found.seq != file.first:
            self._fault(file, number, f"it is record {found.seq}, but the file says {file.first}")
        elif end is not None and (found.seq, found.prev) != (end.seq + 1, end.hash):
            self._fault(file, number, _misplaced(found, end))
        if found.is_checkpoint:
            self._checkpoint(file, number, found)
        self._end = End(found.seq, found.hash)
        self._last = max(self._last, found.seq)

    def _checkpoint(self, file: LogFile, number: int, found: Link) -> None:
        key = signer(found)
        if key is None or found.record.get("stream") != self._place.stream:
            self._fault(file, number, "the signature of the checkpoint is not valid")
            return
        self._keys.add(key.text)
        if not self._trust.holds(key):
            self._fault(file, number, f"the checkpoint is signed by another key, {key.key_id}")
            return
        copy = self._copied.get(found.seq)
        if copy is not None and copy.line != found.line:
            self._fault(file, number, "the checkpoint is not the one that was copied")
            return
        self._covered = max(self._covered, found.seq)

    def _copies(self) -> Iterator[Link]:
        """The copied checkpoints; a last line that is not finished was cut short by a crash."""
        path = self._place.checkpoints
        if not path.exists():
            return
        for number, line in enumerate(lines(path), 1):
            if not line.endswith(b"\n"):
                return
            try:
                found = read(line)
            except Broken as broken:
                self._faults.append(Fault(path.name, number, str(broken)))
                continue
            key = signer(found)
            if key is None or not self._trust.holds(key):
                self._faults.append(Fault(path.name, number, "the signature is not valid"))
                continue
            yield found

    def _fault(self, file: LogFile, line: int, what: str) -> None:
        self._faults.append(Fault(file.path.name, line, what))


def _misplaced(found: Link, end: End) -> str:
    if found.seq > end.seq + 1:
        return f"records {end.seq + 1} to {found.seq - 1} are missing before it"
    if found.seq <= end.seq:
        return f"it is record {found.seq}, which does not follow record {end.seq}"
    return "it does not follow the record before"
