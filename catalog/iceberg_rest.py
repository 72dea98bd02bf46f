"""A REST catalog with what pyiceberg leaves out: bounds, restrictions, credentials by path.

pyiceberg waits for answers without end, drops fields of an answer that it does not know, and takes
credentials by where a table's metadata lies, not its files.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from pyiceberg.catalog.rest import (
    Capability,
    Endpoints,
    RestCatalog,
    TableResponse,
)
from pyiceberg.catalog.rest.response import _handle_non_200_response
from pyiceberg.catalog.rest.scan_planning import StorageCredential
from pyiceberg.exceptions import (
    AuthorizationExpiredError,
    NoSuchTableError,
    UnauthorizedError,
)
from pyiceberg.io import PY_IO_IMPL
from pyiceberg.table.metadata import TableMetadata
from pyiceberg.typedef import Identifier
from requests import HTTPError, PreparedRequest, Response, Session
from requests.adapters import HTTPAdapter


@dataclass(frozen=True, slots=True)
class Answer:
    """A table as a catalog gave it: `options` open its files, `restrictions` are as they came."""

    metadata: TableMetadata
    location: str
    options: Mapping[str, Any] = field(repr=False)
    restrictions: Any = None


class _TableAnswer(TableResponse):
    model_config = {"extra": "allow"}  # noqa: RUF012  # as pydantic wants it


class RestSource(RestCatalog):
    """A REST catalog; `timeout`, in seconds, bounds connecting and every pause in an answer."""

    def __init__(self, name: str, timeout: float, properties: Mapping[str, str]) -> None:
        self._timeout = timeout
        super().__init__(name, **properties)
        # what the service says of itself must not name Python code to load
        if PY_IO_IMPL not in properties:
            self.properties.pop(PY_IO_IMPL, None)

    def _config_headers(self, session: Session) -> None:
        # the first that is done with a session, before it asks for a token
        for scheme in ("http://", "https://"):
            session.mount(scheme, _Bounded(self._timeout))
        super()._config_headers(session)

    def answer(self, identifier: Identifier) -> Answer:
        """One table. Raises `NoSuchTableError`, and what pyiceberg raises."""
        try:
            return self._answer(identifier)
        except (AuthorizationExpiredError, UnauthorizedError):
            renew: Callable[[], None] | None = getattr(self._auth_manager, "_refresh_token", None)
            if renew is None:
                raise
            renew()
            return self._answer(identifier)

    def _answer(self, identifier: Identifier) -> Answer:
        self._check_endpoint(Capability.V1_LOAD_TABLE)
        place = self._split_identifier_for_path(identifier)
        response = self._session.get(self.url(Endpoints.load_table, prefixed=True, **place))
        try:
            response.raise_for_status()
        except HTTPError as error:
            _handle_non_200_response(error, {404: NoSuchTableError})
        found = _TableAnswer.model_validate_json(response.text)
        lent = _credentials(
            found.storage_credentials, found.metadata.location, found.metadata_location or ""
        )
        options = {**self.properties, **found.config, **lent}
        if PY_IO_IMPL not in self.properties:
            options.pop(PY_IO_IMPL, None)
        restrictions = (found.model_extra or {}).get("read-restrictions")
        return Answer(found.metadata, found.metadata_location or "", options, restrictions)


def _credentials(
    lent: Iterable[StorageCredential], location: str, metadata: str
) -> Mapping[str, str]:
    """Those for a table's files: of the longest prefix that its location has, or its metadata."""
    for place in (location.rstrip("/") + "/", metadata):
        fitting = [each for each in lent if place.startswith(each.prefix)]
        if fitting:
            return max(fitting, key=lambda each: len(each.prefix)).config
    return {}


class _Bounded(HTTPAdapter):
    """Sends requests that do not say how long they would wait."""

    def __init__(self, seconds: float) -> None:
        super().__init__()
        self._seconds = seconds

    def send(
        self,
        request: PreparedRequest,
        stream: bool = False,
        timeout: Any = None,
        *arguments: Any,
        **options: Any,
    ) -> Response:
        wait = self._seconds if timeout is None else timeout
        return super().send(request, stream, wait, *arguments, **options)
