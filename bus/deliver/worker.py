"""Delivers one endpoint's queue: lanes, DISPATCHING recorded, send, judge, outcome recorded, acknowledge.

Three loops run side by side (take, stage, record), so that one commit serves many deliveries. At most
``endpoint.concurrency`` posts are on the wire; a little more than that is recorded as DISPATCHING ahead of time.
"""

from __future__ import annotations

import asyncio
import contextlib
import heapq
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from bus.core.errors import JournalError
from bus.core.ids import SystemIds
from bus.core.ports import Broker, Clock, Consignment, Ids, Journal, Lease, Outgoing, Sender, Transition
from bus.core.settings import DeliverySettings, ReliableSettings
from bus.core.states import State
from bus.core.types import Endpoint, OnPark
from bus.deliver.alarm import Alarm
from bus.deliver.breaker import Breakers, BreakerState
from bus.deliver.courier import Courier
from bus.deliver.lanes import BlockedKey, Lanes
from bus.deliver.retry import JITTER
from bus.deliver.told import outcome_fields

TAKE: Final = 256
"""Consignments taken from the broker at a time."""

HELD_BODIES: Final = 8 * 1024 * 1024
"""Bytes of bodies one worker keeps while they wait in lanes; beyond that they are read back when their turn comes."""

PAUSE_S: Final = 0.5
"""Pause after the journal could not record."""

WATCHED: Final = 200
"""Held deliveries looked up in the journal per sweep, to notice an operator's decision."""


@dataclass(frozen=True, slots=True)
class Kit:
    """What every worker works with.

    ``taken`` and ``settled`` tell the relay what is about to be sent and what left memory; ``random`` is in [0, 1),
    ``log`` writes one line (``bus.core.log.line``)."""

    journal: Journal
    broker: Broker
    sender: Sender
    outgoing: Outgoing
    breakers: Breakers
    clock: Clock
    taken: Callable[[Iterable[str]], None]
    settled: Callable[[Iterable[str]], None]
    log: Callable[..., None]
    random: Callable[[], float]
    ids: Ids = field(default_factory=SystemIds)
    reliable: Callable[[], ReliableSettings] = ReliableSettings


@dataclass(slots=True)
class _Parcel:
    """A consignment while this worker has it. ``attempt`` is the number of the latest attempt."""

    lease: Lease
    consignment: Consignment
    attempt: int


@dataclass(frozen=True, slots=True)
class WorkerStatus:
    """What an operator sees of a worker."""

    endpoint: str
    paused: bool
    breaker: BreakerState
    waiting: int
    in_flight: int
    blocked: int


