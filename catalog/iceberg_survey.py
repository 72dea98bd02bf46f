"""Which namespaces and tables an Iceberg catalog has, asked in as few questions as its kind allows.

A SQL catalog tells all of it at once, with where the metadata of each table is; other kinds are
asked namespace by namespace.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from types import MappingProxyType

from pyiceberg.catalog import Catalog as Source
from pyiceberg.catalog.sql import IcebergNamespaceProperties, IcebergTables, SqlCatalog
from pyiceberg.exceptions import NoSuchNamespaceError
from pyiceberg.typedef import Identifier
from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from catalog.iceberg_views import views_in
from catalog.lookup import Names
from catalog.names import TableName

_log = logging.getLogger(__name__)
_DEEPEST_NAMESPACE = 8


@dataclass(frozen=True, slots=True)
class Listing:
    """The tables of one schema, sorted; `places` is where their metadata is, as far as known.

    `views` are those of them that are views.
    """

    names: tuple[TableName, ...]
    known: Names
    places: Mapping[str, str]
    views: frozenset[str] = frozenset()


NOTHING = Listing((), Names(()), MappingProxyType({}))


@dataclass(frozen=True, slots=True)
class Survey:
    """The namespaces of a catalog by the schema that each is served as.

    `listings` holds the tables of each schema that has any; None where they are asked for apart.
    """

    namespaces: Mapping[str, Identifier]
    schemas: tuple[str, ...]
    known: Names
    listings: Mapping[str, Listing] | None = None


def survey(source: Source, catalog: str) -> Survey:
    """What a catalog has. Raises what its libraries raise."""
    if not isinstance(source, SqlCatalog):
        namespaces = _distinct(_all_namespaces(source), catalog)
        return Survey(namespaces, tuple(sorted(namespaces)), Names(namespaces))
    found, rows = _of_sql(source)
    namespaces = _distinct(found, catalog)
    places: dict[str, dict[str, str]] = {}
    for schema, table, place in rows:
        places.setdefault(schema, {})[table] = place
    listings = {
        schema: _listing(catalog, schema, places[schema])
        for schema in namespaces
        if schema in places
    }
    return Survey(namespaces, tuple(sorted(namespaces)), Names(namespaces), listings)


def listing(source: Source, catalog: str, schema: str, namespace: Identifier) -> Listing:
    """The tables and views of one namespace; none where it is gone.

    Raises what its libraries raise.
    """
    try:
        tables = {each[-1]: "" for each in source.list_tables(namespace)}
    except NoSuchNamespaceError:
        return NOTHING
    views = views_in(source, namespace) - tables.keys()
    listed = _listing(catalog, schema, {**tables, **dict.fromkeys(views, "")})
    return replace(listed, views=views)


def _listing(catalog: str, schema: str, places: Mapping[str, str]) -> Listing:
    names = tuple(TableName(catalog, schema, table) for table in sorted(places))
    known = MappingProxyType({table: place for table, place in places.items() if place})
    return Listing(names, Names(places), known)


def _of_sql(source: SqlCatalog) -> tuple[set[Identifier], list[tuple[str, str, str]]]:
    """All namespaces, those that enclose others too, and all tables with their places."""
    columns = (
        IcebergTables.table_namespace,
        IcebergTables.table_name,
        IcebergTables.metadata_location,
    )
    tables = select(*columns).where(IcebergTables.catalog_name == source.name)
    if source._schema_version != "v0":
        # the older layout has no such column, and no views
        kind = IcebergTables.iceberg_type
        tables = tables.where(or_(kind == "TABLE", kind.is_(None)))
    declared = IcebergNamespaceProperties.namespace
    spaces = select(declared).distinct()
    spaces = spaces.where(IcebergNamespaceProperties.catalog_name == source.name)
    with Session(source.engine) as session:
        rows = [(schema, table, place or "") for schema, table, place in session.execute(tables)]
        texts = {schema for schema, _, _ in rows} | set(session.scalars(spaces))
    found: set[Identifier] = set()
    for text in texts:
        parts = source.identifier_to_tuple(text)
        found.update(parts[:end] for end in range(1, len(parts) + 1))
    return found, rows


def _all_namespaces(source: Source) -> list[Identifier]:
    found: list[Identifier] = []
    level = list(source.list_namespaces())
    for depth in range(_DEEPEST_NAMESPACE):
        found += level
        below: list[Identifier] = []
        for namespace in level:
            # some kinds of catalog have one level only and say so in one of these ways
            with suppress(NoSuchNamespaceError, NotImplementedError):
                inner = source.list_namespaces(namespace)
                below += [each for each in inner if len(each) == depth + 2]
        level = below
    return found


def _distinct(found: Iterable[Identifier], catalog: str) -> Mapping[str, Identifier]:
    """The namespaces by their schemas: nested ones are joined with dots, the shallowest wins."""
    schemas: dict[str, Identifier] = {}
    for namespace in sorted(set(found), key=lambda parts: (len(parts), parts)):
        schema = ".".join(namespace)
        if schema in schemas:
            _log.warning("catalog %s: two namespaces are spelled %s", catalog, schema)
            continue
        schemas[schema] = namespace
    return MappingProxyType(schemas)
