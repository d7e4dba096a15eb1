"""The owner's side of a worker's remote journal: stores, hands over, answers, and closes what a dead worker left."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from typing import Final, Protocol

from bus.core.errors import JournalError
from bus.core.ports import Acceptance, Clock, Journal, Outbox, Transition
from bus.core.states import State
from bus.journal.batch import Outcome, Work
from bus.journal.frames import Accept, Answered, Ask, Channel, Failed, Record, Stored, Taken
from bus.journal.writer import Ticket
from bus.wire.http import Request, Response

CUT_OFF: Final = "CB5003"


class SharedJournal(Journal, Protocol):
    """A journal that takes work without a coroutine for each entry, and knows which segments its rows hold."""

    @property
    def held(self) -> bool:
        """Whether no other bus can own the journal now."""
        ...

    async def taken_over(self) -> None:
        """Returns when another bus owns the journal."""
        ...

    def segments(self) -> Iterator[str]:
        """The names of all segments that belong to a message or a reply."""
        ...

    def enter(self, work: Work, ticket: Ticket) -> None:
        """Hand over one entry; ``ticket`` is told, in the event loop's thread, when it is durable or refused."""
        ...


class _Accepting:
    """The ticket of an acceptance."""

    __slots__ = ("_acceptance", "_counter", "_number")

    def __init__(self, counter: Counter, number: int, acceptance: Acceptance) -> None:
        self._counter, self._number, self._acceptance = counter, number, acceptance

    def done(self) -> bool:
        """The counter always wants to know."""
        return False

    def set_result(self, result: Outcome, /) -> None:
        """Durable, or taken."""
        if result is None:
            self._counter.stored(self._number, self._acceptance)
        else:
            self._counter.told(Taken(self._number))

    def set_exception(self, exception: JournalError, /) -> None:
        """Not stored."""
        self._counter.told(_failed(self._number, exception))


class _Recording:
    """The ticket of transitions."""

    __slots__ = ("_counter", "_number")

    def __init__(self, counter: Counter, number: int) -> None:
        self._counter, self._number = counter, number

    def done(self) -> bool:
        """The counter always wants to know."""
        return False

    def set_result(self, result: Outcome, /) -> None:
        """Durable."""
        del result
        self._counter.told(Stored(self._number))

    def set_exception(self, exception: JournalError, /) -> None:
        """Not allowed, or not stored."""
        self._counter.told(_failed(self._number, exception))


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
        if isinstance(note, Accept):
            self._accept(note)
        elif isinstance(note, Record):
            self._out.difference_update([each.delivery_id for each in note.transitions])
            self._enter(note.number, note.transitions, _Recording(self, note.number))
        else:
            task = asyncio.ensure_future(self._take(note))
            self._asked.add(task)
            task.add_done_callback(self._asked.discard)

    def stored(self, number: int, acceptance: Acceptance) -> None:
        """An acceptance is durable: what is for the queue is handed over before its sender is told."""
        if acceptance.state is State.ACCEPTED:
            self._outbox.hand_over(acceptance.consignments())
        elif acceptance.state is State.DISPATCHING:
            self._out.add(f"{acceptance.exchange_id}-0")
        self.told(Stored(number))

    def told(self, note: Stored | Taken | Failed) -> None:
        """How something that the worker wanted to store ended."""
        self._pending -= 1
        self._say(note)
        if not self._pending:
            self._settled.set()

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

    def _accept(self, note: Accept) -> None:
        """Store it; a refusal of what was accepted once is answered as before, which only the owner can."""
        acceptance = note.acceptance
        if (
            acceptance.state is State.REJECTED
            and acceptance.message_id
            and self._journal.find(acceptance.municipality, acceptance.sender, acceptance.message_id) is not None
        ):
            self._say(Taken(note.number))
            return
        self._enter(note.number, acceptance, _Accepting(self, note.number, acceptance))

    def _enter(self, number: int, work: Work, ticket: Ticket) -> None:
        self._pending += 1
        try:
            self._journal.enter(work, ticket)
        except JournalError as error:
            self.told(_failed(number, error))

    def _say(self, note: Stored | Taken | Failed | Answered) -> None:
        if self._channel is not None:
            self._channel.say(note)

    async def _take(self, note: Ask) -> None:
        self._say(Answered(note.number, await self._answer(note.request)))


def _failed(number: int, error: JournalError) -> Failed:
    """The fields of an error of the journal."""
    return Failed(number, error.code, error.findings, error.retry_after_s)
