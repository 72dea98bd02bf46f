"""Fields of structs are granted, denied, tagged and masked as columns are."""

from __future__ import annotations

import pyarrow as pa
import pytest

from auth.errors import TableNotFound
from auth.explain import Visibility, explain
from auth.visible import VisibleCatalog
from catalog.model import Column, Snapshot
from catalog.names import TableName
from catalog.registry import Registry

GEO = pa.struct([("lat", pa.float64()), ("lon", pa.float64())])
ADDRESS = pa.struct(
    [
        pa.field("Zip", pa.string(), nullable=False),
        pa.field("geo", GEO),
        pa.field("homes", pa.list_(pa.struct([("code", pa.int32())]))),
    ]
)
ALLOW = '- {to: "*", on: "lake.**", allow: select}'


@pytest.fixture
def seen(policy_of, table_of, someone, held):
    """Makes what someone sees of `id` and a struct `address`, or another column, under rules."""

    def make(rules: str, sections: str = "", column: Column | None = None):
        table = table_of("lake.s.t", "id", column or Column("address", ADDRESS, nullable=False))
        policy = policy_of(f"grants:\n  {rules}\n{sections}")
        catalog = VisibleCatalog(someone(), policy, Registry([held("lake", [table])]))
        try:
            return catalog.find(table.name)
        except TableNotFound:
            return None

    return make


def typed(found) -> pa.DataType:
    return found.arrow_schema.field("address").type


def test_rule_5_an_allow_of_a_field_shows_the_struct_with_that_field_alone(seen):
    found = seen("- {to: '*', on: lake.s.t.address.zip, allow: select}")
    assert found.arrow_schema == pa.schema(
        [
            pa.field(
                "address", pa.struct([pa.field("Zip", pa.string(), nullable=False)]), nullable=False
            )
        ]
    )
    assert [child.name for child in found.columns[0].children] == ["Zip"]
    assert [field.name for field in found.grant.fields["address"]] == ["Zip"]


def test_rule_5_an_allow_works_to_any_depth(seen):
    found = seen("- {to: '*', on: lake.s.t.address.geo.lat, allow: select}")
    assert typed(found) == pa.struct([("geo", pa.struct([("lat", pa.float64())]))])


def test_rule_5_allows_of_fields_add_up_and_all_of_them_are_the_whole(seen):
    paths = ("{zip,homes}", "geo.lat", "geo.lon")
    rules = "\n  ".join(
        f'- {{to: "*", on: "lake.s.t.address.{path}", allow: select}}' for path in paths
    )
    found = seen(rules)
    assert typed(found) == ADDRESS
    assert found.grant.fields == {}


@pytest.mark.parametrize(
    ("pattern", "left"),
    [
        ("lake.s.t.address.zip", ["geo.lat", "geo.lon", "homes"]),
        ("**.lat", ["Zip", "geo.lon", "homes"]),
        ("lake.*.*.*.geo", ["Zip", "homes"]),
        ("lake.s.t.address.geo.*", ["Zip", "homes"]),
        ("lake.s.t.address.homes.code", ["Zip", "geo.lat", "geo.lon"]),
        ("lake.s.t.address.homes.element", ["Zip", "geo.lat", "geo.lon"]),
        ("lake.s.t.address.*", None),
        ("lake.s.t.address.**", None),
        ("lake.s.t.address", None),
        ("lake.s.t.address.none", ["Zip", "geo.lat", "geo.lon", "homes"]),
    ],
)
def test_rule_5_a_denial_of_a_field_leaves_the_others(seen, pattern, left):
    found = seen(f'{ALLOW}\n  - {{to: "*", on: "{pattern}", deny: select}}')
    columns = {column.name: column for column in found.columns}
    assert (sorted(paths(typed(found))) if "address" in columns else None) == left


def paths(kind: pa.DataType, above: str = "") -> list[str]:
    found: list[str] = []
    for field in kind:
        nested = pa.types.is_struct(field.type)
        found += paths(field.type, f"{field.name}.") if nested else [above + field.name]
    return found


