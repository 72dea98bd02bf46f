"""One double for the tests of running statements; its faults are taken back after each."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack

import pyarrow as pa
import pytest

from flight_server.testing.athena import AthenaDouble
from tests.engines.athena.running import NewEngine, Rig, engine_on

ROWS = 2_000


@pytest.fixture(scope="session")
def numbers() -> pa.Table:
    """Rows with NULL, empty text, quotes and line breaks."""
    texts = [(None, "", f'"{i}"\n', f"t{i}")[i % 4] for i in range(ROWS)]
    return pa.table({"id": pa.array(range(ROWS), pa.int64()), "s": pa.array(texts, pa.string())})


@pytest.fixture(scope="module")
def double(numbers: pa.Table) -> Iterator[AthenaDouble]:
    with AthenaDouble() as aws, pytest.MonkeyPatch.context() as patch:
        for name, value in aws.environment.items():
            if name != "AWS_ENDPOINT_URL":
                patch.setenv(name, value)
        aws.put_bucket("results-of-statements")
        aws.put_bucket("lake-of-statements")
        aws.put_table("inv.numbers", numbers, "s3://lake-of-statements/numbers")
        yield aws


@pytest.fixture
def aws(double: AthenaDouble) -> Iterator[AthenaDouble]:
    yield double
    double.clear_faults()
    for left in double.objects("s3://results-of-statements/"):
        double.drop_object(left)


@pytest.fixture
def rig(aws: AthenaDouble) -> Iterator[Rig]:
    with engine_on(aws) as engine:
        yield Rig(aws, engine)


@pytest.fixture
def new_engine(aws: AthenaDouble) -> Iterator[NewEngine]:
    with ExitStack() as stack:
        yield lambda **options: stack.enter_context(engine_on(aws, **options))
