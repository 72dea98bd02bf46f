"""A small lake with something to hide, its policy, and what of it the restricted user may see.

Everything that is hidden carries a canary: text with `canary` or numbers of two blocks. Canaries of
the files that the user's own tables lie in (`-f-`, 77123…) and all others (`-x-`, 88456…) differ.
"""

from __future__ import annotations

import datetime
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet
import yaml
from pyiceberg.catalog import Catalog, load_catalog
from pyiceberg.table import Table

from auth.passwords import hash_password

# Eve and Wanda have the same rights, hers said by grants and hers by denials; the owner has all.
EVE, WANDA, OWNER = "eve", "wanda", "olga"
PASSWORD = "correct horse battery"
STATEMENT_SECONDS = 10
SECRET = "0123456789abcdef0123456789abcdef"

POLICY = """
version: 1
identity:
  claims: {region: {from: region, type: string}}
roles:
  reader: {groups: [readers]}
  wide: {groups: [widely]}
  owner: {groups: [owners]}
  columns: {groups: [columns]}
  tagged: {groups: [tagged]}
  filtered: {groups: [filtered]}
  opened: {groups: [opened]}
  closed: {groups: [closed]}
  masked: {groups: [masked]}
  both: {groups: [both]}
  regional: {groups: [regional]}
tags:
  - {on: "lake.shop.customers.{ssn,score}", tags: [personal]}
  - {on: "lake.shop.customers.{name,code,level,email,address}", tags: [secret.value]}
  - {on: "lake.shop.orders.margin", tags: [secret.value]}
  - {on: "lake.shop.{salaries,keys,canary_x_table}", tags: [secret.table]}
  - {on: "lake.{vault,canary_x_schema}.*", tags: [secret.table]}
grants:
  - to: reader
    on: lake.shop.customers
    columns: {except: [ssn, score, canary_f_column]}
    allow: select
  - {to: reader, on: lake.shop.orders, columns: {except: [margin, canary_f_cost]}, allow: select}
  - {to: reader, on: lake.ref.regions, allow: select}
  - {to: wide, on: "lake.**", allow: select}
  - {to: "*", on: "tag:personal", deny: select, unless: [owner]}
  - {to: "*", on: "lake.*.*.canary_*", deny: select, unless: [owner]}
  - {to: wide, on: lake.shop.orders, columns: [margin], deny: select}
  - {to: wide, on: "lake.shop.{salaries,keys,canary_x_table}", deny: select}
  - {to: wide, on: "lake.{vault,canary_x_schema}.**", deny: select}
  - {to: owner, on: "**", allow: select}
  # the shapes: each hides by one kind of rule
  - {to: [columns, closed], on: lake.shop.customers, allow: select}
  - {to: columns, on: "lake.shop.customers.{name,code,level,email,address}", deny: select}
  - {to: tagged, on: "lake.**", allow: select}
  - {to: tagged, on: "tag:secret", deny: select}
  - to: [filtered, opened]
    on: lake.shop.customers
    columns: [id, name, region, code, level, joined, address]
    allow: select
  - to: [masked, both]
    on: lake.shop.customers
    columns: [id, name, region, code, level, email, joined]
    allow: select
  - to: [columns, filtered, opened, closed, masked, both]
    on: lake.shop.orders
    columns: {except: [margin]}
    allow: select
  - to: [columns, filtered, opened, closed, masked, both, regional]
    on: "lake.ref.**"
    allow: select
row_filters:
  - {name: raw-names, on: lake.shop.customers, to: both, where: "starts_with(name, 'name-')"}
  - {name: eu, on: lake.shop.customers, to: filtered, where: "region = 'eu'"}
  - name: low
    on: lake.shop.customers
    to: opened
    unless: [reader, wide, owner, columns, tagged, filtered, masked, both]
    mode: permissive
    where: "region = 'eu' AND id < 4"
  - name: middle
    on: lake.shop.customers
    to: opened
    unless: [reader, wide, owner, columns, tagged, filtered, masked, both]
    mode: permissive
    where: "region = 'eu' AND id BETWEEN 3 AND 6"
  - name: region
    on: lake.shop.customers
    to: [reader, wide]
    where: "lower(region) = ${claims.region}"
masks:
  - {name: no-name, on: lake.shop.customers.name, to: [masked, both], using: "'x'"}
  - {name: no-code, on: lake.shop.customers.code, to: [masked, both], using: "'10'"}
  - {name: no-level, on: lake.shop.customers.level, to: [masked, both], using: "id % 3"}
  - {name: no-email, on: lake.shop.customers.email, to: [masked, both], using: "NULL"}
  - name: email
    on: lake.shop.customers.email
    to: [reader, wide]
    using: "regexp_replace(${col}, '^[^@]*', '***')"
"""

_EU = range(1, 7)
_US = range(7, 12)
_NOWHERE = 12


