"""The owner's side of a worker's remote journal: stores, hands over, answers, and closes what a dead worker left."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Final, Protocol

from bus.core.errors import JournalError
from bus.core.ports import Acceptance, Clock, Consignment, Journal, Outbox, Transition
from bus.core.states import State
from bus.core.types import Known
from bus.journal.frames import Accept, Answered, Ask, Channel, Failed, Record, Stored, Taken
from bus.journal.ledger import Work
from bus.wire.http import Request, Response

CUT_OFF: Final = "CB5003"


class SharedJournal(Journal, Protocol):
    """A journal that takes work without a coroutine for each entry."""

    def submit(self, work: Work) -> asyncio.Future[Known | JournalError | None]:
        """Hand over one entry; the future resolves when it is durable or refused."""
        ...


class Counter:
    """Serves one worker. ``answer`` takes a whole request through the owner's own front."""

    def __init__(
        self,
        journal: SharedJournal,
        outbox: Outbox,
        answer: Callable[[Request], Awaitable[Response]],
        clock: Clock,
        log: Callable[..., None],
    ) -> None:
        self._journal = journal
        self._outbox = outbox
        self._answer = answer
        self._clock = clock
        self._log = log
        self._channel: Channel | None = None
        self._pending = 0
        self._out: set[str] = set()
        self._asked: set[asyncio.Task[None]] = set()
        self._settled = asyncio.Event()

    def connect(self, channel: Channel) -> None:
        """Answer over ``channel``."""
        self._channel = channel

    def heard(self, note: Accept | Record | Ask) -> None:
        """One thing that the worker wants."""
        if isinstance(note, Ask):
            task = asyncio.ensure_future(self._take(note))
            self._asked.add(task)
            task.add_done_callback(self._asked.discard)
            return
        if isinstance(note, Accept) and self._repeats(note.acceptance):
            self._say(Taken(note.number))
            return
        self._pending += 1
        if isinstance(note, Accept):
            self._submit(note.number, note.acceptance, partial(self._accepted, note))
        else:
            self._out.difference_update([each.delivery_id for each in note.transitions])
            self._submit(note.number, note.transitions, partial(self._finished, note.number))

    async def close(self) -> None:
        """The worker is gone: wait for what it still wanted to store, then close the calls it had out.

        Nobody was told their outcome; the callers saw their connection end and may call again under the same id.
        """
        self._channel = None
        while self._pending:
            self._settled.clear()
            await self._settled.wait()
        out, self._out = sorted(self._out), set()
        now = self._clock.now()
        closed = [self._journal.record([Transition(each, State.CANCELLED, now, code=CUT_OFF)]) for each in out]
        failed = [each for each in await asyncio.gather(*closed, return_exceptions=True) if each is not None]
        if out:
            self._log("interrupted_calls_closed", count=len(out) - len(failed), code=CUT_OFF)

    def _repeats(self, refused: Acceptance) -> bool:
        """A refusal of what was accepted once: a known message is answered as before, which only the owner can."""
        if refused.state is not State.REJECTED or not refused.message_id:
            return False
        return self._journal.find(refused.municipality, refused.sender, refused.message_id) is not None

    def _say(self, note: Stored | Taken | Failed | Answered) -> None:
        if self._channel is not None:
            self._channel.say(note)

    def _submit(
        self, number: int, work: Work, done: Callable[[asyncio.Future[Known | JournalError | None]], None]
    ) -> None:
        try:
            self._journal.submit(work).add_done_callback(done)
        except JournalError as error:
            self._done(_failed(number, error))

    def _accepted(self, note: Accept, future: asyncio.Future[Known | JournalError | None]) -> None:
        """Durable, or taken: what is for the queue is handed over before its sender is told."""
        error = future.exception()
        if error is not None:
            self._done(_failed(note.number, error))
            return
        acceptance = note.acceptance
        if future.result() is not None:
            self._done(Taken(note.number))
            return
        if acceptance.state is State.ACCEPTED:
            self._outbox.hand_over(consignments(acceptance))
        elif acceptance.state is State.DISPATCHING:
            self._out.add(f"{acceptance.exchange_id}-0")
        self._done(Stored(note.number))

    def _finished(self, number: int, future: asyncio.Future[Known | JournalError | None]) -> None:
        error = future.exception()
        self._done(Stored(number) if error is None else _failed(number, error))

    def _done(self, note: Stored | Taken | Failed) -> None:
        self._pending -= 1
        self._say(note)
        if not self._pending:
            self._settled.set()

    async def _take(self, note: Ask) -> None:
        self._say(Answered(note.number, await self._answer(note.request)))


def consignments(acceptance: Acceptance) -> list[Consignment]:
    """What step 10 hands over for an acceptance, one per target."""
    return [
        Consignment(
            delivery_id=acceptance.delivery_id(index),
            exchange_id=acceptance.exchange_id,
            municipality=acceptance.municipality,
            sender=acceptance.sender,
            target=target,
            operation=acceptance.operation,
            message_id=acceptance.message_id,
            ordering_keys=acceptance.ordering_keys,
            accepted_at=acceptance.received_at,
            expires_at=acceptance.expires_at,
            content_type=acceptance.content_type,
            soap_action=acceptance.soap_action,
            purpose=acceptance.purpose,
            raw=acceptance.raw,
        )
        for index, target in enumerate(acceptance.targets)
    ]


def _failed(number: int, error: BaseException) -> Failed:
    """The fields of an error of the journal; anything else is a failure to store."""
    if isinstance(error, JournalError):
        return Failed(number, error.code, error.findings, error.retry_after_s)
    return Failed(number, "CB4001", (), 5)
