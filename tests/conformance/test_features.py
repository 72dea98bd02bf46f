"""The page on the protocol is true: each "yes" has its test, each "no" is refused."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from docs.protocol import FEATURES, Feature, render
from flight_server.protocol import routes
from flight_server.protocol.wire import flight_pb2

TESTS = Path(__file__).parent.parent
SERVED = {*routes.QUERIES, *routes.TICKETS, *routes.UPDATES, *routes.ACTIONS}


@pytest.mark.parametrize("feature", FEATURES, ids=lambda feature: feature.name)
def test_a_feature_is_shown_by_a_test_or_has_a_reason(feature: Feature) -> None:
    assert bool(feature.shown_by) is not bool(feature.why_not)
    if feature.shown_by:
        file, _, name = feature.shown_by.partition("::")
        tree = ast.parse((TESTS / file).read_text())
        assert name in {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}
    for message in feature.messages:
        assert (message in SERVED) is bool(feature.shown_by)


def test_the_page_names_only_files_that_there_are() -> None:
    named = set(re.findall(r"`(tests/[^`:]+)::", render()))
    assert len(named) > 3
    assert not [name for name in named if not (TESTS.parent / name).is_file()]


def test_the_features_are_all_that_servers_were_compared_by() -> None:
    assert len(FEATURES) == len({feature.name for feature in FEATURES}) == 33


def test_the_page_names_every_message_and_method() -> None:
    page = render()
    for message in (*SERVED, *routes.REFUSED):
        assert f"| {message.DESCRIPTOR.name} |" in page
    methods = {
        method.name for method in flight_pb2.DESCRIPTOR.services_by_name["FlightService"].methods
    }
    assert set(routes.REFUSED_METHODS) <= methods
    for method in methods:
        assert f"| {method} |" in page
