"""PyAthena's cursors against the double: unmodified, but that Arrow's is given the S3 endpoint."""

from __future__ import annotations

import datetime as dt
import decimal
from collections.abc import Iterator
from typing import Any

import pyarrow.fs as pa_fs
import pytest

from flight_server.testing.athena import AthenaDouble

pyathena = pytest.importorskip("pyathena", reason="PyAthena is not installed")
arrow = pytest.importorskip("pyathena.arrow.cursor")
pandas = pytest.importorskip("pyathena.pandas.cursor")
polars = pytest.importorskip("pyathena.polars.cursor")


@pytest.fixture
def connection(aws: AthenaDouble, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """A connection that finds the double by the environment."""
    for name, value in aws.environment.items():
        monkeypatch.setenv(name, value)
    original = pa_fs.S3FileSystem

    class Pointed(original):  # type: ignore[misc, valid-type]  # pyarrow ignores AWS_ENDPOINT_URL
        def __init__(self, **options: Any) -> None:
            options.setdefault("endpoint_override", aws.endpoint)
            super().__init__(**options)

    monkeypatch.setattr(pa_fs, "S3FileSystem", Pointed)
    with pyathena.connect(
        s3_staging_dir="s3://results/pyathena/", schema_name="inv", poll_interval=0.02
    ) as made:
        yield made


QUERY = "SELECT id, sym, px, day, arr FROM trades"


def test_the_default_cursor_converts_values(connection: Any) -> None:
    cursor = connection.cursor()
    cursor.execute("SELECT id, sym, px, ts, day FROM trades WHERE id IN (5, 6) ORDER BY id")
    assert [column[:2] for column in cursor.description] == [
        ("id", "bigint"),
        ("sym", "varchar"),
        ("px", "decimal"),
        ("ts", "timestamp"),
        ("day", "date"),
    ]
    noon = dt.datetime(2024, 1, 1, 12)
    five = (5, None, decimal.Decimal("0.0500"), noon.replace(microsecond=5), dt.date(2024, 1, 3))
    six = (6, "S6", decimal.Decimal("0.0600"), noon.replace(microsecond=6), dt.date(2024, 1, 1))
    assert cursor.fetchall() == [five, six]
    assert cursor.data_scanned_in_bytes > 0


def test_the_arrow_cursor_reads_the_csv(connection: Any) -> None:
    table = connection.cursor(arrow.ArrowCursor).execute(QUERY + " ORDER BY id").as_arrow()
    assert table["id"].to_pylist() == list(range(600))


def test_the_arrow_cursor_reads_what_was_unloaded(connection: Any) -> None:
    cursor = connection.cursor(arrow.ArrowCursor, unload=True)
    table = cursor.execute(QUERY).as_arrow()
    assert sorted(table["id"].to_pylist()) == list(range(600))
    assert table.sort_by("id")["arr"].to_pylist()[3] == [3, 4]
    assert cursor.data_manifest_location.endswith("-manifest.csv")


def test_the_arrow_cursor_cannot_unload_icebergs_timestamps(connection: Any) -> None:
    with pytest.raises(pyathena.error.OperationalError, match=r"timestamp\(6\)"):
        connection.cursor(arrow.ArrowCursor, unload=True).execute("SELECT ts FROM trades")


@pytest.mark.filterwarnings("ignore:engine='auto'")  # what PyAthena gives to pandas
@pytest.mark.parametrize("unload", [False, True])
def test_the_pandas_cursor_makes_a_frame(connection: Any, unload: bool) -> None:
    frame = connection.cursor(pandas.PandasCursor, unload=unload).execute(QUERY).as_pandas()
    assert sorted(frame["id"]) == list(range(600))


@pytest.mark.parametrize("unload", [False, True])
def test_the_polars_cursor_makes_a_frame(connection: Any, unload: bool) -> None:
    frame = connection.cursor(polars.PolarsCursor, unload=unload).execute(QUERY).as_polars()
    assert sorted(frame["id"]) == list(range(600))


def test_metadata_comes_through_the_cursor(connection: Any) -> None:
    cursor = connection.cursor()
    tables = cursor.list_table_metadata(catalog_name="AwsDataCatalog", schema_name="inv")
    assert [table.name for table in tables] == ["trades"]


def test_throttling_is_waited_out(connection: Any, aws: AthenaDouble) -> None:
    aws.throttle("StartQueryExecution", 1)
    aws.throttle("GetQueryExecution", 2)
    cursor = connection.cursor().execute("SELECT count(*) FROM trades")
    assert cursor.fetchall() == [(600,)]
