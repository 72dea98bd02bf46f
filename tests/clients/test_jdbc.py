"""The Flight SQL JDBC driver, which DBeaver, Tableau, Metabase and other tools on the JVM use."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from adbc_driver_flightsql import DatabaseOptions, dbapi

from tests.clients import tls
from tests.clients.jdbc.cases import BOUND, FILTERS, VALUES
from tests.clients.jdbc.driver import NULL, Jdbc, JdbcError, rows
from tests.servers import Server

pytestmark = pytest.mark.timeout(480)  # fetching the driver for the first time included

Secure = tuple[int, Path]
PAGE = (Path(__file__).parents[2] / "docs" / "clients.md").read_text()


def failing(run: Any, *words: str) -> str:
    """The message of what a command throws, which has to be a clean SQLException."""
    with pytest.raises(JdbcError) as caught:
        run(*words)
    assert caught.value.told["class"] == "SQLException", caught.value.told
    return str(caught.value.told["message"])


def test_every_property_of_the_database_is_known(jdbc: Jdbc) -> None:
    told = jdbc.tell("scalars")
    assert {name: value for name, value in told.items() if isinstance(value, dict)} == {}
    assert len(told) > 120
    assert told["getDatabaseProductName"] == "flight-server"
    assert told["getDriverVersion"] == jdbc.version
    assert told["isReadOnly"] is True
    assert told["supportsTransactions"] is False
    assert told["getIdentifierQuoteString"] == '"'
    assert told["getCatalogSeparator"] == "."
    assert told["supportsCatalogsInDataManipulation"] is True
    assert told["supportsSchemasInDataManipulation"] is True
    assert told["supportsGroupBy"] is True
    assert told["supportsOuterJoins"] is True
    assert "SELECT" in told["getSQLKeywords"]
    for functions in ("Numeric", "String", "System", "TimeDate"):
        assert told[f"get{functions}Functions"]


def test_metadata_lists_what_the_user_may_see(jdbc: Jdbc) -> None:
    assert jdbc.metadata("getCatalogs") == [{"TABLE_CAT": "invest"}]
    schemas = [(row["TABLE_CATALOG"], row["TABLE_SCHEM"]) for row in jdbc.metadata("getSchemas")]
    assert schemas == [("invest", "market"), ("invest", "portfolio")]
    assert [row["TABLE_TYPE"] for row in jdbc.metadata("getTableTypes")] == ["TABLE", "VIEW"]
    tables = jdbc.metadata("getTables", "invest", "portf%", "%accounts", "TABLE|VIEW")
    assert [row["TABLE_NAME"] for row in tables] == ["accounts", "portfolio_accounts"]
    escaped = jdbc.metadata("getTables", "invest", "portfolio", "%\\_accounts", NULL)
    assert [row["TABLE_NAME"] for row in escaped] == ["portfolio_accounts"]
    assert len(jdbc.metadata("getTables", NULL, NULL, "%", NULL)) > 10
    assert jdbc.metadata("getTables", "invest", "portfolio", "nothing", NULL) == []
    assert jdbc.metadata("getTables", "invest", "portfolio", "%", "SYSTEM TABLE") == []
    for method in ("getProcedures", "getFunctions", "getUDTs"):
        assert (
            jdbc.metadata(method, NULL, NULL, *(["%", NULL][: 2 if method == "getUDTs" else 1]))
            == []
        )


def test_columns_are_described(jdbc: Jdbc) -> None:
    columns = {
        row["COLUMN_NAME"]: row
        for row in jdbc.metadata("getColumns", "invest", "portfolio", "positions", NULL)
    }
    assert "cost_basis" not in columns  # hidden from the analyst
    number = columns["portfolio_id"]
    assert (number["TYPE_NAME"], number["NULLABLE"], number["ORDINAL_POSITION"]) == (
        "INTEGER",
        0,
        1,
    )
    value = columns["market_value"]
    assert value["TYPE_NAME"].startswith("DECIMAL")
    assert (value["COLUMN_SIZE"], value["DECIMAL_DIGITS"], value["NULLABLE"]) == (20, 2, 1)
    if jdbc.version != "18.2.0":
        assert value["REMARKS"]
    some = jdbc.metadata("getColumns", NULL, "%", "acc_unts", "is%")
    assert [row["COLUMN_NAME"] for row in some] == ["is_active"]


def test_keys_are_listed(jdbc: Jdbc) -> None:
    primary = jdbc.metadata("getPrimaryKeys", "invest", "portfolio", "positions")
    names = [row["COLUMN_NAME"] for row in sorted(primary, key=lambda row: row["KEY_SEQ"])]
    assert names == ["portfolio_id", "security_id", "as_of_date"]
    imported = jdbc.metadata("getImportedKeys", "invest", "portfolio", "positions")
    assert {"portfolios", "securities"} <= {row["PKTABLE_NAME"] for row in imported}
    exported = jdbc.metadata("getExportedKeys", "invest", "portfolio", "portfolios")
    assert "positions" in {row["FKTABLE_NAME"] for row in exported}
    pair = ["invest", "portfolio", "portfolios", "invest", "portfolio", "positions"]
    assert [row["FKCOLUMN_NAME"] for row in jdbc.metadata("getCrossReference", *pair)] == [
        "portfolio_id"
    ]


@pytest.mark.parametrize("literal", VALUES)
def test_a_value_of_each_type_is_read(jdbc: Jdbc, literal: str) -> None:
    kind, name, expected = VALUES[literal]
    told = jdbc.tell("query", f"SELECT {literal} AS x")
    assert told["columns"][0]["type"] == kind
    assert told["classes"] == [name]
    assert told["rows"] == [[expected]]


def test_times_are_read_as_text_and_as_objects_of_java_time(jdbc: Jdbc) -> None:
    """The JVM is in another zone, by which the driver shifts java.sql.Timestamp and every TIME."""
    local = "SELECT TIMESTAMP '2024-02-29 12:34:56.789012' AS x"
    zoned = "SELECT TIMESTAMPTZ '2024-02-29 14:34:56.789012+02' AS x"
    for statement in (local, zoned):
        assert jdbc.tell("read", statement, "getString") == ["2024-02-29 12:34:56.789012"]
    if jdbc.version == "18.2.0":
        pytest.skip("this version knows no java.time")
    day, time = "2024-02-29", "12:34:56.789012"
    for statement in (local, zoned):
        assert jdbc.tell("read", statement, "java.time.LocalDateTime") == [f"{day}T{time}"]
    assert jdbc.tell("read", zoned, "java.time.Instant") == [f"{day}T{time}Z"]
    assert jdbc.tell("read", zoned, "java.time.OffsetDateTime") == [f"{day}T{time}Z"]


def test_a_timestamp_with_zone_is_an_object_in_all_versions_but_one(jdbc: Jdbc) -> None:
    statement = "SELECT TIMESTAMPTZ '2024-02-29 12:34:56+00' AS x"
    if jdbc.version == "18.3.0":
        with pytest.raises(JdbcError, match="not implemented"):
            jdbc.tell("read", statement, "getObject")
    else:
        assert jdbc.tell("read", statement, "getObject")[0].startswith("2024-02-")


def test_the_columns_of_a_result_are_described(jdbc: Jdbc) -> None:
    statement = "SELECT market_value, 1.50::DECIMAL(10, 2) AS d FROM invest.portfolio.positions"
    value, expression = jdbc.tell("query", f"{statement} LIMIT 1")["columns"]
    assert (value["label"], value["type"]) == ("market_value", "DECIMAL")
    assert (value["precision"], value["scale"]) == (20, 2)
    assert (expression["label"], expression["name"]) == ("d", "d")
    assert (expression["precision"], expression["scale"]) == (10, 2)


def test_all_rows_of_a_table_arrive(jdbc: Jdbc) -> None:
    counted = jdbc.tell("query", "SELECT count(*) AS n FROM invest.portfolio.transactions")
    every = jdbc.tell("query", "SELECT transaction_id FROM invest.portfolio.transactions")
    assert len(every["rows"]) == counted["rows"][0][0] > 1000
    assert len(jdbc.tell("query", "SELECT range AS r FROM range(200000)")["rows"]) == 200_000


def test_a_result_without_rows_has_columns(jdbc: Jdbc) -> None:
    told = jdbc.tell("prepare", "SELECT 1 AS a, 'x' AS b WHERE false")
    assert [column["label"] for column in told["columns"]] == ["a", "b"]
    assert told["rows"] == []


@pytest.mark.parametrize("name", BOUND)
def test_a_bound_value_comes_back_as_it_was_set(jdbc: Jdbc, name: str) -> None:
    place, setter, expected = BOUND[name]
    (row,) = jdbc.tell("prepare", f"SELECT {place} AS x", setter)["rows"]
    assert row == [expected]


@pytest.mark.parametrize("condition", FILTERS)
def test_a_bound_filter_finds_what_the_literal_finds(jdbc: Jdbc, condition: str) -> None:
    setter, literal = FILTERS[condition]
    counted = "SELECT count(*) AS n FROM invest.portfolio.transactions WHERE "
    everything = jdbc.tell("query", counted + "true")["rows"][0][0]
    expected = jdbc.tell("query", counted + literal)["rows"][0][0]
    assert 0 < expected < everything
    assert jdbc.tell("prepare", counted + condition, setter)["rows"] == [[str(expected)]]


def test_a_prepared_statement_runs_again_with_other_values(jdbc: Jdbc) -> None:
    told = jdbc.tell("again", "SELECT ?::INTEGER + 1 AS x", "setInt:1", "setInt:2", "setInt:3")
    assert told == [[[2]], [[3]], [[4]]]


@pytest.mark.parametrize(
    ("command", "words", "expected"),
    [
        ("query", ["SELECT FROM FROM"], "INVALID_SQL"),
        ("query", ["SELECT holder_name FROM invest.portfolio.accounts"], "COLUMN_NOT_FOUND"),
        ("query", ["SELECT * FROM invest.portfolio.nothing"], "TABLE_NOT_FOUND"),
        ("query", ["SELECT 'x'::INTEGER AS x"], "EXECUTION_FAILED"),
        ("query", ["SELECT 1 AS a; SELECT 2 AS b"], "INVALID_SQL"),
        ("update", ["DELETE FROM invest.portfolio.accounts"], "NOT_ALLOWED"),
        ("update", ["CREATE TABLE x AS SELECT 1"], "NOT_ALLOWED"),
        ("batch", ["SELECT ?::INTEGER", "setInt:1", "setInt:2"], "read-only"),
    ],
)
def test_an_error_is_a_clean_exception(
    jdbc: Jdbc, command: str, words: list[str], expected: str
) -> None:
    told = failing(jdbc.tell, command, *words)
    assert expected in told
    assert "Traceback" not in told
    assert jdbc.tell("query", "SELECT 1 AS one")["rows"] == [[1]]


def test_a_statement_is_cancelled(jdbc: Jdbc) -> None:
    for statement in (
        "SELECT count(*) AS n FROM range(100000000000) WHERE range % 7 = 9",
        "SELECT range AS r FROM range(100000000000)",
    ):
        told = jdbc.tell("cancel", statement)
        assert "ancel" in told["error"]["message"]
        assert told["milliseconds"] < 5000


def test_a_connection_is_what_tools_expect(jdbc: Jdbc) -> None:
    assert jdbc.tell("connection", "isReadOnly") is True
    assert jdbc.tell("connection", "isValid", "2") is True
    assert jdbc.tell("connection", "getAutoCommit") is True
    for method in (["commit"], ["rollback"], ["setAutoCommit", "true"]):
        jdbc.tell("connection", *method)


def test_credentials_of_each_kind_let_in(jdbc: Jdbc, token: str) -> None:
    statement = "SELECT count(*) AS n FROM invest.market.currencies"
    expected = jdbc.tell("query", statement)["rows"]
    service = jdbc.server.login("service")["password"]
    for name, parameters, properties in (
        ("in the URL", f"&token={token}", {}),
        ("as a property", "", {"token": token}),
        ("an API key as a token", "", {"token": service}),
        ("an API key as a password", "", {"user": "service", "password": service}),
    ):
        opened = jdbc.open(name, parameters, **properties)
        assert opened.tell("query", statement)["rows"] == expected
        opened.close()


@pytest.fixture(scope="module")
def secure(demo_directory: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Secure]:
    """A server that speaks TLS: its port, and the file of its authority."""
    authority, key = tls.certificate(tmp_path_factory.mktemp("tls"))
    with tls.encrypted(demo_directory, authority, key) as port:
        yield port, authority


def test_an_encrypted_connection_needs_the_authority(jdbc: Jdbc, secure: Secure) -> None:
    port, authority = secure
    login = jdbc.server.login("analyst")
    user = {"user": login["username"], "password": login["password"]}
    url = f"jdbc:arrow-flight-sql://127.0.0.1:{port}/"
    opened = jdbc.open_url("encrypted", f"{url}?tlsRootCerts={authority}", **user)
    assert opened.tell("query", "SELECT 1 AS one")["rows"] == [[1]]
    opened.close()
    for parameters in ("", "?useEncryption=false"):
        failing(lambda p=parameters: jdbc.open_url("refused", url + p, **user))


def test_adbc_connects_encrypted_too(server: Server, secure: Secure) -> None:
    port, authority = secure
    uri, login = f"grpc+tls://127.0.0.1:{port}", server.login("analyst")
    root = {DatabaseOptions.TLS_ROOT_CERTS.value: authority.read_text()}
    with (
        dbapi.connect(uri, db_kwargs=login | root, autocommit=True) as connection,
        connection.cursor() as cursor,
    ):
        cursor.execute("SELECT 1 AS one")
        assert cursor.fetchall() == [(1,)]
    with pytest.raises(dbapi.OperationalError):
        dbapi.connect(uri, db_kwargs=login, autocommit=True)


@pytest.mark.parametrize("url", re.findall(r"^    (jdbc:\S+)$", PAGE, re.MULTILINE))
def test_a_url_of_the_documentation_opens(jdbc: Jdbc, token: str, url: str) -> None:
    password = jdbc.server.login("analyst")["password"]
    parameters = url.replace("PASSWORD", password).replace("TOKEN", token)
    opened = jdbc.open(url, parameters.partition("useEncryption=false")[2])
    assert opened.tell("query", "SELECT 1 AS one")["rows"] == [[1]]


def test_wrong_credentials_are_refused(jdbc: Jdbc) -> None:
    for properties in (
        {"user": "analyst", "password": "wrong"},
        {"user": "nobody", "password": "wrong"},
        {"token": "nonsense"},
    ):
        assert "UNAUTHENTICATED" in failing(lambda p=properties: jdbc.open("refused", **p))
    # Without credentials the driver calls nobody until there is something to ask.
    assert "UNAUTHENTICATED" in failing(jdbc.open("nobody").tell, "query", "SELECT 1 AS one")


def test_users_see_what_they_may(jdbc: Jdbc) -> None:
    for user, hidden in {"analyst": {"holder_name", "balance"}, "compliance": set()}.items():
        opened = jdbc.log_in(user)
        listed = opened.metadata("getColumns", "invest", "portfolio", "accounts", NULL)
        told = opened.tell("prepare", "SELECT * FROM invest.portfolio.accounts LIMIT 1")
        names = [column["label"] for column in told["columns"]]
        assert names == [row["COLUMN_NAME"] for row in listed]
        assert hidden.isdisjoint(names)
        if user == "compliance":
            assert {"holder_name", "balance"} <= set(names)
            opened.close()


def test_a_catalog_and_a_schema_are_chosen(jdbc: Jdbc) -> None:
    opened = jdbc.log_in("manager", "&catalog=invest&schema=market")
    statement = "SELECT count(*) AS n FROM currencies"
    assert opened.tell("query", statement)["rows"][0][0] > 0
    opened.tell("connection", "setCatalog", "invest")
    if jdbc.version.startswith("18."):
        # These versions close such a session twice, the second time on a closed channel.
        assert "Channel shutdown" in failing(opened.close)
    else:
        opened.close()
    assert "catalog" in failing(lambda: jdbc.log_in("manager", "&catalog=nothing"))


@pytest.mark.parametrize(
    ("statement", "expected"),
    [
        ("SELECT 1 AS one", "1"),
        ("SELECT current_schema() AS name", None),
        ("SELECT current_database() AS name", "invest"),
        ("SHOW TABLES", None),
        ("DESCRIBE invest.portfolio.positions", "portfolio_id"),
        ("SELECT table_name FROM information_schema.tables ORDER BY ALL", "accounts"),
        (
            "SELECT column_name FROM information_schema.columns"
            " WHERE table_schema = 'portfolio' AND table_name = 'positions'"
            " ORDER BY ordinal_position",
            "portfolio_id",
        ),
        ("SELECT schema_name FROM information_schema.schemata", "portfolio"),
    ],
)
def test_the_statements_that_tools_ask_first_are_answered(
    jdbc: Jdbc, statement: str, expected: str | None
) -> None:
    told = rows(jdbc.tell("query", statement))
    values = {str(value) for row in told for value in row.values()}
    assert expected is None or expected in values
    assert not {"holder_name", "cost_basis"} & values
