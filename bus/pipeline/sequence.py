"""A message's way through a sequence: its blocks are read and cut off, its number is used up with step 9.

What a sequence is, who may have one and what is answered stands in ``bus.pipeline.reliable``; this file is what the
steps 3, 9 and 10 need of it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from hashlib import sha256
from typing import Final

from lxml import etree

from bus.core.errors import DuplicateError, ReliableError, WireError
from bus.core.ports import Acceptance, Consignment
from bus.core.sequences import Admission, Arrival, Role, SequenceKey
from bus.core.states import State
from bus.core.types import Exchange, Finding, Known
from bus.pipeline.house import House
from bus.wire import safe_xml, splice
from bus.wire.envelope import BODY, Envelope
from bus.wire.reliable import names
from bus.wire.reliable.faults import FAULTS
from bus.wire.reliable.headers import ReliableHeaders, identifier_of, read_headers
from bus.wire.reliable.ranges import Ranges

ROLLOVER: Final = "CB3014"
MAX_WAIT_S: Final = 10.0
"""So long, and never longer than half its deadline, a call waits for earlier numbers of its sequence."""


@dataclass(slots=True)
class Passage:
    """What the steps found out about a message that has to do with sequences.

    ``key`` names the sequence it has a number in. ``used`` says that the number is durably used up, ``again`` that it
    was before; ``tell`` are the sequences whose acknowledgement goes with the answer, ``error`` is the
    code of a fault, ``fault_of`` and ``fault_ranges`` what it is about; ``beside`` are the same of blocks that rode on
    the message and were refused without it.
    """

    headers: ReliableHeaders = field(default_factory=ReliableHeaders)
    key: SequenceKey | None = None
    number: int = 0
    digest: str = ""
    admitted: bool = False
    again: bool = False
    used: bool = False
    early: bool = False
    turn: bool = False
    protocol: bool = False
    released: list[Consignment] = field(default_factory=list)
    tell: set[str] = field(default_factory=set)
    error: str = ""
    fault_of: str = ""
    fault_ranges: Ranges | None = None
    beside: list[tuple[str, str, Ranges | None]] = field(default_factory=list)


def begin(house: House, exchange: Exchange, envelope: Envelope) -> bytes:
    """Read the blocks; the message without them, since they are meant for the bus and not for who comes after it.

    Errors: CB3010, CB3014, CB1009; ``OwnerDecides`` in a worker process.
    """
    house.journal.owner_only()
    try:
        passage = exchange.reliable = Passage(read_headers(envelope.headers))
    except ReliableError as error:
        if error.code == ROLLOVER and error.findings[0].path == "wsrm:MessageNumber":
            # The fault names the sequence, whose block is otherwise as it should be.
            exchange.reliable = Passage(fault_of=_named(envelope))
        raise
    place = passage.headers.place
    if place is not None:
        passage.key, passage.number = destination(exchange, place.identifier), place.number
    raw: bytes = exchange.request.body
    return splice.without(raw, lambda tag: tag.startswith(names.PREFIX))


def _named(envelope: Envelope) -> str:
    """The identifier in the message's Sequence block."""
    blocks = [block for block in envelope.headers if block.tag == names.SEQUENCE]
    return identifier_of(blocks[0][0], blocks[0]) if blocks and len(blocks[0]) else ""


def is_protocol(tag: str) -> bool:
    """Whether this payload is a protocol message rather than an operation of a unit."""
    return tag in {names.CREATE, names.CLOSE, names.TERMINATE, BODY}


def destination(exchange: Exchange, identifier: str) -> SequenceKey:
    """The sequence of this name that the caller sends in."""
    return SequenceKey(Role.DESTINATION, exchange.sender.municipality, exchange.sender.id, identifier)


