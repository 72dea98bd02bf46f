"""Wires up Athena: its catalogs, its engine, and the router before both engines.

Needs the extra `athena`; imported only where the settings ask for it.
"""

from __future__ import annotations

import importlib
from functools import partial

import boto3

from catalog.athena import AthenaCatalog
from flight_server.config import CatalogSettings, ConfigInvalid
from flight_server.config_athena import AthenaRoleSettings
from flight_server.config_athena import AthenaSettings as Configured
from flight_server.engines.athena.costs import cost
from flight_server.engines.athena.engine import AthenaEngine
from flight_server.engines.athena.settings import AthenaRole, AthenaSettings
from flight_server.engines.athena.translate import translate
from flight_server.engines.duckdb.engine import DuckDBEngine
from flight_server.engines.duckdb.sealed import is_sealed
from flight_server.engines.duckdb.settings import DuckDBSettings
from flight_server.engines.errors import EngineError
from flight_server.engines.router import Router, Rules


def athena_catalog(name: str, entry: CatalogSettings, configured: Configured) -> AthenaCatalog:
    """A configured catalog of Athena's tables; region and endpoint are the engine's, if not given.

    It is not opened yet.
    """
    return AthenaCatalog(
        name,
        _places(configured) | entry.properties(),
        refresh_seconds=entry.refresh,
        rest_seconds=entry.retry,
        timeout_seconds=entry.timeout,
    )


def routed(here: DuckDBEngine, local: DuckDBSettings, configured: Configured) -> Router:
    """Both engines as one. Raises `ConfigInvalid` where the settings of Athena cannot work."""
    there = athena_engine(configured)
    rules = Rules(
        large=configured.large,
        most=configured.most or None,
        usd=lambda size: cost(size, configured.price).usd,
        sealed=partial(is_sealed, settings=local),
        patience=configured.patience or None,
        second=configured.second,
        bring=configured.bring,
        bring_total=configured.bring_total,
    )
    return Router(here, there, rules)


def athena_engine(configured: Configured) -> AthenaEngine:
    """The engine of Athena; nothing is asked of it yet. Raises `ConfigInvalid`."""
    try:
        return AthenaEngine(engine_settings(configured), translate)
    except EngineError as error:
        raise ConfigInvalid(f"athena: {error}") from error


def engine_settings(configured: Configured) -> AthenaSettings:
    """The engine's settings."""
    if configured.region is None:
        raise ConfigInvalid("athena.region: is needed")
    default = AthenaRole(
        workgroup=configured.workgroup,
        staging=configured.staging.rstrip("/"),
        role_arn=configured.role,
        external_id=configured.external_id,
        delivery=configured.delivery,
    )
    return AthenaSettings(
        region=configured.region,
        default=default,
        by_group=tuple((g, _role(role, default)) for g, role in configured.groups.items()),
        concurrent=configured.concurrent,
        queued=configured.queued,
        queue_seconds=configured.queue,
        prefetch=configured.prefetch,
        sort_bytes=configured.sort,
        price_per_tb=configured.price,
        assumed=configured.assumed,
        endpoint=configured.endpoint,
    )


def verify(configured: Configured) -> str:
    """Ask Athena for the work groups that are configured. Raises `ConfigInvalid`."""
    settings = engine_settings(configured)
    athena_engine(configured).close()
    failures = importlib.import_module("botocore.exceptions")
    session = boto3.Session(region_name=settings.region)
    roles = [settings.default, *(role for _, role in settings.by_group)]
    try:
        athena = session.client("athena", endpoint_url=settings.endpoint)
        for name in dict.fromkeys(role.workgroup for role in roles if role.role_arn is None):
            state = athena.get_work_group(WorkGroup=name)["WorkGroup"].get("State", "ENABLED")
            if state != "ENABLED":
                raise ConfigInvalid(f"athena: work group {name} is disabled")
    except (failures.BotoCoreError, failures.ClientError) as error:
        raise ConfigInvalid(f"athena: {' '.join(str(error).split())[:300]}") from error
    return f"{settings.region}, work group {settings.default.workgroup}, {len(roles)} roles"


def _role(given: AthenaRoleSettings, default: AthenaRole) -> AthenaRole:
    return AthenaRole(
        workgroup=given.workgroup or default.workgroup,
        staging=(given.staging or default.staging).rstrip("/"),
        role_arn=given.role or default.role_arn,
        external_id=given.external_id if given.role else default.external_id,
        delivery=given.delivery or default.delivery,
    )


def _places(configured: Configured) -> dict[str, str]:
    found: dict[str, str] = {}
    if configured.region is not None:
        found = {"client.region": configured.region}
    if configured.endpoint is not None:
        found |= {
            "glue.endpoint": configured.endpoint,
            "athena.endpoint": configured.endpoint,
            "s3.endpoint": configured.endpoint,
        }
    return found
