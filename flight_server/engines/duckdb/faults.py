"""DuckDB's errors in our words: nothing of values, paths, candidates or hidden names."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass

from flight_server.engines.duckdb.wording import worded

_LONGEST = 500
_FIRST = re.compile(
    r"^(?P<type>[A-Za-z][A-Za-z ]*?) Error: (?P<rest>.*)$",
    re.DOTALL,
)


@dataclass(frozen=True, slots=True)
class Fault:
    """What went wrong, fit for a client.

    `kind` names the error: `bind`, `data`, `missing`, `memory`, `resources`, `interrupted`,
    `unsupported`, `lost` or `other`. `about` is BindFailed's kind, `position` a character offset.
    `detail` is for the log.
    """

    kind: str
    message: str
    about: str = "other"
    position: int | None = None
    detail: str = ""

    def encode(self) -> bytes:
        """The fault as JSON."""
        return json.dumps(
            {
                "kind": self.kind,
                "message": self.message,
                "about": self.about,
                "position": self.position,
                "detail": self.detail[:2000],
            }
        ).encode()

    @classmethod
    def decode(cls, data: bytes) -> Fault:
        """The inverse of `encode`. Raises `ValueError` or `KeyError` for anything else."""
        raw = json.loads(data)
        position = raw["position"]
        return cls(
            kind=str(raw["kind"]),
            message=str(raw["message"])[:_LONGEST],
            about=str(raw["about"]),
            position=position if isinstance(position, int) else None,
            detail=str(raw["detail"])[:2000],
        )


def _split(error: BaseException) -> tuple[str, str, dict[str, str]]:
    """DuckDB's error type, its message, and the fields that it gives as JSON.

    The exception's class does not serve: a fault in mid-stream arrives as an OSError of Arrow.
    """
    text = str(error)
    match = _FIRST.match(text)
    kind, rest = (match["type"], match["rest"]) if match else ("", text)
    if rest.startswith('{"exception_type"'):
        fields = json.loads(rest.split("\n", 1)[0])
        return str(fields.get("exception_type", kind)), str(fields["exception_message"]), fields
    return kind, rest, {}


# --- at run time: categories only -----------------------------------------------------------------

_CATEGORIES = {
    "Conversion": "A value could not be converted to the type that was asked for.",
    "Out of Range": "A value is out of the range of its type.",
    "Mismatch Type": "A value does not have the type that was asked for.",
    "Constraint": "A value is not allowed where it stands.",
}
_DETAILS = (
    ("Division by zero", "A value was divided by zero."),
    ("More than one row returned", "A subquery that must give one value gave several rows."),
)
_FILES = re.compile(
    r"[Pp]arquet|No files found|[Ff]ooter|magic bytes|[Cc]orrupt|read from file|in file"
)
# a snapshot that expires takes its files with it; DuckDB then looks below them, which it may not
_GONE = re.compile(r"No such file or directory|No files found that match|/\*\*/\*\.parquet\"")


def running_fault(error: BaseException) -> Fault:
    """A fault of a statement that ran: its category, never DuckDB's text."""
    kind, message, _ = _split(error)
    detail = f"{kind}: {message}"
    if kind == "INTERRUPT":
        return Fault("interrupted", "The statement was ended.", detail=detail)
    if kind == "Out of Memory" or isinstance(error, MemoryError) or "bad_alloc" in message:
        text = "The statement needed more memory or disk than it may have."
        return Fault("memory", text, detail=detail)
    for sign, text in _DETAILS:
        if message.startswith(sign):
            return Fault("data", text, detail=detail)
    if kind in _CATEGORIES:
        return Fault("data", _CATEGORIES[kind], detail=detail)
    if _GONE.search(message):
        return Fault("missing", "A data file of a table is missing.", detail=detail)
    if kind == "IO" or _FILES.search(message):
        return Fault("other", "A data file of a table could not be read.", detail=detail)
    if kind in ("FATAL", "INTERNAL"):
        return Fault("lost", "The worker failed.", detail=detail)
    if kind == "Invalid Input":
        return Fault("data", "A function was given a value that it does not take.", detail=detail)
    return Fault("data", "The statement could not be run over the data.", detail=detail)


# --- at bind time: what the client typed, in our words --------------------------------------------

# What no pattern knows is told by its category.
_UNKNOWN = {
    **_CATEGORIES,
    "Invalid Input": "A function was given a value that it does not take.",
    "Not implemented": "A part of the statement is not supported.",
    "Parser": "The statement is not valid SQL.",
}
_MISFIT = "The statement cannot be run as it is written."


def binding_fault(error: BaseException, text: str) -> Fault:
    """A fault of a statement that was bound on empty tables of the visible shape.

    Only what the client may see exists there, so that names can be repeated; a hidden column and
    one that never was give the same words.
    """
    kind, message, fields = _split(error)
    detail = f"{kind}: {message}"
    if kind in ("INTERRUPT", "Out of Memory", "FATAL", "INTERNAL") or not kind:
        return running_fault(error)
    position = _position(fields, text)
    found = worded(message)
    if found is not None:
        about, wording = found
        return Fault("bind", wording[:_LONGEST], about, position, detail)
    return Fault("bind", _UNKNOWN.get(kind, _MISFIT), "other", position, detail)


def _position(fields: dict[str, str], text: str) -> int | None:
    """DuckDB's byte offset as a character offset."""
    raw = fields.get("position", "")
    if not raw.isdigit():
        return None
    before = text.encode()[: int(raw)]
    return len(before.decode(errors="ignore"))
