"""The settings of the server: one typed table gives parsing, defaults, checks and documentation.

Values come from flags, then the environment (`FLIGHT_SERVER_SERVER__PORT`), then the file.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import MappingProxyType, UnionType
from typing import Annotated, Any, Literal, get_args, get_origin

from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError

from flight_server.config_athena import AthenaRoleSettings, AthenaSettings
from flight_server.config_faults import explain
from flight_server.config_texts import PREFIX as PREFIX
from flight_server.config_texts import ConfigInvalid as ConfigInvalid
from flight_server.config_texts import from_environment, from_text, merge, nested, read_file
from flight_server.config_values import (
    CatalogType,
    Location,
    Memory,
    Seconds,
    Secret,
    Section,
    Several,
    Size,
    read_reference,
)


class ServerSettings(Section):
    """The Flight endpoint."""

    host: str = Field("127.0.0.1", description="Address to listen on.")
    port: int = Field(31337, ge=0, le=65535, description="Port to listen on; 0 picks a free one.")
    tls_certificate: Path | None = Field(
        None, description="Certificate chain in PEM; turns on TLS."
    )
    tls_key: Path | None = Field(None, description="Private key of the certificate, in PEM.")
    tls_client_ca: Path | None = Field(
        None, description="Authority in PEM that must have signed clients' certificates."
    )
    reuse_port: bool = Field(False, description="Let several processes share the port.")
    locations: Several[Location] = Field(
        [], description="URIs of the replicas, told to clients that read results in parts."
    )
    max_message: Size = Field(16 * 2**20, description="Largest message that is read.")
    max_calls: int = Field(256, ge=1, description="Calls and streams served at once.")
    user_calls: int = Field(64, ge=1, description="Of these, results and uploads of one user.")
    grace: Seconds = Field(30.0, description="Seconds that streams may go on after a stop.")
    drain: float = Field(
        0.0, ge=0, description="Seconds between failing health checks and taking no more calls."
    )


class IssuerSettings(Section):
    """A token issuer that is trusted. Give `key` for RSA, EC or Ed25519, or `secret` for HMAC."""

    issuer: str = Field(description="The `iss` claim, exactly.")
    audience: str = Field(description="The `aud` claim that tokens must carry.")
    algorithms: Several[str] = Field(description="Accepted algorithms, such as RS256 or EdDSA.")
    key: Path | None = Field(None, description="Public key in PEM.")
    secret: Secret | None = Field(None, description="HMAC secret by reference, 32 bytes or more.")
    max_lifetime: Seconds = Field(86_400.0, description="Longest accepted lifetime in seconds.")


class AuthSettings(Section):
    """Who may log in."""

    users: Path | None = Field(None, description="File of users with passwords and API keys.")
    issuers: list[IssuerSettings] = Field([], description="Token issuers that are trusted.")
    session_secret: Secret | None = Field(
        None, description="Signs session tokens, by reference; shared by replicas."
    )
    anonymous: str | None = Field(
        None, description="User whose rights callers without credentials get; else refused."
    )
    session_lifetime: Seconds = Field(3_600.0, description="Lifetime of session tokens.")


class PolicySettings(Section):
    """Who may see what."""

    file: Path = Field(description="The policy, in YAML; read again when it changes.")
    keys: dict[str, Secret] = Field(
        {}, description="Keys of keyed hashes by name, by reference; 32 bytes or more."
    )


class CatalogSettings(BaseModel):
    """A catalog: `type` and the properties of its pyiceberg catalog (`uri`, `warehouse`, …)."""

    model_config = ConfigDict(extra="allow", frozen=True, hide_input_in_errors=True)

    type: CatalogType = Field("sql", description="Kind of catalog: sql, rest, glue, hive, athena.")
    refresh: Seconds = Field(5.0, description="Seconds that listings and pointers are kept.")
    retry: Seconds = Field(5.0, description="Seconds until a catalog that failed is asked again.")
    timeout: Seconds = Field(
        10.0, description="Seconds that a catalog may take to connect, and to answer."
    )
    source_name: str | None = Field(
        None, description="The name that a SQL catalog's rows have, where it is another one."
    )
    views: Literal["caller", "definer"] = Field(
        "caller", description="Whose rights count for what views are made of."
    )
    definer: str | None = Field(
        None, description="The user whose rights those are with `views: definer`; never logs in."
    )
    definer_groups: Several[str] = Field([], description="The groups of that user.")

    def properties(self) -> dict[str, str]:
        """The properties for pyiceberg, with secrets by reference read. Raises `ConfigInvalid`."""
        extra = self.model_extra or {}
        return {"type": self.type} | {key: _reference(key, value) for key, value in extra.items()}


def _reference(name: str, value: Any) -> str:
    text = str(value)
    if not text.startswith(("env:", "file:/run/secrets")):
        return text
    try:
        return str(read_reference(text))
    except ValueError as error:
        raise ConfigInvalid(f"catalogs: {name}: {error}") from None


class EngineSettings(Section):
    """DuckDB in worker processes."""

    workers: int = Field(8, ge=1, description="Statements that may run at once.")
    spare: int = Field(2, ge=0, description="Workers kept ready beyond those in use.")
    threads: int = Field(0, ge=0, description="Threads of one statement; 0 takes all cores.")
    memory: Memory = Field(2 * 2**30, description="Memory of one statement, 64MiB or more.")
    spill: Size = Field(8 * 2**30, description="Disk that one statement may spill to.")
    spill_directory: Path | None = Field(None, description="Where statements spill; else /tmp.")
    cache: Size = Field(16 * 2**30, description="Disk for local copies of files on S3.")
    cache_directory: Path | None = Field(
        None, description="Where these copies are kept, also between runs; else in /tmp."
    )
    cache_small: Size = Field(
        8 * 2**20,
        description="Files on S3 up to this size are fetched whole, of larger ones what is read.",
    )
    queue: Seconds = Field(10.0, description="Seconds that a statement waits for a worker.")
    sandbox: Literal["landlock", "none"] = Field(
        "landlock", description="`none` serves without a sandbox where the kernel has none."
    )
    sealed_tags: Several[str] = Field(
        ["restricted"],
        description="Tables with one of these tags, or a tag below one, are sealed: what runs the"
        " statement never holds their files.",
    )
    seal_all: bool = Field(False, description="Seals every table.")


class LimitSettings(Section):
    """Limits that hold for everybody."""

    statement: Seconds = Field(300.0, description="Seconds that a statement may run.")
    planning: Seconds = Field(5.0, description="Seconds that planning may take.")
    ticket: Seconds = Field(600.0, description="Seconds that a ticket is valid.")
    prepared: Seconds = Field(86_400.0, description="Seconds that a prepared statement is valid.")
    result: Seconds = Field(
        86_400.0, description="Seconds after planning within which tickets can be renewed."
    )
    poll: Seconds = Field(
        60.0,
        description="Seconds that a polled statement runs on, and its result is kept, while nobody"
        " asks for it.",
    )
    session: Seconds = Field(43_200.0, description="Seconds that an unused session is valid.")
    sessions: int = Field(10_000, ge=1, description="Sessions kept for clients without cookies.")
    user_sessions: int = Field(100, ge=1, description="Such sessions of one user.")
    partitions: int = Field(16, ge=1, description="Endpoints that a result may be asked for.")
    parameter_rows: int = Field(10_000, ge=1, description="Rows that can be bound at once.")
    parameter_size: Size = Field(16 * 2**20, description="Size of all rows that are bound at once.")


class SpoolSettings(Section):
    """Where bound rows and statements are kept that are too large for a handle."""

    directory: Path | None = Field(
        None, description="Shared by replicas; else a private one of this process."
    )
    lifetime: Seconds = Field(1_800.0, description="Seconds that what is kept is good for.")
    size: Size = Field(4 * 2**30, description="Most that is kept.")
    user_size: Size = Field(2**30, description="Most that is kept for one user.")


class SealSettings(Section):
    """Keys for tickets and handles, shared by replicas. The first seals, all of them open."""

    keys: Several[Secret] = Field(
        [], description="Secrets by reference; else one for this process."
    )


class AuditSettings(Section):
    """The audit log; without a directory there is none."""

    directory: Path | None = Field(None, description="Where records are written; else nowhere.")
    stream: str = Field(
        "main",
        pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$",
        description="Name of this server's records; each server needs its own.",
    )
    secret: Secret | None = Field(
        None, description="Signs checkpoints, by reference: 32 bytes or more, or an Ed25519 key."
    )
    checkpoints: Path | None = Field(
        None, description="Where checkpoints are copied, best on another disk; else beside."
    )
    required: bool = Field(True, description="Refuse statements that cannot be recorded.")
    sql: Literal["none", "shape", "full"] = Field(
        "shape", description="What is recorded of a statement's text: `shape` has no literals."
    )
    checkpoint_records: int = Field(1_000, ge=1, description="Records between two checkpoints.")
    checkpoint_seconds: Seconds = Field(10.0, description="Seconds until records are signed.")
    file_size: Size = Field(64 * 2**20, description="Size from which a new file is begun.")


class DefaultSettings(Section):
    """What completes unqualified names."""

    catalog: str | None = Field(None, description="Default catalog; else the only visible one.")
    schema_: str | None = Field(None, alias="schema", description="Default schema.")


class SystemSettings(Section):
    """Tables in which the server tells of itself, governed by the policy as all others are."""

    catalog: str | None = Field(
        "system", description="Name of the catalog that holds them; empty for none."
    )
    rows: int = Field(500_000, ge=1, description="Most rows that one of them may have.")
    audit_rows: int = Field(100_000, ge=1, description="Latest audit records that are shown.")


class LogSettings(Section):
    """The log, on standard error."""

    level: Literal["debug", "info", "warning", "error"] = Field("info", description="Least level.")
    format: Literal["text", "json"] = Field("text", description="Lines for people or programs.")


class Settings(Section):
    """All settings."""

    server: ServerSettings = ServerSettings()
    auth: AuthSettings = AuthSettings()
    policy: PolicySettings
    catalogs: dict[str, CatalogSettings] = Field({}, description="Catalogs by name.")
    engine: EngineSettings = EngineSettings()
    athena: AthenaSettings = AthenaSettings()
    limits: LimitSettings = LimitSettings()
    seal: SealSettings = SealSettings()
    spool: SpoolSettings = SpoolSettings()
    audit: AuditSettings = AuditSettings()
    defaults: DefaultSettings = DefaultSettings()
    system: SystemSettings = SystemSettings()
    log: LogSettings = LogSettings()


_REPEATED: Mapping[type[BaseModel], str] = MappingProxyType(
    {CatalogSettings: ".NAME", IssuerSettings: ".N", AthenaRoleSettings: ".NAME"}
)


def load(path: Path | None, flags: Mapping[str, Any] | None = None) -> Settings:
    """Read the settings from a file, the environment and flags (`{"server.port": 0}`).

    Relative paths in the file are relative to it. Raises `ConfigInvalid`.
    """
    values = read_file(path) if path else {}
    values = merge(values, from_environment(os.environ, frozenset(Settings.model_fields)))
    for name, value in (flags or {}).items():
        values = merge(values, nested(name.split("."), from_text(name, value)))
    if path is None and "policy" not in values:
        raise ConfigInvalid("no configuration: give --config FILE")
    try:
        return Settings.model_validate(values)
    except ValidationError as error:
        raise ConfigInvalid(explain(error, [name for name, *_ in table()])) from None


def table(
    model: type[BaseModel] = Settings, prefix: str = ""
) -> Iterator[tuple[str, str, str, str]]:
    """Every setting as (name, type, default, description), in order."""
    for name, field in model.model_fields.items():
        shown = prefix + (field.alias or name)
        inner = _section(field.annotation)
        if inner is not None:
            part = _REPEATED.get(inner, "")
            repeated = inner in _REPEATED
            yield from table(inner, f"{shown}{part}." if repeated else f"{shown}.")
            continue
        default = "required" if field.is_required() else _show(field.default)
        yield shown, _type_name(field.annotation), default, field.description or ""


def _section(annotation: Any) -> type[BaseModel] | None:
    for candidate in (annotation, *getattr(annotation, "__args__", ())):
        if isinstance(candidate, type) and issubclass(candidate, BaseModel):
            return candidate
    return None


def _show(default: Any) -> str:
    return "" if default is None or default == [] or default == {} else str(default)


def _type_name(annotation: Any) -> str:
    if get_origin(annotation) is Literal:
        return " or ".join(str(value) for value in get_args(annotation))
    arguments = [part for part in get_args(annotation) if part is not type(None)]
    if get_origin(annotation) is list:
        return f"list of {_type_name(arguments[0])}"
    if arguments and isinstance(annotation, UnionType | type(Secret | None)):
        return _type_name(arguments[0])
    if get_origin(annotation) is Annotated:
        return _type_name(arguments[0])
    names = {SecretStr: "secret", Path: "path", str: "text", int: "number", float: "number"}
    return names.get(annotation, str(getattr(annotation, "__name__", annotation)))
