"""Check one standard value by its item: length in characters, form, code table (E0002, E0003)."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

from adapters.sdk.errors import describe
from bus.core.datarules import checks, length
from schemas.model import Item, Unit

_DIGITS = {"S9": "-?[0-9]{{1,{whole}}}", "9V": r"[0-9]{{1,{whole}}}(\.[0-9]{{1,{scale}}})?"}
"""Digits before the point; sign, point and decimals come on top, as in the schemas."""


@cache
def _pattern(text: str) -> re.Pattern[str]:
    return re.compile(text)


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong with a value; never quotes it."""

    code: str
    expected: str
    got: str


@dataclass(frozen=True, slots=True)
class ItemCheck:
    """The rules of one item, compiled."""

    item: Item
    pattern: re.Pattern[str] | None
    beyond: Callable[[str], bool] | None
    codes: frozenset[str] | None

    longest: int

    def fault(self, value: str) -> Fault | None:
        """``None`` when the value may stand in the item."""
        if len(value) > self.longest and length(value) > self.longest:
            return Fault("E0003", f"at most {self.longest} characters", describe(value))
        if self.codes is not None and value not in self.codes:
            return Fault("E0002", f"a code of {self.item.code}", describe(value))
        if self.pattern is not None and not self.pattern.fullmatch(value):
            return Fault("E0002", self.item.format or self.item.type, describe(value))
        if self.beyond is not None and not self.beyond(value):
            return Fault("E0002", self.item.format or self.item.type, describe(value))
        return None


def item_check(item: Item, unit: Unit) -> ItemCheck:
    """The check of ``item`` by the formats and code tables of its unit (none where an official set is mounted)."""
    form = unit.formats.get(item.format or item.type)
    pattern = form.pattern if form else ""
    if item.type in _DIGITS:
        pattern = _DIGITS[item.type].format(whole=item.digits, scale=item.scale)
    table = unit.codes.get(item.code)
    return ItemCheck(
        item,
        _pattern(pattern) if pattern else None,
        checks().get(form.check) if form else None,
        table.codes if table else None,
        item.digits + {"S9": 1, "9V": 1 + item.scale}.get(item.type, 0),
    )
