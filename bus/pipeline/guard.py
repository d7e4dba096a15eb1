"""The mixing guard: no 個人番号 in a message of an operation that is not marked 番号利用.

Every message that the bus would pass on is looked at when it comes in: request, notice, part of a bulk transfer,
answer, fault, names of attachments. The bytes are looked at first, in one pass; only where they may hold a number,
every text and attribute is looked at on its own. What is found is named by its element and line, and never quoted.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from lxml import etree

from bus.core.errors import RightsError
from bus.core.numbers import RESIDENT_CODE_CHECKS, Check, holds, may_hold
from bus.core.settings import GuardSettings
from bus.core.types import Finding, Package
from bus.wire.addressing import PREFIX as ADDRESSING
from bus.wire.envelope import WSSE
from bus.wire.reliable.names import PREFIX as RELIABLE
from bus.wire.safe_xml import line_of
from schemas.model import Edition

IN_REQUEST: Final = "CB2053"
IN_ANSWER: Final = "CB2054"
MAX_FOUND: Final = 20
_NOT_FIELDS: Final = (ADDRESSING, f"{{{WSSE}}}", RELIABLE)
"""Header blocks of protocols: ids, signatures and keys are no fields of anybody's record."""
_NAMES: Final = 128


@dataclass(frozen=True, slots=True)
class Guard:
    """What one operation's messages are looked at for; ``exempt`` are element names in which nothing is looked for."""

    exempt: frozenset[str]
    resident_code: Check | None

    def inspect(self, raw: bytes, payload: etree._Element, package: Package | None, code: str) -> None:
        """Errors: ``code`` with the places of what was found, at most 20."""
        found = list(self._names(package))
        if may_hold(raw, self.resident_code):
            for finding in self._fields(payload.getroottree().getroot(), code):
                found.append(finding)
                if len(found) == MAX_FOUND:
                    break
        if found:
            raise RightsError(code, found)

    def _fields(self, root: etree._Element, code: str) -> Iterator[Finding]:
        for part in root:
            for block in part:
                if not str(block.tag).startswith(_NOT_FIELDS):
                    yield from self._below(block, code)

    def _below(self, block: etree._Element, code: str) -> Iterator[Finding]:
        for element in block.iter(etree.Element):
            name = etree.QName(element).localname
            if name in self.exempt:
                continue
            text = "".join((element.text or "", *(child.tail or "" for child in element)))
            values = element.attrib.values() if element.attrib else ()
            if holds(text, self.resident_code) or any(holds(str(value), self.resident_code) for value in values):
                yield Finding(code, path=name[:_NAMES], line=line_of(element), got="12 digits")

    def _names(self, package: Package | None) -> Iterator[Finding]:
        """Names and ids of attachments; what is in them is the content of a route that says why (``unfiltered``)."""
        for number, part in enumerate(package.attachments if package is not None else (), 1):
            if holds(part.content_id, self.resident_code) or holds(part.content_type, self.resident_code):
                yield Finding(IN_REQUEST, path=f"attachment[{number}]", got="12 digits")


def guards(edition: Edition, settings: GuardSettings) -> dict[str, Guard]:
    """A guard for each operation that is not marked 番号利用, by its key."""
    check = RESIDENT_CODE_CHECKS.get(settings.resident_code)
    found: dict[str, Guard] = {}
    for unit in edition.units.values():
        guard = Guard(unit.unguarded | settings.exempt, check)
        found |= {operation.key: guard for operation in unit.operations.values() if not operation.number_use}
    return found
