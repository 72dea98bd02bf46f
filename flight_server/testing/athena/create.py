"""CREATE TABLE of Hive and Iceberg, empty or of a query's rows, and partitions that are added."""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field

import pyarrow as pa
import sqlglot
from sqlglot import exp
from sqlglot.errors import SqlglotError

from flight_server.testing.athena.errors import StatementFailed
from flight_server.testing.athena.files import metadata_bytes
from flight_server.testing.athena.formats import FORMATS, file_bytes, hive_name
from flight_server.testing.athena.functions import check_functions
from flight_server.testing.athena.query import Query, bind
from flight_server.testing.athena.statement import Result, Statement
from flight_server.testing.athena.tables import arrow_schema, duckdb_type
from flight_server.testing.athena.unload import check
from flight_server.testing.athena.utility import written
from flight_server.testing.athena.values import count_info

_FLAGS = re.IGNORECASE | re.DOTALL
_ADD = re.compile(
    r"ALTER\s+TABLE\s+(\S+)\s+ADD\s+(IF\s+NOT\s+EXISTS\s+)?(PARTITION\s*\(.*)", _FLAGS
)
_PARTITION = re.compile(r"PARTITION\s*\(([^)]*)\)\s*(?:LOCATION\s*'([^']*)')?", _FLAGS)
_VALUE = re.compile(r"[`\"]?(\w+)[`\"]?\s*=\s*(?:'([^']*)'|([^,\s]+))")
_BODY = re.compile(r"\bAS\s+((?:SELECT|WITH|\().*)", _FLAGS)


@dataclass(slots=True)
class _Wish:
    """What the properties of a CREATE TABLE ask for."""

    location: str | None = None
    format: str = "text"
    comment: str | None = None
    serde: dict[str, str] = field(default_factory=dict)
    more: dict[str, str] = field(default_factory=dict)
    keys: list[dict[str, str]] = field(default_factory=list)
    partitioned: bool = False

    @property
    def is_iceberg(self) -> bool:
        """Whether the table is to be one of Iceberg."""
        return self.more.get("table_type", "").upper() == "ICEBERG"


def create_table(text: str, statement: Statement) -> Result:
    """Make a table. Raises `StatementFailed`."""
    try:
        tree = sqlglot.parse_one(text, read="athena")
    except SqlglotError as error:
        raise StatementFailed(f"FAILED: ParseException line 1:0 {error}") from error
    table = tree.find(exp.Table)
    if not isinstance(tree, exp.Create) or table is None:
        raise StatementFailed("FAILED: ParseException line 1:0 cannot recognize input")
    database, name = (table.db or statement.database).lower(), table.name.lower()
    store = statement.around.store
    if not store.has_database(database):
        raise StatementFailed(f"FAILED: SemanticException Database does not exist: {database}")
    if store.has_table(database, name):
        if not tree.args.get("exists"):
            raise StatementFailed(
                f"FAILED: Execution Error: AlreadyExistsException: Table {name} already exists."
            )
        return written(statement, [], [])
    wish = _wish(tree)
    if tree.expression is not None:
        return _of_query(text, tree, (database, name), wish, statement)
    columns = list(_columns(tree.this))
    if wish.is_iceberg:
        named = [(column["Name"], duckdb_type(column["Type"])) for column in columns]
        _make_iceberg((database, name), arrow_schema(statement.connection, named), wish, statement)
    else:
        if not wish.location:
            raise StatementFailed("FAILED: SemanticException no table location provided")
        _make_hive((database, name), columns, wish, statement)
    return written(statement, [], [])


