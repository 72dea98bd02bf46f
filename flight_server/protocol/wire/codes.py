"""The numbers of Flight SQL that travel as plain integers: SqlInfo, XDBC types and their values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum
from types import MappingProxyType


class Wide(int):
    """A value that travels as int64; drivers cast without looking, so it matters which."""


def words(text: str) -> tuple[str, ...]:
    """The words of a text."""
    return tuple(text.split())


class Convert(IntEnum):
    """Types as SQL_SUPPORTS_CONVERT numbers them."""

    BIGINT = 0
    BINARY = 1
    BIT = 2
    CHAR = 3
    DATE = 4
    DECIMAL = 5
    FLOAT = 6
    INTEGER = 7
    INTERVAL_DAY_TIME = 8
    INTERVAL_YEAR_MONTH = 9
    LONGVARBINARY = 10
    LONGVARCHAR = 11
    NUMERIC = 12
    REAL = 13
    SMALLINT = 14
    TIME = 15
    TIMESTAMP = 16
    TINYINT = 17
    VARBINARY = 18
    VARCHAR = 19


_NUMBERS = (
    Convert.BIGINT,
    Convert.DECIMAL,
    Convert.FLOAT,
    Convert.INTEGER,
    Convert.NUMERIC,
    Convert.REAL,
    Convert.SMALLINT,
    Convert.TINYINT,
)
_TEXTS = (Convert.CHAR, Convert.LONGVARCHAR, Convert.VARCHAR)
_INTERVALS = (Convert.INTERVAL_DAY_TIME, Convert.INTERVAL_YEAR_MONTH)
_BYTES = (Convert.BINARY, Convert.LONGVARBINARY, Convert.VARBINARY)


def _conversions() -> Mapping[int, tuple[int, ...]]:
    """From each type the types that the engine's CAST reaches."""
    reached: dict[int, tuple[int, ...]] = {
        Convert.BIT: (Convert.BIT, *_NUMBERS, *_TEXTS),
        Convert.DATE: (Convert.DATE, Convert.TIMESTAMP, *_TEXTS),
        Convert.TIME: (Convert.TIME, *_TEXTS),
        Convert.TIMESTAMP: (Convert.DATE, Convert.TIME, Convert.TIMESTAMP, *_TEXTS),
    }
    reached |= dict.fromkeys(_INTERVALS, (*_INTERVALS, *_TEXTS))
    reached |= dict.fromkeys(_NUMBERS, (Convert.BIT, *_NUMBERS, *_TEXTS))
    reached |= dict.fromkeys(_BYTES, (*_BYTES, *_TEXTS))
    reached |= dict.fromkeys(_TEXTS, tuple(Convert))
    return MappingProxyType({code: tuple(sorted(to)) for code, to in sorted(reached.items())})


# The words that must be quoted to be a name.
KEYWORDS = words(
    """
    ALL ANALYSE ANALYZE AND ANY ARRAY AS ASC ASYMMETRIC BOTH CASE CAST CHECK COLLATE COLUMN
    CONSTRAINT CREATE DEFAULT DEFERRABLE DESC DESCRIBE DISTINCT DO ELSE END EXCEPT FALSE FETCH FOR
    FOREIGN FROM GROUP HAVING IN INITIALLY INTERSECT INTO LAMBDA LATERAL LEADING LIMIT NOT NULL
    OFFSET ON ONLY OR ORDER PIVOT PIVOT_LONGER PIVOT_WIDER PLACING PRIMARY QUALIFY REFERENCES
    RETURNING SELECT SHOW SOME SUMMARIZE SYMMETRIC TABLE THEN TO TRAILING TRUE UNION UNIQUE UNPIVOT
    USING VARIADIC WHEN WHERE WINDOW WITH
    """
)

# Functions by the names that drivers translate their escapes to; each is one that may be called.
NUMERIC_FUNCTIONS = words(
    """
    abs acos asin atan atan2 cbrt ceil ceiling cos cot degrees even exp factorial floor gcd greatest
    lcm least ln log log10 log2 mod pi pow power radians round sign sin sqrt tan trunc
    """
)
STRING_FUNCTIONS = words(
    """
    ascii bit_length char_length chr concat concat_ws contains ends_with instr lcase left length
    levenshtein lower lpad ltrim md5 position regexp_extract regexp_matches regexp_replace repeat
    replace reverse right rpad rtrim sha256 split_part starts_with string_split strlen substring
    translate trim ucase unicode upper
    """
)
SYSTEM_FUNCTIONS = words("coalesce ifnull nullif typeof")
DATETIME_FUNCTIONS = words(
    """
    age current_date date_add date_diff date_part date_sub date_trunc day dayname dayofmonth
    dayofweek dayofyear epoch hour last_day make_date make_time make_timestamp minute month
    monthname now quarter second strftime strptime time_bucket to_timestamp today week year
    """
)

