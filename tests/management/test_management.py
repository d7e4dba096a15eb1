"""The management service as a zeep client sees it, and what it must never do."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterator, Sequence

import pytest
import requests
import zeep
from lxml import etree
from zeep.transports import Transport

from bus.core.errors import ChiikibusError, RightsError, WireError
from bus.core.types import Endpoint
from bus.front.management import NAMESPACE, DeliveryStatus, LateReply, ManagementService, RouteAnswer
from bus.wire import envelope
from bus.wire.fault import fault_bytes
from bus.wire.http import Request

URL = "http://bus.invalid/management"
TAX = Endpoint("tax", "990019", "kojinjuminzei", purpose="kazei")
MESSAGE_ID = "urn:uuid:00000000-0000-4000-8000-000000000001"


class FakeDesk:
    """Knows one message, sent by the tax system."""

    def deliveries(self, caller: Endpoint, message_id: str) -> Sequence[DeliveryStatus]:
        """One delivery per target."""
        if (caller, message_id) != (TAX, MESSAGE_ID):
            return []
        return [
            DeliveryStatus(
                MESSAGE_ID, "0" * 32, "juki.ido_tsuchi", target, "PARKED", 3, "CB5004", "2026-01-01T00:00:00Z"
            )
            for target in ("990019/tax", "990019/kokuho")
        ]

    def route(self, caller: Endpoint, operation: str, purpose: str) -> RouteAnswer:
        """Allows one operation; a programming error for another."""
        if operation == "broken":
            raise ZeroDivisionError
        if (operation, purpose) == ("juki.jumin_shokai", "kazei"):
            return RouteAnswer(True, "direct", ("juki",), "", ("juminhyokodo",))
        return RouteAnswer(False, code="CB2002")

    def late_reply(self, caller: Endpoint, message_id: str) -> LateReply | None:
        """The reply has come."""
        if (caller, message_id) != (TAX, MESSAGE_ID):
            return None
        reply = etree.Element("{urn:chiikibus:standard:1.0:kojinjuminzei}shotoku_shokai_kaito")
        return LateReply("REPLIED", "0" * 32, envelope.build(reply))

    def close(self) -> None:
        """Nothing is open."""


@pytest.fixture
def service() -> Iterator[ManagementService]:
    """The service with the fake desk."""
    service = ManagementService(FakeDesk())
    yield service
    service.close()


class InProcess(Transport):
    """A zeep transport that calls the service without a network."""

    def __init__(self, service: ManagementService, caller: Endpoint = TAX) -> None:
        super().__init__()
        self.service = service
        self.caller = caller

    def load(self, url: str) -> bytes:
        """The WSDL."""
        return self.service.wsdl(URL)

    def post(self, address: str, message: bytes, headers: dict[str, str]) -> requests.Response:
        """One call; an error is answered as the front answers it."""
        assert address == URL
        response = requests.Response()
        request = Request("POST", "/management", {"content-type": headers["Content-Type"]}, message)
        try:
            answered = asyncio.run(self.service.answer(request, self.caller))
            response.status_code, response._content = answered.status, answered.body
        except ChiikibusError as error:
            response.status_code, response._content = 500, fault_bytes(error)
        response.headers["Content-Type"] = "text/xml; charset=utf-8"
        response.encoding = "utf-8"
        return response


@pytest.fixture
def client(service: ManagementService) -> zeep.Client:
    """A zeep client that knows nothing but the served WSDL."""
    return zeep.Client(f"{URL}?wsdl", transport=InProcess(service))


def test_echo_returns_every_character(client: zeep.Client) -> None:
    """Japanese text with an ideographic variation sequence and a supplementary character comes back unchanged."""
    text = "髙󠄀𠮷 地域\u3000<&>"
    assert client.service.echo(text) == text


def test_delivery_status_lists_every_target(client: zeep.Client) -> None:
    """One row per delivery, with state, attempts and code."""
    rows = client.service.haiso_jokyo(MESSAGE_ID)
    assert [(row.soshinsaki, row.jotai, row.kaisu, row.kodo) for row in rows] == [
        ("990019/tax", "PARKED", 3, "CB5004"),
        ("990019/kokuho", "PARKED", 3, "CB5004"),
    ]


def test_another_caller_sees_nothing_of_it(service: ManagementService) -> None:
    """A message belongs to who sent it: for others it does not exist."""
    other = zeep.Client(f"{URL}?wsdl", transport=InProcess(service, Endpoint("tax", "131016", "kojinjuminzei")))
    assert not other.service.haiso_jokyo(MESSAGE_ID)
    with pytest.raises(zeep.exceptions.Fault) as caught:
        other.service.kaito_shutoku(MESSAGE_ID)
    assert "CB2008" in etree.tostring(caught.value.detail).decode()


def test_route_look_up_says_whether_and_where(client: zeep.Client) -> None:
    """The purpose defaults to the caller's own; a refusal names its code."""
    allowed = client.service.keiro_shokai("juki.jumin_shokai")
    assert (allowed.kyoka, allowed.hoshiki, allowed.soshinsaki) == ("1", "direct", ["juki"])
    assert allowed.hikaiji_komoku == ["juminhyokodo"]
    refused = client.service.keiro_shokai("juki.setai_shokai", "kazei")
    assert (refused.kyoka, refused.kodo) == ("0", "CB2002")


