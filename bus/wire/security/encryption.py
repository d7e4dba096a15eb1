"""XML encryption of the Body's content, one key for one recipient: RSA-OAEP for the key, AES-GCM for the content.

AES-CBC (padding oracle) and RSA 1.5 (Bleichenbacher) do not exist here. Whatever goes wrong while decrypting, the
same steps are taken and one reason is given: a message must not tell how far it came.
"""

from __future__ import annotations

import base64
import os
from collections.abc import Callable, Sequence
from typing import Any, Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from lxml import etree

from bus.core.errors import WireError
from bus.wire import safe_xml
from bus.wire.security.header import SecurityHeader, certificate, octets, only
from bus.wire.security.keys import DecryptionKey, Recipient
from bus.wire.security.names import (
    AES128_GCM,
    AES256_GCM,
    BASE64,
    DS,
    ENCRYPTED_CONTENT,
    ENCRYPTED_DATA,
    ENCRYPTED_ELEMENT,
    ENCRYPTED_KEY,
    KEY_INFO,
    MGF1_SHA256,
    RSA_OAEP,
    RSA_OAEP_MGF1P,
    SHA256,
    SKI,
    STR,
    WSSE,
    XENC,
    XENC11,
)
from bus.wire.security.refusal import SecurityRefusal, refuse
from bus.wire.security.trust import Registered
from bus.wire.security.verify import named_certificate

STRUCTURE: Final = "CB2022"
ALGORITHM: Final = "CB2023"
FAILED: Final = "CB2031"
NONCE: Final = 12
"""Bytes of a GCM nonce, in front of the cipher text (XML-Encryption 1.1 section 5.2.4)."""

TAG: Final = 16
MAX_KEY: Final = 2048
"""Characters of an encrypted key: RSA of 8192 bits has 1,368."""

KEY_BYTES: Final = {AES128_GCM: 16, AES256_GCM: 32}
_DIGEST: Final = f"{{{DS}}}DigestMethod"
_SHA1: Final = f"{DS}sha1"
_METHOD: Final = f"{{{XENC}}}EncryptionMethod"
_CIPHER: Final = f"{{{XENC}}}CipherData"
_VALUE: Final = f"{{{XENC}}}CipherValue"
_LIST: Final = f"{{{XENC}}}ReferenceList"
_MGF: Final = f"{{{XENC11}}}MGF"

Random = Callable[[int], bytes]


def is_encrypted(payload: etree._Element) -> bool:
    """Whether the child of the Body is encrypted."""
    return bool(payload.tag == ENCRYPTED_DATA)


def is_for(header: SecurityHeader, keys: Sequence[DecryptionKey]) -> DecryptionKey | None:
    """The key of ours that the header's EncryptedKey is for; ``None`` when it is for somebody else.

    Errors: CB2022, CB2023 for an EncryptedKey that names its recipient in no way known here.
    """
    if header.encrypted_key is None:
        return None
    info = header.encrypted_key.find(KEY_INFO)
    if info is None or len(info) != 1 or info[0].tag != STR or len(info[0]) != 1:
        raise refuse(STRUCTURE, header.encrypted_key, "xenc:EncryptedKey", "KeyInfo with one token reference")
    named = info[0][0]
    if named.tag == f"{{{WSSE}}}Reference":
        token = header.token(named.get("URI", "")[1:])
        if token is None:
            raise refuse(STRUCTURE, named, "wsse:Reference", "a token of this header")
        wanted = certificate(token).fingerprint
        return next((key for key in keys if key.certificate.fingerprint == wanted), None)
    ours = Registered(tuple(key.certificate for key in keys))
    found = named_certificate(named, ours)
    return next((key for key in keys if found is not None and key.certificate == found), None)


