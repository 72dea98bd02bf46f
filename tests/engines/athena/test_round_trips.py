"""Every type of Iceberg and Hive comes back by UNLOAD as DuckDB, or the file itself, has it."""

from __future__ import annotations

import datetime as dt
import io
import uuid
from collections.abc import Iterator, Sequence
from contextlib import closing
from decimal import Decimal
from itertools import pairwise
from typing import Any

import duckdb
import pyarrow as pa
import pytest
from pyiceberg.schema import Schema
from pyiceberg.types import (
    BinaryType,
    BooleanType,
    DateType,
    DecimalType,
    DoubleType,
    FixedType,
    FloatType,
    IcebergType,
    IntegerType,
    ListType,
    LongType,
    MapType,
    NestedField,
    StringType,
    StructType,
    TimestampType,
    TimestamptzType,
    TimeType,
    UUIDType,
)

from catalog.athena import AthenaCatalog
from catalog.model import Table
from catalog.names import TableName
from flight_server.engines.athena.engine import AthenaEngine
from flight_server.engines.athena.settings import AthenaSettings
from flight_server.engines.athena.translate import translate
from flight_server.engines.base import Relation, RelationColumn, Secured
from flight_server.engines.duckdb.engine import DuckDBEngine
from flight_server.engines.errors import Untranslatable
from flight_server.testing.athena import AthenaDouble
from tests.engines import rig
from tests.engines.athena.running import ROLE, Rig

_NOON = dt.datetime(2024, 2, 29, 12, 30, 15, 123_456)
_WHOLE = [_NOON.replace(microsecond=123_000), dt.datetime(1969, 12, 31, 23, 59, 59, 999_000)]
_EDGES: dict[str, tuple[IcebergType, list[Any]]] = {
    "boolean": (BooleanType(), [True, False]),
    "int": (IntegerType(), [-(2**31), 2**31 - 1, 0]),
    "long": (LongType(), [-(2**63), 2**63 - 1]),
    "float": (FloatType(), [1.5, float("nan"), float("-inf"), -0.0, 1e-45, 3.4028234663852886e38]),
    "double": (DoubleType(), [0.1, float("nan"), float("inf"), -0.0, 5e-324, 1.797e308]),
    "decimal_1": (DecimalType(1, 0), [Decimal(9), Decimal(-9)]),
    "decimal_18": (DecimalType(18, 18), [Decimal("0.999999999999999999"), Decimal("-1E-18")]),
    "decimal_38": (DecimalType(38, 10), [Decimal("9" * 28 + "." + "9" * 10), Decimal("-1E-10")]),
    "string": (StringType(), ["", " ", 'q"\n,\r\\N ü', "null", "日本\U0001f600", "x" * 5_000]),
    "binary": (BinaryType(), [b"", b"\x00\xff", b"text"]),
    "fixed": (FixedType(3), [b"\x00\x01\xff", b"abc"]),
    "date": (DateType(), [dt.date(1, 1, 1), dt.date(1969, 12, 31), dt.date(9999, 12, 31)]),
    "time": (TimeType(), [dt.time(0), dt.time(23, 59, 59, 999_999), dt.time(1, 2, 3)]),
    "timestamp": (
        TimestampType(),
        [_NOON, dt.datetime(1, 1, 1), dt.datetime(9999, 12, 31, 23, 59, 59, 999_999)],
    ),
    "timestamptz": (
        TimestamptzType(),
        [_NOON.replace(tzinfo=dt.UTC), dt.datetime(1969, 12, 31, 23, 59, tzinfo=dt.UTC)],
    ),
    "uuid": (UUIDType(), [uuid.UUID(int=255).bytes, uuid.UUID(int=2**128 - 1).bytes]),
}


def _shapes(leaf: IcebergType, ids: Iterator[int]) -> dict[str, IcebergType]:
    """A type alone and nested, up to three levels deep."""

    def list_of(of: IcebergType) -> IcebergType:
        return ListType(next(ids), of, element_required=False)

    def map_to(of: IcebergType) -> IcebergType:
        return MapType(next(ids), StringType(), next(ids), of, value_required=False)

    def row_of(**parts: IcebergType) -> IcebergType:
        return StructType(*(NestedField(next(ids), n, of) for n, of in parts.items()))

    return {
        "plain": leaf,
        "list": list_of(leaf),
        "map": map_to(leaf),
        "row": row_of(x=leaf, y=IntegerType()),
        "list_list": list_of(list_of(leaf)),
        "list_map": list_of(map_to(leaf)),
        "map_row": map_to(row_of(x=leaf, z=list_of(leaf))),
        "row_row": row_of(p=row_of(q=leaf), m=map_to(list_of(leaf))),
    }


