"""The wsse:Security header meant for this node: which parts it has, each known and at most once.

What is not understood is refused rather than passed over: an attacker's best place for a copy of a signed element is
a child that nobody looks at.
"""

from __future__ import annotations

import base64
import binascii
import re
from dataclasses import dataclass
from typing import Final

from lxml import etree

from bus.wire.envelope import ACTOR, MUST_UNDERSTAND
from bus.wire.security.keys import Certificate, certificate_from
from bus.wire.security.names import (
    BASE64,
    ENCRYPTED_KEY,
    SIGNATURE,
    SIGNATURE_CONFIRMATION,
    TIMESTAMP,
    TOKEN,
    USERNAME_TOKEN,
    WSU_ID,
    X509V3,
)
from bus.wire.security.refusal import refuse

STRUCTURE: Final = "CB2022"
MAX_CHILDREN: Final = 8
"""Children of the header: Timestamp, two tokens, signature, encrypted key and a UsernameToken are six."""

MAX_TOKENS: Final = 2
"""A token to sign with and one to encrypt to."""

MAX_TOKEN: Final = 16 * 1024
"""Characters of a token: a certificate with an RSA key of 4096 bits and many names has 4,000."""

_ONCE: Final = {
    TIMESTAMP: "timestamp",
    SIGNATURE: "signature",
    ENCRYPTED_KEY: "encrypted_key",
    USERNAME_TOKEN: "username",
}
_ATTRIBUTES: Final = frozenset({MUST_UNDERSTAND, ACTOR})
_BLANK: Final = re.compile(r"[ \t\r\n]+")


@dataclass(slots=True)
class SecurityHeader:
    """The parts of one header, unjudged. Tokens stand under their wsu:Id."""

    element: etree._Element
    timestamp: etree._Element | None = None
    signature: etree._Element | None = None
    encrypted_key: etree._Element | None = None
    username: etree._Element | None = None
    tokens: dict[str, etree._Element] | None = None

    def token(self, identifier: str) -> etree._Element | None:
        """The BinarySecurityToken of that wsu:Id."""
        return (self.tokens or {}).get(identifier)


def read(element: etree._Element) -> SecurityHeader:
    """The parts of a wsse:Security block. Errors: CB2022 for parts that are unknown, too many or twice."""
    if len(element) > MAX_CHILDREN or set(element.keys()) - _ATTRIBUTES - {WSU_ID}:
        raise refuse(STRUCTURE, element, "wsse:Security", f"<= {MAX_CHILDREN} children, no other attribute")
    found = SecurityHeader(element)
    _no_text(element, "wsse:Security")
    for child in element:
        tag = str(child.tag)
        name = _ONCE.get(tag)
        if name is not None:
            if getattr(found, name) is not None:
                raise refuse(STRUCTURE, child, etree.QName(tag).localname, "1", "2")
            setattr(found, name, child)
        elif tag == TOKEN:
            _add_token(found, child)
        elif tag != SIGNATURE_CONFIRMATION:
            raise refuse(STRUCTURE, child, "wsse:Security", "known parts only", etree.QName(tag).localname[:64])
    return found


def certificate(token: etree._Element) -> Certificate:
    """The X.509v3 certificate of a BinarySecurityToken. Errors: CB2022."""
    if token.get("ValueType") != X509V3 or token.get("EncodingType", BASE64) != BASE64 or len(token):
        raise refuse(STRUCTURE, token, "wsse:BinarySecurityToken", "X509v3 in Base64Binary")
    try:
        return certificate_from(octets(token, MAX_TOKEN))
    except ValueError as error:
        got = type(error).__name__
        raise refuse(STRUCTURE, token, "wsse:BinarySecurityToken", "X.509 certificate", got) from None


def octets(element: etree._Element, most: int) -> bytes:
    """The bytes that the text of an element stands for in Base64, blanks allowed. Errors: CB2022."""
    text = element.text or ""
    name = etree.QName(element).localname
    if len(element) or len(text) > most:
        raise refuse(STRUCTURE, element, name, f"text, <= {most} characters", f"{len(text)}")
    try:
        value = base64.b64decode(_BLANK.sub("", text), validate=True)
    except (binascii.Error, ValueError):
        raise refuse(STRUCTURE, element, name, "Base64") from None
    if not value:
        raise refuse(STRUCTURE, element, name, "Base64", "nothing")
    return value


def only(element: etree._Element, path: str, *tags: str, attributes: frozenset[str] = frozenset()) -> None:
    """The children of an element are exactly these, in this order, with no text beside them. Errors: CB2022."""
    found = [str(child.tag) for child in element]
    if found != list(tags):
        expected = ", ".join(etree.QName(tag).localname for tag in tags) or "no child"
        got = ", ".join(etree.QName(tag).localname[:32] for tag in found[:6])
        raise refuse(STRUCTURE, element, path, expected, got)
    if set(element.keys()) - attributes:
        raise refuse(STRUCTURE, element, path, "no other attribute", str(sorted(element.keys())[0])[:64])
    if found:
        _no_text(element, path)


def _no_text(element: etree._Element, path: str) -> None:
    if (element.text and not element.text.isspace()) or any(
        child.tail and not child.tail.isspace() for child in element
    ):
        raise refuse(STRUCTURE, element, path, "no text between elements")


def _add_token(found: SecurityHeader, child: etree._Element) -> None:
    if set(child.keys()) - {"ValueType", "EncodingType", WSU_ID}:
        raise refuse(STRUCTURE, child, "wsse:BinarySecurityToken", "no other attribute")
    tokens = found.tokens = found.tokens or {}
    identifier = child.get(WSU_ID, "")
    if identifier in tokens or len(tokens) >= MAX_TOKENS:
        raise refuse(STRUCTURE, child, "wsse:BinarySecurityToken", f"<= {MAX_TOKENS}, each with its wsu:Id")
    tokens[identifier] = child
