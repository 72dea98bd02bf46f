"""Seals tickets and handles: encrypted, bound to their subject and kind, and expiring.

Rules for editors. Rule 1: nothing is read before the tag over kind, key id and payload is verified.
Rule 2: every failure but a wrong owner has one text. Rule 3: keys are found by id, so that replicas
can rotate them: the first key seals, all of them open.
"""

from __future__ import annotations

import os
import struct
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from flight_server.query.errors import InvalidHandle, WrongOwner

_VERSION = 1
_NONCE = 12
_KEY_ID = 4
_HEAD = struct.Struct(">B4s12s")
_BODY = struct.Struct(">QH")
_REFUSED = "The ticket or handle is not valid or has expired."
MAX_SEALED = 64 * 1024


@dataclass(frozen=True, slots=True)
class SealKey:
    """A 256-bit AES key; its id is derived, so that replicas need to share nothing else."""

    secret: bytes = field(repr=False)

    def __post_init__(self) -> None:
        if len(self.secret) != 32:
            raise ValueError("a seal key has 32 bytes")

    @property
    def key_id(self) -> bytes:
        """The first four bytes of the key's SHA-256, domain separated."""
        digest = hashes.Hash(hashes.SHA256())
        digest.update(b"flight-server seal key id\0" + self.secret)
        return digest.finalize()[:_KEY_ID]


class Sealer:
    """Seals and opens payloads with AES-256-GCM."""

    def __init__(self, keys: Sequence[SealKey], clock: Callable[[], float] = time.time) -> None:
        if not keys:
            raise ValueError("at least one seal key is needed")
        self._current = keys[0].key_id
        self._ciphers: Mapping[bytes, AESGCM] = {k.key_id: AESGCM(k.secret) for k in keys}
        self._clock = clock

    def seal(self, kind: str, subject: str, payload: bytes, *, lifetime: float) -> bytes:
        """Seal a payload for one subject; `lifetime` is in seconds from now."""
        owner = subject.encode()
        nonce = os.urandom(_NONCE)
        body = _BODY.pack(int((self._clock() + lifetime) * 1000), len(owner)) + owner + payload
        head = _HEAD.pack(_VERSION, self._current, nonce)
        return head + self._ciphers[self._current].encrypt(nonce, body, head + kind.encode())

    def known(self, sealed: bytes) -> bool:
        """Whether something names one of these keys; nothing is verified."""
        if len(sealed) <= _HEAD.size:
            return False
        version, key_id, _nonce = _HEAD.unpack(sealed[: _HEAD.size])
        return version == _VERSION and key_id in self._ciphers

    def open(
        self,
        kind: str,
        subject: str,
        sealed: bytes,
        *,
        most: int = MAX_SEALED,
        expired: bool = False,
    ) -> bytes:
        """Open what `seal` made for the same kind and subject; `most` is its largest size.

        With `expired` it may have expired: to be told about it, never to be served.

        Raises `InvalidHandle` where it is forged, damaged, expired or of another kind, and
        `WrongOwner` where it was made for somebody else.
        """
        if not _HEAD.size < len(sealed) <= most:
            raise InvalidHandle(_REFUSED)
        head, encrypted = sealed[: _HEAD.size], sealed[_HEAD.size :]
        version, key_id, nonce = _HEAD.unpack(head)
        cipher = self._ciphers.get(key_id)
        if version != _VERSION or cipher is None:
            raise InvalidHandle(_REFUSED)
        try:
            body = cipher.decrypt(nonce, encrypted, head + kind.encode())
        except InvalidTag:
            raise InvalidHandle(_REFUSED) from None
        expires_at, length = _BODY.unpack_from(body)
        owner = body[_BODY.size : _BODY.size + length]
        if owner != subject.encode():
            raise WrongOwner("The ticket or handle belongs to another user.")
        if expires_at < self._clock() * 1000 and not expired:
            raise InvalidHandle(_REFUSED)
        return body[_BODY.size + length :]
