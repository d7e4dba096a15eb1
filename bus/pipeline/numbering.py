"""The check digit of the municipality's own numbers in what endpoints send, where its site asks for it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from lxml import etree

from bus.core.numbering import FORMAT, Numbering
from bus.core.types import Finding
from schemas.model import Edition

WRONG: Final = "E0002"
MAX_FINDINGS: Final = 20


@dataclass(frozen=True, slots=True)
class NumberCheck:
    """``tags`` are the elements of all units that hold such a number, with their Japanese names."""

    rule: Numbering
    tags: dict[str, str]

    def findings(self, payload: etree._Element) -> tuple[Finding, ...]:
        """E0002 for each number whose check digit is wrong, without the number."""
        found = [
            Finding(WRONG, path=tag.rpartition("}")[2], name_ja=name,
                    expected=f"[numbers] check = {self.rule.check}")
            for tag, name in self.tags.items()
            for element in payload.iter(tag)
            if element.text and not self.rule.ok(element.text)
        ]  # fmt: skip
        return tuple(found[:MAX_FINDINGS])


def number_check(rule: Numbering, editions: Iterable[Edition]) -> NumberCheck | None:
    """The check of a site, ``None`` where it has none: then a message costs one comparison."""
    if not rule.is_on:
        return None
    tags = {
        f"{{{unit.namespace}}}{item.name}": item.name_ja
        for edition in editions
        for unit in edition.units.values()
        for record in unit.records.values()
        for item in record.items
        if item.format == FORMAT
    }
    return NumberCheck(rule, tags)
