"""The forms of message security, read strictly: what is out of place, twice or of another algorithm is refused."""

from __future__ import annotations

import base64
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lxml import etree

from bus.core.errors import ChiikibusError
from bus.core.types import EndpointSecurity, Inbound
from bus.wire import safe_xml
from bus.wire.security import names, timestamps, username
from bus.wire.security.encryption import encrypt
from bus.wire.security.keys import recipient
from bus.wire.security.names import CREATED, DS, EXPIRES, WSSE, WSU, XENC, XENC11
from bus.wire.security.refusal import SecurityRefusal
from tests.security.ground import NOW, accept, gate, plain, ring, signed
from tests.security.ground import settings as policy

UNKNOWN = (
    f"{{{XENC}}}EncryptedData",
    f"{{{XENC}}}ReferenceList",
    f"{{{WSSE}}}SecurityTokenReference",
    "{urn:oasis:names:tc:SAML:2.0:assertion}Assertion",
    "{http://schemas.xmlsoap.org/ws/2005/02/sc}DerivedKeyToken",
    "{urn:example:x}Anything",
    "Unqualified",
)


def code_of(raw: bytes, **more: object) -> str:
    """The code of the refusal, empty when the message is accepted."""
    try:
        accept(raw, **more)
    except SecurityRefusal as refusal:
        return refusal.code
    return ""


def changed(raw: bytes, change: Callable[[etree._Element], object]) -> bytes:
    """The message after a change of its tree."""
    root = safe_xml.parse(raw)
    change(root)
    return etree.tostring(root, encoding="utf-8")


def one(root: etree._Element, tag: str) -> etree._Element:
    """The first element of that name."""
    return next(root.iter(tag))


@pytest.mark.parametrize("tag", UNKNOWN)
def test_unknown_parts_of_the_header_are_refused(tag: str) -> None:
    """Also those that other stacks would act upon."""
    assert code_of(changed(signed(), lambda root: etree.SubElement(one(root, names.SECURITY), tag))) == "CB2022"


def test_text_and_foreign_attributes_in_the_header_are_refused() -> None:
    """There is no place for them."""
    assert code_of(changed(signed(), lambda root: setattr(one(root, names.SECURITY), "text", "x"))) == "CB2022"
    assert code_of(changed(signed(), lambda root: one(root, names.SECURITY).set("x", "y"))) == "CB2022"
    assert code_of(changed(signed(), lambda root: one(root, names.TOKEN).set("x", "y"))) == "CB2022"


TIMES: dict[str, Callable[[etree._Element], object]] = {
    "no Created": lambda stamp: stamp.remove(stamp[0]),
    "two Created": lambda stamp: stamp.append(etree.Element(CREATED)),
    "two Expires": lambda stamp: setattr(etree.SubElement(stamp, EXPIRES), "text", "2036-01-01T00:00:00Z"),
    "Expires first": lambda stamp: stamp.insert(0, stamp[1]),
    "another child": lambda stamp: etree.SubElement(stamp, "{urn:x}X"),
    "ValueType of Created": lambda stamp: stamp[0].set("ValueType", "x"),
    "ValueType of Expires": lambda stamp: stamp[1].set("ValueType", "x"),
    "attribute": lambda stamp: stamp.set("x", "y"),
    "Expires before Created": lambda stamp: setattr(stamp[1], "text", "2026-01-01T00:00:00Z"),
    "child of Created": lambda stamp: etree.SubElement(stamp[0], "{urn:x}X"),
}


@pytest.mark.parametrize("form", TIMES)
def test_every_form_of_a_timestamp_is_read_strictly(form: str) -> None:
    """Created, then perhaps Expires, and nothing else."""
    stamp = timestamps.write(etree.Element("x"), "t", NOW, 300.0)
    TIMES[form](stamp)
    with pytest.raises(SecurityRefusal) as refusal:
        timestamps.read(stamp)
    assert refusal.value.code == "CB2022"


def test_times_are_written_in_utc_with_milliseconds() -> None:
    """No more than three digits of a second."""
    assert timestamps.text_of(NOW + 0.12345) == "2026-09-21T14:13:20.123Z"