def _rows(values: Sequence[Any]) -> dict[str, list[Any]]:
    """Values in each shape; NULL at each level, and nothing within."""
    one, all_ = values[0], [*values, None]
    made: dict[str, list[Any]] = {
        "list": [all_, [], [None], None],
        "map": [[("a", one), ("b", None)], [], [("", one)], None],
        "row": [{"x": one, "y": 1}, {"x": None, "y": None}, {"x": one, "y": None}, None],
        "list_list": [[all_, [], None, [None]], [], [None], None],
        "list_map": [[[("k", one)], [], None, [("k", None)]], [], [None], None],
        "map_row": [
            [("a", {"x": one, "z": all_}), ("b", None), ("c", {"x": None, "z": None})],
            [],
            [("d", {"x": None, "z": []})],
            None,
        ],
        "row_row": [
            {"p": {"q": one}, "m": [("a", all_), ("b", None), ("c", [])]},
            {"p": None, "m": None},
            {"p": {"q": None}, "m": []},
            None,
        ],
    }
    count = max(len(all_), 4)
    filled = {name: each + [None] * (count - len(each)) for name, each in made.items()}
    return {"k": list(range(count)), "plain": all_ + [one] * (count - len(all_)), **filled}


@pytest.fixture(scope="module")
def catalog(double: AthenaDouble) -> Iterator[AthenaCatalog]:
    with closing(AthenaCatalog("lake", double.catalog_properties(), refresh_seconds=0.0)) as opened:
        yield opened


@pytest.fixture
def athena(rig_: Rig) -> Iterator[AthenaEngine]:
    settings = AthenaSettings(default=ROLE, endpoint=rig_.aws.endpoint, poll_first=0.02)
    with closing(AthenaEngine(settings, translate)) as engine:
        yield engine


@pytest.fixture
def rig_(rig: Rig) -> Iterator[Rig]:
    """The rig, of which nothing may be left."""
    yield rig
    assert rig.leaves_nothing()


def _stored(aws: AthenaDouble, name: str, schema: Schema, rows: dict[str, list[Any]]) -> None:
    """An Iceberg table of two snapshots: its rows, and one row more of NULLs."""
    place = f"s3://lake-of-statements/{name}"
    made = aws.iceberg().create_table(("inv", name), schema=schema, location=place)
    arrow = pa.schema([(f.name, _stored_as(f.type)) for f in schema.as_arrow()])
    made.append(pa.table([pa.array(rows[f.name], f.type) for f in arrow], schema=arrow))
    nothing = [pa.array([-1], pa.int64()), *(pa.nulls(1, f.type) for f in list(arrow)[1:])]
    made.append(pa.table(nothing, schema=arrow))


def _stored_as(of: pa.DataType) -> pa.DataType:
    """The type as it can be built of Python's values: a UUID as its bytes."""
    if of == pa.uuid():
        return pa.binary(16)
    if pa.types.is_list(of) or pa.types.is_large_list(of):
        return pa.list_(_stored_as(of.value_type))
    if pa.types.is_map(of):
        return pa.map_(of.key_type, _stored_as(of.item_type))
    if pa.types.is_struct(of):
        return pa.struct([(f.name, _stored_as(f.type)) for f in of])
    return of


def _table(catalog: AthenaCatalog, name: str) -> Table:
    found = catalog.table(TableName("lake", "inv", name))
    assert found is not None
    return found


def _secured(text: str, table: Table) -> Secured:
    columns = tuple(RelationColumn(c.name, c.type) for c in table.columns)
    return Secured(text, (Relation(table.name, table, columns),), catalog="lake", schema="inv")


def _unloaded(athena: AthenaEngine, statement: Secured, schema: pa.Schema) -> pa.Table:
    with closing(athena.run(statement, None, schema, deadline=rig.soon(30))) as stream:
        return rig.decoded(stream, schema)


def _same(found: pa.Table, expected: pa.Table) -> None:
    assert found.schema == expected.schema
    for name in expected.column_names:
        assert repr(found[name].to_pylist()) == repr(expected[name].to_pylist()), name


