"""One local Athena for all tests of the router and of both engines."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from flight_server.testing.athena import AthenaDouble
from tests.athena.lake import BUCKET, RESULTS


@pytest.fixture(scope="module")
def double() -> Iterator[AthenaDouble]:
    with AthenaDouble() as aws, pytest.MonkeyPatch.context() as patch:
        for name, value in aws.environment.items():
            patch.setenv(name, value)
        aws.put_bucket(BUCKET)
        aws.put_bucket(RESULTS)
        yield aws
