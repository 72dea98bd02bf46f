"""A YAML text → the cases that a policy is tested with, checked as a whole before any is run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

import pyarrow as pa

from auth.credentials import Credentials
from auth.errors import ConfigurationInvalid
from auth.explain import Rows, Visibility
from auth.globs import GlobInvalid, compile_glob
from auth.lookups import table_name
from auth.policy_test import Case, Named
from auth.principal import Principal
from auth.rules import Pattern, compile_pattern
from auth.yaml_file import Value, nearest, read_yaml
from catalog.model import Column, Table
from catalog.names import TableName, display

_LISTS: Final = {
    "visible": Visibility.VISIBLE,
    "masked": Visibility.MASKED,
    "hidden": Visibility.HIDDEN,
}
_ROWS: Final = {"all": Rows.ALL, "filtered": Rows.FILTERED, "none": Rows.NONE}
_OF_TABLE: Final = (*_LISTS, "exact", "rows", "filters")
_KEYS: Final = ("name", "table", *_OF_TABLE, "sees_tables", "not_sees_tables")


@dataclass(frozen=True, slots=True)
class Cases:
    """The cases of a file, and the tables that it declares, for tests without a catalog."""

    cases: tuple[Case, ...]
    tables: tuple[Table, ...] = ()


def parse_cases(text: str, file: str, users: Credentials | None) -> Cases:
    """The cases that a YAML text says. Raises `ConfigurationInvalid`, which names file and line."""
    root = read_yaml(text, file, ConfigurationInvalid)
    fields = root.fields(required=["version"], optional=["cases", "tables"])
    if fields["version"].integer(0, 2**31) != 1:
        raise fields["version"].fault("only version 1 is known")
    tables = fields["tables"].entries() if "tables" in fields else []
    return Cases(
        tuple(
            _case(item, users) for item in (fields["cases"].items() if "cases" in fields else [])
        ),
        tuple(_table(key, body) for key, body in tables),
    )


def _case(value: Value, users: Credentials | None) -> Case:
    fields = value.fields(required=["as"], optional=_KEYS)
    principal = _principal(fields["as"], users)
    listings = [key for key in ("sees_tables", "not_sees_tables") if key in fields]
    for key in _OF_TABLE:
        if key in fields and "table" not in fields:
            raise fields[key].fault(f"{key!r} is about a table: 'table' is missing")
    if not listings and not any(key in fields for key in _OF_TABLE if key != "exact"):
        raise value.fault("expects nothing: give 'visible', 'hidden', 'rows', 'sees_tables' …")
    table = _name(fields["table"]) if "table" in fields else None
    columns, masks = _columns(fields)
    about = (
        str(table) if table is not None else ", ".join(key.replace("_", " ") for key in listings)
    )
    return Case(
        name=fields["name"].text() if "name" in fields else f"{principal.subject}: {about}",
        line=value.line,
        principal=principal,
        table=table,
        columns=columns,
        masks=masks,
        exact=fields["exact"].boolean() if "exact" in fields else False,
        rows=_rows(fields["rows"]) if "rows" in fields else None,
        filters=_texts(fields["filters"]) if "filters" in fields else None,
        sees=_patterns(fields, "sees_tables"),
        sees_not=_patterns(fields, "not_sees_tables"),
    )


def _principal(value: Value, users: Credentials | None) -> Principal:
    """A user of the users file by name, or `{user, groups, claims}` as a token would say it."""
    if not value.is_mapping:
        name = value.text()
        user = None if users is None else users.user(name)
        if user is None or users is None:
            known = [] if users is None else [user.name for user in users.users()]
            hint = nearest(name, known) or "; or write {user: …, groups: […], claims: {…}}"
            raise value.fault(f"user {name!r} is not in the users file{hint}")
        if user.disabled:
            raise value.fault(f"user {name!r} is disabled and cannot log in")
        return Principal(user.name, user.groups, user.claims)
    fields = value.fields(optional=["user", "groups", "claims"])
    groups = _texts(fields["groups"]) if "groups" in fields else ()
    subject = fields["user"].text() if "user" in fields else f"[{', '.join(groups)}]"
    claims = {"sub": subject}
    for key, claim in fields["claims"].entries() if "claims" in fields else []:
        claims[key.key()] = claim.plain()
    return Principal(subject, frozenset(groups), MappingProxyType(claims))


def _columns(
    fields: Mapping[str, Value],
) -> tuple[Mapping[Visibility, tuple[Named, ...]], tuple[tuple[Named, str], ...]]:
    """The columns of each visibility; `masked` may give the masks' names too."""
    found: dict[Visibility, tuple[Named, ...]] = {}
    masks: list[tuple[Named, str]] = []
    for key, visibility in _LISTS.items():
        if key not in fields:
            continue
        value = fields[key]
        if visibility is Visibility.MASKED and value.is_mapping:
            entries = value.entries()
            masks = [(_named(column, column.key()), mask.text()) for column, mask in entries]
            found[visibility] = tuple(named for named, _ in masks)
        else:
            found[visibility] = tuple(_named(item, item.text()) for item in value.one_or_more())
    return MappingProxyType(found), tuple(masks)


def _named(value: Value, text: str) -> Named:
    try:
        return Named(text, compile_glob(text))
    except GlobInvalid as fault:
        raise value.fault(str(fault)) from fault


def _name(value: Value) -> TableName:
    try:
        return table_name(value.key())
    except GlobInvalid as fault:
        raise value.fault(str(fault)) from fault


def _rows(value: Value) -> Rows:
    text = value.text()
    if text not in _ROWS:
        raise value.fault(f"must be one of {', '.join(_ROWS)}")
    return _ROWS[text]


def _texts(value: Value) -> tuple[str, ...]:
    return tuple(item.text() for item in value.one_or_more())


def _patterns(fields: Mapping[str, Value], key: str) -> tuple[Pattern, ...]:
    patterns = []
    items = fields[key].one_or_more() if key in fields else []
    if key in fields and not items:
        raise fields[key].fault("must not be empty")
    for item in items:
        try:
            pattern = compile_pattern(item.text())
        except GlobInvalid as fault:
            raise item.fault(str(fault)) from fault
        if pattern.is_tag:
            raise item.fault("must be tables by name, not by tag")
        patterns.append(pattern)
    return tuple(patterns)


# --- declared tables ------------------------------------------------------------------------------


def _table(key: Value, body: Value) -> Table:
    """A table by its columns: names, or names with their tags, or `{columns, tags}`."""
    name = _name(key)
    tags: tuple[str, ...] = ()
    columns = body
    if body.is_mapping and {"columns", "tags"} >= {entry.key() for entry, _ in body.entries()}:
        fields = body.fields(required=["columns"], optional=["tags"])
        columns, tags = fields["columns"], _texts(fields["tags"]) if "tags" in fields else ()
    if columns.is_mapping:
        made = [_column(column, _texts(tagged)) for column, tagged in columns.entries()]
    else:
        made = [_column(column, ()) for column in columns.items()]
    if not made:
        raise columns.fault(f"table {display(name.table)} has no columns")
    return Table(name, tuple(made), tags=frozenset(tags))


def _column(value: Value, tags: tuple[str, ...]) -> Column:
    return Column(value.key(), pa.string(), tags=frozenset(tags))