def decrypt(
    payload: etree._Element,
    header: SecurityHeader,
    key: DecryptionKey,
    *,
    legacy_oaep: bool,
    random: Random = os.urandom,
) -> bytes:
    """The bytes that the EncryptedData ``payload`` stands for: the one element of the Body, not yet parsed.

    Errors: CB2022 form, CB2023 algorithm, CB2031 whatever fails afterwards.
    """
    encrypted = header.encrypted_key
    assert encrypted is not None
    algorithm, sealed = _data(payload)
    oaep, wrapped = _key(encrypted, payload.get("Id", ""), legacy_oaep=legacy_oaep)
    size = KEY_BYTES[algorithm]
    # A key that cannot be unwrapped is replaced by a random one, so that what follows is the same (RFC 3218 2.3.2).
    secret = random(size)
    try:
        unwrapped = key.private.decrypt(wrapped, oaep)
    except ValueError:
        unwrapped = b""
    if len(unwrapped) == size:
        secret = unwrapped
    try:
        return AESGCM(secret).decrypt(sealed[:NONCE], sealed[NONCE:], None)
    except (InvalidTag, ValueError):
        raise SecurityRefusal(
            FAILED, "xenc:EncryptedData", expected="encrypted to this bus", got="not readable"
        ) from None


def opened(
    root: etree._Element, payload: etree._Element, header: SecurityHeader, plain: bytes, random: Random
) -> bytes:
    """The whole message in UTF-8 with ``plain`` where the encrypted data stood, and without the key that opened it.

    ``plain`` goes in byte for byte, so that a signature over what was encrypted still holds. Errors: CB2031 when it is
    not exactly one element.
    """
    body = payload.getparent()
    assert body is not None
    assert header.encrypted_key is not None
    _one_element(plain, body)
    header.element.remove(header.encrypted_key)
    mark = random(16).hex()
    body.remove(payload)
    body.text = mark
    around = etree.tostring(root, encoding="utf-8", xml_declaration=True)
    before, _, after = around.partition(mark.encode())
    return before + plain + after


def encrypt(
    root: etree._Element, security: etree._Element, to: Recipient, name: str, random: Random = os.urandom
) -> None:
    """Encrypt the content of the Body below ``root`` to ``to``; the key goes first into the header ``security``."""
    body = root[-1]
    payload = body[0]
    plain = etree.tostring(payload, encoding="utf-8", with_tail=False)
    secret, nonce = random(KEY_BYTES[AES256_GCM]), random(NONCE)
    body.remove(payload)
    body.text = None
    data = etree.SubElement(body, ENCRYPTED_DATA, {"Id": f"ED-{name}", "Type": ENCRYPTED_CONTENT}, nsmap={"xenc": XENC})
    etree.SubElement(data, _METHOD, Algorithm=AES256_GCM)
    _add_value(data, nonce + AESGCM(secret).encrypt(nonce, plain, None))
    wrapped = etree.Element(ENCRYPTED_KEY, {"Id": f"EK-{name}"}, nsmap={"xenc": XENC, "ds": DS, "xenc11": XENC11})
    method = etree.SubElement(wrapped, _METHOD, Algorithm=RSA_OAEP)
    etree.SubElement(method, _DIGEST, Algorithm=SHA256)
    etree.SubElement(method, _MGF, Algorithm=MGF1_SHA256)
    _name_recipient(wrapped, to)
    _add_value(wrapped, to.public.encrypt(secret, _oaep(hashes.SHA256(), hashes.SHA256())))
    etree.SubElement(etree.SubElement(wrapped, _LIST), f"{{{XENC}}}DataReference", URI=f"#ED-{name}")
    security.insert(0, wrapped)


def _name_recipient(wrapped: etree._Element, to: Recipient) -> None:
    """By subject key identifier, else by issuer and serial number."""
    reference = etree.SubElement(etree.SubElement(wrapped, KEY_INFO), STR, nsmap={"wsse": WSSE})
    if to.certificate.ski:
        named = etree.SubElement(reference, f"{{{WSSE}}}KeyIdentifier", ValueType=SKI, EncodingType=BASE64)
        named.text = base64.b64encode(to.certificate.ski).decode("ascii")
        return
    serial = etree.SubElement(etree.SubElement(reference, f"{{{DS}}}X509Data"), f"{{{DS}}}X509IssuerSerial")
    etree.SubElement(serial, f"{{{DS}}}X509IssuerName").text = to.certificate.facts.issuer
    etree.SubElement(serial, f"{{{DS}}}X509SerialNumber").text = str(to.certificate.serial)


def _add_value(parent: etree._Element, value: bytes) -> None:
    cipher = etree.SubElement(parent, _CIPHER)
    etree.SubElement(cipher, _VALUE).text = base64.b64encode(value).decode("ascii")