def test_a_late_reply_is_fetched_with_its_payload(client: zeep.Client) -> None:
    """The payload of the journalled reply comes as XML."""
    found = client.service.kaito_shutoku(MESSAGE_ID)
    assert found.jotai == "REPLIED"
    assert etree.QName(found.naiyo[0]).localname == "shotoku_shokai_kaito"


def envelope_with(inner: str) -> bytes:
    """A SOAP message around a payload text."""
    return (
        '<soap:Envelope xmlns:soap="http://schemas.xmlsoap.org/soap/envelope/"><soap:Body>'
        f"{inner}</soap:Body></soap:Envelope>"
    ).encode()


REFUSED = {
    "doctype": (b'<!DOCTYPE a [<!ENTITY b "c">]>' + envelope_with(f'<echo xmlns="{NAMESPACE}"/>'), "CB1005"),
    "broken": (b"<a", "CB1004"),
    "no envelope": (b"<a/>", "CB1007"),
    "must understand": (
        envelope_with(f'<echo xmlns="{NAMESPACE}"/>').replace(
            b"<soap:Body>",
            b'<soap:Header><x:y xmlns:x="urn:x" soap:mustUnderstand="1"/></soap:Header><soap:Body>',
        ),
        "CB1009",
    ),
    "other namespace": (envelope_with('<echo xmlns="urn:other"/>'), "CB1013"),
    "unknown operation": (envelope_with(f'<shokyo xmlns="{NAMESPACE}"/>'), "CB1016"),
    "missing item": (envelope_with(f'<haiso_jokyo xmlns="{NAMESPACE}"/>'), "CB1016"),
    "too long": (envelope_with(f'<echo xmlns="{NAMESPACE}"><moji>{"x" * 300}</moji></echo>'), "CB1016"),
    "endless href": (
        envelope_with(f'<echo xmlns="{NAMESPACE}"><moji id="a"><moji href="#a"/></moji></echo>'),
        "CB1016",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
async def test_nothing_unfit_reaches_spyne(service: ManagementService, case: str) -> None:
    """What crashes or misleads spyne is refused by our own layer with its code."""
    raw, code = REFUSED[case]
    with pytest.raises(WireError) as caught:
        await service.answer(Request("POST", "/management", {"content-type": "text/xml; charset=utf-8"}, raw), TAX)
    assert caught.value.code == code


async def test_a_failure_inside_is_coded_and_silent(
    service: ManagementService, caplog: pytest.LogCaptureFixture
) -> None:
    """A programming error is CB9001 for the caller, and spyne writes nothing about it or the document."""
    raw = envelope_with(f'<keiro_shokai xmlns="{NAMESPACE}"><sosa>broken</sosa></keiro_shokai>')
    with caplog.at_level(logging.DEBUG), pytest.raises(ChiikibusError) as caught:
        await service.answer(Request("POST", "/management", {"content-type": "text/xml; charset=utf-8"}, raw), TAX)
    assert caught.value.code == "CB9001"
    assert not isinstance(caught.value, RightsError)
    assert [record for record in caplog.records if record.name.startswith("spyne")] == []


def test_the_wsdl_names_the_address_it_was_asked_for(service: ManagementService) -> None:
    """Two names of one bus each get a WSDL that leads back to them, in any order."""
    first = service.wsdl("http://a.invalid/management")
    second = service.wsdl("https://b.invalid/management")
    assert b'location="http://a.invalid/management"' in first
    assert b'location="https://b.invalid/management"' in second
