"""LIKE and regular expressions: only patterns that both engines read alike."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

from flight_server.engines.athena.binder import Binder
from flight_server.engines.athena.types import BOOLEAN, VARCHAR
from flight_server.engines.athena.values import Value, joined, literal
from flight_server.engines.errors import Untranslatable

_Form = Callable[[Binder, list[Value], int | None], Value]
_CLASSES = {"d": "0-9", "w": "0-9A-Za-z_", "s": "\\t\\n\\f\\r "}
_QUOTED = frozenset(".+*?()[]{}|^$\\/-")
_TOKEN = re.compile(
    r"""(?P<escape>\\.)|(?P<set>\[\^?[^\[\]\\]+\])|(?P<set2>\[\^?(?:\\[dws.\-]|[^\[\]\\&])+\])
    |(?P<count>\{[0-9]{1,3}(?:,[0-9]{0,3})?\}\??)|(?P<group>\((?:\?:|(?!\?)))|(?P<close>\))
    |(?P<repeat>[*+?]\??)|(?P<other>[|^.])|(?P<end>\$)|(?P<plain>[^\\\[\](){}*+?|^.$])""",
    re.VERBOSE | re.DOTALL,
)


def regex(text: str, at: int | None) -> str:
    """A regular expression of RE2 as Athena's engine reads it the same.

    Classes are spelled out, as they are of ASCII letters for RE2, and the end is that of the text.
    """
    made: list[str] = []
    place = 0
    while place < len(text):
        token = _TOKEN.match(text, place)
        if token is None or not token[0]:
            raise Untranslatable("This regular expression", at)
        place = token.end()
        made.append(_token(token, at))
    try:
        compiled = re.compile(text)
    except re.error as error:
        raise Untranslatable("This regular expression", at) from error
    if compiled.groups > 9:
        raise Untranslatable("A regular expression of so many groups", at)
    return "".join(made)


def _token(token: re.Match[str], at: int | None) -> str:
    kind, text = token.lastgroup, token[0]
    if kind == "end":
        return "\\z"
    if kind == "escape":
        if text[1] in _CLASSES:
            return f"[{_CLASSES[text[1]]}]"
        if text[1] not in _QUOTED:
            raise Untranslatable("This regular expression", at)
        return text
    if kind in ("set", "set2"):
        inner = text[1:-1]
        if "&&" in inner or "[:" in text:
            raise Untranslatable("This regular expression", at)
        for code, letters in _CLASSES.items():
            inner = inner.replace(f"\\{code}", letters)
        return f"[{inner}]"
    return text


def _pattern(values: list[Value], count: tuple[int, ...], at: int | None) -> str:
    if len(values) not in count or values[0].type != VARCHAR or values[1].text is None:
        raise Untranslatable("A regular expression that is no literal", at)
    return regex(values[1].text, at)


def _matches(_binder: Binder, values: list[Value], at: int | None) -> Value:
    found = _pattern(values, (2,), at)
    return joined(values, f"regexp_like({values[0].sql}, {literal(found)})", BOOLEAN, at)


def _full(_binder: Binder, values: list[Value], at: int | None) -> Value:
    found = literal(f"^(?:{_pattern(values, (2,), at)})\\z")
    return joined(values, f"regexp_like({values[0].sql}, {found})", BOOLEAN, at)


def _extract(_binder: Binder, values: list[Value], at: int | None) -> Value:
    found = _pattern(values, (2, 3), at)
    group = values[2].number if len(values) == 3 else 0
    if group is None or not 0 <= group <= re.compile(values[1].text or "").groups:
        raise Untranslatable("This group of a regular expression", at)
    text = values[0].sql
    part = f"coalesce(regexp_extract({text}, {literal(found)}, {group}), '')"
    return joined(values, f"IF({text} IS NULL, NULL, {part})", VARCHAR, at)


def _replace(_binder: Binder, values: list[Value], at: int | None) -> Value:
    """Only of all matches, and of none that is empty: the others are counted differently."""
    found = _pattern(values, (4,), at)
    new, options = values[2].text, values[3].text
    if new is None or options != "g" or re.compile(values[1].text or "").search("") is not None:
        raise Untranslatable("The function regexp_replace over these arguments", at)
    if "$" in new or re.search(r"\\[^0-9]|\\$", new):
        raise Untranslatable("This replacement", at)
    made = literal(re.sub(r"\\([0-9])", r"$\1", new))
    return joined(values, f"regexp_replace({values[0].sql}, {literal(found)}, {made})", VARCHAR, at)


def _like(*, fold: bool, negated: bool) -> _Form:
    def made(_binder: Binder, values: list[Value], at: int | None) -> Value:
        kinds = {value.type.name for value in values}
        if not kinds <= {"VARCHAR", "NULL"} or len(values) not in (2, 3):
            raise Untranslatable("LIKE over these types", at)
        escape = ""
        if len(values) == 3:
            if values[2].text is None or len(values[2].text) != 1 or values[1].text is None:
                raise Untranslatable("This ESCAPE", at)
            if not _escaped_well(values[1].text, values[2].text):
                raise Untranslatable("This ESCAPE", at)
            escape = f" ESCAPE {values[2].sql}"
        if fold and escape and values[2].text != (values[2].text or "").lower():
            raise Untranslatable("This ESCAPE", at)
        one, two = (f"lower({v.sql})" if fold else v.sql for v in values[:2])
        word = "NOT LIKE" if negated else "LIKE"
        return joined(values, f"({one} {word} {two}{escape})", BOOLEAN, at)

    return made


def _escaped_well(pattern: str, escape: str) -> bool:
    """Athena lets only wild cards and itself follow an escape."""
    rest = re.sub(re.escape(escape) + r"[%_" + re.escape(escape) + "]", "", pattern)
    return escape not in rest and escape not in "%_"


FORMS: Mapping[str, _Form] = {
    "~~": _like(fold=False, negated=False),
    "!~~": _like(fold=False, negated=True),
    "~~*": _like(fold=True, negated=False),
    "!~~*": _like(fold=True, negated=True),
    "like_escape": _like(fold=False, negated=False),
    "not_like_escape": _like(fold=False, negated=True),
    "ilike_escape": _like(fold=True, negated=False),
    "not_ilike_escape": _like(fold=True, negated=True),
    "regexp_matches": _matches,
    "regexp_full_match": _full,
    "regexp_extract": _extract,
    "regexp_replace": _replace,
}
