"""The ports: what the steps and the delivery need from the outside, as Protocols with written promises.

Every implementation of ``Journal`` and ``Broker`` passes the universal suites in ``tests/ports``.
"""

from __future__ import annotations

from collections.abc import Container, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from bus.core.conveyor import Broker, BrokerStatus, Capability, Consignment, Lease, Subscription
from bus.core.sequences import Sequences
from bus.core.states import State
from bus.core.types import Endpoint, Finding, Known, Mode, OnPark, Package
from bus.core.values import value

__all__ = [
    "Acceptance",
    "Broker",
    "BrokerStatus",
    "Capability",
    "Clock",
    "Consignment",
    "HttpReply",
    "Ids",
    "Journal",
    "JournalReader",
    "Lease",
    "OpenDelivery",
    "Outbox",
    "Outgoing",
    "Sender",
    "Subscription",
    "Transition",
    "Verdict",
]


class Clock(Protocol):
    """Time as the bus sees it."""

    def now(self) -> float:
        """Seconds since the epoch."""
        ...

    def monotonic(self) -> float:
        """Seconds on a clock that never goes back; for deadlines and durations."""
        ...


class Ids(Protocol):
    """Where identifiers come from."""

    def exchange(self) -> str:
        """A new exchange id: 32 hexadecimal digits that sort by time."""
        ...

    def message(self) -> str:
        """A new wsa:MessageID, ``urn:uuid:...``."""
        ...


@value(frozen=True, slots=True)
class Acceptance:
    """What step 9 writes in one transaction: the message, its deliveries (one per target) and their state.

    ``state`` is ``ACCEPTED`` for a queued route (the deliveries are then outbox rows), ``DISPATCHING`` for a
    direct one and ``REJECTED`` for a message that was refused after its sender was known (then without
    targets). ``raw`` is empty where the route journals metadata only; ``size`` is always the received size.
    """

    exchange_id: str
    municipality: str
    sender: str
    message_id: str
    sha256: str
    unit: str
    operation: str
    edition: str
    purpose: str
    mode: Mode
    ordering_keys: tuple[str, ...]
    received_at: float
    expires_at: float
    content_type: str
    soap_action: str
    relates_to: str
    tables_hash: str
    size: int
    state: State
    targets: tuple[str, ...]
    raw: bytes = field(repr=False, default=b"")
    code: str = ""
    package: Package | None = None

    def delivery_id(self, index: int) -> str:
        """The id of the delivery to ``targets[index]``."""
        return f"{self.exchange_id}-{index}"

    def consignments(self) -> list[Consignment]:
        """What step 10 hands over for it, one per target."""
        return [
            Consignment(
                delivery_id=self.delivery_id(index),
                exchange_id=self.exchange_id,
                municipality=self.municipality,
                sender=self.sender,
                target=target,
                operation=self.operation,
                message_id=self.message_id,
                ordering_keys=self.ordering_keys,
                accepted_at=self.received_at,
                expires_at=self.expires_at,
                content_type=self.content_type,
                soap_action=self.soap_action,
                purpose=self.purpose,
                raw=self.raw,
            )
            for index, target in enumerate(self.targets)
        ]


@value(frozen=True, slots=True)
class Transition:
    """One step of one delivery: durable before the caller goes on.

    ``detail`` is JSON (findings, never personal data). Times are epoch seconds, 0.0 where not known.
    ``reply`` is stored with ``REPLIED`` (and with ``DELIVERED`` where the target's receipt is kept).
    """

    delivery_id: str
    state: State
    at: float
    attempt: int = 0
    code: str = ""
    detail: str = ""
    next_attempt_at: float = 0.0
    request_out: float = 0.0
    response_in: float = 0.0
    reply: bytes = field(repr=False, default=b"")
    reply_status: int = 0
    reply_content_type: str = ""
    reply_package: Package | None = None


@dataclass(frozen=True, slots=True)
class OpenDelivery:
    """An unfinished delivery as the journal hands it back after a restart or to the relay's sweep."""

    consignment: Consignment
    state: State
    next_attempt_at: float


