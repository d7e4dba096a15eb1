"""The header blocks and protocol messages of WS-ReliableMessaging: read strictly, built as they are read."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree

from bus.core.errors import ChiikibusError, ReliableError
from bus.core.types import Addressing
from bus.wire import envelope, safe_xml
from bus.wire.fault import fault_bytes
from bus.wire.reliable import faults, headers, messages, names
from bus.wire.reliable.ranges import NOTHING, Ranges

ID = "urn:uuid:0b6e1f5e-0000-4000-8000-000000000001"
NS = f'xmlns:r="{names.NAMESPACE}" xmlns:a="http://www.w3.org/2005/08/addressing" xmlns:x="urn:x"'
IDENTIFIER = f"<r:Identifier>{ID}</r:Identifier>"
EPR = "<a:Address>http://www.w3.org/2005/08/addressing/anonymous</a:Address>"


def _element(text: str) -> etree._Element:
    """The element that is written without declarations."""
    return etree.fromstring(f"<x {NS}>{text}</x>")[0]


def _number(text: str) -> str:
    return f"<r:Sequence>{IDENTIFIER}<r:MessageNumber>{text}</r:MessageNumber></r:Sequence>"


def _acknowledgement(inner: str) -> str:
    return f"<r:SequenceAcknowledgement>{IDENTIFIER}{inner}</r:SequenceAcknowledgement>"


def _range(low: object, high: object) -> str:
    return f'<r:AcknowledgementRange Lower="{low}" Upper="{high}"/>'


@pytest.mark.parametrize(
    ("block", "code"),
    [
        (_number("0"), "CB3010"),
        (_number("-1"), "CB3010"),
        (_number("1.0"), "CB3010"),
        (_number(""), "CB3010"),
        (_number("１"), "CB3010"),
        (_number("9" * 41), "CB3010"),
        (_number("9223372036854775808"), "CB3014"),
        (_number("1") + _number("2"), "CB3010"),
        (f"<r:Sequence>{IDENTIFIER}</r:Sequence>", "CB3010"),
        ("<r:Sequence><r:MessageNumber>1</r:MessageNumber></r:Sequence>", "CB3010"),
        (f"<r:Sequence><r:MessageNumber>1</r:MessageNumber>{IDENTIFIER}</r:Sequence>", "CB3010"),
        (_number("1").replace("</r:Sequence>", "<r:LastMessage/></r:Sequence>"), "CB3010"),
        (_number("1").replace("<r:Sequence>", "<r:Sequence><x:y/>"), "CB3010"),
        (_number("1").replace(ID, "not an iri"), "CB3010"),
        (_number("1").replace(ID, "urn:" + "x" * 300), "CB3010"),
        (_number("1").replace(ID, ""), "CB3010"),
        (_acknowledgement(""), "CB3010"),
        (_acknowledgement("<r:Final/>"), "CB3010"),
        (_acknowledgement(_range(0, 1)), "CB3010"),
        (_acknowledgement(_range(2, 1)), "CB3010"),
        (_acknowledgement(_range("a", 1)), "CB3010"),
        (_acknowledgement('<r:AcknowledgementRange Lower="1"/>'), "CB3010"),
        (_acknowledgement(_range(1, 5) + _range(5, 6)), "CB3010"),
        (_acknowledgement(_range(1, 2**63)), "CB3014"),
        (_acknowledgement(_range(1, 1) + "<r:None/>"), "CB3010"),
        (_acknowledgement("<r:None/><r:None/>"), "CB3010"),
        (_acknowledgement(_range(1, 1) + "<r:Nack>2</r:Nack>"), "CB3010"),
        (_acknowledgement("<r:Nack>2</r:Nack><r:Final/>"), "CB3010"),
        (_acknowledgement("<r:Final/>" + _range(1, 1)), "CB3010"),
        ("<r:AckRequested/>", "CB3010"),
        (f"<r:AckRequested>{IDENTIFIER}{IDENTIFIER}</r:AckRequested>", "CB3010"),
        (f'<r:UsesSequenceSTR xmlns:s="{envelope.SOAP}" s:mustUnderstand="1"/>', "CB1009"),
    ],
)
def test_a_block_that_is_not_of_the_schema_is_refused(block: str, code: str) -> None:
    """Each with the protocol's own code."""
    with pytest.raises(ChiikibusError) as caught:
        headers.read_headers(etree.fromstring(f"<x {NS}>{block}</x>"))
    assert caught.value.code == code


