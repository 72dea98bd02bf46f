"""DuckDB's errors in our words: nothing of values, paths, candidates or hidden names."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass

_LONGEST = 500
_FIRST = re.compile(
    r"^(?P<type>[A-Za-z][A-Za-z ]*?) Error: (?P<rest>.*)$",
    re.DOTALL,
)
_STRIPPED = re.compile(r"\s*(?:Candidate|Did you mean|LINE \d|Use |Either |You might)[^\n]*")


@dataclass(frozen=True, slots=True)
class Fault:
    """What went wrong, fit for a client.

    `kind` names the error: `bind`, `data`, `resources`, `interrupted`, `unsupported`, `lost` or
    `other`. `about` is BindFailed's kind, `position` a character offset. `detail` is for the log.
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


def running_fault(error: BaseException) -> Fault:
    """A fault of a statement that ran: its category, never DuckDB's text."""
    kind, message, _ = _split(error)
    detail = f"{kind}: {message}"
    if kind == "INTERRUPT":
        return Fault("interrupted", "The statement was ended.", detail=detail)
    if kind == "Out of Memory" or isinstance(error, MemoryError) or "bad_alloc" in message:
        text = "The statement needed more memory or disk than it may have."
        return Fault("resources", text, detail=detail)
    for sign, text in _DETAILS:
        if message.startswith(sign):
            return Fault("data", text, detail=detail)
    if kind in _CATEGORIES:
        return Fault("data", _CATEGORIES[kind], detail=detail)
    if kind == "IO" or _FILES.search(message):
        return Fault("other", "A data file of a table could not be read.", detail=detail)
    if kind in ("FATAL", "INTERNAL"):
        return Fault("lost", "The worker failed.", detail=detail)
    if kind == "Invalid Input":
        return Fault("data", "A function was given a value that it does not take.", detail=detail)
    return Fault("data", "The statement could not be run over the data.", detail=detail)


# --- at bind time: what the client typed, in our words --------------------------------------------

_Say = Callable[[str], str]


def _missing(what: str) -> _Say:
    return lambda name: f'{what} "{name}" was not found.'


_PATTERNS: tuple[tuple[str, str, _Say], ...] = tuple(
    (pattern, about, say)
    for about, say, patterns in (
        (
            "column",
            _missing("Column"),
            (
                r'Referenced column "(.*?)" (?:not found|was not found)',
                r"Referenced column (\S+) not found in FROM clause and",
                r'(?:Table|Values list|Alias|Subquery) ".*?" does not have a column named "(.*?)"$',
                r'.*does not have a column named "(.*?)"$',
                r'Column "(.*?)" does not exist on (?:left|right) side of join',
                r'Column "(.*?)" in \w+ list not found in',
                r'Could not find key "(.*?)" in struct',
                r"Cannot extract field '(.*?)' from expression",
                r'Column ""?(.*?)""? referenced in (?:UN)?PIVOT but no matching',
                r'.*[Cc]olumn "(.*?)" (?:not found|does not exist|was not found)',
            ),
        ),
        (
            "table",
            _missing("Table"),
            (
                r'Referenced table "(.*?)" not found',
                r'Table with name "(.*?)" does not exist because',
                r"Table with name (.*?) does not exist",
                r'(?:Catalog|Schema) (?:with name )?"?(.*?)"? does not exist',
            ),
        ),
        (
            "function",
            _missing("Function"),
            (r"(?:\w+ )?Function with name (.*?) does not exist",),
        ),
        (
            "function",
            lambda name: f'No function "{name}" fits these argument types.',
            (
                r"No function matches the given name and argument types '(.*?)\(",
                r"Could not choose a best candidate function for the function call \"(.*?)\(",
            ),
        ),
        ("other", _missing("Type"), (r"Type with name (.*?) does not exist",)),
        (
            "column",
            lambda name: f'No column matches the pattern "{name}".',
            (r'No matching columns found that match regex "(.*?)"',),
        ),
        (
            "other",
            lambda name: f'Column "{name}" is ambiguous.',
            (r'Ambiguous reference to column name "(.*?)" \(use',),
        ),
        (
            "other",
            lambda name: f'Column "{name}" must appear in GROUP BY or within an aggregate.',
            (r'column "(.*?)" must appear in the GROUP BY clause',),
        ),
    )
    for pattern in patterns
)
_COMPILED = tuple((re.compile(p, re.DOTALL | re.MULTILINE), a, s) for p, a, s in _PATTERNS)


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
    for pattern, about, say in _COMPILED:
        match = pattern.match(message)
        if match:
            wording = say(match[1])[:_LONGEST]
            return Fault("bind", wording, about, position, detail)
    wording = _STRIPPED.sub("", message).strip().split("\n", 1)[0][:_LONGEST]
    return Fault("bind", wording or "The statement does not fit.", "other", position, detail)


def _position(fields: dict[str, str], text: str) -> int | None:
    """DuckDB's byte offset as a character offset."""
    raw = fields.get("position", "")
    if not raw.isdigit():
        return None
    before = text.encode()[: int(raw)]
    return len(before.decode(errors="ignore"))
