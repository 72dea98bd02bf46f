"""The catalog in which the server tells of itself: who may see what, and how it is set.

Its tables are governed as all others are: what the policy does not grant is not there. Their rows
are made when a statement that names them runs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Any

import pyarrow as pa

from auth.bearers import Bearer, bearers, by_role, user_bearer
from auth.credentials import Credentials
from auth.explain import Explanation, Visibility, explain, shown
from auth.policy import Policy
from catalog.errors import CatalogError
from catalog.memory import MemoryCatalog
from catalog.model import Column, Table
from catalog.names import TableName
from catalog.registry import Registry
from flight_server.engines.errors import OutOfResources
from flight_server.query.audit.recent import SCHEMA as AUDIT
from flight_server.query.budget import GIGABYTE, USD, Account, Amount

_BATCH = 16_384
_TEXT = pa.string()
_TEXTS = pa.list_(pa.string())

Values = Mapping[str, Any]
# A column: its name, its type, and what it means.
_Column = tuple[str, pa.DataType, str]


@dataclass(frozen=True, slots=True)
class Sources:
    """What the tables are made from, asked each time they are read.

    `users` is None where there is no users file, and `audit` where there is no audit log; it gives
    the latest records, at most as many as it is asked for. `settings` are those that may be shown,
    as (name, value, description). `cache` gives the row of `runtime.cache`, None where nothing is
    cached; `used` what of budgets is used today, None where nothing is counted. No table may have
    more rows than `rows`.
    """

    policy: Callable[[], Policy]
    users: Callable[[], Credentials] | None
    registry: Callable[[], Registry]
    audit: Callable[[int], pa.Table] | None = None
    settings: tuple[tuple[str, str, str], ...] = ()
    rows: int = 500_000
    audit_rows: int = 100_000
    cache: Callable[[], Values] | None = None
    used: Callable[[], Mapping[Account, Amount]] | None = None


def system_catalog(name: str, sources: Sources) -> MemoryCatalog:
    """The catalog, under the name by which it is served."""

    def made(path: str, text: str, columns: Iterable[_Column], rows: _Rows) -> Table:
        schema, table = path.split(".")
        told = tuple(Column(name, kind, doc=doc) for name, kind, doc in columns)
        place = TableName(name, schema, table)
        arrow = pa.schema([pa.field(column.name, column.type) for column in told])

        def bounded() -> Iterator[pa.RecordBatch]:
            return _batches(arrow, _bounded(rows(sources), sources.rows, place))

        return Table(place, told, description=text, rows=bounded)

    tables = [
        made("governance.grants", "Who may read what, and by which rules.", _GRANTS, _grants),
        made("governance.roles", "The roles of the policy.", _ROLES, _roles),
        made("governance.users", "The users of the users file.", _USERS, _users),
        made("governance.spending", "What was used of budgets today.", _SPENDING, _spending),
        made("runtime.catalogs", "How the catalogs are doing.", _CATALOGS, _catalogs),
        made("runtime.cache", "Local copies of files on S3, on this server.", _CACHE, _cache),
        made("runtime.settings", "How the server is set.", _SETTINGS, _settings),
    ]
    if sources.audit is not None:
        tables.append(_audit(name, sources.audit, sources.audit_rows))
    return MemoryCatalog(name, tables)


_Rows = Callable[[Sources], Iterator[Values]]


def _batches(schema: pa.Schema, rows: Iterator[Values]) -> Iterator[pa.RecordBatch]:
    while part := list(islice(rows, _BATCH)):
        # column by column: half the time of `from_pylist`
        columns = [pa.array([row.get(f.name) for row in part], f.type) for f in schema]
        yield pa.RecordBatch.from_arrays(columns, schema=schema)


def _bounded(rows: Iterator[Values], most: int, table: TableName) -> Iterator[Values]:
    """The same rows; a part of them would be taken for all of them, so too many are an error."""
    for count, row in enumerate(rows):
        if count >= most:
            raise OutOfResources(f"Table {table} has more than {most:,} rows, which is too many.")
        yield row


# --- governance -----------------------------------------------------------------------------------

_GRANTS: tuple[_Column, ...] = (
    ("grantee_type", _TEXT, "user or role"),
    ("grantee", _TEXT, "The user of the users file, or the role."),
    ("table_catalog", _TEXT, "The catalog of the table."),
    ("table_schema", _TEXT, "The schema of the table."),
    ("table_name", _TEXT, "The table."),
    ("column_name", _TEXT, "A column that the grantee may read."),
    ("field", _TEXT, "Where only some fields of a struct may be read: one of these, by its path."),
    ("visibility", _TEXT, "visible, or masked: another value is in the place of the stored one."),
    ("mask", _TEXT, "The mask's name, if there is one."),
    ("row_access", _TEXT, "all, filtered or none of the rows."),
    ("row_filters", _TEXTS, "The row filters that apply, by name."),
    ("rules", _TEXTS, "The rules of the policy that speak of the column."),
    ("lines", pa.list_(pa.int32()), "The line of each of these rules in the policy file."),
)


def _grants(sources: Sources) -> Iterator[Values]:
    """Effective access, table by table: those with equal rights are decided once."""
    # decisions of its own: so many at once would drive out those that statements need
    policy = by_role(sources.policy())
    everyone = bearers([policy], sources.users() if sources.users else None)
    for table in _tables(sources.registry()):
        known: dict[object, list[Values]] = {}
        for bearer in everyone:
            if not policy.may_see(bearer.principal, table.name):
                continue
            grant = policy.decide(bearer.principal, table)
            if grant is None:
                continue
            # equal rights have the same grant; its rules are told by the roles
            key = (policy.roles(bearer.principal), id(grant), bearer.has_claims)
            if key not in known:
                known[key] = _readable(policy, bearer, table)
            for row in known[key]:
                yield {**_grantee(bearer), **row}


def _readable(policy: Policy, bearer: Bearer, table: Table) -> list[Values]:
    try:
        told = explain(policy, bearer.principal, table, has_claims=bearer.has_claims)
    except CatalogError:
        return []  # what the catalog demands cannot be kept to: it is not readable for anybody
    return list(_granted(told))


def _tables(registry: Registry) -> Iterator[Table]:
    for schema in registry.schemas():
        for name in registry.tables(schema):
            try:
                table = registry.table(name)
            except CatalogError:
                # what cannot be read now is not readable for anybody; listings say so in the log
                continue
            if table is not None:
                yield table


def _grantee(bearer: Bearer) -> Values:
    return {"grantee_type": str(bearer.kind), "grantee": bearer.name}


def _granted(told: Explanation) -> Iterator[Values]:
    place = {
        "table_catalog": told.table.catalog,
        "table_schema": told.table.schema,
        "table_name": told.table.table,
        "row_access": told.rows.name.lower(),
        "row_filters": list(told.filters),
    }
    for path, column in told.parts():
        # a struct that is visible in part is told by its fields
        if column.visibility is not Visibility.HIDDEN and not column.fields:
            yield {
                **place,
                "column_name": path[0],
                "field": shown(path[1:]) or None,
                "visibility": str(column.visibility),
                "mask": column.mask,
                "rules": [reason.rule for reason in column.because],
                "lines": [reason.line for reason in column.because],
            }


_ROLES: tuple[_Column, ...] = (
    ("role", _TEXT, "The role's name."),
    ("groups", _TEXTS, "The groups that bear it."),
    ("includes", _TEXTS, "The roles whose rights it has as well, as they are written."),
    ("included", _TEXTS, "The same, with what those include."),
)


def _roles(sources: Sources) -> Iterator[Values]:
    current = sources.policy()
    policy, written = by_role(current), current.rules.roles
    for bearer in bearers([policy], None):
        role = written.get(bearer.name)
        if role is not None:
            yield {
                "role": bearer.name,
                "groups": sorted(role.groups),
                "includes": sorted(role.includes),
                "included": sorted(policy.roles(bearer.principal) - {bearer.name}),
            }


_USERS: tuple[_Column, ...] = (
    ("user_name", _TEXT, "The user's name."),
    ("groups", _TEXTS, "The groups of the user."),
    ("roles", _TEXTS, "The roles that follow from them."),
    ("enabled", pa.bool_(), "Whether the user may log in."),
)


def _users(sources: Sources) -> Iterator[Values]:
    """Names and what follows from groups; neither credentials nor claims."""
    if sources.users is None:
        return
    policy = sources.policy()
    for user in sources.users().users():
        yield {
            "user_name": user.name,
            "groups": sorted(user.groups),
            "roles": sorted(policy.roles(user_bearer(user).principal)),
            "enabled": not user.disabled,
        }


_SPENDING: tuple[_Column, ...] = (
    ("grantee_type", _TEXT, "user, or role: all who bear it together."),
    ("grantee", _TEXT, "The user, or the role; * for all users."),
    ("issuer", _TEXT, "Who vouches for the user, where that is not the users file."),
    ("bytes_read", pa.int64(), "Bytes that count for scan_gb_day, since midnight in UTC."),
    ("bytes_limit", pa.int64(), "How many a role's bearers may read together, by its team."),
    ("usd_spent", pa.float64(), "USD that count for athena_usd_day, likewise."),
    ("usd_limit", pa.float64(), "How many a role's bearers may spend together."),
)


def _spending(sources: Sources) -> Iterator[Values]:
    """What this server has counted; of what still runs, what it is expected to cost."""
    used = {} if sources.used is None else sources.used()
    teams = sources.policy().rules.teams
    for account in sorted(used, key=lambda each: (each.is_team, each.name)):
        name, _, issuer = account.name.partition("\n")
        team = teams.get(account.name) if account.is_team else None
        yield {
            "grantee_type": "role" if account.is_team else "user",
            "grantee": name,
            "issuer": issuer or None,
            "bytes_read": used[account].size,
            "bytes_limit": team and team.scan_gb_day and team.scan_gb_day * GIGABYTE,
            "usd_spent": used[account].money / USD,
            "usd_limit": team and team.athena_usd_day,
        }


def _audit(name: str, recent: Callable[[int], pa.Table], most: int) -> Table:
    """The latest records alone: an audit log grows without end."""
    return Table(
        TableName(name, "governance", "audit"),
        tuple(Column(field.name, field.type, field.nullable) for field in AUDIT),
        description=f"The latest {most:,} records of the audit log, the last one first.",
        rows=lambda: iter(recent(most).to_batches(max_chunksize=_BATCH)),
    )


# --- runtime --------------------------------------------------------------------------------------

_SETTINGS: tuple[_Column, ...] = (
    ("name", _TEXT, "The setting, as the configuration names it."),
    ("value", _TEXT, "Its value."),
    ("description", _TEXT, "What it means."),
)


def _settings(sources: Sources) -> Iterator[Values]:
    for name, value, description in sources.settings:
        yield {"name": name, "value": value, "description": description}


_MOMENT = pa.timestamp("us", tz="UTC")
_CATALOGS: tuple[_Column, ...] = (
    ("catalog_name", _TEXT, "The catalog, as it is served."),
    ("type", _TEXT, "Its kind: sql, rest, glue, hive."),
    ("state", _TEXT, "available, unavailable, or unasked: nothing has needed it yet."),
    ("since", _MOMENT, "Since when it is in that state."),
    ("last_success", _MOMENT, "When it last gave an answer."),
    ("last_failure", _MOMENT, "When it last gave none."),
    ("tables", pa.int64(), "How many tables were last listed, as far as any were."),
    ("error", _TEXT, "The kind of the last failure."),
)


def _catalogs(sources: Sources) -> Iterator[Values]:
    """What is known without asking: a catalog that is down must not make this table wait."""
    for each in sources.registry().health():
        yield {
            "catalog_name": each.name,
            "type": each.kind,
            "state": str(each.state),
            "since": each.since,
            "last_success": each.last_success,
            "last_failure": each.last_failure,
            "tables": each.tables,
            "error": each.error,
        }


_CACHE: tuple[_Column, ...] = (
    ("files", pa.int64(), "How many copies there are."),
    ("bytes", pa.int64(), "How much disk they take."),
    ("bytes_limit", pa.int64(), "How much they may take: engine.cache."),
    ("hits", pa.int64(), "How many files statements found here, since the start."),
    ("misses", pa.int64(), "How many had to be fetched, or more of them."),
    ("bytes_fetched", pa.int64(), "How much was fetched since the start."),
    ("bytes_evicted", pa.int64(), "How much was removed to make room since the start."),
)


def _cache(sources: Sources) -> Iterator[Values]:
    if sources.cache is not None:
        yield sources.cache()
