"""The table of what is read of other writers' Iceberg tables, from the fixtures that prove it."""

from __future__ import annotations

from pathlib import Path

from tests.iceberg import fixtures

_PAGE = Path(__file__).with_name("iceberg.md")
_START, _END = "<!-- matrix: written by `make docs` -->", "<!-- end of matrix -->"


def render() -> str:
    """The page with its table as it should be."""
    before, _, rest = _PAGE.read_text().partition(_START)
    after = rest.partition(_END)[2]
    lines = ["", "| case | written by | version | local | S3 |", "|---|---|---|---|---|"]
    for case in fixtures.cases().values():
        local = "refused" if case.rows is None else "read"
        remote = "refused" if case.refused_on_s3 else local
        title = case.title.replace("|", "\\|")
        lines.append(f"| {title} | {case.writer} | {case.version} | {local} | {remote} |")
    return before + _START + "\n".join(lines) + "\n\n" + _END + after
