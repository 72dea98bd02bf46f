"""Policies, each with what its user may see of every table, said a second time in plain Python.

The second telling is the oracle: it is worked out over the raw rows, without the server's code.
"""

from __future__ import annotations

import datetime
from decimal import Decimal

import pyarrow as pa

from tests.oracle import lake
from tests.oracle.fallible import FAILING
from tests.oracle.rows import UTC, Row
from tests.oracle.views import (
    CUSTOMERS,
    EMPLOYEES,
    EMPTY,
    MARKET,
    ODD,
    ORDERS,
    OTHERS,
    REGIONS,
    Case,
    View,
    all_of,
    any_of,
    digest,
    hide,
    hundreds,
    is_in,
    month,
    more_than,
    null,
    rows_where,
    starred,
    thousands,
    whole,
)

_ALL = whole(*lake.SCHEMAS)
_ALLOW = '- {to: reader, on: "lake.**", allow: select}'
_LAKE = {name: view for name, view in _ALL.items() if name.startswith("lake.")}

_POLICIES = (
    Case("all", 'grants: [{to: owner, on: "**", allow: select}]', _ALL, groups=("owners",)),
    Case("nothing", 'grants: [{to: owner, on: "**", allow: select}]', {}),
    Case(
        "columns",
        """
grants:
  - {to: reader, on: lake.shop.customers, columns: {except: [ssn, code, "e*"]}, allow: select}
  - {to: reader, on: lake.shop.orders, columns: [order_id, customer_id, qty, items], allow: select}
  - {to: reader, on: "lake.ref.*", allow: select}
  - {to: reader, on: 'other.shop."Odd Names".{id,größe,select}', allow: select}
""",
        {
            CUSTOMERS: hide("ssn", "code", "email"),
            ORDERS: hide(
                "region", "amount", "margin", "discount", "status", "placed", "due", "marks"
            ),
            **whole(REGIONS, EMPTY),
            ODD: hide('a"b', "counts"),
        },
    ),
    Case(
        "tags",
        f"""
tags:
  - {{on: "*.*.*.ssn", tags: [pii.high]}}
  - {{on: "lake.shop.customers.{{email,name}}", tags: [pii.contact]}}
  - {{on: "lake.hr.employees.salary", tags: [money]}}
  - {{on: "other.**", tags: [foreign]}}
grants:
  {_ALLOW}
  - {{to: reader, on: "tag:foreign", allow: select}}
  - {{to: "*", on: "tag:pii", deny: select, unless: [owner]}}
  - {{to: "*", on: "tag:money", deny: select, unless: [chief]}}
""",
        {
            **_ALL,
            CUSTOMERS: hide("ssn", "email", "name"),
            EMPLOYEES: hide("ssn", "salary"),
        },
    ),
    Case(
        "deny over allow",
        f"""
grants:
  - {{to: "*", on: "lake.shop.orders.{{margin,marks}}", deny: select}}
  - {{to: "*", on: "lake.hr.**", deny: select, unless: [owner]}}
  {_ALLOW}
  - {{to: reader, on: "lake.shop.orders", allow: select}}
  - {{to: reader, on: "lake.shop.orders.margin", allow: select}}
  - {{to: reader, on: "lake.ref.empty", columns: [id, note], deny: select}}
  - {{to: lead, on: "lake.shop.customers", deny: select}}
""",
        {
            **{n: v for n, v in _LAKE.items() if n not in (EMPLOYEES, EMPTY)},
            ORDERS: hide("margin", "marks"),
        },
    ),
    Case(
        "restrictive filters",
        f"""
grants:
  {_ALLOW}
row_filters:
  - {{name: a, on: "lake.shop.*", to: reader, where: "region IN ('eu', 'us')"}}
  - {{name: b, on: lake.shop.customers, to: "*", where: "score > 10"}}
  - {{name: c, on: lake.shop.orders, to: "*", unless: [reader], where: "false"}}
  - {{name: d, on: lake.hr.employees, to: reader, where: "NOT (team = 'legal') AND active"}}
""",
        {
            **_LAKE,
            CUSTOMERS: rows_where(all_of(is_in("region", "eu", "us"), more_than("score", 10))),
            ORDERS: rows_where(is_in("region", "eu", "us")),
            EMPLOYEES: rows_where(lambda r: r["team"] != "legal" and r["active"]),
        },
    ),
    Case(
        "permissive filters",
        f"""
grants:
  {_ALLOW}
row_filters:
  - {{name: a, on: lake.shop.customers, to: reader, mode: permissive, where: "region = 'eu'"}}
  - {{name: b, on: lake.shop.customers, to: reader, mode: permissive, where: "score >= 70"}}
  - {{name: c, on: lake.shop.orders, to: chief, mode: permissive, where: "qty > 0"}}
  - {{name: d, on: lake.hr.employees, to: chief, mode: permissive, where: "true",
     unless: [reader]}}
""",
        {
            **_LAKE,
            CUSTOMERS: rows_where(any_of(is_in("region", "eu"), more_than("score", 69))),
            ORDERS: rows_where(lambda _: False),
        },
    ),
    Case(
        "permissive and restrictive",
        f"""
grants:
  {_ALLOW}
row_filters:
  - {{name: a, on: "lake.shop.*", to: reader, mode: permissive, where: "region IS NULL"}}
  - {{name: b, on: "lake.shop.*", to: reader, mode: permissive, where: "region LIKE '%s'"}}
  - {{name: c, on: lake.shop.customers, to: reader, where: "address.city <> 'Bonn'"}}
  - {{name: d, on: lake.shop.orders, to: reader, where: "qty % 2 = 0 AND len(items) < 3"}}
""",
        {
            **_LAKE,
            CUSTOMERS: rows_where(
                lambda r: (
                    r["region"] in (None, "us")
                    and r["address"] is not None
                    and r["address"]["city"] not in (None, "Bonn")
                )
            ),
            ORDERS: rows_where(
                lambda r: r["region"] in (None, "us") and r["qty"] % 2 == 0 and len(r["items"]) < 3
            ),
        },
    ),
    Case(
        "masks",
        f"""
tags: [{{on: "*.*.*.ssn", tags: [secret]}}]
grants:
  {_ALLOW}
masks:
  - {{name: mail, on: "lake.shop.customers.email", to: "*",
     using: "regexp_replace(${{col}}, '^[^@]*', '***')"}}
  - {{name: secret, on: "tag:secret", to: "*", unless: [owner], using: "sha256(${{col}})"}}
  - {{name: joined, on: "lake.shop.customers.joined", to: "*",
     using: "date_trunc('month', ${{col}})"}}
  - {{name: nothing, on: "lake.shop.customers.{{address,tags}}", to: reader, using: "NULL"}}
  - {{name: coded, on: "lake.shop.customers.code", to: reader, priority: 2, using: "'0'"}}
  - {{name: other, on: "lake.shop.customers.c*", to: reader, priority: 1, using: "NULL"}}
  - {{name: cut, on: "lake.shop.orders.amount", to: reader,
     using: "CASE WHEN ${{col}} > 500 THEN 500 ELSE ${{col}} END"}}
  - {{name: seen, on: "lake.shop.customers.seen", to: reader,
     using: "TIMESTAMPTZ '2024-01-01 00:00:00+00'"}}
""",
        {
            **_LAKE,
            CUSTOMERS: View(
                masks={
                    "email": starred,
                    "ssn": digest,
                    "joined": month,
                    "address": null,
                    "tags": null,
                    "code": lambda _: "0",
                    "seen": lambda _: datetime.datetime(2024, 1, 1, tzinfo=UTC),
                }
            ),
            ORDERS: View(masks={"amount": lambda a: None if a is None else min(a, Decimal(500))}),
            EMPLOYEES: View(masks={"ssn": digest}),
        },
    ),
    Case(
        "masks over filtered rows",
        """
grants:
  - {to: reader, on: "lake.shop.*", columns: {except: [ssn, margin]}, allow: select}
row_filters:
  - {name: a, on: lake.shop.customers, to: reader, where: "ends_with(email, 'mail1.test')"}
  - {name: b, on: lake.shop.orders, to: reader, where: "margin > 20 OR status = 'paid'"}
masks:
  - {name: mail, on: lake.shop.customers.email, to: reader, using: "concat(region, '@', ${col})"}
  - {name: status, on: lake.shop.orders.status, to: reader, using: "upper(left(${col}, 1))"}
  - {name: id, on: "lake.shop.*.*_id", to: reader, using: "${col} % 10"}
""",
        {
            CUSTOMERS: View(
                frozenset({"ssn"}),
                lambda r: (r["email"] or "").endswith("mail1.test"),
                made={"email": lambda r: f"{r['region'] or ''}@{r['email']}"},
            ),
            ORDERS: View(
                frozenset({"margin"}),
                lambda r: r["margin"] > 20 or r["status"] == "paid",
                {
                    "status": lambda s: s[0].upper(),
                    "order_id": lambda i: i % 10,
                    "customer_id": lambda i: None if i is None else i % 10,
                },
            ),
        },
    ),
    Case(
        "claims",
        f"""
grants:
  {_ALLOW}
row_filters:
  - {{name: a, on: lake.shop.customers, to: reader, where: "region IN (${{claims.regions}})"}}
  - {{name: b, on: lake.shop.customers, to: reader, where: "joined >= ${{claims.since}}"}}
  - {{name: c, on: lake.shop.orders, to: reader, where: "list_contains(${{claims.levels}}, qty)"}}
  - {{name: d, on: lake.hr.employees, to: reader, where: "salary > ${{claims.least}}"}}
masks:
  - {{name: e, on: lake.shop.orders.status, to: reader, using: "${{claims.region}}"}}
""",
        {
            **_LAKE,
            CUSTOMERS: rows_where(
                lambda r: (
                    r["region"] in ("eu", "apac")
                    and r["joined"] is not None
                    and r["joined"] >= datetime.date(2023, 9, 1)
                )
            ),
            ORDERS: View(keep=is_in("qty", 1, 4, 8), masks={"status": lambda _: "it's' OR 1=1 --"}),
            EMPLOYEES: rows_where(more_than("salary", 4000)),
        },
        claims={
            "regions": ["eu", "apac", "x' OR true --"],
            "since": "2023-09-01",
            "levels": [1, 4, 8],
            "least": 4000,
            "region": "it's' OR 1=1 --",
        },
    ),
    Case(
        "empty claims",
        f"""
grants:
  {_ALLOW}
row_filters:
  - {{name: a, on: lake.shop.customers, to: reader, where: "region IN (${{claims.regions}})"}}
  - {{name: b, on: lake.shop.orders, to: reader,
     where: "NOT (region IN (${{claims.regions}}))"}}
  - {{name: c, on: lake.hr.employees, to: reader, mode: permissive,
     where: "team = ${{claims.region}}"}}
  - {{name: d, on: lake.hr.employees, to: reader, mode: permissive, where: "id < 9"}}
""",
        {
            **_LAKE,
            CUSTOMERS: rows_where(lambda _: False),
            ORDERS: rows_where(lambda _: False),
            EMPLOYEES: rows_where(lambda r: r["id"] < 9),
        },
        claims={"regions": [], "region": ""},
    ),
    Case(
        "missing claims",
        f"""
grants:
  {_ALLOW}
row_filters:
  - {{name: a, on: lake.shop.customers, to: reader,
     where: "region IS NULL OR region = ${{claims.region}}"}}
  - {{name: b, on: lake.shop.orders, to: reader, mode: permissive,
     where: "qty < ${{claims.least}} OR true"}}
  - {{name: c, on: lake.shop.orders, to: reader, mode: permissive, where: "status = 'open'"}}
masks:
  - {{name: d, on: lake.hr.employees.name, to: reader, using: "concat(${{claims.region}}, '!')"}}
""",
        {
            **_LAKE,
            CUSTOMERS: rows_where(lambda _: False),
            ORDERS: rows_where(is_in("status", "open")),
            EMPLOYEES: View(masks={"name": null}),
        },
        claims={"region": 5, "least": "7", "Region": "eu"},
    ),
    Case(
        "included roles",
        """
grants:
  - {to: reader, on: "lake.ref.*", allow: select}
  - {to: reader, on: lake.shop.orders, columns: [order_id, customer_id, amount], allow: select}
  - {to: lead, on: lake.shop.orders, columns: [region, placed], allow: select}
  - {to: chief, on: "lake.hr.**", allow: select}
  - {to: owner, on: "lake.shop.**", allow: select}
  - {to: reader, on: lake.hr.employees.ssn, deny: select}
row_filters:
  - {name: a, on: lake.shop.orders, to: reader, unless: [lead], where: "false"}
  - {name: b, on: lake.shop.orders, to: lead, where: "qty <> 3"}
  - {name: c, on: lake.hr.employees, to: owner, where: "false"}
masks:
  - {name: d, on: lake.hr.employees.salary, to: reader, unless: [owner], using: "round(${col}, -3)"}
""",
        {
            **whole(REGIONS, EMPTY),
            ORDERS: rows_where(
                lambda r: r["qty"] != 3,
                *(
                    set(lake.SCHEMAS[ORDERS].names)
                    - {"order_id", "customer_id", "amount", "region", "placed"}
                ),
            ),
            EMPLOYEES: View(frozenset({"ssn"}), masks={"salary": lambda s: thousands(s)}),
        },
        groups=("chiefs", "nobody"),
    ),
    Case(
        "structs and lists hidden",
        """
grants:
  - {to: reader, on: "lake.shop.*", allow: select}
  - {to: reader, on: "other.**", allow: select}
  - {to: "*", on: "lake.shop.*.{address,items}", deny: select}
  - {to: "*", on: 'other.shop."Odd Names".counts', deny: select}
row_filters:
  - {name: a, on: lake.shop.customers, to: reader, where: "address.geo.lat > 3"}
  - {name: b, on: lake.shop.orders, to: reader, where: "items[1].sku = 's1'"}
  - {name: c, on: 'other.shop."Odd Names"', to: reader, where: "map_contains(counts, 'vip')"}
""",
        {
            CUSTOMERS: rows_where(
                lambda r: (
                    r["address"] is not None
                    and r["address"]["geo"] is not None
                    and r["address"]["geo"]["lat"] > 3
                ),
                "address",
            ),
            ORDERS: rows_where(
                lambda r: bool(r["items"]) and r["items"][0]["sku"] == "s1", "items"
            ),
            OTHERS: View(),
            ODD: rows_where(lambda r: "vip" in dict(r["counts"]), "counts"),
        },
    ),
    Case(
        "conflicting masks",
        f"""
grants:
  {_ALLOW}
masks:
  - {{name: a, on: lake.shop.customers.email, to: reader, using: "NULL"}}
  - {{name: b, on: lake.shop.customers.email, to: "*", using: "'x'"}}
  - {{name: c, on: lake.shop.customers.ssn, to: reader, using: "'s'"}}
  - {{name: d, on: "lake.shop.customers.ss*", to: reader, using: "'s'"}}
  - {{name: e, on: lake.shop.orders.qty, to: reader, priority: 5, using: "${{col}} + 1"}}
  - {{name: f, on: lake.shop.orders.qty, to: reader, priority: 5, using: "${{col}} + 2"}}
  - {{name: g, on: lake.shop.orders.qty, to: reader, priority: 9, using: "-${{col}}"}}
  - {{name: h, on: lake.shop.orders.due, to: reader, using: "${{col}} + 1"}}
  - {{name: i, on: lake.shop.orders.due, to: lead, using: "${{col}} + 2"}}
  - {{name: j, on: lake.hr.employees.name, to: reader, using: "lower(${{col}})"}}
  - {{name: k, on: lake.hr.employees.name, to: "*", unless: [reader], using: "NULL"}}
""",
        {
            **_LAKE,
            CUSTOMERS: View(frozenset({"email"}), masks={"ssn": lambda _: "s"}),
            ORDERS: View(
                masks={"qty": lambda q: -q, "due": lambda d: d + datetime.timedelta(days=1)}
            ),
            EMPLOYEES: View(masks={"name": lambda n: n.lower()}),
        },
    ),
    Case(
        "two catalogs",
        """
grants:
  - {to: reader, on: "*.shop.customers", columns: {except: [ssn, rank]}, allow: select}
  - {to: reader, on: "other.shop.*", columns: {except: [name]}, allow: select}
  - {to: "*", on: "other.*.*.{rank,select}", deny: select}
row_filters:
  - {name: a, on: "*.*.customers", to: reader, where: "region = 'us'"}
  - {name: b, on: lake.shop.customers, to: reader, where: "id <> 5"}
masks:
  - {name: c, on: other.shop.customers.name, to: reader, using: "reverse(${col})"}
""",
        {
            CUSTOMERS: rows_where(lambda r: r["region"] == "us" and r["id"] != 5, "ssn"),
            OTHERS: View(
                frozenset({"rank"}),
                is_in("region", "us"),
                {"name": lambda n: n[::-1]},
            ),
            ODD: hide("select"),
        },
    ),
    Case(
        "moments",
        """
grants:
  - {to: reader, on: "lake.shop.*", columns: {except: [placed, seen]}, allow: select}
row_filters:
  - {name: a, on: lake.shop.orders, to: reader,
     where: "placed BETWEEN TIMESTAMP '2024-03-05 06:00:00' AND TIMESTAMP '2024-03-25 00:00:00'"}
  - {name: b, on: lake.shop.customers, to: reader,
     where: "CAST(seen AT TIME ZONE 'UTC' AS DATE) >= DATE '2024-03-10'"}
masks:
  - {name: c, on: lake.shop.orders.due, to: reader, using: "make_date(year(${col}), 1, 1)"}
  - {name: d, on: lake.shop.orders.discount, to: reader, using: "coalesce(${col}, 0) / 2"}
""",
        {
            CUSTOMERS: rows_where(lambda r: r["seen"].date() >= datetime.date(2024, 3, 10), "seen"),
            ORDERS: View(
                frozenset({"placed"}),
                lambda r: (
                    r["placed"] is not None
                    and datetime.datetime(2024, 3, 5, 6)
                    <= r["placed"]
                    <= datetime.datetime(2024, 3, 25)
                ),
                {
                    "due": lambda d: d.replace(month=1, day=1),
                    "discount": lambda d: (d or 0) / 2,
                },
            ),
        },
    ),
    Case(
        "market",
        """
grants:
  - {to: reader, on: "lake.market.*", allow: select}
  - {to: "*", on: "lake.market.*.{o_clerk,p_mfgr,l_tax}", deny: select}
row_filters:
  - {name: a, on: lake.market.lineitem, to: reader, where: "l_shipmode <> 'SHIP'"}
  - {name: b, on: lake.market.orders, to: reader, mode: permissive, where: "o_orderstatus = 'F'"}
  - {name: c, on: lake.market.orders, to: reader, mode: permissive, where: "o_custkey % 2 = 0"}
  - {name: d, on: lake.market.nation, to: reader, where: "n_name <> 'EGYPT'"}
masks:
  - {name: e, on: lake.market.customer.c_acctbal, to: reader, using: "round(${col}, -2)"}
  - {name: f, on: lake.market.supplier.s_phone, to: reader, using: "left(${col}, 2)"}
""",
        {
            **whole(*MARKET),
            "lake.market.part": hide("p_mfgr"),
            "lake.market.lineitem": rows_where(lambda r: r["l_shipmode"] != "SHIP", "l_tax"),
            "lake.market.orders": rows_where(
                lambda r: r["o_orderstatus"] == "F" or r["o_custkey"] % 2 == 0, "o_clerk"
            ),
            "lake.market.nation": rows_where(lambda r: r["n_name"] != "EGYPT"),
            "lake.market.customer": View(masks={"c_acctbal": lambda b: hundreds(b)}),
            "lake.market.supplier": View(masks={"s_phone": lambda p: p[:2]}),
        },
    ),
)