def test_rule_5_a_denial_wins_however_specific_the_allow(seen):
    found = seen(
        """- {to: "*", on: lake.s.t.address.geo.lat, allow: select}
  - {to: "*", on: lake.s.t.address.zip, allow: select}
  - {to: "*", on: lake.s.t.address.geo, deny: select}"""
    )
    assert typed(found).names == ["Zip"]


def test_rule_5_a_list_of_columns_is_about_the_column_that_holds_the_field(seen):
    deny = '{{to: "*", on: "**.zip", columns: [{}], deny: select}}'
    assert typed(seen(f"{ALLOW}\n  - {deny.format('address')}")).names == ["geo", "homes"]
    assert typed(seen(f"{ALLOW}\n  - {deny.format('other')}")) == ADDRESS


def tagged() -> Column:
    geo = Column("geo", GEO, tags=frozenset({"place"}))
    children = (
        Column("Zip", pa.string(), tags=frozenset({"pii.home"})),
        geo,
        Column("homes", ADDRESS.field("homes").type),
    )
    return Column("address", ADDRESS, children=children)


def test_rule_5_tags_of_fields_deny_allow_and_mask_them_alone(seen):
    denied = seen(f"{ALLOW}\n  - {{to: '*', on: tag:pii, deny: select}}", column=tagged())
    assert typed(denied).names == ["geo", "homes"]
    allowed = seen("- {to: '*', on: 'tag:place', allow: select}", column=tagged())
    assert typed(allowed) == pa.struct([("geo", GEO)])
    mask = "masks: [{name: m, on: 'tag:pii', to: '*', using: 'upper(${col})'}]"
    masked = seen(ALLOW, mask, tagged())
    assert typed(masked).names == ["Zip", "geo", "homes"]
    (first, *others) = masked.grant.fields["address"]
    assert (first.name, first.mask.sql) == ("Zip", "upper(${col})")
    assert all(other.is_whole for other in others)


def test_rule_5_the_policy_gives_tags_to_fields(seen):
    tags = "tags: [{on: '**.geo.lat', tags: pii}]"
    found = seen(f"{ALLOW}\n  - {{to: '*', on: tag:pii, deny: select}}", tags)
    assert typed(found).field("geo").type.names == ["lon"]


def test_rule_7_a_mask_of_a_field_makes_it_nullable_and_leaves_the_rest(seen):
    found = seen(ALLOW, "masks: [{name: m, on: lake.s.t.address.zip, to: '*', using: 'NULL'}]")
    assert typed(found).field("Zip").nullable
    assert not found.columns[1].nullable
    assert found.grant.masks == {}
    assert [(column, mask.name) for column, mask in found.grant.all_masks()] == [("address", "m")]


@pytest.mark.parametrize(
    ("masks", "rules"),
    [
        ("{name: a, on: lake.s.t.address, using: x}", "{on: lake.s.t.address.zip, deny: select}"),
        ("{name: a, on: lake.s.t.address, using: x}, {name: b, on: '**.zip', using: y}", ""),
        (
            "{name: a, on: lake.s.t.address, using: x}"
            ", {name: b, on: '**.zip', using: y, priority: 1}",
            "",
        ),
    ],
)
def test_rule_7_a_masked_struct_with_a_hidden_or_masked_field_is_hidden(seen, masks, rules):
    section = "masks: [" + masks.replace("{name", "{to: '*', name") + "]"
    more = f"\n  - {rules.replace('{on', '''{to: '*', on''')}" if rules else ""
    assert [column.name for column in seen(ALLOW + more, section).columns] == ["id"]


def test_rule_7_a_mask_of_a_struct_wins_by_its_priority(seen):
    masks = (
        "masks: [{name: a, on: lake.s.t.address, to: '*', using: x, priority: 1},"
        " {name: b, on: '**.zip', to: '*', using: y}]"
    )
    assert seen(ALLOW, masks).grant.masks["address"].name == "a"


