"""References from an envelope to its attachments: each reaches its part, or the message is refused."""

from __future__ import annotations

from pathlib import Path

import pytest
from lxml import etree

from bus.core.errors import WireError
from bus.wire.attachments.binary import NOWHERE, Places, Room, read_places
from bus.wire.attachments.references import follow
from tests.attachments.messages import MTOM, SWA, mtom, part, read, swa

XOP = "http://www.w3.org/2004/08/xop/include"
SCHEMA = """\
<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema" xmlns:t="urn:t" targetNamespace="urn:t"
           xmlns:ref="http://ws-i.org/profiles/basic/1.1/xsd" elementFormDefault="qualified">
  <xs:import namespace="http://ws-i.org/profiles/basic/1.1/xsd"/>
  <xs:simpleType name="small"><xs:restriction base="xs:base64Binary"><xs:maxLength value="10"/></xs:restriction>
  </xs:simpleType>
  <xs:simpleType name="exact"><xs:restriction base="t:small"><xs:length value="4"/></xs:restriction></xs:simpleType>
  <xs:complexType name="typed"><xs:simpleContent><xs:extension base="xs:base64Binary">
    <xs:attribute name="form" type="xs:string"/></xs:extension></xs:simpleContent></xs:complexType>
  <xs:element name="m"><xs:complexType><xs:sequence>
    <xs:element name="any" type="xs:base64Binary" minOccurs="0" maxOccurs="3"/>
    <xs:element name="few" type="t:small" minOccurs="0"/>
    <xs:element name="four" type="t:exact" minOccurs="0"/>
    <xs:element name="typed" type="t:typed" minOccurs="0"/>
    <xs:element name="text" type="xs:string" minOccurs="0"/>
    <xs:element name="file" type="ref:swaRef" minOccurs="0"/>
  </xs:sequence><xs:attribute name="see" type="ref:swaRef"/></xs:complexType></xs:element>
</xs:schema>
"""


@pytest.fixture
def places(tmp_path: Path) -> Places:
    """What the small schema declares."""
    path = tmp_path / "t.xsd"
    path.write_text(SCHEMA, "utf-8")
    return read_places([path])


def include(name: str) -> str:
    """An xop:Include."""
    return f'<i:Include xmlns:i="{XOP}" href="{name}"/>'


def envelope(payload: str, header: str = "") -> bytes:
    """A SOAP envelope around the payload."""
    return (
        f'<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/">{header}<s:Body>{payload}</s:Body></s:Envelope>'
    ).encode()


def judge(
    payload: str, *parts: bytes, places: Places = NOWHERE, judged: bool = True, header: str = "", kind: str = MTOM
) -> etree._Element | str:
    """The payload after following its references, or the code of the refusal."""
    build = mtom if kind == MTOM else swa
    package, root = read(build(envelope(payload, header), *parts), kind)
    body = etree.fromstring(root)[-1][0]
    try:
        follow(body, package, places, judged=judged)
    except WireError as error:
        assert error.findings
        return error.code
    return body


def test_schemas_say_where_binary_content_and_references_stand(places: Places) -> None:
    """Through named, derived and extended types, with their lengths."""
    assert places.binary == {
        "{urn:t}any": Room(), "{urn:t}few": Room(0, 10), "{urn:t}four": Room(4, 4), "{urn:t}typed": Room(),
    }  # fmt: skip
    assert places.elements == {"{urn:t}file"}
    assert places.attributes == {"see"}


def test_an_include_counts_as_binary_content(places: Places, tmp_path: Path) -> None:
    """The schema accepts the message as if the content stood there; it is never loaded."""
    body = judge(f'<m xmlns="urn:t"><any>{include("cid:a@x")}</any></m>', part("a@x", b"x" * 5000), places=places)
    assert isinstance(body, etree._Element)
    text = SCHEMA.replace('<xs:import namespace="http://ws-i.org/profiles/basic/1.1/xsd"/>', "")
    schema = etree.XMLSchema(etree.fromstring(text.replace("ref:swaRef", "xs:anyURI")))
    assert schema.validate(body)
    assert len(body[0].text or "") < 2000


