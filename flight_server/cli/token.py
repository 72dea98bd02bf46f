"""`flight-server token`: mint a bearer token for development."""

from __future__ import annotations

import argparse

from auth.keys import secret_key
from auth.tokens import TokenMinter
from flight_server.cli.claims import parse_claims
from flight_server.config import ConfigInvalid, Settings


def run(settings: Settings, options: argparse.Namespace) -> int:
    """Print a token of the first configured issuer that has a secret."""
    entry = next((entry for entry in settings.auth.issuers if entry.secret), None)
    if entry is None or entry.secret is None:
        raise ConfigInvalid("auth.issuers: a token needs an issuer with a secret")
    if not 0 < options.lifetime <= entry.max_lifetime:
        raise ConfigInvalid(
            f"--lifetime: tokens of {entry.issuer} may live {entry.max_lifetime:g} seconds"
            " (auth.issuers, max_lifetime)"
        )
    claims = {"groups": options.group, **parse_claims(options.claim)}
    key = secret_key(entry.secret.get_secret_value())
    minter = TokenMinter(key, issuer=entry.issuer, audience=entry.audience)
    print(minter.mint(options.subject, lifetime_seconds=int(options.lifetime), claims=claims))
    return 0
