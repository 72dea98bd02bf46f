"""Values as the JDBC driver reads and binds them."""

from __future__ import annotations

from typing import Any

# What a value is to the driver: its SQL type, the class of its object and what is read.
VALUES: dict[str, tuple[str, str | None, Any]] = {
    "1::TINYINT": ("TINYINT", "Byte", 1),
    "-2::SMALLINT": ("SMALLINT", "Short", -2),
    "3::INTEGER": ("INTEGER", "Integer", 3),
    "9223372036854775807": ("BIGINT", "Long", 9223372036854775807),
    "5::HUGEINT": ("DECIMAL", "BigDecimal", "5"),
    "1.5::FLOAT": ("FLOAT", "Double", 1.5),
    "-2.5::DOUBLE": ("DOUBLE", "Double", -2.5),
    "1.50::DECIMAL(10, 2)": ("DECIMAL", "BigDecimal", "1.50"),
    "-99999999999999999999999999999999999.999::DECIMAL(38, 3)": (
        "DECIMAL",
        "BigDecimal",
        "-99999999999999999999999999999999999.999",
    ),
    "true": ("BOOLEAN", "Boolean", True),
    "'häß€😀'": ("VARCHAR", "String", "häß€😀"),
    "''": ("VARCHAR", "String", ""),
    "'abc'::BLOB": ("VARBINARY", "byte[]", "abc"),
    "DATE '2024-02-29'": ("DATE", "Date", "2024-02-29"),
    "NULL::INTEGER": ("INTEGER", None, None),
    "NULL::DECIMAL(10, 2)": ("DECIMAL", None, None),
    "NULL::TIMESTAMP": ("TIMESTAMP", None, None),
    "[1, NULL, 3]": ("ARRAY", "ArrowFlightJdbcArray", [1, None, 3]),
    "['a', 'b']": ("ARRAY", "ArrowFlightJdbcArray", ["a", "b"]),
    "[[1], [2, 3]]": ("ARRAY", "ArrowFlightJdbcArray", [[1], [2, 3]]),
    "{'x': 1, 'y': 'z'}": ("JAVA_OBJECT", "JsonStringHashMap", {"x": 1, "y": "z"}),
    "MAP {'k': 1}": ("JAVA_OBJECT", "JsonStringHashMap", {"k": 1}),
    "INTERVAL 1 MONTH": ("JAVA_OBJECT", "PeriodDuration", "P1M PT0S"),
}

# A parameter's place in a statement, the setter and its value, and what is read back as text.
BOUND: dict[str, tuple[str, str, str | None]] = {
    "tinyint": ("?::TINYINT", "setByte:3", "3"),
    "smallint": ("?::SMALLINT", "setShort:-3", "-3"),
    "integer": ("?::INTEGER", "setInt:5", "5"),
    "integer as bigint": ("?::BIGINT", "setInt:5", "5"),
    "bigint": ("?::BIGINT", "setLong:9223372036854775807", "9223372036854775807"),
    "bigint as integer": ("?::INTEGER", "setLong:5", "5"),
    "float": ("?::FLOAT", "setFloat:1.5", "1.5"),
    "double": ("?::DOUBLE", "setDouble:-2.5", "-2.5"),
    "decimal": ("?::DECIMAL(10, 2)", "setBigDecimal:1.25", "1.25"),
    "boolean": ("?::BOOLEAN", "setBoolean:true", "true"),
    "text": ("?", "setString:häß€", "häß€"),
    "varchar": ("?::VARCHAR", "setString:x", "x"),
    "object": ("?::VARCHAR", "setObject:x", "x"),
    "binary": ("octet_length(?::BLOB)", "setBytes:abc", "3"),
    "date": ("?::DATE", "setDate:2024-02-29", "2024-02-29"),
    "time": ("?::TIME::VARCHAR", "setTime:12:34:56", "12:34:56"),
    "timestamp": (
        "?::TIMESTAMP",
        "setTimestamp:2024-02-29 12:34:56.789",
        "2024-02-29 12:34:56.789",
    ),
    "null integer": ("?::INTEGER", "setNull:", None),
    "null varchar": ("?", "setNullVarchar:", None),
    "null timestamp": ("?::TIMESTAMP", "setNull:", None),
}

# A filter over transactions with a bound value, and the same with a literal.
FILTERS = {
    "price > ?": ("setBigDecimal:100.0000", "price > 100"),
    "trade_date > ?": ("setDate:2022-06-30", "trade_date > DATE '2022-06-30'"),
    "settled_at > ?": ("setTimestamp:2022-06-30 00:00:00", "settled_at > TIMESTAMP '2022-06-30'"),
    "side = ?": ("setString:buy", "side = 'buy'"),
    "portfolio_id IN (?)": ("setInt:1", "portfolio_id IN (1)"),
    "portfolio_id BETWEEN 1 AND ?": ("setInt:2", "portfolio_id BETWEEN 1 AND 2"),
    "transaction_id < ?": ("setLong:100", "transaction_id < 100"),
    "currency LIKE ?": ("setString:U_D", "currency LIKE 'U_D'"),
}
