"""Parses the command line and runs one command.

Commands are imported when they run: what a server needs takes seconds to import, and a token or a
wrong argument needs none of it.
"""

from __future__ import annotations

import argparse
import importlib
import os
import sys
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path

from auth.errors import ConfigurationInvalid, PolicyInvalid, Unauthenticated
from catalog.errors import CatalogError
from flight_server import __version__
from flight_server.cli.configured import configured
from flight_server.config import ConfigInvalid
from flight_server.engines.errors import EngineError

Command = Callable[[argparse.Namespace], int]


class _Defaults(argparse.HelpFormatter):
    """Help that tells the defaults that there are."""

    def _get_help_string(self, action: argparse.Action) -> str | None:
        told = action.help is not None and action.option_strings and action.default is not None
        shown = told and not isinstance(action.default, bool) and action.nargs != 0
        return f"{action.help} (default: %(default)s)" if shown else action.help


_EXPECTED = (
    ConfigInvalid,
    ConfigurationInvalid,
    PolicyInvalid,
    Unauthenticated,
    CatalogError,
    EngineError,
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; gives the exit status: 0 done, 1 refused or failed, 2 wrong usage."""
    try:
        try:
            return _run(arguments)
        finally:
            sys.stdout.flush()  # not at the end of Python, where no fault could be caught
    except BrokenPipeError:
        # Who reads has read enough; what Python would flush at its end has nowhere to go.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1


def _run(arguments: Sequence[str] | None) -> int:
    options = _parser().parse_args(arguments)
    command: Command = options.command
    try:
        return command(options)
    except _EXPECTED as error:
        print(f"flight-server: {str(error).replace(chr(10), ' ')}", file=sys.stderr)
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
    _demo(
        commands.add_parser(
            "demo", help="build a sample warehouse and serve it", formatter_class=_Defaults
        )
    )
    _check(commands.add_parser("check", help="verify configuration, policy and catalogs"))
    _token(commands.add_parser("token", help="mint a token for development"))
    _password(commands.add_parser("password", help="hash a password for the users file"))
    _api_key(commands.add_parser("api-key", help="make an API key for the users file"))
    _query(
        commands.add_parser(
            "query", help="run a statement against a server", formatter_class=_Defaults
        )
    )
    _explain(commands.add_parser("explain", help="show which grants apply and why"))
    _policy(commands.add_parser("policy", help="check, test, explain and compare policies"))
    _audit(commands.add_parser("audit", help="verify and show the audit log"))
    return parser


def _configured(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--config", type=Path, metavar="FILE", help="settings in YAML")
    parser.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="one setting, such as server.port=0, over file and environment; repeatable",
    )


def _serve(parser: argparse.ArgumentParser) -> None:
    _configured(parser)
    parser.set_defaults(command=_with_settings("serve"))


def _demo(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--dir", type=Path, default=Path("demo-data"), help="where the data goes")
    parser.add_argument("--port", type=_port, default=31337, help="0 picks a free one")
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


def _password(parser: argparse.ArgumentParser) -> None:
    parser.description = "Prints the line for the users file. The password is read from the"
    parser.description += " terminal, twice, or from FLIGHT_PASSWORD."
    parser.set_defaults(command=_command("password"), action="password")


def _api_key(parser: argparse.ArgumentParser) -> None:
    parser.description = "Prints a new API key, once, and the line for the users file."
    parser.add_argument("--id", required=True, help="the key's name in logs, such as nightly")
    parser.set_defaults(command=_command("password"), action="api-key")


def _query(parser: argparse.ArgumentParser) -> None:
    parser.description = "Runs one statement; without --user and --token-file as nobody."
    parser.add_argument("sql", help="the statement; - reads it from standard input")
    parser.add_argument("--uri", default="grpc://127.0.0.1:31337", help="the server")
    parser.add_argument("--user", help="user name; the password is in FLIGHT_PASSWORD or asked")
    parser.add_argument("--token-file", type=Path, help="file with a bearer token")
    formats = ["table", "csv", "json"]
    parser.add_argument("--format", choices=formats, default="table", help="how rows are shown")
    parser.add_argument("--rows", type=_count, default=100, help="rows shown as a table; 0 for all")
    parser.set_defaults(command=_command("query"))


def _port(text: str) -> int:
    if not text.isascii() or not text.isdigit() or int(text) > 65_535:
        raise argparse.ArgumentTypeError("expected a port from 0 to 65535")
    return int(text)


def _count(text: str) -> int:
    if not text.isascii() or not text.isdigit():
        raise argparse.ArgumentTypeError("expected a number that is not below 0")
    return int(text)


def _moment(text: str) -> datetime:
    """A day or a moment, in UTC where it names no zone."""
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        raise argparse.ArgumentTypeError("expected a day or moment, as 2026-11-01T12:00") from None
    return found if found.tzinfo is not None else found.replace(tzinfo=UTC)


def _explain(parser: argparse.ArgumentParser) -> None:
    _configured(parser)
    parser.add_argument("--as", dest="user", required=True, metavar="USER", help="a known user")
    _token_content(parser)
    parser.add_argument("sql", help="the statement")
    parser.set_defaults(command=_with_settings("explain"))


def _actions(
    parser: argparse.ArgumentParser, command: str
) -> Callable[[str, str], argparse.ArgumentParser]:
    """What adds an action with its help to a command that has several."""
    actions = parser.add_subparsers(title="actions", required=True, metavar="ACTION")

    def action(name: str, text: str) -> argparse.ArgumentParser:
        made = actions.add_parser(name, help=text, description=text)
        _configured(made)
        made.set_defaults(command=_command(command), action=name)
        return made

    return action


def _policy(parser: argparse.ArgumentParser) -> None:
    action = _actions(parser, "policy")

    check = action("check", "find faults, also against the tables of the catalogs")
    check.add_argument("file", type=Path, nargs="?", help="the policy; else the configured one")
    check.add_argument("--strict", action="store_true", help="warnings fail as well")

    test = action("test", "compare decisions with those that are expected")
    test.add_argument("cases", type=Path, help="the cases, in YAML")
    _of_policy(test)
    test.add_argument("--junit", type=Path, metavar="FILE", help="also write a JUnit report")

    explain = action("explain", "say why a table or column is visible, masked or hidden")
    _of_policy(explain)
    explain.add_argument("--as", dest="user", required=True, metavar="USER", help="a known user")
    _token_content(explain)
    explain.add_argument("--table", required=True, metavar="TABLE", help="catalog.schema.table")
    explain.add_argument("--column", metavar="COLUMN", help="one column of it")
    explain.add_argument("--format", choices=["text", "json"], default="text")

    diff = action("diff", "say who sees more or less with another policy")
    diff.add_argument("old", type=Path, help="the policy as it was")
    diff.add_argument("new", type=Path, help="the policy as it becomes")
    who = "a user, repeatable; else all users and roles"
    diff.add_argument("--as", dest="user", action="append", default=[], metavar="USER", help=who)
    diff.add_argument("--tables", type=Path, metavar="CASES", help="cases that declare tables")
    log = "compare what the statements of an audit log get, instead of all rights"
    diff.add_argument("--replay", type=Path, metavar="DIR", help=log)
    since = "leave out what ran before this day or moment, such as 2026-11-01"
    diff.add_argument("--since", type=_moment, metavar="MOMENT", help=since)
    diff.add_argument("--format", choices=["text", "json"], default="text")
    diff.add_argument("--exit-code", action="store_true", help="exit with 3 where they differ")


def _audit(parser: argparse.ArgumentParser) -> None:
    action = _actions(parser, "audit")

    verify = action("verify", "find out whether the audit log is as it was written")
    verify.add_argument("path", type=Path, nargs="?", help="a directory or file; else configured")
    verify.add_argument("--checkpoints", type=Path, metavar="DIR", help="where copies of them are")
    signer = "who may have signed it, beside the configured key; repeatable"
    verify.add_argument(
        "--public-key", type=Path, action="append", default=[], metavar="FILE", help=signer
    )
    archived = "the first files may have been moved away"
    verify.add_argument("--archived", action="store_true", help=archived)

    show = action("show", "print the latest records")
    show.add_argument("path", type=Path, nargs="?", help="a directory; else configured")
    show.add_argument("--limit", type=int, default=50, help="how many records")
    show.add_argument("--user", help="of one user only")
    show.add_argument("--event", help="of one kind only, such as start or refused")
    show.add_argument("--format", choices=["text", "json"], default="text")

    action("key", "print the public key that verifies the log")


def _of_policy(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--policy", type=Path, metavar="FILE", help="else the configured one")


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
        return command(configured(options), options)

    return run
