"""The settings of the server: one typed table gives parsing, defaults, checks and documentation.

Values come from flags, then the environment (`FLIGHT_SERVER_SERVER__PORT`), then the file.
"""

from __future__ import annotations

import difflib
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import UnionType
from typing import Annotated, Any, Literal, get_args, get_origin

import yaml
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, SecretStr, ValidationError
from pydantic_settings import (
    BaseSettings,
    EnvSettingsSource,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
)

PREFIX = "FLIGHT_SERVER_"
_UNITS = {"": 1, "b": 1, "kb": 10**3, "mb": 10**6, "gb": 10**9}
_UNITS |= {"kib": 2**10, "mib": 2**20, "gib": 2**30}


class ConfigInvalid(Exception):
    """The configuration cannot be used; the message says which setting and why."""


def _bytes(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    number = value.rstrip("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ ")
    unit = value[len(number) :].strip().lower()
    if unit not in _UNITS:
        raise ValueError("expected a size such as 512MiB or 2GB")
    return int(float(number) * _UNITS[unit])


def _secret(value: Any) -> Any:
    """Read `env:NAME` or `file:PATH`; a secret is never written into the file itself."""
    if not isinstance(value, str):
        return value
    kind, _, rest = value.partition(":")
    if kind == "env":
        if rest not in os.environ:
            raise ValueError(f"environment variable {rest} is not set")
        return os.environ[rest]
    if kind == "file":
        try:
            return Path(rest).expanduser().read_text().strip()
        except OSError as error:
            raise ValueError(f"{rest} cannot be read: {error.strerror}") from None
    raise ValueError("a secret is given as env:NAME or file:PATH")


Size = Annotated[int, BeforeValidator(_bytes), Field(ge=0)]
Secret = Annotated[SecretStr, BeforeValidator(_secret)]
Seconds = Annotated[float, Field(gt=0)]
Location = Annotated[str, Field(pattern=r"^grpc(\+tls|\+tcp)?://[^\s/]+$")]


class Section(BaseModel):
    """A group of settings; unknown names in it are refused."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)


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
    locations: list[Location] = Field(
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
    algorithms: list[str] = Field(description="Accepted algorithms, such as RS256 or EdDSA.")
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


class CatalogSettings(BaseModel):
    """A catalog: `type` and the properties of its pyiceberg catalog (`uri`, `warehouse`, …)."""

    model_config = ConfigDict(extra="allow", frozen=True, hide_input_in_errors=True)

    type: str = Field("sql", description="Kind of catalog: sql, rest, glue, hive.")
    refresh: Seconds = Field(5.0, description="Seconds that listings and pointers are kept.")

    def properties(self) -> dict[str, str]:
        """The properties for pyiceberg, with secrets given by reference read."""
        extra = self.model_extra or {}
        return {"type": self.type} | {key: _reference(value) for key, value in extra.items()}


def _reference(value: Any) -> str:
    text = str(value)
    return str(_secret(text)) if text.startswith(("env:", "file:/run/secrets")) else text


class EngineSettings(Section):
    """DuckDB in worker processes."""

    workers: int = Field(8, ge=1, description="Statements that may run at once.")
    spare: int = Field(2, ge=0, description="Workers kept ready beyond those in use.")
    threads: int = Field(0, ge=0, description="Threads of one statement; 0 takes all cores.")
    memory: Size = Field(2 * 2**30, description="Memory of one statement.")
    spill: Size = Field(8 * 2**30, description="Disk that one statement may spill to.")
    spill_directory: Path | None = Field(None, description="Where statements spill; else /tmp.")
    queue: Seconds = Field(10.0, description="Seconds that a statement waits for a worker.")
    sandbox: Literal["landlock", "none"] = Field(
        "landlock", description="`none` serves without a sandbox where the kernel has none."
    )


class LimitSettings(Section):
    """Limits that hold for everybody."""

    statement: Seconds = Field(300.0, description="Seconds that a statement may run.")
    planning: Seconds = Field(5.0, description="Seconds that planning may take.")
    ticket: Seconds = Field(600.0, description="Seconds that a ticket is valid.")
    prepared: Seconds = Field(86_400.0, description="Seconds that a prepared statement is valid.")
    result: Seconds = Field(
        86_400.0, description="Seconds after planning within which tickets can be renewed."
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

    keys: list[Secret] = Field([], description="Secrets by reference; else one for this process.")


class DefaultSettings(Section):
    """What completes unqualified names."""

    catalog: str | None = Field(None, description="Default catalog; else the only visible one.")
    schema_: str | None = Field(None, alias="schema", description="Default schema.")


class LogSettings(Section):
    """The log, on standard error."""

    level: Literal["debug", "info", "warning", "error"] = Field("info", description="Least level.")
    format: Literal["text", "json"] = Field("text", description="Lines for people or programs.")


class Settings(BaseSettings):
    """All settings."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX,
        env_nested_delimiter="__",
        extra="forbid",
        frozen=True,
        hide_input_in_errors=True,
    )

    server: ServerSettings = ServerSettings()
    auth: AuthSettings = AuthSettings()
    policy: PolicySettings
    catalogs: dict[str, CatalogSettings] = Field({}, description="Catalogs by name.")
    engine: EngineSettings = EngineSettings()
    limits: LimitSettings = LimitSettings()
    seal: SealSettings = SealSettings()
    spool: SpoolSettings = SpoolSettings()
    defaults: DefaultSettings = DefaultSettings()
    log: LogSettings = LogSettings()

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Only what `load` gives: it has merged the file, the environment and the flags."""
        return (init_settings,)


def load(path: Path | None, flags: Mapping[str, Any] | None = None) -> Settings:
    """Read the settings from a file, the environment and flags (`{"server.port": 0}`).

    Relative paths in the file are relative to it. Raises `ConfigInvalid`.
    """
    try:
        values = _merge(_read(path) if path else {}, EnvSettingsSource(Settings)())
        for name, value in (flags or {}).items():
            values = _merge(values, _nested(name.split("."), _flag(name, value)))
        return Settings(**values)
    except ValidationError as error:
        raise ConfigInvalid(_explain(error)) from None


def _flag(name: str, value: Any) -> Any:
    """The value of a flag, which is text; one in brackets is a list."""
    if not isinstance(value, str) or not value.startswith("["):
        return value
    try:
        return yaml.safe_load(value)
    except yaml.YAMLError:
        raise ConfigInvalid(f"{name}: expected a list such as [a, b]") from None


def _nested(parts: list[str], value: Any) -> dict[str, Any]:
    first, *rest = parts
    return {first: _nested(rest, value) if rest else value}


def _merge(under: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    merged = dict(under)
    for key, value in over.items():
        below = merged.get(key)
        if isinstance(below, Mapping) and isinstance(value, Mapping):
            value = _merge(below, value)
        merged[key] = value
    return merged


def _read(path: Path) -> dict[str, Any]:
    try:
        values = yaml.safe_load(path.read_text())
    except OSError as error:
        raise ConfigInvalid(f"{path} cannot be read: {error.strerror}") from None
    except yaml.YAMLError as error:
        raise ConfigInvalid(f"{path} is not YAML: {error}") from None
    if not isinstance(values, dict):
        raise ConfigInvalid(f"{path} must hold settings by name")
    return _absolute(values, path.resolve().parent)


_PATHS = frozenset(
    {"users", "key", "file", "tls_certificate", "tls_key", "tls_client_ca", "spill_directory"}
)
_PATHS |= {"directory"}


def _absolute(values: dict[str, Any], base: Path) -> dict[str, Any]:
    """The same values with paths taken as relative to the file's folder."""

    def walk(name: str, value: Any) -> Any:
        if isinstance(value, dict):
            return {key: walk(str(key), item) for key, item in value.items()}
        if isinstance(value, list):
            return [walk(name, item) for item in value]
        if isinstance(value, str) and name in _PATHS:
            return str(base / Path(value).expanduser())
        if (
            isinstance(value, str)
            and value.startswith("file:")
            and name.endswith(("secret", "keys"))
        ):
            return f"file:{base / Path(value.removeprefix('file:')).expanduser()}"
        return value

    return {key: walk(str(key), value) for key, value in values.items()}


def _explain(error: ValidationError) -> str:
    lines = []
    for item in error.errors(include_url=False, include_input=False):
        place = ".".join(str(part) for part in item["loc"])
        message = item["msg"].removeprefix("Value error, ")
        if item["type"] == "extra_forbidden":
            near = difflib.get_close_matches(place, [name for name, *_ in table()], n=1, cutoff=0.4)
            message = "unknown setting" + (f"; did you mean {near[0]}?" if near else "")
        lines.append(f"{place}: {message}")
    return "; ".join(lines)


def table(
    model: type[BaseModel] = Settings, prefix: str = ""
) -> Iterator[tuple[str, str, str, str]]:
    """Every setting as (name, type, default, description), in order."""
    for name, field in model.model_fields.items():
        shown = prefix + (field.alias or name)
        inner = _section(field.annotation)
        if inner is not None:
            repeated = inner in (CatalogSettings, IssuerSettings)
            part = {CatalogSettings: ".NAME", IssuerSettings: ".N"}.get(inner, "")
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
