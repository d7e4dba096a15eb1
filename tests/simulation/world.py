"""The simulated town: a bus that lives, dies and lives again on one disk, its senders, its receivers, its operator."""

from __future__ import annotations

import asyncio
import itertools
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from bus.core.errors import ChiikibusError, error_entry
from bus.core.types import Endpoint
from bus.deliver.breaker import Breakers, GuardedSender
from bus.deliver.desk import DeliveryDesk
from bus.deliver.outgoing import HouseOutgoing
from bus.deliver.worker import Kit
from bus.journal.operator import JournalOperator
from bus.journal.relay import Relay
from bus.journal.side import SqliteSide
from bus.pipeline import House, Tables, process
from bus.wire import envelope, safe_xml
from bus.wire.fault import read_fault
from bus.wire.http import Request, Response
from tests.simulation import letters
from tests.simulation.loop import Stalled, VirtualClock, VirtualLoop, passing
from tests.simulation.network import Network, Vendor
from tests.simulation.plan import FAULTS_END, RECEIVERS, TOWNS, Fault, Letter, Plan, Weather
from tests.simulation.reckoning import reckon
from tests.simulation.storage import Disk, SimulatedJournal
from tests.simulation.town import SETTINGS, FaultyBroker, Ids, empty_journal, endpoints, tables
from tests.simulation.watch import Violation, Watch

PATIENCE_S = 4.0
"""So long a sender waits for its answer."""

SETTLED_S = FAULTS_END + 90.0
"""By then everything is settled, or never will be."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of a run."""

    plan: Plan
    violations: tuple[Violation, ...]
    hash: str
    lines: tuple[str, ...]
    steps: int
    lives: int
    posts: int
    commits: int


@dataclass(slots=True)
class Bus:
    """One life of the bus."""

    journal: SimulatedJournal
    broker: FaultyBroker
    relay: Relay
    desk: DeliveryDesk
    house: House


