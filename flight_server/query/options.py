"""What a caller may set for its statements: one table of options, each with its check.

Values are texts, since clients send what they have as that: `check` turns one into the form that is
kept and shown, which `applied` puts on a caller. It is the same for sessions and call headers.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from functools import cached_property
from types import MappingProxyType
from typing import Any

from auth.visible import VisibleCatalog
from catalog.errors import CatalogError
from catalog.lookup import match
from catalog.names import fold
from flight_server.engines.base import AUTO
from flight_server.query.caller import Caller
from flight_server.query.errors import InvalidOption
from flight_server.query.service import QueryService
from flight_server.query.versions import AsOf, as_text, read_reference

MAX_VALUE = 1_000
_NUMBER = re.compile(r"[0-9]{1,9}(\.[0-9]{1,9})?", re.ASCII)
_OFFSET = re.compile(r"(?:UTC|GMT)?([+-])([0-9]{1,2})(?::?00)?", re.ASCII | re.IGNORECASE)
_HOURS = {"+": 14, "-": 12}  # as far as time zones go
_PLAIN_ZONES = frozenset({"UTC", "GMT", "CET", "EET", "MET", "WET"})
# names that DuckDB knows and clients do not: they could not read the results
_FOREIGN_ZONES = ("SystemV/", "Canada/East-Saskatchewan", "US/Pacific-New")
_SKEW = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class Bounds:
    """How far options go: seconds of a statement (0 for any), endpoints of a result, time zones.

    `zones` are all names that the engine knows.
    """

    statement_seconds: float = 0.0
    partitions: int = 16
    zones: frozenset[str] = frozenset({"UTC"})


@dataclass(frozen=True)
class Scope:
    """What values are checked against: a caller without options, and those that go with them."""

    service: QueryService
    caller: Caller
    bounds: Bounds
    options: Mapping[str, str] = field(default_factory=dict)

    @cached_property
    def visible(self) -> VisibleCatalog:
        """The catalog as the caller sees it: other values would tell what is hidden."""
        return self.service.visible(self.caller)

    @cached_property
    def catalog(self) -> str | None:
        """The catalog that a schema would lie in."""
        caller = applied(self.caller, {k: v for k, v in self.options.items() if k == "catalog"})
        return self.service.defaults(caller, self.visible).catalog


@dataclass(frozen=True, slots=True)
class Option:
    """One option. `field` is what it sets on a caller, by `read` of the checked text.

    `header` says whether it may also be given as a call header of its name.
    """

    name: str
    values: str
    meaning: str
    check: Callable[[str, Scope], str]
    field: str | None = None
    read: Callable[[str], Any] = str
    header: bool = True


def _catalog(text: str, scope: Scope) -> str:
    found = match(scope.visible.catalogs(), text)
    if found is None:
        raise InvalidOption("The option catalog names no catalog that you can see.")
    return found


def _schema(text: str, scope: Scope) -> str:
    if scope.catalog is None:
        raise InvalidOption("The option schema needs a catalog: set the option catalog as well.")
    found = match((name.schema for name in scope.visible.schemas(scope.catalog)), text)
    if found is None:
        raise InvalidOption("The option schema names no schema that you can see.")
    return found


def _time_zone(text: str, scope: Scope) -> str:
    if text in ("Z", "z"):
        return "UTC"
    offset = _OFFSET.fullmatch(text)
    if offset:
        sign, hours = offset[1], int(offset[2])
        if hours == 0:
            return "UTC"
        if hours <= _HOURS[sign]:
            # POSIX counts the other way round
            return f"Etc/GMT{'-' if sign == '+' else '+'}{hours}"
    known = (
        zone
        for zone in scope.bounds.zones
        if zone in _PLAIN_ZONES or ("/" in zone and not zone.startswith(_FOREIGN_ZONES))
    )
    found = match(known, text)
    if found is None:
        raise InvalidOption(
            "The option time_zone takes a name such as Europe/Zurich or whole hours such as +02:00."
        )
    return found


def _statement_timeout(text: str, scope: Scope) -> str:
    most = scope.bounds.statement_seconds or math.inf
    seconds = float(text) if _NUMBER.fullmatch(text) else 0.0
    if not 0 < seconds <= most:
        upto = f" up to {most:g}" if math.isfinite(most) else ""
        raise InvalidOption(f"The option statement_timeout takes seconds{upto}.")
    return f"{seconds:.9f}".rstrip("0").rstrip(".")


def _as_of(text: str, _scope: Scope) -> str:
    reference = read_reference(text)
    if reference is not None:
        return as_text(reference)
    try:
        moment = datetime.fromisoformat(text)
        moment = (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)
        future = moment > datetime.now(UTC) + _SKEW
    except (ValueError, OverflowError):
        raise InvalidOption(
            "The option as_of takes a moment such as 2026-01-31 or 2026-01-31T12:00:00+01:00,"
            " or snapshot:ID, tag:NAME or branch:NAME."
        ) from None
    if future:
        raise InvalidOption("The option as_of takes a moment in the past.")
    return moment.isoformat()


def read_as_of(text: str) -> AsOf:
    """A checked value of `as_of`: a moment, the id of a snapshot, or a tag or branch."""
    reference = read_reference(text)
    return datetime.fromisoformat(text) if reference is None else reference


def _partitions(text: str, scope: Scope) -> str:
    most = scope.bounds.partitions
    if not (text.isascii() and text.isdigit() and len(text) < 10 and 1 <= int(text) <= most):
        raise InvalidOption(f"The option partitions takes a number from 1 to {most}.")
    return str(int(text))


def _one_of(name: str, *allowed: str) -> Callable[[str, Scope], str]:
    def check(text: str, _scope: Scope) -> str:
        if fold(text) not in allowed:
            raise InvalidOption(f"The option {name} takes {' or '.join(allowed)}.")
        return fold(text)

    return check


def _engine(text: str, scope: Scope) -> str:
    return _one_of("engine", AUTO, *scope.service.engines)(text, scope)


# In this order are they checked: a schema lies in the catalog.
OPTIONS: tuple[Option, ...] = (
    Option("catalog", "a catalog", "Completes unqualified names.", _catalog, "catalog"),
    Option("schema", "a schema of it", "Completes unqualified names.", _schema, "schema"),
    Option(
        "time_zone",
        "`Europe/Zurich`, `+02:00`",
        "Zone of moments without one, of their parts and of their texts; else UTC.",
        _time_zone,
        "time_zone",
    ),
    Option(
        "statement_timeout",
        "seconds",
        "How long a statement may run; at most and else `limits.statement`.",
        _statement_timeout,
        "statement_timeout",
        float,
    ),
    Option(
        "as_of",
        "`2026-01-31`, `2026-01-31T12:00:00+01:00`, `snapshot:3051729675574597004`, `tag:eom`,"
        " `branch:audit`",
        "Reads every table as it was then. Without an offset it is UTC. As of a snapshot, the table"
        " that has it is read at it, and the others as of the moment at which it was made. As of a"
        " tag or branch, every table must have one of the name.",
        _as_of,
        "as_of",
        read_as_of,
    ),
    Option(
        "partitions",
        "1 to `limits.partitions`",
        "How many endpoints a result may have; else 1.",
        _partitions,
        "partitions",
        int,
    ),
    Option(
        "engine",
        "`auto`, `duckdb`, `athena`",
        "What runs the statements, of the engines that are set up; else `auto`.",
        _engine,
        "engine",
        header=False,
    ),
    Option(
        "compression",
        "`none`, `lz4`, `zstd`",
        "How large record batches are compressed; else `none`. Quicker over slow networks;"
        " the client has to know the codec.",
        _one_of("compression", "none", "lz4", "zstd"),
        "compression",
        lambda text: None if text == "none" else text,
        header=False,
    ),
)
BY_NAME: Mapping[str, Option] = MappingProxyType({option.name: option for option in OPTIONS})


def check(name: str, text: str, scope: Scope) -> str:
    """The value of an option in the form that is kept. Raises `InvalidOption`."""
    if len(text) > MAX_VALUE:
        raise InvalidOption(f"The option {name} has a value of more than {MAX_VALUE} characters.")
    return BY_NAME[name].check(text, scope)


def applied(caller: Caller, options: Mapping[str, str]) -> Caller:
    """The caller with checked options; those of no name here are passed over."""
    fields = {
        option.field: option.read(options[option.name])
        for option in OPTIONS
        if option.field is not None and option.name in options
    }
    return replace(caller, **fields) if fields else caller


def change(
    scope: Scope, changes: Mapping[str, str | None]
) -> tuple[Mapping[str, str], Mapping[str, Exception]]:
    """The options of a scope after changes (None unsets), and what was wrong with which of them.

    What is wrong is left as it was. A schema that the newly set catalog does not have is unset.
    """
    options, wrong = dict(scope.options), dict[str, Exception]()
    for name in _in_order(changes):
        value = changes[name]
        try:
            if value is None:
                options.pop(name, None)
            else:
                options[name] = check(name, value, replace(scope, options=options))
        except (InvalidOption, CatalogError) as error:
            wrong[name] = error
    if "schema" in options and "schema" not in changes and "catalog" in changes:
        try:
            check("schema", options["schema"], replace(scope, options=options))
        except (InvalidOption, CatalogError):
            del options["schema"]
    return options, wrong


def _in_order(names: Iterable[str]) -> list[str]:
    return sorted(names, key=list(BY_NAME).index)
