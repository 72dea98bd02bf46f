"""Since when columns count as new: the section `new_columns` of a policy file."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Final

from auth.yaml_file import Value

_MOMENT: Final = re.compile(
    r"(?:19|20|21)\d\d-\d\d-\d\d"
    r"(?:[T ]\d\d:\d\d(?::\d\d(?:\.\d{3}|\.\d{6})?)?(?P<zone>Z|[+-]\d\d:\d\d))?"
)


def new_after(value: Value) -> datetime:
    """The moment after which what comes into a table is new; a date is its start in UTC.

    Raises the file's error.
    """
    after = value.fields(required=["after"])["after"]
    text = after.key()
    found = _MOMENT.fullmatch(text)
    try:
        if found is None:
            raise ValueError
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise after.fault(
            f"{text!r} is no date, and no moment with a zone: 2026-11-01, 2026-11-01T12:00:00Z"
        ) from None
    return moment if found["zone"] else moment.replace(tzinfo=UTC)
