"""Signatures: what is signed is dispatched; every change, downgrade and omission is refused with its code."""

from __future__ import annotations

import pytest
from lxml import etree

from bus.core.types import Inbound
from bus.wire import envelope, safe_xml
from bus.wire.security import names
from bus.wire.security.names import DS, EC, TIMESTAMP, WSU_ID
from bus.wire.security.refusal import SecurityRefusal
from bus.wire.security.trust import TrustStore
from tests.security.ground import ADDRESSING, CONTEXT, NOW, accept, gate, plain, registered, ring, settings, signed
from tests.security.signing import name_by, sign_again

SECURITY = f"{envelope.HEADER}/{names.SECURITY}"
INFO = f"{SECURITY}/{names.SIGNATURE}/{{{DS}}}SignedInfo"
FIRST = f"{INFO}/{{{DS}}}Reference"


def changed(raw: bytes, path: str, change: str, value: str = "") -> bytes:
    """One thing changed below the envelope: an attribute (``@name``), the ``text``, or ``remove`` of the element."""
    root = safe_xml.parse(raw)
    element = root.find(path)
    assert element is not None
    if change == "remove":
        parent = element.getparent()
        assert parent is not None
        parent.remove(element)
    elif change == "text":
        element.text = value
    else:
        element.set(change.removeprefix("@"), value)
    return etree.tostring(root, encoding="utf-8", xml_declaration=True)


def refused(raw: bytes, **more: object) -> str:
    """The code of the refusal."""
    with pytest.raises(SecurityRefusal) as refusal:
        accept(raw, **more)
    return refusal.value.code


@pytest.mark.parametrize("name", ["tax", "tax_ec"])
def test_what_the_endpoint_signed_is_dispatched(name: str) -> None:
    """RSA and elliptic curve; addressing and context are those that were signed."""
    read = accept(signed(getattr(ring(), name)))
    assert (read.addressing, read.context) == (ADDRESSING, CONTEXT)


def test_utf16_and_another_serialisation_change_nothing() -> None:
    """A signature is about the information, not about the bytes."""
    root = safe_xml.parse(signed())
    raw = etree.tostring(root, encoding="utf-16", xml_declaration=True)
    again = safe_xml.parse(raw, "text/xml; charset=utf-16")
    accept(etree.tostring(again, encoding="utf-8"))


def test_an_unsigned_message_is_refused() -> None:
    """The first downgrade."""
    assert refused(plain()) == "CB2021"
    assert refused(changed(signed(), f"{SECURITY}/{names.SIGNATURE}", "remove")) == "CB2021"
    assert refused(changed(signed(), f"{SECURITY}/{TIMESTAMP}", "remove")) == "CB2021"


@pytest.mark.parametrize(
    "part", ["Body", "Timestamp", "MessageID", "Action", "To", "ReplyTo", "Context", "wsrm", "parameter"]
)
def test_every_part_must_be_covered(part: str) -> None:
    """The reference to one part is taken away before the signature is made: what is left is valid, and refused."""

    def more(root: etree._Element) -> None:
        rm = etree.SubElement(root[0], "{http://docs.oasis-open.org/ws-rx/wsrm/200702}Sequence")
        rm.text = "x"
        parameter = etree.SubElement(root[0], "{urn:example:p}Ticket")
        parameter.set("{http://www.w3.org/2005/08/addressing}IsReferenceParameter", "true")

    complete = signed(before=more)
    accept(complete)
    local = {"wsrm": "Sequence", "parameter": "Ticket"}.get(part, part)
    root = safe_xml.parse(complete)
    element = next(each for each in root.iter(f"{{*}}{local}") if each.get(WSU_ID))
    identifier = element.get(WSU_ID)
    references = {f"#{identifier}"}
    raw = sign_again(root, ring().tax, without=references)
    assert refused(raw) == "CB2024"


