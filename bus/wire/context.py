"""The context header block of the standard: who sends what to whom, for which purpose.

Children in their order: soshinmoto, soshinsaki (each dantaikodo, gyomu, shisutemu), sosa, hansu, riyomokuteki,
sosashaid, soshin_nichiji, junjokagi, shikenfuragu. Only soshinmoto/dantaikodo is mandatory.
"""

from __future__ import annotations

import re
from typing import Final

from lxml import etree

from bus.core.errors import WireError
from bus.core.types import Context, Finding
from bus.wire.safe_xml import line_of

NAMESPACE: Final = "urn:chiikibus:standard:1.0:common"
PREFIX: Final = f"{{{NAMESPACE}}}"
CONTEXT: Final = f"{PREFIX}Context"
MAX_VALUE: Final = 64
NO_CONTEXT: Final = Context()

_CHILDREN: Final = (
    "soshinmoto",
    "soshinsaki",
    "sosa",
    "hansu",
    "riyomokuteki",
    "sosashaid",
    "soshin_nichiji",
    "junjokagi",
    "shikenfuragu",
)
_PARTY: Final = ("dantaikodo", "gyomu", "shisutemu")
_ORDER: Final = {PREFIX + name: place for place, name in enumerate(_CHILDREN)}
_PARTY_ORDER: Final = {PREFIX + name: place for place, name in enumerate(_PARTY)}
_CODE: Final = re.compile(r"[0-9]{6}")
_DATETIME: Final = re.compile(
    r"[0-9]{4}-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12][0-9]|3[01])"
    r"T(?:[01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](?:\.[0-9]{1,9})?(?:Z|[+\-](?:0[0-9]|1[0-4]):[0-5][0-9])?"
)


def read(block: etree._Element) -> Context:
    """The context of a header block. Errors: CB1012 naming the child that is wrong."""
    values = [""] * len(_CHILDREN)
    parties: list[tuple[str, str, str]] = [("", "", ""), ("", "", "")]
    last = -1
    for child in block:
        place = _ORDER.get(child.tag, -1)
        if place <= last:
            raise _wrong(child, "in the order of the schema" if place >= 0 else "an element of the schema")
        last = place
        if place < len(parties):
            parties[place] = _party(child)
        else:
            values[place] = _text(child)
    sender, receiver = parties
    if not sender[0]:
        raise WireError("CB1012", [Finding("CB1012", path="Context/soshinmoto/dantaikodo", expected="1", got="0")])
    if values[6] and _DATETIME.fullmatch(values[6]) is None:
        raise _invalid("soshin_nichiji", "YYYY-MM-DDThh:mm:ss")
    if values[8] not in {"", "0", "1"}:
        raise _invalid("shikenfuragu", "0 | 1")
    return Context(
        *sender,
        *receiver,
        operation=values[2],
        edition=values[3],
        purpose=values[4],
        operator_id=values[5],
        sent_at=values[6],
        ordering_key=values[7],
        test=values[8] == "1",
    )


def write(header: etree._Element, value: Context) -> None:
    """Append the header block of ``value`` to a soap:Header."""
    block = etree.SubElement(header, CONTEXT, nsmap={"cb": NAMESPACE})
    _write_party(block, "soshinmoto", (value.sender_municipality, value.sender_unit, value.sender_system))
    _write_party(block, "soshinsaki", (value.receiver_municipality, value.receiver_unit, value.receiver_system))
    texts = (
        ("sosa", value.operation),
        ("hansu", value.edition),
        ("riyomokuteki", value.purpose),
        ("sosashaid", value.operator_id),
        ("soshin_nichiji", value.sent_at),
        ("junjokagi", value.ordering_key),
        ("shikenfuragu", "1" if value.test else ""),
    )
    for name, text in texts:
        if text:
            etree.SubElement(block, PREFIX + name).text = text


def _write_party(block: etree._Element, name: str, values: tuple[str, str, str]) -> None:
    """One of the two parties, left out when nothing is known of it."""
    if any(values):
        party = etree.SubElement(block, PREFIX + name)
        for child, text in zip(_PARTY, values, strict=True):
            if text:
                etree.SubElement(party, PREFIX + child).text = text


def _party(element: etree._Element) -> tuple[str, str, str]:
    """Municipality code, unit and system of soshinmoto or soshinsaki."""
    values = ["", "", ""]
    last = -1
    for child in element:
        place = _PARTY_ORDER.get(child.tag, -1)
        if place <= last:
            raise _wrong(child, "in the order of the schema" if place >= 0 else "an element of the schema")
        last = place
        values[place] = _text(child)
    if _CODE.fullmatch(values[0]) is None:
        raise _wrong(element, "dantaikodo of 6 digits")
    return values[0], values[1], values[2]


def _text(element: etree._Element) -> str:
    """The text of a leaf: 1 to 64 characters. Errors: CB1012."""
    text = element.text or ""
    if len(element) or not text.strip() or len(text) > MAX_VALUE:
        raise _wrong(element, f"text of 1 to {MAX_VALUE} characters")
    return text.strip()


def _wrong(element: etree._Element, expected: str) -> WireError:
    """CB1012 at an element of the block."""
    path = "Context/" + etree.QName(element).localname[:MAX_VALUE]
    return WireError("CB1012", [Finding("CB1012", path=path, line=line_of(element), expected=expected)])


def _invalid(name: str, expected: str) -> WireError:
    """CB1012 for a value that has not the form of its type."""
    return WireError("CB1012", [Finding("CB1012", path=f"Context/{name}", expected=expected)])
