"""The HTTP side: one WSGI application that answers for Athena and passes the rest on to moto."""

from __future__ import annotations

import json
import re
import uuid
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs

from flight_server.testing.athena.errors import ApiError, invalid
from flight_server.testing.athena.faults import Faults
from flight_server.testing.athena.store import OWN_KEY

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

Operation = Callable[[dict[str, Any]], dict[str, Any]]
"""One call of Athena's: a request's JSON in, an answer's JSON out. Raises `ApiError`."""

ACCESS_KEY = "__access_key"
"""Where a request carries the access key of who sent it; no name of Athena's begins so."""

_TARGET = "HTTP_X_AMZ_TARGET"
_CREDENTIAL = re.compile(r"Credential=([^/]+)/[^/]+/[^/]+/([^/]+)/aws4_request")
_OBJECT = {"GET": "GetObject", "PUT": "PutObject", "HEAD": "HeadObject", "DELETE": "DeleteObject"}


class Application:
    """The services behind one port."""

    def __init__(
        self, operations: Mapping[str, Operation], faults: Faults, others: WSGIApplication
    ) -> None:
        self._operations, self._faults, self._others = operations, faults, others

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Answer one request."""
        target = str(environ.get(_TARGET, ""))
        key, service = _sender(environ)
        if target.startswith("AmazonAthena."):
            return self._athena(target.partition(".")[2], key, environ, start_response)
        if key == OWN_KEY:
            return self._others(environ, start_response)
        operation = _other_operation(target, service, environ)
        try:
            self._faults.arrived(operation, {"path": environ.get("PATH_INFO", "")}, key)
        except ApiError as error:
            body = _xml(error) if service == "s3" else _json(error)
            return _send(start_response, error.status, *body)
        return self._others(environ, start_response)

    def _athena(
        self,
        name: str,
        key: str | None,
        environ: WSGIEnvironment,
        start_response: StartResponse,
    ) -> Iterable[bytes]:
        body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
        try:
            request = json.loads(body or b"{}")
            self._faults.arrived(name, request, key)
            operation = self._operations.get(name)
            if operation is None:
                raise invalid(f"Unsupported operation {name}")
            answer = operation({**request, ACCESS_KEY: key})
        except ApiError as error:
            return _send(start_response, error.status, *_json(error))
        return _send(start_response, 200, json.dumps(answer, default=_plain).encode(), _JSON)


_JSON = "application/x-amz-json-1.1"


def _plain(value: Any) -> Any:
    """A moment as seconds, as this protocol has it."""
    return value.timestamp() if hasattr(value, "timestamp") else str(value)


def _sender(environ: WSGIEnvironment) -> tuple[str | None, str]:
    """Who sent a request, and to which service, as its signature says."""
    found = _CREDENTIAL.search(str(environ.get("HTTP_AUTHORIZATION", "")))
    return (found[1], found[2]) if found else (None, "")


def _other_operation(target: str, service: str, environ: WSGIEnvironment) -> str:
    """The name of a call that is not Athena's: `s3:GetObject`, `glue:GetTable`, `sts:…`."""
    if target:
        return f"{service or target.partition('.')[0]}:{target.rpartition('.')[2]}"
    if service != "s3":
        return f"{service}:{environ.get('REQUEST_METHOD', '')}"
    method = str(environ.get("REQUEST_METHOD", ""))
    _, _, key = str(environ.get("PATH_INFO", "")).lstrip("/").partition("/")
    query = parse_qs(str(environ.get("QUERY_STRING", "")), keep_blank_values=True)
    if key:
        return f"s3:{_OBJECT.get(method, method)}"
    if "delete" in query:
        return "s3:DeleteObjects"
    return "s3:ListObjectsV2" if method == "GET" else f"s3:{method}"


def _json(error: ApiError) -> tuple[bytes, str]:
    body = {"__type": error.code, "Message": error.message, "message": error.message}
    return json.dumps(body | error.extra).encode(), _JSON


def _xml(error: ApiError) -> tuple[bytes, str]:
    text = (
        '<?xml version="1.0" encoding="UTF-8"?>'
        f"<Error><Code>{error.code}</Code><Message>{error.message}</Message></Error>"
    )
    return text.encode(), "application/xml"


def _send(start_response: StartResponse, status: int, body: bytes, kind: str) -> Iterable[bytes]:
    start_response(
        f"{status} {'OK' if status == 200 else 'Error'}",
        [
            ("Content-Type", kind),
            ("Content-Length", str(len(body))),
            ("x-amzn-RequestId", str(uuid.uuid4())),
        ],
    )
    return [body]
