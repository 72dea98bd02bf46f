"""The types that this server returns, in the terms of ODBC's and JDBC's type info."""

from __future__ import annotations

from dataclasses import dataclass

# the numbers of XdbcDataType in the Flight SQL protocol, which are ODBC's
_DECIMAL, _INTEGER, _SMALLINT, _REAL, _DOUBLE, _DATETIME, _INTERVAL = 3, 4, 5, 7, 8, 9, 10
_VARCHAR = 12
_LONGVARBINARY, _BIGINT, _TINYINT, _BIT = -4, -5, -6, -7

# with their XdbcDatetimeSubcode
_DATE, _TIME, _TIMESTAMP, _TIMESTAMP_TZ = (91, 1), (92, 2), (93, 3), (93, 5)
_LITERAL_WORDS = {"TIMESTAMP WITH TIME ZONE": "TIMESTAMPTZ"}

NULLABLE = 1
SEARCHABLE_NONE, SEARCHABLE_CHAR, SEARCHABLE_BASIC, SEARCHABLE_FULL = 0, 1, 2, 3
UNBOUNDED = 2**31 - 1  # the size of what has no bound but memory's


@dataclass(frozen=True, slots=True)
class XdbcType:
    """One row of the type info, with the columns of GetXdbcTypeInfo in their order."""

    type_name: str
    data_type: int
    column_size: int | None = None
    literal_prefix: str | None = None
    literal_suffix: str | None = None
    create_params: tuple[str, ...] | None = None
    nullable: int = NULLABLE
    case_sensitive: bool = False
    searchable: int = SEARCHABLE_BASIC
    unsigned_attribute: bool | None = None
    fixed_prec_scale: bool = False
    auto_increment: bool | None = None
    local_type_name: str | None = None
    minimum_scale: int | None = None
    maximum_scale: int | None = None
    sql_data_type: int = 0
    datetime_subcode: int | None = None
    num_prec_radix: int | None = None
    interval_precision: int | None = None


def _number(
    name: str, data_type: int, digits: int, *, unsigned: bool = False, exact: bool = True
) -> XdbcType:
    return XdbcType(
        type_name=name,
        data_type=data_type,
        column_size=digits,
        unsigned_attribute=unsigned,
        auto_increment=False,
        local_type_name=name,
        minimum_scale=0 if exact else None,
        maximum_scale=0 if exact else None,
        sql_data_type=data_type,
        num_prec_radix=10,
    )


def _moment(kind: tuple[int, int], name: str, size: int, *, digits: int | None) -> XdbcType:
    """`size` is the length as text, `digits` those of the fraction of a second."""
    data_type, subcode = kind
    word = _LITERAL_WORDS.get(name, name)
    return XdbcType(
        type_name=name,
        data_type=data_type,
        column_size=size,
        literal_prefix=f"{word} '",
        literal_suffix="'",
        local_type_name=name,
        minimum_scale=digits,
        maximum_scale=digits,
        sql_data_type=_DATETIME,
        datetime_subcode=subcode,
    )


def _text(name: str, *, size: int | None = UNBOUNDED) -> XdbcType:
    return XdbcType(
        type_name=name,
        data_type=_VARCHAR,
        column_size=size,
        literal_prefix="'",
        literal_suffix="'",
        case_sensitive=True,
        searchable=SEARCHABLE_FULL,
        local_type_name=name,
        sql_data_type=_VARCHAR,
    )


def _nested(name: str) -> XdbcType:
    """Neither ODBC nor the protocol has numbers for these; drivers show them as text."""
    return XdbcType(
        type_name=name,
        data_type=_VARCHAR,
        column_size=UNBOUNDED,
        case_sensitive=True,
        searchable=SEARCHABLE_NONE,
        local_type_name=name,
        sql_data_type=_VARCHAR,
    )


# sorted by `data_type`, the closest first, as ODBC wants it: whoever asks for VARCHAR takes the
# first row of that number
XDBC_TYPES: tuple[XdbcType, ...] = (
    XdbcType("BOOLEAN", _BIT, 1, local_type_name="BOOLEAN", sql_data_type=_BIT),
    _number("TINYINT", _TINYINT, 3),
    _number("UTINYINT", _TINYINT, 3, unsigned=True),
    _number("BIGINT", _BIGINT, 19),
    _number("UBIGINT", _BIGINT, 20, unsigned=True),
    XdbcType(
        type_name="BLOB",
        data_type=_LONGVARBINARY,
        column_size=UNBOUNDED,
        literal_prefix="from_hex('",
        literal_suffix="')",
        local_type_name="BLOB",
        sql_data_type=_LONGVARBINARY,
    ),
    XdbcType(
        type_name="DECIMAL",
        data_type=_DECIMAL,
        column_size=38,
        create_params=("precision", "scale"),
        unsigned_attribute=False,
        auto_increment=False,
        local_type_name="DECIMAL",
        minimum_scale=0,
        maximum_scale=38,
        sql_data_type=_DECIMAL,
        num_prec_radix=10,
    ),
    _number("INTEGER", _INTEGER, 10),
    _number("UINTEGER", _INTEGER, 10, unsigned=True),
    _number("SMALLINT", _SMALLINT, 5),
    _number("USMALLINT", _SMALLINT, 5, unsigned=True),
    _number("FLOAT", _REAL, 7, exact=False),
    _number("DOUBLE", _DOUBLE, 15, exact=False),
    XdbcType(
        type_name="INTERVAL",
        data_type=_INTERVAL,
        column_size=UNBOUNDED,
        literal_prefix="INTERVAL '",
        literal_suffix="'",
        local_type_name="INTERVAL",
        sql_data_type=_INTERVAL,
    ),
    _text("VARCHAR"),
    _text("JSON"),
    _text("UUID", size=36),
    _text('"NULL"', size=0),
    _nested("LIST"),
    _nested("ARRAY"),
    _nested("STRUCT"),
    _nested("MAP"),
    _nested("UNION"),
    _moment(_DATE, "DATE", 10, digits=None),
    _moment(_TIME, "TIME", 15, digits=6),
    _moment(_TIME, "TIME_NS", 18, digits=9),
    _moment(_TIMESTAMP, "TIMESTAMP", 26, digits=6),
    _moment(_TIMESTAMP, "TIMESTAMP_S", 19, digits=0),
    _moment(_TIMESTAMP, "TIMESTAMP_MS", 23, digits=3),
    _moment(_TIMESTAMP, "TIMESTAMP_NS", 29, digits=9),
    _moment(_TIMESTAMP_TZ, "TIMESTAMP WITH TIME ZONE", 32, digits=6),
    _moment(_TIMESTAMP_TZ, "TIMESTAMPTZ_NS", 35, digits=9),
)
