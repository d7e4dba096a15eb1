"""``[numbers]`` of ``site.toml``: how the municipality's own numbers (宛名番号, 世帯番号) are checked."""

from __future__ import annotations

from bus.core.config.reader import WRONG_VALUE, Table
from bus.core.numbering import CHECKS, OFF, Numbering

NEVER = "never"
REMAINDERS = (*"0123456789", NEVER)


def read_numbering(table: Table) -> Numbering:
    """The settings; ``weights`` are written from the right with spaces between, ``never`` is a number never issued."""
    usual = Numbering()
    weights = table.text("weights", " ".join(map(str, usual.weights))).split()
    wrong = [one for one in weights if not (one.isascii() and one.isdigit() and 0 < int(one) < 100)]
    if wrong or not weights:
        expected = "2 3 4 5 6 7 (counted from the right, 1 to 99)"
        table.report(WRONG_VALUE, "weights", expected=expected, got=" ".join(wrong))
    settings = Numbering(
        check=table.choice("check", (OFF, *CHECKS), OFF),
        digits=table.integer("digits", usual.digits, least=2, most=15),
        weights=usual.weights if wrong or not weights else tuple(map(int, weights)),
        remainder_zero=table.choice("remainder_zero", REMAINDERS, usual.remainder_zero).replace(NEVER, ""),
        remainder_one=table.choice("remainder_one", REMAINDERS, usual.remainder_one).replace(NEVER, ""),
    )
    table.finish()
    return settings
