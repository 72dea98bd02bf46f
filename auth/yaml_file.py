"""Strict YAML: every value is asked for by name and type, and every mistake names its line.

Nothing is guessed and nothing passed over: unknown keys are refused with the nearest known one,
duplicate keys, aliases, several documents and deep nesting too.
"""

from __future__ import annotations

import difflib
import hashlib
import json
import unicodedata
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Any, Final

import yaml

_MAX_BYTES: Final = 4 * 1024 * 1024
_MAX_DEPTH: Final = 32
_MAX_TEXT: Final = 1_000
_LOADER: Final = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_YAML = "tag:yaml.org,2002:"


@dataclass(frozen=True, slots=True)
class Value:
    """A value of a YAML file that knows where it stands; faults are raised as `error`."""

    node: yaml.Node
    file: str
    error: type[Exception]

    @property
    def line(self) -> int:
        """The line on which the value starts, from 1."""
        return int(self.node.start_mark.line) + 1

    @property
    def is_mapping(self) -> bool:
        """Whether the value is a mapping."""
        return isinstance(self.node, yaml.MappingNode)

    @property
    def is_null(self) -> bool:
        """Whether the value is null."""
        return self._kind() == "null" and isinstance(self.node, yaml.ScalarNode)

    def fault(self, message: str) -> Exception:
        """An error about this value, to be raised."""
        return self.error(f"{self.file}:{self.line}: {message}")

    def entries(self) -> list[tuple[Value, Value]]:
        """The keys and values of a mapping whose keys are free. Keys are texts of any YAML type."""
        if not isinstance(self.node, yaml.MappingNode):
            raise self.fault("must be a mapping (key: value)")
        seen: set[str] = set()
        found = []
        for key_node, value_node in self.node.value:
            key = self._at(key_node)
            name = key.key()
            if name in seen:
                raise key.fault(f"{name!r} is given twice")
            seen.add(name)
            found.append((key, self._at(value_node)))
        return found

    def fields(
        self,
        *,
        required: Collection[str] = (),
        optional: Collection[str] = (),
    ) -> dict[str, Value]:
        """The values of a mapping whose keys are known."""
        found: dict[str, Value] = {}
        known = [*required, *optional]
        for key, value in self.entries():
            name = key.key()
            if name not in known:
                raise key.fault(f"unknown key {name!r}{nearest(name, known)}")
            found[name] = value
        for name in required:
            if name not in found:
                raise self.fault(f"{name!r} is missing")
        return found

    def items(self) -> list[Value]:
        """The values of a list."""
        if not isinstance(self.node, yaml.SequenceNode):
            raise self.fault("must be a list")
        return [self._at(node) for node in self.node.value]

    def one_or_more(self) -> list[Value]:
        """The values of a list, or the single value itself."""
        return self.items() if isinstance(self.node, yaml.SequenceNode) else [self]

    def key(self) -> str:
        """The text of a mapping's key, which YAML may take for another type (`on` is a boolean)."""
        if not isinstance(self.node, yaml.ScalarNode):
            raise self.fault("a key must be a text")
        return self._checked(self.node.value, _MAX_TEXT, lines=False)

    def text(self, *, longest: int = _MAX_TEXT, lines: bool = False) -> str:
        """A text, not empty, without control characters; line breaks only with `lines`."""
        if self._kind() != "str":
            raise self.fault("must be a text; put it in quotes")
        return self._checked(self.node.value, longest, lines)

    def integer(self, lowest: int, highest: int) -> int:
        """An integer within bounds, in decimal digits."""
        text = self.node.value if self._kind() == "int" else ""
        digits = text.removeprefix("-").replace("_", "")
        if not (digits.isascii() and digits.isdigit() and len(digits) < 20) or (
            digits.startswith("0") and digits != "0"
        ):
            raise self.fault("must be an integer")
        number = int(text)
        if not lowest <= number <= highest:
            raise self.fault(f"must be between {lowest} and {highest}")
        return number

    def boolean(self) -> bool:
        """`true` or `false`."""
        if self._kind() != "bool" or self.node.value.lower() not in ("true", "false"):
            raise self.fault("must be true or false")
        return bool(self.node.value.lower() == "true")

    def plain(self) -> Any:
        """A JSON-like value: text, integer, number, boolean or a list of them."""
        kind = self._kind()
        if kind == "seq":
            return [item.plain() for item in self.items()]
        if kind == "int":
            return self.integer(-(2**63), 2**63 - 1)
        if kind == "float":
            try:
                return float(self.node.value)
            except ValueError:  # YAML's words for infinity, and numbers in base 60
                raise self.fault("must be a decimal number") from None
        return self.boolean() if kind == "bool" else self.text()

    def content_hash(self) -> str:
        """The SHA-256 of the content alone: comments, spacing and key order do not count."""
        canonical = json.dumps(_canonical(self.node), sort_keys=True, ensure_ascii=True)
        return hashlib.sha256(canonical.encode()).hexdigest()

    def _kind(self) -> str:
        return str(self.node.tag).removeprefix(_YAML)

    def _at(self, node: yaml.Node) -> Value:
        return Value(node, self.file, self.error)

    def _checked(self, text: str, longest: int, lines: bool) -> str:
        if not text.strip():
            raise self.fault("must not be empty")
        if len(text) > longest:
            raise self.fault(f"is longer than {longest} characters")
        for char in text:
            if unicodedata.category(char) in ("Cc", "Cf", "Cs", "Zl", "Zp") and not (
                lines and char in "\n\t"
            ):
                raise self.fault("has a control or invisible character")
        return text


def read_yaml(text: str, file: str, error: type[Exception]) -> Value:
    """Parse a YAML document into its root value; all faults are raised as `error`."""
    if len(text) > _MAX_BYTES:
        raise error(f"{file}: is larger than {_MAX_BYTES} characters")
    try:
        _check_events(text, file, error)
        node = yaml.compose(text, Loader=_LOADER)
    except yaml.MarkedYAMLError as fault:
        line = fault.problem_mark.line + 1 if fault.problem_mark else 1
        raise error(f"{file}:{line}: is not valid YAML: {fault.problem}") from fault
    except yaml.YAMLError as fault:
        raise error(f"{file}: is not valid YAML") from fault
    if node is None:
        raise error(f"{file}:1: is empty")
    return Value(node, file, error)


def nearest(name: str, known: Iterable[str]) -> str:
    """A hint at the known name that is most like a wrong one, to end a message with."""
    close = difflib.get_close_matches(name, list(known), n=1)
    return f", did you mean {close[0]!r}?" if close else ""


def _check_events(text: str, file: str, error: type[Exception]) -> None:
    """Refuse aliases, second documents and deep nesting before any tree is built."""
    depth = documents = 0
    for event in yaml.parse(text, Loader=_LOADER):
        line = event.start_mark.line + 1 if event.start_mark else 1
        if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None):
            raise error(f"{file}:{line}: anchors and aliases are not allowed")
        if isinstance(event, yaml.DocumentStartEvent):
            documents += 1
        elif isinstance(event, yaml.CollectionStartEvent):
            depth += 1
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1
        if depth > _MAX_DEPTH:
            raise error(f"{file}:{line}: is nested too deeply")
        if documents > 1:
            raise error(f"{file}:{line}: only one document is allowed")


def _canonical(node: yaml.Node) -> Any:
    if isinstance(node, yaml.MappingNode):
        return {str(key.value): _canonical(value) for key, value in node.value}
    if isinstance(node, yaml.SequenceNode):
        return [_canonical(item) for item in node.value]
    return [str(node.tag), str(node.value)]
