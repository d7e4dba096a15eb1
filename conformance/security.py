"""The security of a message as the rooms read it: headers, tokens, references, and signatures that can be verified.

A signature is verified with the certificate that the message carries; whom to trust is not judged here. WSS 1.1.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
from typing import Final

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from lxml import etree

from conformance.description import Element
from conformance.documents import children
from conformance.messages import Message
from conformance.names import DS, WSSE, WSU, XENC

OASIS: Final = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-"
BASE64: Final = f"{OASIS}soap-message-security-1.0#Base64Binary"
X509V3: Final = f"{OASIS}x509-token-profile-1.0#X509v3"
EXCLUSIVE: Final = "http://www.w3.org/2001/10/xml-exc-c14n#"
STR_TRANSFORM: Final = f"{OASIS}soap-message-security-1.0#STR-Transform"
ENVELOPED: Final = f"{DS}enveloped-signature"
_DIGESTS: Final = {
    f"{DS}sha1": "sha1", f"{XENC}sha256": "sha256", f"{XENC}sha512": "sha512",
    "http://www.w3.org/2001/04/xmldsig-more#sha384": "sha384",
}  # fmt: skip
_MORE: Final = "http://www.w3.org/2001/04/xmldsig-more#"
_SIGNATURES: Final[dict[str, hashes.HashAlgorithm]] = {
    f"{DS}rsa-sha1": hashes.SHA1(),  # noqa: S303 - what others signed is verified, nothing is signed by it
    f"{_MORE}rsa-sha256": hashes.SHA256(), f"{_MORE}rsa-sha384": hashes.SHA384(),
    f"{_MORE}rsa-sha512": hashes.SHA512(),
}  # fmt: skip


def wsse(name: str) -> str:
    """The Clark name of an element of WS-Security."""
    return f"{{{WSSE}}}{name}"


def wsu(name: str) -> str:
    """The Clark name of an element of the utility namespace."""
    return f"{{{WSU}}}{name}"


def ds(name: str) -> str:
    """The Clark name of an element of XML Signature."""
    return f"{{{DS}}}{name}"


def xenc(name: str) -> str:
    """The Clark name of an element of XML Encryption."""
    return f"{{{XENC}}}{name}"


def headers(message: Message) -> list[Element]:
    """The Security headers of a message."""
    return [one for one in message.header_blocks if one.tag == wsse("Security")]


def within(message: Message, *tags: str) -> list[Element]:
    """The elements of these names inside Security headers."""
    return [one for header in headers(message) for one in header.iter(*tags)]


MAX_SAME: Final = 10
"""Elements kept for one Id: more than one is wrong already, and hostile thousands would make judging quadratic."""
MAX_SIGNATURES: Final = 20
MAX_REFERENCES: Final = 50
"""More than these is not verified: each costs a canonicalisation."""


def ids(root: Element) -> dict[str, list[Element]]:
    """The elements by the value of their wsu:Id or Id, at most ``MAX_SAME`` for one."""
    found: dict[str, list[Element]] = {}
    for one in root.iter("{*}*"):
        names = {name for name in (one.get(wsu("Id")), one.get("Id")) if name}
        for name in names:
            same = found.setdefault(name, [])
            if len(same) < MAX_SAME:
                same.append(one)
    return found


def decoded(text: str | None) -> bytes | None:
    """The bytes of a Base64 text with white space in it; ``None`` where it is none."""
    try:
        return base64.b64decode("".join((text or "").split()), validate=True)
    except (binascii.Error, ValueError):
        return None


def certificate(token: Element) -> x509.Certificate | None:
    """The certificate that a BinarySecurityToken holds, if it is one."""
    raw = decoded(token.text)
    try:
        return x509.load_der_x509_certificate(raw) if raw else None
    except (ValueError, UnsupportedAlgorithm):
        return None


def verifies(message: Message, signature: Element) -> str | None:
    """Why a signature does not verify, an empty text where it does, ``None`` where that cannot be told.

    It cannot where the key is not in the message or where an algorithm is none of exclusive canonicalisation,
    enveloped, SHA-1, SHA-2 and RSA: what is not understood is never held against the sender here.
    """
    root, info = message.envelope, signature.find(ds("SignedInfo"))
    key = _key(message, signature)
    method = info.find(ds("SignatureMethod")) if info is not None else None
    kind = _SIGNATURES.get(method.get("Algorithm", "")) if method is not None else None
    canonical = _exclusive(info, info.find(ds("CanonicalizationMethod"))) if info is not None else None
    value = decoded(signature.findtext(ds("SignatureValue")))
    if root is None or info is None or key is None or kind is None or canonical is None:
        return None
    known = ids(root)
    references = children(info, ds("Reference"))
    if len(references) > MAX_REFERENCES:
        return None
    for reference in references:
        problem = _reference(reference, known)
        if problem is None or problem:
            return problem
    try:
        key.verify(value or b"", canonical, padding.PKCS1v15(), kind)
    except InvalidSignature:
        return "SignatureValue"
    return ""


def _key(message: Message, signature: Element) -> rsa.RSAPublicKey | None:
    """The RSA key of the one token that KeyInfo refers to."""
    path = f"{ds('KeyInfo')}/{wsse('SecurityTokenReference')}/{wsse('Reference')}"
    reference = signature.find(path)
    if reference is None or message.envelope is None:
        return None
    targets = ids(message.envelope).get(reference.get("URI", "").removeprefix("#"), [])
    found = certificate(targets[0]) if len(targets) == 1 and targets[0].tag == wsse("BinarySecurityToken") else None
    key = found.public_key() if found is not None else None
    return key if isinstance(key, rsa.RSAPublicKey) else None


def _exclusive(element: Element, method: Element | None) -> bytes | None:
    """The canonical form by a method element; ``None`` where it is not exclusive canonicalisation."""
    if method is None or method.get("Algorithm") != EXCLUSIVE:
        return None
    listed = method.find(f"{{{EXCLUSIVE}}}InclusiveNamespaces")
    prefixes = (listed.get("PrefixList") or "").split() if listed is not None else []
    if "#default" in prefixes:
        return None
    return etree.tostring(
        element, method="c14n", exclusive=True, with_comments=False, inclusive_ns_prefixes=prefixes, with_tail=False
    )


def _reference(reference: Element, known: dict[str, list[Element]]) -> str | None:
    """Why a reference does not agree with its digest, in the manner of ``verifies``."""
    uri = reference.get("URI", "")
    targets = known.get(uri.removeprefix("#"), []) if uri.startswith("#") else []
    transforms = [one for holder in children(reference, ds("Transforms")) for one in children(holder)]
    method = reference.find(ds("DigestMethod"))
    digest = _DIGESTS.get(method.get("Algorithm", "")) if method is not None else None
    if not uri.startswith("#") or "(" in uri or digest is None or len(transforms) != 1:
        return None
    if len(targets) != 1:
        return f"Reference {uri[:80]}"
    canonical = _exclusive(targets[0], transforms[0])
    if canonical is None:
        return None
    right = hashlib.new(digest, canonical, usedforsecurity=False).digest()
    return "" if right == decoded(reference.findtext(ds("DigestValue"))) else f"DigestValue of {uri[:80]}"
