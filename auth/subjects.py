"""What may be the name of a subject: shown in logs and bound into tickets, so it is plain text."""

from __future__ import annotations

import unicodedata
from typing import Final

LONGEST: Final = 256
_REFUSED = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})


def is_subject(value: object) -> bool:
    """Whether a value is a text of 1 to 256 characters in NFC, without control characters.

    Texts that look alike but differ in their bytes would be different subjects, so those that are
    not in normal form, or have spaces at an end, are refused rather than repaired.
    """
    return (
        isinstance(value, str)
        and 0 < len(value) <= LONGEST
        and value == value.strip()
        and not any(unicodedata.category(char) in _REFUSED for char in value)
        and unicodedata.is_normalized("NFC", value)
    )
