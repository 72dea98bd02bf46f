"""What can go wrong between a caller and its rights. The text of each is fit for a client."""

from __future__ import annotations


class Unauthenticated(Exception):
    """No, unknown, expired or forged credentials. One text for all, so that nothing is learned."""

    def __init__(self, message: str = "The credentials are missing or not valid.") -> None:
        super().__init__(message)


class TooManyLogins(Exception):
    """More passwords wait to be checked than can be soon; sessions, tokens and keys go on."""

    def __init__(self, message: str = "Too many logins at once.") -> None:
        super().__init__(message)


class Forbidden(Exception):
    """The principal is known but may not do this."""


class PolicyInvalid(Exception):
    """A policy file cannot be used; the message names the line. Shown to operators only."""


class ConfigurationInvalid(Exception):
    """A users file or a key cannot be used. Shown to operators only."""


class TableNotFound(Exception):
    """No such table, or none that the principal may see: the two are never told apart.

    `position` is the name's offset in the statement in characters, from 0, where there is one.
    """

    def __init__(self, message: str, *, position: int | None = None) -> None:
        super().__init__(message)
        self.position = position
