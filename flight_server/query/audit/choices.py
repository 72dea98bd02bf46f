"""Why a statement runs on its engine, as it is recorded: for auditors, who may know sizes."""

from __future__ import annotations

from typing import Any

import pyarrow as pa

from flight_server.engines.base import Choice

ESTIMATE = pa.struct(
    [
        *(pa.field(name, pa.int64()) for name in ("bytes", "rows", "files")),
        pa.field("usd", pa.float64()),
    ]
)


def recorded(choice: Choice | None) -> dict[str, Any]:
    """The members of a record that tell of a choice; what is empty says nothing."""
    if choice is None:
        return {}
    found = choice.estimate
    if found is None:
        return {"reason": choice.reason}
    told: dict[str, Any] = {"bytes": found.bytes, "rows": found.rows, "files": found.files}
    if choice.usd is not None:
        told["usd"] = choice.usd
    return {"reason": choice.reason, "estimate": told}
