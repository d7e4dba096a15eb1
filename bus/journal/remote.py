"""The journal as a worker process sees it: stored by the owner, told when durable."""

from __future__ import annotations

import asyncio
from collections.abc import Container, Mapping, Sequence
from typing import Any, NoReturn

from bus.core.errors import JournalError
from bus.core.ports import Acceptance, Consignment, OpenDelivery, Transition
from bus.core.sequences import Arrival, Role, SequenceKey, SequenceRecord, SequenceState, Spans
from bus.core.states import State
from bus.core.types import Finding, Known
from bus.journal.frames import Accept, Answered, Ask, Channel, Failed, Record, Stored, Taken
from bus.wire.http import Request, Response


class OwnerDecides(Exception):
    """Only the owner of the journal can go on with this message: it is to take the whole request.

    Not a coded error: nobody is refused by it.
    """


class RemoteJournal:
    """``bus.core.ports.Journal`` for the steps of a worker, with the promises of a remote one.

    ``accept`` and ``record`` return when the owner has told that the rows are durable, and raise its ``JournalError``.
    An acceptance for the queue is handed to the relay by the owner. ``find`` knows nothing: whether a message id is
    taken shows at the commit, and then ``accept`` raises ``OwnerDecides``, as do all questions.
    """

    def __init__(self) -> None:
        self._channel: Channel | None = None
        self._waiting: dict[int, asyncio.Future[Any]] = {}
        self._number = 0
        self._loop: asyncio.AbstractEventLoop | None = None

    def connect(self, channel: Channel) -> None:
        """Speak to the owner over ``channel``; ``heard`` is to get its answers."""
        self._channel, self._loop = channel, asyncio.get_running_loop()

    def heard(self, note: Stored | Taken | Failed | Answered) -> None:
        """An answer of the owner."""
        future = self._waiting.pop(note.number, None)
        if future is None or future.done():
            return
        if isinstance(note, Stored):
            future.set_result(None)
        elif isinstance(note, Taken):
            future.set_exception(OwnerDecides())
        elif isinstance(note, Answered):
            future.set_result(note.response)
        else:
            future.set_exception(JournalError(note.code, note.findings, retry_after_s=note.retry_after_s))

    async def ask(self, request: Request) -> Response:
        """The owner's answer to a whole request."""
        number, future = self._next()
        self._say(Ask(number, request))
        response: Response = await future
        return response

    async def open(self) -> None:
        """The owner opens the store."""

    async def close(self) -> None:
        """The owner closes the store."""

    async def accept(self, acceptance: Acceptance) -> Known | None:
        """Stored by the owner, and handed over by it. Errors: CB4001; ``OwnerDecides`` when the id is taken."""
        number, future = self._next()
        self._say(Accept(number, acceptance))
        await future
        return None

    async def record(self, transitions: Sequence[Transition]) -> None:
        """Recorded by the owner in one commit. Errors: CB4001, CB4004."""
        if transitions:
            number, future = self._next()
            self._say(Record(number, tuple(transitions)))
            await future

    async def remember(self, value: str, until: float, now: float) -> NoReturn:
        """Errors: ``OwnerDecides``."""
        raise OwnerDecides

    def find(self, municipality: str, sender: str, message_id: str) -> Known | None:
        """Nothing is known here; the commit decides."""
        del municipality, sender, message_id
        return None

    def exchange_of(self, municipality: str, message_id: str) -> NoReturn:
        """Errors: ``OwnerDecides``."""
        raise OwnerDecides

    def body(self, exchange_id: str) -> NoReturn:
        """Errors: ``OwnerDecides``."""
        raise OwnerDecides

    def package(self, exchange_id: str) -> NoReturn:
        """Errors: ``OwnerDecides``."""
        raise OwnerDecides

    def open_deliveries(self, *, after: str = "", limit: int = 1000) -> Sequence[OpenDelivery]:
        """Errors: ``OwnerDecides``."""
        raise OwnerDecides

    def due(self, now: float, *, known: Container[str] = (), limit: int = 1000) -> Sequence[OpenDelivery]:
        """Errors: ``OwnerDecides``."""
        raise OwnerDecides

    def states(self, delivery_ids: Sequence[str]) -> Mapping[str, State]:
        """Errors: ``OwnerDecides``."""
        raise OwnerDecides

    def interrupted_calls(self) -> Sequence[str]:
        """Errors: ``OwnerDecides``."""
        raise OwnerDecides

    def counts(self) -> dict[str, int]:
        """Errors: ``OwnerDecides``."""
        raise OwnerDecides

    def owner_only(self) -> NoReturn:
        """Errors: ``OwnerDecides``."""
        raise OwnerDecides

    def sequence(self, key: SequenceKey) -> NoReturn:
        """Errors: ``OwnerDecides``."""
        raise OwnerDecides

    def sequences(
        self, *, role: Role | None = None, municipality: str = "", endpoint: str = "", live: bool = True
    ) -> NoReturn:
        """Errors: ``OwnerDecides``."""
        raise OwnerDecides

    def arrived(self, key: SequenceKey, number: int) -> NoReturn:
        """Errors: ``OwnerDecides``."""
        raise OwnerDecides

    def departures(self, key: SequenceKey) -> NoReturn:
        """Errors: ``OwnerDecides``."""
        raise OwnerDecides

    async def begin(self, records: Sequence[SequenceRecord]) -> NoReturn:
        """Errors: ``OwnerDecides``."""
        raise OwnerDecides

    async def arrive(self, arrival: Arrival) -> NoReturn:
        """Errors: ``OwnerDecides``."""
        raise OwnerDecides

    async def end(
        self, key: SequenceKey, state: SequenceState, at: float, *, last: int = 0, code: str = ""
    ) -> NoReturn:
        """Errors: ``OwnerDecides``."""
        raise OwnerDecides

    async def number_reply(self, key: SequenceKey, number: int) -> NoReturn:
        """Errors: ``OwnerDecides``."""
        raise OwnerDecides

    async def acknowledge(self, key: SequenceKey, spans: Spans, at: float) -> NoReturn:
        """Errors: ``OwnerDecides``."""
        raise OwnerDecides

    async def depart(
        self, key: SequenceKey, numbered: Sequence[tuple[int, str]], transitions: Sequence[Transition]
    ) -> NoReturn:
        """Errors: ``OwnerDecides``."""
        raise OwnerDecides

    async def renew(
        self, old: SequenceKey, code: str, new: SequenceRecord, numbered: Sequence[tuple[int, str]]
    ) -> NoReturn:
        """Errors: ``OwnerDecides``."""
        raise OwnerDecides

    def _next(self) -> tuple[int, asyncio.Future[Any]]:
        """A number for a note and where its answer will be."""
        if self._loop is None:
            raise JournalError("CB4001", [Finding("CB4001", path="journal", got="not open")])
        self._number += 1
        future = self._waiting[self._number] = self._loop.create_future()
        return self._number, future

    def _say(self, note: Accept | Record | Ask) -> None:
        assert self._channel is not None
        self._channel.say(note)


class OwnersOutbox:
    """``bus.core.ports.Outbox`` of a worker: the owner has handed over already, with the commit."""

    def hand_over(self, consignments: Sequence[Consignment]) -> None:
        """Nothing is left to do."""
