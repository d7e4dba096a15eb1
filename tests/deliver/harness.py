"""A delivery room for tests: real journal, broker and relay, a sender that plays a script."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from bus.app.bodies import body_or_nothing
from bus.broker.memory import MemoryBroker
from bus.core.clock import SystemClock
from bus.core.errors import DeliveryError, JournalError
from bus.core.ports import Acceptance, Clock, Consignment, HttpReply, Ids, Verdict
from bus.core.settings import DeliverySettings, ReliableSettings
from bus.core.states import State
from bus.core.types import Endpoint, OnPark
from bus.deliver.breaker import Breakers
from bus.deliver.desk import DeliveryDesk
from bus.deliver.worker import Kit
from bus.journal.relay import Relay
from bus.journal.sqlite import SqliteJournal
from tests.support.deliveries import MUNICIPALITY, consignment
from tests.support.polling import until_async

CLOCK = SystemClock()
FAST = DeliverySettings(
    retry_first_s=0.02, retry_max_s=0.05, retry_limit=4, breaker_failures=1000, breaker_open_s=0.1, sweep_s=0.03
)
OK = HttpReply(200, "text/xml", b"<uketsuke/>")
TAX = Endpoint("tax", MUNICIPALITY, "kojinjuminzei", address="http://tax.invalid/", concurrency=4, timeout_s=5)


class SettableClock(SystemClock):
    """The machine's clocks, with a wall clock that can be set ``ahead`` (seconds)."""

    ahead = 0.0

    def now(self) -> float:
        """Seconds since the epoch, as this machine believes."""
        return super().now() + self.ahead


Behaviour = Callable[[bytes, int], HttpReply | DeliveryError]


@dataclass
class ScriptedSender:
    """Answers as ``behave`` says; remembers every post in order. ``gate`` holds answers back while it is not set."""

    behave: Behaviour = lambda body, attempt: OK
    posts: list[tuple[str, bytes, int]] = field(default_factory=list)
    gate: asyncio.Event = field(default_factory=asyncio.Event)
    under_way: int = 0
    most_under_way: int = 0

    async def post(
        self, endpoint: Endpoint, body: bytes, headers: Sequence[tuple[str, str]], deadline_s: float
    ) -> HttpReply:
        """One post."""
        attempt = int(dict(headers)["Chiikibus-Attempt"])
        self.posts.append((endpoint.address, body, attempt))
        self.under_way += 1
        self.most_under_way = max(self.most_under_way, self.under_way)
        try:
            await self.gate.wait()
            outcome = self.behave(body, attempt)
        finally:
            self.under_way -= 1
        if isinstance(outcome, DeliveryError):
            raise outcome
        return outcome

    def bodies(self) -> list[bytes]:
        """What was posted, in order."""
        return [body for _, body, _ in self.posts]


@dataclass
class PlainOutgoing:
    """Bytes as received; 2xx is a success, 503 a reason to wait, anything else parks."""

    park: OnPark = OnPark.BLOCK
    deaf: int = 0
    gave_up: list[tuple[str, str]] = field(default_factory=list)

    def request(self, consignment: Consignment, endpoint: Endpoint) -> tuple[bytes, Sequence[tuple[str, str]], None]:
        """The body and the one header that the scripted sender looks at."""
        if consignment.raw == b"defect":
            raise RuntimeError("a defect of the pipeline")
        return consignment.raw, [("Chiikibus-Attempt", str(consignment.attempt))], None

    async def judge(self, consignment: Consignment, reply: HttpReply) -> Verdict:
        """By status only."""
        if reply.status == 200:
            return Verdict(State.DELIVERED, reply=reply)
        if reply.status == 503:
            return Verdict(State.RETRY_WAIT, "CB6009")
        return Verdict(State.PARKED, "CB5004", '[{"code": "CB5004"}]')

    async def given_up(self, consignment: Consignment, code: str) -> None:
        """Note it, or fail as the journal does."""
        if self.deaf > 0:
            self.deaf -= 1
            raise JournalError("CB4001")
        self.gave_up.append((consignment.delivery_id, code))

    def on_park(self, consignment: Consignment) -> OnPark:
        """As set."""
        return self.park


@dataclass
class Room:
    """Everything a delivery test touches."""

    path: Path
    journal: SqliteJournal
    broker: MemoryBroker
    relay: Relay
    sender: Any
    outgoing: PlainOutgoing
    breakers: Breakers
    desk: DeliveryDesk
    lines: list[dict[str, Any]]

    async def accept(self, *accepted: Acceptance) -> None:
        """Accept and hand over, in order."""
        for each in accepted:
            now = CLOCK.now()
            fresh = replace(each, received_at=now, expires_at=now + (each.expires_at - each.received_at))
            assert await self.journal.accept(fresh) is None
            self.relay.hand_over([consignment(fresh, index=index) for index in range(len(each.targets))])

    def state(self, accepted: Acceptance, index: int = 0) -> State:
        """Where a delivery stands in the journal."""
        delivery_id = accepted.delivery_id(index)
        return self.journal.states([delivery_id])[delivery_id]

    async def until_state(self, state: State, *accepted: Acceptance) -> None:
        """Wait until the first delivery of each stands there."""
        await until_async(lambda: all(self.state(each) is state for each in accepted), what=f"{state}")

    async def until_settled(self) -> None:
        """Wait until nothing is outside the journal."""
        await until_async(lambda: self.relay.held == 0 and not self.relay.behind, what="an empty room")


@asynccontextmanager
async def room(
    folder: Path,
    *,
    settings: DeliverySettings = FAST,
    endpoints: Sequence[Endpoint] = (TAX,),
    sender: Any = None,
    outgoing: PlainOutgoing | None = None,
    reliable: ReliableSettings | None = None,
    ids: Ids | None = None,
    max_open: int = 100_000,
    max_resident: int = 1 << 20,
    held_back: bool = False,
    drain_s: float = 0.2,
    clock: Clock = CLOCK,
) -> AsyncIterator[Room]:
    """Open a room on the journal of ``folder``; ``held_back`` keeps the sender's answers back until its gate is set."""
    sender = sender or ScriptedSender()
    if isinstance(sender, ScriptedSender) and not held_back:
        sender.gate.set()
    path = folder / "journal.sqlite"
    journal = SqliteJournal(path, clock=clock)
    await journal.open()
    broker = MemoryBroker(max_resident, body_or_nothing(journal))
    relay = Relay(journal, broker, clock=clock, sweep_s=settings.sweep_s, max_open=max_open)
    outgoing, breakers, lines = outgoing or PlainOutgoing(), Breakers(clock, settings), []

    def log(event: str, /, **fields: Any) -> None:
        lines.append({"event": event, **fields})

    kit = Kit(journal, broker, sender, outgoing, breakers, clock, relay.taken, relay.settled, log, lambda: 0.5)
    kit = replace(kit, ids=ids or kit.ids, reliable=lambda: reliable or ReliableSettings())
    desk = DeliveryDesk(kit, settings)
    await relay.start()
    await desk.start(endpoints)
    try:
        yield Room(path, journal, broker, relay, sender, outgoing, breakers, desk, lines)
    finally:
        await desk.stop(drain_s)
        await relay.stop()
        await broker.close()
        await journal.close()
