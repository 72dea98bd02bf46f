"""What Glue, or Athena for data catalogs of other kinds, tells of databases and tables."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Protocol

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

GLUE_CATALOG = "AwsDataCatalog"

_ABSENT = frozenset({"EntityNotFoundException", "MetadataException"})
_NOT_THERE = ("not found", "does not exist")
_TRIES = 2


def _nothing() -> Mapping[str, str]:
    return MappingProxyType({})


@dataclass(frozen=True, slots=True)
class EntryColumn:
    """A column as its source writes it; `type` is Hive's."""

    name: str
    type: str
    comment: str


@dataclass(frozen=True, slots=True)
class Entry:
    """A table or view of a database; partition keys come after the other columns."""

    name: str
    kind: str
    columns: tuple[EntryColumn, ...]
    partition_keys: tuple[EntryColumn, ...] = ()
    parameters: Mapping[str, str] = field(default_factory=_nothing)
    description: str = ""
    owner: str = ""
    location: str = ""

    @property
    def is_iceberg(self) -> bool:
        """Whether it is an Iceberg table, which says more of itself than its entry does."""
        return self.parameters.get("table_type", "").lower() == "iceberg"

    @property
    def is_view(self) -> bool:
        """Whether it is a view, whose text Athena keeps."""
        return self.kind == "VIRTUAL_VIEW"


class Source(Protocol):
    """Databases and their tables. Raises what botocore raises."""

    def databases(self) -> Sequence[str]:
        """The names of all databases."""
        ...

    def tables(self, database: str) -> Sequence[Entry]:
        """All tables and views of a database; none where there is no such database."""
        ...

    def table(self, database: str, name: str) -> Entry | None:
        """One table or view; None where there is none."""
        ...


def open_source(properties: Mapping[str, str], data_catalog: str, timeout: float) -> Source:
    """The source of a data catalog; nothing is asked yet.

    `properties` are those of pyiceberg's Glue catalogs, so that one set opens both.
    """
    session = boto3.Session(
        profile_name=properties.get("glue.profile-name") or properties.get("client.profile-name"),
        region_name=properties.get("glue.region") or properties.get("client.region"),
        aws_access_key_id=_credential(properties, "access-key-id"),
        aws_secret_access_key=_credential(properties, "secret-access-key"),
        aws_session_token=_credential(properties, "session-token"),
    )
    config = Config(
        connect_timeout=timeout,
        read_timeout=timeout,
        retries={"mode": "standard", "total_max_attempts": _TRIES},
    )
    if data_catalog == GLUE_CATALOG:
        glue = session.client("glue", endpoint_url=properties.get("glue.endpoint"), config=config)
        return _Asked(glue, _GLUE, {"CatalogId": properties.get("glue.id")})
    endpoint = properties.get("athena.endpoint") or properties.get("glue.endpoint")
    athena = session.client("athena", endpoint_url=endpoint, config=config)
    workgroup = properties.get("athena.workgroup")
    return _Asked(athena, _ATHENA, {"CatalogName": data_catalog, "WorkGroup": workgroup})


def _credential(properties: Mapping[str, str], name: str) -> str | None:
    return properties.get(f"glue.{name}") or properties.get(f"client.{name}")


@dataclass(frozen=True, slots=True)
class _Calls:
    """One of the two ways to ask: each call with what its answer holds."""

    databases: tuple[str, str]
    tables: tuple[str, str]
    table: tuple[str, str]
    name: str
    entry: Callable[[Mapping[str, Any]], Entry]


class _Asked:
    """A data catalog that is asked by such calls; see `Source`. `place` goes with each of them."""

    def __init__(self, client: Any, calls: _Calls, place: Mapping[str, str | None]) -> None:
        self._client = client
        self._calls = calls
        self._place = {key: value for key, value in place.items() if value is not None}

    def databases(self) -> Sequence[str]:
        """The names of all databases."""
        return [each["Name"] for each in self._listed(self._calls.databases)]

    def tables(self, database: str) -> Sequence[Entry]:
        """All tables and views of a database; none where there is no such database."""
        try:
            listed = list(self._listed(self._calls.tables, DatabaseName=database))
        except ClientError as error:
            if _is_absent(error):
                return []
            raise
        return [self._calls.entry(each) for each in listed]

    def table(self, database: str, name: str) -> Entry | None:
        """One table or view; None where there is none."""
        call, held = self._calls.table
        asked = {"DatabaseName": database, self._calls.name: name, **self._place}
        try:
            answer = getattr(self._client, call)(**asked)
        except ClientError as error:
            if _is_absent(error):
                return None
            raise
        return self._calls.entry(answer[held])

    def _listed(self, call: tuple[str, str], **asked: str) -> Iterator[Mapping[str, Any]]:
        pages = self._client.get_paginator(call[0]).paginate(**asked, **self._place)
        return (each for page in pages for each in page[call[1]])


def _is_absent(error: ClientError) -> bool:
    told = error.response.get("Error", {})
    code, message = told.get("Code", ""), str(told.get("Message", "")).lower()
    # Athena has one code for all that its metadata calls may meet
    return code in _ABSENT and (
        code != "MetadataException" or any(words in message for words in _NOT_THERE)
    )


def _of_glue(table: Mapping[str, Any]) -> Entry:
    storage = table.get("StorageDescriptor") or {}
    parameters = _texts(table.get("Parameters"))
    return Entry(
        name=table["Name"],
        kind=table.get("TableType") or "",
        columns=tuple(_columns(storage.get("Columns"))),
        partition_keys=tuple(_columns(table.get("PartitionKeys"))),
        parameters=parameters,
        description=table.get("Description") or parameters.get("comment", ""),
        owner=table.get("Owner") or parameters.get("owner", ""),
        location=storage.get("Location") or "",
    )


def _of_athena(table: Mapping[str, Any]) -> Entry:
    parameters = _texts(table.get("Parameters"))
    return Entry(
        name=table["Name"],
        kind=table.get("TableType") or "",
        columns=tuple(_columns(table.get("Columns"))),
        partition_keys=tuple(_columns(table.get("PartitionKeys"))),
        parameters=parameters,
        description=parameters.get("comment", ""),
        owner=parameters.get("owner", ""),
        location=parameters.get("location", ""),
    )


def _columns(listed: Sequence[Mapping[str, Any]] | None) -> Iterator[EntryColumn]:
    for column in listed or ():
        yield EntryColumn(column["Name"], column.get("Type") or "", column.get("Comment") or "")


def _texts(parameters: Mapping[str, Any] | None) -> Mapping[str, str]:
    return MappingProxyType({key: str(value) for key, value in (parameters or {}).items()})


_GLUE = _Calls(
    databases=("get_databases", "DatabaseList"),
    tables=("get_tables", "TableList"),
    table=("get_table", "Table"),
    name="Name",
    entry=_of_glue,
)
_ATHENA = _Calls(
    databases=("list_databases", "DatabaseList"),
    tables=("list_table_metadata", "TableMetadataList"),
    table=("get_table_metadata", "TableMetadata"),
    name="TableName",
    entry=_of_athena,
)