class Journal(Sequences, Protocol):
    """The truth. Every ``async`` method returns only after its rows are durable.

    In a worker process the journal is remote (``bus.journal.remote``): its ``find`` knows nothing, and where the owner
    has to decide, it raises ``OwnerDecides``, which no step handles: the owner then takes the whole request.

    Errors: ``JournalError`` CB4001 when storing fails (nothing was stored), CB4003 when it cannot be opened,
    CB4004 when a transition is not allowed from the present state (nothing of the batch entry was changed).
    """

    async def open(self) -> None:
        """Open or create the store and bring its schema up to date."""
        ...

    async def close(self) -> None:
        """Commit what waits and close."""
        ...

    async def accept(self, acceptance: Acceptance) -> Known | None:
        """Store an acceptance; ``None`` when stored, else what was there first under the same message id."""
        ...

    def find(self, municipality: str, sender: str, message_id: str) -> Known | None:
        """What was accepted under this message id, or ``None``. A refused message does not use up its id."""
        ...

    async def record(self, transitions: Sequence[Transition]) -> None:
        """Apply transitions in order, all in one durable commit; the state table is enforced per row."""
        ...

    async def remember(self, value: str, until: float, now: float) -> bool:
        """Whether ``value`` (a nonce, a signature) was not seen before; it then counts as seen until ``until``.

        Durable and shared by all processes. Errors: also CB4002 when no more can be remembered: then it is not new.
        """
        ...

    def body(self, exchange_id: str) -> bytes:
        """The stored bytes of an exchange's request; empty when only metadata was journalled."""
        ...

    def package(self, exchange_id: str) -> Package | None:
        """What is kept of an exchange's request beside its envelope; ``None`` for one without attachments."""
        ...

    def open_deliveries(self, *, after: str = "", limit: int = 1000) -> Sequence[OpenDelivery]:
        """Unfinished queued deliveries (ACCEPTED, PUBLISHED, DISPATCHING, RETRY_WAIT, PARKED) in order of
        acceptance, without bodies; ``after`` continues from the last id of the previous page."""
        ...

    def due(self, now: float, *, known: Container[str] = (), limit: int = 1000) -> Sequence[OpenDelivery]:
        """Queued deliveries in RETRY_WAIT whose time has come (an operator's resend is due at once) and whose id is
        not in ``known``, without bodies."""
        ...

    def states(self, delivery_ids: Sequence[str]) -> Mapping[str, State]:
        """The present states of those deliveries that exist; an operator may have changed them."""
        ...

    def interrupted_calls(self) -> Sequence[str]:
        """Delivery ids of direct calls that were DISPATCHING when the process ended."""
        ...

    def exchange_of(self, municipality: str, message_id: str) -> Known | None:
        """The exchange that carries this message id whoever sent it (to match a late reply), with ``sender``,
        ``targets`` and ``purpose`` filled in."""
        ...

    def counts(self) -> dict[str, int]:
        """Deliveries per state, plus ``accepted_messages`` and ``rejected_messages``: count in = count out."""
        ...


@value(frozen=True, slots=True)
class HttpReply:
    """What a target answered over HTTP. With attachments ``body`` is the envelope and ``package`` the whole.

    ``retry_after_s`` is what its Retry-After asks to wait, 0 for nothing.
    """

    status: int
    content_type: str
    body: bytes = field(repr=False)
    sent_at: float = 0.0
    answered_at: float = 0.0
    package: Package | None = None
    retry_after_s: float = 0.0

    @property
    def xml_type(self) -> str:
        """The media type of ``body``."""
        return self.content_type if self.package is None else self.package.root_type


