"""An Amazon Athena that really executes, on a port of this machine: see `AthenaDouble`."""

from flight_server.testing.athena.double import AthenaDouble
from flight_server.testing.athena.faults import Call

__all__ = ["AthenaDouble", "Call"]
