"""The Go driver of ADBC, as Python, polars and pandas programs use it."""

from __future__ import annotations

import base64
import threading
from collections.abc import Iterator
from typing import Any

import adbc_driver_flightsql as options
import adbc_driver_flightsql.dbapi as flightsql
import adbc_driver_manager as manager
import pandas
import polars
import pyarrow as pa
import pytest

from catalog.model import Column, Table
from catalog.names import TableName
from tests.waiting import eventually


@pytest.fixture
def connection(running: Any) -> Iterator[flightsql.Connection]:
    with running.adbc() as connected:
        yield connected


@pytest.fixture
def cursor(connection: flightsql.Connection) -> Iterator[flightsql.Cursor]:
    with connection.cursor() as made:
        yield made


def test_a_statement_gives_its_rows(cursor: flightsql.Cursor) -> None:
    cursor.execute("SELECT 1 AS a, 'x' AS b, NULL::DATE AS c")
    table = cursor.fetch_arrow_table()
    assert table.to_pydict() == {"a": [1], "b": ["x"], "c": [None]}
    assert table.schema == pa.schema([("a", pa.int32()), ("b", pa.string()), ("c", pa.date32())])


def test_a_large_result_arrives_whole_and_in_order(cursor: flightsql.Cursor) -> None:
    cursor.execute("SELECT range AS n FROM range(1_000_000)")
    reader = cursor.fetch_record_batch()
    batches = list(reader)
    assert len(batches) > 50
    numbers = pa.Table.from_batches(batches).column("n").to_numpy()
    assert (numbers == range(1_000_000)).all()


def test_an_empty_result_has_its_schema(cursor: flightsql.Cursor) -> None:
    cursor.execute("SELECT 1 AS a WHERE false")
    table = cursor.fetch_arrow_table()
    assert (table.num_rows, table.schema.names) == (0, ["a"])


def test_parameters_are_bound_by_position(cursor: flightsql.Cursor) -> None:
    cursor.execute("SELECT ? || '-' || ? AS joined", ("left", "right"))
    assert cursor.fetchall() == [("left-right",)]
    cursor.execute("SELECT ?::INT + 1", (41,))
    assert cursor.fetchone() == (42,)


def test_updates_are_refused_as_not_supported(cursor: flightsql.Cursor) -> None:
    with pytest.raises(flightsql.NotSupportedError, match="read-only"):
        cursor.executemany("SELECT ?", [(1,), (2,)])
    with pytest.raises(flightsql.NotSupportedError, match="read-only"):
        cursor.adbc_ingest("t", pa.table({"a": [1]}))


def test_unbound_parameters_are_told(cursor: flightsql.Cursor) -> None:
    with pytest.raises(flightsql.ProgrammingError, match="1 parameter, none"):
        cursor.execute("SELECT ? AS a")


def test_an_error_names_code_line_and_column(cursor: flightsql.Cursor) -> None:
    with pytest.raises(flightsql.ProgrammingError) as caught:
        cursor.execute("SELECT\n   nothing")
    assert "INVALID_STATEMENT: The statement does not fit. (line 2, column 4)" in str(caught.value)
    details = dict(caught.value.details)
    assert len(details[b"x-request-id"]) == 32


def test_an_error_is_bytewise_the_same_each_time(cursor: flightsql.Cursor) -> None:
    texts = set()
    for _ in range(3):
        with pytest.raises(flightsql.Error) as caught:
            cursor.execute("SELECT nothing")
        # The driver adds the name of its own function in brackets.
        texts.add(str(caught.value).partition(" (InvalidArgument")[0])
    assert len(texts) == 1


def test_an_error_in_mid_stream_reaches_the_reader(cursor: flightsql.Cursor) -> None:
    cursor.execute("SELECT CASE WHEN range < 50000 THEN '1' ELSE 'x' END::INT FROM range(60000)")
    with pytest.raises(flightsql.Error, match="EXECUTION_FAILED"):
        cursor.fetch_arrow_table()


def test_an_unknown_error_leaks_nothing(running: Any, cursor: flightsql.Cursor) -> None:
    running.service.raises = RuntimeError("secret in /srv/data")
    with pytest.raises(flightsql.Error) as caught:
        cursor.execute("SELECT 1")
    assert "The server failed" in str(caught.value)
    shown = f"{caught.value} {caught.value.details}"
    assert not any(word in shown for word in ("secret", "/srv", "Traceback", ".py"))


def test_a_statement_is_described_without_running(running: Any, cursor: flightsql.Cursor) -> None:
    cursor.adbc_prepare("SELECT ?::VARCHAR AS a")
    assert cursor.adbc_statement.get_parameter_schema() is not None
    schema = cursor.adbc_execute_schema("SELECT 1 AS a")
    assert schema == pa.schema([("a", pa.int32())])
    assert running.service.log == []


def test_partitions_are_read_by_another_connection(running: Any) -> None:
    with running.adbc() as first, first.cursor() as cursor:
        partitions, schema = cursor.adbc_execute_partitions("SELECT range AS n FROM range(10)")
        assert len(partitions) == 1
        assert schema.names == ["n"]
    with running.adbc() as second, second.cursor() as cursor:
        cursor.adbc_read_partition(partitions[0])
        assert cursor.fetch_arrow_table().num_rows == 10