def customers() -> pa.Table:
    """Rows 1 to 6 are permitted; the hidden ones are chosen to make probing expressions fail."""
    rows = []
    for number in (*_EU, *_US, _NOWHERE):
        seen = number in _EU
        rows.append(
            {
                "id": number,
                "name": f"name-{number}" if seen else f"canary-f-name-{number}",
                "region": "eu" if seen else "us" if number in _US else None,
                "code": str(10 + number) if seen else f"canary-f-code-{number}",
                "level": number if seen else 7 + 7_712_300_000 * (number - 7),
                "email": f"canary-f-{number}@mail.test",
                "ssn": f"canary-f-ssn-{number}",
                "score": 7_712_300 + number,
                "joined": datetime.date(2020, 1, number),
                "address": {
                    "city": "Bonn" if seen else "canary-f-city",
                    "zip": f"{50000 + number}",
                },
                "canary_f_column": f"canary-f-{number}",
            }
        )
    fields = [
        ("id", pa.int64()),
        ("name", pa.string()),
        ("region", pa.string()),
        ("code", pa.string()),
        ("level", pa.int64()),
        ("email", pa.string()),
        ("ssn", pa.string()),
        ("score", pa.int64()),
        ("joined", pa.date32()),
        ("address", pa.struct([("city", pa.string()), ("zip", pa.string())])),
        ("canary_f_column", pa.string()),
    ]
    return pa.Table.from_pylist(rows, pa.schema(fields))


def orders() -> pa.Table:
    """All rows are permitted; some are of customers that are hidden."""
    rows = [
        {
            "order_id": 100 + number,
            "customer_id": 1 + number % 12,
            "amount": 10.0 + number,
            "note": f"note-{number % 5}",
            "margin": 7_712_350 + number,
            "canary_f_cost": f"canary-f-cost-{number}",
        }
        for number in range(20)
    ]
    return pa.Table.from_pylist(rows)


def _pairs(**columns: Any) -> pa.Table:
    return pa.table(columns)


REGIONS = {"code": ["eu", "us"], "title": ["Europe", "America"]}
HIDDEN: Mapping[tuple[str, str], pa.Table] = {
    ("shop", "salaries"): _pairs(
        person=[f"canary-x-person-{n}" for n in range(4)], pay=[8_845_600 + n for n in range(4)]
    ),
    ("shop", "keys"): _pairs(v=["canary-x-key"]),
    ("shop", "canary_x_table"): _pairs(v=["canary-x-table"]),
    ("vault", "secrets"): _pairs(k=["canary-x-k"], v=["canary-x-v"]),
    ("canary_x_schema", "things"): _pairs(v=["canary-x-thing"]),
}
# Tables of which an earlier state has names.
STATES = {("lake", "shop", "customers"), ("lake", "shop", "orders"), ("lake", "shop", "salaries")}
DARK: Mapping[tuple[str, str], pa.Table] = {
    ("shop", "customers"): _pairs(id=[8_845_650], name=["canary-x-dark"], region=["eu"]),
    ("deep", "treasure"): _pairs(v=["canary-x-treasure"]),
}


@dataclass(frozen=True)
class Lake:
    """The finished lake: where it is and what statements may be filled with."""

    directory: Path
    config: Path
    places: Mapping[str, str]

    @property
    def outside(self) -> Path:
        """A folder that nothing may be written to."""
        return self.directory / "outside"


def build(directory: Path, port: int) -> Lake:
    """Write the lake, its policy, users and settings; `port` is that of a listener to reach for."""
    outside = directory / "outside"
    outside.mkdir()
    lake = _catalog(directory, "lake")
    own = _fill(
        lake,
        {
            ("shop", "customers"): customers(),
            ("shop", "orders"): orders(),
            ("ref", "regions"): pa.table(REGIONS),
            **HIDDEN,
        },
    )
    _fill(_catalog(directory, "dark"), DARK)
    (directory / "policy.yaml").write_text(POLICY)
    (directory / "users.yaml").write_text(yaml.safe_dump(_users()))
    (directory / "secret").write_text(SECRET)
    (directory / "flight-server.yaml").write_text(yaml.safe_dump(_settings(directory)))
    table = own["shop", "customers"]
    (file,) = [task.file.file_path for task in table.scan().plan_files()]
    (hidden,) = [task.file.file_path for task in own["shop", "salaries"].scan().plan_files()]
    places = {
        "file": file.removeprefix("file://"),
        "hidden_file": hidden.removeprefix("file://"),
        "metadata": table.metadata_location.removeprefix("file://"),
        "warehouse": str(directory / "lake"),
        "catalog_db": str(directory / "lake.db"),
        "outside": str(outside),
        "port": str(port),
        **_host_files(directory),
        **_characters(),
        **_sizes(),
    }
    return Lake(directory, directory / "flight-server.yaml", places)


def _catalog(directory: Path, name: str) -> Catalog:
    (directory / name).mkdir()
    return load_catalog(name, **_properties(directory, name))


def _properties(directory: Path, name: str) -> dict[str, str]:
    return {
        "type": "sql",
        "uri": f"sqlite:///{directory / name}.db",
        "warehouse": f"file://{directory / name}",
    }


