"""Publishing: one message at a time per lane, so that its order is the lane's, but many deliveries in one message.

Whatever goes wrong (connection lost, confirmation missing, message returned, queue emptied by somebody) has one
remedy: a new connection, the lanes emptied, and everything that is not yet in this process published again, in
order.
"""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from collections.abc import Callable, Sequence
from typing import Any, Final

from bus.broker.amqp.book import Book
from bus.broker.amqp.cargo import packed
from bus.broker.amqp.link import LEADERLESS, UNREACHABLE, Link
from bus.broker.amqp.mending import renewed
from bus.broker.amqp.topology import (
    dead_arguments,
    dead_name,
    exchange_name,
    lane_arguments,
    lane_queue,
)
from bus.core.errors import BrokerError
from bus.core.settings import BrokerSettings
from bus.core.types import Finding

BATCH: Final = 256
"""Deliveries in one AMQP message."""

PAUSES_S: Final = (0.1, 0.2, 0.5, 1.0, 2.0, 5.0)
"""Before the next attempt to connect; the last one for all further ones."""

AUDIT_S: Final = 5.0
"""How often queues are compared with what should be in them."""

Log = Callable[..., None]


async def declare(link: Link, settings: BrokerSettings) -> None:
    """Exchanges and the queue of the dead. Errors: CB5010, CB5011, CB5013."""
    await link.exchange(exchange_name(settings), "direct")
    await link.exchange(dead_name(settings), "fanout")
    await link.queue(dead_name(settings), dead_arguments(settings), dead_name(settings), "")


async def declare_lane(link: Link, settings: BrokerSettings, endpoint: str, lane: int) -> str:
    """The queue of one lane, by its name. Errors: CB5010, CB5011, CB5013."""
    name = lane_queue(settings, endpoint, lane).name
    await link.queue(name, lane_arguments(settings), exchange_name(settings), name)
    return name


