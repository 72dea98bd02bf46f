"""What a session is told of itself and of the server, in place of what the engine would say."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from catalog.names import display, fold, text_literal
from flight_server.engines.base import SessionFunction
from flight_server.query.caller import Caller
from flight_server.query.resolve import Defaults
from flight_server.query.state import StatementState
from flight_server.query.versions import as_text


@dataclass(frozen=True, slots=True)
class Facts:
    """The server's version, who asks, and what the statement runs under.

    `defaults` are as the catalog spells them. `options` are those of the session that are in force,
    as texts by their names; only SHOW tells them.
    """

    version: str
    subject: str
    defaults: Defaults
    time_zone: str
    options: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))

    @property
    def settings(self) -> Mapping[str, str]:
        """What SHOW and `current_setting` tell, by lower-case name."""
        return {
            "application_name": "",
            "catalog": self.defaults.catalog or "",
            "client_encoding": "UTF8",
            "datestyle": "ISO, YMD",
            "default_transaction_isolation": "read committed",
            "default_transaction_read_only": "on",
            "integer_datetimes": "on",
            "intervalstyle": "postgres",
            "is_superuser": "off",
            "schema": self.defaults.schema or "",
            "search_path": self._search_path,
            "server_encoding": "UTF8",
            "server_version": self.version,
            "session_authorization": self.subject,
            "standard_conforming_strings": "on",
            "timezone": self.time_zone,
            "transaction_isolation": "read committed",
            "transaction_read_only": "on",
        }

    @property
    def _search_path(self) -> str:
        return display(self.defaults.schema) if self.defaults.schema else ""


def told_options(caller: Caller, state: StatementState, limit: float) -> Mapping[str, str]:
    """The options that a statement runs under, as SHOW tells them; `limit` is in seconds.

    `as_of` is empty for now.
    """
    return {
        "as_of": as_text(state.as_of),
        "compression": caller.compression or "none",
        "engine": caller.engine,
        "partitions": str(caller.partitions),
        "statement_timeout": f"{limit:.9f}".rstrip("0").rstrip("."),
        "time_zone": state.time_zone,
    }


def session_functions(names: Iterable[str], facts: Facts) -> tuple[SessionFunction, ...]:
    """The session functions of these names, with their answers."""
    return tuple(SessionFunction(name, _definition(name, facts)) for name in sorted(names))


def literal(value: str | None) -> str:
    """A text as a SQL literal of its type."""
    if value is None:
        return "CAST(NULL AS VARCHAR)"
    # A NUL would end the text that the engine reads.
    text = text_literal(value.replace("\0", ""))
    return f"CAST({text} AS VARCHAR)"


def _definition(name: str, facts: Facts) -> str:
    match name:
        case "version":
            return f"() AS {literal(facts.version)}"
        case "current_catalog" | "current_database":
            return f"() AS {literal(facts.defaults.catalog)}"
        case "current_schema":
            return f"() AS {literal(facts.defaults.schema)}"
        case "current_user" | "current_role" | "session_user" | "user":
            return f"() AS {literal(facts.subject)}"
        case "current_schemas":
            return f"(include_implicit) AS {_schemas(facts.defaults.schema)}"
        case "pg_backend_pid":
            # Statements have no process of their own that a client could signal.
            return "() AS CAST(0 AS INTEGER)"
        case "current_setting":
            body = _settings(facts)
            return f"(setting_name) AS {body}, (setting_name, missing_ok) AS {body}"
    raise ValueError(f"not a session function: {name}")


def _schemas(schema: str | None) -> str:
    values = "" if schema is None else literal(schema)
    return f"CAST([{values}] AS VARCHAR[])"


def _settings(facts: Facts) -> str:
    cases = " ".join(
        f"WHEN {literal(name)} THEN {literal(value)}" for name, value in facts.settings.items()
    )
    return f"CASE system.main.lower(setting_name) {cases} ELSE {literal(None)} END"


def setting(name: str, facts: Facts) -> str | None:
    """One setting; None where there is none of the name."""
    return facts.settings.get(fold(name))
