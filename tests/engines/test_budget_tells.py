"""What a budget that is used up tells of rows that its user may not see."""

from __future__ import annotations

import pyarrow as pa
import pytest
from pyiceberg.catalog.sql import SqlCatalog

from auth.limits import Limits
from flight_server.engines.base import Relation
from flight_server.engines.duckdb.engine import DuckDBEngine
from flight_server.query.budget import Amount, Budget, Payer
from flight_server.query.errors import OverBudget
from tests.engines import rig

FILES = 40  # so many that those are left out that no row is wanted of
HIDDEN = 734


@pytest.fixture(scope="module")
def pay(lake: SqlCatalog) -> Relation:
    """Files that each hold rows of both regions; one salary of the other region is high."""
    count = range(FILES * 4)
    rows = pa.table(
        {
            "k": [number % FILES for number in count],
            "region": ["eu" if number % (2 * FILES) < FILES else "us" for number in count],
            "salary": pa.array([HIDDEN if number == 79 else number % 100 for number in count]),
        }
    )
    source = lake.create_table("s.pay", schema=rows.schema)
    with source.update_spec() as spec:
        spec.add_identity("k")
    source.append(rows)
    return rig.relation(rig.described(source, "pay"), row_filter="region = 'eu'")


def is_refused(engine: DuckDBEngine, pay: Relation, least: int) -> bool:
    """Whether a user whose budget is used up is refused, who asks for salaries from `least` on."""
    budget, who = Budget(), Payer("eve", Limits(scan_gb_day=1))
    budget.take(who, Amount(10**9))
    statement = rig.secured(f"SELECT count(*) FROM pay WHERE salary >= {least}", pay)
    schema = engine.describe(statement, None, deadline=rig.soon())
    stream = engine.run(statement, None, schema, deadline=rig.soon())
    try:
        budget.charged(stream, who).close()
    except OverBudget:
        return True
    return False


def test_what_is_seen_is_counted(engine: DuckDBEngine, pay: Relation) -> None:
    assert is_refused(engine, pay, 50)


def test_a_refusal_does_not_tell_the_highest_value_of_hidden_rows(
    engine: DuckDBEngine, pay: Relation
) -> None:
    assert is_refused(engine, pay, HIDDEN) == is_refused(engine, pay, HIDDEN + 1)
