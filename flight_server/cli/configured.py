"""The settings that a command line asks for: a file, the environment, and `--set NAME=VALUE`."""

from __future__ import annotations

import argparse
import os

from flight_server.config import PREFIX, ConfigInvalid, Settings, load
from flight_server.log import configure


def configured(options: argparse.Namespace) -> Settings:
    """The settings, checked, with the log set up. Raises `ConfigInvalid`."""
    flags = {}
    for item in options.set:
        name, equals, value = item.partition("=")
        if not equals:
            raise ConfigInvalid(f"--set {item}: expected NAME=VALUE")
        flags[name] = value
    settings = load(options.config, flags)
    configure(settings.log.level, settings.log.format)
    return settings


def configured_if_any(options: argparse.Namespace) -> Settings | None:
    """The settings where a policy is among them, by file, flag or environment; else None."""
    # other variables may be there for other reasons, such as the host in an image of a container
    if options.config or options.set or any(n.startswith(f"{PREFIX}POLICY") for n in os.environ):
        return configured(options)
    return None