def test_a_ticket_of_another_user_is_refused(running: Any) -> None:
    with running.adbc() as alice, alice.cursor() as cursor:
        partitions, _ = cursor.adbc_execute_partitions("SELECT 1")
    with running.adbc(username="bob", password=running.password) as bob, bob.cursor() as cursor:
        with pytest.raises(flightsql.Error, match="WRONG_OWNER"):
            cursor.adbc_read_partition(partitions[0])
            cursor.fetch_arrow_table()


@pytest.mark.parametrize("how", ["password", "session token", "API key", "basic on each call"])
def test_every_kind_of_credential_connects(running: Any, how: str) -> None:
    header = options.DatabaseOptions.AUTHORIZATION_HEADER.value
    given = {
        "password": {"username": "alice", "password": running.password},
        "session token": {header: f"Bearer {running.bearer()}"},
        "API key": {header: f"Bearer {running.api_key}"},
        "basic on each call": {header: "Basic " + _basic("alice", running.api_key)},
    }[how]
    with running.adbc(**given) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT 1")
        assert cursor.fetchone() == (1,)
    assert {caller.principal.subject for caller in running.service.callers} == {"alice"}
    assert "ADBC Flight SQL Driver" in running.service.callers[0].client


def _basic(user: str, password: str) -> str:
    return base64.b64encode(f"{user}:{password}".encode()).decode()


def test_a_wrong_password_is_refused(running: Any) -> None:
    with (
        pytest.raises(flightsql.Error, match="UNAUTHENTICATED"),
        running.adbc(username="alice", password="wrong"),
    ):
        pass


def test_a_bad_token_is_refused(running: Any) -> None:
    with running.adbc(**{"adbc.flight.sql.authorization_header": "Bearer nonsense"}) as connection:
        with connection.cursor() as cursor, pytest.raises(flightsql.Error, match="UNAUTHENTICATED"):
            cursor.execute("SELECT 1")


def test_the_server_tells_what_it_is(connection: flightsql.Connection) -> None:
    info = connection.adbc_get_info()
    assert info["vendor_name"] == "flight-server"
    assert info["vendor_version"]
    assert info["vendor_arrow_version"] == pa.__version__


def test_there_are_no_transactions(running: Any) -> None:
    with running.adbc() as connection:
        with pytest.raises(flightsql.NotSupportedError):
            connection.adbc_connection.set_autocommit(False)


def _names(objects: list[dict[str, Any]]) -> list[str]:
    return [
        ".".join([c["catalog_name"], s["db_schema_name"], t["table_name"]])
        for c in objects
        for s in c["catalog_db_schemas"]
        for t in s["db_schema_tables"]
    ]


def test_objects_are_listed_at_every_depth(connection: flightsql.Connection) -> None:
    def objects(**arguments: Any) -> list[dict[str, Any]]:
        listed: list[dict[str, Any]] = (
            connection.adbc_get_objects(**arguments).read_all().to_pylist()
        )
        return listed

    assert [c["catalog_name"] for c in objects(depth="catalogs")] == ["lake", "other"]
    schemas = objects(depth="db_schemas")
    assert [s["db_schema_name"] for s in schemas[0]["catalog_db_schemas"]] == ["hr", "sales"]
    everything = ["lake.hr.people", "lake.sales.orders", "lake.sales.recent", "other.sales.orders"]
    assert _names(objects(depth="tables")) == everything
    assert _names(objects(depth="all")) == everything
    columns = objects(depth="all", catalog_filter="lake", table_name_filter="orders")
    orders = columns[0]["catalog_db_schemas"][1]["db_schema_tables"][0]["table_columns"]
    assert [c["column_name"] for c in orders] == ["id", "amount", "note", "placed", "tags"]
    assert [c["xdbc_type_name"] for c in orders][:2] == ["BIGINT", "DECIMAL"]
    assert orders[0]["xdbc_scope_schema"] == "sales"
    assert orders[0]["xdbc_is_autoincrement"] is False


@pytest.mark.parametrize(
    ("filters", "expected"),
    [
        ({"catalog_filter": "other"}, ["other.sales.orders"]),
        ({"db_schema_filter": "h%"}, ["lake.hr.people"]),
        ({"table_name_filter": "_eople"}, ["lake.hr.people"]),
        ({"table_types_filter": ["view"]}, ["lake.sales.recent"]),
        (
            {"table_types_filter": ["BASE TABLE"], "db_schema_filter": "sales"},
            ["lake.sales.orders", "other.sales.orders"],
        ),
        ({"table_types_filter": ["SYSTEM TABLE"]}, []),
        ({"table_name_filter": "none"}, []),
    ],
)
def test_objects_are_filtered(
    connection: flightsql.Connection, filters: dict[str, Any], expected: list[str]
) -> None:
    listed = connection.adbc_get_objects(depth="tables", **filters).read_all().to_pylist()
    assert _names(listed) == expected


