"""Policies whose filters and masks cannot be worked out for some rows, seen and hidden ones.

Such a row is not seen, and such a value is NULL: nothing that a user writes may tell it otherwise.
"""

from __future__ import annotations

import datetime
from decimal import Decimal

from tests.oracle.rows import Row
from tests.oracle.views import CUSTOMERS, EMPLOYEES, ODD, ORDERS, OTHERS, Case, View, rows_where


def _number(text: str | None) -> int | None:
    """A text cast to an integer; None where it is none."""
    try:
        return None if text is None else int(text)
    except ValueError:
        return None


def _more(text: str | None, least: int) -> bool:
    number = _number(text)
    return number is not None and number > least


def _shown_code(code: str) -> str | None:
    number = _number(code)
    return None if number is None else str(number // 3)


def _shares(row: Row) -> bool:
    """What `100 // (qty - 3) > 20` is, of NULL where qty is 3; it rounds down."""
    return bool(row["qty"] != 3 and 100 // (row["qty"] - 3) > 20)


def _leap(day: int) -> datetime.date | None:
    return datetime.date(2024, 2, day) if day <= 29 else None


FAILING = (
    Case(
        "filters that fail",
        """
grants:
  - {to: reader, on: "lake.shop.*", allow: select}
  - {to: reader, on: "lake.hr.*", allow: select}
  - {to: reader, on: "other.**", allow: select}
row_filters:
  - {name: a, on: lake.shop.customers, to: reader, where: "CAST(code AS INTEGER) > 30"}
  - {name: b, on: lake.shop.orders, to: reader, where: "100 // (qty - 3) > 20"}
  - {name: c, on: lake.hr.employees, to: reader,
     where: "make_date(2024, 2, CAST(id AS INTEGER)) > DATE '2024-02-05'"}
  - {name: d, on: other.shop.customers, to: reader, where: "CAST(rank * 40 AS TINYINT) >= 0"}
  - {name: e, on: 'other.shop."Odd Names"', to: reader,
     where: "CAST(\\"select\\" AS INTEGER) IS NULL"}
""",
        {
            CUSTOMERS: rows_where(lambda r: _more(r["code"], 30)),
            ORDERS: rows_where(_shares),
            EMPLOYEES: rows_where(lambda r: 5 < r["id"] <= 29),
            OTHERS: rows_where(lambda r: r["rank"] is not None and 0 <= r["rank"] * 40 <= 127),
            ODD: rows_where(lambda r: r["select"] is None),
        },
    ),
    Case(
        "parts of filters that fail",
        """
grants:
  - {to: reader, on: "lake.shop.*", columns: {except: [code, qty]}, allow: select}
  - {to: reader, on: "lake.hr.*", allow: select}
row_filters:
  - {name: a, on: lake.shop.customers, to: reader, mode: permissive,
     where: "CAST(code AS INTEGER) % 2 = 0"}
  - {name: b, on: lake.shop.customers, to: reader, mode: permissive, where: "score >= 50"}
  - {name: c, on: lake.shop.customers, to: "*", where: "region IS NOT NULL"}
  - {name: d, on: lake.shop.orders, to: reader,
     where: "CASE WHEN region = 'eu' THEN CAST(qty * 40 AS TINYINT) > 50 ELSE status <> 'void' END"}
  - {name: e, on: lake.shop.orders, to: reader,
     where: "CAST(qty * 30 AS TINYINT) < 120 AND qty > 0"}
  - {name: f, on: lake.hr.employees, to: reader,
     where: "NOT (CAST(right(ssn, 3) AS TINYINT) > ${claims.least})"}
""",
        {
            CUSTOMERS: rows_where(
                lambda r: (
                    r["region"] is not None
                    and (
                        (_number(r["code"]) is not None and int(r["code"]) % 2 == 0)
                        or (r["score"] is not None and r["score"] >= 50)
                    )
                ),
                "code",
            ),
            ORDERS: rows_where(
                lambda r: (
                    (2 <= r["qty"] <= 3 if r["region"] == "eu" else r["status"] != "void")
                    and 0 < r["qty"] < 4
                ),
                "qty",
            ),
            EMPLOYEES: rows_where(lambda r: int(r["ssn"][-3:]) <= 100),
        },
        claims={"least": 100},
    ),
    Case(
        "masks that fail",
        """
grants:
  - {to: reader, on: "lake.shop.*", allow: select}
  - {to: reader, on: "lake.hr.*", allow: select}
row_filters:
  - {name: a, on: lake.shop.orders, to: reader, where: "CAST(qty * 20 AS TINYINT) > 20"}
masks:
  - {name: b, on: lake.shop.customers.code, to: reader,
     using: "CAST(CAST(${col} AS INTEGER) // 3 AS VARCHAR)"}
  - {name: c, on: lake.shop.customers.score, to: reader, using: "700 // ${col}"}
  - {name: d, on: lake.shop.customers.address.zip, to: reader,
     using: "CAST(CAST(right(${col}, 3) AS TINYINT) AS VARCHAR)"}
  - {name: e, on: lake.shop.orders.status, to: reader,
     using: "CAST(CASE WHEN qty = 4 THEN CAST(${col} AS INTEGER) END AS VARCHAR)"}
  - {name: f, on: lake.shop.orders.margin, to: reader, using: "CAST(${col} AS DECIMAL(4,2))"}
  - {name: g, on: lake.hr.employees.hired, to: reader,
     using: "make_date(2024, 2, CAST(id AS INTEGER))"}
  - {name: h, on: lake.hr.employees.name, to: reader, using: "${col} || CAST(active AS VARCHAR)"}
""",
        {
            CUSTOMERS: View(
                masks={
                    "code": _shown_code,
                    "score": lambda s: 700 // s if s else None,
                    "address": lambda a: a and {**a, "zip": _small(a["zip"][-3:])},
                }
            ),
            ORDERS: View(
                keep=lambda r: 2 <= r["qty"] <= 6,
                masks={
                    "status": lambda _: None,
                    "margin": lambda m: m if abs(m) < Decimal(100) else None,
                },
            ),
            EMPLOYEES: View(
                made={
                    "hired": lambda r: _leap(r["id"]),
                    "name": lambda r: None if r["active"] is None else _with(r),
                }
            ),
        },
    ),
)


def _with(row: Row) -> str:
    return f"{row['name']}{str(row['active']).lower()}"


def _small(text: str) -> str | None:
    return str(int(text)) if int(text) <= 127 else None
