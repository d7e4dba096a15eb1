"""Sign a SOAP message in place: a wsse:Security header with Timestamp, token and one signature over every part.

The same parts are signed as are asked of others (``verify.parts``), with SHA-256 and exclusive canonicalisation.
"""

from __future__ import annotations

import base64
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Final

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from lxml import etree

from bus.wire.envelope import HEADER, MUST_UNDERSTAND
from bus.wire.security import timestamps
from bus.wire.security.c14n import canonical
from bus.wire.security.header import SecurityHeader
from bus.wire.security.keys import SigningKey
from bus.wire.security.names import (
    BASE64,
    DS,
    ECDSA_SHA256,
    EXC_C14N,
    KEY_INFO,
    RSA_SHA256,
    SECURITY,
    SHA256,
    SIGNATURE,
    STR,
    TOKEN,
    WSSE,
    WSU,
    WSU_ID,
    X509V3,
)
from bus.wire.security.verify import parts

COORDINATE: Final = 32
"""Bytes of r and of s for P-256."""


@dataclass(frozen=True, slots=True)
class Signing:
    """When a message is signed and how long it counts. ``name`` makes its ids unlike those of anybody else."""

    key: SigningKey
    now: float
    lasts_s: float
    name: str


def sign(root: etree._Element, signing: Signing) -> etree._Element:
    """Add the header to the message below ``root`` and return it; the message must have none for this node."""
    if root[0].tag != HEADER:
        root.insert(0, etree.Element(HEADER))
    security = etree.Element(SECURITY, {MUST_UNDERSTAND: "1"}, nsmap={"wsse": WSSE, "wsu": WSU})
    root[0].insert(0, security)
    timestamp = timestamps.write(security, f"TS-{signing.name}", signing.now, signing.lasts_s)
    token = etree.SubElement(
        security, TOKEN, {"ValueType": X509V3, "EncodingType": BASE64, WSU_ID: f"X509-{signing.name}"}
    )
    token.text = signing.key.token
    header = SecurityHeader(security, timestamp=timestamp)
    signed = [element for _, element in parts(root, header)]
    for number, element in enumerate(signed):
        if element is not timestamp:
            element.set(WSU_ID, f"id-{signing.name}-{number}")
    _signature(security, signed, signing)
    return security


def _signature(security: etree._Element, signed: Sequence[etree._Element], signing: Signing) -> None:
    signature = etree.SubElement(security, SIGNATURE, nsmap={"ds": DS})
    info = etree.SubElement(signature, f"{{{DS}}}SignedInfo")
    etree.SubElement(info, f"{{{DS}}}CanonicalizationMethod", Algorithm=EXC_C14N)
    elliptic = isinstance(signing.key.private, ec.EllipticCurvePrivateKey)
    etree.SubElement(info, f"{{{DS}}}SignatureMethod", Algorithm=ECDSA_SHA256 if elliptic else RSA_SHA256)
    for element in signed:
        reference = etree.SubElement(info, f"{{{DS}}}Reference", URI=f"#{element.get(WSU_ID)}")
        transforms = etree.SubElement(reference, f"{{{DS}}}Transforms")
        etree.SubElement(transforms, f"{{{DS}}}Transform", Algorithm=EXC_C14N)
        etree.SubElement(reference, f"{{{DS}}}DigestMethod", Algorithm=SHA256)
        digest = sha256(canonical(element)).digest()
        etree.SubElement(reference, f"{{{DS}}}DigestValue").text = base64.b64encode(digest).decode("ascii")
    value = etree.SubElement(signature, f"{{{DS}}}SignatureValue")
    value.text = base64.b64encode(_value(signing.key, canonical(info))).decode("ascii")
    reference = etree.SubElement(etree.SubElement(signature, KEY_INFO), STR)
    etree.SubElement(reference, f"{{{WSSE}}}Reference", URI=f"#X509-{signing.name}", ValueType=X509V3)


def _value(key: SigningKey, octet_string: bytes) -> bytes:
    """The signature value as XML-Signature writes it."""
    private = key.private
    if isinstance(private, rsa.RSAPrivateKey):
        return private.sign(octet_string, padding.PKCS1v15(), hashes.SHA256())
    r, s = decode_dss_signature(private.sign(octet_string, ec.ECDSA(hashes.SHA256())))
    return r.to_bytes(COORDINATE, "big") + s.to_bytes(COORDINATE, "big")
