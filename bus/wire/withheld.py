"""The header block Hikaiji (非開示): which items a receiver does not get, by the class of the reason, and no value.

One ``komoku`` for each reason: ``kaiji`` (the standard does not disclose them to this unit for this purpose),
``kengen`` (the site's right withholds them), ``hogo`` (a flag of a record of this message protects the person). Its
text is the item names, separated by spaces. The block is never marked mustUnderstand: who does not know it
passes it over.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

from lxml import etree

from bus.wire.context import NAMESPACE, PREFIX
from bus.wire.envelope import HEADER

HIKAIJI: Final = f"{PREFIX}Hikaiji"
KOMOKU: Final = f"{PREFIX}komoku"
REASON: Final = "riyu"


def announce(root: etree._Element, withheld: Mapping[str, Iterable[str]]) -> None:
    """Add the block to an envelope; a Header is made where there is none."""
    header = root[0]
    if header.tag != HEADER:
        header = etree.Element(HEADER)
        root.insert(0, header)
    block = etree.SubElement(header, HIKAIJI, nsmap={"cb": NAMESPACE})
    for reason, names in withheld.items():
        etree.SubElement(block, KOMOKU, {REASON: reason}).text = " ".join(sorted(names))


def read(headers: Iterable[etree._Element]) -> Mapping[str, frozenset[str]]:
    """The withheld items by reason, of all such blocks; empty where nothing was withheld."""
    found: dict[str, frozenset[str]] = {}
    for block in headers:
        for item in block.iterchildren(KOMOKU) if block.tag == HIKAIJI else ():
            reason = item.get(REASON, "")
            found[reason] = found.get(reason, frozenset()) | frozenset((item.text or "").split())
    return found