def test_a_table_schema_is_found_by_its_exact_name(connection: flightsql.Connection) -> None:
    schema = connection.adbc_get_table_schema(
        "orders", catalog_filter="lake", db_schema_filter="sales"
    )
    assert schema.names == ["id", "amount", "note", "placed", "tags"]
    assert schema.field("id").nullable is False
    told = {
        key.decode().removeprefix("ARROW:FLIGHT:SQL:"): value.decode()
        for key, value in schema.field("amount").metadata.items()
    }
    assert told == {
        "CATALOG_NAME": "lake",
        "SCHEMA_NAME": "sales",
        "DB_SCHEMA_NAME": "sales",
        "TABLE_NAME": "orders",
        "TYPE_NAME": "DECIMAL",
        "PRECISION": "12",
        "SCALE": "2",
        "IS_AUTO_INCREMENT": "0",
        "IS_CASE_SENSITIVE": "0",
        "IS_READ_ONLY": "1",
        "IS_SEARCHABLE": "1",
    }
    remarks = schema.field("id").metadata[b"ARROW:FLIGHT:SQL:REMARKS"]
    assert remarks == b"The number on the receipt."


def test_a_table_that_is_not_there_is_not_found(connection: flightsql.Connection) -> None:
    with pytest.raises(flightsql.Error, match="NOT_FOUND"):
        connection.adbc_get_table_schema("none")


def test_a_schema_follows_the_table(running: Any) -> None:
    name = TableName("lake", "sales", "orders")
    with running.adbc() as connection:
        for columns in (["a"], ["a", "b"], ["b"]):
            table = Table(name, tuple(Column(column, pa.int8()) for column in columns))
            running.service.known_tables = (table,)
            assert connection.adbc_get_table_schema("orders").names == columns


def test_table_types_are_listed(connection: flightsql.Connection) -> None:
    assert connection.adbc_get_table_types() == ["TABLE", "VIEW"]


def test_many_wide_tables_are_listed_in_messages_that_every_client_takes(running: Any) -> None:
    columns = tuple(Column(f"a_rather_long_column_name_{n}", pa.float64()) for n in range(40))
    running.service.known_tables = tuple(
        Table(TableName("lake", f"s{n % 10}", f"t{n:04}"), columns) for n in range(600)
    )
    with running.adbc(
        username="alice",
        password=running.password,
        **{options.DatabaseOptions.WITH_MAX_MSG_SIZE.value: str(4 * 1024 * 1024)},
    ) as connection:
        listed = connection.adbc_get_objects(depth="all").read_all().to_pylist()
    assert len(_names(listed)) == 600


def test_polars_and_pandas_read(connection: flightsql.Connection) -> None:
    frame = polars.read_database("SELECT range AS n FROM range(5)", connection)
    assert frame["n"].to_list() == [0, 1, 2, 3, 4]
    bound = polars.read_database("SELECT ? AS a", connection, execute_options={"parameters": ["x"]})
    assert bound["a"].to_list() == ["x"]
    read = pandas.read_sql("SELECT range AS n FROM range(5)", connection)
    assert list(read["n"]) == [0, 1, 2, 3, 4]


def test_closing_a_result_ends_its_statement(running: Any) -> None:
    with running.adbc() as connection, connection.cursor() as cursor:
        cursor.execute("SELECT range AS n FROM range(10_000_000_000)")
        next(iter(cursor.fetch_record_batch()))
    assert eventually(lambda: "close" in running.service.log)
    assert running.service.log == ["cancel", "close"]


def test_cancelling_ends_a_statement_that_has_no_rows_yet(running: Any) -> None:
    endless = "SELECT count(*) FROM range(100_000_000_000) a WHERE hash(a) = 1"
    with running.adbc() as connection, connection.cursor() as cursor:
        cursor.execute(endless)
        threading.Timer(0.3, cursor.adbc_cancel).start()
        with pytest.raises(flightsql.Error):
            cursor.fetch_arrow_table()
    assert eventually(lambda: running.service.log == ["cancel", "close"])


def test_a_clients_deadline_ends_a_statement(running: Any) -> None:
    endless = "SELECT count(*) FROM range(100_000_000_000) a WHERE hash(a) = 2"
    timeout = options.ConnectionOptions.TIMEOUT_FETCH.value
    with running.adbc() as connection:
        connection.adbc_connection.set_options(**{timeout: 0.4})
        with connection.cursor() as cursor, pytest.raises(manager.Error):
            cursor.execute(endless)
            cursor.fetch_arrow_table()
    assert eventually(lambda: running.service.log == ["cancel", "close"])


def test_many_open_results_do_not_lock_the_server(running: Any) -> None:
    with running.adbc() as connection:
        cursors = [connection.cursor() for _ in range(12)]
        for cursor in cursors:
            cursor.execute("SELECT range AS n FROM range(1_000_000_000)")
        with connection.cursor() as another:
            another.execute("SELECT 1")
            assert another.fetchone() == (1,)
        for cursor in cursors:
            cursor.close()
    assert eventually(lambda: running.service.log.count("close") == 13)