class World:
    """One run of a plan."""

    def __init__(self, plan: Plan, folder: Path) -> None:
        self.plan = plan
        self.loop = VirtualLoop()
        self.clock = VirtualClock(self.loop)
        self.watch = Watch(self.loop, self.clock, plan, SETTINGS)
        self.weather = Weather(plan, self.loop.time)
        self.vendors = {f"{town}/{name}": Vendor(town, name) for town in TOWNS for name in (*RECEIVERS, "juki")}
        self.network = Network(self.loop, self.weather, self.watch, self.vendors)
        self.disk = Disk(folder)
        self.disk.path.write_bytes(empty_journal())
        self.ids = Ids()
        self.bus: Bus | None = None
        self.alive = False
        self.lives = 0
        self.commits = 0
        self._commit_cuts: dict[str, list[float]] = {}
        self._calls: dict[asyncio.Future[Response | None], None] = {}
        self._paused: dict[str, int] = {}
        self._opening: SimulatedJournal | None = None
        self._dead: list[Bus] = []
        self._batches = itertools.count()
        self._throws = itertools.count()

    def run(self) -> Outcome:
        """From the first letter to the reckoning."""
        asyncio.set_event_loop(None)
        self._wire_the_disk()
        try:
            main = self.loop.spawn(self._main(), name="main")
            self.loop.run_until_complete(main)
        except Stalled as stalled:
            self.watch.wrong(f"nobody goes on: {stalled}", "", "liveness")
        finally:
            for error in self.loop.unexpected:
                self.watch.wrong(error, "", "no error of the program")
            self.watch.over = True
            self.loop.bury()
            self.watch.ends()
            self.disk.close()
            if self.bus is not None:
                self.bus.journal.let_go()
            self.loop.close()
        watch = self.watch
        return Outcome(
            self.plan, tuple(watch.violations), watch.hash, tuple(watch.lines), self.loop.steps, self.lives,
            sum(watch._posts.values()), self.commits,
        )  # fmt: skip

    # -- the machine ------------------------------------------------------------------------------------------

    def _wire_the_disk(self) -> None:
        strikes, throw = self.weather.strikes, self.weather.throw

        def fate() -> str:
            self.commits += 1
            now = self.loop.time()
            for kind, times in self._commit_cuts.items():
                if times and times[0] <= now:
                    times.pop(0)
                    return kind
            return "fails" if strikes("disk_fails", "", self.commits) else ""

        def wait_s() -> float:
            number = next(self._batches)
            slow = 3.0 * throw("disk", number) if strikes("disk_slow", "", number) else 0.0
            return 0.0002 + 0.001 * throw("sync", number) + slow

        self.disk.fate, self.disk.wait_s = fate, wait_s
        self.disk.full = lambda: strikes("disk_full", "", next(self._throws))
        self.disk.dice = lambda: throw("torn", self.commits)
        self.loop.cut = self.crash

    def crash(self, why: str) -> None:
        """kill -9, and the supervisor starts it again after a while."""
        if not self.alive:
            return
        self.watch.trace("CRASH", why=why)
        self._ended(cut=True)
        self.loop.later(0.2 + 2 * self.weather.throw("down", self.lives), self.begin)

    def _ended(self, *, cut: bool) -> None:
        self.alive, bus, self.bus = False, self.bus, None
        self.loop.end_life()
        self.watch.ends()
        if self._opening is not None:
            self._opening.let_go()
        if cut:
            self.disk.power_cut()
        if bus is not None:
            self._dead.append(bus)
        for call in list(self._calls):
            self.loop.later(0.001, _settle, call, None)
        self._calls.clear()

    def begin(self) -> None:
        """A new life of the bus."""
        self.lives += 1
        self.loop.life = self.lives
        self.alive = True
        self.watch.begins(self.disk.path)
        self.watch.trace("begins")
        self.loop.spawn(self._begin(), life=self.lives, name="start")

    async def _begin(self) -> None:
        journal = self._opening = SimulatedJournal(self.disk, self.clock, self.watch)
        try:
            await journal.open()
            bus = self._assembled(journal)
            await bus.broker.open()
            await bus.relay.start()
            await bus.desk.start(self._endpoints())
        except ChiikibusError as error:
            self.watch.trace("did not start", code=error.code)
            self.loop.later(0, self.crash, "it did not start")
            return
        self.bus = bus
        self.watch.trace("ready")

    def _assembled(self, journal: SimulatedJournal) -> Bus:
        """As ``bus.app.composition`` does it, with these ports."""
        broker = FaultyBroker(journal.body, self.weather)
        relay = Relay(
            journal, broker, clock=self.clock, sweep_s=SETTINGS.sweep_s, max_open=self.plan.max_open, log=self.watch.log
        )
        breakers = Breakers(self.clock, SETTINGS)
        house = House(
            tables=self._tables(),
            journal=journal,
            sender=GuardedSender(self.network, breakers),
            outbox=relay,
            clock=self.clock,
            ids=self.ids,
            log=self.watch.log,
        )
        bus = Bus(journal, broker, relay, None, house)  # the desk follows, since it asks for the house
        life, throws = self.lives, itertools.count()
        kit = Kit(
            journal=journal,
            broker=broker,
            sender=self.network,
            outgoing=HouseOutgoing(lambda: bus.house),
            breakers=breakers,
            clock=self.clock,
            taken=relay.taken,
            settled=relay.settled,
            log=self.watch.log,
            random=lambda: self.weather.throw("jitter", life, next(throws)),
            ids=self.ids,
        )
        bus.desk = DeliveryDesk(kit, SETTINGS)
        return bus

    def _endpoints(self) -> tuple[Endpoint, ...]:
        return tuple(replace(each, paused=each.key in self._paused) for each in endpoints(self.plan))

    def _tables(self) -> Tables:
        return tables(
            self.plan.concurrency,
            self.plan.timeout_s,
            self.plan.expires_s,
            self.plan.on_park,
            tuple(sorted(self._paused)),
        )

    # -- what happens -----------------------------------------------------------------------------------------

    async def _main(self) -> None:
        self.begin()
        for fault in self.plan.faults:
            if fault.kind in {"crash_before", "crash_after", "crash_torn"}:
                self._commit_cuts.setdefault(fault.kind.removeprefix("crash_"), []).append(fault.start)
            else:
                self.loop.later(fault.start, self._happens, fault)
            if fault.kind == "pause":
                self.loop.later(fault.end, self._resumes, fault)
        for times in self._commit_cuts.values():
            times.sort()
        senders = [self.loop.spawn(self._sender(chain), name="sender") for chain in self._chains()]
        await passing(FAULTS_END)
        self._commit_cuts.clear()
        self.loop.cuts.clear()
        while self.loop.time() < SETTLED_S:
            await passing(1.0)
            if self.bus is None:
                continue
            self._operate("resend", "")
            if all(each.done() for each in senders) and not self.watch.open_count("queued") and self._idle():
                if not self.watch.open_count("direct"):
                    break
                # Calls whose end could not be stored are closed when the bus starts.
                self._happens(Fault("restart", self.loop.time()))
        else:
            self.watch.wrong(f"{self.watch.open_count('queued')} deliveries are open", "", "liveness")
        if self.bus is None:
            self.watch.wrong("the bus does not come back", "", "liveness")
            return
        if not self._idle():
            self.watch.wrong(f"held {self.bus.relay.held}, {self.bus.desk.status()}", "", "memory is empty at the end")
        for status in self.bus.desk.status():
            self.watch.settled(status.endpoint, status.breaker)
        self.watch.trace("reckoning")
        reckon(self.plan, self.watch, self.vendors, self.bus.journal.counts())

    def _idle(self) -> bool:
        assert self.bus is not None
        statuses = self.bus.desk.status()
        return self.bus.relay.held == 0 and not any(each.waiting or each.in_flight for each in statuses)

    def _happens(self, fault: Fault) -> None:
        if fault.kind == "crash":
            self.loop.cuts.add(self.loop.steps + int(fault.amount))
        elif fault.kind == "jump":
            self.clock.offset += fault.amount
            self.watch.jumped(fault.amount)
        elif fault.kind == "restart" and self.bus is not None:
            self.watch.trace("RESTART")
            bus, self.bus = self.bus, None
            self.loop.spawn(self._stop(bus), life=self.lives, name="stop")
        elif fault.kind in {"resend", "cancel"} and self.bus is not None:
            self._operate(fault.kind, fault.target)
        elif fault.kind == "pause" and fault.target:
            self._paused[fault.target] = self._paused.get(fault.target, 0) + 1
            self._reload()

    def _resumes(self, fault: Fault) -> None:
        if fault.target:
            self._paused[fault.target] -= 1
            if not self._paused[fault.target]:
                del self._paused[fault.target]
            self._reload()

    def _reload(self) -> None:
        """The site's folder is read again."""
        if self.bus is not None:
            self.watch.trace("reload", paused=sorted(self._paused))
            self.bus.house = replace(self.bus.house, tables=self._tables())
            self.loop.spawn(self.bus.desk.reload(self._endpoints(), SETTINGS), life=self.lives, name="reload")

    async def _stop(self, bus: Bus) -> None:
        """As the bus stops: what is under way is answered, what is on the wire gets its time."""
        end = self.loop.time() + 10
        while self._calls and self.loop.time() < end:
            await asyncio.wait(self._calls, timeout=0.5)
        await bus.desk.stop(1.0)
        await bus.relay.stop()
        await bus.broker.close()
        await bus.journal.close()
        self._dead.append(bus)
        self.loop.later(0, self._stopped, self.lives)

    def _stopped(self, life: int) -> None:
        if self.alive and self.lives == life:
            self._ended(cut=False)
            self.loop.later(0.3, self.begin)

    def _operate(self, what: str, target: str) -> None:
        """An operator sends again what is parked, or cancels what waits, beside the bus."""
        municipality, _, name = target.partition("/")
        operator = JournalOperator(SqliteSide(self.disk.path), self.clock)
        try:
            ids = operator.parked_ids(municipality=municipality, target=name)
            if what == "resend":
                done = [each.delivery_id for each in operator.resend(ids) if each.done]
            else:
                done = [each.delivery_id for each in operator.cancel(ids[:1]) if each.done]
                self.watch.cancelled |= set(done)
            if done:
                self.watch.trace(f"operator {what}", ids=done)
        except ChiikibusError as error:
            self.watch.trace(f"operator {what}", code=error.code)
        finally:
            operator.close()

    # -- senders ----------------------------------------------------------------------------------------------

    def _chains(self) -> list[list[Letter]]:
        """What a system says of one person it says in order; different persons do not wait for each other."""
        chains: dict[tuple[str, str, int], list[Letter]] = {}
        for letter in self.plan.letters:
            chains.setdefault((letter.town, letters.sender_of(letter), letter.person), []).append(letter)
        return list(chains.values())

    async def _sender(self, chain: list[Letter]) -> None:
        for letter in chain:
            await passing(max(0.0, letter.at - self.loop.time()))
            for attempt in itertools.count(1):
                if letter.kind == "other" and letter.of not in self.watch.receipts:
                    break
                response = await self._ask(letter, attempt)
                if response is not None and (not _again(response) or self._forgotten(letter, response)):
                    self.watch.trace("told", message=letters.message_id(letter), status=response.status)
                    break
                await passing(0.2 + 2 * self.weather.throw("patience", letter.number, attempt))

    def _forgotten(self, letter: Letter, response: Response) -> bool:
        """A call whose end could not be stored counts as being out for ten minutes: nobody waits for that here."""
        late = self.loop.time() > FAULTS_END + 20
        return late and letter.kind == "inquiry" and fault_code(response) == "CB3002"

    async def _ask(self, letter: Letter, attempt: int) -> Response | None:
        """Post once; ``None`` where no answer came."""
        strikes, throw = self.weather.strikes, self.weather.throw
        key, occasion = f"{letter.town}/{letters.sender_of(letter)}", (letter.number, attempt)
        answer: asyncio.Future[Response | None] = self.loop.create_future()
        way = 0.0005 + 0.01 * throw("ask", *occasion)
        if not strikes("ask_lost", key, *occasion):
            self.loop.later(way, self._front, letter, answer, occasion)
        if strikes("ask_doubled", key, *occasion):
            self.loop.later(way + 8 * throw("again", *occasion), self._front, letter, None, (*occasion, "copy"))
        try:
            async with asyncio.timeout(PATIENCE_S + (8.0 if letter.kind == "inquiry" else 0.0)):
                return await answer
        except TimeoutError:
            return None

    def _front(self, letter: Letter, answer: asyncio.Future[Response | None] | None, occasion: tuple[Any, ...]) -> None:
        """A request arrives where the bus listens, if it does."""
        if self.bus is None:
            if answer is not None:
                _settle(answer, None)
            return
        inner: asyncio.Future[Response | None] = self.loop.create_future()
        self._calls[inner], life = None, self.lives
        self.loop.spawn(self._process(self.bus.house, letter, inner), life=life, name="call")

        def leaves(done: asyncio.Future[Response | None]) -> None:
            self._calls.pop(done, None)
            # A bus that dies before it writes to the socket has answered nothing.
            response = done.result() if self.alive and self.lives == life else None
            if response is not None:
                self.watch.answered(letter, response, fault_code(response))
            lost = self.weather.strikes("answer_lost", f"{letter.town}/{letters.sender_of(letter)}", *occasion)
            if answer is not None and not lost:
                self.loop.later(0.0005 + 0.01 * self.weather.throw("tell", *occasion), _settle, answer, response)

        inner.add_done_callback(leaves, context=self.loop.outside)

    async def _process(self, house: House, letter: Letter, inner: asyncio.Future[Response | None]) -> None:
        request: Request = letters.request_of(letter)
        _settle(inner, await process(house, request))


def _settle(future: asyncio.Future[Any], value: Any) -> None:
    if not future.done():
        future.set_result(value)


def fault_code(response: Response) -> str:
    """The code of a fault, empty for another answer."""
    if response.status in (200, 202) or not response.body:
        return ""
    return read_fault(envelope.read(safe_xml.parse(response.body)).body).code


def _again(response: Response) -> bool:
    """Whether a sender that knows the catalogue sends the same again."""
    if response.status in (200, 202):
        return False
    try:
        return error_entry(fault_code(response)).retryable
    except KeyError:
        return False
