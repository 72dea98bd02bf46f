"""Rows of a result in the order that its statement asks for, where they come in none."""

from __future__ import annotations

from collections.abc import Sequence

import pyarrow as pa
import pyarrow.compute as pc

from flight_server.engines.athena.translated import SortKey
from flight_server.engines.errors import UnsupportedData

_UNSORTABLE = "Rows cannot be put in the order of a nested value by this engine."


def in_order(rows: pa.Table, keys: Sequence[SortKey]) -> pa.Table:
    """The rows by these keys. NaN counts as the greatest number, as for Athena and DuckDB."""
    if rows.num_rows == 0:
        return rows
    columns: dict[str, pa.ChunkedArray] = {}
    order: list[tuple[str, str]] = []
    for number, key in enumerate(keys):
        values = _plain(rows.column(key.column))
        # Arrow puts all NULLs, and all NaNs, at one end of all keys: so they have keys of their own
        nothing = pc.is_null(values)
        columns[f"n{number}"] = nothing
        order.append((f"n{number}", "descending" if key.nulls_first else "ascending"))
        direction = "descending" if key.descending else "ascending"
        if pa.types.is_floating(values.type):
            columns[f"f{number}"] = pc.fill_null(pc.is_nan(values), False)
            order.append((f"f{number}", direction))
        columns[f"v{number}"] = values
        order.append((f"v{number}", direction))
    return rows.take(pc.sort_indices(pa.table(columns), sort_keys=order))


def _plain(values: pa.ChunkedArray) -> pa.ChunkedArray:
    if isinstance(values.type, pa.BaseExtensionType):
        values = pa.chunked_array(
            [chunk.storage for chunk in values.chunks], values.type.storage_type
        )
    if pa.types.is_fixed_size_binary(values.type):
        return values.cast(pa.binary())
    if pa.types.is_nested(values.type):
        raise UnsupportedData(_UNSORTABLE)
    return values
