"""Limits by role: what is read of them, and which of several counts."""

from __future__ import annotations

import pytest

from auth.errors import PolicyInvalid
from auth.limits import Limits

LIMITS = """
limits:
  reader: {concurrent: 2, rows: 1_000}
  analyst: {rows: 50_000_000, statement_seconds: 300}
"""


def test_of_several_limited_roles_the_most_generous_counts(policy_of, someone):
    policy = policy_of(LIMITS)
    assert policy.limits(someone("g-reader")) == Limits(concurrent=2, rows=1_000)
    # an analyst is a reader too, by inclusion
    expected = Limits(concurrent=2, statement_seconds=300, rows=50_000_000)
    assert policy.limits(someone("g-analyst")) == expected


def test_a_role_that_says_nothing_lifts_no_limit(policy_of, someone):
    policy = policy_of(LIMITS)
    assert policy.limits(someone("g-reader", "g-privacy")).rows == 1_000
    assert policy.limits(someone("g-privacy")) == Limits()
    assert policy_of("").limits(someone("g-reader")) == Limits()


def test_what_is_said_of_everyone_is_one_among_the_others(policy_of, someone):
    policy = policy_of(LIMITS + '  "*": {concurrent: 4, result_bytes: 10}\n')
    assert policy.limits(someone()) == Limits(concurrent=4, result_bytes=10)
    assert policy.limits(someone("g-reader")).concurrent == 4


@pytest.mark.parametrize(
    ("limits", "part"),
    [
        ("{raeder: {rows: 1}}", "did you mean 'reader'?"),
        ("{reader: {scan_gb_day: 0}}", "must be between 1"),
        ("{reader: {row: 5}}", "did you mean 'rows'?"),
        ("{reader: {}}", "must not be empty"),
        ("{reader: {rows: 0}}", "must be between 1"),
        ("{reader: {rows: 1.5}}", "must be an integer"),
        ("{reader: {concurrent: none}}", "must be an integer"),
        ("{reader: {rows: 1}, reader: {rows: 2}}", "given twice"),
        ("[]", "must be a mapping"),
    ],
)
def test_a_limit_that_is_none_is_refused(policy_of, limits, part):
    with pytest.raises(PolicyInvalid) as caught:
        policy_of(f"limits: {limits}")
    assert part in str(caught.value)
