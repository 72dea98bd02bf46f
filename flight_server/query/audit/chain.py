"""Records as lines that hang together: each is hashed with the one before, some are signed.

A line is a JSON object whose last two members are `prev`, the hash of the line before, and `hash`,
the SHA-256 of `prev` and all of the line before `hash`. What is verified are the bytes as they are.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from flight_server.query.audit.signing import PublicKey, SigningKey

VERSION = 1
CHECKPOINT = "checkpoint"
_HASH = b',"hash":"'
_TAIL = len(_HASH) + 64 + len(b'"}\n')
_HEX = frozenset(b"0123456789abcdef")
# What identifies a line is in every one of them.
_NEEDED = {"v": int, "seq": int, "ts": str, "event": str, "prev": str, "hash": str}

Record = Mapping[str, Any]


class Broken(Exception):
    """A line is not one that was written here, or not where it is now; the message says how."""


@dataclass(frozen=True, slots=True)
class Link:
    """A line with what it says. `seq` counts from 1."""

    line: bytes
    record: Record

    @property
    def seq(self) -> int:
        """The place of the line in its chain."""
        return int(self.record["seq"])

    @property
    def prev(self) -> str:
        """The hash of the line before."""
        return str(self.record["prev"])

    @property
    def hash(self) -> str:
        """The hash of the line."""
        return str(self.record["hash"])

    @property
    def is_checkpoint(self) -> bool:
        """Whether the line is signed."""
        return bool(self.record["event"] == CHECKPOINT)


@dataclass(frozen=True, slots=True)
class End:
    """The last line of a chain: what the next one hangs on."""

    seq: int
    hash: str


def genesis(stream: str) -> End:
    """What the first line of a stream hangs on, so that no line fits into another stream."""
    return End(0, hashlib.sha256(b"flight-server audit\0" + stream.encode()).hexdigest())


def link(record: Record, end: End) -> Link:
    """A record as the line that follows `end`."""
    body = _body({"v": VERSION, "seq": end.seq + 1, **record, "prev": end.hash})
    digest = _digest(end.hash, body)
    line = body + _HASH + digest.encode() + b'"}\n'
    return Link(
        line, {**record, "v": VERSION, "seq": end.seq + 1, "prev": end.hash, "hash": digest}
    )


def checkpoint(facts: Record, end: End, key: SigningKey) -> Link:
    """The signed line that follows `end`; it vouches for all lines up to itself."""
    public = key.public
    signed = {**facts, "event": CHECKPOINT, "key": public.key_id, "public_key": public.text}
    message = _body({"v": VERSION, "seq": end.seq + 1, **signed, "prev": end.hash})
    return link({**signed, "signature": key.sign(message)}, end)


def read(line: bytes) -> Link:
    """A line as it was written. Raises `Broken` where anything of it was changed."""
    if not line.endswith(b'"}\n') or line[-_TAIL:][: len(_HASH)] != _HASH:
        raise Broken("it is not a whole record")
    body, digest = line[:-_TAIL], line[-_TAIL + len(_HASH) : -3]
    if not _HEX.issuperset(digest):
        raise Broken("its hash is not one")
    try:
        record = json.loads(line)
    except (ValueError, RecursionError):
        raise Broken("it is not JSON") from None
    if not isinstance(record, dict):
        raise Broken("it is not a record")
    if any(type(record.get(name)) is not kind for name, kind in _NEEDED.items()):
        raise Broken("it lacks what every record has")
    if _digest(record["prev"], body) != digest.decode():
        raise Broken("it was changed: its hash does not fit")
    return Link(line, record)


def signer(found: Link) -> PublicKey | None:
    """Whose signature a checkpoint carries; None where it has no valid one."""
    record = dict(found.record)
    signature, text = record.pop("signature", None), record.get("public_key")
    record.pop("hash")
    if not isinstance(signature, str) or not isinstance(text, str):
        return None
    public = PublicKey(text)
    return public if public.verifies(signature, _body(record)) else None


def _body(record: Record) -> bytes:
    """The members in their order as JSON without the last bracket; control characters escaped."""
    return json.dumps(record, separators=(",", ":"), ensure_ascii=True, allow_nan=False)[
        :-1
    ].encode()


def _digest(prev: str, body: bytes) -> str:
    return hashlib.sha256(prev.encode() + b"\n" + body).hexdigest()
