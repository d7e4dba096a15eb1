"""Characters as people count them: a base with its variation selector is one unit."""

from __future__ import annotations

import re

from bus.core.datarules import length

__all__ = ["bare_selectors", "cut", "length", "units"]

_UNIT = re.compile("[^\U000e0100-\U000e01ef\ufe00-\ufe0f][\U000e0100-\U000e01ef\ufe00-\ufe0f]?", re.DOTALL)
_SELECTOR = re.compile("[\U000e0100-\U000e01ef\ufe00-\ufe0f]")


def units(text: str) -> list[str]:
    """The units of ``text`` in order; a selector without a base stands alone."""
    if not _SELECTOR.search(text):
        return list(text)
    found: list[str] = []
    position = 0
    while position < len(text):
        match = _UNIT.match(text, position)
        end = match.end() if match else position + 1
        found.append(text[position:end])
        position = end
    return found


def cut(text: str, count: int) -> tuple[str, str]:
    """``text`` cut after ``count`` units, never between a base and its selector."""
    parts = units(text)
    return "".join(parts[:count]), "".join(parts[count:])


def bare_selectors(text: str) -> list[int]:
    """Indices of variation selectors that have no base before them."""
    found: list[int] = []
    position = 0
    for unit in units(text):
        if _SELECTOR.match(unit):
            found.append(position)
        position += len(unit)
    return found
