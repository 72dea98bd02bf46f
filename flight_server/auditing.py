"""Where the settings say that the audit log is, and what signs it."""

from __future__ import annotations

from flight_server.config import ConfigInvalid, Settings
from flight_server.query.audit.files import Place
from flight_server.query.audit.signing import KeyInvalid, SigningKey, signing_key


def audit_place(settings: Settings) -> Place | None:
    """Where the audit log is; None where there is none."""
    audit = settings.audit
    if audit.directory is None:
        return None
    return Place(audit.directory, audit.stream, audit.checkpoints or audit.directory)


def signed_place(settings: Settings) -> tuple[Place, SigningKey] | None:
    """Where the audit log is with what signs it; None where there is none.

    Raises `ConfigInvalid` for one that nothing signs.
    """
    place, key = audit_place(settings), audit_key(settings)
    if place is None:
        return None
    if key is None:
        raise ConfigInvalid("audit.secret: is needed to sign the audit log")
    return place, key


def audit_key(settings: Settings) -> SigningKey | None:
    """What signs the audit log; None where nothing is set."""
    secret = settings.audit.secret
    try:
        return None if secret is None else signing_key(secret.get_secret_value())
    except KeyInvalid as error:
        raise ConfigInvalid(f"audit.secret: {error}") from None
