"""The AWS services as one role sees them: Athena, S3 and a file system; credentials are renewed."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import boto3
import botocore.session
from botocore.config import Config
from botocore.credentials import (
    CredentialProvider,
    CredentialResolver,
    DeferredRefreshableCredentials,
)
from pyarrow import fs

from flight_server.engines.athena.leftovers import Leftovers
from flight_server.engines.athena.settings import AthenaRole, AthenaSettings
from flight_server.engines.errors import EngineUnavailable

_SESSION_NAME = "flight-server"
_NO_CREDENTIALS = "Athena cannot be reached: the server has no credentials for it."


class _AssumedRole(CredentialProvider):  # type: ignore[misc]  # botocore ships no types
    """Credentials of a role, asked of STS when they are needed and again before they expire."""

    METHOD = CANONICAL_NAME = "flight-server-role"

    def __init__(self, sts: Any, role: AthenaRole) -> None:
        super().__init__()
        self._sts = sts
        self._role = role

    def load(self) -> Any:
        """The credentials; nothing is asked yet."""
        return DeferredRefreshableCredentials(method=self.METHOD, refresh_using=self._fetch)

    def _fetch(self) -> Mapping[str, str]:
        asked = {"RoleArn": self._role.role_arn, "RoleSessionName": _SESSION_NAME}
        if self._role.external_id:
            asked["ExternalId"] = self._role.external_id
        lent = self._sts.assume_role(**asked)["Credentials"]
        return {
            "access_key": lent["AccessKeyId"],
            "secret_key": lent["SecretAccessKey"],
            "token": lent["SessionToken"],
            "expiry_time": lent["Expiration"].isoformat(),
        }


@dataclass(frozen=True, slots=True)
class _Opened:
    """A file system and the credentials that it was opened with."""

    credentials: object
    files: fs.FileSystem


class Account:
    """What one role may reach. Safe for several threads."""

    def __init__(self, role: AthenaRole, settings: AthenaSettings, base: boto3.Session) -> None:
        self.role = role
        self._settings = settings
        session = base if role.role_arn is None else _assuming(role, settings, base)
        options = _options(settings)
        self._credentials = session.get_credentials()
        self.athena: Any = session.client("athena", **options)
        self.s3: Any = session.client("s3", **options)
        self.leftovers = Leftovers()
        self._lock = threading.Lock()
        self._opened: _Opened | None = None

    def files(self) -> fs.FileSystem:
        """S3 as a file system, with the credentials of now."""
        if self._credentials is None:
            raise EngineUnavailable(_NO_CREDENTIALS)
        frozen = self._credentials.get_frozen_credentials()
        with self._lock:
            if self._opened is None or self._opened.credentials != frozen:
                self._opened = _Opened(frozen, self._open(frozen))
            return self._opened.files

    def _open(self, credentials: Any) -> fs.FileSystem:
        settings = self._settings
        place: dict[str, Any] = {}
        if settings.endpoint is not None:
            # pyarrow looks at no environment variable for it
            url = urlsplit(settings.endpoint)
            place = {"endpoint_override": url.netloc, "scheme": url.scheme}
        return fs.S3FileSystem(
            access_key=credentials.access_key,
            secret_key=credentials.secret_key,
            session_token=credentials.token,
            region=settings.region,
            connect_timeout=min(5.0, settings.request_seconds),
            request_timeout=settings.request_seconds,
            **place,
        )


class Accounts:
    """The account of each role, made when it is first needed. Safe for several threads."""

    def __init__(self, settings: AthenaSettings, base: boto3.Session | None = None) -> None:
        self._settings = settings
        self._base = base or boto3.Session(region_name=settings.region)
        self._lock = threading.Lock()
        self._known: dict[AthenaRole, Account] = {}

    def of(self, groups: frozenset[str]) -> Account:
        """As whom statements of a principal in these groups run."""
        mapped = (role for group, role in self._settings.by_group if group in groups)
        role = next(mapped, self._settings.default)
        with self._lock:
            account = self._known.get(role)
            if account is None:
                account = self._known[role] = Account(role, self._settings, self._base)
            return account


def _options(settings: AthenaSettings) -> dict[str, Any]:
    # Waiting longer is ours to decide, where a statement can be cancelled meanwhile.
    config = Config(
        region_name=settings.region,
        connect_timeout=min(5.0, settings.request_seconds),
        read_timeout=settings.request_seconds,
        retries={"mode": "standard", "total_max_attempts": 2},
        max_pool_connections=32,
        user_agent_extra="flight-server",
    )
    options: dict[str, Any] = {"config": config}
    if settings.endpoint is not None:
        options["endpoint_url"] = settings.endpoint
    return options


def _assuming(role: AthenaRole, settings: AthenaSettings, base: boto3.Session) -> boto3.Session:
    """A session that acts as a role."""
    provider = _AssumedRole(base.client("sts", **_options(settings)), role)
    session = botocore.session.Session()
    session.register_component("credential_provider", CredentialResolver(providers=[provider]))
    return boto3.Session(botocore_session=session, region_name=settings.region)