@pytest.mark.parametrize("kind", list(_EDGES))
def test_a_type_of_iceberg_is_the_same_from_athena_and_from_duckdb(
    rig_: Rig, athena: AthenaEngine, engine: DuckDBEngine, catalog: AthenaCatalog, kind: str
) -> None:
    leaf, values = _EDGES[kind]
    ids = iter(range(1, 100))
    columns = {"k": LongType(), **_shapes(leaf, ids)}
    fields = [NestedField(next(ids), name, of) for name, of in columns.items()]
    rows = _rows(values)
    _stored(rig_.aws, f"of_{kind}", Schema(*fields), rows)
    table = _table(catalog, f"of_{kind}")
    statement = _secured(f"SELECT * FROM of_{kind}", table)
    local = rig.rows(engine, statement)
    assert local["plain"].null_count == 2
    found = _unloaded(athena, statement, local.schema)
    assert found.num_rows == len(rows["k"]) + 1
    _same(found.sort_by("k"), local.sort_by("k"))


def test_decimals_of_every_precision_are_the_same(
    rig_: Rig, athena: AthenaEngine, engine: DuckDBEngine, catalog: AthenaCatalog
) -> None:
    fields = [NestedField(1, "k", LongType())]
    rows: dict[str, list[Any]] = {"k": [0, 1, 2, 3]}
    for precision in range(1, 39):
        for scale in {0, precision // 2, precision}:
            name = f"d_{precision}_{scale}"
            fields.append(NestedField(len(fields) + 1, name, DecimalType(precision, scale)))
            most = Decimal((0, (9,) * precision, -scale))
            rows[name] = [most, most.copy_negate(), Decimal(0), None]
    _stored(rig_.aws, "decimals", Schema(*fields), rows)
    statement = _secured("SELECT * FROM decimals", _table(catalog, "decimals"))
    local = rig.rows(engine, statement)
    _same(_unloaded(athena, statement, local.schema).sort_by("k"), local.sort_by("k"))


def test_columns_of_one_name_or_none_and_files_in_no_order_are_the_same(
    rig_: Rig, athena: AthenaEngine, engine: DuckDBEngine, catalog: AthenaCatalog
) -> None:
    text = "SELECT id, id, s, id + 1, 'x', s AS id FROM numbers"
    statement = _secured(text, _table(catalog, "numbers"))
    local = rig.rows(engine, statement)
    found = _unloaded(athena, statement, local.schema)
    assert found.schema.names == local.schema.names
    assert found.schema.names[:2] == ["id", "id"]
    # three files, each in order and none after the other
    ids = found.column(0).to_pylist()
    assert ids != sorted(ids)
    assert sum(after < before for before, after in pairwise(ids)) >= 2
    order = sorted(range(len(ids)), key=ids.__getitem__)
    for at in range(found.num_columns):
        assert found.column(at).take(order).to_pylist() == local.column(at).to_pylist()


@pytest.mark.parametrize("kind", list(_EDGES))
def test_an_empty_result_has_the_schema_of_its_type(
    rig_: Rig, athena: AthenaEngine, kind: str
) -> None:
    ids = iter(range(1, 100))
    columns = _shapes(_EDGES[kind][0], ids)
    fields = [NestedField(next(ids), name, of) for name, of in columns.items()]
    place, name = f"s3://lake-of-statements/none_of_{kind}", f"none_of_{kind}"
    rig_.aws.iceberg().create_table(("inv", name), schema=Schema(*fields), location=place)
    with closing(
        AthenaCatalog("lake", rig_.aws.catalog_properties(), refresh_seconds=0.0)
    ) as catalog:
        table = _table(catalog, name)
    schema = pa.schema([(column.name, column.type) for column in table.columns])
    found = _unloaded(athena, _secured(f"SELECT * FROM {name}", table), schema)
    assert (found.num_rows, found.schema) == (0, schema)


@pytest.mark.parametrize("kind", [pa.timestamp("ns"), pa.timestamp("ns", "UTC")])
def test_what_only_iceberg_3_has_is_refused_by_name(
    athena: AthenaEngine, catalog: AthenaCatalog, kind: pa.DataType
) -> None:
    statement = _secured("SELECT id FROM numbers", _table(catalog, "numbers"))
    with pytest.raises(Untranslatable):
        athena.translated(statement, None, pa.schema([("id", kind)]))


_HIVE: dict[str, tuple[str, pa.DataType, list[Any]]] = {
    "tinyint": ("tinyint", pa.int8(), [-128, 127]),
    "smallint": ("smallint", pa.int16(), [-32768, 32767]),
    "int": ("int", pa.int32(), [-(2**31), 2**31 - 1]),
    "bigint": ("bigint", pa.int64(), [-(2**63), 2**63 - 1]),
    "boolean": ("boolean", pa.bool_(), [True, False]),
    "float": ("float", pa.float32(), [1.5, float("inf")]),
    "double": ("double", pa.float64(), [0.1, float("nan")]),
    "decimal": ("decimal(38,5)", pa.decimal128(38, 5), [Decimal("9" * 33 + ".99999")]),
    "string": ("string", pa.string(), ["", "a b", "ü"]),
    "varchar": ("varchar(3)", pa.string(), ["", "abc"]),
    "char": ("char(3)", pa.string(), ["abc", "xyz"]),
    "binary": ("binary", pa.binary(), [b"\x00\xff", b"abc"]),
    "date": ("date", pa.date32(), [dt.date(1969, 12, 31), dt.date(9999, 12, 31)]),
    "timestamp": ("timestamp", pa.timestamp("us"), _WHOLE),
}
_NESTINGS = {
    "array<{0}>": lambda of: pa.list_(of),
    "map<string,{0}>": lambda of: pa.map_(pa.string(), of),
    "struct<x:{0},y:int>": lambda of: pa.struct([("x", of), ("y", pa.int32())]),
    "array<array<{0}>>": lambda of: pa.list_(pa.list_(of)),
}
_NESTED_AS = ("list", "map", "row", "list_list")


@pytest.mark.parametrize("form", ["parquet", "orc", "text"])
@pytest.mark.parametrize("kind", list(_HIVE))
def test_a_type_of_hive_is_the_same_as_in_its_file(
    rig_: Rig, athena: AthenaEngine, catalog: AthenaCatalog, kind: str, form: str
) -> None:
    declared, leaf, values = _HIVE[kind]
    types = [pa.int64(), leaf, *(nest(leaf) for nest in _NESTINGS.values())]
    rows = _rows(values)
    columns = ("k", "plain", *_NESTED_AS)
    if form == "text":  # in which one NULL alone and none are written alike
        rows["list"][2] = None
        rows["list_list"] = [None] * len(rows["k"])
    data = pa.table(
        [pa.array(rows[name], of) for name, of in zip(columns, types, strict=True)], columns
    )
    name = f"hive_{kind}_{form}"
    rig_.aws.put_table(f"inv.{name}", data, f"s3://lake-of-statements/{name}", file_format=form)
    _redeclare(rig_.aws, name, ["bigint", declared, *(n.format(declared) for n in _NESTINGS)])
    table = _table(catalog, name)
    schema = pa.schema([(column.name, column.type) for column in table.columns])
    found = _unloaded(athena, _secured(f"SELECT * FROM {name}", table), schema).sort_by("k")
    expected = _in_the_file(rig_.aws, name) if form == "parquet" else data
    for column in columns:
        assert repr(found[column].to_pylist()) == repr(expected[column].to_pylist()), column


def _redeclare(aws: AthenaDouble, name: str, types: list[str]) -> None:
    """Declare the columns of a table anew, as with a length."""
    entry = aws.client("glue").get_table(DatabaseName="inv", Name=name)["Table"]
    for column, declared in zip(entry["StorageDescriptor"]["Columns"], types, strict=True):
        column["Type"] = declared
    kept = ("Name", "StorageDescriptor", "Parameters", "TableType", "PartitionKeys")
    changed = {each: entry[each] for each in kept if each in entry}
    aws.client("glue").update_table(DatabaseName="inv", TableInput=changed)


def _in_the_file(aws: AthenaDouble, name: str) -> pa.Table:
    """What DuckDB reads of a table's one Parquet file."""
    key = f"{name}/part-0.parquet"
    body = aws.client("s3").get_object(Bucket="lake-of-statements", Key=key)["Body"].read()
    with duckdb.connect() as connection:
        held = io.BytesIO(body)
        return connection.read_parquet(held).to_arrow_table()
