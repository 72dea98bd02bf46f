"""`flight-server audit`: proves that the audit log is as it was written, and shows it."""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from pathlib import Path

from flight_server.auditing import audit_key, audit_place
from flight_server.cli.configured import configured, configured_if_any
from flight_server.config import ConfigInvalid
from flight_server.query.audit.chain import Record
from flight_server.query.audit.files import Place, log_files
from flight_server.query.audit.recent import latest
from flight_server.query.audit.signing import KeyInvalid, PublicKey, public_key
from flight_server.query.audit.verify import Trust, Verdict, verify_directory, verify_file

_SHOWN = ("user", "status", "error_code", "query_id", "claimed", "command", "detail")


def run(options: argparse.Namespace) -> int:
    """Run one of the actions; gives the exit status."""
    actions = {"verify": _verify, "show": _show, "key": _key}
    return actions[options.action](options)


def _verify(options: argparse.Namespace) -> int:
    """0 where everything is as it was written, 1 where anything is not."""
    place, key = _configured(options)
    path: Path | None = options.path
    keys = {_read_key(file) for file in options.public_key} | ({key} if key else set())
    trust = Trust(frozenset(keys), options.archived)
    if path is not None and path.is_file():
        verdicts = [verify_file(path, trust)]
    else:
        directory, copies = _directories(path, place)
        verdicts = verify_directory(directory, options.checkpoints or copies, trust)
    for verdict in verdicts:
        _tell(verdict, known=bool(keys))
    if not verdicts:
        print("FAULT there is no audit log")
    return 0 if verdicts and all(verdict.sound for verdict in verdicts) else 1


def _tell(verdict: Verdict, *, known: bool) -> None:
    state = "ok   " if verdict.sound else "FAULT"
    print(
        f"{state} {verdict.stream}: records {verdict.first} to {verdict.last},"
        f" signed up to {verdict.covered}"
    )
    for fault in verdict.faults:
        print(f"      {fault}")
    for note in verdict.notes:
        print(f"      note: {note}")
    if not known:
        for key in sorted(verdict.keys):
            print(f"      note: signed by {key}; nothing says that this is the server's key")


def _show(options: argparse.Namespace) -> int:
    place, _key = _configured(options)
    directory, copies = _directories(options.path, place)
    streams = sorted({file.stream for file in log_files(directory)})
    found: list[tuple[str, str, Record]] = []
    for stream in streams:
        records = latest(Place(directory, stream, copies or directory))
        for record, _ in zip(_wanted(records, options), range(options.limit), strict=False):
            found.append((str(record["ts"]), stream, record))
    found.sort(key=lambda row: (row[0], row[1], row[2]["seq"]))
    for moment, stream, record in found[-options.limit :]:
        print(json.dumps(record) if options.format == "json" else _line(moment, stream, record))
    return 0


def _wanted(records: Iterator[Record], options: argparse.Namespace) -> Iterator[Record]:
    for record in records:
        if options.user is not None and record.get("user") != options.user:
            continue
        if options.event is None and record["event"] == "checkpoint":
            continue
        if options.event is None or record["event"] == options.event:
            yield record


def _line(moment: str, stream: str, record: Record) -> str:
    parts = [moment, f"{stream}:{record['seq']}", f"{record['event']:8}"]
    parts += [f"{name}={record[name]!r}" for name in _SHOWN if name in record]
    parts += [
        f"{thing['catalog']}.{thing['schema']}.{thing['table']}"
        f"({', '.join(thing.get('projected', []))})"
        for thing in record.get("objects", [])
    ]
    return " ".join(parts)


def _key(options: argparse.Namespace) -> int:
    """Print the public key, for those who verify without the secret."""
    _place, key = _configured(options)
    if key is None:
        raise ConfigInvalid("audit.secret: nothing is set")
    print(key.text)
    return 0


def _configured(options: argparse.Namespace) -> tuple[Place | None, PublicKey | None]:
    """Where the configured log is and who signs it; nothing where there is no configuration."""
    given = getattr(options, "path", None) is not None
    settings = configured_if_any(options) if given else configured(options)
    if settings is None:
        return None, None
    key = audit_key(settings)
    return audit_place(settings), key.public if key is not None else None


def _directories(path: Path | None, place: Place | None) -> tuple[Path, Path | None]:
    """Where records and copied checkpoints are: of the given directory, else as configured."""
    if path is not None:
        same = place is not None and place.directory.resolve() == path.resolve()
        found = path, place.copies if place is not None and same else None
    elif place is not None:
        found = place.directory, place.copies
    else:
        raise ConfigInvalid("give a directory, or a configuration with audit.directory")
    if not found[0].is_dir():
        raise ConfigInvalid(f"{found[0]} is not a directory")
    return found


def _read_key(path: Path) -> PublicKey:
    try:
        return public_key(path.read_text())
    except OSError as error:
        raise ConfigInvalid(f"{path} cannot be read: {error.strerror}") from None
    except KeyInvalid as error:
        raise ConfigInvalid(f"{path}: {error}") from None