async def arrive(house: House, exchange: Exchange, acceptance: Acceptance) -> Known | None:
    """Step 9 for a message with a number: both become durable together, or neither.

    ``None`` when stored, else what was known of the message id; the number is used up in either case. Errors: CB4001,
    CB3019 no room before a gap, CB3020 a call whose turn does not come, CB3011 to CB3013 the sequence has ended.
    """
    passage: Passage = exchange.reliable
    key = passage.key
    if key is None or passage.again:
        return await house.journal.accept(acceptance)
    if acceptance.state is State.DISPATCHING:
        wait_s = min((acceptance.expires_at - acceptance.received_at) / 2, MAX_WAIT_S)
        await house.turns.take(key.identifier, passage.number, lambda: _expected(house, key), wait_s)
        passage.turn = True
    admission = await use(house, exchange, acceptance.exchange_id, acceptance)
    if admission.again:
        # A copy of the same message was quicker: it answers for both.
        known = house.journal.find(key.municipality, key.endpoint, acceptance.message_id)
        if known is None:
            raise DuplicateError("CB3002", retry_after_s=1)
        return known
    if admission.known is not None:
        return admission.known
    passage.early = admission.early
    if acceptance.state is State.DISPATCHING:
        house.outbox.hand_over(passage.released)
    return None


async def use_for_known(house: House, exchange: Exchange, known: Known) -> None:
    """A message that came before outside this sequence, or in another one: its number here stands for the same.

    Errors: as ``arrive``.
    """
    passage: Passage = exchange.reliable
    if passage.key is not None and not passage.used:
        await use(house, exchange, known.exchange_id)


def same_content(house: House, exchange: Exchange, known: Known) -> bool:
    """Whether a message in a sequence has the Body of the known one: its headers may be new each time."""
    passage: Passage | None = exchange.reliable
    if passage is None or not passage.digest:
        return False
    stored = house.journal.body(known.exchange_id)
    if not stored:
        return False
    root = safe_xml.parse(stored, "text/xml")
    return digest(root[-1]) == passage.digest


def digest(body: etree._Element) -> str:
    """SHA-256 of the canonical Body: what must be the same when a number or an id comes again.

    Errors: CB1004 for a Body that has no canonical form, since a namespace of it is a relative URI.
    """
    try:
        return sha256(etree.tostring(body, method="c14n", exclusive=True, with_comments=False)).hexdigest()
    except etree.C14NError:
        raise WireError("CB1004", [Finding("CB1004", path="Body", expected="namespaces: absolute URIs")]) from None


async def use(
    house: House,
    exchange: Exchange,
    exchange_id: str,
    acceptance: Acceptance | None = None,
    *,
    status: int = 0,
    answer: bytes = b"",
) -> Admission:
    """Use up the message's number for an exchange, with its acceptance or without. Errors: as ``arrive``."""
    passage: Passage = exchange.reliable
    message, key = exchange.message, passage.key
    assert message is not None
    assert key is not None
    limits = house.tables.reliable
    admission = await house.journal.arrive(
        Arrival(
            key=key,
            number=passage.number,
            message_id=message.id,
            sha256=passage.digest,
            exchange_id=exchange_id,
            at=house.clock.now(),
            max_ahead=limits.max_early,
            max_early=limits.max_early,
            max_early_bytes=limits.max_early_bytes,
            acceptance=acceptance,
            status=status,
            answer=answer,
        )
    )
    if admission.code:
        passage.fault_of = key.identifier if admission.code in FAULTS else ""
        finding = Finding(admission.code, path="wsrm:Sequence", got=str(passage.number))
        raise ReliableError(admission.code, [finding], retry_after_s=1)
    if admission.known is None:
        passage.used = True
        passage.released += [found.consignment for found in admission.released]
        house.turns.moved(key.identifier)
        if acceptance is None:
            house.outbox.hand_over(passage.released)
    return admission


def in_order(exchange: Exchange, own: list[Consignment]) -> list[Consignment]:
    """What step 10 hands over: nothing yet for a message that came early, and with it all that waited for it."""
    passage: Passage = exchange.reliable
    return passage.released if passage.early else [*own, *passage.released]


def _expected(house: House, key: SequenceKey) -> int:
    """The first missing number; beyond all where the sequence is gone, so that nobody waits for it."""
    record = house.journal.sequence(key)
    return names.MAX_NUMBER if record is None else Ranges(record.numbers).expected
