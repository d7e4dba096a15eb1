"""One XML signature over the parts of a SOAP message, verified by position.

A reference is never looked up in the document. The other way round: each part that this node acts upon (Body, each
header block of addressing, reliability and context, the Timestamp, the token) is taken at its place, and the reference
that names its wsu:Id must be there. No other reference is accepted. Hence nothing can be verified in one place and
dispatched from another, whatever else the document holds.
"""

from __future__ import annotations

import hmac
import re
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from hashlib import sha256, sha384, sha512
from typing import Any, Final, cast

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from lxml import etree

from bus.wire.addressing import NAMESPACE as WSA
from bus.wire.context import NAMESPACE as CONTEXT
from bus.wire.envelope import HEADER, SECURITY
from bus.wire.security.c14n import MAX_PREFIXES, canonical
from bus.wire.security.header import SecurityHeader, certificate, octets, only
from bus.wire.security.keys import Certificate
from bus.wire.security.names import (
    DS,
    ECDSA_SHA256,
    EXC_C14N,
    INCLUSIVE,
    KEY_INFO,
    RSA_SHA256,
    SHA256,
    SHA384,
    SHA512,
    SKI,
    STR,
    THUMBPRINT,
    WSSE,
    WSU_ID,
    X509V3,
)
from bus.wire.security.refusal import SecurityRefusal, refuse
from bus.wire.security.trust import Registered

STRUCTURE: Final = "CB2022"
ALGORITHM: Final = "CB2023"
COVERAGE: Final = "CB2024"
WRONG: Final = "CB2025"
FOREIGN: Final = "CB2027"

MAX_REFERENCES: Final = 32
"""References of one signature: Body, Timestamp, token, eight addressing blocks, context, RM, reference parameters."""

MAX_VALUE: Final = 2048
"""Characters of a signature value: RSA of 8192 bits has 1,368."""

RM: Final = "http://docs.oasis-open.org/ws-rx/wsrm/200702"
MUST_BE_SIGNED: Final = frozenset({WSA, CONTEXT, RM})
"""Namespaces of header blocks that the bus acts upon."""

_REFERENCE_PARAMETER: Final = f"{{{WSA}}}IsReferenceParameter"
_HASHES: Final[dict[str, Callable[[bytes], Any]]] = {SHA256: sha256, SHA384: sha384, SHA512: sha512}
_SIGNED_INFO: Final = f"{{{DS}}}SignedInfo"
_VALUE: Final = f"{{{DS}}}SignatureValue"
_REFERENCE: Final = f"{{{DS}}}Reference"
_X509_DATA: Final = f"{{{DS}}}X509Data"
_URI: Final = re.compile(r"#[A-Za-z_][A-Za-z0-9._\-]{0,255}")
_IDS: Final = etree.XPath("//@*[translate(local-name(), 'ID', 'id') = 'id']", smart_strings=False)
"""The values of all attributes that any stack takes for an id: wsu:Id, Id, ID, id, xml:id."""

_LONGEST_NUMBER: Final = 50
"""Digits of a serial number: RFC 5280 allows 20 octets."""


@dataclass(frozen=True, slots=True)
class Reference:
    """One ds:Reference, read: which id, with which prefix list, and the digest that is claimed."""

    identifier: str
    prefixes: tuple[str, ...]
    algorithm: str
    digest: bytes
    element: etree._Element


@dataclass(frozen=True, slots=True)
class Verified:
    """What a valid signature covers, and who made it. ``signed_info`` is the digest of what was signed."""

    certificate: Certificate
    covered: frozenset[str]
    signed_info: str


