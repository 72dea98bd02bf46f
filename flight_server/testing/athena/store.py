"""The stand-ins' storage: objects, the Glue catalog and its Iceberg tables, by their own calls."""

from __future__ import annotations

import threading
import uuid
from collections.abc import Iterator
from typing import Any

import boto3
from botocore.config import Config
from pyiceberg.catalog.glue import GlueCatalog

from flight_server.testing.athena.errors import ApiError, StatementFailed

OWN_KEY = "ATHENADOUBLE"
"""The access key of the double itself: its calls are neither logged nor made to fail."""


_SECRET = "testing"  # noqa: S105 - nothing checks it


class Store:
    """S3 and Glue behind one endpoint. Clients are made at first use, when the port answers."""

    def __init__(self, endpoint: str, region: str) -> None:
        self._endpoint, self._region = endpoint, region
        self._lock = threading.Lock()
        self._clients: dict[tuple[str, str], Any] = {}
        self._iceberg: GlueCatalog | None = None
        self.s3: Any = self.client("s3", OWN_KEY)
        self.glue: Any = self.client("glue", OWN_KEY)

    def client(self, service: str, access_key: str) -> Any:
        """A boto3 client of a service, the same one each time: making one takes long."""
        with self._lock:
            made = self._clients.get((service, access_key))
            if made is None:
                made = self._clients[service, access_key] = self._client(service, access_key)
            return made

    def _client(self, service: str, access_key: str) -> Any:
        return boto3.client(
            service,
            endpoint_url=self._endpoint,
            region_name=self._region,
            aws_access_key_id=access_key,
            aws_secret_access_key=_SECRET,
            config=Config(
                max_pool_connections=32,
                retries={"mode": "standard"},
                s3={"addressing_style": "path"},
            ),
        )

    def properties(self, access_key: str) -> dict[str, str]:
        """The properties of pyiceberg's Glue catalog over this store."""
        shared = {"region": self._region, "access-key-id": access_key}
        return {
            f"{prefix}.{name}": value
            for prefix in ("glue", "s3")
            for name, value in {
                **shared,
                "secret-access-key": _SECRET,
                "endpoint": self._endpoint,
            }.items()
        }

    def iceberg(self) -> GlueCatalog:
        """The Iceberg tables of the Glue catalog."""
        with self._lock:
            if self._iceberg is None:
                self._iceberg = GlueCatalog("athena", **self.properties(OWN_KEY))
            return self._iceberg

    def put(self, url: str, data: bytes) -> None:
        """Write an object. Raises `StatementFailed` where there is no such bucket."""
        bucket, key = split(url)
        try:
            self.s3.put_object(Bucket=bucket, Key=key, Body=data)
        except self.s3.exceptions.NoSuchBucket as error:
            raise _denied(url) from error

    def get(self, url: str) -> bytes:
        """The bytes of an object."""
        bucket, key = split(url)
        data: bytes = self.s3.get_object(Bucket=bucket, Key=key)["Body"].read()
        return data

    def delete(self, url: str) -> None:
        """Delete an object."""
        bucket, key = split(url)
        self.s3.delete_object(Bucket=bucket, Key=key)

    def listed(self, url: str) -> Iterator[str]:
        """The objects under a URL."""
        bucket, prefix = split(url)
        pages = self.s3.get_paginator("list_objects_v2")
        for page in pages.paginate(Bucket=bucket, Prefix=prefix):
            for found in page.get("Contents", []):
                yield f"s3://{bucket}/{found['Key']}"

    def data_files(self, url: str) -> list[str]:
        """The data files under a folder: none that is hidden (`_`, `.`) or a folder.

        Raises `StatementFailed` where there is no such bucket.
        """
        try:
            under = list(self.listed(url.rstrip("/") + "/"))
        except self.s3.exceptions.NoSuchBucket as error:
            raise _denied(url) from error
        return [
            found
            for found in under
            if not found.rsplit("/", 1)[-1].startswith(("_", ".")) and not found.endswith("/")
        ]

    def table(self, database: str, name: str) -> dict[str, Any]:
        """A table's entry. Raises `StatementFailed` where there is none."""
        try:
            entry: dict[str, Any] = self.glue.get_table(DatabaseName=database, Name=name)["Table"]
            return entry
        except self.glue.exceptions.EntityNotFoundException as error:
            if not self.has_database(database):
                raise StatementFailed(
                    f"SCHEMA_NOT_FOUND: line 1:15: Schema '{database}' does not exist",
                    error_type=1306,
                ) from error
            raise StatementFailed(
                "TABLE_NOT_FOUND: line 1:15: "
                f"Table 'awsdatacatalog.{database}.{name}' does not exist",
                error_type=1301,
            ) from error

    def has_table(self, database: str, name: str) -> bool:
        """Whether there is a table or a view."""
        try:
            self.glue.get_table(DatabaseName=database, Name=name)
        except self.glue.exceptions.EntityNotFoundException:
            return False
        return True

    def has_database(self, name: str) -> bool:
        """Whether there is a database."""
        try:
            self.glue.get_database(Name=name)
        except self.glue.exceptions.EntityNotFoundException:
            return False
        return True

    def databases(self) -> list[dict[str, Any]]:
        """All databases by name."""
        pages = self.glue.get_paginator("get_databases").paginate()
        found = [database for page in pages for database in page["DatabaseList"]]
        return sorted(found, key=lambda database: str(database["Name"]))

    def tables(self, database: str, expression: str | None = None) -> list[dict[str, Any]]:
        """The tables of a database by name. Raises `ApiError` where there is none."""
        if not self.has_database(database):
            raise entity_not_found(f"Database {database} not found.")
        more = {"Expression": expression} if expression else {}
        pages = self.glue.get_paginator("get_tables").paginate(DatabaseName=database, **more)
        found = [table for page in pages for table in page["TableList"]]
        return sorted(found, key=lambda table: str(table["Name"]))

    def partitions(self, database: str, name: str) -> list[dict[str, Any]]:
        """The partitions of a table."""
        pages = self.glue.get_paginator("get_partitions")
        return [
            partition
            for page in pages.paginate(DatabaseName=database, TableName=name)
            for partition in page["Partitions"]
        ]


def split(url: str) -> tuple[str, str]:
    """The bucket and the key of an S3 URL."""
    bucket, _, key = url.removeprefix("s3://").partition("/")
    return bucket, key


def _denied(url: str) -> StatementFailed:
    return StatementFailed(
        f"Access denied when writing output to url: {url} . "
        "Please ensure you are allowed to access the S3 bucket.",
        error_type=1401,
    )


def entity_not_found(message: str) -> ApiError:
    """How Athena passes on what Glue does not find."""
    return ApiError(
        "MetadataException",
        f"{message} (Service: AmazonDataCatalog; Status Code: 400; "
        f"Error Code: EntityNotFoundException; Request ID: {uuid.uuid4()}; Proxy: null)",
    )
