"""Parses the command line and runs one command.

Commands are imported when they run: what a server needs takes seconds to import, and a token or a
wrong argument needs none of it.
"""

from __future__ import annotations

import argparse
import importlib
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from auth.errors import ConfigurationInvalid, PolicyInvalid, Unauthenticated
from flight_server import __version__
from flight_server.config import ConfigInvalid, load
from flight_server.engines.errors import EngineError
from flight_server.log import configure

Command = Callable[[argparse.Namespace], int]

_EXPECTED = (ConfigInvalid, ConfigurationInvalid, PolicyInvalid, Unauthenticated, EngineError)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; gives the exit status: 0 done, 1 refused or failed, 2 wrong usage."""
    options = _parser().parse_args(arguments)
    command: Command = options.command
    try:
        return command(options)
    except _EXPECTED as error:
        print(f"flight-server: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="flight-server", description="A governed Arrow Flight SQL data server."
    )
    parser.add_argument("--version", action="version", version=__version__)
    commands = parser.add_subparsers(title="commands", required=True, metavar="COMMAND")
    _serve(commands.add_parser("serve", help="serve the configured catalogs"))
    _demo(commands.add_parser("demo", help="build a sample warehouse and serve it"))
    _check(commands.add_parser("check", help="verify configuration, policy and catalogs"))
    _token(commands.add_parser("token", help="mint a token for development"))
    _query(commands.add_parser("query", help="run a statement against a server"))
    _explain(commands.add_parser("explain", help="show which grants apply and why"))
    return parser


def _configured(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--config", type=Path, metavar="FILE", help="settings in YAML")
    parser.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="one setting, such as server.port=0; over the file and the environment",
    )


def _serve(parser: argparse.ArgumentParser) -> None:
    _configured(parser)
    parser.set_defaults(command=_with_settings("serve"))


def _demo(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--dir", type=Path, default=Path("demo-data"), help="where the data goes")
    parser.add_argument("--port", type=int, default=31337, help="0 picks a free one")
    parser.add_argument("--scale", type=float, default=1.0, help="how much data: 1 is 7 M rows")
    parser.add_argument("--build-only", action="store_true", help="build the data, do not serve")
    parser.set_defaults(command=_command("demo"))


def _check(parser: argparse.ArgumentParser) -> None:
    _configured(parser)
    parser.set_defaults(command=_with_settings("check"))


def _token(parser: argparse.ArgumentParser) -> None:
    _configured(parser)
    parser.add_argument("--subject", required=True, help="whom the token stands for")
    _token_content(parser)
    parser.add_argument("--lifetime", type=float, default=3600.0, help="seconds until it expires")
    parser.set_defaults(command=_with_settings("token"))


def _token_content(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--group", action="append", default=[], help="a group; repeatable")
    parser.add_argument(
        "--claim", action="append", default=[], metavar="NAME=JSON", help="a claim; repeatable"
    )


def _query(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("sql", help="the statement; - reads it from standard input")
    parser.add_argument("--uri", default="grpc://127.0.0.1:31337", help="the server")
    parser.add_argument("--user", help="user name; the password is read from FLIGHT_PASSWORD")
    parser.add_argument("--token-file", type=Path, help="file with a bearer token")
    parser.add_argument("--format", choices=["table", "csv", "json"], default="table")
    parser.add_argument("--rows", type=int, default=100, help="rows shown as a table; 0 for all")
    parser.set_defaults(command=_command("query"))


def _explain(parser: argparse.ArgumentParser) -> None:
    _configured(parser)
    parser.add_argument("--as", dest="user", required=True, metavar="USER", help="a known user")
    _token_content(parser)
    parser.add_argument("sql", help="the statement")
    parser.set_defaults(command=_with_settings("explain"))


def _command(name: str) -> Callable[..., int]:
    """What runs a command of this package."""

    def run(*arguments: object) -> int:
        command: Callable[..., int] = importlib.import_module(f"flight_server.cli.{name}").run
        return command(*arguments)

    return run


def _with_settings(name: str) -> Command:
    """A command that gets the settings, loaded and with the log set up."""
    command = _command(name)

    def run(options: argparse.Namespace) -> int:
        flags = {}
        for item in options.set:
            name, equals, value = item.partition("=")
            if not equals:
                raise ConfigInvalid(f"--set {item}: expected NAME=VALUE")
            flags[name] = value
        settings = load(options.config, flags)
        configure(settings.log.level, settings.log.format)
        return command(settings, options)

    return run