def add_partitions(text: str, statement: Statement) -> Result | None:
    """Run ALTER TABLE … ADD PARTITION; None for another statement. Raises `StatementFailed`."""
    found = _ADD.fullmatch(text)
    if found is None:
        return None
    store = statement.around.store
    parts = [part.strip('`"').lower() for part in found[1].split(".")]
    database, name = (parts[-2] if len(parts) > 1 else statement.database), parts[-1]
    entry = store.table(database, name)
    for given, location in _PARTITION.findall(found[3]):
        values = {key.lower(): text or bare for key, text, bare in _VALUE.findall(given)}
        keys = [key["Name"] for key in entry.get("PartitionKeys") or []]
        steps = "".join(f"/{key}={values[key]}" for key in keys)
        place = location or entry["StorageDescriptor"]["Location"] + steps
        described = entry["StorageDescriptor"] | {"Location": place.rstrip("/")}
        try:
            store.glue.create_partition(
                DatabaseName=database,
                TableName=name,
                PartitionInput={
                    "Values": [values[key] for key in keys],
                    "StorageDescriptor": described,
                },
            )
        except store.glue.exceptions.AlreadyExistsException as error:
            if not found[2]:
                raise StatementFailed(
                    "FAILED: Execution Error: AlreadyExistsException: Partition already exists."
                ) from error
    return written(statement, [], [])


def iceberg_rows(rows: pa.Table) -> pa.Table:
    """Rows in types that Iceberg has."""
    return rows.cast(pa.schema([pa.field(f.name, _iceberg_type(f.type)) for f in rows.schema]))


def counted(statement: Statement, count: int) -> Result:
    """What is told of a statement that wrote rows."""
    manifest = statement.place("-manifest.csv")
    if manifest is not None:
        statement.around.store.put(manifest, b"")
        place = manifest.removesuffix("-manifest.csv") + ".metadata"
        statement.around.store.put(place, metadata_bytes([count_info()]))
    return Result(
        columns=[count_info()],
        update_count=count,
        location=statement.place(""),
        manifest=manifest,
    )


def _of_query(
    text: str, tree: exp.Create, name: tuple[str, str], wish: _Wish, statement: Statement
) -> Result:
    body = _BODY.search(text)
    if statement.around.strict and body is not None:
        check_functions(body[1])
    query = bind(tree.expression, statement)
    if wish.partitioned:
        raise StatementFailed("NOT_SUPPORTED: the double makes no partitioned tables of a query")
    if wish.is_iceberg:
        rows = query.table(statement)
        _make_iceberg(name, rows.schema, wish, statement)
        statement.around.store.iceberg().load_table(name).append(iceberg_rows(rows))
        return counted(statement, len(rows))
    return counted(statement, _hive_of_query(query, name, wish, statement))


def _hive_of_query(query: Query, name: tuple[str, str], wish: _Wish, statement: Statement) -> int:
    """Make a Hive table of a query; how many rows it has."""
    check(query)
    file_format = "parquet" if wish.format == "default" else wish.format
    own = f"{(statement.output or 's3://').rstrip('/')}/tables/{statement.id}"
    place = (wish.location or own).rstrip("/")
    store = statement.around.store
    if store.data_files(place):
        raise StatementFailed(
            f"HIVE_PATH_ALREADY_EXISTS: Target directory for table '{'.'.join(name)}' already "
            f"exists: {place}. You may need to manually clean the data at location '{place}' "
            "before retrying. Athena will not delete data in your account."
        )
    rows = query.table(statement)
    columns = [{"Name": f.name, "Type": hive_name(f.type)} for f in rows.schema]
    wish.format, wish.location = file_format, place
    store.put(f"{place}/{uuid.uuid4()}", file_bytes(rows, file_format))
    _make_hive(name, columns, wish, statement)
    return len(rows)


def _make_iceberg(
    name: tuple[str, str], schema: pa.Schema, wish: _Wish, statement: Statement
) -> None:
    if wish.partitioned:
        raise StatementFailed("NOT_SUPPORTED: the double makes no partitioned Iceberg tables")
    if not wish.location:
        raise StatementFailed("INVALID_TABLE_PROPERTY: location is needed for an Iceberg table")
    shape = pa.schema([pa.field(f.name, _iceberg_type(f.type)) for f in schema])
    statement.around.store.iceberg().create_table(
        name, schema=shape, location=wish.location.rstrip("/")
    )