@pytest.mark.parametrize(
    ("path", "change", "value", "code"),
    [
        (f"{envelope.BODY}/{{*}}ask/{{*}}item", "text", "other", "CB2025"),
        (f"{envelope.BODY}/{{*}}ask/{{*}}item", "@number", "7", "CB2025"),
        (f"{envelope.HEADER}/{{*}}To", "text", "http://bus.example/990019/juki/juki", "CB2025"),
        (f"{SECURITY}/{TIMESTAMP}/{names.EXPIRES}", "text", "2036-01-01T00:00:00Z", "CB2025"),
        (f"{SECURITY}/{names.SIGNATURE}/{{{DS}}}SignatureValue", "text", "AAAA", "CB2025"),
        (f"{SECURITY}/{names.SIGNATURE}/{{{DS}}}SignatureValue", "text", "***", "CB2022"),
        (f"{FIRST}/{{{DS}}}DigestValue", "text", "AAAA", "CB2025"),
        (FIRST, "@URI", "", "CB2023"),
        (FIRST, "@URI", "http://example.com/x", "CB2023"),
        (FIRST, "@URI", "#xpointer(/)", "CB2023"),
        (FIRST, "@URI", "#xpointer(id('id-a1-0'))", "CB2023"),
        (FIRST, "@URI", "cid:attachment", "CB2023"),
        (FIRST, "@URI", "#nowhere", "CB2024"),
        (FIRST, "@Type", "http://www.w3.org/2000/09/xmldsig#Manifest", "CB2022"),
        (f"{SECURITY}/{names.SIGNATURE}/{names.KEY_INFO}", "remove", "", "CB2022"),
    ],
)
def test_what_was_changed_after_signing_is_refused(path: str, change: str, value: str, code: str) -> None:
    """Contents, digests, references: each change has its reason."""
    assert refused(changed(signed(), path, change, value)) == code


ALGORITHMS = [
    (f"{INFO}/{{{DS}}}SignatureMethod", f"{DS}rsa-sha1"),
    (f"{INFO}/{{{DS}}}SignatureMethod", f"{DS}dsa-sha1"),
    (f"{INFO}/{{{DS}}}SignatureMethod", f"{DS}hmac-sha1"),
    (f"{INFO}/{{{DS}}}SignatureMethod", "http://www.w3.org/2001/04/xmldsig-more#hmac-sha256"),
    (f"{INFO}/{{{DS}}}SignatureMethod", "http://www.w3.org/2001/04/xmldsig-more#rsa-md5"),
    (f"{INFO}/{{{DS}}}SignatureMethod", "http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha256"),
    (f"{INFO}/{{{DS}}}SignatureMethod", ""),
    (f"{INFO}/{{{DS}}}CanonicalizationMethod", "http://www.w3.org/TR/2001/REC-xml-c14n-20010315"),
    (f"{INFO}/{{{DS}}}CanonicalizationMethod", f"{EC}WithComments"),
    (f"{FIRST}/{{{DS}}}DigestMethod", f"{DS}sha1"),
    (f"{FIRST}/{{{DS}}}DigestMethod", "http://www.w3.org/2001/04/xmldsig-more#md5"),
    (f"{FIRST}/{{{DS}}}DigestMethod", names.SHA512),
    (f"{FIRST}/{{{DS}}}Transforms/{{{DS}}}Transform", f"{DS}enveloped-signature"),
    (f"{FIRST}/{{{DS}}}Transforms/{{{DS}}}Transform", f"{DS}base64"),
    (f"{FIRST}/{{{DS}}}Transforms/{{{DS}}}Transform", "http://www.w3.org/TR/1999/REC-xslt-19991116"),
    (f"{FIRST}/{{{DS}}}Transforms/{{{DS}}}Transform", "http://www.w3.org/TR/1999/REC-xpath-19991116"),
    (f"{FIRST}/{{{DS}}}Transforms/{{{DS}}}Transform", "http://www.w3.org/2002/06/xmldsig-filter2"),
    (f"{FIRST}/{{{DS}}}Transforms/{{{DS}}}Transform", f"{EC}WithComments"),
    (
        f"{FIRST}/{{{DS}}}Transforms/{{{DS}}}Transform",
        "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-soap-message-security-1.0#STR-Transform",
    ),
]


@pytest.mark.parametrize(("path", "algorithm"), ALGORITHMS)
def test_every_other_algorithm_is_refused(path: str, algorithm: str) -> None:
    """Nothing is computed with it: the name alone refuses."""
    assert refused(changed(signed(), path, "@Algorithm", algorithm)) == "CB2023"


def test_keys_that_come_with_the_message_are_refused() -> None:
    """KeyValue, KeyName and RetrievalMethod are no tokens: everybody can have one."""
    for name in ("KeyValue", "KeyName", "RetrievalMethod", "X509Data"):
        root = safe_xml.parse(signed())
        info = root.find(f"{SECURITY}/{names.SIGNATURE}/{names.KEY_INFO}")
        assert info is not None
        info.clear()
        etree.SubElement(info, f"{{{DS}}}{name}")
        assert refused(etree.tostring(root)) == "CB2023"


