"""Every command by hand: exact schemas, GetSchema for each, and what drivers never ask for."""

from __future__ import annotations

import json
import threading
import time
from typing import Any

import grpc
import pyarrow as pa
import pyarrow.flight as flight
import pytest
from google.protobuf.message import Message

from flight_server.protocol import routes
from flight_server.protocol.rpc import SERVICE
from flight_server.protocol.wire import flight_pb2
from flight_server.protocol.wire import flight_sql_pb2 as sql
from tests.flight_sql import Client, client, descriptor, unwrap
from tests.servers import Server

TEXT, INT32 = pa.utf8(), pa.int32()


def fields(*declared: tuple[str, pa.DataType, bool]) -> pa.Schema:
    return pa.schema([pa.field(name, kind, nullable) for name, kind, nullable in declared])


REQUIRED, NULLABLE = False, True
TABLES = [
    ("catalog_name", TEXT, NULLABLE),
    ("db_schema_name", TEXT, NULLABLE),
    ("table_name", TEXT, REQUIRED),
    ("table_type", TEXT, REQUIRED),
]
REFERENCES = fields(
    ("pk_catalog_name", TEXT, NULLABLE),
    ("pk_db_schema_name", TEXT, NULLABLE),
    ("pk_table_name", TEXT, REQUIRED),
    ("pk_column_name", TEXT, REQUIRED),
    ("fk_catalog_name", TEXT, NULLABLE),
    ("fk_db_schema_name", TEXT, NULLABLE),
    ("fk_table_name", TEXT, REQUIRED),
    ("fk_column_name", TEXT, REQUIRED),
    ("key_sequence", INT32, REQUIRED),
    ("fk_key_name", TEXT, NULLABLE),
    ("pk_key_name", TEXT, NULLABLE),
    ("update_rule", pa.uint8(), REQUIRED),
    ("delete_rule", pa.uint8(), REQUIRED),
)
INFO_VALUE = pa.dense_union(
    [
        pa.field("string_value", TEXT),
        pa.field("bool_value", pa.bool_()),
        pa.field("bigint_value", pa.int64()),
        pa.field("int32_bitmask", INT32),
        pa.field("string_list", pa.list_(pa.field("item", TEXT))),
        pa.field("int32_to_int32_list_map", pa.map_(INT32, pa.list_(INT32))),
    ]
)
XDBC = fields(
    ("type_name", TEXT, REQUIRED),
    ("data_type", INT32, REQUIRED),
    ("column_size", INT32, NULLABLE),
    ("literal_prefix", TEXT, NULLABLE),
    ("literal_suffix", TEXT, NULLABLE),
    ("create_params", pa.list_(pa.field("item", TEXT, REQUIRED)), NULLABLE),
    ("nullable", INT32, REQUIRED),
    ("case_sensitive", pa.bool_(), REQUIRED),
    ("searchable", INT32, REQUIRED),
    ("unsigned_attribute", pa.bool_(), NULLABLE),
    ("fixed_prec_scale", pa.bool_(), REQUIRED),
    ("auto_increment", pa.bool_(), NULLABLE),
    ("local_type_name", TEXT, NULLABLE),
    ("minimum_scale", INT32, NULLABLE),
    ("maximum_scale", INT32, NULLABLE),
    ("sql_data_type", INT32, REQUIRED),
    ("datetime_subcode", INT32, NULLABLE),
    ("num_prec_radix", INT32, NULLABLE),
    ("interval_precision", INT32, NULLABLE),
)
GOLDEN: dict[str, tuple[Message, pa.Schema]] = {
    "catalogs": (sql.CommandGetCatalogs(), fields(("catalog_name", TEXT, REQUIRED))),
    "schemas": (
        sql.CommandGetDbSchemas(),
        fields(("catalog_name", TEXT, NULLABLE), ("db_schema_name", TEXT, REQUIRED)),
    ),
    "tables": (sql.CommandGetTables(), fields(*TABLES)),
    "tables with schemas": (
        sql.CommandGetTables(include_schema=True),
        fields(*TABLES, ("table_schema", pa.binary(), REQUIRED)),
    ),
    "table types": (sql.CommandGetTableTypes(), fields(("table_type", TEXT, REQUIRED))),
    "primary keys": (
        sql.CommandGetPrimaryKeys(table="accounts"),
        fields(
            ("catalog_name", TEXT, NULLABLE),
            ("db_schema_name", TEXT, NULLABLE),
            ("table_name", TEXT, REQUIRED),
            ("column_name", TEXT, REQUIRED),
            ("key_sequence", INT32, REQUIRED),
            ("key_name", TEXT, NULLABLE),
        ),
    ),
    "exported keys": (sql.CommandGetExportedKeys(table="accounts"), REFERENCES),
    "imported keys": (sql.CommandGetImportedKeys(table="prices"), REFERENCES),
    "cross reference": (
        sql.CommandGetCrossReference(pk_table="currencies", fk_table="prices"),
        REFERENCES,
    ),
    "sql info": (
        sql.CommandGetSqlInfo(),
        fields(("info_name", pa.uint32(), REQUIRED), ("value", INFO_VALUE, REQUIRED)),
    ),
    "type info": (sql.CommandGetXdbcTypeInfo(), XDBC),
}


