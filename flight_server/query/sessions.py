"""Where the options of a session are kept: sealed at the client, or for a while in this process.

A sealed session is good on every replica that shares the keys. What is kept here is for clients
that keep nothing themselves: it is lost with the process, and other replicas do not know it.
"""

from __future__ import annotations

import base64
import binascii
import json
import threading
import time
from collections import Counter, OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from flight_server.query.caller import Caller
from flight_server.query.errors import InvalidHandle
from flight_server.query.options import BY_NAME
from flight_server.query.seal import Sealer

KIND = "session"
MAX_SESSION = 8 * 1024
_REFUSED = "The session is not valid or has expired."


@dataclass(frozen=True, slots=True)
class SessionLimits:
    """How long a session lives unused, in seconds, and how many are kept here."""

    seconds: float = 43_200.0
    kept: int = 10_000
    kept_per_user: int = 100


@dataclass(frozen=True, slots=True)
class Opened:
    """The options of a sealed session; `aging` says that it is time to seal it anew."""

    options: Mapping[str, str]
    aging: bool


@dataclass(frozen=True, slots=True)
class SessionKey:
    """By what a session is found that its client does not keep: a user and a digest."""

    owner: str
    digest: bytes


@dataclass(frozen=True, slots=True)
class Session:
    """The session of one call.

    `bare` is the caller without options, `options` what the session sets and `extra` what the call
    adds. `shown` says that the client keeps the session itself, `aging` that it needs a new seal.
    """

    bare: Caller
    key: SessionKey
    options: Mapping[str, str]
    extra: Mapping[str, str]
    shown: bool = False
    aging: bool = False


class Sessions:
    """Seals, opens and keeps sessions. Safe to use from several threads."""

    def __init__(
        self,
        sealer: Sealer,
        limits: SessionLimits = SessionLimits(),
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.limits = limits
        self._sealer = sealer
        self._clock = clock
        self._lock = threading.Lock()
        self._kept: OrderedDict[SessionKey, tuple[float, Mapping[str, str]]] = OrderedDict()
        self._count: Counter[str] = Counter()

    def seal(self, subject: str, options: Mapping[str, str]) -> str:
        """The session as a text for its client to keep."""
        body = json.dumps({"o": dict(options), "t": int(self._clock())}, separators=(",", ":"))
        sealed = self._sealer.seal(KIND, subject, body.encode(), lifetime=self.limits.seconds)
        return base64.urlsafe_b64encode(sealed).decode().rstrip("=")

    def open(self, subject: str, text: str) -> Opened:
        """The session that `seal` made for the same subject.

        Raises `InvalidHandle` where it is damaged or expired, `WrongOwner` where it is another's.
        """
        try:
            body = json.loads(self._sealer.open(KIND, subject, _decoded(text)))
            options = {str(k): str(v) for k, v in body["o"].items() if k in BY_NAME}
            age = self._clock() - float(body["t"])
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise InvalidHandle(_REFUSED) from error
        return Opened(options, age > self.limits.seconds / 4)

    def known(self, text: str) -> bool:
        """Whether a text names one of these keys: all else is not ours to judge."""
        try:
            return self._sealer.known(_decoded(text))
        except InvalidHandle:
            return False

    def keep(self, key: SessionKey, options: Mapping[str, str]) -> None:
        """Keep a session; the least recently used ones go first, a user's own before others'."""
        with self._lock:
            self._drop(key)
            if not options:
                return
            if self._count[key.owner] >= self.limits.kept_per_user:
                self._drop(next(other for other in self._kept if other.owner == key.owner))
            while len(self._kept) >= self.limits.kept:
                self._drop(next(iter(self._kept)))
            self._kept[key] = (self._clock() + self.limits.seconds, options)
            self._count[key.owner] += 1

    def recall(self, key: SessionKey) -> Mapping[str, str]:
        """The options of a kept session; none where there is none or it has expired."""
        with self._lock:
            until, options = self._kept.get(key, (0.0, {}))
            now = self._clock()
            if until < now:
                self._drop(key)
                return {}
            self._kept[key] = (now + self.limits.seconds, options)
            self._kept.move_to_end(key)
            return options

    def _drop(self, key: SessionKey) -> None:
        if self._kept.pop(key, None) is not None:
            self._count[key.owner] -= 1
            if not self._count[key.owner]:
                del self._count[key.owner]


def _decoded(text: str) -> bytes:
    if not 0 < len(text) <= MAX_SESSION:
        raise InvalidHandle(_REFUSED)
    try:
        return base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        raise InvalidHandle(_REFUSED) from None
