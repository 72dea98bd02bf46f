"""The ways in which the libraries under an Iceberg catalog fail, as one tuple to catch."""

from __future__ import annotations

import importlib
import socket

import pyarrow as pa
import requests
from pyiceberg.exceptions import (
    DynamoDbError,
    OAuthError,
    ResolveError,
    RESTError,
    ServerError,
    ServiceUnavailableError,
    SignError,
    UnauthorizedError,
    WaitingForLockException,
)
from sqlalchemy.exc import SQLAlchemyError

# of optional extras: module, class
_OPTIONAL = (
    ("botocore.exceptions", "BotoCoreError"),
    ("botocore.exceptions", "ClientError"),
    ("thrift.Thrift", "TException"),
    ("google.api_core.exceptions", "GoogleAPIError"),
)


def of_service() -> tuple[type[Exception], ...]:
    """Those failures that speak of a catalog's service or database, not of a table or its files."""
    found: list[type[Exception]] = [
        ConnectionError,
        TimeoutError,
        socket.gaierror,
        requests.ConnectionError,
        requests.Timeout,
        SQLAlchemyError,
        OAuthError,
        UnauthorizedError,
        ServiceUnavailableError,
        ServerError,
        DynamoDbError,
        WaitingForLockException,
    ]
    return (*found, *_optional())


def failures() -> tuple[type[Exception], ...]:
    """What a catalog's service, its database, the network or the storage may raise.

    The libraries have no common base. `OSError` covers files, sockets and `requests`; those of
    optional extras are named only where the extra is installed.
    """
    found: list[type[Exception]] = [
        OSError,
        pa.ArrowException,
        SQLAlchemyError,
        RESTError,
        SignError,
        ResolveError,
        DynamoDbError,
        WaitingForLockException,
    ]
    return (*found, *_optional())


def _optional() -> list[type[Exception]]:
    found: list[type[Exception]] = []
    for module, name in _OPTIONAL:
        try:
            found.append(getattr(importlib.import_module(module), name))
        except ImportError:
            continue
    return found