def verify(
    root: etree._Element,
    header: SecurityHeader,
    registered: Registered,
    digests: frozenset[str],
    trusted: Callable[[Certificate], None],
) -> Verified:
    """The signature of ``header`` over the parts of the message below ``root``.

    ``trusted`` is asked before anything is computed with the sender's key; it raises for a certificate that is not.
    Errors (``SecurityRefusal``): CB2022 form, CB2023 algorithm, CB2024 coverage, CB2025 value, CB2027 token.
    """
    signature = header.signature
    assert signature is not None
    only(signature, "ds:Signature", _SIGNED_INFO, _VALUE, KEY_INFO, attributes=frozenset({"Id"}))
    signed_info, value, key_info = signature
    prefixes, method, references = _read_signed_info(signed_info, digests)
    signer = _signer(key_info, header, registered)
    registered.check(signer)
    trusted(signer)
    _covered(root, header, references)
    octet_string = canonical(signed_info, prefixes)
    _check_value(signer, method, octets(value, MAX_VALUE), octet_string, signature)
    return Verified(signer, frozenset(each.identifier for each in references), sha256(octet_string).hexdigest())


def parts(root: etree._Element, header: SecurityHeader) -> list[tuple[str, etree._Element]]:
    """Name and element of every part that has to be signed, each at its place."""
    found = [("Body", root[-1])]
    if root[0].tag == HEADER:
        for block in root[0]:
            name = etree.QName(block)
            if block.tag == SECURITY:
                continue
            if name.namespace in MUST_BE_SIGNED or block.get(_REFERENCE_PARAMETER) is not None:
                found.append((name.localname, block))
    if header.timestamp is not None:
        found.append(("Timestamp", header.timestamp))
    return found


def _covered(root: etree._Element, header: SecurityHeader, references: Sequence[Reference]) -> None:
    """Every part has its reference, every reference its place, every digest is right. Errors: CB2024, CB2025."""
    by_id = {reference.identifier: reference for reference in references}
    if len(by_id) != len(references):
        raise refuse(COVERAGE, header.signature, "ds:Reference", "each id once")
    _unique(root, by_id)
    places: list[tuple[Reference, etree._Element, str]] = []
    for name, element in parts(root, header):
        reference = by_id.pop(element.get(WSU_ID, ""), None)
        if reference is None:
            raise refuse(COVERAGE, element, name, "signed", "not signed")
        places.append((reference, element, name))
    for name, element in _allowed(root, header):
        reference = by_id.pop(element.get(WSU_ID, ""), None)
        if reference is not None:
            places.append((reference, element, name))
    if by_id:
        reference = next(iter(by_id.values()))
        raise refuse(COVERAGE, reference.element, "ds:Reference", "Body, a header block, Timestamp, token", "elsewhere")
    for reference, element, name in places:
        digest = _HASHES[reference.algorithm](canonical(element, reference.prefixes)).digest()
        if not hmac.compare_digest(digest, reference.digest):
            raise refuse(WRONG, element, name, "digest of the reference", "another")


def _allowed(root: etree._Element, header: SecurityHeader) -> list[tuple[str, etree._Element]]:
    """What may be signed besides: other header blocks, tokens, a UsernameToken."""
    found = [("token", token) for token in (header.tokens or {}).values()]
    if header.username is not None:
        found.append(("UsernameToken", header.username))
    if root[0].tag == HEADER:
        found += [
            (etree.QName(block).localname, block)
            for block in root[0]
            if block.tag != SECURITY and etree.QName(block).namespace not in MUST_BE_SIGNED
        ]
    return [(name, element) for name, element in found if element.get(WSU_ID)]


def _unique(root: etree._Element, wanted: dict[str, Reference]) -> None:
    """No id of a reference stands twice in the document, under whatever name ids go. Errors: CB2024."""
    seen: Counter[str] = Counter(cast("list[str]", _IDS(root)))
    for identifier, reference in wanted.items():
        if seen[identifier] > 1:
            raise refuse(COVERAGE, reference.element, "wsu:Id", "once in the document", str(seen[identifier]))


