"""A destination of sequences without a process or a line: in order, once, and as unkind as its script says."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from lxml import etree

from bus.core.errors import DeliveryError
from bus.core.ports import Consignment, HttpReply
from bus.core.types import Addressing, Endpoint
from bus.wire import envelope, safe_xml, splice
from bus.wire.http import XML
from bus.wire.reliable import faults, messages, names
from bus.wire.reliable.headers import acknowledgement_block, read_headers
from bus.wire.reliable.ranges import NOTHING, Ranges
from tests.deliver.harness import PlainOutgoing
from tests.support.deliveries import MUNICIPALITY

TARGET = Endpoint(
    "tax", MUNICIPALITY, "kojinjuminzei", address="http://tax.invalid/", concurrency=4, timeout_s=5, reliable=True
)

FATES = ("carried", "lost", "unanswered", "doubled", "late", "no ack", "stale ack", "bold ack", "forgotten", "restart")
"""What may become of one post. ``late``: others overtake it; ``forgotten``: the destination knows its sequences no
more; ``restart``: the bus ends while it waits for the answer."""


@dataclass(slots=True)
class Inbound:
    """A sequence at the destination: what it has of each number, and up to which it passed them on."""

    had: dict[int, str] = field(default_factory=dict)
    passed: int = 0
    ended: bool = False

    @property
    def ranges(self) -> Ranges:
        """All that is acknowledged."""
        return Ranges.of((number, number) for number in self.had)


class SequencedOutgoing(PlainOutgoing):
    """The blocks put into the message, as the pipeline does; 2xx is a success."""

    def request(
        self, consignment: Consignment, endpoint: Endpoint, blocks: Sequence[etree._Element] = ()
    ) -> tuple[bytes, Sequence[tuple[str, str]], None]:
        """The message with its number."""
        return splice.inserted(consignment.raw, blocks), [("Chiikibus-Message-Id", consignment.message_id)], None

    def protocol(self, endpoint: Endpoint, raw: bytes, action: str) -> tuple[bytes, Sequence[tuple[str, str]]]:
        """As it is."""
        return raw, []

    def opened(self, endpoint: Endpoint, reply: HttpReply, message_id: str) -> HttpReply:
        """As it is."""
        return reply


class Destination:
    """Implements ``Sender`` on both sides of the line. ``taken`` are message ids as they were passed on, once each."""

    def __init__(self, fates: Iterable[str] = ()) -> None:
        self.fates = iter(fates)
        self.sequences: dict[str, Inbound] = {}
        self.creations: dict[str, str] = {}
        self.taken: list[str] = []
        self.posts: list[tuple[str, str, int]] = []
        self.asked = 0
        self.refuse_creation = 0
        self.expires_s = 0.0
        self.ends: list[str] = []
        self.restart = asyncio.Event()
        self._copies: set[asyncio.Task[None]] = set()

    async def post(
        self, endpoint: Endpoint, body: bytes, headers: Sequence[tuple[str, str]], deadline_s: float
    ) -> HttpReply:
        """One message over the line."""
        fate = next(self.fates, "carried")
        if fate == "lost":
            raise DeliveryError("CB5003")
        if fate == "late":
            await _give_way(40)
        if fate == "forgotten" and all(each.passed == each.ranges.highest for each in self.sequences.values()):
            self.sequences.clear()
        before = {name: each.ranges for name, each in self.sequences.items()}
        reply = self.take(body)
        if fate == "doubled":
            copy = asyncio.create_task(self._copy(body))
            self._copies.add(copy)
            copy.add_done_callback(self._copies.discard)
        if fate == "unanswered":
            raise DeliveryError("CB5002")
        if fate == "restart":
            self.restart.set()
            await asyncio.Event().wait()
        if fate in {"no ack", "stale ack", "bold ack"}:
            return self._retold(reply, fate, before)
        return reply

    def take(self, raw: bytes) -> HttpReply:
        """What a destination that keeps to the rules answers."""
        read = envelope.read(safe_xml.parse(raw, XML))
        tag, headers = str(read.body.tag), read_headers(read.headers)
        self.asked += len(headers.asked)
        if tag == names.CREATE:
            return self._create(read)
        if tag in {names.CLOSE, names.TERMINATE}:
            return self._end(tag, messages.read_end(read.body))
        place = headers.place
        assert place is not None
        self.posts.append((read.addressing.message_id, place.identifier, place.number))
        sequence = self.sequences.get(place.identifier)
        if sequence is None or sequence.ended:
            return fault(place.identifier)
        known = sequence.had.setdefault(place.number, read.addressing.message_id)
        assert known == read.addressing.message_id, "a number stands for one message"
        while sequence.passed + 1 in sequence.had:
            sequence.passed += 1
            message_id = sequence.had[sequence.passed]
            if message_id not in self.taken:
                self.taken.append(message_id)
        return answer([acknowledgement_block(place.identifier, sequence.ranges)])

    def _create(self, read: envelope.Envelope) -> HttpReply:
        if self.refuse_creation:
            self.refuse_creation -= 1
            return fault("", "CreateSequenceRefused")
        name = self.creations.setdefault(read.addressing.message_id, f"urn:x-example:{len(self.creations) + 1}")
        self.sequences.setdefault(name, Inbound())
        body = messages.create_response_body(messages.CreateSequenceResponse(name, self.expires_s))
        return HttpReply(200, XML, envelope.build(body, addressing=Addressing(action="urn:x")))

    def _end(self, tag: str, wish: messages.EndOfSequence) -> HttpReply:
        sequence = self.sequences.get(wish.identifier)
        self.ends.append(f"{tag.rpartition('}')[2]} {wish.last_number}")
        if sequence is None:
            return fault(wish.identifier)
        sequence.ended = True
        response = names.CLOSE_RESPONSE if tag == names.CLOSE else names.TERMINATE_RESPONSE
        told = acknowledgement_block(wish.identifier, sequence.ranges, final=True)
        raw = envelope.build(messages.end_body(response, wish.identifier), addressing=Addressing(action="urn:x"))
        return HttpReply(200, XML, splice.inserted(raw, [told]))

    async def _copy(self, raw: bytes) -> None:
        await _give_way(25)
        self.take(raw)

    @staticmethod
    def _retold(reply: HttpReply, fate: str, before: dict[str, Ranges]) -> HttpReply:
        """The same answer with no acknowledgement, an old one, or one of numbers that were never given."""
        blocks = read_headers(envelope.read(safe_xml.parse(reply.body, XML)).headers)
        if reply.status != 200 or not blocks.acknowledgements:
            return reply
        name = blocks.acknowledgements[0].identifier
        raw = splice.without(reply.body, lambda tag: tag == names.ACKNOWLEDGEMENT)
        if fate == "stale ack":
            raw = splice.inserted(raw, [acknowledgement_block(name, before.get(name, NOTHING))])
        elif fate == "bold ack":
            raw = splice.inserted(raw, [acknowledgement_block(name, Ranges.of([(1, 10_000)]))])
        return HttpReply(200, XML, raw)


def message(message_id: str) -> bytes:
    """A small message with this id."""
    return envelope.build(
        etree.Element("{urn:x-example}tsuchi"), addressing=Addressing(message_id=message_id, action="urn:x")
    )


def answer(blocks: Sequence[etree._Element]) -> HttpReply:
    """A receipt with these blocks."""
    raw = envelope.build(etree.Element("{urn:x-example}uketsuke"), addressing=Addressing(action="urn:x"))
    return HttpReply(200, XML, splice.inserted(raw, blocks))


def fault(identifier: str, name: str = "UnknownSequence") -> HttpReply:
    """A fault of the protocol."""
    element = etree.Element(envelope.FAULT, nsmap={"wsrm": names.NAMESPACE})
    etree.SubElement(element, "faultcode").text = "soap:Client" if identifier else f"wsrm:{name}"
    etree.SubElement(element, "faultstring").text = "no"
    raw = envelope.build(element, addressing=Addressing(action=names.FAULT_ACTION))
    code = next((code for code, known in faults.FAULTS.items() if known == name), "")
    block = faults.sequence_fault_block(code, identifier) if identifier else None
    return HttpReply(500, XML, raw if block is None else splice.inserted(raw, [block]))


async def _give_way(times: int) -> None:
    """Let everybody else go first, so many times."""
    for _ in range(times):
        await asyncio.sleep(0)
