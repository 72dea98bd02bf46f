"""What the ADBC driver can be asked for, one test for each of its operations."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from typing import Any

import adbc_driver_flightsql as driver
import adbc_driver_manager as manager
import pyarrow as pa
import pytest
from adbc_driver_flightsql import dbapi

from tests.servers import Server
from tests.waiting import within

HEADER = driver.DatabaseOptions.RPC_CALL_HEADER_PREFIX.value
OPTION = driver.ConnectionOptions.OPTION_SESSION_OPTION_PREFIX.value
ERASE = driver.ConnectionOptions.OPTION_ERASE_SESSION_OPTION_PREFIX.value
ALL_OPTIONS = driver.ConnectionOptions.OPTION_SESSION_OPTIONS.value
COOKIES = driver.DatabaseOptions.WITH_COOKIE_MIDDLEWARE.value
AUTHORIZATION = driver.DatabaseOptions.AUTHORIZATION_HEADER.value
CURRENCIES = "invest.market.currencies"
ENDLESS = "SELECT count(*) FROM range(100_000_000_000) a WHERE hash(a) = 1"


@pytest.fixture
def connection(server: Server) -> Iterator[dbapi.Connection]:
    with server.connect("compliance") as connected:
        yield connected


@pytest.fixture
def cursor(connection: dbapi.Connection) -> Iterator[dbapi.Cursor]:
    with connection.cursor() as made:
        yield made


def rows(server: Server, statement: str, **options: str) -> list[tuple[Any, ...]]:
    with server.connect("compliance", **options) as connected, connected.cursor() as made:
        made.execute(statement)
        found: list[tuple[Any, ...]] = made.fetchall()
        return found


# --- connecting ---


def test_open_with_a_password_shakes_hands_once(server: Server) -> None:
    assert rows(server, "SELECT 1") == [(1,)]


def test_open_with_a_header_needs_no_handshake(server: Server) -> None:
    key = server.credentials["service"]["api_key"]
    with dbapi.connect(
        server.uri, db_kwargs={AUTHORIZATION: f"Bearer {key}"}, autocommit=True
    ) as connected:
        with connected.cursor() as made:
            made.execute("SELECT 1")
            assert made.fetchone() == (1,)


def test_a_call_header_may_carry_the_credentials(server: Server) -> None:
    key = server.credentials["service"]["api_key"]
    given = {HEADER + "authorization": f"Bearer {key}"}
    with dbapi.connect(server.uri, db_kwargs=given, autocommit=True) as connected:
        with connected.cursor() as made:
            made.execute("SELECT 1")
            assert made.fetchone() == (1,)


def test_bad_credentials_fail_at_the_first_statement(server: Server) -> None:
    with dbapi.connect(server.uri, db_kwargs={AUTHORIZATION: "Bearer x"}, autocommit=True) as open_:
        with open_.cursor() as made, pytest.raises(dbapi.Error, match="UNAUTHENTICATED") as caught:
            made.execute("SELECT 1")
    assert caught.value.status_code == manager.AdbcStatusCode.UNAUTHENTICATED


def test_the_flightsql_scheme_connects_too(server: Server) -> None:
    uri = f"flightsql://127.0.0.1:{server.port}?transport=tcp"
    with dbapi.connect(uri, db_kwargs=server.login("analyst"), autocommit=True) as connected:
        with connected.cursor() as made:
            made.execute("SELECT 1")
            assert made.fetchone() == (1,)


# --- metadata ---


def test_get_info(connection: dbapi.Connection) -> None:
    info = connection.adbc_get_info()
    assert info["vendor_name"] == "flight-server"
    assert info["vendor_version"]
    assert info["vendor_arrow_version"] == pa.__version__
    assert info["driver_name"]


def objects(connection: dbapi.Connection, **arguments: Any) -> list[str]:
    """What is listed, by full name, down to the depth that was asked for."""
    found = []
    listed = connection.adbc_get_objects(**arguments).read_all().to_pylist()
    for catalog in listed:
        found.append(catalog["catalog_name"])
        for schema in catalog["catalog_db_schemas"] or []:
            found.append(f"{found[0]}.{schema['db_schema_name']}")
            for table in schema["db_schema_tables"] or []:
                name = f"{schema['db_schema_name']}.{table['table_name']}"
                found.append(name)
                for column in table["table_columns"] or []:
                    found.append(f"{name}.{column['column_name']}")
    return found


@pytest.mark.parametrize(
    ("depth", "deepest"),
    [
        ("catalogs", "invest"),
        ("db_schemas", "invest.portfolio"),
        ("tables", "portfolio.accounts"),
        ("columns", "portfolio.accounts.tax_id"),
        ("all", "portfolio.accounts.tax_id"),
    ],
)
def test_objects_at_each_depth(connection: dbapi.Connection, depth: Any, deepest: str) -> None:
    found = objects(connection, depth=depth)
    assert deepest in found
    if depth != "all":
        assert max(name.count(".") for name in found) <= deepest.count(".")


@pytest.mark.parametrize(
    ("filters", "there", "gone"),
    [
        ({"catalog_filter": "inv%"}, "portfolio.accounts", "none"),
        ({"catalog_filter": "other"}, "", "invest"),
        ({"db_schema_filter": "mark__"}, "market.prices", "portfolio.accounts"),
        ({"db_schema_filter": "MARKET"}, "market.prices", "portfolio.accounts"),
        ({"table_name_filter": "%folio\\_acc%"}, "portfolio.portfolio_accounts", "market.prices"),
        ({"table_name_filter": "ACCOUNTS"}, "portfolio.accounts", "market.prices"),
        ({"table_name_filter": "none"}, "", "portfolio.accounts"),
        ({"table_types_filter": ["TABLE"]}, "market.prices", "none"),
        ({"table_types_filter": ["table"]}, "market.prices", "none"),
        ({"table_types_filter": ["BASE TABLE"]}, "market.prices", "none"),
        ({"table_types_filter": ["base table", "view"]}, "market.prices", "none"),
        ({"table_types_filter": ["none"]}, "", "market.prices"),
    ],
    ids=str,
)
def test_objects_with_each_filter(
    connection: dbapi.Connection, filters: dict[str, Any], there: str, gone: str
) -> None:
    found = objects(connection, depth="tables", **filters)
    assert not there or there in found
    assert gone not in found


def test_objects_filtered_by_column(connection: dbapi.Connection) -> None:
    found = objects(
        connection, depth="columns", table_name_filter="accounts", column_name_filter="tax%"
    )
    assert [name for name in found if name.count(".") == 2] == ["portfolio.accounts.tax_id"]


def test_columns_say_their_types(connection: dbapi.Connection) -> None:
    listed = connection.adbc_get_objects(depth="all", table_name_filter="accounts").read_all()
    (schema,) = (
        schema
        for schema in listed.to_pylist()[0]["catalog_db_schemas"]
        if schema["db_schema_tables"]
    )
    (table,) = schema["db_schema_tables"]
    columns = {column["column_name"]: column for column in table["table_columns"]}
    assert columns["account_id"]["xdbc_type_name"] == "INTEGER"
    assert columns["balance"]["xdbc_type_name"] == "DECIMAL"
    assert columns["balance"]["xdbc_scope_table"] == "accounts"
    assert [column["ordinal_position"] for column in table["table_columns"]] == list(
        range(1, len(columns) + 1)
    )


def test_table_schema(connection: dbapi.Connection) -> None:
    schema = connection.adbc_get_table_schema(
        "accounts", catalog_filter="invest", db_schema_filter="portfolio"
    )
    assert schema.field("account_id").nullable is False
    assert schema.field("balance").type == pa.decimal128(18, 2)
    with pytest.raises(dbapi.Error) as caught:
        connection.adbc_get_table_schema("portfolio_account_")
    assert caught.value.status_code == manager.AdbcStatusCode.NOT_FOUND


def test_table_types(connection: dbapi.Connection) -> None:
    assert connection.adbc_get_table_types()[:2] == ["TABLE", "VIEW"]


def test_statistics_are_not_supported_cleanly(connection: dbapi.Connection) -> None:
    with pytest.raises(dbapi.NotSupportedError):
        connection.adbc_get_statistics(table_name_filter="accounts")


# --- statements ---


def test_execute_prepares(cursor: dbapi.Cursor) -> None:
    cursor.execute(f"SELECT currency FROM {CURRENCIES} ORDER BY 1")
    assert cursor.rowcount == -1
    assert [name for name, *_ in cursor.description] == ["currency"]
    first = cursor.fetchall()
    cursor.execute(f"SELECT currency FROM {CURRENCIES} ORDER BY 1")
    assert cursor.fetchall() == first


def test_execute_without_preparing(cursor: dbapi.Cursor) -> None:
    statement = cursor.adbc_statement
    statement.set_sql_query("SELECT 1 AS a")
    stream, _ = statement.execute_query()
    assert pa.RecordBatchReader.from_stream(stream).read_all().to_pydict() == {"a": [1]}


def test_execute_with_parameters(cursor: dbapi.Cursor) -> None:
    cursor.execute("SELECT ? AS a, ? AS b", ("x", 2))
    assert cursor.fetchall() == [("x", 2)]
    cursor.execute("SELECT ? AS a, ? AS b", ("y", 3))
    assert cursor.fetchall() == [("y", 3)]


def test_execute_with_several_rows_of_parameters(cursor: dbapi.Cursor) -> None:
    cursor.execute("SELECT ? AS a, ? AS b", pa.record_batch({"": ["x", None], "0": [1, 2]}))
    assert cursor.fetchall() == [("x", 1), (None, 2)]


@pytest.mark.parametrize(
    "rows",
    [[(1,), (2,)], [], pa.record_batch({"a": [1]}), None],
    ids=["rows", "none", "batch", "null"],
)
def test_executemany_is_an_update_and_refused(cursor: dbapi.Cursor, rows: Any) -> None:
    if rows == []:
        cursor.executemany("SELECT ?", rows)  # the driver asks for nothing
        return
    with pytest.raises(dbapi.NotSupportedError, match="read-only"):
        cursor.executemany("SELECT ?" if rows is not None else "SELECT 1", rows)


def test_an_update_is_refused_before_any_work(cursor: dbapi.Cursor) -> None:
    statement = cursor.adbc_statement
    statement.set_sql_query(f"DELETE FROM {CURRENCIES}")
    with pytest.raises(dbapi.NotSupportedError, match="read-only") as caught:
        statement.execute_update()
    assert caught.value.status_code == manager.AdbcStatusCode.NOT_IMPLEMENTED


def test_preparing_an_update_is_refused(cursor: dbapi.Cursor) -> None:
    with pytest.raises(dbapi.ProgrammingError, match=r"NOT_ALLOWED|INVALID_SQL"):
        cursor.execute(f"DELETE FROM {CURRENCIES}")


@pytest.mark.parametrize("mode", ["create", "append", "replace", "create_append"])
def test_ingestion_is_refused_before_any_data(cursor: dbapi.Cursor, mode: Any) -> None:
    table = pa.table({"a": pa.array(range(1_000_000))})
    with within(5), pytest.raises(dbapi.NotSupportedError, match="read-only"):
        cursor.adbc_ingest("t", table, mode=mode)


def test_execute_schema(cursor: dbapi.Cursor) -> None:
    expected = pa.schema([("a", pa.int64()), ("b", pa.string())])
    assert cursor.adbc_execute_schema("SELECT 1::BIGINT AS a, 'x' AS b") == expected
    cursor.adbc_prepare("SELECT 1::BIGINT AS a, 'x' AS b")
    assert cursor.adbc_statement.execute_schema() is not None
    # nothing is run to learn a schema
    with within(5):
        assert cursor.adbc_execute_schema(ENDLESS).types == [pa.int64()]


def test_parameter_schema(cursor: dbapi.Cursor) -> None:
    schema = cursor.adbc_prepare(
        "SELECT account_id FROM invest.portfolio.accounts WHERE account_id = ? AND desk = ? LIMIT ?"
    )
    assert schema.types == [pa.int32(), pa.string(), pa.int64()]
    assert cursor.adbc_prepare("SELECT 1") == pa.schema([])


def test_a_substrait_plan_is_refused(cursor: dbapi.Cursor) -> None:
    with pytest.raises(dbapi.NotSupportedError, match="SQL, not Substrait"):
        cursor.execute(b"plan")


# --- results in parts ---

MANY = "SELECT security_id, price_date FROM invest.market.prices"


def test_partitions(server: Server) -> None:
    with server.connect("compliance") as one, one.cursor() as made:
        partitions, schema = made.adbc_execute_partitions(MANY)
        assert len(partitions) == 1
        assert schema.names == ["security_id", "price_date"]
    options = {HEADER + "partitions": "3"}
    with server.connect("compliance", **options) as one, one.cursor() as made:
        partitions, _ = made.adbc_execute_partitions(MANY)
        assert 1 < len(partitions) <= 3
    total = 0
    for partition in partitions:
        with server.connect("compliance") as other, other.cursor() as made:
            made.adbc_read_partition(partition)
            total += made.fetch_arrow_table().num_rows
    assert [(total,)] == rows(server, f"SELECT count(*) FROM ({MANY})")


def test_several_endpoints_are_read_as_one_result(server: Server) -> None:
    options = {HEADER + "partitions": "4"}
    divided = sorted(rows(server, MANY, **options))
    assert divided == sorted(rows(server, MANY))


def test_a_partition_is_its_users_alone(server: Server) -> None:
    with server.connect("compliance") as one, one.cursor() as made:
        partitions, _ = made.adbc_execute_partitions(MANY)
    with server.connect("analyst") as other, other.cursor() as made:
        with pytest.raises(dbapi.Error, match="WRONG_OWNER"):
            made.adbc_read_partition(partitions[0])
            made.fetch_arrow_table()


def test_incremental_execution(cursor: dbapi.Cursor) -> None:
    statement = cursor.adbc_statement
    statement.set_options(**{manager.StatementOptions.INCREMENTAL.value: "true"})
    statement.set_sql_query(MANY)
    found = 0
    while True:
        partitions, _, _ = statement.execute_partitions()
        if not partitions:
            break
        found += len(partitions)
        assert found < 100
    assert found == 1


# --- sessions ---


def test_session_options(connection: dbapi.Connection) -> None:
    raw = connection.adbc_connection
    raw.set_options(**{OPTION + "catalog": "invest", OPTION + "schema": "market"})
    assert raw.get_option(OPTION + "schema") == "market"
    told = json.loads(raw.get_option(ALL_OPTIONS))
    assert (told["catalog"], told["schema"]) == ("invest", "market")
    with connection.cursor() as made:
        made.execute("SELECT count(*) > 0 FROM currencies")
        assert made.fetchone() == (True,)
    raw.set_options(**{ERASE + "schema": ""})
    assert "schema" not in json.loads(raw.get_option(ALL_OPTIONS))
    with connection.cursor() as made, pytest.raises(dbapi.Error, match="TABLE_NOT_FOUND"):
        made.execute("SELECT count(*) FROM currencies")


def test_the_drivers_own_names_set_catalog_and_schema(connection: dbapi.Connection) -> None:
    raw = connection.adbc_connection
    raw.set_options(**{"adbc.connection.catalog": "invest"})
    raw.set_options(**{"adbc.connection.db_schema": "market"})
    assert connection.adbc_current_catalog == "invest"
    assert connection.adbc_current_db_schema == "market"


@pytest.mark.parametrize(
    "option", [{"adbc.connection.catalog": "none"}, {OPTION + "none": "x"}], ids=["value", "name"]
)
def test_an_option_that_is_not_there_is_an_error(
    connection: dbapi.Connection, option: dict[str, str]
) -> None:
    with pytest.raises(manager.Error) as caught:
        connection.adbc_connection.set_options(**option)
    assert caught.value.status_code == manager.AdbcStatusCode.INVALID_ARGUMENT


@pytest.mark.parametrize("cookies", ["true", "false"])
def test_options_are_kept_with_cookies_and_without(server: Server, cookies: str) -> None:
    with server.connect("compliance", **{COOKIES: cookies}) as connected:
        connected.adbc_connection.set_options(**{OPTION + "schema": "market"})
        with connected.cursor() as made:
            made.execute("SELECT count(*) > 0 FROM currencies")
            assert made.fetchone() == (True,)


def test_closing_a_connection_closes_its_session(server: Server) -> None:
    with server.connect("compliance", **{COOKIES: "true"}) as connected:
        connected.adbc_connection.set_options(**{OPTION + "schema": "market"})
    with server.connect("compliance", **{COOKIES: "true"}) as connected:
        assert "schema" not in json.loads(connected.adbc_connection.get_option(ALL_OPTIONS))


def test_turning_off_autocommit_is_refused(connection: dbapi.Connection) -> None:
    with pytest.raises(dbapi.NotSupportedError):
        connection.adbc_connection.set_autocommit(False)


# --- calls ---


def test_custom_headers_go_with_every_call(server: Server) -> None:
    known = "conformance-0123456789"
    options = {HEADER + "x-request-id": known, HEADER + "x-unknown": "value"}
    with server.connect("compliance", **options) as connected, connected.cursor() as made:
        with pytest.raises(dbapi.Error) as caught:
            made.execute("SELECT nothing")
    assert dict(caught.value.details)[b"x-request-id"] == known.encode()


def test_a_statements_header_counts_for_it_alone(server: Server) -> None:
    with server.connect("compliance") as connected, connected.cursor() as made:
        made.adbc_statement.set_options(**{HEADER + "schema": "market"})
        made.execute("SELECT count(*) > 0 FROM currencies")
        assert made.fetchone() == (True,)
        with connected.cursor() as other, pytest.raises(dbapi.Error, match="TABLE_NOT_FOUND"):
            other.execute("SELECT count(*) FROM currencies")


def test_cancel_ends_a_statement(cursor: dbapi.Cursor) -> None:
    cursor.execute(ENDLESS)
    threading.Timer(0.4, cursor.adbc_cancel).start()
    with within(10), pytest.raises(dbapi.Error):
        cursor.fetchall()


def test_a_timeout_of_fetching(connection: dbapi.Connection) -> None:
    name = driver.ConnectionOptions.TIMEOUT_FETCH.value
    connection.adbc_connection.set_options(**{name: 0.5})
    assert connection.adbc_connection.get_option_float(name) == 0.5
    with connection.cursor() as made:
        made.execute(ENDLESS)
        with pytest.raises(manager.Error) as caught:
            made.fetchall()
    assert caught.value.status_code == manager.AdbcStatusCode.TIMEOUT


@pytest.mark.parametrize("name", ["TIMEOUT_QUERY", "TIMEOUT_UPDATE"])
def test_timeouts_of_other_calls_do_no_harm(connection: dbapi.Connection, name: str) -> None:
    option = driver.ConnectionOptions[name].value
    connection.adbc_connection.set_options(**{option: 30.0})
    with connection.cursor() as made:
        made.execute("SELECT ?", (1,))
        assert made.fetchone() == (1,)


def test_a_long_statement_ends_by_the_option_of_the_session(connection: dbapi.Connection) -> None:
    connection.adbc_connection.set_options(**{OPTION + "statement_timeout": "0.5"})
    with connection.cursor() as made, pytest.raises(dbapi.Error, match="TIMED_OUT"):
        made.execute(ENDLESS)
        made.fetchall()


@pytest.mark.parametrize(
    ("statement", "status"),
    [
        ("SELEC 1", "INVALID_ARGUMENT"),
        ("SELECT * FROM none", "NOT_FOUND"),
        ("SELECT none FROM invest.market.prices", "INVALID_ARGUMENT"),
        ("SELECT 'x'::INT", "INVALID_ARGUMENT"),
        ("COPY x TO '/tmp/x'", "INVALID_ARGUMENT"),
    ],
)
def test_errors_have_the_status_that_the_driver_knows(
    cursor: dbapi.Cursor, statement: str, status: str
) -> None:
    with pytest.raises(dbapi.Error) as caught:
        cursor.execute(statement)
        cursor.fetchall()
    assert caught.value.status_code == manager.AdbcStatusCode[status]
