"""Metadata tables of tables of version 3, in local files and on S3, through the service."""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from adbc_driver_flightsql import dbapi
from pyiceberg.catalog.sql import SqlCatalog

from auth.passwords import hash_password
from tests.iceberg import fixtures
from tests.object_store import BUCKET, ObjectStore, object_store
from tests.servers import Server, serving

KINDS = ("files", "history", "manifests", "partitions", "refs", "snapshots")
TABLES = ("deleted_v3", "equality_vectors", "evolved_v3", "plain_v3", "types_v3", "vector_parted")
# Of each table one column is hidden; one table is divided by it.
HIDDEN = {"evolved_v3": "b", "types_v3": "c1", "vector_parted": "id", "plain_v3": "a"}
HIDDEN |= {"deleted_v3": "v", "equality_vectors": "a"}
POLICY = """\
version: 1
roles: {reader: {groups: [readers]}, owner: {groups: [owners]}}
grants:
  - {to: "*", on: "**", allow: select}
""" + "".join(
    f'  - {{to: reader, on: "*.s.{table}.{column}", deny: select}}\n'
    for table, column in HIDDEN.items()
)


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ObjectStore]:
    with object_store(tmp_path_factory.mktemp("store")) as running:
        yield running


@pytest.fixture(scope="module")
def server(store: ObjectStore) -> Iterator[Server]:
    directory = Path(tempfile.mkdtemp(prefix="fm-", dir="/tmp"))  # the length of its name matters
    try:
        near, far = fixtures.place(str(directory)), fixtures.place(BUCKET, "s3://")
        catalogs = {
            "near": _catalog(directory, "near", near, Path(near)),
            "far": _catalog(directory, "far", far, store.object(far)) | store.properties(),
        }
        users = {
            name: {"password": hash_password("correct horse"), "groups": [group]}
            for name, group in (("ada", "readers"), ("olga", "owners"))
        }
        settings = {
            "policy": {"file": "policy.yaml"},
            "auth": {"users": "users.yaml"},
            "engine": {"workers": 2, "spare": 1, "cache_directory": "copies"},
            "catalogs": catalogs,
        }
        (directory / "policy.yaml").write_text(POLICY)
        (directory / "users.yaml").write_text(json.dumps({"version": 1, "users": users}))
        logins = {name: {"password": "correct horse"} for name in users}
        (directory / "credentials.json").write_text(json.dumps(logins))
        (directory / "flight-server.yaml").write_text(json.dumps(settings))
        with serving(directory) as running:
            yield running
    finally:
        shutil.rmtree(directory)


def _catalog(directory: Path, name: str, location: str, folder: Path) -> dict[str, Any]:
    uri = f"sqlite:///{directory}/{name}.db"
    with closing(SqlCatalog(name, uri=uri, warehouse=location)) as catalog:
        catalog.create_namespace("s")
        for table in TABLES:
            metadata = fixtures.unpack(table, location, folder)
            with catalog.engine.begin() as connection:
                connection.exec_driver_sql(
                    "INSERT INTO iceberg_tables (catalog_name, table_namespace, table_name,"
                    " metadata_location, iceberg_type) VALUES (?, 's', ?, ?, 'TABLE')",
                    (name, table, metadata),
                )
    return {"type": "sql", "uri": uri}


def _rows(server: Server, user: str, table: str) -> list[dict[str, Any]]:
    with server.connect(user) as connection, connection.cursor() as cursor:
        cursor.execute(f"SELECT * FROM {table}")
        found: list[dict[str, Any]] = cursor.fetch_arrow_table().to_pylist()
        return found


@pytest.mark.parametrize("table", TABLES)
def test_all_of_them_are_told_alike_wherever_the_table_lies(server: Server, table: str) -> None:
    for kind in KINDS:
        near, far = (
            _rows(server, "olga", f'{place}.s."{table}${kind}"') for place in ("near", "far")
        )
        assert near == far
        assert near or kind == "partitions"
    files = _rows(server, "olga", f'far.s."{table}$files"')
    stored = [file["record_count"] for file in files if file["content"] == 0]
    (count,) = _rows(server, "olga", f"(SELECT count(*) AS n FROM far.s.{table})")
    assert sum(stored) >= count["n"]
    assert any(dict(file["value_counts"]).get(HIDDEN[table]) for file in files)


@pytest.mark.parametrize("place", ["near", "far"])
@pytest.mark.parametrize("table", TABLES)
def test_nothing_is_told_of_a_hidden_column(server: Server, table: str, place: str) -> None:
    for kind in KINDS:
        name = f'{place}.s."{table}${kind}"'
        if (table, kind) == ("vector_parted", "files"):
            with pytest.raises(dbapi.Error, match="TABLE_NOT_FOUND"):
                _rows(server, "ada", name)  # its files are groups of the hidden values
            continue
        for row in _rows(server, "ada", name):
            maps = [dict(value) for value in row.values() if _is_map(value)]
            assert not [key for each in maps for key in each if _tells(key, table)]
            assert not row.get("partition_summaries") or table != "vector_parted"
            sizes = ("file_size_in_bytes", "total_size", "length")
            assert not [size for size in sizes if row.get(size) is not None]


def _is_map(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(each, tuple) for each in value)


def _tells(key: str, table: str) -> bool:
    hidden = HIDDEN[table]
    return key == hidden or key.startswith((f"{hidden}.", f"{hidden}_bucket"))
