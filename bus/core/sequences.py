"""Sequences of reliable messages: their values, and what the journal promises about them.

A sequence belongs to one endpoint of one municipality. Its durable state is who owns it, which numbers were received
or given, what was acknowledged and how it ended; an acknowledgement leaves only after the number is durable in the
same transaction as the message.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Protocol

from bus.core.states import State
from bus.core.types import Known
from bus.core.values import value

if TYPE_CHECKING:
    from bus.core.ports import Acceptance, OpenDelivery, Transition

Spans = tuple[tuple[int, int], ...]
"""Numbers as ascending pairs of first and last (see ``bus.wire.reliable.ranges``)."""


class Role(StrEnum):
    """What the bus is in a sequence."""

    DESTINATION = "destination"
    """An endpoint sends to the bus."""
    REPLIES = "replies"
    """What the bus answers in a sequence that the endpoint offered with its own."""
    SOURCE = "source"
    """The bus sends queued deliveries to the endpoint."""


class SequenceState(StrEnum):
    """How a sequence stands. ENDING is an operator's wish that the owner of the journal has not carried out yet."""

    OPEN = "OPEN"
    CLOSED = "CLOSED"
    ENDING = "ENDING"
    TERMINATED = "TERMINATED"
    EXPIRED = "EXPIRED"
    BROKEN = "BROKEN"


LIVE = frozenset({SequenceState.OPEN, SequenceState.CLOSED, SequenceState.ENDING})
"""States of a sequence that has not ended."""


@dataclass(frozen=True, slots=True)
class SequenceKey:
    """What names a sequence: the same identifier used by another endpoint is another sequence, or none."""

    role: Role
    municipality: str
    endpoint: str
    identifier: str


@dataclass(frozen=True, slots=True)
class SequenceRecord:
    """A sequence as stored. Times are epoch seconds, ``expires_at`` 0 for never.

    ``identity`` is who created it (an endpoint and what proved it), ``acks_to`` where acknowledgements go (of a SOURCE
    sequence: the address it goes to), ``partner`` the identifier of its counterpart,
    ``create_id`` the message id of its CreateSequence. ``numbers`` are received (DESTINATION) or given numbers,
    ``acknowledged`` those of them that the other side has confirmed. ``early`` messages wait for a gap to close.
    """

    key: SequenceKey
    identity: str
    created_at: float
    state: SequenceState = SequenceState.OPEN
    expires_at: float = 0.0
    changed_at: float = 0.0
    acks_to: str = ""
    partner: str = ""
    create_id: str = ""
    last_number: int = 0
    code: str = ""
    numbers: Spans = ()
    acknowledged: Spans = ()
    early: int = 0
    early_bytes: int = 0


@value(frozen=True, slots=True)
class Arrival:
    """One number of a DESTINATION sequence becomes used.

    With ``acceptance`` the message is stored in the same transaction: EARLY instead of ACCEPTED when a number before it
    is missing; a call (DISPATCHING) only when none is. Without it the number stands for ``exchange_id``, which the
    journal has already. ``answer`` is kept for a refused message. ``max_ahead`` bounds how far beyond the first
    missing number it may be, ``max_early`` and ``max_early_bytes`` what waits.
    """

    key: SequenceKey
    number: int
    message_id: str
    sha256: str
    exchange_id: str
    at: float
    max_ahead: int
    max_early: int
    max_early_bytes: int
    acceptance: Acceptance | None = None
    status: int = 0
    answer: bytes = field(repr=False, default=b"")


@value(frozen=True, slots=True)
class Admission:
    """What became of an arrival, or of the end of a sequence.

    ``code`` says why nothing was stored; ``again`` that the number was used already and ``known`` that the message
    id was, then nothing was stored either. ``released`` are deliveries that waited for this one, in their order.
    """

    code: str = ""
    again: bool = False
    early: bool = False
    known: Known | None = None
    released: tuple[OpenDelivery, ...] = ()


@value(frozen=True, slots=True)
class Arrived:
    """What a used number stands for. ``answer`` is kept of a refused message only."""

    exchange_id: str
    message_id: str
    sha256: str
    refused: bool
    status: int
    answer: bytes = field(repr=False)


@value(frozen=True, slots=True)
class Departure:
    """A number of a SOURCE sequence: which delivery has it, how that stands, and whether it was acknowledged."""

    number: int
    delivery_id: str
    state: State
    acknowledged: bool


class Sequences(Protocol):
    """The part of the journal that keeps sequences. Every ``async`` method returns only after its rows are durable.

    Errors: ``JournalError`` CB4001 nothing was stored, CB4004 as ``Journal.record``.
    """

    def owner_only(self) -> None:
        """Sequences are kept by the process that owns the journal. Errors: ``OwnerDecides`` in a worker."""
        ...

    def sequence(self, key: SequenceKey) -> SequenceRecord | None:
        """A sequence by its name."""
        ...

    def sequences(
        self, *, role: Role | None = None, municipality: str = "", endpoint: str = "", live: bool = True
    ) -> Sequence[SequenceRecord]:
        """Sequences in the order of their creation; ``live`` leaves out those that have ended."""
        ...

    def arrived(self, key: SequenceKey, number: int) -> Arrived | None:
        """What a used number of a DESTINATION sequence stands for."""
        ...

    def departures(self, key: SequenceKey) -> Sequence[Departure]:
        """Numbers of a SOURCE sequence that are not acknowledged, or whose delivery is not final, in their order."""
        ...

    async def begin(self, records: Sequence[SequenceRecord]) -> None:
        """Store new sequences together. A name that is taken: CB4004."""
        ...

    async def arrive(self, arrival: Arrival) -> Admission:
        """Use up a number, and store its message with it."""
        ...

    async def end(
        self, key: SequenceKey, state: SequenceState, at: float, *, last: int = 0, code: str = ""
    ) -> Admission:
        """Close or end a sequence. What waits for a gap is released in its order: the gap will not close any more."""
        ...

    async def number_reply(self, key: SequenceKey, number: int) -> int:
        """The number, in the REPLIES counterpart, of the answer to ``number``: the same one every time."""
        ...

    async def acknowledge(self, key: SequenceKey, spans: Spans, at: float) -> None:
        """The other side has these numbers of a REPLIES or SOURCE sequence."""
        ...

    async def depart(
        self, key: SequenceKey, numbered: Sequence[tuple[int, str]], transitions: Sequence[Transition]
    ) -> None:
        """Give numbers to deliveries of a SOURCE sequence together with their transitions. Errors: CB4004."""
        ...

    async def renew(
        self, old: SequenceKey, code: str, new: SequenceRecord, numbered: Sequence[tuple[int, str]]
    ) -> None:
        """End a SOURCE sequence as BROKEN and begin another in which these deliveries have these numbers."""
        ...


class Acknowledger(Protocol):
    """Tells sources whose sequences have an address of their own for acknowledgements (wsrm:AcksTo)."""

    def tell(self, key: SequenceKey, fault: bytes = b"") -> None:
        """Soon: what is durable of the sequence, or a fault about it. Never blocks and never fails."""
        ...
