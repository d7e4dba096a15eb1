"""Whether somebody's fault has the form of SOAP 1.1 (4.4) and WS-I Basic Profile 1.1 (R1000, R1001, R1004)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from lxml import etree

from bus.core.types import Finding
from bus.wire import envelope
from bus.wire.safe_xml import line_of

CHILDREN: Final = ("faultcode", "faultstring", "faultactor", "detail")
_MANDATORY: Final = 2
_CODES: Final = frozenset({"VersionMismatch", "MustUnderstand", "Client", "Server"})
_NAME: Final = r"[A-Za-z_\u0080-\U0010ffff][A-Za-z0-9._\u0080-\U0010ffff-]*"
_QNAME: Final = re.compile(rf"(?:({_NAME}):)?({_NAME})")


def problems(fault: etree._Element) -> tuple[Finding, ...]:
    """Everything wrong with a soap:Fault, as CB1017; none where it may be passed on.

    What the profile only advises against is let through: codes with dots (R1031) or without namespace (R1004).
    """
    return tuple(_problems(fault))


def _problems(fault: etree._Element) -> Iterator[Finding]:
    """One after the other."""
    names = [str(child.tag) for child in fault]
    for child, name in zip(fault, names, strict=True):
        if name not in CHILDREN:
            yield _finding(child, "faultcode, faultstring, faultactor?, detail?", name[:128])
    known = [name for name in names if name in CHILDREN]
    if known != sorted(set(known), key=CHILDREN.index):
        yield _finding(fault, "each child once, in its order", ", ".join(known[:8]))
    for name in CHILDREN[:_MANDATORY]:
        if name not in known:
            yield _finding(fault, name, "absent")
    code = fault.find("faultcode")
    if code is not None and not _allowed(code):
        yield _finding(code, "a code of SOAP 1.1 or a name of a declared namespace", (code.text or "")[:128])
    for name in ("faultcode", "faultstring", "faultactor"):
        text = fault.find(name)
        if text is not None and len(text):
            yield _finding(text, "text only", "child elements")


def _allowed(code: etree._Element) -> bool:
    """A QName whose prefix is declared; in the namespace of the envelope one of the four, which dots may refine."""
    match = _QNAME.fullmatch((code.text or "").strip(" \t\r\n"))
    if match is None:
        return False
    prefix, local = match[1], match[2]
    namespace = code.nsmap.get(prefix)
    if prefix is not None and not namespace:
        return False
    return namespace != envelope.SOAP or local.partition(".")[0] in _CODES


def _finding(element: etree._Element, expected: str, got: str) -> Finding:
    """CB1017 at an element of the fault."""
    path = "Fault/" + etree.QName(element).localname[:64]
    return Finding("CB1017", path=path, line=line_of(element), expected=expected, got=got)