_LOOKUPS = Case(
    "lookups",
    """
lookups: {acl: {table: lake.sec.acl}}
grants:
  - {to: reader, on: "lake.shop.*", allow: select}
  - {to: reader, on: "lake.hr.*", allow: select}
row_filters:
  - {name: a, on: lake.shop.customers, to: reader,
     where: "region IN (SELECT region FROM acl WHERE member = ${claims.member})"}
  - {name: b, on: lake.shop.orders, to: reader,
     where: "EXISTS (SELECT 1 FROM acl WHERE acl.region = orders.region AND orders.qty < acl.top)"}
  - {name: c, on: lake.hr.employees, to: reader,
     where: "team NOT IN (SELECT region FROM acl WHERE member = 'bob' AND region IS NOT NULL)"}
masks:
  - {name: d, on: lake.hr.employees.salary, to: reader,
     using: "CASE WHEN team IN (SELECT region FROM acl WHERE member = ${claims.member})
             THEN ${col} END"}
""",
    {
        CUSTOMERS: rows_where(is_in("region", "eu", "apac")),
        ORDERS: rows_where(
            lambda r: (
                (r["region"] == "eu" and r["qty"] < 4)
                or (r["region"] == "apac" and r["qty"] < 7)
                or r["region"] == "us"
            )
        ),
        EMPLOYEES: View(
            keep=lambda r: r["team"] != "sales",
            made={"salary": lambda r: r["salary"] if r["team"] == "ops" else None},
        ),
    },
    claims={"member": "ann"},
)


