"""`flight-server demo`: a sample warehouse, built once, and served to four users."""

from __future__ import annotations

import argparse
import os
import sys
from contextlib import ExitStack
from pathlib import Path

from flight_server.app import build
from flight_server.cli.serve import require_free, serve
from flight_server.config import PREFIX, ConfigInvalid, load
from flight_server.demo import snippets, warehouse
from flight_server.log import configure


def run(options: argparse.Namespace) -> int:
    """Build the data where it is not there yet, then serve it."""
    if not options.build_only:
        require_free(os.environ.get(f"{PREFIX}SERVER__HOST", "127.0.0.1"), options.port)
    try:
        demo = warehouse.build(options.dir, scale=options.scale, progress=Bar(), notice=_notice)
    except (ValueError, OSError) as error:
        raise _unusable(options.dir, error) from None
    if options.build_only:
        return 0
    settings = load(demo.config, {"server.port": options.port})
    configure(settings.log.level, settings.log.format)
    with ExitStack() as held:
        try:
            held.enter_context(warehouse.in_use(demo.directory))
        except ValueError as error:
            raise ConfigInvalid(str(error)) from None
        application = build(settings)
        serve(
            application,
            grace=2.0,
            greet=lambda: print(snippets.render(demo, application.server.port), flush=True),
        )
    return 0


def _notice(text: str) -> None:
    print(f"flight-server: {text}", file=sys.stderr, flush=True)


def _unusable(directory: Path, error: ValueError | OSError) -> ConfigInvalid:
    told = f"{directory}: {error.strerror}" if isinstance(error, OSError) else str(error)
    return ConfigInvalid(told)


class Bar:
    """A progress bar on standard error; plain lines where that is no terminal."""

    def __init__(self) -> None:
        self._last = ""

    def __call__(self, what: str, done: float) -> None:
        """Show that `done`, from 0 to 1, of the work is finished."""
        if sys.stderr.isatty():
            filled = int(done * 30)
            bar = "█" * filled + "·" * (30 - filled)
            end = "\n" if done >= 1 else ""
            sys.stderr.write(f"\r\x1b[K{bar} {done:4.0%} {what}{end}")
            sys.stderr.flush()
        elif what != self._last:
            sys.stderr.write(f"{done:4.0%} {what}\n")
            self._last = what
