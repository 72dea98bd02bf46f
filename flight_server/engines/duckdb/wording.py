"""How faults of binding are told: DuckDB's texts by pattern, and ours for each.

A text that no pattern knows is never passed on: it could hold a value, a path or the engine's name.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

_COLUMN = 'Column "{0}" was not found.'
_TABLE = 'Table "{0}" was not found.'
_CAST = "Cast one of them explicitly."

# What BindFailed's kind is, our text with the groups of the pattern, and the patterns.
_RULES: tuple[tuple[str, str, tuple[str, ...]], ...] = (
    (
        "column",
        _COLUMN,
        (
            r'Referenced column "(.*?)" (?:not found|was not found)',
            r"Referenced column (\S+) not found in FROM clause and",
            r'(?:Table|Values list|Alias|Subquery) ".*?" does not have a column named "(.*?)"$',
            r'.*does not have a column named "(.*?)"$',
            r'Column "(.*?)" does not exist on (?:left|right) side of join',
            r'Column "(.*?)" in \w+ list not found in',
            r'Could not find key "(.*?)" in struct',
            r"Cannot extract field '(.*?)' from expression",
            r'Column ""?(.*?)""? referenced in (?:UN)?PIVOT but no matching',
            r'.*[Cc]olumn "(.*?)" (?:not found|does not exist|was not found)',
        ),
    ),
    (
        "table",
        _TABLE,
        (
            r'Referenced table "(.*?)" not found',
            r'Table with name "(.*?)" does not exist because',
            r"Table with name (.*?) does not exist",
            r'(?:Catalog|Schema) (?:with name )?"?(.*?)"? does not exist',
        ),
    ),
    (
        "function",
        'Function "{0}" was not found.',
        (r"(?:\w+ )?Function with name (.*?) does not exist",),
    ),
    (
        "function",
        'No function "{0}" fits these argument types.',
        (
            r"No function matches the given name and argument types '(.*?)\(",
            r"Could not choose a best candidate function for the function call \"(.*?)\(",
        ),
    ),
    ("column", 'No column matches the pattern "{0}".', (r'No matching .* match regex "(.*?)"',)),
)
# These are all of the kind `other`.
_OTHERS: tuple[tuple[str, str], ...] = (
    ('Type "{0}" was not found.', r"Type with name (.*?) does not exist"),
    ('Collation "{0}" was not found.', r"Collation with name (.*?) does not exist"),
    ('Column "{0}" is ambiguous.', r'Ambiguous reference to column name "(.*?)" \(use'),
    (
        'Two tables are called "{0}": give one of them another alias.',
        r'Ambiguous reference to table "(.*?)" \(',
    ),
    (
        'Column "{0}" must appear in GROUP BY or within an aggregate.',
        r'column "(.*?)" must appear in the GROUP BY clause',
    ),
    (
        "A lambda is written lambda x: x + 1; the arrow cannot be used.",
        r"Deprecated lambda arrow",
    ),
    (
        "{0} names a column of the result by a number that it does not have.",
        r"(ORDER|GROUP BY) term out of range",
    ),
    (
        "{0} cannot contain {1}.",
        r"(\w+(?: BY)?) clause cannot contain (aggregates|window functions)",
    ),
    ("Aggregates cannot be nested.", r"aggregate function calls cannot be nested"),
    (
        "An aggregate cannot contain a window function.",
        r"aggregate function calls cannot contain window",
    ),
    ("A window function needs OVER and cannot stand here.", r"Window functions are not supported"),
    ('"{0}" is not an aggregate.', r"(\w{1,100}) is not an aggregate function"),
    (
        "DISTINCT, FILTER and ORDER BY go with aggregates and window functions only.",
        r'Function "[^"]*" is a Scalar Function',
    ),
    ("QUALIFY needs a window function.", r"at least one window function must appear"),
    (
        "The members of UNION, INTERSECT or EXCEPT must have the same number of columns.",
        r"Set operations can only apply",
    ),
    (
        "A subquery gives {0} columns instead of {1}.",
        r"Subquery returns (\d+) columns - expected (\d+)",
    ),
    ("SELECT * needs FROM.", r"\* expression without FROM"),
    ("No column is left of *.", r"SELECT list is empty after resolving"),
    ("LIMIT and OFFSET cannot be negative.", r"LIMIT/OFFSET cannot be negative"),
    (
        "Values of type {0} and {1} cannot be compared. " + _CAST,
        r"Cannot compare values of type (.+?) and (?:type )?(.+?)"
        r"(?: in IN/ANY/ALL clause)? - an exp",
    ),
    (
        "Values of type {0} and {1} cannot be mixed. " + _CAST,
        r"Cannot (?:mix values|combine types|unpivot columns)(?: of types?)? (.+?) and (.+?)"
        r"(?: in (?:CASE expression|\w+ operator))? - an exp",
    ),
    (
        "Values of type {0} and {1} cannot be concatenated. " + _CAST,
        r"Cannot concatenate (?:lists of )?types (.+?) and (.+?) - an exp",
    ),
    (
        "The arguments have types that do not go together. Cast them explicitly.",
        r"Cannot deduce template type",
    ),
    ("UNNEST takes a list or a struct.", r"UNNEST(?:\(\))? (?:can only be applied|requires)"),
    ("UNNEST cannot stand here.", r"UNNEST not supported here"),
    ("A regular expression is not valid.", r"Failed to compile regex"),
    (
        "Only one COLUMNS or * can stand in an expression.",
        r"Multiple different STAR/COLUMNS",
    ),
    (
        'The argument "{0}" of "{1}" must be a constant.',
        r'The "(\w+)" argument in function "(\w+)" must be a constant',
    ),
    ("A quantile is out of its range.", r"(?:APPROXIMATE )?QUANTILE can only take"),
    ("DECIMAL has 1 to 38 digits.", r"DECIMAL type width"),
    ("A moment has no such part.", r'extract specifier ".*" not recognized'),
    (
        "NATURAL JOIN finds no column that both sides have.",
        r"No columns found to join on in NATURAL",
    ),
    ("ASOF JOIN needs an inequality.", r"Missing ASOF JOIN inequality"),
    (
        '"{0}" has {1} columns, but {2} names are given.',
        r'table "(.*?)" has (\d+) columns available but (\d+) columns specified',
    ),
    ("GROUPING needs GROUP BY.", r"GROUPING statement cannot be used without"),
    (
        "ORDER BY of a UNION takes columns of its result.",
        r"Could not ORDER BY column",
    ),
    (
        "A value stands more than once in the IN of a PIVOT.",
        r"The value .* was specified multiple times in the IN",
    ),
    (
        "Outside of its aggregates, a PIVOT cannot use columns.",
        r"Columns can only be referenced within the aggregate of a PIVOT",
    ),
    ("A lambda has too many parameters here.", r"This lambda function only supports"),
    ('The lambda of "{0}" has the wrong number of parameters.', r"(\w+) expects a function with"),
    ('"{0}" is named twice.', r'Duplicate (?:entry|named argument) "(.*?)" in'),
    ('Window "{0}" is not defined.', r'window "(.*?)" does not exist'),
    (
        "RANGE between values needs exactly one term in ORDER BY.",
        r"RANGE frames must have only one",
    ),
    ("The frame of a window ends before it starts.", r"Frame (?:starting|ending)"),
    ("There is no such time zone.", r"Unknown TimeZone"),
    ("Not all parameters have a value.", r"Values were not provided for the following"),
    ("A text has no slices with steps.", r"Slice with steps"),
    ("A path into JSON is not valid.", r"JSON path error"),
    (
        'The argument "{0}" is not known to "{1}".',
        r'Invalid named parameter "(.*?)" for function (\w+)',
    ),
)


def _compiled() -> Iterator[tuple[re.Pattern[str], str, str]]:
    flags = re.DOTALL | re.MULTILINE
    for about, say, patterns in _RULES:
        for pattern in patterns:
            yield re.compile(pattern, flags), about, say
    for say, pattern in _OTHERS:
        yield re.compile(pattern, flags), "other", say


_PATTERNS = tuple(_compiled())


def worded(message: str) -> tuple[str, str] | None:
    """BindFailed's kind and our text for a text of DuckDB's; None where no pattern knows it."""
    for pattern, about, say in _PATTERNS:
        match = pattern.match(message)
        if match:
            groups = match.groups()
            if say.startswith("Values of type"):
                # as people write them: a literal has no type of its own
                groups = tuple(group.replace("_LITERAL", "") for group in groups)
            return about, say.format(*groups)
    return None
