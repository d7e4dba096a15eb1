"""WS-Addressing 1.0: every line of the corpus is judged as it says, and faults and answers carry their properties."""

from __future__ import annotations

import csv

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree

from bus.core.errors import ChiikibusError, WireError
from bus.core.types import Addressing, Problem
from bus.wire import addressing as wsa
from bus.wire import addressing_fault, envelope, safe_xml
from bus.wire.fault import error_response, fault_bytes, read_fault
from tests.wire.corpus import CASES as CORPUS
from tests.wire.corpus import message

with (CORPUS.parent / "addressing.csv").open(encoding="utf-8", newline="") as file:
    CASES = list(csv.DictReader(file))

REQUEST = Addressing(message_id="urn:uuid:1", action="urn:a")
PARAMETERS = (
    f'<wsa:ReferenceParameters xmlns:wsa="{wsa.NAMESPACE}"><k:key xmlns:k="urn:k">7</k:key></wsa:ReferenceParameters>'
)


def raw_of(blocks: str) -> bytes:
    """The message of a line."""
    text = f'<s:Envelope xmlns:s="{{soap}}" xmlns:w="{{wsa}}"><s:Header>{blocks}</s:Header>'
    return message(f'{text}<s:Body><p:a xmlns:p="urn:x"/></s:Body></s:Envelope>', "")


def root_of(raw: bytes) -> etree._Element:
    """The tree."""
    return safe_xml.parse(raw)


def blocks_of(raw: bytes) -> dict[str, str]:
    """The header blocks of a message by local name, with their text."""
    header = root_of(raw)[0]
    return {etree.QName(block).localname: "".join(map(str, block.itertext())) for block in header}


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["name"])
def test_a_line_of_the_addressing_corpus_is_judged_as_it_says(case: dict[str, str]) -> None:
    """Accepted, or refused with this code, this subcode, and this header named."""
    root = root_of(raw_of(case["blocks"]))
    try:
        envelope.read(root)
    except WireError as error:
        problem = error.problem or Problem("")
        assert (error.code, problem.subcode, problem.header) == (case["code"], case["subcode"], case["header"])
    else:
        assert case["code"] == "ok"


def test_the_addressing_corpus_is_broad() -> None:
    """Every subcode that reading can give is there, and no name twice."""
    assert {case["subcode"] for case in CASES} - {""} == {
        "InvalidCardinality",
        "InvalidAddress",
        "InvalidEPR",
        "MissingAddressInEPR",
        "InvalidAddressingHeader",
        "MessageAddressingHeaderRequired",
    }
    assert len({case["name"] for case in CASES}) == len(CASES) >= 90


@pytest.mark.parametrize("case", [case for case in CASES if case["code"] != "ok"], ids=lambda case: case["name"])
def test_what_is_salvaged_of_a_refused_message_holds_nothing_that_is_wrong(case: dict[str, str]) -> None:
    """A property that is broken or stands twice is never used to answer (SOAP Binding 3.2)."""
    found = envelope.salvage(root_of(raw_of(case["blocks"])))
    values = {"To": found.to, "Action": found.action, "MessageID": found.message_id, "RelatesTo": found.relates_to}
    values |= {"ReplyTo": found.reply_to, "FaultTo": found.fault_to, "From": found.source}
    if case["subcode"]:
        assert values.get(case["header"], "") == ""


def test_a_message_without_header_has_nothing_to_salvage() -> None:
    """Neither has one that is no SOAP."""
    assert envelope.salvage(root_of(b"<a/>")) == wsa.NO_ADDRESSING
    assert envelope.salvage(root_of(raw_of("").replace(b"<s:Header></s:Header>", b""))) == wsa.NO_ADDRESSING


def test_reference_parameters_are_read_with_the_namespaces_in_their_values() -> None:
    """A QName in a parameter still means something where it is echoed."""
    key = '<k:key xmlns:k="urn:k">q:seven</k:key>'
    reply = f"<w:ReplyTo><w:Address>urn:r</w:Address><w:ReferenceParameters>{key}</w:ReferenceParameters></w:ReplyTo>"
    raw = raw_of(f"<w:Action>urn:a</w:Action>{reply}").replace(b"<s:Header>", b'<s:Header xmlns:q="urn:q">')
    read = envelope.read(root_of(raw)).addressing
    built = envelope.build(etree.Element("{urn:x}a"), addressing=REQUEST, parameters=read.reply_parameters)
    (echoed,) = root_of(built)[0].findall("{urn:k}key")
    assert (echoed.text, echoed.nsmap["q"], echoed.get(wsa.IS_REFERENCE_PARAMETER)) == ("q:seven", "urn:q", "true")


IRI = st.from_regex(r"urn:[a-z0-9:.]{1,30}", fullmatch=True)
PLACE = st.one_of(st.just(""), st.just(wsa.ANONYMOUS), st.just(wsa.NONE), IRI)
REQUESTS = st.builds(
    Addressing,
    message_id=IRI,
    action=IRI,
    to=PLACE,
    source=PLACE,
    reply_to=PLACE,
    fault_to=PLACE,
)


