"""Limits by role: what is read of them, and which of several counts."""

from __future__ import annotations

import pytest

from auth.errors import PolicyInvalid
from auth.limits import EVERYONE, Limits, Team

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


def test_money_is_limited_as_bytes_are_and_the_most_generous_counts(policy_of, someone):
    said = "limits: {reader: {athena_usd_day: 0.5}, analyst: {athena_usd_day: 2, scan_gb_day: 7}}"
    policy = policy_of(said)
    assert policy.limits(someone("g-reader")).athena_usd_day == 0.5
    assert policy.limits(someone("g-analyst")) == Limits(scan_gb_day=7, athena_usd_day=2.0)
    assert policy.rules.has_budgets
    assert not policy_of(LIMITS).rules.has_budgets


def test_a_team_is_all_who_bear_a_role_and_a_user_may_be_in_several(policy_of, someone):
    policy = policy_of("""
limits:
  "*": {team: {athena_usd_day: 100}}
  reader: {rows: 5, team: {scan_gb_day: 10}}
  analyst: {team: {scan_gb_day: 3, athena_usd_day: 1.5}}
""")
    assert policy.rules.has_budgets
    assert policy.limits(someone("g-analyst")) == Limits(rows=5)
    assert policy.teams(someone("g-privacy"))[EVERYONE] == Team(athena_usd_day=100.0)
    # of teams each counts, none for another
    said = {role: team for role, team in policy.teams(someone("g-analyst")).items() if team}
    assert said == {
        EVERYONE: Team(athena_usd_day=100.0),
        "reader": Team(scan_gb_day=10),
        "analyst": Team(scan_gb_day=3, athena_usd_day=1.5),
    }
    # what is used counts for teams that nothing is said of as well
    assert policy_of("").teams(someone("g-reader")) == {"reader": None, EVERYONE: None}


@pytest.mark.parametrize(
    ("limits", "part"),
    [
        ("{raeder: {rows: 1}}", "did you mean 'reader'?"),
        ("{reader: {scan_gb_day: 0}}", "must be between 1"),
        ("{reader: {athena_usd_day: 0}}", "must be a number above 0"),
        ("{reader: {athena_usd_day: -1.5}}", "must be a number above 0"),
        ("{reader: {athena_usd_day: .nan}}", "must be"),
        ("{reader: {athena_usd_day: true}}", "must be a number above 0"),
        ("{reader: {athena_usd: 5}}", "did you mean 'athena_usd_day'?"),
        ("{reader: {team: {}}}", "must not be empty"),
        ("{reader: {team: {rows: 5}}}", "unknown key 'rows'"),
        ("{reader: {team: 5}}", "must be a mapping"),
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