def _city_only(address: Row | None) -> Row | None:
    """An address as one sees it who may see the city, in capitals, and the longitude."""
    if address is None:
        return None
    city, geo = address["city"], address["geo"]
    return {
        "city": None if city is None else city.upper(),
        "geo": None if geo is None else {"lon": geo["lon"]},
    }


_FIELDS = Case(
    "fields of structs",
    """
grants:
  - {to: reader, on: "lake.shop.*", allow: select}
  - {to: reader, on: other.shop.customers, allow: select}
  - {to: "*", on: lake.shop.customers.address.zip, deny: select}
  - {to: "*", on: lake.shop.customers.address.geo.lat, deny: select}
  - {to: "*", on: lake.shop.orders.items.sku, deny: select}
row_filters:
  - {name: a, on: lake.shop.customers, to: reader, where: "address.zip <> '10003' OR id < 5"}
masks:
  - {name: b, on: lake.shop.customers.address.city, to: reader, using: "upper(${col})"}
""",
    {
        CUSTOMERS: View(
            keep=lambda r: (
                r["id"] < 5 or (r["address"] is not None and r["address"]["zip"] != "10003")
            ),
            masks={"address": _city_only},
            types={
                "address": pa.struct(
                    [("city", pa.string()), ("geo", pa.struct([("lon", pa.float64())]))]
                )
            },
        ),
        ORDERS: hide("items"),
        OTHERS: View(),
    },
)
CASES = (*_POLICIES, _LOOKUPS, _FIELDS, *FAILING)
