"""That what is taken for quoted before parsing is quoted to DuckDB too."""

from __future__ import annotations

import json
import random

from flight_server.query import lexical
from flight_server.query.errors import QueryError
from flight_server.query.parser import Parser

WORDS = "'E' e' E' ' \" $$ $a$ -- /* */ a \\ '' \"\" x' U&' \\' 1 b$ 1e é _ $1 '''' b' 0x U&\""
PIECES = (*WORDS.split(), "\n", "\r", "\t", " ")
MARK = "[7, 7, 7]"


def test_nothing_that_duckdb_reads_is_taken_for_quoted() -> None:
    """What is quoted is not counted, so it must not be code: else it would not be limited."""
    chance = random.Random(23)
    parser = Parser()
    code = 0
    for _ in range(3_000):
        ahead, behind = ("".join(chance.choices(PIECES, k=chance.randrange(6))) for _ in range(2))
        text = f"SELECT '' {ahead}{chance.choice([' ', ', ', ''])}{MARK}, {behind}"
        try:
            tree = parser.tree(text)
        except QueryError:
            continue
        pieces = list(lexical._QUOTED.finditer(text))
        if any(piece["unsure"] for piece in pieces):
            continue  # everything is counted then
        if json.dumps(tree).count('"text": "7"') == 3:
            place = text.index(MARK)
            assert not any(piece.start() <= place < piece.end() for piece in pieces), text
            code += 1
    assert code > 30
