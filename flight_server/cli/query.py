"""`flight-server query`: a small client. SQL in, a table out."""

from __future__ import annotations

import argparse
import getpass
import json
import os
import sys

import pyarrow as pa
import pyarrow.csv

from flight_server.config import ConfigInvalid


def run(options: argparse.Namespace) -> int:
    """Run one statement and print its rows."""
    try:
        from adbc_driver_flightsql import dbapi
    except ImportError:
        raise ConfigInvalid("query needs the client: pip install 'flight-server[client]'") from None
    text = sys.stdin.read() if options.sql == "-" else options.sql
    try:
        with (
            dbapi.connect(options.uri, db_kwargs=_login(options), autocommit=True) as connection,
            connection.cursor() as cursor,
        ):
            cursor.execute(text)
            with cursor.fetch_record_batch() as reader:
                _show(reader, options)
    except dbapi.Error as error:
        print(f"flight-server: {error}", file=sys.stderr)
        return 1
    return 0


def _login(options: argparse.Namespace) -> dict[str, str]:
    if options.token_file:
        token = options.token_file.read_text().strip()
        return {"adbc.flight.sql.authorization_header": f"Bearer {token}"}
    if not options.user:
        raise ConfigInvalid("query needs --user or --token-file")
    password = os.environ.get("FLIGHT_PASSWORD")
    if password is None:
        password = getpass.getpass(f"Password of {options.user}: ")
    return {"username": options.user, "password": password}


def _show(reader: pa.RecordBatchReader, options: argparse.Namespace) -> None:
    if options.format == "csv":
        with pa.csv.CSVWriter(sys.stdout.buffer, reader.schema) as writer:
            for batch in reader:
                writer.write_batch(batch)
    elif options.format == "json":
        for batch in reader:
            for row in batch.to_pylist():
                print(json.dumps(row, default=str, ensure_ascii=False))
    else:
        _table(reader, options.rows)


def _table(reader: pa.RecordBatchReader, limit: int) -> None:
    rows: list[tuple[str, ...]] = []
    total = 0
    for batch in reader:
        total += batch.num_rows
        wanted = batch.num_rows if limit == 0 else max(0, limit - len(rows))
        columns = [
            [_cell(value) for value in column.slice(0, wanted).to_pylist()]
            for column in batch.columns
        ]
        rows += zip(*columns, strict=True)
    names = [field.name for field in reader.schema]
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
    return "NULL" if value is None else str(value).replace("\n", "\\n")
