"""Opens the pyiceberg catalog under an Iceberg catalog, so that it waits for nothing for ever."""

from __future__ import annotations

import copy
import importlib
import threading
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

from pyiceberg.catalog import Catalog as Source
from pyiceberg.catalog import load_catalog
from pyiceberg.catalog.sql import SqlCatalog
from pyiceberg.exceptions import NoSuchPropertyException, NotInstalledError
from pyiceberg.io import PY_IO_IMPL, FileIO
from sqlalchemy import URL, event, make_url
from sqlalchemy.exc import ArgumentError

from catalog.iceberg_rest import RestSource

# the name that a catalog has where it lives: a SQL catalog's rows carry it
SOURCE_NAME = "flight.source-name"
MISCONFIGURED = (ValueError, NoSuchPropertyException, ImportError, NotInstalledError, ArgumentError)
_NO_PROPERTIES: Mapping[str, str] = MappingProxyType({})
_LOADER = "_load_file_io"
_GLUE_TRIES = 2


def open_source(name: str, properties: Mapping[str, str], timeout: float) -> Source:
    """Open a catalog; `timeout` bounds, in seconds, how long it may take to connect or to answer.

    Raises what its libraries raise, and one of `MISCONFIGURED` for properties that are wrong.
    """
    given: dict[str, Any] = dict(properties)
    name = given.pop(SOURCE_NAME, name)
    kind = given.get("type", "")
    if kind == "rest":
        if "uri" not in given:
            raise ValueError("a REST catalog needs a uri")
        return _without_foreign_code(RestSource(name, timeout, given))
    if kind == "sql":
        given |= _bounded_sql(given, timeout)
    elif kind == "glue":
        given |= _bounded_glue(given, timeout)
    source = load_catalog(name, **given)
    if kind == "sql":
        _read_only(source)
    elif kind == "hive":
        hive: Any = source
        hive._client = _HiveClients(hive._client, timeout)
    return _without_foreign_code(source)


def _bounded_sql(properties: Mapping[str, str], timeout: float) -> dict[str, str]:
    # a server that only reads must not create a SQL catalog's tables in a mistyped database
    found = {"init_catalog_tables": properties.get("init_catalog_tables", "false")}
    if "uri" not in properties:
        return found
    url = make_url(properties["uri"])
    if url.get_backend_name() == "postgresql":
        found["pool_pre_ping"] = properties.get("pool_pre_ping", "true")
        found["uri"] = _bounded_postgres(url, timeout).render_as_string(hide_password=False)
    return found


def _bounded_postgres(url: URL, timeout: float) -> URL:
    """The same place, with libpq's own bounds on connecting, answering and being silent."""
    milliseconds = int(timeout * 1000)
    bounds = {
        "connect_timeout": str(max(2, round(timeout))),  # libpq takes no less
        "tcp_user_timeout": str(milliseconds),
        "options": f"-c statement_timeout={milliseconds}",
    }
    return url.update_query_dict({k: v for k, v in bounds.items() if k not in url.query})


def _read_only(source: Source) -> None:
    """No statement of ours writes; a database that knows how to refuse it is told so."""
    if not isinstance(source, SqlCatalog) or source.engine.dialect.name != "postgresql":
        return

    def begin(connection: Any) -> None:
        connection.exec_driver_sql("SET TRANSACTION READ ONLY")

    event.listen(source.engine, "begin", begin)


def _bounded_glue(properties: Mapping[str, str], timeout: float) -> dict[str, Any]:
    """What makes boto3 give up; pyiceberg would try ten times, a minute each."""
    session = importlib.import_module("botocore.session").Session()
    config = importlib.import_module("botocore.config").Config
    session.set_default_client_config(config(connect_timeout=timeout, read_timeout=timeout))
    retries = properties.get("glue.max-retries", "")
    return {
        "botocore_session": session,
        "glue.max-retries": int(retries) if retries.isdecimal() else _GLUE_TRIES,
    }


class _HiveClients:
    """A client for each use: pyiceberg shares one connection, which threads would mix up."""

    def __init__(self, client: Any, timeout: float) -> None:
        self._client = client
        self._milliseconds = timeout * 1000
        self._in_use = threading.local()

    def __enter__(self) -> Any:
        client = copy.copy(self._client)
        client._transport = client._init_thrift_transport()
        client._was_opened = False
        socket = getattr(client._transport, "_TBufferedTransport__trans", None)
        if socket is not None:
            socket.setTimeout(self._milliseconds)
        opened = client.__enter__()
        self._in_use.__dict__.setdefault("clients", []).append(client)
        return opened

    def __exit__(self, *exception: Any) -> None:
        self._in_use.clients.pop().__exit__(*exception)


def _without_foreign_code(source: Source) -> Source:
    """Keep tables from naming Python code to load: pyiceberg imports what their properties say."""
    load: Callable[..., FileIO] = getattr(source, _LOADER)

    def guarded(
        properties: Mapping[str, Any] = _NO_PROPERTIES, location: str | None = None
    ) -> FileIO:
        return load({k: v for k, v in properties.items() if k != PY_IO_IMPL}, location)

    setattr(source, _LOADER, guarded)
    return source