def _read_signed_info(element: etree._Element, digests: frozenset[str]) -> tuple[tuple[str, ...], str, list[Reference]]:
    """Prefix list, signature method and references. Errors: CB2022, CB2023."""
    children = list(element)
    if len(children) < 3 or set(element.keys()) - {"Id"}:
        raise refuse(STRUCTURE, element, "ds:SignedInfo", "two methods and references")
    if len(children) - 2 > MAX_REFERENCES:
        raise refuse(STRUCTURE, element, "ds:SignedInfo", f"<= {MAX_REFERENCES} references", str(len(children) - 2))
    only(
        element, "ds:SignedInfo", f"{{{DS}}}CanonicalizationMethod", f"{{{DS}}}SignatureMethod",
        *[_REFERENCE] * (len(children) - 2), attributes=frozenset({"Id"}),
    )  # fmt: skip
    prefixes = _exclusive(children[0], "ds:CanonicalizationMethod")
    method = _algorithm(children[1], "ds:SignatureMethod", frozenset({RSA_SHA256, ECDSA_SHA256}))
    return prefixes, method, [_read_reference(child, digests) for child in children[2:]]


def _read_reference(element: etree._Element, digests: frozenset[str]) -> Reference:
    names = (f"{{{DS}}}Transforms", f"{{{DS}}}DigestMethod", f"{{{DS}}}DigestValue")
    only(element, "ds:Reference", *names, attributes=frozenset({"URI", "Id"}))
    uri = element.get("URI", "")
    if _URI.fullmatch(uri) is None:
        raise refuse(ALGORITHM, element, "ds:Reference/@URI", "#id of this document")
    transforms, method, value = element
    only(transforms, "ds:Transforms", f"{{{DS}}}Transform")
    prefixes = _exclusive(transforms[0], "ds:Transform")
    algorithm = _algorithm(method, "ds:DigestMethod", digests)
    return Reference(uri[1:], prefixes, algorithm, octets(value, 128), element)


def _algorithm(element: etree._Element, path: str, allowed: frozenset[str]) -> str:
    """The algorithm of a method without parameters. Errors: CB2023."""
    name = element.get("Algorithm", "")
    if name not in allowed:
        raise refuse(ALGORITHM, element, path, "algorithm of the policy", name)
    if len(element) or (element.text and not element.text.isspace()) or element.keys() != ["Algorithm"]:
        raise refuse(ALGORITHM, element, path, "no parameters")
    return name


def _exclusive(element: etree._Element, path: str) -> tuple[str, ...]:
    """The prefix list of exclusive canonicalisation without comments, the only one there is. Errors: CB2023."""
    if element.get("Algorithm") != EXC_C14N or element.keys() != ["Algorithm"]:
        raise refuse(ALGORITHM, element, path, EXC_C14N, element.get("Algorithm", ""))
    if (element.text and not element.text.isspace()) or len(element) > 1:
        raise refuse(ALGORITHM, element, path, "InclusiveNamespaces?")
    if not len(element):
        return ()
    inclusive = element[0]
    prefixes = tuple(inclusive.get("PrefixList", "").split())
    if inclusive.tag != INCLUSIVE or inclusive.keys() != ["PrefixList"] or len(inclusive) or inclusive.text:
        raise refuse(ALGORITHM, element, path, "InclusiveNamespaces")
    if len(prefixes) > MAX_PREFIXES:
        raise refuse(ALGORITHM, element, path, f"<= {MAX_PREFIXES} prefixes", str(len(prefixes)))
    return prefixes


def _signer(key_info: etree._Element, header: SecurityHeader, registered: Registered) -> Certificate:
    """The certificate that KeyInfo names: a token of this header, or one registered for the endpoint.

    Errors: CB2022 form, CB2023 a bare key, a name or a retrieval, CB2027 no such certificate.
    """
    if [str(child.tag) for child in key_info] != [STR] or key_info.keys() not in ([], ["Id"]):
        got = ", ".join(etree.QName(child).localname[:32] for child in key_info)
        raise refuse(ALGORITHM, key_info, "ds:KeyInfo", "wsse:SecurityTokenReference", got)
    return referenced(key_info[0], header, registered)