def test_rule_7_two_masks_of_a_field_hide_the_field(seen):
    masks = (
        "masks: [{name: a, on: '**.zip', to: '*', using: x},"
        " {name: b, on: lake.s.t.address.zip, to: '*', using: y}]"
    )
    assert typed(seen(ALLOW, masks)).names == ["geo", "homes"]


def test_rule_7_a_built_in_mask_that_does_not_fit_hides_the_field(seen):
    masks = "masks: [{name: a, on: '**.lat', to: '*', mask: {partial: {keep_first: 1}}}]"
    assert typed(seen(ALLOW, masks)).field("geo").type.names == ["lon"]


def test_rule_3_a_struct_without_visible_fields_is_hidden_and_so_is_its_table(
    policy_of, table_of, someone
):
    policy = policy_of(f'grants:\n  {ALLOW}\n  - {{to: "*", on: "**.lat", deny: select}}')
    table = table_of("lake.s.t", Column("a", pa.struct([("b", pa.struct([("lat", pa.int8())]))])))
    assert policy.decide(someone(), table) is None


def test_the_fields_are_explained(policy_of, table_of, someone):
    policy = policy_of(f'grants:\n  {ALLOW}\n  - {{to: "*", on: "**.lat", deny: select}}')
    told = explain(policy, someone(), table_of("lake.s.t", Column("address", ADDRESS)))
    (address,) = told.columns
    assert address.visibility is Visibility.VISIBLE
    _, geo, _ = address.fields
    assert [(field.name, field.visibility) for field in geo.fields] == [
        ("lat", Visibility.HIDDEN),
        ("lon", Visibility.VISIBLE),
    ]
    assert "address: visible - allow" in str(told)
    assert "in part" in str(told)
    assert "  address.geo.lat: hidden - allow * on lake.** (line 13); deny * on **.lat" in str(told)


# earlier states


@pytest.fixture
def past(policy_of, someone, held, table_of):
    """Makes the type of a struct as it is seen at an earlier snapshot."""

    def make(then: Column, now: Column, rules: str, sections: str = ""):
        current = table_of("lake.s.t", Column("id", pa.int8()), now, snapshot=Snapshot("v2", 2))
        lake = held("lake", [current])
        earlier = table_of("lake.s.t", Column("id", pa.int8()), then, snapshot=Snapshot("v1", 1))
        lake.earlier[earlier.snapshot] = earlier
        policy = policy_of(f"grants:\n  {ALLOW}\n  {rules}\n{sections}")
        catalog = VisibleCatalog(someone(), policy, Registry([lake]))
        return catalog.find(TableName("lake", "s", "t"), earlier.snapshot)

    return make


def struct(name: str, *fields: tuple[str, int]) -> Column:
    children = tuple(Column(each, pa.string(), field_id=number) for each, number in fields)
    kind = pa.struct([(each, pa.string()) for each, _ in fields])
    return Column(name, kind, field_id=100, children=children)


def test_a_field_denied_today_is_denied_in_the_past(past):
    then = struct("home", ("code", 1), ("gone", 2), ("city", 3))
    now = struct("address", ("zip", 1), ("city", 3))
    found = past(then, now, '- {to: "*", on: lake.s.t.address.zip, deny: select}')
    assert found.columns[1].type.names == ["gone", "city"]
    found = past(then, now, '- {to: "*", on: lake.s.t.home.gone, deny: select}')
    assert found.columns[1].type.names == ["code", "city"]
    found = past(then, now, '- {to: "*", on: lake.s.t.address, deny: select}')
    assert [column.name for column in found.columns] == ["id"]


def test_a_field_with_a_mask_today_has_it_in_the_past_and_with_another_is_hidden(past):
    then, now = struct("a", ("code", 1), ("city", 3)), struct("a", ("zip", 1), ("city", 3))
    one = "{name: m, on: '**.zip', to: '*', using: 'NULL'}"
    found = past(then, now, "", f"masks: [{one}]")
    assert [field.mask is not None for field in found.grant.fields["a"]] == [True, False]
    other = "{name: n, on: '**.code', to: '*', using: '0'}"
    found = past(then, now, "", f"masks: [{one}, {other}]")
    assert found.columns[1].type.names == ["city"]
