"""A YAML text → `Policy`, checked as a whole: the first mistake is raised with its line."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, TypeVar

from auth.claims import SCALARS, claim_type
from auth.errors import PolicyInvalid
from auth.globs import GlobInvalid, Level, compile_name
from auth.grant import Reason
from auth.identity import SUBJECT, ClaimRule, Identity
from auth.lookups import mentioned, own_lookup
from auth.masks import shown
from auth.new_columns import new_after
from auth.policy import Policy
from auth.policy_values import built_in_mask, limits, lookups
from auth.rules import (
    ColumnList,
    GrantRule,
    Lookup,
    Mask,
    Pattern,
    Role,
    RowFilter,
    Rules,
    Scope,
    TagRule,
    compile_pattern,
    names_only_columns,
)
from auth.yaml_file import Value, nearest, read_yaml
from catalog.names import TableName

_SECTIONS: Final = (
    "identity",
    "roles",
    "tags",
    "grants",
    "row_filters",
    "masks",
    "lookups",
    "limits",
    "new_columns",
)
_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_.\-]{0,63}")
_CLAIM: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,63}")
_TAG: Final = re.compile(r"[A-Za-z0-9_\-]+(\.[A-Za-z0-9_\-]+)*")
_PLACEHOLDER: Final = re.compile(r"\$\{([^}]*)(\}?)")
_EVERYONE: Final = "*"
_LONGEST_SQL: Final = 10_000
_Named = TypeVar("_Named", RowFilter, Mask)


def parse_policy(text: str, file: str = "policy.yaml") -> Policy:
    """The policy that a YAML text says. Raises `PolicyInvalid`, which names file and line."""
    root = read_yaml(text, file, PolicyInvalid)
    fields = root.fields(required=["version"], optional=_SECTIONS)
    if fields["version"].integer(0, 2**31) != 1:
        raise fields["version"].fault("only version 1 is known")
    identity = _identity(fields["identity"]) if "identity" in fields else Identity()
    roles = _roles(fields["roles"]) if "roles" in fields else {}
    known = lookups(fields["lookups"]) if "lookups" in fields else {}
    allowed, together = limits(fields["limits"], roles) if "limits" in fields else ({}, {})
    reader = _Reader(roles, identity, known)
    return Policy(
        Rules(
            version=root.content_hash(),
            identity=identity,
            roles=roles,
            tags=tuple(reader.tags(item) for item in _items(fields, "tags")),
            grants=tuple(reader.grant(item) for item in _items(fields, "grants")),
            row_filters=_unique(
                [reader.row_filter(i) for i in _items(fields, "row_filters")], file
            ),
            masks=_unique([reader.mask(item) for item in _items(fields, "masks")], file),
            lookups=known,
            limits=allowed,
            teams=together,
            new_after=new_after(fields["new_columns"]) if "new_columns" in fields else None,
        )
    )


@dataclass(frozen=True, slots=True)
class _Reader:
    """Reads rules that may name roles, claims and lookups."""

    roles: Mapping[str, Role]
    identity: Identity
    lookups: Mapping[str, Lookup]

    def tags(self, value: Value) -> TagRule:
        fields = value.fields(required=["on", "tags"])
        on = _pattern(fields["on"])
        if on.is_tag:
            raise fields["on"].fault("tags are given to names, not to other tags")
        tags = [_name(tag, _TAG, "a tag") for tag in fields["tags"].one_or_more()]
        return TagRule(on, frozenset(tags), Reason(f"tags on {on.text}", value.line))

    def grant(self, value: Value) -> GrantRule:
        fields = value.fields(
            required=["to", "on"], optional=["allow", "deny", "columns", "unless"]
        )
        effects = [name for name in ("allow", "deny") if name in fields]
        if len(effects) != 1:
            raise value.fault("a grant needs either 'allow: select' or 'deny: select'")
        effect = effects[0]
        for right in fields[effect].one_or_more():
            if right.text() != "select":
                raise right.fault(f"{right.text()!r} is not supported yet: only 'select' is")
        on = _pattern(fields["on"])
        if "columns" in fields and names_only_columns(on):
            raise fields["columns"].fault("'on' names columns already")
        scope = self._scope(fields)
        to = _EVERYONE if scope.to is None else ", ".join(sorted(scope.to))
        return GrantRule(
            on=on,
            scope=scope,
            allow=effect == "allow",
            because=Reason(f"{effect} {to} on {on.text}", value.line),
            columns=_columns(fields["columns"]) if "columns" in fields else None,
        )

    def row_filter(self, value: Value) -> RowFilter:
        fields = value.fields(required=["name", "on", "to", "where"], optional=["unless", "mode"])
        name = _name(fields["name"], _NAME, "a name")
        on = _pattern(fields["on"])
        if names_only_columns(on):
            raise fields["on"].fault("a row filter is about tables; this names a column")
        mode = fields["mode"].text() if "mode" in fields else "restrictive"
        if mode not in ("restrictive", "permissive"):
            raise fields["mode"].fault("must be restrictive or permissive")
        where = self._sql(fields["where"], column=False)
        return RowFilter(
            name=name,
            on=on,
            scope=self._scope(fields),
            where=where,
            because=Reason(f"row filter {name}", value.line),
            restrictive=mode == "restrictive",
            lookups=self._lookups(fields["where"], where, on),
        )

    def mask(self, value: Value) -> Mask:
        fields = value.fields(
            required=["name", "on", "to"], optional=["using", "mask", "unless", "priority"]
        )
        if ("using" in fields) == ("mask" in fields):
            raise value.fault("a mask needs either 'using' with SQL or 'mask'")
        name = _name(fields["name"], _NAME, "a name")
        on = _pattern(fields["on"])
        built_in = built_in_mask(fields["mask"], self.identity.claims) if "mask" in fields else None
        using = shown(built_in) if built_in else self._sql(fields["using"], column=True)
        return Mask(
            name=name,
            on=on,
            scope=self._scope(fields),
            using=using,
            built_in=built_in,
            lookups={} if built_in else self._lookups(fields["using"], using, on),
            because=Reason(f"mask {name}", value.line),
            priority=fields["priority"].integer(-1_000_000, 1_000_000)
            if "priority" in fields
            else 0,
        )

    def _lookups(self, value: Value, sql: str, on: Pattern) -> Mapping[str, TableName]:
        found = mentioned(sql, self.lookups)
        own = own_lookup(on, found)
        if own is not None:
            raise value.fault(f"reads the table of lookup {own!r}, which the rule itself is about")
        return found

    def _scope(self, fields: Mapping[str, Value]) -> Scope:
        to = fields["to"]
        everyone = to.one_or_more() == [to] and to.text() == _EVERYONE
        unless = fields["unless"].one_or_more() if "unless" in fields else []
        return Scope(
            to=None if everyone else frozenset(self._role(role) for role in _some(to)),
            unless=frozenset(self._role(role) for role in unless),
        )

    def _role(self, value: Value) -> str:
        name = value.text()
        if name == _EVERYONE:
            raise value.fault("'*' may only stand alone, after 'to'")
        if name not in self.roles:
            raise value.fault(f"unknown role {name!r}{nearest(name, self.roles)}")
        return name

    def _sql(self, value: Value, *, column: bool) -> str:
        """The text of an expression; its placeholders are checked, its SQL is not."""
        sql = value.text(longest=_LONGEST_SQL, lines=True)
        for found in _PLACEHOLDER.finditer(sql):
            name, closed = found.groups()
            if not closed:
                raise value.fault("has '${' without '}'")
            if name == "col" and column:
                continue
            if name == "col":
                raise value.fault("${col} is for masks; name the column")
            claim = name.removeprefix("claims.")
            if claim == name or claim not in self.identity.claims:
                known = [f"claims.{known}" for known in self.identity.claims]
                raise value.fault(f"unknown placeholder {name!r}{nearest(name, known)}")
        return sql


def _identity(value: Value) -> Identity:
    fields = value.fields(optional=["user", "groups", "claims"])
    user = fields["user"].text() if "user" in fields else SUBJECT
    groups = [path.text() for path in fields["groups"].one_or_more()] if "groups" in fields else []
    claims: dict[str, ClaimRule] = {}
    for key, rule in fields["claims"].entries() if "claims" in fields else []:
        of_claim = rule.fields(required=["from", "type"])
        kind = claim_type(of_claim["type"].text())
        if kind is None:
            known = ", ".join([*SCALARS, "list<...> of these"])
            raise of_claim["type"].fault(f"unknown type; known are {known}")
        claims[_name(key, _CLAIM, "a claim")] = ClaimRule(of_claim["from"].text(), kind)
    return Identity(tuple(groups), claims, user)


def _roles(value: Value) -> dict[str, Role]:
    entries = value.entries()
    names = [_name(key, _NAME, "a role") for key, _ in entries]
    roles: dict[str, Role] = {}
    for name, (_, body) in zip(names, entries, strict=True):
        fields = body.fields(optional=["groups", "includes", "alert"])
        groups = fields["groups"].one_or_more() if "groups" in fields else []
        includes = fields["includes"].one_or_more() if "includes" in fields else []
        for group in groups:
            if "*" in group.text():
                raise group.fault("groups are exact names; a rule for everyone has to: '*'")
        for other in includes:
            if other.text() not in names:
                raise other.fault(f"unknown role {other.text()!r}{nearest(other.text(), names)}")
        roles[name] = Role(
            name,
            frozenset(group.text() for group in groups),
            frozenset(other.text() for other in includes),
            "alert" in fields and fields["alert"].boolean(),
        )
    return roles


def _columns(value: Value) -> ColumnList:
    """`[a, b*]`, `{include: [...]}`, `{except: [...]}` or both."""
    if not value.is_mapping:
        return ColumnList(tuple(_level(item) for item in _some(value)))
    fields = value.fields(optional=["include", "except"])
    if not fields:
        raise value.fault("needs 'include' or 'except'")
    return ColumnList(
        tuple(_level(item) for item in _some(fields["include"])) if "include" in fields else None,
        tuple(_level(item) for item in _some(fields["except"])) if "except" in fields else (),
    )


def _level(value: Value) -> Level:
    try:
        return compile_name(value.text())
    except GlobInvalid as fault:
        raise value.fault(str(fault)) from fault


def _pattern(value: Value) -> Pattern:
    text = value.text()
    try:
        return compile_pattern(text)
    except GlobInvalid as fault:
        raise value.fault(str(fault)) from fault


def _name(value: Value, shape: re.Pattern[str], what: str) -> str:
    name = value.key()
    if not shape.fullmatch(name):
        raise value.fault(f"{name!r} cannot be {what}: letters, digits and some signs only")
    return name


def _some(value: Value) -> list[Value]:
    found = value.one_or_more()
    if not found:
        raise value.fault("must not be empty")
    return found


def _items(fields: Mapping[str, Value], section: str) -> list[Value]:
    return fields[section].items() if section in fields else []


def _unique(rules: list[_Named], file: str) -> tuple[_Named, ...]:
    first: dict[str, _Named] = {}
    for rule in rules:
        if rule.name in first:
            line = first[rule.name].because.line
            raise PolicyInvalid(
                f"{file}:{rule.because.line}: {rule.name!r} is named already in line {line}"
            )
        first[rule.name] = rule
    return tuple(rules)