@pytest.mark.parametrize("name", GOLDEN)
def test_a_metadata_command_has_the_schema_that_drivers_compare(server: Server, name: str) -> None:
    message, expected = GOLDEN[name]
    with client(server, "analyst") as connected:
        assert connected.info(message).schema.equals(expected, check_metadata=True)
        assert connected.schema(message).equals(expected, check_metadata=True)
        table = connected.read(message)
    assert table.schema.equals(expected, check_metadata=True)
    assert table.num_rows > 0
    table.validate(full=True)
    for field in expected:
        assert field.nullable or table[field.name].null_count == 0


def test_every_command_that_is_served_is_tried_here() -> None:
    tried = {type(message) for message, _ in GOLDEN.values()}
    assert set(routes.QUERIES) == tried | {
        sql.CommandStatementQuery,
        sql.CommandPreparedStatementQuery,
    }


STATEMENT = "SELECT account_id, balance, 'x' AS note FROM invest.portfolio.accounts"


def prepare(connected: Client, query: str) -> Any:
    (body,) = connected.act(
        "CreatePreparedStatement", sql.ActionCreatePreparedStatementRequest(query=query)
    )
    return unwrap(body, sql.ActionCreatePreparedStatementResult)


def test_get_schema_agrees_with_get_flight_info_and_the_stream(server: Server) -> None:
    with client(server, "compliance") as connected:
        created = prepare(connected, STATEMENT)
        promised = pa.ipc.read_schema(pa.py_buffer(created.dataset_schema))
        for message in (
            sql.CommandStatementQuery(query=STATEMENT),
            sql.CommandPreparedStatementQuery(
                prepared_statement_handle=created.prepared_statement_handle
            ),
        ):
            table = connected.read(message)
            for schema in (connected.schema(message), connected.info(message).schema, promised):
                assert schema.equals(table.schema, check_metadata=True)


def test_a_prepared_statement_always_has_both_schemas(server: Server) -> None:
    with client(server, "compliance") as connected:
        for query, count in ((STATEMENT, 0), ("SELECT ? + ?::INT", 2)):
            created = prepare(connected, query)
            assert created.HasField("is_update")
            assert created.is_update is False
            parameters = pa.ipc.read_schema(pa.py_buffer(created.parameter_schema))
            assert len(parameters) == count
            assert pa.null() not in parameters.types
            assert pa.ipc.read_schema(pa.py_buffer(created.dataset_schema)).names


def test_unbound_parameters_are_described_and_not_run(server: Server) -> None:
    with client(server, "compliance") as connected:
        created = prepare(connected, "SELECT ?::INT AS a")
        message = sql.CommandPreparedStatementQuery(
            prepared_statement_handle=created.prepared_statement_handle
        )
        assert connected.schema(message) == pa.schema([("a", pa.int32())])
        with pytest.raises(pa.ArrowInvalid, match="INVALID_PARAMETERS"):
            connected.info(message)


def table_schemas(server: Server, user: str, **narrowed: Any) -> dict[str, pa.Schema]:
    with client(server, user) as connected:
        table = connected.read(sql.CommandGetTables(include_schema=True, **narrowed))
    return {
        row["table_name"]: pa.ipc.read_schema(pa.py_buffer(row["table_schema"]))
        for row in table.to_pylist()
    }


def test_table_schemas_have_exact_nullability_and_metadata(server: Server) -> None:
    schema = table_schemas(server, "compliance", table_name_filter_pattern="accounts")["accounts"]
    assert schema.field("account_id").nullable is False
    assert schema.field("desk").nullable is False
    assert schema.field("email").nullable is True
    told = {
        key.decode().removeprefix("ARROW:FLIGHT:SQL:"): value.decode()
        for key, value in schema.field("balance").metadata.items()
    }
    assert told.pop("REMARKS")
    assert told == {
        "CATALOG_NAME": "invest",
        "SCHEMA_NAME": "portfolio",
        "DB_SCHEMA_NAME": "portfolio",
        "TABLE_NAME": "accounts",
        "TYPE_NAME": "DECIMAL",
        "PRECISION": "18",
        "SCALE": "2",
        "IS_AUTO_INCREMENT": "0",
        "IS_CASE_SENSITIVE": "0",
        "IS_READ_ONLY": "1",
        "IS_SEARCHABLE": "1",
    }