def test_another_certificate_of_the_same_authority_is_not_the_endpoints() -> None:
    """Trusted, but not registered for this endpoint."""
    assert refused(signed(ring().stranger)) == "CB2027"


def test_a_registered_certificate_without_authority_is_not_trusted() -> None:
    """Registered, but no path leads to an authority of the store."""
    assert refused(signed(), at=gate(trust=TrustStore([]))) == "CB2026"


def test_two_certificates_overlap() -> None:
    """The old key and the new one both count while both are registered, and only then."""
    both = gate(None, ring().tax, ring().tax_ec)
    accept(signed(ring().tax), both)
    accept(signed(ring().tax_ec), both)
    assert refused(signed(ring().tax), at=gate(None, ring().tax_ec)) == "CB2027"


@pytest.mark.parametrize(
    ("made", "lasts_s", "now", "code"),
    [
        (NOW, 300.0, NOW + 359, ""),
        (NOW, 300.0, NOW + 361, "CB2028"),
        (NOW, 10.0, NOW + 69, ""),
        (NOW, 10.0, NOW + 71, "CB2028"),
        (NOW, 3000.0, NOW + 361, "CB2028"),
        (NOW, 300.0, NOW - 59, ""),
        (NOW, 300.0, NOW - 61, "CB2028"),
    ],
)
def test_the_time_of_a_message_is_judged_with_skew(made: float, lasts_s: float, now: float, code: str) -> None:
    """Sixty seconds of skew, five minutes of age, and the message's own end."""
    raw = signed(now=made, lasts_s=lasts_s)
    if code:
        assert refused(raw, now=now) == code
    else:
        accept(raw, now=now)


@pytest.mark.parametrize(
    "text",
    ["2026-09-21T17:33:20", "2026-09-21T17:33:20+09:00", "2026-02-30T00:00:00Z", "2026-09-21T17:33:60Z", "", "now"],
)
def test_times_are_utc_and_of_the_calendar(text: str) -> None:
    """A time without zone would mean nine hours in Japan."""
    raw = changed(signed(), f"{SECURITY}/{TIMESTAMP}/{names.CREATED}", "text", text)
    assert refused(raw) == "CB2022"


def test_a_stronger_digest_is_accepted_where_the_policy_says_so() -> None:
    """Only then: an algorithm is never the sender's choice."""
    root = safe_xml.parse(signed())
    raw = sign_again(root, ring().tax, digest=names.SHA512)
    assert refused(raw) == "CB2023"
    accept(raw, gate(settings(digests=("sha256", "sha512"))))


def test_prefix_lists_are_honoured() -> None:
    """InclusiveNamespaces brings prefixes into the canonical form that are merely in scope, as WSS4J sends them."""
    root = safe_xml.parse(signed())
    raw = sign_again(root, ring().tax, prefixes="  soap\ti   wsa #default ")
    accept(raw)
    assert refused(changed(raw, f"{envelope.BODY}/{{*}}ask/{{*}}item", "text", "x")) == "CB2025"
    rebound = raw.replace(b'xmlns:wsa="http', b'xmlns:wsa2="urn:example:other" xmlns:wsa="http')
    accept(rebound)
    listed = sign_again(safe_xml.parse(rebound), ring().tax, prefixes="wsa2")
    accept(listed)
    assert refused(listed.replace(b"urn:example:other", b"urn:example:forged")) == "CB2025"
    default = raw.replace(b"<soap:Envelope ", b'<soap:Envelope xmlns="urn:example:other" ')
    assert refused(default) == "CB2023"


def test_a_plain_policy_with_answers_signed_does_not_look_at_what_comes() -> None:
    """Inbound plain means that nothing is asked."""
    assert not gate(settings(inbound=Inbound.PLAIN)).guarded


def test_certificates_may_be_named_when_they_are_registered() -> None:
    """Subject key identifier, thumbprint, issuer and serial choose among the endpoint's certificates, no others."""
    for kind in ("ski", "thumbprint", "serial"):
        raw = name_by(signed(), kind, ring().tax)
        if kind == "ski" and not ring().tax.certificate.ski:
            assert refused(raw) in {"CB2022", "CB2027"}
            continue
        accept(raw)
        assert refused(raw, at=gate(None, ring().tax_ec)) == "CB2027"
    assert registered(ring().tax).find(issuer="CN=Nobody", serial=1) is None