@given(st.text(max_size=40))
def test_any_text_is_a_time_or_refused(text: str) -> None:
    """Never anything else than a coded refusal."""
    element = etree.Element(CREATED)
    try:
        element.text = text
        timestamps.read_time(element, "x")
    except (SecurityRefusal, ValueError) as error:
        assert isinstance(error, ValueError) or error.code == "CB2022"


TOKENS: dict[str, Callable[[etree._Element], object]] = {
    "no ValueType": lambda root: one(root, names.TOKEN).attrib.pop("ValueType"),
    "PKIPath": lambda root: one(root, names.TOKEN).set("ValueType", f"{names.X509}#X509PKIPathv1"),
    "PKCS7": lambda root: one(root, names.TOKEN).set("ValueType", f"{names.X509}#PKCS7"),
    "hexadecimal": lambda root: one(root, names.TOKEN).set("EncodingType", f"{names.MESSAGE_SECURITY}#HexBinary"),
    "no certificate": lambda root: setattr(one(root, names.TOKEN), "text", base64.b64encode(b"x" * 99).decode()),
    "nothing": lambda root: setattr(one(root, names.TOKEN), "text", ""),
    "too long": lambda root: setattr(one(root, names.TOKEN), "text", "A" * 20000),
    "two references": lambda root: etree.SubElement(one(root, names.STR), f"{{{WSSE}}}Reference", URI="#X509-a1"),
    "no reference": lambda root: one(root, names.STR).remove(one(root, names.STR)[0]),
    "elsewhere": lambda root: one(root, names.STR)[0].set("URI", "http://example.com/token"),
    "another id": lambda root: one(root, names.STR)[0].set("URI", "#nobody"),
    "another kind": lambda root: one(root, names.STR)[0].set("ValueType", f"{names.X509}#PKCS7"),
}


@pytest.mark.parametrize("form", TOKENS)
def test_every_form_of_a_token_is_read_strictly(form: str) -> None:
    """One certificate in Base64, named by its kind, in the same header."""
    assert code_of(changed(signed(), TOKENS[form])) in {"CB2022", "CB2027"}


METHODS: dict[str, Callable[[etree._Element], object]] = {
    "HMACOutputLength": lambda root: etree.SubElement(
        one(root, f"{{{DS}}}SignatureMethod"), f"{{{DS}}}HMACOutputLength"
    ),
    "text in a method": lambda root: setattr(one(root, f"{{{DS}}}DigestMethod"), "text", "x"),
    "attribute of a method": lambda root: one(root, f"{{{DS}}}DigestMethod").set("x", "y"),
    "no transforms": lambda root: one(root, f"{{{DS}}}Reference").remove(one(root, f"{{{DS}}}Transforms")),
    "no transform": lambda root: one(root, f"{{{DS}}}Transforms").remove(one(root, f"{{{DS}}}Transform")),
    "two transforms": lambda root: one(root, f"{{{DS}}}Transforms").append(
        etree.Element(f"{{{DS}}}Transform", Algorithm=names.EXC_C14N)
    ),
    "XPath below": lambda root: etree.SubElement(one(root, f"{{{DS}}}Transform"), f"{{{DS}}}XPath"),
    "many prefixes": lambda root: etree.SubElement(
        one(root, f"{{{DS}}}Transform"), names.INCLUSIVE, PrefixList=" ".join(f"p{n}" for n in range(99))
    ),
    "no references": lambda root: [each.getparent().remove(each) for each in list(root.iter(f"{{{DS}}}Reference"))],
    "many references": lambda root: [
        one(root, f"{{{DS}}}SignedInfo").append(etree.Element(f"{{{DS}}}Reference", URI="#x")) for _ in range(40)
    ],
    "encrypted value": lambda root: etree.SubElement(one(root, names.SIGNATURE), names.ENCRYPTED_DATA),
}


@pytest.mark.parametrize("form", METHODS)
def test_parameters_of_methods_are_refused(form: str) -> None:
    """A method has an algorithm and nothing else; a reference has one transform."""
    assert code_of(changed(signed(), METHODS[form])) in {"CB2022", "CB2023"}


def sealed() -> etree._Element:
    """A signed message, then encrypted to the bus."""
    root = safe_xml.parse(signed())
    encrypt(root, one(root, names.SECURITY), recipient(ring().bus_decrypt.certificate, "x"), "e1")
    return root


