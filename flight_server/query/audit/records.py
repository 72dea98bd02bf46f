"""Events as the records that are written: names and numbers, never a cell or a claim value."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from hashlib import sha256
from typing import Any, Literal

import pyarrow as pa

from auth.grant import Expression, Grant
from auth.policy import unbound
from auth.visible import VisibleTable
from catalog.model import Snapshot
from catalog.names import TableName
from flight_server.engines.base import Cost, Scanned
from flight_server.query.audit.chain import Record
from flight_server.query.audit.choices import recorded
from flight_server.query.audit.columns import ANYTHING, Columns, Used, columns_of, used
from flight_server.query.audit.fingerprint import Shape, plain_names, shape
from flight_server.query.audit.refusals import Refusals
from flight_server.query.audit.signing import Namer
from flight_server.query.audit.trail import stamp
from flight_server.query.caller import Caller
from flight_server.query.events import (
    CallEnded,
    Event,
    PolicyChanged,
    StatementCharged,
    StatementEnded,
    StatementStarted,
    Status,
)
from flight_server.query.failures import Failure, Kind, failure_of
from flight_server.query.places import shown_table
from flight_server.query.planned import Planned
from flight_server.query.resolve import Inside

# What of a statement's text is written.
Text = Literal["none", "shape", "full"]

MAX_NAMES = 1_000
# Longer statements are not looked at, for all others wait for their records meanwhile.
MAX_TEXT = 100_000
_CACHED_TEXT = 10_000
_CACHED = 1_024
_LOGINS_KNOWN = 10_000
_DENIED_KINDS = frozenset({Kind.NOT_FOUND, Kind.PERMISSION_DENIED, Kind.UNAUTHENTICATED})
_DENIED_CODES = frozenset({"NOT_ALLOWED", "COLUMN_NOT_FOUND", "FUNCTION_NOT_FOUND"})
# Texts that say which name was asked for, and nothing else of the statement.
_NAMING = frozenset(
    {"TABLE_NOT_FOUND", "SCHEMA_NOT_FOUND", "COLUMN_NOT_FOUND", "FUNCTION_NOT_FOUND", "NOT_ALLOWED"}
)
_SILENT_COMMANDS = ("CommandStatement", "CommandPreparedStatement", "TicketStatement")
_ALL = ["*"]
_STATEMENT_EVENTS = {StatementStarted: "start", StatementCharged: "charge", StatementEnded: "end"}


class Scribe:
    """Makes records of events. Used by one thread."""

    def __init__(self, namer: Namer, text: Text = "shape") -> None:
        self._namer = namer
        self._text = text
        self._logins: OrderedDict[tuple[str, ...], None] = OrderedDict()
        self._shapes = lru_cache(maxsize=_CACHED)(shape)
        self._used: OrderedDict[int, tuple[object, Used]] = OrderedDict()
        # of logins, counted by where they came from
        self.refusals = Refusals()

    def records(self, event: Event) -> Iterator[Record]:
        """The records of an event, with a login before it where its credentials are new here."""
        match event:
            case StatementStarted():
                yield from self._login(event.caller, event.at)
                yield self._started(event)
            case StatementCharged():
                told = {**self._statement(event), "cost": _cost(event.expected)}
                yield _without_nothing(told)
            case StatementEnded():
                yield _without_nothing(self._ended(event))
            case PolicyChanged():
                yield _policy(event)
            case CallEnded():
                yield from self._call(event)

    # --- statements ------------------------------------------------------------------------------

    def _started(self, event: StatementStarted) -> Record:
        planned, basis = event.planned, event.planned.basis
        use = self._use(planned)
        return _without_nothing(
            {
                **self._statement(event),
                **recorded(event.choice),
                "roles": sorted(basis.roles),
                "groups": self._groups(event.caller.principal.groups),
                **self._sql(planned.state.text, refused=False),
                "params": self._parameters(planned.state.parameters),
                "objects": [_object(table, use, planned) for table in basis.tables],
                "policy": basis.policy,
                "decision": self._namer.name("decision", planned.state.fingerprint.encode()),
                "plan_ms": _ms(basis.seconds),
            }
        )

    def _ended(self, event: StatementEnded) -> dict[str, Any]:
        failure = failure_of(event.error) if event.error is not None else None
        return {
            **self._statement(event),
            **recorded(event.choice),
            "status": _status(failure, event.status),
            "error_code": failure.code if failure else None,
            "queue_ms": _ms(event.queued),
            "first_byte_ms": _ms(event.first_frame),
            "total_ms": _ms(event.total),
            "rows": event.rows,
            "bytes": event.bytes,
            "scanned": _scanned(event.scanned),
            "cost": _cost(event.cost),
        }

    def _groups(self, groups: frozenset[str]) -> str | None:
        return self._namer.name("groups", "\n".join(sorted(groups)).encode()) if groups else None

    def _statement(
        self, event: StatementStarted | StatementCharged | StatementEnded
    ) -> dict[str, Any]:
        part = event.planned.state.part
        return {
            "ts": stamp(event.at),
            "event": _STATEMENT_EVENTS[type(event)],
            **self._who(event.caller),
            "query_id": event.planned.query_id,
            "prepared": event.planned.state.prepared,
            "part": None if part is None else list(part),
            "engine": event.engine,
        }

    def _sql(self, text: str, *, refused: bool) -> dict[str, Any]:
        if self._text == "full":
            return {**self._digest(self._shape(text), text), "sql": text[:MAX_TEXT]}
        found = self._shape(text)
        told = self._digest(found, text)
        if found is not None and self._text == "shape":
            told["sql"] = plain_names(found.text) if refused else found.text
        return told

    def _digest(self, found: Shape | None, text: str) -> dict[str, Any]:
        digest = self._namer.name("sql", text.encode()) if found is None else found.digest
        return {"sql_fingerprint": digest}

    def _shape(self, text: str) -> Shape | None:
        if len(text) > MAX_TEXT:
            return None
        return self._shapes(text) if len(text) <= _CACHED_TEXT else shape(text)

    def _parameters(self, rows: pa.RecordBatch | None) -> str | None:
        return None if rows is None else self._namer.name("params", _bytes(rows))

    def _use(self, planned: Planned) -> Used:
        """What the statement's tree names; it is kept as the gate keeps the tree."""
        tree, size = planned.basis.tree, len(planned.secured.text)
        if size > MAX_TEXT:
            return ANYTHING
        if size > _CACHED_TEXT:
            return used(tree)
        kept = self._used.get(id(tree))
        if kept is None or kept[0] is not tree:
            kept = self._used[id(tree)] = (tree, used(tree))
            if len(self._used) > _CACHED:
                self._used.popitem(last=False)
        return kept[1]

    # --- calls -----------------------------------------------------------------------------------

    def _call(self, event: CallEnded) -> Iterator[Record]:
        if event.caller is None:
            record = _without_nothing(self._refused_login(event))
            yield from self.refusals.add(event.peer, record)
            return
        login = {"ts": stamp(event.at), "event": "login", **self._who(event.caller)}
        if event.method == "Handshake":
            told = event.failure
            yield _without_nothing({**login, "status": _status(told), "error_code": _code(told)})
            return
        yield from self._login(event.caller, event.at)
        if event.failure is not None:
            if event.query_id is None:
                yield _without_nothing(self._refused(event, event.failure))
        elif event.method == "DoGet" and not event.command.startswith(_SILENT_COMMANDS):
            yield _without_nothing(
                {**login, "event": "metadata", "command": event.command, "status": "ok"}
            )

    def _refused(self, event: CallEnded, failure: Failure) -> dict[str, Any]:
        naming = failure.code in _NAMING
        return {
            "ts": stamp(event.at),
            "event": "refused",
            **(self._who(event.caller) if event.caller else {}),
            "method": event.method,
            "command": event.command,
            **(self._sql(event.statement, refused=True) if event.statement is not None else {}),
            "status": _status(failure),
            "error_code": failure.code,
            "detail": plain_names(failure.message)[:300] if naming else None,
        }

    def _refused_login(self, event: CallEnded) -> dict[str, Any]:
        return {
            "ts": stamp(event.at),
            "event": "login",
            "request_id": event.request_id,
            "claimed": event.claimed[:200],
            "peer": event.peer,
            "client": event.client,
            "method": event.method,
            "status": _status(event.failure),
            "error_code": _code(event.failure),
        }

    def _login(self, caller: Caller, at: float) -> Iterator[Record]:
        """A record where a user comes with other credentials, or from elsewhere, than lately."""
        principal = caller.principal
        if principal.expires_at is not None and principal.method != "jwt":
            return  # a session of ours, whose login was its own call
        place = caller.peer.rpartition(":")[0]
        key = (principal.subject, principal.method, principal.issuer, principal.token_id, place)
        if key in self._logins:
            self._logins.move_to_end(key)
            return
        self._logins[key] = None
        if len(self._logins) > _LOGINS_KNOWN:
            self._logins.popitem(last=False)
        yield _without_nothing(
            {"ts": stamp(at), "event": "login", **self._who(caller), "status": "ok"}
        )

    def _who(self, caller: Caller) -> dict[str, Any]:
        principal = caller.principal
        return {
            "request_id": caller.request_id,
            "session": self._namer.name("session", caller.session) if caller.session else None,
            "user": principal.subject,
            "auth_method": principal.method,
            "issuer": principal.issuer,
            "token_id": principal.token_id,
            "peer": caller.peer,
            "client": caller.client,
        }


