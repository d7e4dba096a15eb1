"""The sequence in which the bus sends to one endpoint: its numbers, what is acknowledged, and its beginning and end.

Numbers are durable before they are used (``Sequences.depart``); what is kept here besides is read back from the journal
at the start. Whatever goes wrong with a sequence ends in the same way: a new one takes over, and all that is unfinished
gets new numbers in it, in the order of the old ones, under the same message ids.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Sequence
from typing import Final

from lxml import etree

from bus.core.errors import ChiikibusError, DeliveryError, ReliableError
from bus.core.ports import Clock, HttpReply, Ids, Journal, Outgoing, Sender
from bus.core.sequences import Role, SequenceKey, SequenceRecord, SequenceState
from bus.core.settings import ReliableSettings
from bus.core.states import FINAL, State
from bus.core.types import Endpoint, Finding
from bus.deliver.breaker import TLS_FAILURES
from bus.pipeline.sequence_out import protocol_message
from bus.wire import addressing as wsa
from bus.wire import envelope, safe_xml
from bus.wire.reliable import faults, names
from bus.wire.reliable.headers import ReliableHeaders, ask_block, read_headers, sequence_block
from bus.wire.reliable.messages import CreateSequence, create_body, end_body, read_create_response
from bus.wire.reliable.ranges import NOTHING, Ranges

RENEW_BEFORE: Final = 0.1
"""This part of a sequence's time before its end another one takes over."""

LOST: Final = "CB3021"
REFUSED: Final = "CB3022"


