"""What can go wrong between a caller and its rights. The text of each is fit for a client."""

from __future__ import annotations


class Unauthenticated(Exception):
    """No, unknown, expired or forged credentials. One text for all, so that nothing is learned."""


class Forbidden(Exception):
    """The principal is known but may not do this."""


class PolicyInvalid(Exception):
    """A policy file cannot be used; the message names the line. Shown to operators only."""


class TableNotFound(Exception):
    """No such table, or none that the principal may see: the two are never told apart."""
