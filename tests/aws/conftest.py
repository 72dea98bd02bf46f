"""Where the tests run: on a double, and on real AWS where the environment says as whom.

    FLIGHT_SERVER_AWS_STAGING=s3://bucket/prefix FLIGHT_SERVER_AWS_DATABASE=scratch \\
        AWS_DEFAULT_REGION=eu-central-1 python -m pytest -m aws -n0

`FLIGHT_SERVER_AWS_WORKGROUP` is `primary` unless set. The database exists; a table is made in it
and dropped. All of it reads a few kilobytes.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass

import boto3
import pytest

from flight_server.engines.athena.engine import AthenaEngine
from flight_server.engines.athena.settings import AthenaRole, AthenaSettings, Delivery
from flight_server.engines.athena.translate import translate
from flight_server.testing.athena import AthenaDouble

_STAGING, _DATABASE = "FLIGHT_SERVER_AWS_STAGING", "FLIGHT_SERVER_AWS_DATABASE"
_WORKGROUP = "FLIGHT_SERVER_AWS_WORKGROUP"


@dataclass(frozen=True, slots=True)
class Cloud:
    """An account with Athena, real or not; `endpoint` is None for the real one."""

    region: str
    staging: str
    database: str
    workgroup: str
    endpoint: str | None
    catalog: dict[str, str]

    def engine(self, delivery: Delivery = "unload") -> AthenaEngine:
        """An engine that runs there; to be closed."""
        role = AthenaRole(self.workgroup, self.staging, delivery=delivery)
        settings = AthenaSettings(region=self.region, default=role, endpoint=self.endpoint)
        return AthenaEngine(settings, translate)

    def left(self) -> list[str]:
        """The objects below the staging prefix."""
        bucket, _, prefix = self.staging.removeprefix("s3://").partition("/")
        s3 = boto3.client("s3", region_name=self.region, endpoint_url=self.endpoint)
        pages = s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=f"{prefix}/")
        return [each["Key"] for page in pages for each in page.get("Contents", ())]


def _real() -> Cloud:
    missing = [name for name in (_STAGING, _DATABASE) if name not in os.environ]
    if missing:
        pytest.skip(f"for tests on real AWS set {' and '.join(missing)}")
    session = boto3.Session()
    if session.get_credentials() is None or session.region_name is None:
        pytest.skip("for tests on real AWS credentials and a region are needed")
    staging = f"{os.environ[_STAGING].rstrip('/')}/flight-server-tests"
    workgroup = os.environ.get(_WORKGROUP, "primary")
    properties = {"glue.region": session.region_name, "s3.region": session.region_name}
    database = os.environ[_DATABASE]
    return Cloud(session.region_name, staging, database, workgroup, None, properties)


@pytest.fixture(scope="module", params=["double", pytest.param("aws", marks=pytest.mark.aws)])
def cloud(request: pytest.FixtureRequest) -> Iterator[Cloud]:
    """Both, one after the other."""
    if request.param == "aws":
        yield _real()
        return
    with AthenaDouble() as aws, pytest.MonkeyPatch.context() as patch:
        for name, value in aws.environment.items():
            patch.setenv(name, value)
        aws.put_bucket("staging-of-aws")
        aws.client("glue").create_database(DatabaseInput={"Name": "scratch"})
        staging = "s3://staging-of-aws/tests"
        properties = aws.catalog_properties()
        yield Cloud(aws.region, staging, "scratch", "primary", aws.endpoint, properties)


@pytest.fixture
def athena(cloud: Cloud) -> Iterator[AthenaEngine]:
    """An engine of which nothing is left."""
    with closing(cloud.engine()) as engine:
        yield engine
    assert cloud.left() == []
