"""In-memory ports and a small fictitious town for the tests of the steps. All data is synthetic."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Container, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from bus.core.errors import JournalError
from bus.core.ports import Acceptance, Consignment, HttpReply, OpenDelivery, Transition
from bus.core.settings import (
    BrokerSettings,
    DeliverySettings,
    FrontSettings,
    JournalSettings,
    Municipality,
    Site,
)
from bus.core.states import State, may_follow
from bus.core.types import Endpoint, Known, Mode, Package, Right, Route
from bus.pipeline import House, build_tables
from bus.wire.http import XML
from tests.pipeline.messages import TOWN, compiled, edition, resident_reply


@dataclass(slots=True)
class StandingClock:
    """Time that moves only when a test says so."""

    at: float = 1_700_000_000.0

    def now(self) -> float:
        """Seconds since the epoch."""
        return self.at

    def monotonic(self) -> float:
        """The same, for durations."""
        return self.at


@dataclass(slots=True)
class CountingIds:
    """Ids in order: easy to expect."""

    _next: itertools.count[int] = field(default_factory=lambda: itertools.count(1))

    def exchange(self) -> str:
        """32 hexadecimal digits."""
        return f"{next(self._next):032x}"

    def message(self) -> str:
        """A message id."""
        return f"urn:uuid:00000000-0000-4000-8000-{next(self._next):012x}"


@dataclass(slots=True)
class Row:
    """One exchange with its deliveries as the in-memory journal keeps them."""

    acceptance: Acceptance
    states: list[State]
    last: list[Transition | None]


class MemoryJournal:
    """The Journal port on dictionaries, with the state table enforced."""

    def __init__(self) -> None:
        self.rows: dict[str, Row] = {}
        self.ids: dict[tuple[str, str, str], str] = {}
        self.rejected: list[Acceptance] = []
        self.transitions: list[Transition] = []
        self.failing = False
        self.seen: dict[str, float] = {}
        self.before_accept: Callable[[Acceptance], None] | None = None

    async def open(self) -> None:
        """Nothing to open."""

    async def close(self) -> None:
        """Nothing to close."""

    async def accept(self, acceptance: Acceptance) -> Known | None:
        """Store, or say what was there first."""
        if self.before_accept is not None:
            hook, self.before_accept = self.before_accept, None
            hook(acceptance)
        if self.failing:
            raise JournalError("CB4001")
        if acceptance.state is State.REJECTED:
            self.rejected.append(acceptance)
            return None
        key = (acceptance.municipality, acceptance.sender, acceptance.message_id)
        known = self.find(*key)
        if known is not None:
            return known
        self.ids[key] = acceptance.exchange_id
        count = len(acceptance.targets)
        self.rows[acceptance.exchange_id] = Row(acceptance, [acceptance.state] * count, [None] * count)
        return None

    def find(self, municipality: str, sender: str, message_id: str) -> Known | None:
        """What is stored under this id of this sender."""
        exchange_id = self.ids.get((municipality, sender, message_id))
        return None if exchange_id is None else self._known(exchange_id)

    def exchange_of(self, municipality: str, message_id: str) -> Known | None:
        """What is stored under this id, whoever sent it."""
        for (town, _, known_id), exchange_id in self.ids.items():
            if (town, known_id) == (municipality, message_id):
                return self._known(exchange_id)
        return None

    async def record(self, transitions: Sequence[Transition]) -> None:
        """All or nothing."""
        if self.failing:
            raise JournalError("CB4001")
        before = {key: list(row.states) for key, row in self.rows.items()}
        for transition in transitions:
            exchange_id, _, index = transition.delivery_id.rpartition("-")
            row = self.rows[exchange_id]
            if not may_follow(row.states[int(index)], transition.state):
                for key, states in before.items():
                    self.rows[key].states = states
                raise JournalError("CB4004")
            row.states[int(index)] = transition.state
            row.last[int(index)] = transition
        self.transitions.extend(transitions)

    async def remember(self, value: str, until: float, now: float) -> bool:
        """Each value once."""
        self.seen = {each: end for each, end in self.seen.items() if end >= now}
        new = value not in self.seen
        self.seen.setdefault(value, until)
        return new

    def body(self, exchange_id: str) -> bytes:
        """The stored bytes."""
        return self.rows[exchange_id].acceptance.raw

    def package(self, exchange_id: str) -> Package | None:
        """What is kept beside the envelope."""
        return self.rows[exchange_id].acceptance.package

    def open_deliveries(self, *, after: str = "", limit: int = 1000) -> Sequence[OpenDelivery]:
        """Not needed by the steps."""
        del after, limit
        return ()

    def due(self, now: float, *, known: Container[str] = (), limit: int = 1000) -> Sequence[OpenDelivery]:
        """Not needed by the steps."""
        del now, known, limit
        return ()

    def states(self, delivery_ids: Sequence[str]) -> Mapping[str, State]:
        """Where deliveries stand."""
        return {each: self.state(each[:-2], int(each[-1])) for each in delivery_ids}

    def interrupted_calls(self) -> Sequence[str]:
        """Direct calls that are still out."""
        return [
            f"{key}-0"
            for key, row in self.rows.items()
            if row.acceptance.mode is Mode.DIRECT and row.states[0] is State.DISPATCHING
        ]

    def counts(self) -> dict[str, int]:
        """Deliveries per state, accepted and rejected messages."""
        counted: dict[str, int] = {"accepted_messages": len(self.rows), "rejected_messages": len(self.rejected)}
        for row in self.rows.values():
            for state in row.states:
                counted[state] = counted.get(state, 0) + 1
        return counted

    def state(self, exchange_id: str, index: int = 0) -> State:
        """Where a delivery stands."""
        return self.rows[exchange_id].states[index]

    def only(self) -> Acceptance:
        """The one accepted exchange."""
        (row,) = self.rows.values()
        return row.acceptance

    def _known(self, exchange_id: str) -> Known:
        row = self.rows[exchange_id]
        last = row.last[0]
        return Known(
            exchange_id=exchange_id,
            sha256=row.acceptance.sha256,
            mode=row.acceptance.mode,
            operation=row.acceptance.operation,
            received_at=row.acceptance.received_at,
            state=row.states[0],
            code=last.code if last else "",
            reply=last.reply if last else b"",
            reply_status=last.reply_status if last else 0,
            reply_content_type=last.reply_content_type if last else "",
            sender=row.acceptance.sender,
            targets=row.acceptance.targets,
            purpose=row.acceptance.purpose,
            reply_package=last.reply_package if last else None,
        )


@dataclass(frozen=True, slots=True)
class Sent:
    """One outgoing call."""

    endpoint: Endpoint
    body: bytes
    headers: dict[str, str]
    deadline_s: float
    package: Package | None = None


Provider = Callable[[Sent], HttpReply]


class ScriptedSender:
    """The Sender port: answers by a function."""

    def __init__(self) -> None:
        self.sent: list[Sent] = []
        self.provider: Provider = lambda sent: HttpReply(200, XML, resident_reply(), 1.0, 1.01)

    async def post(
        self, endpoint: Endpoint, body: bytes, headers: Sequence[tuple[str, str]], deadline_s: float
    ) -> HttpReply:
        """Keep what was sent, answer as the test says."""
        sent = Sent(endpoint, body, dict(headers), deadline_s)
        self.sent.append(sent)
        return self.provider(sent)

    async def post_package(
        self, endpoint: Endpoint, package: Package, headers: Sequence[tuple[str, str]], deadline_s: float
    ) -> HttpReply:
        """The same for a message with attachments."""
        sent = Sent(endpoint, b"", dict(headers), deadline_s, package)
        self.sent.append(sent)
        return self.provider(sent)


class ListOutbox:
    """The Outbox port: a list."""

    def __init__(self) -> None:
        self.handed: list[Consignment] = []

    def hand_over(self, consignments: Sequence[Consignment]) -> None:
        """Keep them."""
        self.handed.extend(consignments)


def endpoint(name: str, unit: str, purpose: str, *, address: bool = True) -> Endpoint:
    """An endpoint of the town; its secret is ``secret-of-<name>``."""
    url = f"http://{name}.example/soap" if address else ""
    return Endpoint(name, TOWN, unit, purpose=purpose, address=url, secret=f"secret-of-{name}")


ENDPOINTS = (
    endpoint("juki", "juki", "jumin"),
    endpoint("tax", "kojinjuminzei", "kazei"),
    endpoint("kokuho", "kokuho", "kokuho"),
    endpoint("desk", "madoguchi", "jumin", address=False),
)
RIGHTS = (
    Right(TOWN, "tax", "juki.jumin_shokai", ("kazei",), frozenset({"juminhyokodo"})),
    Right(TOWN, "kokuho", "juki.jumin_shokai", ("kokuho",)),
    Right(TOWN, "juki", "juki.ido_tsuchi", ("jumin",)),
    Right(TOWN, "tax", "juki.ido_tsuchi", ("kazei",)),
    Right(TOWN, "kokuho", "juki.ido_tsuchi", ("kokuho",), frozenset({"juminhyokodo", "todokedebango"})),
    Right(TOWN, "kokuho", "kojinjuminzei.shotoku_shokai", ("kokuho",)),
    Right(TOWN, "tax", "juki.setai_shokai", ("kazei",)),
)
ROUTES = (
    Route(TOWN, "juki.jumin_shokai", ("juki",), Mode.DIRECT, deadline_s=5.0),
    Route(TOWN, "juki.ido_tsuchi", ("tax", "kokuho"), Mode.QUEUED),
    Route(TOWN, "kojinjuminzei.shotoku_shokai", ("tax",), Mode.DIRECT, deadline_s=5.0),
)


def site(
    *,
    endpoints: tuple[Endpoint, ...] = ENDPOINTS,
    rights: tuple[Right, ...] = RIGHTS,
    routes: tuple[Route, ...] = ROUTES,
    front: FrontSettings | None = None,
) -> Site:
    """A site as ``load_site`` would give it."""
    return Site(
        folder=Path(),
        name_ja="試験の町（架空）",
        edition="1.0",
        standard_folder=None,
        mounts={},
        municipalities=(Municipality(TOWN, "地域市（架空）"),),
        endpoints=endpoints,
        routes=routes,
        rights=rights,
        adapters=(),
        front=front or FrontSettings(port=0),
        journal=JournalSettings(),
        broker=BrokerSettings(),
        delivery=DeliverySettings(),
        run_folder=Path("run"),
        tables_hash="0" * 64,
    )


@dataclass(slots=True)
class World:
    """A house with its fakes within reach."""

    house: House
    journal: MemoryJournal
    sender: ScriptedSender
    outbox: ListOutbox
    clock: StandingClock
    lines: list[tuple[str, dict[str, object]]]

    def with_site(self, changed: Site) -> None:
        """Reload."""
        self.house = self.house.reloaded(changed, edition(), compiled())


def world(given: Site | None = None) -> World:
    """A town with nothing going on yet."""
    journal, sender, outbox, clock = MemoryJournal(), ScriptedSender(), ListOutbox(), StandingClock()
    lines: list[tuple[str, dict[str, object]]] = []

    def write(event: str, /, level: str = "info", **fields: object) -> None:
        lines.append((event, {"level": level, **fields}))

    tables = build_tables(given or site(), edition(), compiled())
    house = House(tables, journal, sender, outbox, clock, CountingIds(), write)
    return World(house, journal, sender, outbox, clock, lines)
