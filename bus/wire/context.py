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

_MOTO: Final = 1
_SAKI: Final = 5
_PARTY: Final = ("dantaikodo", "gyomu", "shisutemu")
_TOP: Final = {
    f"{PREFIX}{name}": place
    for place, name in (
        (_MOTO, "soshinmoto"),
        (_SAKI, "soshinsaki"),
        (9, "sosa"),
        (10, "hansu"),
        (11, "riyomokuteki"),
        (12, "sosashaid"),
        (13, "soshin_nichiji"),
        (14, "junjokagi"),
        (15, "shikenfuragu"),
    )
}
"""Places in document order; a party's children take the three places after it."""
_INNER: Final = {f"{PREFIX}{name}": offset for offset, name in enumerate(_PARTY, 1)}
_CODE: Final = re.compile(r"[0-9]{6}")
_DATETIME: Final = re.compile(
    r"[0-9]{4}-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12][0-9]|3[01])"
    r"T(?:[01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](?:\.[0-9]{1,9})?(?:Z|[+\-](?:0[0-9]|1[0-4]):[0-5][0-9])?"
)


def read(block: etree._Element) -> Context:
    """The context of a header block. Errors: CB1012 naming the child that is wrong."""
    v = [""] * 16
    last = party = tops = inner = 0
    has_receiver = False
    found = [(element.tag, element.text) for element in block.iter()]
    for index in range(1, len(found)):
        tag, text = found[index]
        place = _TOP.get(tag, 0)
        if place:
            tops += 1
            party = place if place <= _SAKI else 0
            has_receiver = has_receiver or place == _SAKI
        else:
            place = party + _INNER.get(tag, -party)
            inner += 1
        if place <= last:
            raise _wrong(list(block.iter())[index], "an element of the schema, in its order")
        last = place
        if place != party:
            v[place] = text = (text or "").strip()
            if not text or len(text) > MAX_VALUE:
                raise _wrong(list(block.iter())[index], f"text of 1 to {MAX_VALUE} characters")
    nested = (len(block[0]) if tops else 0) + (len(block[1]) if has_receiver and tops > 1 else 0)
    if tops != len(block) or inner != nested:
        raise _wrong(block, "the nesting of the schema")
    if _CODE.fullmatch(v[2]) is None or (has_receiver and _CODE.fullmatch(v[6]) is None):
        raise _invalid("dantaikodo", "6 digits")
    if v[13] and _DATETIME.fullmatch(v[13]) is None:
        raise _invalid("soshin_nichiji", "YYYY-MM-DDThh:mm:ss+09:00")
    if v[15] not in {"", "0", "1"}:
        raise _invalid("shikenfuragu", "0 | 1")
    return Context(v[2], v[3], v[4], v[6], v[7], v[8], v[9], v[10], v[11], v[12], v[13], v[14], v[15] == "1")


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


def _wrong(element: etree._Element, expected: str) -> WireError:
    """CB1012 at an element of the block."""
    path = "Context/" + etree.QName(element).localname[:MAX_VALUE]
    return WireError("CB1012", [Finding("CB1012", path=path, line=line_of(element), expected=expected)])


def _invalid(name: str, expected: str) -> WireError:
    """CB1012 for a value that has not the form of its type."""
    return WireError("CB1012", [Finding("CB1012", path=f"Context/{name}", expected=expected)])