def test_what_a_mask_may_make_null_is_told_as_nullable(server: Server) -> None:
    schemas = {
        user: table_schemas(server, user, table_name_filter_pattern="accounts")["accounts"]
        for user in ("manager", "compliance")
    }
    masked = schemas["manager"].field("tax_id")
    assert masked.nullable
    for field in schemas["manager"]:
        whole = schemas["compliance"].field(field.name)
        assert field.type == whole.type
        assert field.nullable or not whole.nullable


def test_results_have_no_remarks(server: Server) -> None:
    """Drivers take them for labels of the columns."""
    with client(server, "compliance") as connected:
        schema = connected.schema(sql.CommandStatementQuery(query=STATEMENT))
    for field in schema:
        assert b"ARROW:FLIGHT:SQL:REMARKS" not in (field.metadata or {})


@pytest.mark.parametrize(
    ("types", "there"),
    [
        ([], True),
        (["TABLE"], True),
        (["BASE TABLE"], True),
        (["base Table", "VIEW"], True),
        (["table"], True),
        (["VIEW"], False),
        (["SYSTEM TABLE"], False),
        ([""], False),
        (["TABLE%"], False),
    ],
    ids=str,
)
def test_table_types_are_matched_in_any_case(server: Server, types: list[str], there: bool) -> None:
    message = sql.CommandGetTables(table_types=types, table_name_filter_pattern="prices")
    with client(server, "analyst") as connected:
        assert (connected.read(message).num_rows == 1) is there


@pytest.mark.parametrize(
    ("narrowed", "count"),
    [
        ({"catalog": "invest"}, 2),
        ({"catalog": "INVEST"}, 2),
        ({"catalog": "inv%"}, 0),
        ({"catalog": ""}, 0),
        ({"db_schema_filter_pattern": "m%"}, 1),
        ({"db_schema_filter_pattern": "M_RKET"}, 1),
        ({"db_schema_filter_pattern": r"m\arket"}, 1),
        ({"db_schema_filter_pattern": r"m\_rket"}, 0),
        ({"db_schema_filter_pattern": "market\\"}, 0),
        ({"db_schema_filter_pattern": ""}, 0),
        ({"db_schema_filter_pattern": "%%%%"}, 2),
    ],
    ids=str,
)
def test_a_catalog_is_exact_and_a_schema_a_pattern(
    server: Server, narrowed: dict[str, str], count: int
) -> None:
    with client(server, "analyst") as connected:
        found = connected.read(sql.CommandGetDbSchemas(**narrowed))
    names = [name for name in found["db_schema_name"].to_pylist() if name != "information_schema"]
    assert len(names) == count


# --- refusals ---

REFUSED = sorted(routes.REFUSED, key=lambda message: message.DESCRIPTOR.name)


@pytest.mark.parametrize("kind", REFUSED, ids=lambda kind: kind.DESCRIPTOR.name)
def test_what_is_refused_is_refused_with_its_reason(server: Server, kind: type[Message]) -> None:
    reason = routes.REFUSED[kind]
    message, name = kind(), kind.DESCRIPTOR.name
    with client(server, "analyst") as connected:
        with pytest.raises((flight.FlightError, pa.ArrowNotImplementedError), match=reason):
            if name.endswith("Request"):
                plain = kind.DESCRIPTOR.file is not sql.DESCRIPTOR
                body = message.SerializeToString() if plain else message
                connected.act(routes.action_name(kind), body)
            elif "Update" in name or "Ingest" in name:
                connected.put(message, pa.table({"a": [1]}))
            else:
                connected.info(message)


def test_nothing_that_is_refused_is_listed(server: Server) -> None:
    with client(server, "analyst") as connected:
        listed = {action.type for action in connected.raw.list_actions(connected.options)}
    assert listed == {routes.action_name(kind) for kind in routes.ACTIONS}


# --- the life of a result ---

ENDLESS = "SELECT count(*) FROM range(100_000_000_000) a WHERE hash(a) = 3"


