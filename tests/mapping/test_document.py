"""The reference of mappings names every conversion and function there is, and its examples load."""

from __future__ import annotations

import re

from adapters.mapping.conversions import conversion_names
from adapters.mapping.expressions.functions import FUNCTIONS
from tests.support.repository import ROOT

TEXT = (ROOT / "docs" / "mapping.md").read_text(encoding="utf-8")


def test_the_reference_lists_every_conversion_once() -> None:
    """And none that there is not."""
    assert sorted(re.findall(r"^\| `(\w+)` \| [n12]", TEXT, re.MULTILINE)) == sorted(conversion_names())


def test_the_reference_names_every_function() -> None:
    """In its table of functions."""
    table = TEXT[TEXT.index("| 関数 |") : TEXT.index("## 既定値")]
    assert [name for name in FUNCTIONS if not re.search(rf"`[^`]*\b{name}\b", table)] == []
