"""What a table about a table may tell to whom."""

from __future__ import annotations

import pyarrow as pa
import pytest

from auth.grant import Expression, FieldGrant, Grant
from auth.inspecting import inspection_of
from catalog.inspection import ABOUT_ROWS, KINDS
from catalog.model import Column, Table
from catalog.names import TableName

ZIP, CITY = Column("zip", pa.string(), field_id=4), Column("city", pa.string(), field_id=5)
TABLE = Table(
    TableName("lake", "s", "t"),
    (
        Column("id", pa.int64(), field_id=1),
        Column("ssn", pa.string(), field_id=2),
        Column(
            "place",
            pa.struct([("zip", pa.string()), ("city", pa.string())]),
            field_id=3,
            children=(ZIP, CITY),
        ),
        Column(
            "marks",
            pa.list_(pa.int32()),
            field_id=6,
            children=(Column("element", pa.int32(), field_id=7),),
        ),
    ),
)
ALL = {1: "id", 2: "ssn", 3: "place", 4: "place.zip", 5: "place.city", 6: "marks"} | {
    7: "marks.element"
}
MASK = Expression("m", "NULL")
FILTER = Expression("f", "id = 1")
NAMES = tuple(column.name for column in TABLE.columns)


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_all_is_told_to_those_who_see_all(kind: str) -> None:
    asked = inspection_of(kind, Grant(NAMES), TABLE)
    assert asked is not None
    assert (asked.kind, asked.paths, asked.counts, asked.sizes) == (kind, ALL, True, True)


@pytest.mark.parametrize(
    ("grant", "left"),
    [
        (Grant(("id",)), {1}),
        (Grant(NAMES, masks={"ssn": MASK, "place": MASK}), {1, 6, 7}),
        (Grant(("id", "place"), fields={"place": (FieldGrant("zip"),)}), {1, 4}),
        (
            Grant(
                ("id", "place"),
                fields={"place": (FieldGrant("zip", mask=MASK), FieldGrant("city"))},
            ),
            {1, 5},
        ),
    ],
)
def test_of_what_is_hidden_or_masked_nothing_is_told(grant: Grant, left: set[int]) -> None:
    asked = inspection_of("files", grant, TABLE)
    assert asked is not None
    assert asked.paths == {at: name for at, name in ALL.items() if at in left}
    assert asked.counts
    assert not asked.sizes


@pytest.mark.parametrize(
    "grant",
    [
        Grant(NAMES, restrictive=(FILTER,)),
        Grant(NAMES, permissive=(FILTER,), has_permissive=True),
        Grant(NAMES, has_permissive=True),
    ],
)
def test_where_rows_may_be_hidden_nothing_that_counts_them_is_told(grant: Grant) -> None:
    assert all(inspection_of(kind, grant, TABLE) is None for kind in ABOUT_ROWS)
    for kind in KINDS - ABOUT_ROWS:
        asked = inspection_of(kind, grant, TABLE)
        assert asked is not None
        assert not asked.counts
        assert not asked.sizes


def test_two_states_tell_what_both_do() -> None:
    whole, part = (inspection_of("snapshots", Grant(names), TABLE) for names in (NAMES, ("id",)))
    assert whole is not None
    assert part is not None
    assert whole.within(part).sizes is part.within(whole).sizes is False
    assert whole.within(whole) == whole
