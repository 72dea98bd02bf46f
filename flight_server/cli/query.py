"""`flight-server query`: a small client. SQL in, a table out."""

from __future__ import annotations

import argparse
import io
import json
import re
import sys
import uuid
from collections.abc import Iterator
from typing import Any

import pyarrow as pa
import pyarrow.csv

from flight_server.cli.password import given_password
from flight_server.config import ConfigInvalid

_SCHEMES = ("grpc://", "grpc+tls://", "grpc+tcp://")
_REQUEST_ID = "x-request-id"
_HEADER = f"adbc.flight.sql.rpc.call_header.{_REQUEST_ID}"
# What the driver adds to the text of the server.
_DRIVERS_OWN = re.compile(
    r"^(?:\w+: )?\[FlightSQL\] (.*?)(?: \(\w+; [^()]*\))?(?:\. Vendor code: \d+)?$", re.DOTALL
)


class _Failed(Exception):
    """The statement failed while its result was read."""


def run(options: argparse.Namespace) -> int:
    """Run one statement and print its rows."""
    try:
        from adbc_driver_flightsql import dbapi
    except ImportError:
        raise ConfigInvalid("query needs the client: pip install 'flight-server[client]'") from None
    if not options.uri.startswith(_SCHEMES):
        raise ConfigInvalid(f"--uri {options.uri}: must begin with grpc:// or grpc+tls://")
    text = sys.stdin.read() if options.sql == "-" else options.sql
    request = uuid.uuid4().hex
    login = _login(options) | {_HEADER: request}
    try:
        with (
            dbapi.connect(options.uri, db_kwargs=login, autocommit=True) as connection,
            connection.cursor() as cursor,
        ):
            cursor.execute(text)
            with cursor.fetch_record_batch() as reader:
                _show(reader.schema, _batches(reader), options)
    except dbapi.Error as error:
        return _tell(error, request if _answered(error) else None, options)
    except _Failed as error:
        return _tell(error, request, options)
    return 0


def _answered(error: Exception) -> bool:
    """Whether an error is the server's: then its log knows the request."""
    names = (name for name, _ in getattr(error, "details", None) or ())
    return any(name in (_REQUEST_ID, _REQUEST_ID.encode()) for name in names)


def _tell(error: Exception, request: str | None, options: argparse.Namespace) -> int:
    text = _DRIVERS_OWN.sub(r"\1", str(error))
    if text.startswith("UNAUTHENTICATED") and not (options.user or options.token_file):
        text += " Give --user or --token-file."
    shown = f" (request {request})" if request else ""
    print(f"flight-server: {' '.join(text.split())}{shown}", file=sys.stderr)
    return 1


def _login(options: argparse.Namespace) -> dict[str, str]:
    """What the driver logs in with; nothing where no user is given."""
    if options.token_file:
        try:
            token = options.token_file.read_text().strip()
        except (OSError, UnicodeDecodeError) as error:
            reason = error.strerror if isinstance(error, OSError) else "is not text"
            raise ConfigInvalid(f"--token-file {options.token_file}: {reason}") from None
        return {"adbc.flight.sql.authorization_header": f"Bearer {token}"}
    if not options.user:
        return {}
    return {"username": options.user, "password": given_password(f"Password of {options.user}: ")}


def _batches(reader: pa.RecordBatchReader) -> Iterator[pa.RecordBatch]:
    """The batches; what fails is told apart from what fails when they are printed."""
    while True:
        try:
            batch = reader.read_next_batch()
        except StopIteration:
            return
        except (pa.ArrowException, OSError) as error:
            raise _Failed(str(error)) from None
        yield batch


def _show(
    schema: pa.Schema, batches: Iterator[pa.RecordBatch], options: argparse.Namespace
) -> None:
    if options.format == "csv":
        _csv(schema, batches)
    elif options.format == "json":
        for batch in batches:
            columns = [_values(column) for column in batch.columns]
            for row in zip(*columns, strict=True):
                print(_json(dict(zip(schema.names, row, strict=True))))
    else:
        _table(schema, batches, options.rows)


def _csv(schema: pa.Schema, batches: Iterator[pa.RecordBatch]) -> None:
    """Values that are no single ones, such as lists, are written as JSON."""
    empty = [_single(pa.array([], field.type)) for field in schema]
    sys.stdout.flush()
    for number, columns in enumerate(_and_first(empty, batches)):
        text = io.BytesIO()
        named = pa.RecordBatch.from_arrays(columns, names=schema.names)
        pa.csv.write_csv(named, text, pa.csv.WriteOptions(include_header=number == 0))
        sys.stdout.buffer.write(text.getbuffer())


def _and_first(
    first: list[pa.Array], batches: Iterator[pa.RecordBatch]
) -> Iterator[list[pa.Array]]:
    yield first
    for batch in batches:
        yield [_single(column) for column in batch.columns]


def _single(column: pa.Array) -> pa.Array:
    kind = column.type
    if pa.types.is_nested(kind):
        texts = [None if value is None else _json(value) for value in _values(column)]
    elif pa.types.is_interval(kind) or isinstance(kind, pa.BaseExtensionType):
        texts = [None if value is None else str(value) for value in _values(column)]
    else:
        return column
    return pa.array(texts, pa.string())


def _json(value: object) -> str:
    return json.dumps(value, default=str, ensure_ascii=False)


def _values(column: pa.Array) -> list[Any]:
    """Python's values, or texts where it has none, as for dates after the year 9999."""
    try:
        return list(column.to_pylist())
    except (ValueError, OverflowError):
        return [_value(scalar) for scalar in column]


def _value(scalar: Any) -> Any:
    try:
        return scalar.as_py()
    except (ValueError, OverflowError):
        if isinstance(scalar, pa.StructScalar):
            return {name: _value(item) for name, item in scalar.items()}
        if pa.types.is_nested(scalar.type) and hasattr(scalar, "values"):
            return [_value(item) for item in scalar.values]
        return scalar.cast(pa.string()).as_py()


def _table(schema: pa.Schema, batches: Iterator[pa.RecordBatch], limit: int) -> None:
    rows: list[tuple[str, ...]] = []
    total = 0
    for batch in batches:
        total += batch.num_rows
        wanted = batch.num_rows if limit == 0 else max(0, limit - len(rows))
        columns = [
            [_cell(value) for value in _values(column.slice(0, wanted))] for column in batch.columns
        ]
        rows += zip(*columns, strict=True)
    names = schema.names
    widths = [
        max(len(name), *(len(row[i]) for row in rows), 1) if rows else len(name)
        for i, name in enumerate(names)
    ]
    print("  ".join(name.ljust(width) for name, width in zip(names, widths, strict=True)).rstrip())
    print("  ".join("-" * width for width in widths))
    for row in rows:
        print("  ".join(c.ljust(width) for c, width in zip(row, widths, strict=True)).rstrip())
    shown = f"{len(rows)} of {total}" if len(rows) < total else str(total)
    print(f"({shown} row{'' if total == 1 else 's'})")


def _cell(value: object) -> str:
    """A value within a line."""
    return "NULL" if value is None else str(value).replace("\n", "\\n")