def _make_hive(
    name: tuple[str, str], columns: list[dict[str, str]], wish: _Wish, statement: Statement
) -> None:
    if wish.format not in FORMATS:
        raise StatementFailed(f"NOT_SUPPORTED: the double makes no tables of {wish.format}")
    described = FORMATS[wish.format].described()
    described["SerdeInfo"]["Parameters"].update(wish.serde)
    comment = {"comment": wish.comment} if wish.comment else {}
    statement.around.store.glue.create_table(
        DatabaseName=name[0],
        TableInput={
            "Name": name[1],
            "TableType": "EXTERNAL_TABLE",
            "Parameters": {"EXTERNAL": "TRUE", **comment, **wish.more},
            "PartitionKeys": wish.keys,
            "StorageDescriptor": {
                "Columns": columns,
                "Location": (wish.location or "").rstrip("/"),
                **described,
            },
        },
    )


def _columns(schema: exp.Expr) -> Iterator[dict[str, str]]:
    """The columns of a definition as Glue has them."""
    for column in schema.expressions:
        if not isinstance(column, exp.ColumnDef):
            continue
        shown = {"Name": column.name.lower(), "Type": _hive_text(column.args["kind"])}
        for constraint in column.args.get("constraints") or ():
            if isinstance(constraint.kind, exp.CommentColumnConstraint):
                shown["Comment"] = constraint.kind.this.name
        yield shown


def _hive_text(of: exp.DataType) -> str:
    text = of.sql("hive").lower()
    return re.sub(r"\s*([:,<>()])\s*", r"\1", text)


def _wish(tree: exp.Create) -> _Wish:
    wish = _Wish(format="default" if tree.expression is not None else "text")
    properties = tree.args.get("properties")
    for each in properties.expressions if properties else ():
        if isinstance(each, exp.LocationProperty):
            wish.location = each.this.name
        elif isinstance(each, exp.SchemaCommentProperty):
            wish.comment = each.this.name
        elif isinstance(each, exp.FileFormatProperty):
            wish.format = _format(each.this)
        elif isinstance(each, exp.RowFormatDelimitedProperty) and each.args.get("fields"):
            delimiter = each.args["fields"].name
            wish.serde |= {"field.delim": delimiter, "serialization.format": delimiter}
            if each.args.get("lines"):
                wish.serde["line.delim"] = each.args["lines"].name
        elif isinstance(each, exp.RowFormatSerdeProperty):
            wish.format = _format_of(each.this.name)
            given = each.args.get("serde_properties")
            for pair in given.expressions if given else ():
                wish.serde[pair.this.name] = pair.args["value"].name
        elif isinstance(each, exp.PartitionedByProperty):
            wish.partitioned = True
            wish.keys = list(_columns(each.this))
        elif type(each) is exp.Property:
            wish.more[each.this.name.lower()] = str(each.args["value"].name)
    for word in ("external_location", "location"):
        wish.location = wish.more.pop(word, wish.location)
    return wish


def _format(named: exp.Expr) -> str:
    if isinstance(named, exp.InputOutputFormat):
        return _format_of(named.args["input_format"].name)
    name = named.name.lower()
    return "text" if name == "textfile" else name


def _format_of(java: str) -> str:
    """The format that a Java class is of; its own name where it is none of ours."""
    known = (name for name, form in FORMATS.items() if java in (form.serde, form.reads))
    return next(known, java)


def _iceberg_type(of: pa.DataType) -> pa.DataType:
    if pa.types.is_int8(of) or pa.types.is_int16(of):
        return pa.int32()
    if pa.types.is_timestamp(of):
        return pa.timestamp("us", of.tz)
    if pa.types.is_list(of):
        return pa.list_(_iceberg_type(of.value_type))
    if pa.types.is_map(of):
        return pa.map_(_iceberg_type(of.key_type), _iceberg_type(of.item_type))
    if pa.types.is_struct(of):
        return pa.struct([pa.field(f.name, _iceberg_type(f.type)) for f in of])
    return of
