"""Which servers still want an execution: a mark of each beside its files, renewed while it does."""

from __future__ import annotations

import logging
import time
import uuid
from collections.abc import Sequence
from datetime import UTC, datetime

from flight_server.engines.athena.client import Account
from flight_server.engines.athena.faults import CallFailed
from flight_server.engines.athena.unload import Place, path_of

_log = logging.getLogger(__name__)
_FOLDER = "held/"
LEASE_SECONDS = 60.0


class Lease:
    """One server's part in an execution that others may have found as well.

    A mark counts for `seconds` after it was last written. Where there is no place for marks,
    nobody else is known. Used by one thread.
    """

    def __init__(self, account: Account, seconds: float = LEASE_SECONDS) -> None:
        self._account = account
        self._seconds = seconds
        self._mine = uuid.uuid4().hex
        self._kept: tuple[str, float] | None = None
        self._asked: tuple[str, float, bool] | None = None

    def take(self, where: Place) -> bool:
        """Begin to want what is there: whether others did before."""
        others = self._others(where)
        self.keep(where)
        return bool(others)

    def keep(self, where: Place) -> None:
        """Say that this server wants what is there; asks S3 only now and then."""
        now = time.monotonic()
        if not where.folder or (self._kept and self._is_fresh(*self._kept, where, now)):
            return
        self._kept = (where.folder, now)
        bucket, prefix = _marks(where)
        try:
            self._account.s3.put_object(Bucket=bucket, Key=prefix + self._mine, Body=b"")
        except CallFailed:
            _log.warning("a held execution could not be marked", exc_info=True)

    def is_free(self, where: Place) -> bool:
        """Whether no other server wants it, as this one does no more; asks S3 now and then.

        What cannot be asked is free: no execution may run on because of that.
        """
        now = time.monotonic()
        if not where.folder:
            return True
        self._drop()
        if self._asked and self._is_fresh(*self._asked[:2], where, now):
            return self._asked[2]
        others = self._others(where)
        oldest = datetime.now(UTC).timestamp() - self._seconds
        free = others is None or all(written < oldest for written in others)
        self._asked = (where.folder, now, free)
        return free

    def _drop(self) -> None:
        """Take the mark back, so that the last one need not wait for it to be past."""
        if self._kept is None:
            return
        bucket, _, key = path_of(self._kept[0]).partition("/")
        self._kept = None
        try:
            self._account.s3.delete_object(Bucket=bucket, Key=key + _FOLDER + self._mine)
        except CallFailed:
            _log.warning("a mark could not be taken back", exc_info=True)

    def _others(self, where: Place) -> Sequence[float] | None:
        """When the marks of others were written; None where that is not known."""
        if not where.folder:
            return None
        bucket, prefix = _marks(where)
        try:
            found = self._account.s3.list_objects_v2(Bucket=bucket, Prefix=prefix)
        except CallFailed:
            _log.warning("who else holds an execution is not known", exc_info=True)
            return None
        others = (each for each in found.get("Contents", ()) if each["Key"] != prefix + self._mine)
        return [each["LastModified"].timestamp() for each in others]

    def _is_fresh(self, folder: str, at: float, where: Place, now: float) -> bool:
        return folder == where.folder and now - at < self._seconds / 3


def _marks(where: Place) -> tuple[str, str]:
    """The bucket and the prefix of marks."""
    bucket, _, key = path_of(where.folder).partition("/")
    return bucket, key + _FOLDER