class OutgoingSequence:
    """One endpoint's sequence. ``ready`` says that numbers can be given; ``failing`` why it must be replaced."""

    def __init__(
        self,
        journal: Journal,
        sender: Sender,
        outgoing: Outgoing,
        clock: Clock,
        ids: Ids,
        log: Callable[..., None],
        settings: Callable[[], ReliableSettings],
    ) -> None:
        self._journal = journal
        self._sender = sender
        self._outgoing = outgoing
        self._clock = clock
        self._ids = ids
        self._log = log
        self._settings = settings
        self._record: SequenceRecord | None = None
        self._create_id = ""
        self._next = 1
        self._numbers: dict[str, int] = {}
        self._acknowledged = NOTHING
        self._untold = NOTHING
        self.failing = ""
        self.lock = asyncio.Lock()
        self.retransmissions = 0

    # -- what the worker asks ---------------------------------------------------------------------------------

    @property
    def key(self) -> SequenceKey | None:
        """The sequence's name, while there is one."""
        return None if self._record is None else self._record.key

    @property
    def ready(self) -> bool:
        """Whether deliveries can go now."""
        return self._record is not None and not self.failing

    @property
    def unfinished(self) -> int:
        """Numbers whose deliveries have not ended."""
        return len(self._numbers)

    @property
    def room(self) -> int:
        """How many new numbers may be given: the destination keeps no more than a window beyond a gap."""
        return max(0, self._settings().window - (self._next - self._acknowledged.expected))

    def number(self, delivery_id: str) -> int:
        """The number of a delivery, 0 for none yet."""
        return self._numbers.get(delivery_id, 0)

    def acknowledged(self, delivery_id: str) -> bool:
        """Whether the destination has it."""
        return self.number(delivery_id) in self._acknowledged

    def blocks(self, delivery_id: str, *, again: bool) -> list[etree._Element]:
        """The header blocks of a delivery; one that goes again asks for an acknowledgement. Errors: CB3021."""
        number = self.number(delivery_id)
        if self._record is None or not number:
            raise ReliableError(LOST, [Finding(LOST, path="wsrm:Sequence", got="none")])
        identifier = self._record.key.identifier
        self.retransmissions += again
        return [sequence_block(identifier, number), *([ask_block(identifier)] if again else [])]

    def look(self, endpoint: Endpoint) -> None:
        """Notice what others did to the sequence, and that its time is nearly over."""
        record = self._record
        if record is None or self.failing:
            return
        stored = self._journal.sequence(record.key)
        left = record.expires_at - self._clock.now()
        if stored is None or stored.state is not SequenceState.OPEN:
            self.failing = stored.code if stored is not None and stored.code else LOST
        elif record.expires_at and left < RENEW_BEFORE * (record.expires_at - record.created_at):
            self.failing = "expiring"
        elif record.acks_to != endpoint.address:
            self.failing = "moved"

    # -- numbers ----------------------------------------------------------------------------------------------

    def give(self, delivery_ids: Iterable[str]) -> list[tuple[int, str]]:
        """The next numbers, not yet durable."""
        given = list(enumerate(delivery_ids, self._next))
        self._numbers.update((delivery_id, number) for number, delivery_id in given)
        self._next += len(given)
        return given

    def take_back(self, given: Sequence[tuple[int, str]]) -> None:
        """They did not become durable."""
        for _, delivery_id in given:
            self._numbers.pop(delivery_id, None)
        self._next -= len(given)

    def finished(self, delivery_ids: Iterable[str]) -> None:
        """These have ended. One that the destination never got leaves a gap that only a new sequence can mend."""
        for delivery_id in delivery_ids:
            number = self._numbers.pop(delivery_id, 0)
            if number and number not in self._acknowledged:
                self.failing = self.failing or "gap"

    def used_up(self, delivery_id: str) -> None:
        """The destination has used the number and wants the message once more: it goes under a new one."""
        self._numbers.pop(delivery_id, None)

    def heard(self, headers: ReliableHeaders) -> bool:
        """Acknowledgements of the destination, and whether it says that there is no such sequence any more.

        An acknowledgement of numbers that were never given is not believed.
        """
        record = self._record
        for told in headers.acknowledgements:
            if record is None or told.identifier != record.key.identifier:
                continue
            if told.ranges.highest >= self._next:
                self._say("sequence.acknowledgement_refused", "CB3015")
            else:
                self._untold = self._untold.union(told.ranges)
                self._acknowledged = self._acknowledged.union(told.ranges)
        fault = headers.fault
        if fault is None or fault.name not in faults.LOST or record is None:
            return False
        if fault.identifier in {"", record.key.identifier}:
            self.failing = self.failing or LOST
        return True

    def untold(self) -> Ranges:
        """Acknowledged numbers that the journal does not know yet; they count as told."""
        untold, self._untold = self._untold, NOTHING
        return untold

    # -- beginning and end ------------------------------------------------------------------------------------

    def load(self, endpoint: Endpoint) -> None:
        """Go on with the sequence that was there when the bus ended.

        One that was ended from outside meanwhile still gives what is unfinished, in its order, to the next one.
        """
        found = self._journal.sequences(
            role=Role.SOURCE, municipality=endpoint.municipality, endpoint=endpoint.id, live=False
        )
        if not found or found[-1].state is SequenceState.TERMINATED:
            return
        record = found[-1]
        departures = self._journal.departures(record.key)
        if record.state is not SequenceState.OPEN:
            if all(each.state in FINAL or each.state is State.PARKED for each in departures):
                return
            self.failing = record.code or LOST
        self._record = record
        self._acknowledged = Ranges(record.acknowledged)
        self._next = Ranges(record.numbers).highest + 1
        for each in departures:
            if each.state not in FINAL and each.state is not State.PARKED:
                self._numbers[each.delivery_id] = each.number
            elif each.number not in self._acknowledged:
                self.failing = self.failing or "gap"

    async def begin(self, endpoint: Endpoint) -> None:
        """Have the destination create a sequence, and move there what is unfinished.

        Errors: CB5001 to CB5003 it was not reached, CB3022 it did not create one, CB4001.
        """
        old, now = self._record, self._clock.now()
        wish = CreateSequence(wsa.ANONYMOUS, self._settings().expires_s)
        # The same id until it is answered: a destination that got it twice creates one sequence.
        self._create_id = self._create_id or self._ids.message()
        read = await self._ask(endpoint, names.CREATE, create_body(wish), message_id=self._create_id)
        if str(read.body.tag) != names.CREATE_RESPONSE:
            raise _refused("Body", names.CREATE_RESPONSE, str(read.body.tag))
        created = read_create_response(read.body)
        self._create_id = ""
        key = SequenceKey(Role.SOURCE, endpoint.municipality, endpoint.id, created.identifier)
        expires_at = now + created.expires_s if created.expires_s else 0.0
        record = SequenceRecord(key, endpoint.key, now, expires_at=expires_at, acks_to=endpoint.address)
        async with self.lock:
            carried = sorted((number, delivery_id) for delivery_id, number in self._numbers.items())
            moved = [(number, delivery_id) for number, (_, delivery_id) in enumerate(carried, 1)]
            if old is None:
                await self._journal.begin([record])
            else:
                await self._journal.renew(old.key, self.failing, record, moved)
            self._record, self._next = record, len(moved) + 1
            self._numbers = {delivery_id: number for number, delivery_id in moved}
            self._acknowledged = self._untold = NOTHING
            reason, self.failing = self.failing, ""
        self._say("sequence.created", reason if reason.startswith("CB") else "", count=len(moved))

    async def end(self, endpoint: Endpoint) -> None:
        """Close and terminate towards the destination. Errors: CB5001 to CB5003, CB3021, CB3022."""
        record = self._record
        if record is None:
            return
        identifier, last = record.key.identifier, self._next - 1
        for tag in (names.CLOSE, names.TERMINATE):
            await self._ask(endpoint, tag, end_body(tag, identifier, last))

    async def retire(self, endpoint: Endpoint) -> None:
        """End a sequence in which nothing is unfinished, here and there. Errors: as ``end``; CB4001."""
        record = self._record
        if record is None or self._numbers:
            return
        try:
            if self.failing != LOST:
                await self.end(endpoint)
        finally:
            await self._journal.end(record.key, SequenceState.TERMINATED, self._clock.now(), last=self._next - 1)
            self._say("sequence.ended", "", state=SequenceState.TERMINATED)
            self._record, self._next, self.failing = None, 1, ""
            self._acknowledged = self._untold = NOTHING

    async def _ask(
        self, endpoint: Endpoint, tag: str, body: etree._Element, *, message_id: str = ""
    ) -> envelope.Envelope:
        """Send a protocol message; its answer, whose acknowledgements are heard. Errors: CB3021, CB3022, CB5xxx."""
        message_id = message_id or self._ids.message()
        raw = protocol_message(tag, body, endpoint, message_id)
        sent, headers = self._outgoing.protocol(endpoint, raw, names.action(tag))
        reply = await self._sender.post(endpoint, sent, headers, endpoint.timeout_s)
        opened = self._outgoing.opened(endpoint, reply, message_id)
        read = _read(opened)
        blocks = read_headers(read.headers)
        self.heard(blocks)
        if read.is_fault:
            faultcode = (read.body.findtext("faultcode") or "").rpartition(":")[2][:64]
            code = LOST if blocks.fault is not None and blocks.fault.name in faults.LOST else REFUSED
            raise ReliableError(code, [Finding(code, path=names.action(tag), got=f"fault {faultcode}")])
        return read

    def _say(self, event: str, code: str, **more: object) -> None:
        record = self._record
        if record is not None:
            key = record.key
            endpoint = f"{key.municipality}/{key.endpoint}"
            self._log(event, endpoint=endpoint, sequence=key.identifier, code=code, **more)


def _read(reply: HttpReply) -> envelope.Envelope:
    """The answer to a protocol message. Errors: CB3022 when it is none."""
    if not reply.body.strip():
        raise _refused("HTTP status", "200", str(reply.status))
    try:
        return envelope.read(safe_xml.parse(reply.body, reply.content_type))
    except ChiikibusError as error:
        raise ReliableError(REFUSED, error.findings) from None


def _refused(path: str, expected: str, got: str) -> ReliableError:
    """CB3022 at one place of an answer."""
    return ReliableError(REFUSED, [Finding(REFUSED, path=path, expected=expected, got=got[:128])])


def unreachable(error: ChiikibusError) -> bool:
    """Whether an endpoint is away, rather than a message lost on the way: losses are what sequences are for."""
    return isinstance(error, DeliveryError) and error.code in {"CB5001", "CB5005", *TLS_FAILURES}