class DeliveryWorker:
    """The deliveries to one endpoint. Nothing leaves it unrecorded, and nothing is acknowledged before."""

    def __init__(self, endpoint: Endpoint, settings: DeliverySettings, kit: Kit) -> None:
        self._endpoint = endpoint
        self._settings = settings
        self._kit = kit
        self._breaker = kit.breakers.of(endpoint.key)
        self._courier = Courier(kit.journal, kit.sender, kit.outgoing, kit.breakers, kit.clock, kit.random)
        self._lanes = Lanes()
        self._parcels: dict[str, _Parcel] = {}
        self._bodies = 0
        self._staged: deque[_Parcel] = deque()
        self._sending: dict[asyncio.Task[None], None] = {}
        self._outcomes: list[Transition] = []
        self._retries: list[tuple[float, str]] = []
        self._due: dict[str, float] = {}
        self._alarm = Alarm(self._wake)
        self._watch_from = 0
        self._draining = False
        self._closing = False
        self._active = asyncio.Event()
        self._work = asyncio.Event()
        self._done = asyncio.Event()
        self._subscription = kit.broker.subscribe(endpoint.key)
        self._tasks: list[asyncio.Task[None]] = []

    # -- life -------------------------------------------------------------------------------------------------

    def start(self) -> None:
        """Begin to deliver (or to wait, while the endpoint is paused)."""
        if not self._endpoint.paused:
            self._active.set()
        loops = (self._take_forever, self._stage_forever, self._watch_forever, self._record_until_closed)
        self._tasks = [asyncio.create_task(loop(), name=f"{loop.__name__} {self._endpoint.key}") for loop in loops]

    def configure(self, endpoint: Endpoint, settings: DeliverySettings) -> None:
        """Go on with a reloaded endpoint; a new address is tried at once."""
        moved = endpoint.address != self._endpoint.address or endpoint.secret != self._endpoint.secret
        self._endpoint, self._settings = endpoint, settings
        if moved:
            self._kit.breakers.forget(endpoint.key)
            self._breaker = self._kit.breakers.of(endpoint.key)
            for delivery_id in list(self._due):
                self._release(delivery_id)
        if endpoint.paused:
            self._active.clear()
        else:
            self._active.set()
        self._work.set()
        self._launch()

    async def stop(self, drain_s: float) -> None:
        """Send nothing new, let posts on the wire finish for up to ``drain_s``, record their outcomes, let go."""
        self._draining = True
        self._active.clear()
        if self._sending:
            await asyncio.wait(set(self._sending), timeout=drain_s)
        for task in list(self._sending):
            task.cancel()
        await asyncio.gather(*self._sending, return_exceptions=True)
        self._closing = True
        self._done.set()
        await asyncio.wait(self._tasks[-1:], timeout=max(drain_s, PAUSE_S))
        self._alarm.cancel()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._subscription.close()

    def status(self) -> WorkerStatus:
        """How things stand."""
        return WorkerStatus(
            endpoint=self._endpoint.key,
            paused=self._endpoint.paused,
            breaker=self._breaker.state,
            waiting=len(self._lanes) + self._kit.broker.depth(self._endpoint.key),
            in_flight=len(self._sending),
            blocked=len(self._lanes.held()),
        )

    def blocked(self) -> list[BlockedKey]:
        """The ordering keys that are held up, with cause, since when, and how many wait behind."""
        return self._lanes.blocked()

    # -- take -------------------------------------------------------------------------------------------------

    async def _take_forever(self) -> None:
        while True:
            await self._active.wait()
            leases = await self._subscription.take(TAKE)
            if not leases:
                return
            useless = [lease for lease in leases if not self._admit(lease)]
            if useless:
                await self._subscription.acknowledge(useless)
            self._work.set()

    def _admit(self, lease: Lease) -> bool:
        """Put a consignment into its lanes; false for one that has no place there."""
        consignment = lease.consignment
        delivery_id = consignment.delivery_id
        if delivery_id in self._lanes:
            # The conveyor gave it twice. Whether an operator resent one that is held is seen in the journal alone.
            return False
        if consignment.parked and self._kit.outgoing.on_park(consignment) is OnPark.CONTINUE:
            self._kit.settled([delivery_id])
            return False
        self._bodies += len(consignment.raw)
        if self._bodies > HELD_BODIES:
            self._bodies -= len(consignment.raw)
            consignment = replace(consignment, raw=b"")
            lease = Lease(consignment, lease.tag)
        self._parcels[delivery_id] = _Parcel(lease, consignment, consignment.attempt)
        self._lanes.add(delivery_id, consignment.ordering_keys, again=self._was_sent(delivery_id))
        if consignment.parked:
            self._lanes.hold(delivery_id, State.PARKED.value, consignment.accepted_at)
        elif consignment.not_before > self._kit.clock.now():
            self._lanes.hold(delivery_id, State.RETRY_WAIT.value, consignment.accepted_at)
            self._retry_at(delivery_id, consignment.not_before)
        return True

    def _was_sent(self, delivery_id: str) -> bool:
        """Whether it goes before all that was never sent: here nothing does after a restart."""
        del delivery_id
        return False

    # -- stage ------------------------------------------------------------------------------------------------

    async def _stage_forever(self) -> None:
        while True:
            await self._work.wait()
            self._work.clear()
            while (ids := self._next_ids()) and await self._stage(ids):
                self._launch()
            self._launch()

    def _next_ids(self) -> list[str]:
        """Deliveries whose DISPATCHING may be recorded now."""
        if self._draining or self._endpoint.paused or not self._endpoint.address or not self._lanes.any_ready:
            return []
        state = self._breaker.state
        if state is BreakerState.OPEN:
            self._alarm.within(self._breaker.wait_s())
            return []
        ahead = 1 if state is BreakerState.HALF_OPEN else max(32, 2 * self._endpoint.concurrency)
        return self._take_ready(max(0, ahead - len(self._staged)))

    def _take_ready(self, limit: int) -> list[str]:
        """What may start, the longest ready first."""
        return self._lanes.start(limit)

    async def _stage(self, ids: Sequence[str]) -> bool:
        """Record DISPATCHING and queue for sending; false when the journal cannot record now."""
        now = self._kit.clock.now()
        self._kit.taken(ids)
        transitions: dict[str, Transition] = {}
        for delivery_id in ids:
            parcel = self._parcels[delivery_id]
            if parcel.consignment.expires_at <= now:
                self._expire(parcel, now)
            else:
                transitions[delivery_id] = Transition(delivery_id, State.DISPATCHING, now, attempt=parcel.attempt + 1)
        refused, failed = await self._recorded(list(transitions.values()))
        if failed:
            self._lanes.put_back(list(transitions))
            await asyncio.sleep(PAUSE_S)
            self._work.set()
            return False
        for delivery_id in transitions:
            if delivery_id not in refused:
                parcel = self._parcels[delivery_id]
                parcel.attempt += 1
                self._staged.append(parcel)
        await self._let_go(sorted(refused))
        return True

    async def _recorded(self, transitions: Sequence[Transition]) -> tuple[set[str], bool]:
        """Record; gives the ids whose state forbade it (an operator was quicker) and whether storing failed."""
        try:
            await self._write(transitions)
        except JournalError as error:
            if error.code != "CB4004":
                self._kit.log("delivery_not_recorded", endpoint=self._endpoint.key, code=error.code)
                return set(), True
        else:
            return set(), False
        refused: set[str] = set()
        for transition in transitions:
            try:
                await self._write([transition])
            except JournalError as error:
                if error.code != "CB4004":
                    return refused, True
                refused.add(transition.delivery_id)
        return refused, False

    async def _write(self, transitions: Sequence[Transition]) -> None:
        """Errors: CB4001, CB4004."""
        await self._kit.journal.record(transitions)

    # -- send -------------------------------------------------------------------------------------------------

    def _launch(self) -> None:
        while len(self._sending) < self._endpoint.concurrency and self._in_time() and self._may_send():
            task = asyncio.create_task(self._send_while_staged(self._staged.popleft()))
            self._sending[task] = None
            task.add_done_callback(self._sending.pop)

    def _in_time(self) -> bool:
        """Whether something is staged; what has expired since it was (a slow disk, a pause) is closed on the way."""
        while self._staged and self._staged[0].consignment.expires_at <= (now := self._kit.clock.now()):
            self._expire(self._staged.popleft(), now)
        return bool(self._staged)

    def _expire(self, parcel: _Parcel, now: float) -> None:
        expired = Transition(parcel.consignment.delivery_id, State.EXPIRED, now, attempt=parcel.attempt, code="CB5006")
        self._outcomes.append(expired)
        self._done.set()

    def _may_send(self) -> bool:
        if self._draining or self._endpoint.paused:
            return False
        if not self._breaker.allow():
            self._alarm.within(self._breaker.wait_s())
            return False
        return True

    async def _send_while_staged(self, parcel: _Parcel) -> None:
        while True:
            await self._send(parcel)
            self._work.set()
            if len(self._sending) > self._endpoint.concurrency or not self._in_time() or not self._may_send():
                return
            parcel = self._staged.popleft()

    async def _send(self, parcel: _Parcel) -> None:
        transition = await self._courier.attempt(parcel.consignment, parcel.attempt, self._endpoint, self._settings)
        self._outcomes.append(transition)
        self._done.set()

    # -- record -----------------------------------------------------------------------------------------------

    async def _record_until_closed(self) -> None:
        while self._outcomes or not self._closing:
            await self._done.wait()
            self._done.clear()
            if self._outcomes:
                await self._record_outcomes()

    async def _record_outcomes(self) -> None:
        batch, self._outcomes = self._outcomes, []
        refused, failed = await self._recorded(batch) if await self._told(batch) else (set(), True)
        if failed:
            # The outcome is known but not yet durable: keep it and try again; what was recorded is refused then.
            self._outcomes = batch + self._outcomes
            await asyncio.sleep(PAUSE_S)
            self._done.set()
            return
        gone = sorted(refused)
        for transition in batch:
            if transition.delivery_id not in refused:
                self._line(transition)
                if not self._kept(transition):
                    gone.append(transition.delivery_id)
        await self._let_go(gone)
        self._work.set()

    async def _told(self, batch: Sequence[Transition]) -> bool:
        """Tell requesters what comes to nothing, before that is recorded; false when the journal cannot store it."""
        for transition in batch:
            if transition.state is State.EXPIRED:
                try:
                    consignment = self._parcels[transition.delivery_id].consignment
                    await self._kit.outgoing.given_up(consignment, transition.code)
                except JournalError as error:
                    self._kit.log("delivery_not_recorded", endpoint=self._endpoint.key, code=error.code)
                    return False
        return True

    def _kept(self, transition: Transition) -> bool:
        """Whether the delivery stays in its lanes after this outcome."""
        delivery_id = transition.delivery_id
        if transition.state is State.RETRY_WAIT:
            self._lanes.hold(delivery_id, transition.code, transition.at)
            self._retry_at(delivery_id, transition.next_attempt_at)
            return True
        if transition.state is State.PARKED:
            consignment = self._parcels[delivery_id].consignment
            if consignment.ordering_keys and self._kit.outgoing.on_park(consignment) is OnPark.BLOCK:
                self._lanes.hold(delivery_id, transition.code, transition.at)
                return True
        return False

    async def _let_go(self, ids: Iterable[str]) -> None:
        """Forget deliveries whose outcome is in the journal: acknowledge, free their lanes, tell the relay."""
        leases: list[Lease] = []
        for delivery_id in ids:
            parcel = self._parcels.pop(delivery_id, None)
            self._lanes.finish(delivery_id)
            self._due.pop(delivery_id, None)
            if parcel is not None:
                self._bodies -= len(parcel.consignment.raw)
                leases.append(parcel.lease)
        if leases:
            await self._subscription.acknowledge(leases)
            self._kit.settled([lease.consignment.delivery_id for lease in leases])

    def _line(self, transition: Transition) -> None:
        parcel = self._parcels[transition.delivery_id]
        self._kit.log("delivery", **outcome_fields(parcel.consignment, self._endpoint.key, transition))

    # -- time -------------------------------------------------------------------------------------------------

    def _retry_at(self, delivery_id: str, when: float) -> None:
        # On the monotonic clock, so that a jump of the wall clock neither hurries nor delays what waits here; and never
        # longer than any wait is, since the clock may have been set back before a restart.
        wait = min(when - self._kit.clock.now(), self._settings.retry_max_s * (1.0 + JITTER))
        due = self._kit.clock.monotonic() + max(0.0, wait)
        self._due[delivery_id] = due
        heapq.heappush(self._retries, (due, delivery_id))
        self._alarm.within(self._retries[0][0] - self._kit.clock.monotonic())

    def _resume(self, delivery_id: str) -> None:
        """Go on with one that an operator resent: a new series of attempts begins."""
        if self._lanes.is_held(delivery_id):
            self._parcels[delivery_id].attempt = 0
            self._release(delivery_id)

    def _release(self, delivery_id: str) -> None:
        self._due.pop(delivery_id, None)
        self._lanes.release(delivery_id)

    def _wake(self) -> None:
        now = self._kit.clock.monotonic()
        while self._retries and self._retries[0][0] <= now:
            due, delivery_id = heapq.heappop(self._retries)
            if self._due.get(delivery_id) == due:
                self._release(delivery_id)
        if self._retries:
            self._alarm.within(self._retries[0][0] - now)
        self._work.set()

    async def _watch_forever(self) -> None:
        """Notice what an operator decided about held deliveries (resent, cancelled)."""
        while True:
            await asyncio.sleep(self._settings.sweep_s)
            held = self._lanes.held()
            if not held:
                continue
            part = held[self._watch_from : self._watch_from + WATCHED]
            self._watch_from = self._watch_from + WATCHED if self._watch_from + WATCHED < len(held) else 0
            gone: list[str] = []
            with contextlib.suppress(JournalError):
                for delivery_id, state in self._kit.journal.states(part).items():
                    if state is State.RETRY_WAIT and delivery_id not in self._due:
                        self._resume(delivery_id)
                    elif state not in (State.RETRY_WAIT, State.PARKED):
                        gone.append(delivery_id)
            await self._let_go(gone)
            self._work.set()