METHOD = f"{{{XENC}}}EncryptionMethod"
ENCRYPTION: dict[str, tuple[str, Callable[[etree._Element], object]]] = {
    **{
        name: ("CB2023", lambda root, name=name: one(root[-1], METHOD).set("Algorithm", name))
        for name in (f"{XENC}aes128-cbc", f"{XENC}aes256-cbc", f"{XENC}tripledes-cbc", f"{XENC11}aes192-gcm", "")
    },
    **{
        name: ("CB2023", lambda root, name=name: one(root[0], METHOD).set("Algorithm", name))
        for name in (f"{XENC}rsa-1_5", f"{XENC}rsa-oaep-mgf1p", f"{XENC}kw-aes256", "")
    },
    "sha-1 digest": ("CB2023", lambda root: one(root[0], METHOD)[0].set("Algorithm", f"{DS}sha1")),
    "sha-1 mask": ("CB2023", lambda root: one(root[0], METHOD)[1].set("Algorithm", f"{XENC11}mgf1sha1")),
    "no method": ("CB2022", lambda root: root[-1][0].remove(root[-1][0][0])),
    "no method of the key": ("CB2022", lambda root: one(root, names.ENCRYPTED_KEY).remove(one(root[0], METHOD))),
    "another reference": ("CB2022", lambda root: one(root, f"{{{XENC}}}DataReference").set("URI", "#TS-a1")),
    "no id": ("CB2022", lambda root: root[-1][0].attrib.pop("Id")),
    "another type": ("CB2022", lambda root: root[-1][0].set("Type", "http://www.w3.org/2009/xmlenc11#EXI")),
    "short": ("CB2022", lambda root: setattr(one(root[-1], f"{{{XENC}}}CipherValue"), "text", "AAAA")),
    "elsewhere": ("CB2022", lambda root: etree.SubElement(root[-1][0], f"{{{XENC}}}CipherReference", URI="http://x/")),
}


@pytest.mark.parametrize("form", ENCRYPTION)
def test_every_other_encryption_algorithm_is_refused(form: str) -> None:
    """By its name, before anything is decrypted."""
    code, change = ENCRYPTION[form]
    root = sealed()
    change(root)
    assert code_of(etree.tostring(root), at=gate(policy(inbound=Inbound.ENCRYPTED))) == code


def test_what_was_encrypted_is_one_element_in_its_place() -> None:
    """Neither nothing, nor two, nor the end of the Body and the beginning of another."""
    at = gate(policy(inbound=Inbound.ENCRYPTED))
    accept(etree.tostring(sealed()), at)
    for text in (
        b" ",
        b"text",
        b"<a xmlns='u'/><b xmlns='u'/>",
        b"</soap:Body><soap:Body>",
        b"<a",
        b"<!DOCTYPE a><a/>",
    ):
        root = safe_xml.parse(signed())
        body = root[-1]
        payload = etree.Element("{urn:x}placeholder")
        body[0].getparent().replace(body[0], payload)
        encrypt_bytes(root, text)
        assert code_of(etree.tostring(root), at=at) == "CB2031"


def encrypt_bytes(root: etree._Element, text: bytes) -> None:
    """Encrypt bytes that need not be XML."""
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM  # noqa: PLC0415 - an attacker's tool

    keys: list[bytes] = []

    def random(size: int) -> bytes:
        keys.append(bytes(range(size)))
        return keys[-1]

    encrypt(root, one(root, names.SECURITY), recipient(ring().bus_decrypt.certificate, "x"), "e1", random)
    value = one(root[-1], f"{{{XENC}}}CipherValue")
    value.text = base64.b64encode(keys[1] + AESGCM(keys[0]).encrypt(keys[1], text, None)).decode()


USERNAMES: dict[str, Callable[[etree._Element], object]] = {
    "no Username": lambda token: token.remove(token[0]),
    "two Usernames": lambda token: etree.SubElement(token, f"{{{WSSE}}}Username"),
    "two Passwords": lambda token: etree.SubElement(token, f"{{{WSSE}}}Password"),
    "two Nonces": lambda token: etree.SubElement(token, f"{{{WSSE}}}Nonce"),
    "two Created": lambda token: etree.SubElement(token, f"{{{WSU}}}Created"),
    "salt": lambda token: etree.SubElement(token, "{urn:x}Salt"),
    "attribute": lambda token: token.set("x", "y"),
    "encoding of the Nonce": lambda token: token[2].set("EncodingType", "hex"),
    "child of Username": lambda token: etree.SubElement(token[0], "{urn:x}X"),
    "Nonce that is no Base64": lambda token: setattr(token[2], "text", "***"),
}


