"""Statements of SQL that are never run here, by their first word, and what is said of each.

Nothing is refused for being here: whatever is no SELECT and no command is refused by the gate.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

_READ_ONLY = "This server is read-only: {} cannot be run."
_OTHER = "{} cannot be run here."
UNSERVED: Mapping[str, str] = MappingProxyType(
    {
        **dict.fromkeys(
            (
                *("alter", "comment", "copy", "create", "delete", "drop", "grant", "import"),
                *("insert", "merge", "revoke", "truncate", "update"),
            ),
            _READ_ONLY,
        ),
        **dict.fromkeys(
            (
                *("analyze", "attach", "call", "checkpoint", "deallocate", "detach", "execute"),
                *("export", "force", "install", "load", "pragma", "prepare", "savepoint"),
                *("vacuum",),
            ),
            _OTHER,
        ),
        "summarize": "{} cannot be run here: select count(*), min, max and the like.",
    }
)
