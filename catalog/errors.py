"""What can go wrong when a catalog is asked. The text of each is fit for a client."""

from __future__ import annotations


class CatalogError(Exception):
    """A catalog could not answer."""


class CatalogUnavailable(CatalogError):
    """The catalog's service or files cannot be reached now; the cause is logged, not shown."""


class UnsupportedTable(CatalogError):
    """The table exists but uses a part of the format that this server refuses to read."""


class RestrictedTable(UnsupportedTable):
    """The catalog lets the table be read only in a way that this server cannot keep to."""


class SnapshotNotFound(CatalogError):
    """The table has no state for the moment that was asked for, or none that is kept."""