def _data(payload: etree._Element) -> tuple[str, bytes]:
    """Algorithm and bytes of EncryptedData. Errors: CB2022, CB2023."""
    children = [child for child in payload if child.tag != KEY_INFO]  # names the EncryptedKey, which stands alone
    if [str(child.tag) for child in children] != [_METHOD, _CIPHER] or len(payload) > len(children) + 1:
        raise refuse(STRUCTURE, payload, "xenc:EncryptedData", "EncryptionMethod, KeyInfo?, CipherData")
    if payload.get("Type", ENCRYPTED_CONTENT) not in {ENCRYPTED_CONTENT, ENCRYPTED_ELEMENT} or not payload.get("Id"):
        raise refuse(STRUCTURE, payload, "xenc:EncryptedData", "Id, Type Content | Element")
    algorithm = children[0].get("Algorithm", "")
    if algorithm not in KEY_BYTES or len(children[0]):
        raise refuse(ALGORITHM, children[0], "xenc:EncryptionMethod", "AES-128-GCM | AES-256-GCM", algorithm)
    only(children[1], "xenc:CipherData", _VALUE)
    sealed = octets(children[1][0], 16 * 1024 * 1024)
    if len(sealed) <= NONCE + TAG:
        raise refuse(STRUCTURE, payload, "xenc:CipherValue", f"> {NONCE + TAG} bytes", str(len(sealed)))
    return algorithm, sealed


def _key(encrypted: etree._Element, data_id: str, *, legacy_oaep: bool) -> tuple[padding.OAEP, bytes]:
    """Padding and bytes of EncryptedKey, whose one reference is the data. Errors: CB2022, CB2023."""
    only(encrypted, "xenc:EncryptedKey", _METHOD, KEY_INFO, _CIPHER, _LIST, attributes=frozenset({"Id"}))
    method, _, cipher, references = encrypted
    only(references, "xenc:ReferenceList", f"{{{XENC}}}DataReference")
    if references[0].get("URI") != f"#{data_id}":
        raise refuse(STRUCTURE, references, "xenc:DataReference", "the content of the Body")
    only(cipher, "xenc:CipherData", _VALUE)
    return _padding(method, legacy_oaep=legacy_oaep), octets(cipher[0], MAX_KEY)


def _padding(method: etree._Element, *, legacy_oaep: bool) -> padding.OAEP:
    """RSA-OAEP with SHA-256 throughout; with SHA-1 only where the policy says so. Errors: CB2023."""
    algorithm = method.get("Algorithm", "")
    digest = next((child.get("Algorithm") for child in method if child.tag == _DIGEST), _SHA1)
    mask = next((child.get("Algorithm") for child in method if child.tag == _MGF), "")
    known = all(child.tag in {_DIGEST, _MGF} for child in method) and len(method) <= 2
    if known and algorithm == RSA_OAEP and digest == SHA256 and mask == MGF1_SHA256:
        return _oaep(hashes.SHA256(), hashes.SHA256())
    if known and legacy_oaep and algorithm == RSA_OAEP_MGF1P and not mask and digest in {SHA256, _SHA1}:
        return _oaep(hashes.SHA1(), hashes.SHA256() if digest == SHA256 else hashes.SHA1())  # noqa: S303 (`legacy_oaep`)
    raise refuse(ALGORITHM, method, "xenc:EncryptionMethod", "RSA-OAEP, SHA-256, MGF1 with SHA-256", algorithm)


def _oaep(mask: hashes.HashAlgorithm, digest: hashes.HashAlgorithm) -> padding.OAEP:
    return padding.OAEP(padding.MGF1(mask), digest, None)


def _one_element(plain: bytes, body: etree._Element) -> None:
    """``plain`` is one element in the scope of the Body and nothing else. Errors: CB2031."""
    scope: Any = body.nsmap
    empty = etree.tostring(etree.Element("b", nsmap=scope), encoding="utf-8")
    start = empty.removesuffix(b"/>") + b">"
    try:
        around = safe_xml.parse(start + plain + b"</b>")
    except WireError as error:
        raise SecurityRefusal(FAILED, "xenc:EncryptedData", expected="XML", got=error.code) from None
    beside = (around.text or "") + "".join(child.tail or "" for child in around)
    if len(around) != 1 or beside.strip():
        raise SecurityRefusal(FAILED, "xenc:EncryptedData", expected="1 element", got=str(len(around)))
