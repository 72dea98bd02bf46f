"""Keys that sign and verify tokens, each bound to the algorithms that its type allows."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Final, Protocol

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import (
    load_pem_private_key,
    load_pem_public_key,
)

from auth.errors import ConfigurationInvalid

SigningKey = bytes | rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey
VerifyingKey = bytes | rsa.RSAPublicKey | ec.EllipticCurvePublicKey | ed25519.Ed25519PublicKey

_MIN_RSA_BITS: Final = 2048
_RSA: Final = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512")
_CURVES: Final = {"secp256r1": "ES256", "secp384r1": "ES384", "secp521r1": "ES512"}
_HMAC: Final = (("HS256", 32), ("HS384", 48), ("HS512", 64))  # least bytes, RFC 7518 3.2
_PEM: Final = b"-----BEGIN"
_MAX_FILE: Final = 64 * 1024

ALGORITHMS: Final = frozenset(
    {*_RSA, *_CURVES.values(), *(name for name, _ in _HMAC), "EdDSA"},
)


@dataclass(frozen=True, slots=True)
class Key:
    """A key with the algorithms it may be used for, and no others. `sign` is None for public ones.

    The first of `algorithms` is the one to sign with. Key material is kept out of `repr`.
    """

    algorithms: tuple[str, ...]
    verify: VerifyingKey = field(repr=False)
    sign: SigningKey | None = field(repr=False, default=None)


class KeySet(Protocol):
    """Where a verifier finds keys."""

    def find(self, kid: str | None, algorithm: str) -> Key | None:
        """The key of an identifier that may be used for an algorithm; None where there is none."""
        ...


@dataclass(frozen=True, slots=True)
class StaticKeys:
    """Keys known from the start.

    `named` are found by the `kid` of a token, by looking it up and nothing else; `unnamed` ones
    serve tokens with no `kid` or one that is not in `named`. Raises `ConfigurationInvalid` where
    two unnamed keys would serve the same algorithm.
    """

    named: Mapping[str, Key] = field(default_factory=lambda: MappingProxyType({}))
    unnamed: tuple[Key, ...] = ()

    def __post_init__(self) -> None:
        algorithms = [name for key in self.unnamed for name in key.algorithms]
        if len(set(algorithms)) != len(algorithms):
            raise ConfigurationInvalid("several keys of the same type need names (kid)")
        if not self.named and not self.unnamed:
            raise ConfigurationInvalid("there is no key")

    def find(self, kid: str | None, algorithm: str) -> Key | None:
        """The key of an identifier that may be used for an algorithm; None where there is none."""
        candidates: Iterable[Key] = self.unnamed
        if kid is not None and kid in self.named:
            candidates = (self.named[kid],)
        return next((key for key in candidates if algorithm in key.algorithms), None)


def secret_key(secret: bytes | str) -> Key:
    """An HMAC key. Raises `ConfigurationInvalid` for less than 32 bytes, and for a public key.

    A public key as a secret is the classic mistake: everyone could sign with it.
    """
    material = secret.encode() if isinstance(secret, str) else secret
    if _PEM in material or material.startswith((b"ssh-", b"ecdsa-")):
        raise ConfigurationInvalid("a PEM or SSH key cannot be a secret")
    algorithms = tuple(name for name, least in _HMAC if len(material) >= least)
    if not algorithms:
        raise ConfigurationInvalid(f"a secret needs at least {_HMAC[0][1]} bytes")
    return Key(algorithms, material, material)


def pem_key(pem: bytes | str) -> Key:
    """An RSA, EC or Ed25519 key, private or public, in PEM. Raises `ConfigurationInvalid`."""
    data = pem.encode() if isinstance(pem, str) else pem
    try:
        if b"PRIVATE KEY-----" in data:
            private = load_pem_private_key(data, password=None)
            if isinstance(
                private, rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey
            ):
                public = private.public_key()
                return Key(_algorithms_of(public), public, private)
        else:
            loaded = load_pem_public_key(data)
            if isinstance(
                loaded, rsa.RSAPublicKey | ec.EllipticCurvePublicKey | ed25519.Ed25519PublicKey
            ):
                return Key(_algorithms_of(loaded), loaded)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        # the cause may quote key material
        raise ConfigurationInvalid("the key is not a PEM key without password") from None
    raise ConfigurationInvalid("only RSA, EC and Ed25519 keys are supported")


def key_of(text: bytes | str) -> Key:
    """A key in PEM, or else a secret, without the white space around it."""
    data = (text.encode() if isinstance(text, str) else text).strip()
    return pem_key(data) if data.startswith(_PEM) else secret_key(data)


def read_key(path: Path | str) -> Key:
    """A key from a file. Raises `ConfigurationInvalid`, which names the file, not its content."""
    file = Path(path)
    try:
        with file.open("rb") as opened:
            data = opened.read(_MAX_FILE + 1)
    except OSError as fault:
        raise ConfigurationInvalid(f"{file.name}: cannot be read ({fault.strerror})") from fault
    if len(data) > _MAX_FILE:
        raise ConfigurationInvalid(f"{file.name}: is too large for a key")
    try:
        return key_of(data)
    except ConfigurationInvalid as fault:
        raise ConfigurationInvalid(f"{file.name}: {fault}") from None


def _algorithms_of(
    key: rsa.RSAPublicKey | ec.EllipticCurvePublicKey | ed25519.Ed25519PublicKey,
) -> tuple[str, ...]:
    if isinstance(key, rsa.RSAPublicKey):
        if key.key_size < _MIN_RSA_BITS:
            raise ConfigurationInvalid(f"an RSA key needs at least {_MIN_RSA_BITS} bits")
        return _RSA
    if isinstance(key, ec.EllipticCurvePublicKey):
        if key.curve.name not in _CURVES:
            raise ConfigurationInvalid(f"the curve {key.curve.name} is not supported")
        return (_CURVES[key.curve.name],)
    return ("EdDSA",)
