"""Files of Hive tables: how their formats are named in Glue, and rows as the bytes of a file."""

from __future__ import annotations

import io
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.csv as pa_csv
import pyarrow.orc as pa_orc
import pyarrow.parquet as pq

from flight_server.testing.athena import hive_text

_QL = "org.apache.hadoop.hive.ql.io"
_TEXT = (
    "org.apache.hadoop.mapred.TextInputFormat",
    f"{_QL}.HiveIgnoreKeyTextOutputFormat",
)


@dataclass(frozen=True, slots=True)
class Format:
    """A format by the names of its Java classes; `parameters` are those of its SerDe."""

    serde: str
    reads: str
    writes: str
    parameters: tuple[tuple[str, str], ...] = (("serialization.format", "1"),)

    def described(self) -> dict[str, Any]:
        """The part of a StorageDescriptor that tells the format."""
        return {
            "InputFormat": self.reads,
            "OutputFormat": self.writes,
            "SerdeInfo": {
                "SerializationLibrary": self.serde,
                "Parameters": dict(self.parameters),
            },
        }


FORMATS = {
    "parquet": Format(
        f"{_QL}.parquet.serde.ParquetHiveSerDe",
        f"{_QL}.parquet.MapredParquetInputFormat",
        f"{_QL}.parquet.MapredParquetOutputFormat",
    ),
    "orc": Format(f"{_QL}.orc.OrcSerde", f"{_QL}.orc.OrcInputFormat", f"{_QL}.orc.OrcOutputFormat"),
    "csv": Format(
        "org.apache.hadoop.hive.serde2.OpenCSVSerde",
        *_TEXT,
        (("separatorChar", ","), ("quoteChar", '"')),
    ),
    "text": Format(
        "org.apache.hadoop.hive.serde2.lazy.LazySimpleSerDe", *_TEXT, (("field.delim", "\x01"),)
    ),
}
"""The formats of Hive tables that the double reads and writes."""


def format_of(entry: dict[str, Any]) -> str | None:
    """The name of a table's format in `FORMATS`; None for one that is not there."""
    storage = entry["StorageDescriptor"]
    serde = (storage.get("SerdeInfo") or {}).get("SerializationLibrary")
    library = str(serde or storage.get("InputFormat") or "").lower()
    for word, name in (("parquet", "parquet"), ("orc", "orc"), ("csv", "csv")):
        if word in library:
            return name
    if "text" in library or "lazysimple" in library or not library:
        return "text"
    return None


def file_bytes(rows: pa.Table, file_format: str, delimiter: str = "\x01") -> bytes:
    """Rows as one file of a format."""
    if file_format == "text":
        return hive_text.written(rows, delimiter)
    out = io.BytesIO()
    if file_format == "parquet":
        pq.write_table(rows, out, use_deprecated_int96_timestamps=True)
    elif file_format == "orc":
        pa_orc.write_table(rows, out)
    else:
        pa_csv.write_csv(rows, out, pa_csv.WriteOptions(quoting_style="all_valid"))
    return out.getvalue()


def hive_name(of: pa.DataType) -> str:
    """An Arrow type as Hive writes it."""
    if pa.types.is_decimal(of):
        return f"decimal({of.precision},{of.scale})"
    if pa.types.is_list(of) or pa.types.is_large_list(of):
        return f"array<{hive_name(of.value_type)}>"
    if pa.types.is_map(of):
        return f"map<{hive_name(of.key_type)},{hive_name(of.item_type)}>"
    if pa.types.is_struct(of):
        parts = (f"{of.field(i).name}:{hive_name(of.field(i).type)}" for i in range(of.num_fields))
        return f"struct<{','.join(parts)}>"
    if pa.types.is_timestamp(of):
        return "timestamp"
    simple = {
        pa.int8(): "tinyint",
        pa.int16(): "smallint",
        pa.int32(): "int",
        pa.int64(): "bigint",
        pa.float32(): "float",
        pa.float64(): "double",
        pa.bool_(): "boolean",
        pa.date32(): "date",
        pa.binary(): "binary",
    }
    return simple.get(of, "string")
