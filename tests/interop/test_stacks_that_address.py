"""Stacks that speak WS-Addressing themselves: what they demand of an answer, the bus gives."""

from __future__ import annotations

import json

import pytest
import requests
import zeep
from lxml import etree
from zeep.plugins import HistoryPlugin
from zeep.transports import Transport
from zeep.wsa import WsAddressingPlugin

from bus.core.types import Addressing
from bus.wire import envelope, safe_xml
from bus.wire.addressing_fault import FAULT_ACTION, SOAP_FAULT_ACTION
from tests.interop.conftest import Town
from tests.interop.stacks import Workshop, class_path, output_of

pytestmark = [pytest.mark.system, pytest.mark.slow, pytest.mark.timeout(400)]

NUMBER, BASE_DATE = "000000000000123", "2026-01-01"


def test_jax_ws_gets_the_addressing_that_it_demands(workshop: Workshop, town: Town) -> None:
    """A receipt, a fault of the bus and the answer of a plain provider, all with AddressingFeature(required)."""
    place = workshop.java(town.door.wsdl)
    java = ["java", "-XX:TieredStopAtLevel=1", "-cp", class_path(place), "Addressed"]
    said = output_of([*java, town.door.wsdl, town.door.user, town.door.secret, NUMBER, BASE_DATE])
    told = {name: value for line in said.splitlines() for name, value in json.loads(line).items()}
    assert (told["record"], told["fault"]) == (NUMBER, "E0002")
    assert told["receipt"].startswith("uuid:") or told["receipt"].startswith("urn:uuid:")


def refused_by(town: Town, *plugins: object) -> tuple[zeep.exceptions.Fault, HistoryPlugin]:
    """The fault that zeep sees for a wrong date, and what went over the line."""
    session = requests.Session()
    session.auth = (town.door.user, town.door.secret)
    history = HistoryPlugin()
    client = zeep.Client(town.door.wsdl, transport=Transport(session=session), plugins=[*plugins, history])
    with pytest.raises(zeep.exceptions.Fault) as refused:
        client.service.jumin_shokai(atenabango=NUMBER, kijunbi="2025-13-01")
    return refused.value, history


def properties(message: etree._Element) -> Addressing:
    """What a message says of WS-Addressing."""
    return envelope.read(safe_xml.parse(etree.tostring(message))).addressing


def test_zeep_addresses_since_the_wsdl_states_actions_and_is_answered_in_kind(town: Town) -> None:
    """RelatesTo is the id that zeep gave, and the fault's action that of the WSDL."""
    fault, history = refused_by(town)
    sent = properties(history.last_sent["envelope"])
    got = properties(history.last_received["envelope"])
    assert (sent.to, sent.action) == (town.door.url, "urn:chiikibus:standard:1.0:juki/jumin_shokai")
    assert (got.relates_to, got.action) == (sent.message_id, SOAP_FAULT_ACTION)
    assert fault.code == "soap:Client"


def test_a_plugin_that_addresses_once_more_is_told_so(town: Town) -> None:
    """zeep then sends every header twice: the bus answers with the name that WS-Addressing has for it."""
    fault, history = refused_by(town, WsAddressingPlugin())
    assert fault.code == "wsa:InvalidCardinality"
    assert properties(history.last_received["envelope"]).action == FAULT_ACTION