@pytest.mark.parametrize("form", USERNAMES)
def test_every_form_of_a_username_token_is_read_strictly(form: str) -> None:
    """Each part at most once, with its own attributes only."""
    token = username.write(etree.Element("x"), "tax", "p", b"0123456789", NOW)
    USERNAMES[form](token)
    with pytest.raises(SecurityRefusal) as refusal:
        username.check(token, username.Account("tax", "p"), NOW, 60, 300)
    assert refusal.value.code == "CB2022"


@pytest.mark.filterwarnings("ignore::cryptography.utils.CryptographyDeprecationWarning")
@settings(max_examples=60, deadline=None)
@given(st.data())
def test_any_change_of_a_byte_is_refused_or_changes_nothing(data: st.DataObject) -> None:
    """A property over all bytes of a signed message: replaced, doubled or left out."""
    raw = signed(ring().tax_ec)
    expected = accept(raw)
    position = data.draw(st.integers(0, len(raw) - 1))
    kind = data.draw(st.sampled_from(["replace", "double", "drop"]))
    byte = bytes([data.draw(st.integers(0, 255))])
    middle = {"replace": byte, "double": raw[position : position + 1] * 2, "drop": b""}[kind]
    try:
        read = accept(raw[:position] + middle + raw[position + 1 :])
    except ChiikibusError:
        return
    assert (read.addressing, read.context) == (expected.addressing, expected.context)
    assert [each.text for each in read.body] == [each.text for each in expected.body]


@pytest.mark.filterwarnings("ignore::cryptography.utils.CryptographyDeprecationWarning")
@settings(max_examples=40, deadline=None)
@given(st.binary(max_size=200), st.sampled_from(["SignatureValue", "DigestValue", "BinarySecurityToken"]))
def test_any_bytes_in_a_base64_place_are_refused_with_a_code(value: bytes, place: str) -> None:
    """Never an exception of a library."""
    root = safe_xml.parse(signed(ring().tax_ec))
    one(root, next(each.tag for each in root.iter(f"{{*}}{place}"))).text = base64.b64encode(value).decode()
    assert code_of(etree.tostring(root))


def test_a_username_without_password_and_a_policy_without_one_never_agree() -> None:
    """An empty expectation opens no door."""
    root = safe_xml.parse(plain())
    security = etree.SubElement(root[0], names.SECURITY)
    username.write(security, "tax", "", b"0123456789", NOW)
    assert code_of(etree.tostring(root), at=gate(EndpointSecurity(inbound=Inbound.USERNAME)), private=True) == "CB2030"


@pytest.mark.parametrize("name", ["Type", "MimeType", "Encoding", "Recipient"])
def test_attributes_of_an_encrypted_key_are_refused(name: str) -> None:
    """It is a key, for one recipient, and says nothing else of itself."""
    root = sealed()
    one(root, names.ENCRYPTED_KEY).set(name, "x")
    assert code_of(etree.tostring(root), at=gate(policy(inbound=Inbound.ENCRYPTED))) == "CB2022"


def test_a_part_without_canonical_form_is_refused() -> None:
    """A relative namespace URI has none (Canonical XML 1.0 section 1.3): libxml2 gives up, and the bus says so."""
    raw = signed().replace(b"urn:example:item", b"item")
    assert code_of(raw) == "CB2022"


def test_a_token_of_an_unknown_version_is_refused() -> None:
    """Found by changing signed messages at random: the library has an exception of its own for it."""
    der = bytearray(base64.b64decode(ring().tax.token))
    at = bytes(der).index(b"\xa0\x03\x02\x01\x02") + 4
    der[at] = 86
    raw = changed(signed(), lambda root: setattr(one(root, names.TOKEN), "text", base64.b64encode(der).decode()))
    assert code_of(raw) == "CB2022"
