"""Globs match level by level, in time that does not run away."""

from __future__ import annotations

import pytest

from auth.globs import GlobInvalid, compile_glob, compile_name
from auth.rules import compile_pattern
from tests.waiting import within

MATCHES = [
    ("lake.sales.orders", "lake.sales.orders", True),
    ("LAKE.Sales.orders", "lake.sales.orders", True),
    ("lake.*.orders", "lake.sales.orders", True),
    ("lake.*.orders", "lake.orders", False),
    ("lake.**", "lake", True),
    ("lake.**", "lake.a.b.c.d", True),
    ("lake.**", "lakes.a", False),
    ("**.email", "lake.s.t.email", True),
    ("**.email", "email", True),
    ("**.email", "lake.s.t.xemail", False),
    ("a.**.b.**.c", "a.b.c", True),
    ("a.**.b.**.c", "a.x.b.y.z.c", True),
    ("a.**.b.**.c", "a.x.y.z.c", False),
    ("hr.{ssn,dob}", "hr.dob", True),
    ("hr.{ssn,dob}", "hr.ssndob", False),
    ("hr.{s,d}*_{x,y}", "hr.dob_y", True),
    ("hr.{s,d}*_{x,y}", "hr.dob_z", False),
    ("*a*b", "xaybzb", True),
    ("*ab*b", "xabb", True),
    ("*ab*b", "xab", False),
    ("a*a", "a", False),
    ('"a*"', "a*", True),
    ('"a*"', "ab", False),
    ('"we ird"', "we ird", True),
    ("größe", "größe", True),
]


@pytest.mark.parametrize(("glob", "path", "expected"), MATCHES)
def test_a_glob_matches_a_path(glob, path, expected):
    assert compile_glob(glob).matches(path.split(".")) is expected


def test_a_nested_namespace_is_one_level_written_in_quotes():
    path = ["lake", "a.b", "t"]
    assert compile_glob('lake."a.b".t').matches(path)
    assert compile_glob('lake."a."*.t').matches(path)
    assert compile_glob("lake.*.t").matches(path)
    assert not compile_glob("lake.a.b.t").matches(path)


@pytest.mark.parametrize(
    "text",
    [
        *[
            ".",
            "a.",
            "a..b",
            "a{b",
            "a}b",
            "{a,{b}}",
            "a,b",
            "{a.b}",
            "{}",
            "{,}",
            "a**",
            "**a",
            "***",
        ],
        *["a?", "[ab]", "a|b", "(a)", "^a$", "a\\b", 'a"b', "a+"],
        "",
        "a b",
        "x" * 2000,
        "{a,b}" * 9,
    ],
)
def test_what_is_no_glob_is_refused(text):
    with pytest.raises(GlobInvalid):
        compile_glob(text)


@pytest.mark.parametrize("text", ["lake", "lake.sales", "lake.{a,b}", "tag:", "lake.s.t.a..b"])
def test_a_pattern_that_no_table_or_column_could_match_is_refused(text):
    with pytest.raises(GlobInvalid):
        compile_pattern(text)


def test_a_name_is_one_level():
    assert compile_name("a*").matches("abc")
    for text in ("a.b", "**"):
        with pytest.raises(GlobInvalid):
            compile_name(text)


def test_many_stars_do_not_take_long():
    level = compile_name("*a" * 200 + "b")
    with within(1):
        assert not level.matches("a" * 5000)