def cancelled_by(server: Server, action: str) -> tuple[Any, float]:
    """What the action answered while another call was reading, and how long that took to end."""
    with client(server, "compliance") as reader, client(server, "compliance") as other:
        info = reader.info(sql.CommandStatementQuery(query=ENDLESS))
        parsed = flight_pb2.FlightInfo.FromString(info.serialize())
        ended: list[tuple[grpc.StatusCode, float]] = []

        def read() -> None:
            # pyarrow's own stream would take the status for Ctrl-C
            with grpc.insecure_channel(f"127.0.0.1:{server.port}") as channel:
                stream = channel.unary_stream(SERVICE + "DoGet")(
                    parsed.endpoint[0].ticket.SerializeToString(),
                    metadata=[(name.decode(), text.decode()) for name, text in reader.headers],
                    timeout=60,
                )
                with pytest.raises(grpc.RpcError):
                    list(stream)
                ended.append((stream.code(), time.monotonic()))

        thread = threading.Thread(target=read)
        thread.start()
        time.sleep(1)  # it gives no row by which one could see that it runs
        started = time.monotonic()
        if action == "CancelQuery":
            request = sql.ActionCancelQueryRequest(info=parsed.SerializeToString())
            (body,) = other.act(action, request)
            status = unwrap(body, sql.ActionCancelQueryResult).result
        else:
            request = flight_pb2.CancelFlightInfoRequest(info=parsed)
            (body,) = other.act(action, request.SerializeToString())
            status = flight_pb2.CancelFlightInfoResult.FromString(body).status
        thread.join(30)
        ((code, at),) = ended
        assert code is grpc.StatusCode.CANCELLED
        return status, at - started


def test_cancel_query_ends_a_running_statement(server: Server) -> None:
    status, seconds = cancelled_by(server, "CancelQuery")
    assert status == sql.ActionCancelQueryResult.CANCEL_RESULT_CANCELLED
    assert seconds < 5


def test_cancel_flight_info_ends_a_running_statement(server: Server) -> None:
    status, seconds = cancelled_by(server, "CancelFlightInfo")
    assert status == flight_pb2.CANCEL_STATUS_CANCELLED
    assert seconds < 5


def test_nobody_cancels_what_belongs_to_another(server: Server) -> None:
    with client(server, "compliance") as one, client(server, "analyst") as other:
        info = flight_pb2.FlightInfo.FromString(
            one.info(sql.CommandStatementQuery(query="SELECT 1")).serialize()
        )
        request = flight_pb2.CancelFlightInfoRequest(info=info)
        with pytest.raises(flight.FlightError, match="WRONG_OWNER"):
            other.act("CancelFlightInfo", request.SerializeToString())


def test_endpoints_tell_when_they_expire(server: Server) -> None:
    with client(server, "analyst") as connected:
        for message in (sql.CommandStatementQuery(query="SELECT 1"), sql.CommandGetCatalogs()):
            info = flight_pb2.FlightInfo.FromString(connected.info(message).serialize())
            left = info.endpoint[0].expiration_time.seconds - time.time()
            assert 60 < left < 3_600


def test_an_endpoint_is_renewed(server: Server) -> None:
    with client(server, "analyst") as connected:
        info = flight_pb2.FlightInfo.FromString(
            connected.info(sql.CommandStatementQuery(query="SELECT 41 AS a")).serialize()
        )
        time.sleep(1.1)  # moments are compared in seconds
        request = flight_pb2.RenewFlightEndpointRequest(endpoint=info.endpoint[0])
        (body,) = connected.act("RenewFlightEndpoint", request.SerializeToString())
        renewed = flight_pb2.FlightEndpoint.FromString(body)
        assert renewed.expiration_time.seconds > info.endpoint[0].expiration_time.seconds
        ticket = flight.Ticket(renewed.ticket.ticket)
        found = connected.raw.do_get(ticket, connected.options).read_all()
        assert found.to_pydict() == {"a": [41]}


def test_results_tell_what_made_them(server: Server) -> None:
    with client(server, "analyst") as connected:
        info = connected.info(sql.CommandStatementQuery(query="SELECT 1"))
        told = json.loads(info.app_metadata)
    assert told["engine"] == "duckdb"


def test_parts_are_flagged_as_ordered(server: Server) -> None:
    base = "SELECT security_id FROM invest.market.prices"
    with client(server, "analyst") as connected:
        assert connected.info(sql.CommandStatementQuery(query=base)).ordered is False
        ordered = sql.CommandStatementQuery(query=base + " ORDER BY 1")
        assert connected.info(ordered).ordered is True


def test_a_descriptor_comes_back_as_it_was_sent(server: Server) -> None:
    message = sql.CommandStatementQuery(query="SELECT 1")
    with client(server, "analyst") as connected:
        assert connected.info(message).descriptor == descriptor(message)