CASE_INSENSITIVE = 1
NULLS_AT_END = 3
NO_LIMIT = Wide(0)


def bits(*numbers: int) -> int:
    """A bit mask of enum numbers."""
    return sum(1 << number for number in numbers)


@dataclass(frozen=True, slots=True)
class Facts:
    """What SqlInfo tells that is not the same on every server. Limits are counts."""

    name: str
    version: str
    arrow_version: str
    statement_seconds: float
    statement_length: int
    tables: int
    cancels: bool


def sql_info(facts: Facts) -> dict[int, object]:
    """Every SqlInfo code with its value, true for this server.

    No code may be missing and none added: drivers fail on a missing one, on one they do not know,
    and on a value in the wrong child of the union.
    """
    return {
        **_server(facts),
        **_language(),
        **_features(),
        **dict.fromkeys((*range(541, 556), *range(557, 562)), NO_LIMIT),
        557: Wide(facts.statement_length),  # characters
        560: Wide(facts.tables),  # in one statement
        **_transactions(),
    }


def _server(facts: Facts) -> dict[int, object]:
    return {
        0: facts.name,
        1: facts.version,
        2: facts.arrow_version,
        3: True,  # read only
        4: True,  # SQL
        5: False,  # Substrait
        6: "",  # Substrait, least version
        7: "",  # Substrait, greatest version
        8: 0,  # transactions: none
        9: facts.cancels,  # by the action CancelQuery
        10: False,  # bulk ingestion
        11: False,  # transactions in ingestion
        100: min(int(facts.statement_seconds * 1000), 2**31 - 1),  # statement timeout, ms
        101: 0,  # transaction timeout, ms
    }


def _language() -> dict[int, object]:
    return {
        500: False,  # DDL: catalogs
        501: False,  # DDL: schemas
        502: False,  # DDL: tables
        503: CASE_INSENSITIVE,  # identifiers
        504: '"',  # quotes an identifier
        505: CASE_INSENSITIVE,  # quoted identifiers
        506: True,  # all listed tables can be selected
        507: NULLS_AT_END,
        508: KEYWORDS,
        509: NUMERIC_FUNCTIONS,
        510: STRING_FUNCTIONS,
        511: SYSTEM_FUNCTIONS,
        512: DATETIME_FUNCTIONS,
        513: "\\",  # escapes wildcards in patterns
        514: "$",  # further characters of plain identifiers
        515: True,  # column aliases
        516: True,  # NULL + NULL is NULL
        517: _conversions(),
        518: True,  # table aliases
        519: False,  # table aliases must differ from table names
        520: True,  # expressions in ORDER BY
        521: True,  # ORDER BY columns that are not selected
        522: bits(0, 1),  # GROUP BY: unrelated and beyond SELECT
        523: True,  # LIKE ... ESCAPE
        524: True,  # columns may be NOT NULL
        525: bits(0, 1),  # ODBC grammar: minimum and core
        526: bits(0),  # SQL-92: entry
        527: False,  # integrity enhancement
        528: bits(1, 2),  # outer joins: limited and full
    }


def _features() -> dict[int, object]:
    return {
        529: "schema",
        530: "procedure",
        531: "catalog",
        532: True,  # the catalog stands before the name
        533: 0,  # where schema names may stand besides queries
        534: 0,  # where catalog names may stand besides queries
        535: 0,  # positioned commands
        536: False,  # SELECT FOR UPDATE
        537: False,  # stored procedures
        538: bits(0, 1, 2, 3),  # subqueries: comparisons, EXISTS, IN, quantified
        539: True,  # correlated subqueries
        540: bits(0, 1),  # UNION and UNION ALL
        556: False,  # the row limit includes large objects
    }


def _transactions() -> dict[int, object]:
    return {
        562: Wide(0),  # default isolation: none; int64 for both JDBC and ODBC
        563: False,  # transactions
        564: bits(0),  # isolation levels: none
        565: False,  # DDL commits
        566: False,  # DDL is ignored in transactions
        567: bits(1),  # result sets: forward only
        568: 0,  # concurrency of unspecified result sets
        569: bits(1),  # concurrency of forward-only result sets: read only
        570: 0,  # concurrency of scroll-sensitive result sets
        571: 0,  # concurrency of scroll-insensitive result sets
        572: False,  # batch updates
        573: False,  # savepoints
        574: False,  # named parameters
        575: False,  # locators
        576: False,  # functions by call syntax
    }
