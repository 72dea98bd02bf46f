"""Writes the reference pages from the tables in the code; a test holds that they are up to date."""

from __future__ import annotations

from pathlib import Path

from docs import athena_dialect, iceberg_matrix, protocol, sessions
from flight_server import config
from flight_server.protocol.errors import PROTOCOL_RULES
from flight_server.query.failures import INTERNAL

HERE = Path(__file__).parent


def configuration() -> str:
    """Every setting with its type, default and meaning."""
    lines = [
        "# Configuration",
        "",
        "`flight-server serve --config FILE` reads YAML. A flag `--set NAME=VALUE` wins over the",
        "environment, the environment over the file. The variable of `server.port` is",
        "`FLIGHT_SERVER_SERVER__PORT`. Sizes take units (`512MiB`, `2GB`), times are in seconds,",
        "secrets are references (`env:NAME`, `file:PATH`). Relative paths start at the file.",
        "Unknown names are refused with the nearest known one. `flight-server check` verifies all.",
        "",
        "`--set` can be given several times. In flags and variables a list is written `[a, b]`,",
        "one text is a list of one, and a mapping is written `{a: b}`: `--set seal.keys=env:KEY`,",
        "`--set 'seal.keys=[env:NEW, env:OLD]'`, `FLIGHT_SERVER_SEAL__KEYS=env:KEY`. A list takes",
        "the place of the one under it, whole.",
        "",
        "| setting | type | default | meaning |",
        "|---|---|---|---|",
    ]
    for name, kind, default, description in config.table():
        shown = f"`{default}`" if default else ""
        lines.append(f"| `{name}` | {kind} | {shown} | {description} |")
    lines += [
        "",
        "A catalog takes, beside these, the properties of its kind, such as `uri` and `warehouse`;",
        "values given as `env:NAME` are read from the environment.",
    ]
    return "\n".join(lines) + "\n"


def errors() -> str:
    """Every error code with its kind and hint."""
    lines = [
        "# Error codes",
        "",
        "An error has a stable code, a text that says what and where, a hint, and the id of its",
        "request, under which the log has the rest. Nothing that is hidden from a user is in any.",
        "",
        "| code | gRPC status | when | hint |",
        "|---|---|---|---|",
    ]
    rows = sorted(PROTOCOL_RULES.items(), key=lambda row: row[1].code)
    for error, rule in rows:
        first = (error.__doc__ or "").strip().splitlines()[0]
        lines.append(f"| `{rule.code}` | {rule.kind.name} | {first} | {rule.hint} |")
    when = "Anything unforeseen; its text is never shown."
    lines.append(f"| `{INTERNAL.code}` | {INTERNAL.kind.name} | {when} | {INTERNAL.hint} |")
    return "\n".join(lines) + "\n"


PAGES = {
    "athena-dialect.md": athena_dialect.render,
    "configuration.md": configuration,
    "errors.md": errors,
    "iceberg.md": iceberg_matrix.render,
    "protocol.md": protocol.render,
    "sessions.md": sessions.render,
}


def main() -> None:
    """Write all pages."""
    for name, render in PAGES.items():
        (HERE / name).write_text(render())


if __name__ == "__main__":
    main()
