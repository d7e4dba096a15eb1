"""Every code of every set is accounted for, and the document says the same."""

from __future__ import annotations

from pathlib import Path

import pytest

from adapters.characters.account import account

DOCUMENT = Path(__file__).parents[2] / "docs" / "characters.md"
SETS = ("cp932", "jef", "keis78", "keis83", "jips-j", "ibm930", "ibm939", "ibm1390", "ibm1399", "ebcdik", "ebcdic",
        "jis8", "juki")  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("name", SETS)
def test_the_document_has_the_account_of_every_set(name: str) -> None:
    """Round trip, lossy, register, doubtful and refused add up to all codes there could be."""
    text = DOCUMENT.read_text(encoding="utf-8")
    for line in account(name):
        counts = [int(cell) for cell in line.row()[3:]]
        assert sum(counts) == line.codes == 256**line.width
        row = f"| `{name}` | {' | '.join(line.row()[1:])} |"
        assert row in text, row
