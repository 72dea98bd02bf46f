"""One policy's user over the network: a server, a token with the user's claims, and ADBC."""

from __future__ import annotations

import re
from types import TracebackType

import adbc_driver_manager
from adbc_driver_flightsql import DatabaseOptions, dbapi

from auth.authenticate import Authenticator
from auth.keys import StaticKeys, secret_key
from auth.tokens import Issuer, TokenMinter
from flight_server.protocol.server import FlightServer
from flight_server.protocol.settings import ServerSettings
from flight_server.query.seal import Sealer
from tests.oracle.compare import Outcome, server_class
from tests.oracle.pairs import Pair

_SECRET = b"oracle-oracle-oracle-oracle-oracle"
_CODE = re.compile(r"\[FlightSQL\] ([A-Z_]+): ")
_NAME = "https://oracle.test"


class Wire:
    """A context: the server runs within it."""

    def __init__(self, pair: Pair, sealer: Sealer) -> None:
        self._pair = pair
        key = secret_key(_SECRET)
        issuer = Issuer(_NAME, _NAME, ("HS256",), StaticKeys(unnamed=(key,)))
        identity = pair.policy.identity
        access = Authenticator(identity=lambda: identity, issuers=(issuer,))
        settings = ServerSettings(host="127.0.0.1", port=0, server_version="0")
        self._server = FlightServer(pair.service, access, sealer, settings)
        self._token = TokenMinter(key, issuer=_NAME, audience=_NAME).mint(
            "u", lifetime_seconds=600, claims=dict(pair.caller.principal.claims)
        )

    def __enter__(self) -> Wire:
        self._server.start()
        header = DatabaseOptions.AUTHORIZATION_HEADER.value
        options = {header: f"Bearer {self._token}"}
        self._connection = dbapi.connect(self._server.location, options, autocommit=True)
        zone = self._pair.caller.time_zone
        with self._connection.cursor() as cursor:
            cursor.execute(f"SET TimeZone = '{zone}'")
            cursor.fetchall()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._connection.close()
        self._server.stop(1.0).wait()

    def run(self, text: str) -> Outcome:
        """What the user gets for a statement."""
        with self._connection.cursor() as cursor:
            try:
                cursor.execute(text)
                return Outcome(cursor.fetch_arrow_table())
            except adbc_driver_manager.Error as error:
                said = str(error)
        code = _CODE.search(said)
        return Outcome(None, server_class(code[1] if code else said, said), said[:300])
