"""The views of an Iceberg catalog in our words: their texts, and the columns that are promised."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Sequence
from dataclasses import replace
from types import MappingProxyType

from pyiceberg.catalog import Catalog as Source
from pyiceberg.catalog.rest import RestCatalog
from pyiceberg.exceptions import ForbiddenError, NoSuchNamespaceError, NoSuchViewError
from pyiceberg.typedef import Identifier
from pyiceberg.view import View
from pyiceberg.view.metadata import SQLViewRepresentation

from catalog.errors import UnsupportedTable
from catalog.iceberg_fields import TAGS, past_of_view, split_tags
from catalog.iceberg_schema import columns_of
from catalog.model import Column, Snapshot, Table, ViewDefinition
from catalog.names import TableName, fold

_log = logging.getLogger(__name__)

# The dialects of a view's texts, the one that is taken first.
_PREFERRED = ("duckdb", "ansi", "trino", "presto", "spark")
# Spark gives columns other names than the text does: the text's own are here.
_SPARK_OUTPUT = "spark.query-column-names"


def views_in(source: Source, namespace: Identifier) -> frozenset[str]:
    """The names of the views in a namespace: only REST catalogs have any.

    Raises what its libraries raise; a catalog that keeps its views to itself has none.
    """
    if not isinstance(source, RestCatalog):
        return frozenset()
    try:
        return frozenset(each[-1] for each in source.list_views(namespace))
    except NoSuchNamespaceError:
        return frozenset()
    except ForbiddenError as error:
        _log.warning("the views of namespace %s are left out: %s", ".".join(namespace), error)
        return frozenset()


def load_view(source: Source, name: TableName, identifier: Identifier) -> Table | None:
    """A view as its catalog has it now; None where it is gone. Raises what its libraries raise."""
    try:
        return view_of(name, source.load_view(identifier))
    except NoSuchViewError:
        return None


def view_of(name: TableName, view: View) -> Table:
    """A view as a table without snapshots. Raises `UnsupportedTable`."""
    try:
        version, schema = view.current_version(), view.schema()
    except StopIteration as error:
        raise UnsupportedTable(f"The metadata of view {name} contradicts itself") from error
    chosen = _chosen(name, [each.root for each in version.representations])
    properties = dict(view.properties)
    columns = columns_of(schema, past_of_view(schema, properties))
    told = (view.uuid(), chosen.sql, chosen.dialect, version.default_catalog, schema)
    digest = hashlib.sha256(repr((told, version.default_namespace)).encode()).hexdigest()
    return Table(
        name=name,
        columns=tuple(map(_unnumbered, columns)),
        kind="VIEW",
        description=properties.get("comment", ""),
        owner=properties.get("owner", ""),
        tags=split_tags(properties.get(TAGS, "")),
        properties=MappingProxyType(properties),
        view=ViewDefinition(
            sql=chosen.sql,
            dialect=fold(chosen.dialect),
            catalog=version.default_catalog or name.catalog,
            schema=".".join(version.default_namespace) or None,
            output=_output([column.name for column in columns], properties),
            version=Snapshot(f"view:{digest}", version.version_id),
        ),
    )


def _chosen(name: TableName, texts: Sequence[SQLViewRepresentation]) -> SQLViewRepresentation:
    """The text in the dialect that is read best."""
    if not texts:
        raise UnsupportedTable(f"View {name} has no text")
    known = {dialect: place for place, dialect in enumerate(_PREFERRED)}
    return min(texts, key=lambda text: known.get(fold(text.dialect), len(known)))


def _output(columns: Sequence[str], properties: dict[str, str]) -> tuple[str, ...]:
    told = properties.get(_SPARK_OUTPUT, "")
    given = tuple(part.strip() for part in told.split(",")) if told else ()
    return given if len(given) == len(columns) else tuple(columns)


def _unnumbered(column: Column) -> Column:
    """The column by its name alone: each version of a view numbers its columns anew."""
    children = tuple(map(_unnumbered, column.children))
    return replace(column, field_id=None, children=children)
