"""Foreign signers and verifiers: what we sign xmlsec verifies, what xmlsec and zeep sign we verify."""

from __future__ import annotations

import base64
import hashlib
from pathlib import Path

import pytest
import xmlsec
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from hypothesis import given, settings
from hypothesis import strategies as st
from lxml import etree
from zeep.wsse.signature import BinarySignature

from bus.wire import envelope, safe_xml
from bus.wire.security import names
from bus.wire.security.c14n import canonical
from bus.wire.security.names import BASE64, DS, WSSE, WSU, WSU_ID, X509V3
from bus.wire.security.refusal import SecurityRefusal
from tests.security.ground import ADDRESSING, NOW, accept, gate, plain, ring, signed

METHODS = {"tax": xmlsec.Transform.RSA_SHA256, "tax_ec": xmlsec.Transform.ECDSA_SHA256}
MADE = {"tax": "tax", "tax_ec": "tax-ec"}


def verified_by_xmlsec(raw: bytes, name: str) -> bool:
    """Whether xmlsec finds the signature right with the certificate of that name."""
    root = etree.fromstring(raw)
    xmlsec.tree.add_ids(root, ["Id"])
    context = xmlsec.SignatureContext()
    context.key = xmlsec.Key.from_memory(ring().made[MADE[name]].certificate, xmlsec.KeyFormat.CERT_PEM)
    try:
        context.verify(xmlsec.tree.find_node(root, xmlsec.Node.SIGNATURE))
    except xmlsec.Error:
        return False
    return True


@pytest.mark.parametrize("name", ["tax", "tax_ec"])
def test_xmlsec_verifies_what_we_sign(name: str) -> None:
    """An independent implementation, on another cryptographic library."""
    raw = signed(getattr(ring(), name))
    assert verified_by_xmlsec(raw, name)
    assert not verified_by_xmlsec(raw.replace("試験".encode(), "試問".encode()), name)


def signed_by_xmlsec(name: str, body_text: str = "試験　太郎", prefixes: str = "") -> bytes:
    """A message with the usual parts, signed by xmlsec with a BinarySecurityToken."""
    root = safe_xml.parse(plain())
    root[-1][0][0].text = body_text
    security = etree.SubElement(root[0], names.SECURITY, nsmap={"wsse": WSSE, "wsu": WSU})
    token = etree.SubElement(security, names.TOKEN, ValueType=X509V3, EncodingType=BASE64)
    token.set(WSU_ID, "token")
    certificate = x509.load_pem_x509_certificate(ring().made[MADE[name]].certificate)
    token.text = base64.encodebytes(certificate.public_bytes(Encoding.DER)).decode()
    stamp = etree.SubElement(security, names.TIMESTAMP)
    etree.SubElement(stamp, names.CREATED).text = "2026-09-21T14:13:20Z"
    etree.SubElement(stamp, names.EXPIRES).text = "2026-09-21T14:18:20.5Z"
    signature = xmlsec.template.create(security, xmlsec.Transform.EXCL_C14N, METHODS[name], ns="ds")
    security.append(signature)
    parts = [stamp, root[-1], *[block for block in root[0] if block is not security]]
    for number, element in enumerate(parts):
        element.set(WSU_ID, f"part-{number}")
        reference = xmlsec.template.add_reference(signature, xmlsec.Transform.SHA256, uri=f"#part-{number}")
        xmlsec.template.add_transform(reference, xmlsec.Transform.EXCL_C14N)
    for transform in [*signature.iter(f"{{{DS}}}Transform"), *signature.iter(f"{{{DS}}}CanonicalizationMethod")]:
        if prefixes:
            etree.SubElement(transform, names.INCLUSIVE, PrefixList=prefixes)
    info = xmlsec.template.ensure_key_info(signature)
    reference = etree.SubElement(info, names.STR)
    etree.SubElement(reference, f"{{{WSSE}}}Reference", URI="#token", ValueType=X509V3)
    context = xmlsec.SignatureContext()
    context.key = xmlsec.Key.from_memory(ring().made[MADE[name]].key, xmlsec.KeyFormat.PEM)
    xmlsec.tree.add_ids(root, ["Id"])
    context.sign(signature)
    return etree.tostring(root, encoding="utf-8")


