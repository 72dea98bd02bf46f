"""A REST catalog over a real SQL catalog, that also lends credentials, restricts, and fails."""

from __future__ import annotations

import json
import threading
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from pyiceberg.catalog import Catalog
from pyiceberg.exceptions import (
    CommitFailedException,
    NamespaceAlreadyExistsError,
    NoSuchNamespaceError,
    NoSuchTableError,
    TableAlreadyExistsError,
)
from pyiceberg.schema import Schema
from pyiceberg.table import CommitTableRequest

PREFIX = "main"
CLIENT = "server:s3cret-of-the-client"


@dataclass
class RestCatalogServer:
    """What is served, and how: `tables` adds fields to the answers for tables, by dotted name.

    `views` holds the metadata of views by dotted name, for clients whose `config` says so.
    `fault` breaks what comes next: a status, `slow`, `garbage` or `cut`; `token` must be shown.
    """

    source: Catalog
    port: int = 0
    tables: dict[str, dict[str, Any]] = field(default_factory=dict)
    config: dict[str, dict[str, str]] = field(default_factory=lambda: {"defaults": {}})
    fault: str = ""
    broken: str = ""  # the one table that the fault is for; all requests otherwise
    token: str = ""
    seconds: float = 30.0
    asked: list[str] = field(default_factory=list)
    views: dict[str, dict[str, Any]] = field(default_factory=dict)

    def view(self, name: str, columns: Any, *texts: tuple[str, str], **more: Any) -> None:
        """Serve a view of these columns, a schema, by these texts with their dialects."""
        changed = self.views[name]["current-version-id"] + 1 if name in self.views else 1
        version = {
            "version-id": changed,
            "schema-id": 0,
            "timestamp-ms": 1_700_000_000_000,
            "summary": {},
            "representations": [{"type": "sql", "dialect": d, "sql": text} for d, text in texts],
            "default-namespace": name.split(".")[:-1],
            **{key.replace("_", "-"): value for key, value in more.items() if key != "properties"},
        }
        self.views[name] = {
            "view-uuid": str(uuid.uuid5(uuid.NAMESPACE_DNS, name)),
            "format-version": 1,
            "location": "file:///nowhere",
            "schemas": [json.loads(columns.model_dump_json())],
            "current-version-id": changed,
            "versions": [version],
            "version-log": [{"timestamp-ms": 1_700_000_000_000, "version-id": changed}],
            "properties": more.get("properties", {}),
        }

    @property
    def properties(self) -> dict[str, str]:
        uri = f"http://127.0.0.1:{self.port}"
        return {"type": "rest", "uri": uri, "oauth2-server-uri": f"{uri}/v1/oauth/tokens"}


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    state: RestCatalogServer

    def _serve(self) -> None:
        length = int(self.headers.get("content-length", 0))
        body = self.rfile.read(length) if length else b""
        state, place = self.state, urlsplit(self.path)
        state.asked.append(f"{self.command} {place.path}")
        if state.fault and (not state.broken or state.broken in unquote(place.path)):
            return self._fail(state.fault)
        if place.path == "/v1/oauth/tokens":
            return self._token(body)
        if state.token and self.headers.get("authorization") != f"Bearer {state.token}":
            return self._error(401, "NotAuthorizedException", "no token")
        try:
            parts = [unquote(part) for part in place.path.split("/")[2:]]
            found = self._answer(parts, parse_qs(place.query), json.loads(body or b"null"))
        except (NoSuchNamespaceError, NoSuchTableError) as error:
            return self._error(404, f"{type(error).__name__}", str(error))
        except (NamespaceAlreadyExistsError, TableAlreadyExistsError, CommitFailedException) as e:
            return self._error(409, type(e).__name__, str(e))
        return self._send(200 if found is not None else 204, found)

    do_GET = do_HEAD = do_POST = do_DELETE = _serve

    def _answer(self, parts: list[str], query: dict[str, list[str]], body: Any) -> Any:
        if parts == ["config"]:
            return {"overrides": {"prefix": PREFIX}, "defaults": {}} | self.state.config
        assert parts[:2] == [PREFIX, "namespaces"], parts
        source, rest = self.state.source, parts[2:]
        namespace = tuple(rest[0].split("\x1f")) if rest else ()
        if not rest and self.command == "GET":
            parent = tuple(query["parent"][0].split("\x1f")) if "parent" in query else ()
            return {"namespaces": [list(each) for each in source.list_namespaces(parent)]}
        if not rest:
            source.create_namespace(tuple(body["namespace"]))
            return {"namespace": body["namespace"], "properties": {}}
        if len(rest) == 1:
            if self.command == "DELETE":
                source.drop_namespace(namespace)
                return None
            properties = source.load_namespace_properties(namespace)
            return {"namespace": list(namespace), "properties": properties}
        if rest[1] == "views":
            return self._views(namespace, rest[2:])
        if len(rest) == 2 and self.command == "GET":
            listed = source.list_tables(namespace)
            return {"identifiers": [{"namespace": list(e[:-1]), "name": e[-1]} for e in listed]}
        if len(rest) == 2:
            schema = Schema.model_validate(body["schema"])
            source.create_table((*namespace, body["name"]), schema, location=body.get("location"),
                                properties=body.get("properties") or {})  # fmt: skip
            return self._table((*namespace, body["name"]))
        identifier = (*namespace, rest[2])
        if self.command == "DELETE":
            source.drop_table(identifier)
            return None
        if self.command == "POST":
            request = CommitTableRequest.model_validate(
                {"identifier": {"namespace": list(namespace), "name": rest[2]}} | body
            )
            source.commit_table(source.load_table(identifier), request.requirements,
                                request.updates)  # fmt: skip
        return self._table(identifier)

    def _views(self, namespace: tuple[str, ...], name: list[str]) -> Any:
        place = ".".join(namespace)
        if not name:
            listed = [each.rpartition(".") for each in self.state.views]
            named = [last for above, _, last in listed if above == place]
            return {"identifiers": [{"namespace": list(namespace), "name": n} for n in named]}
        found = self.state.views.get(f"{place}.{name[0]}")
        if found is None:
            raise NoSuchTableError(name[0])
        return {"metadata-location": "file:///nowhere/v", "metadata": found, "config": {}}

    def _table(self, identifier: tuple[str, ...]) -> Any:
        table = self.state.source.load_table(identifier)
        answer = {
            "metadata-location": table.metadata_location,
            "metadata": json.loads(table.metadata.model_dump_json()),
            "config": {},
        }
        return answer | self.state.tables.get(".".join(identifier), {})

    def _token(self, body: bytes) -> None:
        sent = parse_qs(body.decode())
        name, secret = CLIENT.split(":")
        if sent.get("client_id") != [name] or sent.get("client_secret") != [secret]:
            return self._send(401, {"error": "invalid_client", "error_description": "no"})
        answer = {"access_token": self.state.token, "token_type": "bearer", "expires_in": 3600}
        return self._send(200, answer)

    def _fail(self, fault: str) -> None:
        if fault == "slow":
            time.sleep(self.state.seconds)  # longer than the client waits
        if fault in ("slow", "cut"):
            self.close_connection = True
            return None
        if fault == "garbage":
            return self._send(200, "neither this nor that")
        return self._error(int(fault), "Broken", "on purpose, with a s3cret")

    def _error(self, status: int, kind: str, text: str) -> None:
        self._send(status, {"error": {"message": text, "type": kind, "code": status}})

    def _send(self, status: int, answer: Any) -> None:
        data = b"" if answer is None else json.dumps(answer).encode()
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(data)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(data)

    def log_message(self, *_arguments: Any) -> None:
        pass


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 64

    def handle_error(self, request: Any, client_address: Any) -> None:
        pass  # clients leave when they have waited enough


@contextmanager
def rest_catalog(source: Catalog) -> Iterator[RestCatalogServer]:
    """Serve a catalog by REST."""
    state = RestCatalogServer(source)
    handler = type("Handler", (_Handler,), {"state": state})
    with _Server(("127.0.0.1", 0), handler) as server:
        state.port = server.server_port
        serving = threading.Thread(target=server.serve_forever, daemon=True)
        serving.start()
        try:
            yield state
        finally:
            server.shutdown()
            serving.join()