@pytest.mark.parametrize("tail", ["", "<x:y/>", "<x:y/><x:z>1</x:z>"])
def test_foreign_elements_at_the_end_of_a_block_are_passed_over(tail: str) -> None:
    """The schema is open there, so that other specifications may add to it."""
    block = _number(" 0012 ").replace("</r:Sequence>", f"{tail}</r:Sequence>")
    read = headers.read_headers(etree.fromstring(f"<x {NS}>{block}<x:other/></x>"))
    assert read == headers.ReliableHeaders(headers.InSequence(ID, 12))


@given(st.lists(st.integers(1, 40), max_size=30), st.booleans())
def test_an_acknowledgement_is_read_as_it_was_built(numbers: list[int], final: bool) -> None:
    """Ranges or None, with or without Final."""
    ranges = Ranges.of((number, number) for number in numbers)
    built = headers.acknowledgement_block(ID, ranges, final=final)
    read = headers.read_headers([built])
    assert read.acknowledgements == (headers.Acknowledgement(ID, ranges, final),)


def test_all_blocks_of_a_message_are_read() -> None:
    """A place, acknowledgements of several sequences, wishes and nacks."""
    blocks = [
        headers.sequence_block(ID, 3),
        headers.ask_block(ID),
        headers.acknowledgement_block("urn:x:1", NOTHING),
        _element(_acknowledgement("<r:Nack>2</r:Nack><r:Nack>4</r:Nack>")),
    ]
    read = headers.read_headers(blocks)
    assert (read.place, read.asked) == (headers.InSequence(ID, 3), (ID,))
    assert read.acknowledgements == (headers.Acknowledgement("urn:x:1"), headers.Acknowledgement(ID, nacks=(2, 4)))


def test_an_acknowledgement_names_at_most_so_many_ranges() -> None:
    """What is left out is acknowledged later: an answer stays small whatever the gaps."""
    ranges = Ranges.of((number, number) for number in range(1, 1001, 2))
    read = headers.read_headers([headers.acknowledgement_block(ID, ranges)])
    assert read.acknowledgements[0].ranges.spans == ranges.spans[: headers.MAX_RANGES]


@pytest.mark.parametrize(
    "wish",
    [
        messages.CreateSequence("http://www.w3.org/2005/08/addressing/anonymous"),
        messages.CreateSequence("http://127.0.0.1/acks", 86400.0),
        messages.CreateSequence("http://127.0.0.1/acks", 1.0, messages.Offer("urn:x:offered")),
        messages.CreateSequence("urn:x", 0.0, messages.Offer("urn:x:o", "urn:y", 60.0, "DiscardEntireSequence")),
    ],
)
def test_a_creation_is_read_as_it_was_built(wish: messages.CreateSequence) -> None:
    """With and without expiry and offer."""
    assert messages.read_create(messages.create_body(wish)) == wish


@pytest.mark.parametrize("accepted", ["", "urn:x:acks"])
def test_the_response_to_a_creation_is_read_as_it_was_built(accepted: str) -> None:
    """With and without an accepted offer."""
    created = messages.CreateSequenceResponse(ID, 3600.0, "NoDiscard", accepted)
    assert messages.read_create_response(messages.create_response_body(created)) == created


@pytest.mark.parametrize("tag", [names.CLOSE, names.TERMINATE])
@pytest.mark.parametrize("last", [0, 7])
def test_the_end_of_a_sequence_is_read_as_it_was_built(tag: str, last: int) -> None:
    """Close and terminate, with and without the last number."""
    assert messages.read_end(messages.end_body(tag, ID, last)) == messages.EndOfSequence(ID, last)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("PT0S", 0.0),
        ("PT1.5S", 1.5),
        ("P1D", 86400.0),
        ("P1DT1H1M1S", 90061.0),
        ("P1Y", 31536000.0),
        ("P1M", 2592000.0),
        (" PT5M ", 300.0),
    ],
)
def test_a_duration_is_read_in_seconds(text: str, seconds: float) -> None:
    """All forms of xs:duration that make sense for a sequence."""
    body = _element(f"<r:CreateSequence><r:AcksTo>{EPR}</r:AcksTo><r:Expires>{text}</r:Expires></r:CreateSequence>")
    assert messages.read_create(body).expires_s == seconds