def _object(table: VisibleTable, use: Used, planned: Planned) -> dict[str, Any]:
    lookups, inside = planned.state.lookups, planned.basis.insides.get(table.name)
    told = _told(table, use, lookups)
    return told if inside is None else {**told, **_inside(inside, lookups)}


def _inside(inside: Inside, lookups: Mapping[TableName, Snapshot]) -> dict[str, Any]:
    """What a view is made of, and whose rights to it count; all columns of it may be read."""
    reads: list[dict[str, Any]] = []
    for table in inside.resolved.tables:
        told, within = _told(table, ANYTHING, lookups), inside.resolved.insides.get(table.name)
        reads.append(told if within is None else {**told, **_inside(within, lookups)})
    return _without_nothing({"definer": inside.definer, "reads": reads})


def _told(table: VisibleTable, use: Used, lookups: Mapping[TableName, Snapshot]) -> dict[str, Any]:
    name, snapshot = shown_table(table.name), table.table.pin
    columns = columns_of(table.name, (column.name for column in table.columns), use)
    grant = table.grant
    filters = [*grant.restrictive, *grant.permissive]
    read = {each for rule in (*filters, *_rules(grant)) for each in rule.lookups.values()}
    return _without_nothing(
        {
            "catalog": name.catalog,
            "schema": name.schema,
            "table": name.table,
            # as text: it has more digits than a number in JSON is read with
            "snapshot_id": str(snapshot.snapshot_id) if snapshot and snapshot.snapshot_id else None,
            "projected": _listed(columns.projected),
            "filter_only": _listed(columns.filter_only),
            "masks": _masks(grant, columns),
            "row_filters": [_rule(rule) for rule in filters],
            "lookups": [_lookup(name, lookups.get(name)) for name in sorted(read, key=str)],
            "no_rows": True if grant.has_permissive and not grant.permissive else None,
            "missing_claims": sorted({claim for each in filters for claim in unbound(each)}),
        }
    )


