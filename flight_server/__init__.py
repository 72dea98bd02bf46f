"""The service: a governed Arrow Flight SQL data server."""

__version__ = "0.1.0"
