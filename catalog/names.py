"""Qualified names: how catalogs, schemas and tables are spelled, compared, quoted and matched."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

_ASCII_LOWER = {upper: upper + 32 for upper in range(ord("A"), ord("Z") + 1)}
_PLAIN = re.compile(r"[a-z_][a-z0-9_]*")


def fold(name: str) -> str:
    """Fold a name as DuckDB does: ASCII letters only.

    `str.lower` maps other characters onto ASCII (U+212A KELVIN SIGN becomes `k`), so two names that
    DuckDB holds apart would compare equal: a way around a policy.
    """
    return name.translate(_ASCII_LOWER)


def quote(name: str) -> str:
    """Quote an identifier for SQL, always."""
    return '"' + name.replace('"', '""') + '"'


def text_literal(text: str) -> str:
    """A text as a literal for SQL."""
    return "'" + text.replace("'", "''") + "'"


def display(name: str) -> str:
    """Quote an identifier only where SQL would need it."""
    return name if _PLAIN.fullmatch(name) else quote(name)


def like(pattern: str | None) -> Callable[[str], bool]:
    """Compile a SQL LIKE pattern (`%`, `_`, escape `\\`), matched case-insensitively in ASCII.

    None matches everything; an unfinished escape at the end stands for itself.
    """
    if pattern is None:
        return lambda _name: True
    parts: list[str] = []
    escaped = False
    for char in fold(pattern):
        if escaped:
            parts.append(re.escape(char))
            escaped = False
        elif char == "\\":
            escaped = True
        elif char == "%":
            # `.*` with DOTALL; consecutive ones are collapsed so that matching stays linear enough
            if not parts or parts[-1] != ".*":
                parts.append(".*")
        elif char == "_":
            parts.append(".")
        else:
            parts.append(re.escape(char))
    if escaped:
        parts.append(re.escape("\\"))
    compiled = re.compile("".join(parts), re.DOTALL)
    return lambda name: compiled.fullmatch(fold(name)) is not None


def exactly(name: str) -> str:
    """The LIKE pattern that matches a name alone (and its other spellings in case)."""
    return re.sub(r"([\\%_])", r"\\\1", name)


@dataclass(frozen=True, slots=True, order=True)
class SchemaName:
    """A schema within a catalog; nested Iceberg namespaces are joined with dots."""

    catalog: str
    schema: str

    def __str__(self) -> str:
        return f"{display(self.catalog)}.{display(self.schema)}"


@dataclass(frozen=True, slots=True, order=True)
class TableName:
    """A table within a schema of a catalog, as the catalog spells it."""

    catalog: str
    schema: str
    table: str

    def __str__(self) -> str:
        return f"{display(self.catalog)}.{display(self.schema)}.{display(self.table)}"

    @property
    def in_schema(self) -> SchemaName:
        """The schema that holds this table."""
        return SchemaName(self.catalog, self.schema)

    @property
    def folded(self) -> TableName:
        """The same name folded, for comparison and as a key."""
        return TableName(fold(self.catalog), fold(self.schema), fold(self.table))
