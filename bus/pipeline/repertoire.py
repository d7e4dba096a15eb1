"""Whether a body keeps to the repertoire agreed with the system that sent it."""

from __future__ import annotations

from typing import Any, Final

from lxml import etree

from bus.core.repertoire import Repertoire
from bus.core.types import Finding
from bus.pipeline.tables import Contract
from bus.wire.contract import Values

MAX_FINDINGS: Final = 20
_BLANKS: Final = " \t\r\n"


def both(
    contract: Contract, repertoire: Repertoire, body: etree._Element, values: Values | None = None
) -> tuple[Finding, ...]:
    """What the contract finds, and if it finds nothing what is not of the repertoire."""
    return contract.validate(body, values) or outside(repertoire, body)


def outside(repertoire: Repertoire, body: etree._Element) -> tuple[Finding, ...]:
    """E0002 for each character that is not of the set, at most 20; the value itself is never told.

    White space between elements is no value. What follows a comment inside a value is looked at too.
    """
    found: list[Finding] = []
    for node in body.iter():
        is_element = isinstance(node.tag, str)
        text = node.text if is_element else node.tail
        if not text or not (bad := repertoire.outside(text)) or not text.strip(_BLANKS):
            continue
        element = node if is_element else next(node.iterancestors())
        line = _line(element)
        for position, unit in bad[: MAX_FINDINGS - len(found)]:
            shown = " ".join(f"U+{ord(char):04X}" for char in unit)
            expected = f"{repertoire.name_ja} / {repertoire.name}"
            got = f"{position + 1}文字目 {shown}"
            found.append(Finding("E0002", _path(element, body), line, expected, got))
        if len(found) >= MAX_FINDINGS:
            break
    return tuple(found)


def _path(element: etree._Element, body: etree._Element) -> str:
    steps = [etree.QName(element).localname]
    for parent in element.iterancestors():
        if element is body or parent is body.getparent():
            break
        steps.append(etree.QName(parent).localname)
    return "/".join(reversed(steps))


def _line(element: Any) -> int:
    line: int = element.sourceline or 0
    return line
