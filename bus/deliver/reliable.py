"""Delivers one endpoint's queue in a sequence: the same worker, with numbers, acknowledgements and a window.

A retransmission is what every retry is: the same message id, and here the same number. It goes on until the endpoint
has acknowledged the number *and* has answered it; an acknowledgement without an answer says that the message is safe,
but not what became of it.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterable, Sequence
from typing import Final

from bus.core.errors import ChiikibusError, JournalError
from bus.core.ports import Consignment, HttpReply, Transition, Verdict
from bus.core.sequences import SequenceState
from bus.core.settings import DeliverySettings
from bus.core.states import State
from bus.core.types import Endpoint, Finding
from bus.deliver.breaker import Breaker, BreakerState
from bus.deliver.courier import Courier
from bus.deliver.retry import wait_s
from bus.deliver.sequence import LOST, OutgoingSequence, unreachable
from bus.deliver.worker import DeliveryWorker, Kit
from bus.wire import envelope, safe_xml
from bus.wire.attachments.media import is_multipart
from bus.wire.reliable.headers import ReliableHeaders, read_headers

Headers = Sequence[tuple[str, str]]

NOT_ACKNOWLEDGED: Final = "CB3023"
BAD_ANSWER: Final = "CB2032"
FAREWELL_S: Final = 2.0
"""How long the end of an idle sequence may take when the bus stops."""


class ReliableCourier(Courier):
    """One attempt of a delivery that has a number."""

    def __init__(self, kit: Kit, sequence: OutgoingSequence) -> None:
        super().__init__(kit.journal, kit.sender, kit.outgoing, kit.breakers, kit.clock, kit.random)
        self._sequence = sequence

    def request(self, sending: Consignment, endpoint: Endpoint) -> tuple[bytes, Headers, Finding | None]:
        """With its place in the sequence; attachments go outside of it. Errors: CB3021."""
        if is_multipart(sending.content_type):
            return super().request(sending, endpoint)
        blocks = self._sequence.blocks(sending.delivery_id, again=sending.attempt > 1)
        return self._outgoing.request(sending, endpoint, blocks)

    async def judge(self, sending: Consignment, reply: HttpReply) -> Verdict:
        """What the answer means for the message, and what its header says of the sequence."""
        verdict = await self._outgoing.judge(sending, reply)
        if is_multipart(sending.content_type) or verdict.code == BAD_ANSWER:
            return verdict
        if self._sequence.heard(_headers(reply)):
            return Verdict(State.RETRY_WAIT, LOST)
        acknowledged = self._sequence.acknowledged(sending.delivery_id)
        if verdict.state in {State.DELIVERED, State.REPLIED} and not acknowledged:
            return Verdict(State.RETRY_WAIT, NOT_ACKNOWLEDGED)
        if verdict.state is State.RETRY_WAIT and acknowledged and reply.status == 500:
            self._sequence.used_up(sending.delivery_id)
        return verdict

    def failed(self, breaker: Breaker, error: ChiikibusError) -> None:
        """A message that was lost on the way says nothing against its endpoint."""
        if unreachable(error):
            breaker.failure(error.code)


def _headers(reply: HttpReply) -> ReliableHeaders:
    """The blocks of an answer; an answer that cannot be read has none."""
    try:
        return read_headers(envelope.read(safe_xml.parse(reply.body, reply.content_type)).headers)
    except ChiikibusError:
        return ReliableHeaders()


class ReliableWorker(DeliveryWorker):
    """The deliveries to an endpoint that has ``reliable`` in ``endpoints.toml``."""

    def __init__(self, endpoint: Endpoint, settings: DeliverySettings, kit: Kit) -> None:
        super().__init__(endpoint, settings, kit)
        self.sequence = OutgoingSequence(
            kit.journal, kit.sender, kit.outgoing, kit.clock, kit.ids, kit.log, kit.reliable
        )
        self._courier = ReliableCourier(kit, self.sequence)
        self._tending: asyncio.Task[None] | None = None
        self._failures = 0
        self._busy_at = kit.clock.monotonic()

    def start(self) -> None:
        """Go on with the sequence that is open, then begin to deliver."""
        self.sequence.load(self._endpoint)
        self._tending = asyncio.create_task(self._tend_forever(), name=f"sequence of {self._endpoint.key}")
        super().start()

    async def stop(self, drain_s: float) -> None:
        """Stop; a sequence with nothing unfinished ends, any other goes on at the next start."""
        if self._tending is not None:
            self._tending.cancel()
            await asyncio.gather(self._tending, return_exceptions=True)
        await super().stop(drain_s)
        if drain_s and self.sequence.ready and not self.sequence.unfinished and not self._endpoint.paused:
            with contextlib.suppress(ChiikibusError, TimeoutError):
                async with asyncio.timeout(min(drain_s, FAREWELL_S)):
                    await self.sequence.retire(self._endpoint)

    # -- the worker's steps, with numbers ---------------------------------------------------------------------

    def _take_ready(self, limit: int) -> list[str]:
        """What goes again goes first; of what is new, as much as the window has room for."""
        if not self.sequence.ready:
            return []
        return self._lanes.start(limit, fresh=self.sequence.room)

    def _was_sent(self, delivery_id: str) -> bool:
        """It has its number, and the window waits for it."""
        return self.sequence.number(delivery_id) > 0

    def _may_send(self) -> bool:
        return self.sequence.ready and super()._may_send()

    async def _write(self, transitions: Sequence[Transition]) -> None:
        """Record; what is about to be sent for the first time gets its number in the same transaction."""
        self._busy_at = self._kit.clock.monotonic()
        async with self.sequence.lock:
            key, untold = self.sequence.key, self.sequence.untold()
            if key is None:
                await super()._write(transitions)
                return
            if untold.spans:
                with contextlib.suppress(JournalError):
                    await self._kit.journal.acknowledge(key, untold.spans, self._kit.clock.now())
            fresh = [each.delivery_id for each in transitions if each.state is State.DISPATCHING]
            fresh = [each for each in fresh if not self.sequence.number(each) and self._numbered(each)]
            given = self.sequence.give(fresh)
            try:
                await self._kit.journal.depart(key, given, transitions)
            except JournalError as error:
                self.sequence.take_back(given)
                stored = self._kit.journal.sequence(key)
                if error.code == "CB4004" and given and (stored is None or stored.state is not SequenceState.OPEN):
                    # Not the deliveries are in the wrong state, but the sequence: they wait for the next one.
                    self.sequence.look(self._endpoint)
                    raise JournalError("CB4001", error.findings) from None
                raise
        ended = [each.delivery_id for each in transitions if each.state not in {State.DISPATCHING, State.RETRY_WAIT}]
        self.sequence.finished(ended)

    def _numbered(self, delivery_id: str) -> bool:
        parcel = self._parcels.get(delivery_id)
        return parcel is not None and not is_multipart(parcel.consignment.content_type)

    async def _let_go(self, ids: Iterable[str]) -> None:
        gone = list(ids)
        self.sequence.finished(gone)
        await super()._let_go(gone)

    # -- the sequence itself ----------------------------------------------------------------------------------

    async def _tend_forever(self) -> None:
        """Begin a sequence when there is something to send, replace one that fails, end one that is idle."""
        while True:
            await self._active.wait()
            self.sequence.look(self._endpoint)
            try:
                await self._tend()
                self._failures = 0
            except ChiikibusError as error:
                self._failures += 1
                if unreachable(error):
                    self._breaker.failure(error.code)
                self._kit.log("sequence.not_created", endpoint=self._endpoint.key, code=error.code)
            pause = wait_s(self._settings, self._failures, self._kit.random()) if self._failures else 0.0
            await asyncio.sleep(max(pause, min(self._settings.sweep_s, self._settings.retry_first_s)))

    async def _tend(self) -> None:
        """Errors: as ``OutgoingSequence.begin``."""
        sequence, idle_s = self.sequence, self._kit.reliable().idle_s
        wanted = len(self._lanes) or sequence.unfinished
        if sequence.ready:
            if not wanted and self._kit.clock.monotonic() - self._busy_at > idle_s:
                await sequence.retire(self._endpoint)
            return
        if self._breaker.state is BreakerState.OPEN or not self._endpoint.address:
            return
        if not wanted:
            # Nothing is to be sent: what failed, or was ended by an operator, needs no successor yet.
            with contextlib.suppress(ChiikibusError):
                await sequence.retire(self._endpoint)
            return
        while self._sending:
            # Their answers are about numbers of the sequence that ends.
            await asyncio.wait(set(self._sending))
        if sequence.key is not None and sequence.failing != LOST:
            with contextlib.suppress(ChiikibusError):
                await sequence.end(self._endpoint)
        await sequence.begin(self._endpoint)
        self._work.set()
        self._launch()