def _fill(catalog: Catalog, tables: Mapping[tuple[str, str], pa.Table]) -> dict[Any, Any]:
    made = {}
    for (schema, name), rows in tables.items():
        catalog.create_namespace_if_not_exists(schema)
        table = catalog.create_table((schema, name), rows.schema)
        table.append(rows)
        if (catalog.name, schema, name) in STATES:
            _states(table)
        made[schema, name] = table
    return made


def _states(table: Table) -> None:
    """Names for the first state, in which hidden columns had other names."""
    renamed = {"margin": "gain"}
    known = [field.name for field in table.schema().fields if field.name in renamed]
    for name in known:
        with table.update_schema() as update:
            update.rename_column(name, renamed[name])
        table.overwrite(table.scan().to_arrow())
    snapshot = table.current_snapshot()
    assert snapshot is not None
    manage = table.manage_snapshots()
    manage.create_tag(snapshot.snapshot_id, "first").create_branch(snapshot.snapshot_id, "work")
    manage.commit()
    for name in known:
        with table.update_schema() as update:
            update.rename_column(renamed[name], name)


def _users() -> dict[str, Any]:
    groups = {EVE: "readers", WANDA: "widely", OWNER: "owners"}
    return {
        "version": 1,
        "users": {
            name: {
                "password": hash_password(PASSWORD),
                "groups": [group],
                "claims": {"region": "eu"},
            }
            for name, group in groups.items()
        },
    }


def _settings(directory: Path) -> dict[str, Any]:
    return {
        "server": {"port": 0},
        "auth": {"users": "users.yaml", "session_secret": "file:secret"},
        "policy": {"file": "policy.yaml"},
        "catalogs": {
            name: {**_properties(directory, name), "refresh": 600} for name in ("lake", "dark")
        },
        "seal": {"keys": ["file:secret"]},
        "engine": {"workers": 4, "threads": 2, "memory": "512MiB", "spill": "64MiB"},
        "limits": {"statement": STATEMENT_SECONDS},
        "defaults": {"catalog": "lake", "schema": "shop"},
    }


def _host_files(directory: Path) -> dict[str, str]:
    """Files of the machine that are no table's."""
    text, table = directory / "host.txt", directory / "host.csv"
    text.write_text("canary-x-host\n")
    table.write_text("a,b\n1,canary-x-host\n")
    document = directory / "host.json"
    document.write_text(json.dumps([{"a": "canary-x-host"}]))
    return {"host_text": str(text), "host_csv": str(table), "host_json": str(document)}


def _characters() -> dict[str, str]:
    return {
        "nl": "\n",
        "cr": "\r",
        "tab": "\t",
        "vt": "\v",
        "ff": "\f",
        "nul": "\0",
        "nbsp": "\u00a0",
        "zwsp": "\u200b",
        "bom": "\ufeff",
        "ls": "\u2028",
        "rlo": "\u202e",
        "kelvin": "\u212a",
    }


def _sizes() -> dict[str, str]:
    many = ", ".join(f"c{number}" for number in range(5_000))
    return {
        "brackets": "(" * 50_000,
        "closing": ")" * 50_000,
        "unions": "UNION SELECT 1 " * 50_000,
        "joins": ", customers" * 90_000,
        "minuses": "- " * 400_000,
        "many": many + ", ",
        "tables_of_ctes": ", ".join(f"c{number} AS (SELECT 1)" for number in range(600)),
        "deep_not": "NOT (" * 1_000 + "true" + ")" * 1_000,
    }


Tables = Mapping[tuple[str, str], pa.Table]


def seen() -> Tables:
    """What the restricted users may see."""
    people = customers().filter(pa.compute.equal(customers()["region"], "eu"))
    people = people.drop_columns(["ssn", "score", "canary_f_column"])
    masked = pa.array(["***@mail.test"] * people.num_rows)
    people = people.set_column(people.column_names.index("email"), "email", masked)
    return {
        ("shop", "customers"): people,
        ("shop", "orders"): orders().drop_columns(["margin", "canary_f_cost"]),
        ("ref", "regions"): pa.table(REGIONS),
    }


def oracle(tables: Tables | None = None) -> duckdb.DuckDBPyConnection:
    """A DuckDB that holds only what a user may see, as plain tables. What it answers is right."""
    connection = duckdb.connect(config={"python_enable_replacements": False})
    connection.execute("ATTACH ':memory:' AS lake; CREATE SCHEMA lake.shop")
    for (schema, name), rows in (seen() if tables is None else tables).items():
        connection.execute(f"CREATE SCHEMA IF NOT EXISTS lake.{schema}")
        connection.register("source", rows)
        connection.execute(f"CREATE TABLE lake.{schema}.{name}_rows AS FROM source")
        # a view, as views have no rowid
        connection.execute(f"CREATE VIEW lake.{schema}.{name} AS FROM lake.{schema}.{name}_rows")
        connection.unregister("source")
    connection.execute("USE lake.shop")
    connection.execute("SET TimeZone = 'UTC'")
    return connection
