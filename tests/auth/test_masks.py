"""Built-in masks and lookups in a policy: what is read, and what becomes of columns they miss."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pyarrow as pa
import pytest

from auth.errors import PolicyInvalid
from auth.history import both
from auth.masks import Bucket, Constant, Hash, Null, Partial, Truncate, shown
from catalog.model import Column
from catalog.names import TableName

ALLOW = 'grants: [{to: reader, on: "**", allow: select}]\n'
MASK = ALLOW + "masks: [{name: m, on: lake.hr.people.%s, to: reader, mask: %s}]"


@pytest.mark.parametrize(
    ("text", "mask"),
    [
        ("null", Null()),
        ("{constant: x}", Constant("x")),
        ("{constant: 7}", Constant(7)),
        ("{constant: 0.5}", Constant(0.5)),
        ("{constant: false}", Constant(False)),
        ("{partial: {keep_last: 4}}", Partial(0, 4, "*")),
        ('{partial: {keep_first: 1, keep_last: 2, with: "#"}}', Partial(1, 2, "#")),
        ("{truncate: month}", Truncate("month")),
        ("{bucket: 1_000}", Bucket(Decimal(1000))),
        ("{bucket: 0.5}", Bucket(Decimal("0.5"))),
        ("{hash: {key: crm}}", Hash("crm")),
        ("{hash: {key: crm, per: tenant}}", Hash("crm", "tenant")),
    ],
)
def test_a_mask_is_read(policy_of, text, mask):
    (rule,) = policy_of(MASK % ("name", text)).rules.masks
    assert rule.built_in == mask
    assert rule.using == shown(mask)


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("{}", "a mask is null or one of constant, partial"),
        ("{constant: 1, bucket: 5}", "a mask is null or one of"),
        ("redact", "must be a mapping"),
        ("{constnat: 1}", "did you mean 'constant'?"),
        ("{constant: null}", "must be a text"),
        ("{constant: [1]}", "must be a text, a number"),
        ("{constant: .nan}", "must be a decimal number"),
        ("{constant: '${claims.tenant}'}", "no placeholders"),
        ("{constant: '${col}'}", "no placeholders"),
        ("{partial: {}}", "needs 'keep_first' or 'keep_last'"),
        ("{partial: {keep_last: 0}}", "needs 'keep_first' or 'keep_last'"),
        ("{partial: {keep_last: -1}}", "must be between"),
        ("{partial: {keep_last: 4, with: '**'}}", "must be one character"),
        ("{truncate: decade}", "must be one of year, quarter"),
        ("{bucket: 0}", "must be a number above 0"),
        ("{bucket: -5}", "must be a number above 0"),
        ("{bucket: true}", "must be a number above 0"),
        ("{bucket: wide}", "must be a number above 0"),
        ("{hash: {key: 'env:KEY'}}", "names a key of the server's settings"),
        ("{hash: {}}", "'key' is missing"),
        ("{hash: {key: crm, per: tenent}}", "did you mean 'tenant'?"),
        ("{hash: {key: crm, per: regions}}", "not a list"),
        ("null, using: '${col}'", "either 'using' with SQL or 'mask'"),
    ],
)
def test_a_mask_that_is_none_is_refused(policy_of, text, part):
    with pytest.raises(PolicyInvalid, match=r"policy\.yaml:\d+: ") as caught:
        policy_of(MASK % ("name", text))
    assert part in str(caught.value)


def test_a_mask_needs_one_or_the_other(policy_of):
    with pytest.raises(PolicyInvalid, match="either 'using' with SQL or 'mask'"):
        policy_of(ALLOW + "masks: [{name: m, on: lake.hr.people.name, to: reader}]")


def test_a_mask_that_does_not_fit_hides_the_column_and_warns(policy_of, table_of, someone, caplog):
    policy = policy_of(MASK % ("*", "{bucket: 1000}"))
    table = table_of("lake.hr.people", "name", Column("pay", pa.int64()))
    grant = policy.decide(someone("g-reader"), table)
    assert grant.columns == ("pay",)
    assert grant.masks["pay"].built_in == Bucket(Decimal(1000))
    assert "hides name" in caplog.text


def test_a_hash_carries_the_claim_that_its_key_is_made_with(policy_of, table_of, someone):
    policy = policy_of(MASK % ("name", "{hash: {key: crm, per: tenant}}"))
    table = table_of("lake.hr.people", "name")
    mask = policy.decide(someone("g-reader", tenant_id="a"), table).masks["name"]
    assert mask.claims == {"tenant": ("VARCHAR", "a")}
    assert policy.fingerprint(someone("g-reader", tenant_id="a")) != policy.fingerprint(
        someone("g-reader", tenant_id="b")
    )


def test_equal_masks_do_not_conflict_and_different_ones_do(policy_of, table_of, someone):
    def columns(*masks):
        rules = "".join(
            f"  - {{name: m{n}, on: lake.hr.people.name, to: reader, {mask}}}\n"
            for n, mask in enumerate(masks)
        )
        policy = policy_of(ALLOW + "masks:\n" + rules)
        return policy.decide(someone("g-reader"), table_of("lake.hr.people", "id", "name")).columns

    assert columns("mask: {constant: x}", "mask: {constant: x}") == ("id", "name")
    assert columns("mask: {constant: x}", "mask: {constant: y}") == ("id",)
    assert columns("mask: {constant: 1}", "mask: {constant: '1'}") == ("id",)
    assert columns("mask: null", "using: 'NULL'") == ("id",)


def test_a_column_that_had_another_type_is_hidden_where_its_mask_does_not_fit_that(
    policy_of, table_of, someone
):
    policy = policy_of(MASK % ("pay", "{constant: 3000000000}"))
    pay = Column("pay", pa.int64(), field_id=2)
    now = table_of("lake.hr.people", Column("id", pa.int64(), field_id=1), pay)
    then = replace(now, columns=(now.columns[0], replace(pay, type=pa.int32())))
    reader = someone("g-reader")
    grants = policy.decide(reader, then), policy.decide(reader, now)
    assert grants[1].columns == ("id", "pay")
    assert both(then, grants[0], now, grants[1]).columns == ("id",)
    # also where it had another name, under which no mask was about it
    renamed = replace(then, columns=(now.columns[0], replace(then.columns[1], name="salary")))
    grants = policy.decide(reader, renamed), grants[1]
    assert grants[0].columns == ("id", "salary")
    assert both(renamed, grants[0], now, grants[1]).columns == ("id",)


LOOKUPS = ALLOW + "lookups: {acl: {table: lake.sec.acl}, Old: {table: 'lake.sec.\"o.ld\"'}}\n"
FILTER = 'row_filters: [{name: f, on: %s, to: reader, where: "%s"}]'


def test_a_filter_carries_the_lookups_that_it_names(policy_of, table_of, someone):
    policy = policy_of(LOOKUPS + FILTER % ("lake.hr.*", "x IN (SELECT y FROM ACL)"))
    (found,) = policy.decide(someone("g-reader"), table_of("lake.hr.people", "x")).restrictive
    assert found.lookups == {"acl": TableName("lake", "sec", "acl")}
    policy = policy_of(LOOKUPS + FILTER % ("lake.hr.*", "x IN (SELECT y FROM old)"))
    (rule,) = policy.rules.row_filters
    assert rule.lookups == {"old": TableName("lake", "sec", "o.ld")}


@pytest.mark.parametrize("on", ["lake.sec.acl", "lake.sec.*", "**", "LAKE.*.ACL"])
def test_a_filter_that_reads_the_table_it_is_about_is_refused(policy_of, on):
    with pytest.raises(PolicyInvalid, match="which the rule itself is about"):
        policy_of(LOOKUPS + FILTER % (f"'{on}'", "x IN (SELECT y FROM acl)"))


def test_a_mask_that_reads_the_table_it_is_about_is_refused(policy_of):
    with pytest.raises(PolicyInvalid, match="which the rule itself is about"):
        policy_of(
            LOOKUPS + "masks: [{name: m, on: lake.sec.acl.x, to: reader,"
            " using: '(SELECT max(x) FROM acl)'}]"
        )


@pytest.mark.parametrize(
    ("lookups", "part"),
    [
        ("{acl: {table: lake.sec}}", "catalog.schema.table"),
        ("{acl: {table: lake.sec.*}}", "without stars"),
        ("{acl: {table: 'lake.sec.{a,b}'}}", "without stars"),
        ("{acl: {table: lake.sec.acl.x}}", "catalog.schema.table"),
        ("{acl: lake.sec.acl}", "must be a mapping"),
        ("{acl: {}}", "'table' is missing"),
        ("{a-b: {table: a.b.c}}", "cannot be a lookup"),
        ("{acl: {table: a.b.c}, ACL: {table: a.b.c}}", "given twice"),
        ("[]", "must be a mapping"),
    ],
)
def test_a_lookup_that_is_none_is_refused(policy_of, lookups, part):
    with pytest.raises(PolicyInvalid) as caught:
        policy_of(f"lookups: {lookups}")
    assert part in str(caught.value)