class Publisher:
    """Keeps a connection and publishes what the books have unsent. ``life`` marks what comes from this process.

    ``refills``: the relay of this process hands over all that is open, so what was in a lane before is emptied.
    ``held`` and ``replaces``: as ``RabbitMqBroker`` has them.
    """

    def __init__(
        self,
        settings: BrokerSettings,
        context: Callable[[], ssl.SSLContext | None],
        books: Callable[[], Sequence[Book]],
        *,
        life: str,
        refills: bool,
        held: Callable[[], bool],
        replaces: bool,
        hashed: Callable[[str], str],
        log: Log,
        jitter: Callable[[], float],
        audited: Callable[[], None],
    ) -> None:
        self._settings = settings
        self._context = context
        self._books = books
        self._life = life
        self._refills = refills
        self._held = held
        self._replaces = replaces
        self._hashed = hashed
        self._log = log
        self._jitter = jitter
        self._audited = audited
        self._link: Link | None = None
        self._epoch = 0
        self._declared: dict[tuple[str, int], str] = {}
        self._locks: dict[tuple[str, int], asyncio.Lock] = {}
        self._suspects: dict[tuple[str, int], int] = {}
        self._up = asyncio.Event()
        self._first = asyncio.Event()
        self._failure: BrokerError | None = None
        self._tasks: list[asyncio.Task[None]] = []
        self._flushing: set[asyncio.Task[None]] = set()

    @property
    def epoch(self) -> int:
        """How many connections there were."""
        return self._epoch

    @property
    def connected(self) -> bool:
        """Whether publishing is possible now."""
        return self._up.is_set()

    @property
    def blocked(self) -> bool:
        """Whether RabbitMQ takes nothing now."""
        return self._link is not None and self._link.blocked

    async def start(self) -> None:
        """Connect, for at most one deadline; then go on trying beside."""
        self._tasks = [
            asyncio.create_task(self._keep_connected(), name="broker publisher"),
            asyncio.create_task(self._audit_forever(), name="broker audit"),
        ]
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self._settings.timeout_s):
                await self._first.wait()

    async def stop(self) -> None:
        """Disconnect."""
        tasks = [*self._tasks, *self._flushing]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self._tasks = []
        if self._link is not None:
            await self._link.close()
        self._link = None
        self._up.clear()

    def reconnect(self) -> None:
        """Give up the connection: with the next one everything is published anew."""
        if self._link is not None:
            self._link.lose()

    # -- publish ----------------------------------------------------------------------------------------------

    async def flush(self, lanes: Sequence[tuple[Book, int]]) -> None:
        """Publish what these lanes have unsent, and return when it is confirmed.

        Errors: CB5010 when there is no connection within the deadline, CB5011, CB5012, CB5013.
        """
        try:
            async with asyncio.timeout(self._settings.timeout_s):
                await self._up.wait()
        except TimeoutError:
            failure = self._failure or BrokerError(UNREACHABLE, [Finding(UNREACHABLE, path="broker")])
            raise BrokerError(failure.code, failure.findings) from None
        if len(lanes) == 1:
            await self._flush(*lanes[0])
            return
        for result in await asyncio.gather(*(self._flush(*each) for each in lanes), return_exceptions=True):
            if isinstance(result, BaseException):
                raise result

    def flush_soon(self, lanes: Sequence[tuple[Book, int]]) -> None:
        """The same beside; what fails is published again with the next connection."""
        task = asyncio.create_task(self._flush_quietly(lanes), name="broker flush")
        self._flushing.add(task)
        task.add_done_callback(self._flushing.discard)

    async def _flush_quietly(self, lanes: Sequence[tuple[Book, int]]) -> None:
        with contextlib.suppress(BrokerError):
            await self.flush(lanes)

    async def _flush(self, book: Book, lane: int) -> None:
        key = (book.endpoint, lane)
        lock = self._locks.setdefault(key, asyncio.Lock())
        async with lock:
            while book.has_unsent(lane):
                link = self._link
                if link is None or link.lost:
                    raise BrokerError(UNREACHABLE, [Finding(UNREACHABLE, path="broker", got="lost")])
                try:
                    await self._flush_one(link, book, lane)
                except BrokerError as error:
                    self._failure = error
                    link.lose()
                    raise

    async def _flush_one(self, link: Link, book: Book, lane: int) -> None:
        name = await self._lane(link, book.endpoint, lane)
        part = book.next_unsent(lane, BATCH, self._epoch)
        if part:
            body = packed(self._life, self._epoch, part, self._hashed)
            await self._published(link, name, body)

    async def _published(self, link: Link, name: str, body: bytes) -> None:
        """Publish and wait for the confirmation; while RabbitMQ has blocked us, for as long as that lasts.

        Errors: CB5010, CB5011, CB5012.
        """
        publishing = asyncio.ensure_future(link.publish(exchange_name(self._settings), name, body))
        try:
            while not publishing.done():
                waited = (publishing, link.gone)
                await asyncio.wait(waited, timeout=self._settings.timeout_s, return_when=asyncio.FIRST_COMPLETED)
                if publishing.done():
                    break
                if link.lost:
                    raise BrokerError(UNREACHABLE, [Finding(UNREACHABLE, path=name, got="lost")])
                if not link.blocked:
                    raise BrokerError("CB5012", [Finding("CB5012", path=name, got="no confirmation")])
                self._log("broker_blocked", code="CB5014")
        finally:
            publishing.cancel()
            result = (await asyncio.gather(publishing, return_exceptions=True))[0]
        if isinstance(result, BaseException):
            raise result

    async def _lane(self, link: Link, endpoint: str, lane: int) -> str:
        name = self._declared.get((endpoint, lane))
        if name is None:
            name = await declare_lane(link, self._settings, endpoint, lane)
            if self._refills:
                await link.purge(name)
            self._declared[(endpoint, lane)] = name
        return name

    # -- connection -------------------------------------------------------------------------------------------

    async def _keep_connected(self) -> None:
        failures = 0
        while True:
            try:
                link = await self._connected()
            except BrokerError as error:
                if not failures:
                    self._log("broker_unreachable", code=error.code, error=_got(error))
                self._failure = error
                if error.code == LEADERLESS:
                    await self._mend()
                pause = PAUSES_S[min(failures, len(PAUSES_S) - 1)]
                failures += 1
                await asyncio.sleep(pause * (0.5 + self._jitter()))
                continue
            failures = 0
            await asyncio.wait([link.gone])
            self._up.clear()
            self._link = None
            self._log("broker_lost", code=self._failure.code if self._failure else UNREACHABLE)
            await link.close()

    async def _mend(self) -> None:
        """Have queues without a leader made anew by the next connection; without success it finds them once more."""
        names = [
            lane_queue(self._settings, book.endpoint, lane).name for book in self._books() for lane in range(book.lanes)
        ]
        with contextlib.suppress(BrokerError):
            gone = await renewed(self._settings, self._context(), names)
            if gone:
                self._log("broker_queues_renewed", code=LEADERLESS, count=len(gone))

    async def _connected(self) -> Link:
        """A new connection with everything unsettled published anew behind it.

        Errors: CB5010, CB5011, CB5013, CB5018.
        """
        if not self._held():
            raise BrokerError(UNREACHABLE, [Finding(UNREACHABLE, path="broker", got="the journal is not held")])
        link = await Link.open(self._settings, self._context(), "publisher")
        try:
            await declare(link, self._settings)
            if self._replaces:
                await self._end_consumers(link)
                self._replaces = False
            self._epoch += 1
            self._declared.clear()
            self._suspects.clear()
            count = 0
            for book in self._books():
                for lane in range(book.lanes):
                    await self._lane(link, book.endpoint, lane)
                count += book.again()
        except BaseException:
            await link.close()
            raise
        self._link, self._failure = link, None
        self._up.set()
        self._first.set()
        self._log("broker_connected", count=count)
        unsent = [(book, lane) for book in self._books() for lane in range(book.lanes) if book.has_unsent(lane)]
        if unsent:
            self.flush_soon(unsent)
        return link

    async def _end_consumers(self, link: Link) -> None:
        """Delete the lanes that the process before this one still consumes: one that stands still keeps its connection,
        and RabbitMQ would go on giving to it for as long. Everything in them is published anew.

        Errors: CB5010, CB5011.
        """
        count = 0
        for book in self._books():
            for lane in range(book.lanes):
                name = lane_queue(self._settings, book.endpoint, lane).name
                found = await link.look(name)
                if found is not None and found[1]:
                    await link.delete(name)
                    count += 1
        if count:
            self._log("broker_queues_renewed", count=count)

    async def _audit_forever(self) -> None:
        """Notice what an operator or a broken broker took out of a lane: nothing ready there, but not here either."""
        while True:
            await asyncio.sleep(AUDIT_S)
            self._audited()
            link = self._link
            if link is not None and self._refills and not link.blocked:
                with contextlib.suppress(BrokerError):
                    await self.audit(link)

    async def audit(self, link: Link | None = None) -> int:
        """How many lanes are empty although something travels; found so twice, everything is published again.

        Errors: CB5010.
        """
        link = link or self._link
        found = 0
        if link is None:
            return 0
        for (endpoint, lane), name in list(self._declared.items()):
            book = next((each for each in self._books() if each.endpoint == endpoint), None)
            missing = book.oldest_travelling(lane) if book is not None else 0
            if not missing or (await link.look(name) or (0, 0))[0]:
                self._suspects.pop((endpoint, lane), None)
                continue
            found += 1
            if self._suspects.get((endpoint, lane)) == missing:
                self._log("broker_lane_lost", endpoint=endpoint, count=len(book) if book else 0, code="CB5012")
                link.lose()
                return found
            self._suspects[(endpoint, lane)] = missing
        return found


def _got(error: BrokerError) -> Any:
    return error.findings[0].got if error.findings else ""
