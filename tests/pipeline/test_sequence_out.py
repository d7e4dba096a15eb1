"""What the bus adds to a message that it sends in a sequence, and what it leaves as it is."""

from __future__ import annotations

import pytest

from bus.core.types import Endpoint
from bus.pipeline.sequence_out import in_sequence
from bus.wire import envelope, safe_xml
from bus.wire.reliable.headers import read_headers, sequence_block
from tests.support.deliveries import acceptance, consignment

TARGET = Endpoint("tax", "990019", "kojinjuminzei", address="http://tax.invalid/soap")
BODY = b"<s:Body ><x:a  xmlns:x='urn:x'\tb = '1'>&#65;<!-- kept --></x:a></s:Body>"
WSA = b"xmlns:w='http://www.w3.org/2005/08/addressing'"
OWN = b"<s:Header><w:MessageID " + WSA + b">urn:x:own</w:MessageID><w:Action " + WSA + b">urn:x:act</w:Action>"
OWN += b"<w:To " + WSA + b">http://bus.invalid/</w:To></s:Header>"


@pytest.mark.parametrize(
    ("header", "action"), [(b"", "urn:x:given"), (b"<s:Header/>", "urn:x:given"), (OWN, "urn:x:act")]
)
def test_a_message_in_a_sequence_keeps_every_byte_of_its_body(header: bytes, action: str) -> None:
    """The number and the addresses of the hop are added; MessageID and Action stay the sender's where it has some."""
    raw = b"<s:Envelope xmlns:s='http://schemas.xmlsoap.org/soap/envelope/'>" + header + BODY + b"</s:Envelope>"
    carried = consignment(acceptance("urn:x:own"))
    sent = in_sequence(raw, carried, TARGET, "urn:x:given", [sequence_block("urn:x:sequence", 7)])
    assert sent.endswith(BODY + b"</s:Envelope>")
    read = envelope.read(safe_xml.parse(sent, "text/xml"))
    place = read_headers(read.headers).place
    assert place is not None
    assert (place.identifier, place.number) == ("urn:x:sequence", 7)
    properties = read.addressing
    assert (properties.message_id, properties.action, properties.to) == ("urn:x:own", action, TARGET.address)