def referenced(reference: etree._Element, header: SecurityHeader, registered: Registered) -> Certificate:
    """The certificate behind a wsse:SecurityTokenReference. Errors: CB2022, CB2023, CB2027."""
    if len(reference) != 1:
        raise refuse(STRUCTURE, reference, "wsse:SecurityTokenReference", "1 child", str(len(reference)))
    named = reference[0]
    if named.tag == f"{{{WSSE}}}Reference":
        uri = named.get("URI", "")
        token = header.token(uri[1:]) if uri.startswith("#") else None
        if token is None or named.get("ValueType", X509V3) != X509V3:
            raise refuse(FOREIGN, named, "wsse:Reference", "X509v3 token of this header", named.get("ValueType", ""))
        return certificate(token)
    found = named_certificate(named, registered)
    if found is None:
        raise refuse(FOREIGN, named, "wsse:SecurityTokenReference", "a registered certificate", "none or several")
    return found


def named_certificate(named: etree._Element, known: Registered) -> Certificate | None:
    """The one of the known certificates that a KeyIdentifier or an X509IssuerSerial names. Errors: CB2022, CB2023."""
    if named.tag == f"{{{WSSE}}}KeyIdentifier":
        kind, value = named.get("ValueType", ""), octets(named, 128)
        if kind == SKI:
            return known.find(ski=value)
        if kind == THUMBPRINT:
            return known.find(thumbprint=value)
        raise refuse(ALGORITHM, named, "wsse:KeyIdentifier", "subject key identifier | thumbprint", kind)
    if named.tag == _X509_DATA:
        return _by_serial(named, known)
    raise refuse(ALGORITHM, named, "wsse:SecurityTokenReference", "a token", etree.QName(named).localname[:64])


def _by_serial(data: etree._Element, registered: Registered) -> Certificate | None:
    only(data, "ds:X509Data", f"{{{DS}}}X509IssuerSerial")
    only(data[0], "ds:X509IssuerSerial", f"{{{DS}}}X509IssuerName", f"{{{DS}}}X509SerialNumber")
    name, number = ((child.text or "").strip() for child in data[0])
    if not number.isascii() or not number.isdigit() or len(number) > _LONGEST_NUMBER:
        raise refuse(STRUCTURE, data, "ds:X509SerialNumber", "digits")
    return registered.find(issuer=name, serial=int(number))


def _check_value(signer: Certificate, method: str, value: bytes, octet_string: bytes, element: etree._Element) -> None:
    """The signature value is that of the key over SignedInfo. Errors: CB2023 key of another kind, CB2025."""
    key = signer.public
    try:
        if method == RSA_SHA256 and isinstance(key, rsa.RSAPublicKey):
            key.verify(value, octet_string, padding.PKCS1v15(), hashes.SHA256())
        elif method == ECDSA_SHA256 and isinstance(key, ec.EllipticCurvePublicKey):
            _verify_ec(key, value, octet_string)
        else:
            raise refuse(ALGORITHM, element, "ds:SignatureMethod", "fitting the key", method)
    except InvalidSignature:
        raise refuse(WRONG, element, "ds:SignatureValue", "of the key over SignedInfo", "another") from None


def _verify_ec(key: ec.EllipticCurvePublicKey, value: bytes, octet_string: bytes) -> None:
    """XML-Signature 1.1 section 6.4.3: r and s side by side. Errors: InvalidSignature; CB2023 for another curve."""
    if not isinstance(key.curve, ec.SECP256R1):
        raise SecurityRefusal(ALGORITHM, "ds:SignatureMethod", expected="P-256", got=key.curve.name)
    if len(value) != 64:
        raise InvalidSignature
    numbers = int.from_bytes(value[:32], "big"), int.from_bytes(value[32:], "big")
    key.verify(encode_dss_signature(*numbers), octet_string, ec.ECDSA(hashes.SHA256()))