@given(request=REQUESTS, echoes=st.booleans(), fault=st.booleans())
def test_an_answer_goes_where_the_request_says_and_nowhere_else(request: Addressing, echoes: bool, fault: bool) -> None:
    """Core 3.4: FaultTo for a fault where there is one, else ReplyTo; RelatesTo the request; parameters of the one."""
    reply_parameters = PARAMETERS if echoes and request.reply_to else ""
    fault_parameters = PARAMETERS.replace("7", "8") if echoes and request.fault_to else ""
    asked = Addressing(
        message_id=request.message_id,
        action=request.action,
        reply_to=request.reply_to,
        fault_to=request.fault_to,
        reply_parameters=reply_parameters,
        fault_parameters=fault_parameters,
    )
    properties, parameters = addressing_fault.answer(asked, "urn:answer", "urn:m", fault=fault)
    chosen = request.fault_to if fault and request.fault_to else request.reply_to
    assert properties.relates_to == request.message_id
    assert properties.to == (chosen if wsa.is_addressed(chosen) else "")
    if chosen == wsa.NONE:
        assert parameters == ""
    else:
        assert parameters == (fault_parameters if fault and request.fault_to else reply_parameters)


FAULTS = {
    "a cardinality": (Problem("InvalidCardinality", "To"), "InvalidCardinality", {"ProblemHeaderQName": "wsa:To"}),
    "a mismatch": (
        Problem("ActionMismatch", "Action", "urn:a", "urn:b"),
        "ActionMismatch",
        {"ProblemHeaderQName": "wsa:Action", "Action": "urn:a", "SoapAction": "urn:b"},
    ),
    "an unknown action": (Problem("ActionNotSupported", action="urn:a"), "ActionNotSupported", {"Action": "urn:a"}),
    "a destination": (
        Problem("DestinationUnreachable", "To", iri="urn:t"),
        "DestinationUnreachable",
        {"ProblemHeaderQName": "wsa:To", "ProblemIRI": "urn:t"},
    ),
}


@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_of_addressing_carries_subcode_detail_and_properties(name: str) -> None:
    """faultcode, wsa:FaultDetail and Action as the SOAP Binding has them, and our code as ever."""
    problem, subcode, detail = FAULTS[name]
    raw = fault_bytes(WireError("CB1011", problem=problem), record_id="7", request=REQUEST)
    root = root_of(raw)
    fault = root[1][0]
    code = fault.findtext("faultcode") or ""
    assert code == f"wsa:{subcode}"
    assert fault.find("faultcode").nsmap["wsa"] == wsa.NAMESPACE
    block = root[0].find(f"{wsa.PREFIX}FaultDetail")
    assert block is not None
    shown = {etree.QName(each).localname: (each.text or "") for each in block.iterdescendants() if not len(each)}
    assert shown == detail
    read = envelope.read(root)
    assert read.addressing.action == addressing_fault.FAULT_ACTION
    assert (read.addressing.relates_to, read.addressing.message_id) == ("urn:uuid:1", "urn:chiikibus:shogai:7")
    assert (read_fault(read.body).faultcode, read_fault(read.body).code) == (subcode, "CB1011")


def test_any_other_fault_keeps_its_faultcode_and_is_related_all_the_same() -> None:
    """soap/fault says that SOAP's own codes are used."""
    read = envelope.read(root_of(fault_bytes(WireError("E0001"), record_id="7", request=REQUEST)))
    assert read.addressing.action == addressing_fault.SOAP_FAULT_ACTION
    assert (read.addressing.relates_to, read_fault(read.body).faultcode) == ("urn:uuid:1", "Client")


def test_a_plain_caller_gets_a_plain_fault() -> None:
    """No header at all, whatever the error is called in WS-Addressing."""
    root = root_of(fault_bytes(WireError("CB1011", problem=Problem("InvalidCardinality", "To"))))
    assert [etree.QName(child).localname for child in root] == ["Body"]
    assert read_fault(root[0][0]).faultcode == "Client"


def test_what_can_be_tried_again_is_an_unavailable_endpoint_with_its_time_in_milliseconds() -> None:
    """The same time as Retry-After has in seconds."""
    response = error_response(ChiikibusError("CB4002", retry_after_s=3), request=REQUEST)
    assert dict(response.headers)["Retry-After"] == "3"
    assert blocks_of(response.body)["FaultDetail"] == "3000"
    assert read_fault(root_of(response.body)[1]).faultcode == "EndpointUnavailable"


def test_a_fault_echoes_the_parameters_of_the_reference_it_goes_to() -> None:
    """Marked as what they are."""
    request = Addressing("urn:1", "urn:a", fault_to=wsa.ANONYMOUS, fault_parameters=PARAMETERS)
    header = root_of(fault_bytes(WireError("E0001"), request=request))[0]
    (echoed,) = header.findall("{urn:k}key")
    assert (echoed.text, echoed.get(wsa.IS_REFERENCE_PARAMETER)) == ("7", "true")


def test_written_properties_can_be_read_back_with_their_parameters() -> None:
    """From, ReplyTo and FaultTo are endpoint references."""
    value = Addressing(
        "urn:1", "urn:a", "urn:t", "urn:0", "urn:r", "urn:f", "urn:s", PARAMETERS, PARAMETERS.replace("7", "8")
    )
    read = envelope.read(root_of(envelope.build(etree.Element("{urn:x}a"), addressing=value))).addressing
    assert (read.source, read.reply_to, read.fault_to) == ("urn:s", "urn:r", "urn:f")
    assert etree.fromstring(read.reply_parameters)[0].text == "7"
    assert etree.fromstring(read.fault_parameters)[0].text == "8"
