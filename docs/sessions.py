"""Writes the page on sessions from the table of options."""

from __future__ import annotations

from flight_server.query.options import OPTIONS

_HEAD = """# Sessions

A session is a set of options that go with all statements of one client. Clients set them with
`SetSessionOptions` (ADBC: `adbc.connection.catalog`, `adbc.connection.db_schema` and
`adbc.flight.sql.session.option.NAME`; JDBC: `catalog=`). An option that is set to nothing is unset.
An option that cannot be set is named in the answer, with whether its name or its value is at fault;
the others are set. What you may not see cannot be told from what is not there.

| option | values | meaning | as call header |
|---|---|---|---|
"""

_TAIL = """
A call header of the same name sets an option for one call, and beats the session. JDBC sends the
properties of its URL that it does not know itself as such headers: `?schema=market`. An empty one
counts as none; a wrong one fails the call with `INVALID_OPTION`.

A prepared statement and a ticket keep the options that they were made with. `as_of` is about
statements: metadata are those of now, and rights are never more than both then and now give. A
schema that a newly set catalog does not have is unset with it.

## Where options are kept

The server hands a session out with the answer to `SetSessionOptions`: sealed, so that any replica
with the same `seal.keys` takes it up, bound to the user, and valid for `limits.session` after its
last use. The first of these that a call has counts:

1. The header `x-flight-session`, for programs: send back what the answer's header of that name had.
   One that is damaged, expired or another user's is refused.
2. The cookie `arrow_flight_session_id`. JDBC always keeps cookies, ADBC with
   `adbc.flight.sql.rpc.with_cookie_middleware`. A cookie that is not of these keys is passed over.
3. Else what this process remembers for the login: for clients that keep nothing, such as ADBC
   unless it is told to. After a login with a password that is the session token's; credentials
   that several connections may share, such as API keys, count per connection. Other replicas do
   not know of it, and it is gone after a restart: behind a load balancer, turn on cookies. At most
   `limits.sessions` are remembered and `limits.user_sessions` per user; the least used go first.

`CloseSession` ends a session here and removes the cookie.
"""


def render() -> str:
    """The page."""
    rows = (
        f"| `{option.name}` | {option.values} | {option.meaning} | {'yes' * option.header} |"
        for option in OPTIONS
    )
    return _HEAD + "\n".join(rows) + "\n" + _TAIL