def _masks(grant: Grant, columns: Columns) -> list[dict[str, Any]]:
    """The masks on columns that the statement uses."""
    chosen = [columns.projected, columns.filter_only]
    return [
        {"column": column, **_rule(rule)}
        for column, rule in grant.all_masks()
        if any(part is None or column in part for part in chosen)
    ]


def _rules(grant: Grant) -> Iterator[Expression]:
    return (mask for _, mask in grant.all_masks())


def _lookup(name: TableName, snapshot: Snapshot | None) -> dict[str, Any]:
    """A table that rules look things up in; without a snapshot, it could not be read."""
    known = snapshot and snapshot.snapshot_id
    return _without_nothing({"table": str(name), "snapshot_id": str(known) if known else None})


def _scanned(scanned: Sequence[Scanned]) -> list[dict[str, Any]]:
    """What was read, by table: a statement that runs for several rows reads it as often."""
    found: dict[TableName, list[int]] = {}
    for each in scanned:
        counts = found.setdefault(shown_table(each.name), [0, 0])
        counts[0] += each.files
        counts[1] += each.bytes
    return [
        {"catalog": n.catalog, "schema": n.schema, "table": n.table, "files": f, "bytes": b}
        for n, (f, b) in found.items()
    ]


def _cost(cost: Cost | None) -> dict[str, Any] | None:
    if cost is None:
        return None
    told = {"scanned": cost.scanned, "billed": cost.billed, "usd": cost.usd}
    return told if cost.certain else {**told, "certain": False}


def _listed(names: tuple[str, ...] | None) -> list[str]:
    return _ALL if names is None else list(names[:MAX_NAMES])


def _rule(rule: Expression) -> dict[str, Any]:
    """A rule by its name, the hash of its text, which has no claim values, and what it looks up."""
    lookups = sorted(str(table) for table in rule.lookups.values())
    told = {"name": rule.name, "hash": sha256(rule.sql.encode()).hexdigest()[:16]}
    return {**told, "lookups": lookups} if lookups else told


def _policy(event: PolicyChanged) -> Record:
    return {
        "ts": stamp(event.at),
        "event": "policy",
        "policy": event.version,
        "status": "error" if event.broken else "ok",
        **({"error_code": "POLICY_INVALID"} if event.broken else {}),
    }


def _status(failure: Failure | None, known: Status = Status.ERROR) -> str:
    if failure is None:
        return Status.OK if known is Status.ERROR else known
    if known is not Status.ERROR:
        return known
    denied = failure.kind in _DENIED_KINDS or failure.code in _DENIED_CODES
    return Status.DENIED if denied else Status.ERROR


def _code(failure: Failure | None) -> str | None:
    return failure.code if failure else None


def _ms(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds * 1000, 3)


def _bytes(rows: pa.RecordBatch) -> bytes:
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, rows.schema) as writer:
        writer.write_batch(rows)
    encoded: bytes = sink.getvalue().to_pybytes()
    return encoded


def _without_nothing(record: Mapping[str, Any]) -> dict[str, Any]:
    """The record without members that say nothing."""
    return {key: value for key, value in record.items() if value not in (None, "", [])}


def lost(count: int, seconds: float) -> Record:
    """That the log could not be written for a while, and how many records that cost."""
    return {"ts": stamp(), "event": "resumed", "lost": count, "seconds": round(seconds, 3)}
