"""The key of an audit log: signs checkpoints (Ed25519), and gives names to what must not be shown.

The private key is the server's; whoever verifies a log needs the public one only.
"""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import dataclass, field

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key, load_pem_public_key

MIN_SECRET = 32
_DOMAIN = b"flight-server audit checkpoint 1\0"


class KeyInvalid(Exception):
    """A key cannot be used. The message says why, and nothing of the key."""


@dataclass(frozen=True, slots=True)
class PublicKey:
    """What verifies signatures; `text` is its 32 bytes in hexadecimal."""

    text: str

    @property
    def key_id(self) -> str:
        """A short name of the key."""
        return hashlib.sha256(b"flight-server audit key\0" + bytes.fromhex(self.text)).hexdigest()[
            :16
        ]

    def verifies(self, signature: str, message: bytes) -> bool:
        """Whether a signature, in hexadecimal, is one of a message by this key."""
        try:
            key = Ed25519PublicKey.from_public_bytes(bytes.fromhex(self.text))
            key.verify(bytes.fromhex(signature), _DOMAIN + message)
        except (InvalidSignature, ValueError):
            return False
        return True


@dataclass(frozen=True, slots=True)
class SigningKey:
    """The server's key. Replicas may share it."""

    _private: Ed25519PrivateKey = field(repr=False)

    @property
    def public(self) -> PublicKey:
        """What verifies this key's signatures."""
        return PublicKey(self._private.public_key().public_bytes_raw().hex())

    def sign(self, message: bytes) -> str:
        """The signature of a message, in hexadecimal."""
        return self._private.sign(_DOMAIN + message).hex()

    def namer(self) -> Namer:
        """What gives names under this key."""
        seed = self._private.private_bytes_raw()
        return Namer(hashlib.sha256(b"flight-server audit names\0" + seed).digest())


@dataclass(frozen=True, slots=True)
class Namer:
    """Gives values names that are equal for equal values and tell nothing else to who has no key.

    A plain hash would not do: what is hashed can be short enough to be guessed.
    """

    _key: bytes = field(repr=False)

    def name(self, kind: str, value: bytes) -> str:
        """The name of a value among those of its kind."""
        return hmac.new(self._key, kind.encode() + b"\0" + value, hashlib.sha256).hexdigest()[:32]


def signing_key(secret: str) -> SigningKey:
    """The key of a secret: an Ed25519 key in PEM, or any other text of 32 bytes or more.

    Raises `KeyInvalid`.
    """
    data = secret.strip().encode()
    if not data.startswith(b"-----BEGIN"):
        if len(data) < MIN_SECRET:
            raise KeyInvalid(f"a secret needs {MIN_SECRET} bytes or more")
        seed = hashlib.sha256(b"flight-server audit signing\0" + data).digest()
        return SigningKey(Ed25519PrivateKey.from_private_bytes(seed))
    try:
        key = load_pem_private_key(data, password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        # the cause may quote key material
        raise KeyInvalid("it is not a PEM key without password") from None
    if not isinstance(key, Ed25519PrivateKey):
        raise KeyInvalid("only Ed25519 keys can sign")
    return SigningKey(key)


def public_key(text: str) -> PublicKey:
    """A public key in PEM or as 64 hexadecimal digits. Raises `KeyInvalid`."""
    data = text.strip()
    try:
        if data.startswith("-----BEGIN"):
            key = load_pem_public_key(data.encode())
        else:
            key = Ed25519PublicKey.from_public_bytes(bytes.fromhex(data))
    except (ValueError, UnsupportedAlgorithm):
        raise KeyInvalid("it is not a public key") from None
    if not isinstance(key, Ed25519PublicKey):
        raise KeyInvalid("only Ed25519 keys can verify")
    return PublicKey(key.public_bytes_raw().hex())
