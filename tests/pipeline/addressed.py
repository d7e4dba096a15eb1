"""Messages with WS-Addressing for the tests of the steps, and how their answers are read. All data is synthetic."""

from __future__ import annotations

from bus.core.ports import Consignment, HttpReply
from bus.core.states import State
from bus.deliver.outgoing import HouseOutgoing
from bus.pipeline import process
from bus.wire import envelope, safe_xml
from bus.wire.addressing import NAMESPACE, PREFIX
from bus.wire.envelope import Envelope
from bus.wire.fault import RemoteFault, read_fault
from bus.wire.http import Response
from tests.pipeline.fakes import World
from tests.pipeline.messages import JUKI, TOWN, addressing, inquiry, notice, request

ACTION = f"{JUKI}/jumin_shokai"
INQUIRY = "juki.jumin_shokai"
HERE = f"http://bus.example/{TOWN}/tax/juki"
OWN = "http://tax.example/soap"
DESK = "http://kokuho.example/soap"
PARAMETERS = (
    f'<wsa:ReferenceParameters xmlns:wsa="{NAMESPACE}"><k:key xmlns:k="urn:k">7</k:key></wsa:ReferenceParameters>'
)


def ask(message_id: str = "urn:uuid:1", action: str = ACTION, base_date: str = "2023-01-01", **more: str) -> bytes:
    """A resident inquiry with these properties."""
    return envelope.build(inquiry(base_date=base_date), addressing=addressing(message_id, action, **more))


def tell(**more: str) -> bytes:
    """A notice with these properties."""
    return envelope.build(notice(), addressing=addressing("urn:uuid:1", f"{JUKI}/ido_tsuchi", **more))


def read_of(raw: bytes) -> Envelope:
    """A message."""
    return envelope.read(safe_xml.parse(raw))


def fault_of(raw: bytes) -> RemoteFault:
    """A fault message."""
    return read_fault(read_of(raw).body)


def echo_of(raw: bytes) -> str | None:
    """The echoed reference parameter, if it is marked as one."""
    header = safe_xml.parse(raw)[0]
    found = header.find("{urn:k}key")
    return None if found is None or found.get(f"{PREFIX}IsReferenceParameter") != "true" else found.text


async def post(town: World, raw: bytes, caller: str = "tax", action: str = "") -> Response:
    """The caller posts to its door of juki."""
    return await process(town.house, request(raw, caller=caller, action=action))


async def deliver(town: World, consignment: Consignment, reply: HttpReply) -> State:
    """One attempt of a queued delivery with this answer, recorded as delivery records it."""
    verdict = await HouseOutgoing(lambda: town.house).judge(consignment, reply)
    town.journal.rows[consignment.exchange_id].states[0] = verdict.state
    return verdict.state
