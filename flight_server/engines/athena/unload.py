"""Where one execution puts its result: the request that starts it, its files, and their removal."""

from __future__ import annotations

import hmac
import json
import logging
import random
import time
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from pyarrow import fs

from flight_server.engines.athena.client import Account
from flight_server.engines.athena.faults import CallFailed, Trouble, trouble
from flight_server.engines.athena.settings import Delivery
from flight_server.engines.errors import DataMissing, EngineError, OutOfResources

_log = logging.getLogger(__name__)
_SCHEME = "s3://"
_PAUSES = (0.2, 0.5, 1.0, 2.0)  # between attempts to delete
_MOST_TEXT = 262_144  # bytes of a statement that Athena takes
_MOST_DELETED = 1_000  # keys that one call deletes
_MOST_RUNS = 16  # of one statement that are looked for
_MOST_MANIFEST = 16 * 1024 * 1024
_TOO_LONG = "The statement is too long for Athena once its tables are narrowed."
_FOREIGN = "The statement's result names a file that is not its own."


@dataclass(frozen=True, slots=True)
class Place:
    """What one execution is started with, and where it writes; no other ever writes there.

    `token` makes a start that is asked for twice one and the same. `folder` is empty where the work
    group keeps results itself.
    """

    token: str
    folder: str
    data: str


@dataclass(frozen=True, slots=True)
class Context:
    """Within which data catalog and work group a statement runs."""

    catalog: str
    workgroup: str


def place(staging: str, token: str) -> Place:
    """The place of a token below a prefix."""
    if not staging:
        return Place(token, "", "")
    folder = f"{staging.rstrip('/')}/{token}/"
    return Place(token, folder, f"{folder}data/")


def tokens() -> Iterator[str]:
    """Tokens that nothing else has."""
    while True:
        yield uuid.uuid4().hex


def found_again(name: str, *said: str) -> Iterator[str]:
    """Tokens for the runs of one statement, in their order, the same wherever they are made.

    They are made of all that is `said`, which is what runs and as whom, by a secret `name`: only
    who holds it meets these runs. After too many they are like those of `tokens`.
    """
    for number in range(_MOST_RUNS):
        text = json.dumps([number, *said])
        yield hmac.new(name.encode(), text.encode(), "sha256").hexdigest()
    yield from tokens()


def is_there(execution: Mapping[str, Any], files: fs.FileSystem) -> bool:
    """Whether the result of an execution that succeeded has not been deleted.

    Its manifest or its one file is the first to go. Raises what asking for a file raises.
    """
    manifest = execution.get("Statistics", {}).get("DataManifestLocation")
    output = execution.get("ResultConfiguration", {}).get("OutputLocation")
    known = manifest or (output if str(output or "").endswith(".csv") else None)
    if not known:
        return True  # a work group keeps it, or it has no files
    return bool(files.get_file_info(path_of(known)).type != fs.FileType.NotFound)


def request(select: str, delivery: Delivery, context: Context, where: Place) -> dict[str, Any]:
    """The arguments of StartQueryExecution. Raises `OutOfResources` for too long a text."""
    text = select
    if delivery == "unload":
        target = where.data.replace("'", "''")
        text = (
            f"UNLOAD (\n{select}\n) TO '{target}' WITH (format = 'PARQUET', compression = 'ZSTD')"
        )
    if len(text.encode()) > _MOST_TEXT:
        raise OutOfResources(_TOO_LONG)
    asked: dict[str, Any] = {
        "QueryString": text,
        "QueryExecutionContext": {"Catalog": context.catalog},
        "WorkGroup": context.workgroup,
        "ClientRequestToken": where.token,
    }
    if where.folder:
        asked["ResultConfiguration"] = {"OutputLocation": where.folder}
    return asked


def files_of(execution: Mapping[str, Any], where: Place, files: fs.FileSystem) -> tuple[str, ...]:
    """The files of an UNLOAD that succeeded, as its manifest says: it alone tells which count.

    Raises `EngineError` where one lies elsewhere, and what reading a file raises.
    """
    manifest = execution.get("Statistics", {}).get("DataManifestLocation")
    if not manifest:
        return ()
    with files.open_input_stream(path_of(manifest)) as source:
        text = bytes(source.read(_MOST_MANIFEST + 1))
    if len(text) > _MOST_MANIFEST:
        raise OutOfResources("The statement's result has too many files.")
    named = text.decode().split()
    if not all(each.startswith(where.data) and "/../" not in each for each in named):
        raise EngineError(_FOREIGN)
    return tuple(path_of(each) for each in named)


def output_of(execution: Mapping[str, Any]) -> str:
    """The one file of a SELECT that succeeded. Raises `DataMissing` where there is none."""
    location = execution.get("ResultConfiguration", {}).get("OutputLocation")
    if not location:
        raise DataMissing("Athena does not say where the statement's result is.")
    return path_of(location)


def path_of(url: str) -> str:
    """An `s3://` address as a file system of Arrow names it."""
    if not url.startswith(_SCHEME):
        raise EngineError(_FOREIGN)
    return url.removeprefix(_SCHEME)


def remove(account: Account, where: Place, execution: Mapping[str, Any] | None) -> None:
    """Delete all that an execution wrote, named in its manifest or not.

    What cannot be deleted now is tried again later.
    """
    for pause in (*_PAUSES, None):
        try:
            _remove(account, where, execution)
            return
        except CallFailed as error:
            if pause is None or trouble(error) not in (Trouble.THROTTLED, Trouble.UNREACHABLE):
                _log.warning("the files of a statement could not all be deleted", exc_info=True)
                again = partial(_remove, account, where, execution)
                account.leftovers.add("deleting a statement's files", again)
                return
        time.sleep(pause * random.uniform(0.5, 1.5))  # noqa: S311 - jitter


def _remove(account: Account, where: Place, execution: Mapping[str, Any] | None) -> None:
    doomed = set(_own(execution))
    if where.folder:
        doomed.update(_below(account.s3, where.folder))
    _delete(account.s3, doomed)


def _own(execution: Mapping[str, Any] | None) -> Iterator[tuple[str, str]]:
    """What Athena itself wrote of an execution, wherever a work group has it written."""
    if execution is None:
        return
    manifest = execution.get("Statistics", {}).get("DataManifestLocation")
    output = execution.get("ResultConfiguration", {}).get("OutputLocation")
    stem = manifest and manifest.removesuffix("-manifest.csv")
    for url in (manifest, stem and f"{stem}.metadata", output, output and f"{output}.metadata"):
        # only what bears the execution's own name
        if url and execution["QueryExecutionId"] in url.rpartition("/")[2]:
            yield _key(url)


def _below(s3: Any, folder: str) -> Iterator[tuple[str, str]]:
    bucket, prefix = _key(folder)
    for page in s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix):
        for each in page.get("Contents", ()):
            yield bucket, each["Key"]


def _delete(s3: Any, doomed: set[tuple[str, str]]) -> None:
    for bucket in {bucket for bucket, _ in doomed}:
        # what says that there is a result goes first
        keys = sorted((not key.endswith(".csv"), key) for held, key in doomed if held == bucket)
        for start in range(0, len(keys), _MOST_DELETED):
            named = [{"Key": key} for _, key in keys[start : start + _MOST_DELETED]]
            answer = s3.delete_objects(Bucket=bucket, Delete={"Objects": named, "Quiet": True})
            if answer.get("Errors"):
                _log.warning("%d files were not deleted", len(answer["Errors"]))


def _key(url: str) -> tuple[str, str]:
    bucket, _, key = path_of(url).partition("/")
    return bucket, key