@pytest.mark.parametrize(
    "inner",
    [
        "",
        "<r:AcksTo/>",
        f"<r:AcksTo>{EPR}{EPR}</r:AcksTo>",
        "<r:AcksTo><a:Address>here</a:Address></r:AcksTo>",
        f"<r:Expires>PT1S</r:Expires><r:AcksTo>{EPR}</r:AcksTo>",
        f"<r:AcksTo>{EPR}</r:AcksTo><r:Expires>P</r:Expires>",
        f"<r:AcksTo>{EPR}</r:AcksTo><r:Expires>-PT1S</r:Expires>",
        f"<r:AcksTo>{EPR}</r:AcksTo><r:Expires>PT</r:Expires>",
        f"<r:AcksTo>{EPR}</r:AcksTo><r:Expires>1</r:Expires>",
        f"<r:AcksTo>{EPR}</r:AcksTo><r:Offer/>",
        f"<r:AcksTo>{EPR}</r:AcksTo><r:Offer>{IDENTIFIER}</r:Offer>",
        f"<r:AcksTo>{EPR}</r:AcksTo><r:Offer>{IDENTIFIER}<r:Endpoint>{EPR}</r:Endpoint>"
        "<r:IncompleteSequenceBehavior>Keep</r:IncompleteSequenceBehavior></r:Offer>",
        f"<r:AcksTo>{EPR}</r:AcksTo><r:Unknown/>",
    ],
)
def test_a_creation_that_is_not_of_the_schema_is_refused(inner: str) -> None:
    """Order, cardinality, addresses, durations and behaviours."""
    with pytest.raises(ReliableError) as caught:
        messages.read_create(_element(f"<r:CreateSequence>{inner}</r:CreateSequence>"))
    assert caught.value.code == "CB3010"


@pytest.mark.parametrize(
    "inner", ["", "<r:LastMsgNumber>1</r:LastMsgNumber>", f"{IDENTIFIER}<r:LastMsgNumber>0</r:LastMsgNumber>"]
)
def test_an_end_that_is_not_of_the_schema_is_refused(inner: str) -> None:
    """The sequence must be named, a last number must be one."""
    with pytest.raises(ReliableError) as caught:
        messages.read_end(_element(f"<r:CloseSequence>{inner}</r:CloseSequence>"))
    assert caught.value.code == "CB3010"


@pytest.mark.parametrize(("code", "name"), sorted(faults.FAULTS.items()))
def test_a_fault_of_a_sequence_is_named_in_its_header_block(code: str, name: str) -> None:
    """The block reads back as the protocol's fault about this sequence."""
    block = faults.sequence_fault_block(code, ID)
    assert block is not None
    assert headers.read_headers([block]).fault == headers.RemoteSequenceFault(name, ID)


def test_an_acknowledgement_that_was_not_valid_is_quoted() -> None:
    """Its ranges stand in the detail."""
    block = faults.sequence_fault_block("CB3015", ID, Ranges.of([(1, 9)]))
    assert block is not None
    found = next(block.iter(names.RANGE))
    assert (found.get("Lower"), found.get("Upper")) == ("1", "9")
    assert faults.sequence_fault_block("CB3019", ID) is None


@pytest.mark.parametrize(("code", "name"), sorted(faults.BY_FAULTCODE.items()))
def test_a_fault_without_a_sequence_is_named_by_its_faultcode(code: str, name: str) -> None:
    """CreateSequenceRefused and WSRMRequired; the bus's detail stays."""
    raw = faults.bound(fault_bytes(ReliableError(code)), code)
    fault = envelope.read(safe_xml.parse(raw)).body
    faultcode = fault.find("faultcode")
    assert faultcode is not None
    prefix, _, local = str(faultcode.text).partition(":")
    assert (faultcode.nsmap[prefix], local) == (names.NAMESPACE, name)
    assert fault.findtext("detail/{*}shogai/{*}kodo") == code
    other = fault_bytes(ReliableError("CB3010"))
    assert faults.bound(other, "CB3010") is other


def test_a_fault_of_the_protocol_has_the_protocols_action() -> None:
    """Where the request was addressed, so is its fault."""
    request = Addressing(message_id="urn:uuid:1", action="urn:x")
    raw = faults.bound(fault_bytes(ReliableError("CB3011"), request=request), "CB3011")
    assert envelope.read(safe_xml.parse(raw)).addressing.action == names.FAULT_ACTION
