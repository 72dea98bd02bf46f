"""What a command stands for: an ordinary SELECT over what its principal sees, or over constants.

The SELECT then takes the way of any other statement. Names and values in it are quoted here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

import pyarrow as pa

from auth.errors import TableNotFound
from auth.visible import VisibleCatalog
from catalog.keys import primary_key
from catalog.lookup import match
from catalog.names import display, fold, quote, text_literal
from flight_server.engines.base import Choice, Relation, Secured
from flight_server.query import commands
from flight_server.query.choosing import told_choice
from flight_server.query.commands import Command, Name
from flight_server.query.errors import NotAllowed, SchemaNotFound
from flight_server.query.facts import Facts, literal
from flight_server.query.information import EVERYWHERE, PLACE, type_text
from flight_server.query.parser import Node, nodes
from flight_server.query.places import shown_table
from flight_server.query.suggest import nearest


@dataclass(frozen=True, slots=True)
class Inner:
    """A statement within a command, planned: its result, tables and tree, and what would run it."""

    schema: pa.Schema
    secured: Secured
    tree: Node
    choose: Callable[[], Choice]


@dataclass(frozen=True, slots=True)
class Situation:
    """What commands are answered from. `plan` plans the statement within one."""

    visible: VisibleCatalog
    facts: Facts
    plan: Callable[[str], Inner]


@dataclass(frozen=True, slots=True)
class Answer:
    """The SELECT, and the session options that running it changes (None unsets one)."""

    text: str
    changes: Mapping[str, str | None] | None = None


def answer(command: Command, situation: Situation) -> Answer:
    """What a command stands for in a situation.

    Raises what an ordinary statement over the same tables would, `SchemaNotFound`, and `NotAllowed`
    for settings that there are none of.
    """
    match command:
        case commands.ShowTables():
            return Answer(_show_tables(command, situation))
        case commands.ShowAllTables():
            return Answer(_SHOW_ALL_TABLES)
        case commands.ShowSchemas():
            return Answer(_show_schemas(command, situation))
        case commands.ShowCatalogs():
            return Answer(_SHOW_CATALOGS)
        case commands.ShowSetting():
            return Answer(_show_setting(command, situation))
        case commands.Describe():
            return Answer(_describe(command, situation))
        case commands.DescribeQuery():
            return Answer(_describe_query(command, situation))
        case commands.Explain():
            return Answer(_explain(command, situation))
        case commands.Use():
            return _use(command, situation)
        case commands.Set():
            return _set(command, situation)
        case commands.Nothing():
            return _DONE


# As DuckDB answers statements that change something.
_NOTHING = 'SELECT true AS "Success" WHERE false'
_DONE = Answer(_NOTHING)


# --- listings -------------------------------------------------------------------------------------

_ALL = f"{quote(PLACE)}.{quote(EVERYWHERE)}"
_SHOW_ALL_TABLES = (
    "SELECT table_catalog AS database, table_schema AS schema, table_name AS name,"
    " list(column_name ORDER BY ordinal_position) AS column_names,"
    " list(data_type ORDER BY ordinal_position) AS column_types, false AS temporary"
    f" FROM {_ALL}.columns GROUP BY table_catalog, table_schema, table_name ORDER BY 1, 2, 3"
)
_SHOW_CATALOGS = f"SELECT DISTINCT catalog_name AS database_name FROM {_ALL}.schemata ORDER BY 1"


def _show_tables(command: commands.ShowTables, situation: Situation) -> str:
    defaults = situation.facts.defaults
    catalog, schema = defaults.catalog, defaults.schema
    if command.schema is not None:
        catalog, schema = _place(command.schema, situation)
    wanted = {"table_catalog": catalog, "table_schema": schema}
    terms = [f"{column} = {literal(value)}" for column, value in wanted.items() if value]
    if command.like is not None:
        terms.append(f"table_name ILIKE {literal(command.like)}")
    where = f" WHERE {' AND '.join(terms)}" if terms else ""
    source = f"{quote(catalog)}.information_schema" if catalog else _ALL
    # a name alone could not be queried where nothing completes it
    place = "" if schema else "table_catalog AS database, table_schema AS schema, "
    return f"SELECT {place}table_name AS name FROM {source}.tables{where} ORDER BY ALL"


def _show_schemas(command: commands.ShowSchemas, situation: Situation) -> str:
    where = ""
    if command.catalog is not None:
        catalog = match(situation.visible.catalogs(), command.catalog.parts[0])
        if catalog is None:
            raise _no_place(command.catalog)
        where = f" WHERE catalog_name = {literal(catalog)}"
    defaults = situation.facts.defaults
    current = (
        f"coalesce(catalog_name = {literal(defaults.catalog)}"
        f" AND schema_name = {literal(defaults.schema)}, false)"
    )
    return (
        f"SELECT catalog_name AS database_name, schema_name, {current} AS current"
        f" FROM {_ALL}.schemata{where} ORDER BY 1, 2"
    )


def _place(name: Name, situation: Situation) -> tuple[str, str | None]:
    """The catalog and schema of a name: a schema of the default catalog, or else a catalog."""
    visible, defaults = situation.visible, situation.facts.defaults
    catalogs = visible.catalogs()
    if len(name.parts) == 1 and defaults.catalog is not None:
        schema = _schema(visible, defaults.catalog, name.parts[0])
        if schema is not None:
            return defaults.catalog, schema
    catalog = match(catalogs, name.parts[0])
    if catalog is None:
        raise _no_place(name)
    if len(name.parts) == 1:
        return catalog, None
    schema = _schema(visible, catalog, name.parts[1])
    if schema is None:
        raise _no_place(name)
    return catalog, schema


def _schema(visible: VisibleCatalog, catalog: str, name: str) -> str | None:
    return match((schema.schema for schema in visible.schemas(catalog)), name)


def _no_place(name: Name) -> SchemaNotFound:
    shown = ".".join(display(part) for part in name.parts)[:300]
    return SchemaNotFound(f"Schema or catalog {shown} was not found.", position=name.position)


# --- descriptions ---------------------------------------------------------------------------------

_DESCRIBED = ("column_name", "column_type", "null", "key", "default", "extra")


def _describe(command: commands.Describe, situation: Situation) -> str:
    table = ".".join(quote(part) for part in command.table.parts)
    try:
        inner = situation.plan(f"SELECT * FROM {table}")
    except TableNotFound as error:
        raise TableNotFound(str(error), position=command.table.position) from None
    (relation,) = inner.secured.relations
    nullable = {column.name: column.nullable for column in relation.table.columns}
    shown = [column.name for column in relation.columns]
    key = primary_key(relation.table)
    keyed = key if set(key) <= set(shown) else ()
    return _constants(
        _DESCRIBED,
        [
            (
                column.name,
                type_text(column.type),
                "YES" if nullable[column.name] else "NO",
                "PRI" if column.name in keyed else None,
                None,
                None,
            )
            for column in relation.columns
        ],
    )


def _describe_query(command: commands.DescribeQuery, situation: Situation) -> str:
    schema = situation.plan(command.query).schema
    return _constants(
        _DESCRIBED, [(f.name, type_text(f.type), "YES", None, None, None) for f in schema]
    )


def _explain(command: commands.Explain, situation: Situation) -> str:
    """Which engine would run a statement over what; neither filters and masks nor a plan of it."""
    inner = situation.plan(command.query)
    lines = [*_engine(inner.choose()), f"result: {len(inner.schema)} columns"]
    used = _used(inner.tree)
    for relation in inner.secured.relations:
        lines += ["", *_explained(relation, used)]
    return _constants(("explain_key", "explain_value"), [("plan", "\n".join(lines))])


def _engine(choice: Choice) -> list[str]:
    lines = [f"engine: {choice.engine}"]
    if choice.reason:
        lines.append(f"reason: {choice.reason}")
    told = told_choice(choice).get("estimate", {})
    if told:
        lines.append(f"reads: about {told['bytes']:,} bytes in {told['files']:,} files")
    if "usd" in told:
        lines.append(f"costs: about {told['usd']:.6f} USD")
    return lines


def _explained(relation: Relation, used: frozenset[str] | None) -> list[str]:
    columns = [c.name for c in relation.columns if used is None or fold(c.name) in used]
    if relation.name.catalog == PLACE:
        return [f"table: {relation.name.table} of information_schema"]
    if relation.table.rows is not None:
        return [
            f"table: {shown_table(relation.name)}",
            "  snapshot: none: its rows are made when the statement runs",
            f"  columns: {', '.join(display(name) for name in columns) or 'none'}",
        ]
    snapshot = relation.table.snapshot
    state = snapshot.snapshot_id if snapshot is not None else None
    why = "nothing was written yet" if relation.inside is None else "it is a view"
    return [
        f"table: {shown_table(relation.name)}",
        f"  snapshot: {state if state is not None else f'none: {why}'}",
        f"  columns: {', '.join(display(name) for name in columns) or 'none'}",
    ]


def _used(tree: Node) -> frozenset[str] | None:
    """The names that stand where columns do, folded; None where a star stands for all of them."""
    found: set[str] = set()
    for node in nodes(tree):
        kind = node.get("class")
        if kind == "STAR":
            return None
        if kind == "COLUMN_REF":
            found |= {fold(str(name)) for name in node.get("column_names") or []}
        # JOIN … USING names columns without an expression.
        found |= {fold(str(name)) for name in node.get("using_columns") or []}
    return frozenset(found)


# --- settings -------------------------------------------------------------------------------------

# By which a session's options can be set; what else they are called.
_OPTIONS: Mapping[str, str] = MappingProxyType(
    {
        "as_of": "as_of",
        "catalog": "catalog",
        "compression": "compression",
        "engine": "engine",
        "partitions": "partitions",
        "schema": "schema",
        "statement_timeout": "statement_timeout",
        "time_zone": "time_zone",
        "timezone": "time_zone",
    }
)
# What drivers set that changes nothing here, with the values that it has anyway; None for any.
_HARMLESS: Mapping[str, frozenset[str] | None] = MappingProxyType(
    {
        "application_name": None,
        "autocommit": frozenset({"1", "on", "true"}),
        "bytea_output": None,
        "client_encoding": frozenset({"utf8", "utf-8", "unicode"}),
        "client_min_messages": None,
        "datestyle": None,
        "default_transaction_isolation": None,
        "default_transaction_read_only": frozenset({"1", "on", "true"}),
        "extra_float_digits": None,
        "idle_in_transaction_session_timeout": None,
        "intervalstyle": None,
        "lock_timeout": None,
        "standard_conforming_strings": frozenset({"1", "on", "true"}),
        "transaction_isolation": None,
        "transaction_read_only": frozenset({"1", "on", "true"}),
    }
)


def _show_setting(command: commands.ShowSetting, situation: Situation) -> str:
    asked, facts = fold(command.setting), situation.facts
    value = facts.settings.get(asked, facts.options.get(asked))
    if value is None:
        known = {*facts.settings, *facts.options}
        raise _no_setting(command.setting, command.position, "setting", known)
    return _constants((fold(command.setting),), [(value,)])


def _use(command: commands.Use, situation: Situation) -> Answer:
    catalog, schema = _place(command.place, situation)
    return Answer(_NOTHING, {"catalog": catalog, "schema": schema})


def _set(command: commands.Set, situation: Situation) -> Answer:
    if command.setting == "all" and command.value is None:
        return Answer(_NOTHING, dict.fromkeys(_OPTIONS.values()))
    if command.setting == "search_path":
        return Answer(_NOTHING, {"schema": None})
    option = _OPTIONS.get(command.setting)
    if option is not None:
        _check_place(option, command, situation)
        return Answer(_NOTHING, {option: command.value})
    if command.setting not in _HARMLESS:
        known = {*_OPTIONS, *_HARMLESS, "search_path"}
        raise _no_setting(command.setting, command.position, "option", known)
    allowed = _HARMLESS[command.setting]
    if command.value is not None and allowed is not None and fold(command.value) not in allowed:
        raise NotAllowed(
            f"The setting {command.setting} cannot have this value here.",
            position=command.position,
        )
    return _DONE


def _check_place(option: str, command: commands.Set, situation: Situation) -> None:
    """Refuse a catalog or schema that is not there already when the statement is planned."""
    if command.value is None or option not in ("catalog", "schema"):
        return
    visible, catalog = situation.visible, situation.facts.defaults.catalog
    if option == "catalog":
        found = match(visible.catalogs(), command.value)
    else:
        found = None if catalog is None else _schema(visible, catalog, command.value)
    if found is None:
        raise _no_place(Name((command.value,), command.position))


def _no_setting(name: str, position: int, what: str, known: Iterable[str]) -> NotAllowed:
    near = nearest(name, known)
    tail = f"; did you mean {near}?" if near is not None else "."
    return NotAllowed(f"There is no {what} {display(name[:100])}{tail}", position=position)


# --- constants ------------------------------------------------------------------------------------


def _constants(names: Sequence[str], rows: Sequence[Sequence[str | None]]) -> str:
    """A SELECT of texts in their order."""
    columns = [[row[index] for row in rows] for index in range(len(names))]
    return "SELECT " + ", ".join(
        f"{_column(values)} AS {quote(name)}" for name, values in zip(names, columns, strict=True)
    )


def _column(values: Sequence[str | None]) -> str:
    """The values as a list that is unnested: as rows, they would be too many parts for the gate."""
    if len(values) == 1 or (values and set(values) == {None}):
        return literal(values[0])
    return f"unnest(CAST([{', '.join(map(_text, values))}] AS VARCHAR[]))"


def _text(value: str | None) -> str:
    return "NULL" if value is None else text_literal(value.replace("\0", ""))
