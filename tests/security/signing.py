"""A second signer for the tests: it signs what it is told to, also what the bus's own would never sign."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Collection

from lxml import etree

from bus.wire import safe_xml
from bus.wire.security import sign as own
from bus.wire.security.c14n import canonical
from bus.wire.security.keys import SigningKey
from bus.wire.security.names import (
    BASE64,
    DS,
    EC,
    INCLUSIVE,
    KEY_INFO,
    SHA256,
    SHA512,
    SIGNATURE,
    SKI,
    STR,
    THUMBPRINT,
    WSSE,
    WSU_ID,
)

HASHES = {SHA256: hashlib.sha256, SHA512: hashlib.sha512}


def sign_again(
    root: etree._Element,
    key: SigningKey,
    *,
    without: Collection[str] = (),
    digest: str = SHA256,
    prefixes: str = "",
) -> bytes:
    """Make digests and value anew: without some references, with another digest or a prefix list."""
    signature = next(root.iter(SIGNATURE))
    info = signature[0]
    for reference in list(info.iterchildren(f"{{{DS}}}Reference")):
        if reference.get("URI") in without:
            info.remove(reference)
            continue
        element = next(each for each in root.iter() if each.get(WSU_ID) == reference.get("URI", "#")[1:])
        transform, method, value = reference[0][0], reference[1], reference[2]
        method.set("Algorithm", digest)
        listed = _list(transform, prefixes)
        value.text = base64.b64encode(HASHES[digest](canonical(element, listed)).digest()).decode()
    listed = _list(info[0], prefixes)
    signature[1].text = base64.b64encode(own._value(key, canonical(info, listed))).decode()
    return etree.tostring(root, encoding="utf-8", xml_declaration=True)


def _list(element: etree._Element, prefixes: str) -> tuple[str, ...]:
    for child in list(element):
        element.remove(child)
    if prefixes:
        etree.SubElement(element, INCLUSIVE, PrefixList=prefixes, nsmap={"ec": EC})
    return tuple(prefixes.split())


def name_by(raw: bytes, kind: str, key: SigningKey) -> bytes:
    """Name the certificate instead of pointing at the token; KeyInfo is not signed, so the signature still holds."""
    root = safe_xml.parse(raw)
    info = next(root.iter(KEY_INFO))
    for child in list(info):
        info.remove(child)
    reference = etree.SubElement(info, STR)
    if kind == "serial":
        serial = etree.SubElement(etree.SubElement(reference, f"{{{DS}}}X509Data"), f"{{{DS}}}X509IssuerSerial")
        etree.SubElement(serial, f"{{{DS}}}X509IssuerName").text = key.certificate.facts.issuer.replace(",", ", ")
        etree.SubElement(serial, f"{{{DS}}}X509SerialNumber").text = str(key.certificate.serial)
    else:
        value = key.certificate.ski if kind == "ski" else key.certificate.thumbprint
        named = etree.SubElement(reference, f"{{{WSSE}}}KeyIdentifier", EncodingType=BASE64)
        named.set("ValueType", SKI if kind == "ski" else THUMBPRINT)
        named.text = base64.b64encode(value).decode()
    return etree.tostring(root, encoding="utf-8", xml_declaration=True)
