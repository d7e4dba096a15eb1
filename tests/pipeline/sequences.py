"""A source for the tests of the destination: messages in sequences against a house with a real journal."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

from lxml import etree

from bus.core.settings import ReliableSettings, Site
from bus.core.types import Addressing
from bus.journal.sqlite import SqliteJournal
from bus.pipeline import process
from bus.wire import addressing as wsa
from bus.wire import envelope, safe_xml, splice
from bus.wire.http import XML, Response
from bus.wire.reliable import messages, names
from bus.wire.reliable.headers import ReliableHeaders, read_headers, sequence_block
from tests.pipeline.fakes import World, site, world
from tests.pipeline.messages import JUKI, TOWN, inquiry, notice, request

NOTICE = f"{JUKI}/ido_tsuchi"
INQUIRY = f"{JUKI}/jumin_shokai"


@dataclass(slots=True)
class Answer:
    """What came back: status, fault code of the catalogue, blocks of the protocol and the Body's child."""

    status: int
    raw: bytes
    code: str = ""
    faultcode: str = ""
    headers: ReliableHeaders = field(default_factory=ReliableHeaders)
    addressing: Addressing = field(default_factory=Addressing)
    body: etree._Element | None = None

    @property
    def spans(self) -> tuple[tuple[int, int], ...]:
        """The ranges of the one acknowledgement."""
        (told,) = self.headers.acknowledgements
        return told.ranges.spans


def read(response: Response) -> Answer:
    """A response taken apart."""
    if not response.body or not response.content_type.startswith("text/xml"):
        return Answer(response.status, response.body)
    found = envelope.read(safe_xml.parse(response.body, response.content_type))
    return Answer(
        response.status,
        response.body,
        found.body.findtext("detail/{*}shogai/{*}kodo") or "" if found.is_fault else "",
        found.body.findtext("faultcode") or "" if found.is_fault else "",
        read_headers(found.headers),
        found.addressing,
        found.body,
    )


class Source:
    """One endpoint that sends in sequences."""

    def __init__(self, town: World, caller: str = "juki") -> None:
        self.town = town
        self.caller = caller
        self.count = 0

    async def post(self, raw: bytes, *, unit: str = "juki", content_type: str = XML) -> Answer:
        """Any message."""
        asked = request(raw, caller=self.caller, unit=unit, content_type=content_type)
        return read(await process(self.town.house, asked))

    async def protocol(self, tag: str, body: etree._Element, **properties: str) -> Answer:
        """A protocol message."""
        self.count += 1
        headers = Addressing(message_id=f"urn:uuid:protocol-{self.caller}-{self.count}", action=names.action(tag))
        return await self.post(envelope.build(body, addressing=replace(headers, **properties)))

    async def create(self, acks_to: str = wsa.ANONYMOUS, offer: str = "", expires_s: float = 0.0) -> str:
        """A new sequence's identifier."""
        answer = await self.wish(messages.CreateSequence(acks_to, expires_s, messages.Offer(offer) if offer else None))
        assert answer.body is not None
        assert answer.status == 200, answer.code
        return messages.read_create_response(answer.body).identifier

    async def wish(self, wish: messages.CreateSequence, **properties: str) -> Answer:
        """CreateSequence."""
        return await self.protocol(names.CREATE, messages.create_body(wish), **properties)

    async def end(self, tag: str, identifier: str, last: int = 0) -> Answer:
        """CloseSequence or TerminateSequence."""
        return await self.protocol(tag, messages.end_body(tag, identifier, last))

    async def tell(self, identifier: str, number: int, *, message_id: str = "", **changed: str) -> Answer:
        """A notice with a number."""
        return await self.post(self.notice(identifier, number, message_id=message_id, **changed))

    def notice(self, identifier: str, number: int, *, message_id: str = "", **changed: str) -> bytes:
        """Its bytes."""
        headers = Addressing(message_id=message_id or f"urn:uuid:{identifier[-4:]}-{number}", action=NOTICE)
        values = {"atenabango": f"{number:015d}", **changed}
        plain = envelope.build(notice(**values), addressing=headers)
        return splice.inserted(plain, [sequence_block(identifier, number)])

    async def ask(self, identifier: str, number: int, message_id: str = "") -> Answer:
        """An inquiry with a number."""
        headers = Addressing(message_id=message_id or f"urn:uuid:{identifier[-4:]}-{number}", action=INQUIRY)
        plain = envelope.build(inquiry(), addressing=headers)
        return await self.post(splice.inserted(plain, [sequence_block(identifier, number)]))

    async def blocks(self, *added: etree._Element) -> Answer:
        """A message of header blocks alone."""
        root = etree.Element(envelope.ENVELOPE, nsmap={"soap": envelope.SOAP})
        header = etree.SubElement(root, envelope.HEADER)
        header.extend(added)
        etree.SubElement(root, envelope.BODY)
        return await self.post(splice.serialised(root))


@asynccontextmanager
async def reliable_town(folder: Path, given: Site | None = None, **limits: object) -> AsyncIterator[World]:
    """A town whose house has a real journal; ``limits`` are fields of ``ReliableSettings``."""
    wanted = replace(given or site(), reliable=replace(ReliableSettings(), **limits))
    town = world(wanted)
    journal = SqliteJournal(folder / "journal.sqlite", clock=town.clock)
    await journal.open()
    town.house = replace(town.house, journal=journal)
    try:
        yield town
    finally:
        await journal.close()


def handed(town: World, target: str = "tax") -> list[str]:
    """The message ids handed over for one target, in their order."""
    return [each.message_id for each in town.outbox.handed if each.target == target]


def ids(identifier: str, numbers: Sequence[int]) -> list[str]:
    """The message ids of these numbers."""
    return [f"urn:uuid:{identifier[-4:]}-{number}" for number in numbers]


__all__ = ["TOWN", "Answer", "Source", "handed", "ids", "read", "reliable_town"]