@pytest.mark.parametrize(
    ("payload", "code"),
    [
        (f'<m xmlns="urn:t"><few>{include("cid:a@x")}</few></m>', "CB1016"),
        (f'<m xmlns="urn:t"><four>{include("cid:a@x")}</four></m>', "CB1016"),
        (f'<m xmlns="urn:t"><text>{include("cid:a@x")}</text></m>', "CB1056"),
        (f'<m xmlns="urn:t">{include("cid:a@x")}</m>', "CB1056"),
        (include("cid:a@x"), "CB1056"),
        (f'<m xmlns="urn:t"><any>{include("cid:b@x")}</any></m>', "CB1056"),
        (f'<m xmlns="urn:t"><any>{include("a@x")}</any></m>', "CB1056"),
        (f'<m xmlns="urn:t"><any>{include("http://x/a")}</any></m>', "CB1056"),
        (f'<m xmlns="urn:t"><any>{include("file:///etc/passwd")}</any></m>', "CB1056"),
        (f'<m xmlns="urn:t"><any>{include("")}</any></m>', "CB1056"),
        (f'<m xmlns="urn:t"><any>{include("cid:../a")}</any></m>', "CB1054"),
        (f'<m xmlns="urn:t"><any>{include("cid:%2e%2e")}</any></m>', "CB1054"),
        (f'<m xmlns="urn:t"><any>{include("cid:")}</any></m>', "CB1054"),
        (f'<m xmlns="urn:t"><any>{include("cid:a@x")}</any><any>{include("cid:a@x")}</any></m>', "CB1056"),
        (f'<m xmlns="urn:t"><any>AAAA{include("cid:a@x")}</any></m>', "CB1056"),
        (f'<m xmlns="urn:t"><any>{include("cid:a@x")}AAAA</any></m>', "CB1056"),
        (f'<m xmlns="urn:t"><any><i:Include xmlns:i="{XOP}" href="cid:a@x">AAAA</i:Include></any></m>', "CB1056"),
        (f'<m xmlns="urn:t"><any><i:Include xmlns:i="{XOP}" href="cid:a@x" x="y"/></any></m>', "CB1056"),
        (f'<m xmlns="urn:t"><any><i:Include xmlns:i="{XOP}"/></any></m>', "CB1056"),
        ('<m xmlns="urn:t"><any>AAAA</any></m>', "CB1056"),
    ],
)
def test_an_include_that_is_not_one_value_of_one_part_is_refused(payload: str, code: str, places: Places) -> None:
    """Another scheme, no such part, a part twice or never, beside other content, where no binary content belongs."""
    assert judge(payload, part("a@x", b"12345678901"), places=places) == code


def test_an_include_in_a_header_block_is_refused(places: Places) -> None:
    """Steps that read header blocks read what stands there."""
    header = f'<s:Header><h xmlns="urn:h">{include("cid:a@x")}</h></s:Header>'
    assert judge('<m xmlns="urn:t"/>', part("a@x", b"1"), places=places, header=header) == "CB1056"


def test_a_body_carried_unread_still_has_its_references_followed() -> None:
    """Without a schema an Include may stand in any element; it means one part all the same."""
    good = f'<m xmlns="urn:t"><text>{include("cid:a@x")}</text></m>'
    assert isinstance(judge(good, part("a@x", b"1"), judged=False), etree._Element)
    assert judge(good, part("b@x", b"1"), judged=False) == "CB1056"


def test_content_of_just_the_right_length_is_accepted(places: Places) -> None:
    """Length facets hold for the attachment's content."""
    for name, content in (("few", b"1234567890"), ("four", b"1234"), ("typed", b"x" * 3000)):
        payload = f'<m xmlns="urn:t"><{name}>{include("cid:a@x")}</{name}></m>'
        assert isinstance(judge(payload, part("a@x", content), places=places), etree._Element)


@pytest.mark.parametrize(
    ("payload", "code"),
    [
        ('<m xmlns="urn:t"><file>cid:b@x</file></m>', "CB1056"),
        ('<m xmlns="urn:t"><file>a@x</file></m>', "CB1056"),
        ('<m xmlns="urn:t" see="cid:b@x"/>', "CB1056"),
        ('<m xmlns="urn:t" see="http://x/"/>', "CB1056"),
        ('<m xmlns="urn:t" href="cid:b@x"/>', "CB1056"),
        ('<m xmlns="urn:t" href="cid:../b"/>', "CB1054"),
        (f'<m xmlns="urn:t"><any>{include("cid:a@x")}</any></m>', "CB1056"),
    ],
)
def test_a_reference_of_swa_that_reaches_no_part_is_refused(payload: str, code: str, places: Places) -> None:
    """swaRef elements and attributes, and any href that says cid:; an Include has no place in text/xml."""
    assert judge(payload, part("a@x", b"1"), places=places, kind=SWA) == code


@pytest.mark.parametrize(
    "payload",
    [
        '<m xmlns="urn:t"><file>cid:a@x</file></m>',
        '<m xmlns="urn:t" see="cid:a@x"/>',
        '<m xmlns="urn:t" href="CID:a@x"/>',
        '<m xmlns="urn:t" href="http://elsewhere/"/>',
        '<m xmlns="urn:t"><text>cid:nothing</text></m>',
        '<m xmlns="urn:t"/>',
    ],
)
def test_a_reference_of_swa_that_reaches_its_part_is_accepted(payload: str, places: Places) -> None:
    """Also twice to the same part, and parts that nothing refers to (AP 1.0); plain text is no reference."""
    assert isinstance(judge(payload, part("a@x", b"1"), part("c@x", b"2"), places=places, kind=SWA), etree._Element)


def test_an_escaped_reference_means_the_part_of_the_plain_name(places: Places) -> None:
    """cid: URLs escape what URLs must (RFC 2392); WCF does so with the slashes of its names."""
    payload = f'<m xmlns="urn:t"><any>{include("cid:http%3A%2F%2Ftempuri.org%2F1")}</any></m>'
    assert isinstance(judge(payload, part("http://tempuri.org/1", b"1"), places=places), etree._Element)
