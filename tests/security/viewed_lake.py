"""The lake again, with a view in the place of each table; what is read is inside of them.

With the rights of a definer, the tables inside are hidden and the policy of the lake is that of the
views. With those of readers, the views are open to all and the policy is that of what is inside.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pyarrow as pa
import yaml
from pyiceberg.catalog import Catalog, load_catalog
from pyiceberg.schema import Schema
from pyiceberg.table import Table

from tests.catalog.rest_server import RestCatalogServer, rest_catalog
from tests.security import warehouse
from tests.security.warehouse import DARK, HIDDEN, POLICY, REGIONS, Lake

CALLER, DEFINER = "caller", "definer"
# Where what is inside lies: where readers have rights on it, its name is none that hides.
_PREFIX = {CALLER: "base_", DEFINER: "canary_x_"}
_SCHEMAS = ("shop", "ref", "vault", "canary_x_schema")
_NAMED = re.compile(r"\blake\.(shop|ref)\b|\blake\.\{vault,canary_x_schema\}")

# Nobody but the owner may know of what is inside, whose rights the definer has.
_CLOSED = '  - {to: "*", on: "lake.canary_x_{shop,ref,vault,canary_x_schema}.**", deny: select,'
_CLOSED += " unless: [owner]}\n"
_OPEN = '  - {to: "*", on: "lake.{shop,ref,vault,canary_x_schema}.**", allow: select}\n'


def tables() -> Mapping[tuple[str, str], pa.Table]:
    """What is inside, by the names of the views: more columns and rows than any view shows."""
    shown = {
        ("shop", "customers"): warehouse.customers(),
        ("shop", "orders"): warehouse.orders(),
        ("ref", "regions"): pa.table(REGIONS),
        **HIDDEN,
    }
    return {name: _more(rows) for name, rows in shown.items()}


def _more(rows: pa.Table) -> pa.Table:
    """The rows, and hidden ones that are in no view, with a column that is in none."""
    first = rows.slice(0, 1).to_pylist()[0]
    hidden = {
        name: f"canary-f-more-{name}" for name, value in first.items() if isinstance(value, str)
    }
    more = pa.Table.from_pylist([first | hidden], rows.schema)
    rows = pa.concat_tables([rows, more])
    inner = [None] * (rows.num_rows - 1) + ["canary-f-inner"]
    return rows.append_column("canary_x_inner", pa.array(inner, pa.string()))


@contextmanager
def viewed_lake(
    directory: Path, port: int, rights: str
) -> Iterator[tuple[Lake, RestCatalogServer]]:
    """Write and serve the lake; `rights` are those of readers or of a definer."""
    with closing(_catalog(directory, "lake")) as source, rest_catalog(source) as server:
        server.config["defaults"] = {"view-endpoints-supported": "true"}
        made = {name: _view(source, server, name, rows, rights) for name, rows in tables().items()}
        with closing(_catalog(directory, "dark")) as dark:
            for (schema, name), rows in DARK.items():
                dark.create_namespace_if_not_exists(schema)
                dark.create_table((schema, name), rows.schema).append(rows)
        lake = _settled(directory, port, rights, server, made)
        yield lake, server


def _catalog(directory: Path, name: str) -> Catalog:
    (directory / name).mkdir()
    return load_catalog(
        name,
        type="sql",
        uri=f"sqlite:///{directory / name}.db",
        warehouse=f"file://{directory / name}",
    )


def _view(
    source: Catalog,
    server: RestCatalogServer,
    name: tuple[str, str],
    rows: pa.Table,
    rights: str,
) -> Table:
    """A table with its view, which shows readers what they may see and anybody else all."""
    schema, last = name
    place = f"{_PREFIX[rights]}{schema}"
    source.create_namespace_if_not_exists(schema)
    source.create_namespace_if_not_exists(place)
    table = source.create_table((place, last), rows.schema)
    table.append(rows)
    columns = [field for field in table.schema().fields if field.name != "canary_x_inner"]
    where = " WHERE canary_x_inner IS NULL"
    if rights == CALLER:
        seen = warehouse.seen().get(name)
        columns = [field for field in columns if seen is None or field.name in seen.column_names]
        where = ""
    text = f"SELECT {', '.join(field.name for field in columns)} FROM lake.{place}.{last}{where}"
    server.view(f"{schema}.{last}", Schema(*columns), ("duckdb", text))
    return table


def policy(rights: str) -> str:
    """The policy of the lake: of the views, or of what is inside of them."""
    if rights == DEFINER:
        return POLICY.replace("row_filters:\n", f"{_CLOSED}row_filters:\n")
    prefix = _PREFIX[rights]
    moved = _NAMED.sub(
        lambda found: (
            f"lake.{prefix}{found[1]}"
            if found[1]
            else f"lake.{{{prefix}vault,{prefix}canary_x_schema}}"
        ),
        POLICY,
    )
    # the rows that the views of a definer leave out
    return moved.replace("row_filters:\n", f"{_OPEN}row_filters:\n{_INNER}")


_INNER = """\
  - {name: inner, on: "lake.base_*.*", to: "*", where: "canary_x_inner IS NULL", unless: [owner]}
"""


def _settled(
    directory: Path, port: int, rights: str, server: RestCatalogServer, made: Mapping[Any, Table]
) -> Lake:
    """What a server over it is started with."""
    settings = warehouse._settings(directory)
    lake = {**server.properties, "refresh": 600}
    if rights == DEFINER:
        lake |= {"views": "definer", "definer": "etl", "definer_groups": ["owners"]}
    settings["catalogs"]["lake"] = lake
    (directory / "outside").mkdir()
    (directory / "policy.yaml").write_text(policy(rights))
    (directory / "users.yaml").write_text(yaml.safe_dump(warehouse._users()))
    (directory / "secret").write_text(warehouse.SECRET)
    (directory / "flight-server.yaml").write_text(yaml.safe_dump(settings))
    table, secret = made["shop", "customers"], made["shop", "salaries"]
    files = [next(iter(each.scan().plan_files())).file.file_path for each in (table, secret)]
    places = {
        "file": files[0].removeprefix("file://"),
        "hidden_file": files[1].removeprefix("file://"),
        "metadata": table.metadata_location.removeprefix("file://"),
        "warehouse": str(directory / "lake"),
        "catalog_db": str(directory / "lake.db"),
        "outside": str(directory / "outside"),
        "port": str(port),
        **warehouse._host_files(directory),
        **warehouse._characters(),
        **warehouse._sizes(),
    }
    return Lake(directory, directory / "flight-server.yaml", places)