@pytest.mark.parametrize("name", ["tax", "tax_ec"])
@pytest.mark.parametrize("prefixes", ["", "soap wsa i", "cb nobody"])
def test_we_verify_what_xmlsec_signs(name: str, prefixes: str) -> None:
    """Also with the prefix lists that WSS4J sends; line ends in the token and in the digests are theirs."""
    assert accept(signed_by_xmlsec(name, prefixes=prefixes), now=NOW).addressing == ADDRESSING


@settings(max_examples=25, deadline=None)
@given(
    st.text(st.characters(codec="utf-8", categories=("L", "N", "P", "S", "Zs"), include_characters="\t\n\U00020bb7"))
)
def test_any_text_is_canonical_in_the_same_way(text: str) -> None:
    """Two canonicalisers agree on any text, with characters beyond the basic plane, tabs and line ends."""
    raw = signed_by_xmlsec("tax_ec", text)
    assert accept(raw, now=NOW).body[0].text == (text or None)


NAMESPACED = b"""<a xmlns="urn:d" xmlns:p="urn:p" xmlns:q="urn:q" xmlns:unused="urn:u"><b p:x="1" y="2" q:x="3">
<c xmlns="" xmlns:p="urn:other"><p:d z="&#13;&#9;&quot;&lt;"/></c>
<q:e xmlns:q="urn:q" q:f="p:name">t &amp; &gt;&#13;</q:e></b></a>"""


def test_part_of_a_document_is_canonical_as_xmlsec_sees_it() -> None:
    """Inherited, redeclared, taken back and unused namespaces; attributes sorted; special characters."""
    for prefixes in ((), ("p",), ("q", "unused")):
        root = etree.fromstring(NAMESPACED)
        element = root[0]
        element.set(WSU_ID, "it")
        signature = xmlsec.template.create(root, xmlsec.Transform.EXCL_C14N, METHODS["tax_ec"], ns="ds")
        root.append(signature)
        reference = xmlsec.template.add_reference(signature, xmlsec.Transform.SHA256, uri="#it")
        transform = xmlsec.template.add_transform(reference, xmlsec.Transform.EXCL_C14N)
        if prefixes:
            etree.SubElement(transform, names.INCLUSIVE, PrefixList=" ".join(prefixes))
        xmlsec.tree.add_ids(root, ["Id"])
        context = xmlsec.SignatureContext()
        context.key = xmlsec.Key.from_memory(ring().made["tax-ec"].key, xmlsec.KeyFormat.PEM)
        context.sign(signature)
        value = next(root.iter(f"{{{DS}}}DigestValue")).text or ""
        assert base64.b64decode(value) == hashlib.sha256(canonical(element, prefixes)).digest(), prefixes


def test_what_zeep_signs_is_verified_but_covers_too_little(tmp_path: Path) -> None:
    """zeep signs Body and Timestamp: enough for a message without addressing and context, too little for any other."""
    key, certificate = tmp_path / "key.pem", tmp_path / "certificate.pem"
    key.write_bytes(ring().made["tax"].key)
    certificate.write_bytes(ring().made["tax"].certificate)
    signer = BinarySignature(
        str(key), str(certificate), signature_method=xmlsec.Transform.RSA_SHA256, digest_method=xmlsec.Transform.SHA256
    )

    def by_zeep(raw: bytes) -> bytes:
        root = etree.fromstring(raw)
        header = root.find(envelope.HEADER)
        if header is None:
            header = etree.Element(envelope.HEADER)
            root.insert(0, header)
        security = etree.SubElement(header, names.SECURITY, nsmap={"wsse": WSSE, "wsu": WSU})
        stamp = etree.SubElement(security, names.TIMESTAMP)
        etree.SubElement(stamp, names.CREATED).text = "2026-09-21T14:13:20Z"
        signer.apply(root, {})
        return etree.tostring(root)

    accept(by_zeep(plain(addressing=None, context=None)), now=NOW, at=gate())
    with pytest.raises(SecurityRefusal) as refusal:
        accept(by_zeep(plain()), now=NOW)
    assert refusal.value.code == "CB2024"