class Sender(Protocol):
    """Posts a message to an endpoint's address.

    Errors: ``DeliveryError`` CB5001 unreachable, CB5002 no answer before the deadline, CB5003 cut off,
    CB5005 suspended by the circuit breaker.
    """

    async def post(
        self, endpoint: Endpoint, body: bytes, headers: Sequence[tuple[str, str]], deadline_s: float
    ) -> HttpReply:
        """Send once; never retries by itself."""
        ...

    async def post_package(
        self, endpoint: Endpoint, package: Package, headers: Sequence[tuple[str, str]], deadline_s: float
    ) -> HttpReply:
        """The same with the bytes of a segment; ``deadline_s`` is for the answer after the last of them.

        Errors: as ``post``, and ``WireError`` CB1058 when the segment is missing or not what was stored.
        """
        ...


@value(frozen=True, slots=True)
class Verdict:
    """What a target's answer means for a delivery.

    ``state`` is DELIVERED, REPLIED, RETRY_WAIT or PARKED; ``code`` and ``detail`` (JSON findings) say why, and
    ``retry_after_s`` is what the target asked for, 0 where it asked for nothing. ``reply`` is what is kept.
    """

    state: State
    code: str = ""
    detail: str = ""
    retry_after_s: float = 0.0
    reply: HttpReply | None = None


class Outgoing(Protocol):
    """What the delivery asks the pipeline: the request as this target may see it, and the meaning of its answer."""

    def request(
        self, consignment: Consignment, endpoint: Endpoint, blocks: Sequence[Any] = ()
    ) -> tuple[bytes, Sequence[tuple[str, str]], Finding | None]:
        """Body and HTTP headers; the received bytes unless items are withheld, and then the record of that.

        Errors: any coded error parks.

        ``consignment`` has its bytes, and its ``attempt`` is the one about to be made. ``blocks`` are the header blocks
        (lxml) of its place in a sequence.
        """
        ...

    def protocol(self, endpoint: Endpoint, raw: bytes, action: str) -> tuple[bytes, Sequence[tuple[str, str]]]:
        """A message of the bus itself as it goes to an endpoint, with its HTTP headers. Errors: CB2033."""
        ...

    def opened(self, endpoint: Endpoint, reply: HttpReply, message_id: str) -> HttpReply:
        """The answer to one, after it passed what the endpoint's policy asks for. Errors: CB2032."""
        ...

    async def judge(self, consignment: Consignment, reply: HttpReply) -> Verdict:
        """What the answer means. Never raises for what a target may send.

        A late answer that came at once is durably accepted for its requester before this returns.
        """
        ...

    async def given_up(self, consignment: Consignment, code: str) -> None:
        """Tell the requester that its request came to nothing, where it named a place for that.

        Durable when this returns; saying it again says it once. Errors: ``JournalError``.
        """
        ...

    def on_park(self, consignment: Consignment) -> OnPark:
        """Whether a parked message blocks later ones of its keys."""
        ...


class Outbox(Protocol):
    """Takes over accepted queued exchanges right after their commit (step 10)."""

    def hand_over(self, consignments: Sequence[Consignment]) -> None:
        """Never blocks and never fails: what does not fit in memory is found again in the journal."""
        ...


class JournalReader(Protocol):
    """The read side for operators: what happened, newest first. Bodies are not part of it."""

    def close(self) -> None:
        """Give up the connection."""
        ...

    def search(
        self,
        *,
        municipality: str = "",
        operation: str = "",
        endpoint: str = "",
        state: str = "",
        message_id: str = "",
        since: float = 0.0,
        until: float = 0.0,
        before: str = "",
        limit: int = 50,
    ) -> Sequence[dict[str, object]]:
        """Deliveries as flat rows, newest first; ``before`` is the last delivery id of the previous page."""
        ...

    def show(self, exchange_id: str) -> dict[str, object] | None:
        """One exchange with its deliveries and their events, or ``None``."""
        ...

    def parked(self) -> Sequence[dict[str, object]]:
        """Parked deliveries grouped by code and target, with counts and the first and last time."""
        ...

    def iterate_events(self, exchange_id: str) -> Iterator[dict[str, object]]:
        """All transitions of an exchange in order of time."""
        ...
