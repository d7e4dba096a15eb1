"""What is built can be read back, for any values that XML can carry."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree

from bus.core.errors import ChiikibusError, WireError
from bus.core.types import Addressing, Context, Finding
from bus.wire import addressing, envelope, safe_xml
from bus.wire.fault import error_response, fault_bytes, read_fault

URI = st.from_regex(r"urn:[a-z0-9:./?#@!$&'()*+,;=%_~-]{1,80}", fullmatch=True)
OPTIONAL_URI = st.one_of(st.just(""), URI)
WORD = st.text(st.characters(codec="utf-8", categories=("L", "N", "P", "S")), min_size=1, max_size=64)
OPTIONAL_WORD = st.one_of(st.just(""), WORD)
CODE = st.from_regex(r"[0-9]{6}", fullmatch=True)
TEXT = st.text(st.characters(codec="utf-8", min_codepoint=0x20, exclude_characters="\ufffe\uffff\x7f"), max_size=200)

ADDRESSING = st.builds(
    Addressing,
    message_id=OPTIONAL_URI,
    action=URI,
    to=OPTIONAL_URI,
    relates_to=OPTIONAL_URI,
    reply_to=OPTIONAL_URI,
    fault_to=OPTIONAL_URI,
)


@st.composite
def contexts(draw: st.DrawFn) -> Context:
    """A context that the schema allows."""
    receiver = draw(st.booleans())
    return Context(
        sender_municipality=draw(CODE),
        sender_unit=draw(OPTIONAL_WORD),
        sender_system=draw(OPTIONAL_WORD),
        receiver_municipality=draw(CODE) if receiver else "",
        receiver_unit=draw(OPTIONAL_WORD) if receiver else "",
        receiver_system=draw(OPTIONAL_WORD) if receiver else "",
        operation=draw(OPTIONAL_WORD),
        edition=draw(OPTIONAL_WORD),
        purpose=draw(OPTIONAL_WORD),
        operator_id=draw(OPTIONAL_WORD),
        sent_at=draw(st.sampled_from(["", "2026-04-01T09:00:00+09:00", "2026-04-01T09:00:00.123Z"])),
        ordering_key=draw(OPTIONAL_WORD),
        test=draw(st.booleans()),
    )


def payload(text: str) -> etree._Element:
    """A payload with one value."""
    element = etree.Element("{urn:x}a")
    etree.SubElement(element, "{urn:x}b").text = text
    return element


@given(head=st.one_of(st.none(), ADDRESSING), block=st.one_of(st.none(), contexts()), text=TEXT)
def test_a_built_message_is_read_back_as_it_was(head: Addressing | None, block: Context | None, text: str) -> None:
    """Addressing, context and payload survive, character by character."""
    read = envelope.read(safe_xml.parse(envelope.build(payload(text), addressing=head, context=block)))
    assert read.addressing == (head or Addressing())
    assert read.context == (block or Context())
    assert (read.body[0].text or "") == text
    assert not read.is_fault


@given(text=TEXT, block=contexts())
def test_utf_16_says_the_same_as_utf_8(text: str, block: Context) -> None:
    """The two encodings of the basic profile are read alike."""
    raw = envelope.build(payload(text), context=block)
    wide = raw.decode().replace("encoding='utf-8'", "encoding='UTF-16'").encode("utf-16")
    read = envelope.read(safe_xml.parse(wide, "text/xml; charset=utf-16"))
    assert read.context == block
    assert (read.body[0].text or "") == text


FINDING = st.builds(
    Finding,
    code=st.sampled_from(["E0001", "CB1016"]),
    path=TEXT,
    line=st.integers(0, 10**6),
    expected=TEXT,
    got=TEXT,
    name_ja=TEXT,
    place=TEXT,
)


@given(found=st.lists(FINDING, max_size=5), record=st.sampled_from(["", "0" * 32]))
def test_a_fault_carries_code_findings_and_record_number(found: list[Finding], record: str) -> None:
    """Only white space at the ends of a text may get lost."""
    read = envelope.read(safe_xml.parse(fault_bytes(WireError("E0002", found), record_id=record)))
    fault = read_fault(read.body)
    assert read.is_fault
    assert (fault.faultcode, fault.code, fault.record_id) == ("Client", "E0002", record)
    assert fault.findings == tuple(
        replace(
            one,
            path=one.path.strip(),
            expected=one.expected.strip(),
            got=one.got.strip(),
            name_ja=one.name_ja.strip(),
            place=one.place.strip(),
        )
        for one in found
    )


@given(raw=st.binary(max_size=200))
def test_any_bytes_are_parsed_or_refused_with_a_wire_error(raw: bytes) -> None:
    """Nothing else escapes."""
    try:
        envelope.read(safe_xml.parse(raw))
    except WireError as error:
        assert error.code.startswith("CB10")


@given(head=ADDRESSING, cut=st.integers(0, 400), flip=st.binary(min_size=1, max_size=3))
def test_a_damaged_message_is_read_or_refused_with_a_wire_error(head: Addressing, cut: int, flip: bytes) -> None:
    """At any place of the envelope."""
    raw = envelope.build(payload("x"), addressing=head)
    try:
        envelope.read(safe_xml.parse(raw[:cut] + flip + raw[cut + len(flip) :]))
    except WireError as error:
        assert error.code.startswith("CB10")


@pytest.mark.parametrize(
    ("code", "status", "header"),
    [("CB2001", 401, "WWW-Authenticate"), ("CB1001", 405, "Allow"), ("CB4002", 503, "Retry-After")],
)
def test_a_refusal_carries_the_field_its_status_asks_for(code: str, status: int, header: str) -> None:
    """RFC 9110: 401, 405 and 503."""
    response = error_response(ChiikibusError(code))
    assert response.status == status
    assert header in {name for name, _ in response.headers}


FOREIGN = {
    "unqualified": "<faultcode>s:Server.Busy</faultcode><faultstring>no</faultstring>",
    "qualified": "<s:faultcode>s:Server.Busy</s:faultcode><s:faultstring>no</s:faultstring>",
    "with a detail of its own": "<faultcode>s:Server.Busy</faultcode><faultstring>no</faultstring>"
    "<detail><x:e xmlns:x='urn:x'><x:code>7</x:code></x:e></detail>",
    "with an actor": "<faultcode> s:Server.Busy </faultcode><faultstring xml:lang='en'>no</faultstring>"
    "<faultactor>urn:a</faultactor>",
}


@pytest.mark.parametrize("kind", FOREIGN)
def test_a_foreign_fault_is_read_as_far_as_it_goes(kind: str) -> None:
    """Faultcode and text; no code of ours."""
    raw = f"<s:Envelope xmlns:s='{envelope.SOAP}'><s:Body><s:Fault>{FOREIGN[kind]}</s:Fault></s:Body></s:Envelope>"
    fault = read_fault(envelope.read(safe_xml.parse(raw.encode())).body)
    assert (fault.faultcode, fault.text, fault.code, fault.findings) == ("Server.Busy", "no", "", ())


def test_a_payload_that_belongs_to_another_message_is_copied() -> None:
    """Building around it leaves that message whole."""
    first = envelope.read(safe_xml.parse(envelope.build(payload("x"))))
    again = envelope.read(safe_xml.parse(envelope.build(first.body)))
    assert first.body.getparent() is not None
    assert again.body[0].text == "x"


def test_a_comment_does_not_split_a_value() -> None:
    """Comments are dropped, and the text around them is one."""
    root = safe_xml.parse(b"<a>x<!-- c -->y<![CDATA[<z>]]></a>")
    assert root.text == "xy<z>"


def test_no_entity_is_ever_resolved() -> None:
    """Even where the scan would let one through, the parser does not."""
    parser = safe_xml._parsers.parser
    root = etree.fromstring(b'<!DOCTYPE a [<!ENTITY x "secret">]><a>&x;</a>', parser)
    assert "secret" not in "".join(str(part) for part in root.itertext())


def test_a_reply_goes_to_an_address_only_if_it_is_one() -> None:
    """Anonymous and none are no addresses."""
    assert not addressing.is_addressed("")
    assert not addressing.is_addressed(addressing.ANONYMOUS)
    assert not addressing.is_addressed(addressing.NONE)
    assert addressing.is_addressed("http://a.example/")


def test_findings_beyond_fifty_are_left_out_of_a_fault() -> None:
    """A fault stays readable."""
    raw = fault_bytes(WireError("E0001", [Finding("E0001", path=str(n)) for n in range(60)]))
    assert len(read_fault(envelope.read(safe_xml.parse(raw)).body).findings) == 50
