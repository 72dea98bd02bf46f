"""One call as the query layer sees it: who asks, and the defaults that the statement runs under."""

from __future__ import annotations

from dataclasses import dataclass, field

from auth.principal import Principal
from flight_server.query.versions import AsOf


@dataclass(frozen=True, slots=True)
class Caller:
    """The principal of a call with its context.

    `request_id` is shown to the client with every error and written to the log. `catalog` and
    `schema` complete unqualified names; None takes the server's defaults. `time_zone` is one of
    DuckDB's. `statement_timeout` is in seconds, None for the server's. `as_of` is the moment as of
    which tables are read, the id of a snapshot, or a tag or branch; None for now. `partitions` is
    how many endpoints a result may have. `compression` is how its record batches are compressed,
    None for not. `engine` is what runs its statements, or `auto`.
    `session` tells the caller's sessions apart; it is made of credentials and never shown.
    """

    principal: Principal
    request_id: str
    peer: str = ""
    client: str = ""
    catalog: str | None = None
    schema: str | None = None
    time_zone: str = "UTC"
    statement_timeout: float | None = None
    as_of: AsOf | None = None
    partitions: int = 1
    compression: str | None = None
    engine: str = "auto"
    session: bytes = field(default=b"", repr=False)
