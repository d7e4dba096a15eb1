"""The Broker port on RabbitMQ: books of what is under way, a publisher, and a receiver per subscribed endpoint."""

from __future__ import annotations

import asyncio
import contextlib
import random
import secrets
import ssl
import time
from collections.abc import Callable, Sequence
from typing import Any, Final

from bus.broker.amqp.book import Book, Room
from bus.broker.amqp.cargo import keyed_lane_hash
from bus.broker.amqp.link import CLOSE_S, UNREACHABLE, Link
from bus.broker.amqp.publisher import PAUSES_S, Publisher, declare
from bus.broker.amqp.subscription import AmqpSubscription, Receiver
from bus.core.errors import BrokerError
from bus.core.ports import BrokerStatus, Capability, Consignment
from bus.core.settings import BrokerSettings
from bus.core.types import Finding

CAPABILITIES: Final = frozenset({Capability.LASTING, Capability.BOUNDED_BODIES, Capability.LANES})


ATTACH: Final = 4
"""Calls to RabbitMQ for each lane of a receiver; all of them together may take so many deadlines."""

HOLD_S: Final = 300.0
"""A message that is open for longer is acknowledged: the journal and this process have it."""


def no_log(event: str, /, **fields: Any) -> None:
    """Say nothing."""


class RabbitMqBroker:
    """Implements ``bus.core.ports.Broker``.

    ``load_body`` (exchange id -> bytes) reads from the journal what is not kept in memory. ``endpoints`` are declared
    when the connection opens, others when something is published to them. ``refills`` says that the relay of this
    process hands over everything open when it starts: then what the queues held before is emptied. Without it the
    broker is one of several consumers, and takes what others have published. ``held``: whether this process may still
    work on the lanes. ``replaces``: it may have taken the place of one whose consumers are still there.
    """

    def __init__(
        self,
        settings: BrokerSettings,
        load_body: Callable[[str], bytes],
        *,
        endpoints: Sequence[str] = (),
        refills: bool = True,
        held: Callable[[], bool] = lambda: True,
        replaces: bool = False,
        log: Callable[..., None] = no_log,
        context: Callable[[], ssl.SSLContext | None] = lambda: None,
        life: Callable[[], str] = lambda: secrets.token_hex(8),
        jitter: Callable[[], float] = random.random,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._settings = settings
        self._refills = refills
        self._log = log
        self._context = context
        self._jitter = jitter
        self._monotonic = monotonic
        self._life = life()
        self._room = Room(settings.max_resident, load_body)
        self._books: dict[str, Book] = {}
        self._receivers: dict[str, Receiver] = {}
        self._again: set[Receiver] = set()
        self._wanted = asyncio.Event()
        self._link: Link | None = None
        self._consuming: asyncio.Task[None] | None = None
        self._publisher = Publisher(
            settings,
            context,
            lambda: list(self._books.values()),
            life=self._life,
            refills=refills,
            held=held,
            replaces=replaces,
            hashed=keyed_lane_hash(settings.password),
            log=log,
            jitter=jitter,
            audited=self._let_go,
        )
        for endpoint in endpoints:
            self._book(endpoint)

    @property
    def capabilities(self) -> frozenset[Capability]:
        """What it can beyond the port's promises."""
        return CAPABILITIES if self._refills else CAPABILITIES | {Capability.SHARED}

    @property
    def resident(self) -> int:
        """Bytes of bodies now held."""
        return self._room.used

    @property
    def status(self) -> BrokerStatus:
        """How the connection stands."""
        return BrokerStatus(
            engine="rabbitmq",
            connected=self._publisher.connected and (self._link is not None or not self._receivers),
            blocked=self._publisher.blocked,
            connections=self._publisher.epoch,
            waiting=sum(book.depth for book in self._books.values()),
        )

    async def open(self) -> None:
        """Connect and declare the queues; without RabbitMQ, go on trying beside: the journal holds what comes."""
        await self._publisher.start()
        self._consuming = asyncio.create_task(self._keep_consuming(), name="broker consumer")

    async def close(self) -> None:
        """Disconnect and forget everything; the journal has it."""
        if self._consuming is not None:
            self._consuming.cancel()
            await asyncio.gather(self._consuming, return_exceptions=True)
            self._consuming = None
        for receiver in list(self._receivers.values()):
            await receiver.detach()
        self._receivers.clear()
        if self._link is not None:
            await self._link.close()
            self._link = None
        await self._publisher.stop()
        self._books.clear()

    async def publish(self, consignments: Sequence[Consignment]) -> None:
        """Hand over to the lanes of their targets; returns when RabbitMQ has confirmed what has a lane.

        What waits for a lane of its own keys goes on as soon as it has one. Errors: CB5010, CB5011, CB5012, CB5013.
        """
        lanes: dict[tuple[str, int], tuple[Book, int]] = {}
        for consignment in consignments:
            book = self._book(f"{consignment.municipality}/{consignment.target}")
            lane = book.add(consignment)
            for each in range(book.lanes) if lane is None else (lane,):
                if book.has_unsent(each):
                    lanes[(book.endpoint, each)] = (book, each)
        if lanes:
            await self._publisher.flush(list(lanes.values()))

    def subscribe(self, endpoint_key: str) -> AmqpSubscription:
        """A consumer of ``<municipality>/<endpoint id>``."""
        book = self._book(endpoint_key)
        receiver = Receiver(
            book,
            self._settings,
            life=self._life,
            refills=self._refills,
            log=self._log,
            ended=self._attach_again,
            monotonic=self._monotonic,
        )
        self._receivers[endpoint_key] = receiver
        self._attach_again(receiver)
        return AmqpSubscription(book, settled=self._settled, closed=self._withdrawn)

    def depth(self, endpoint_key: str) -> int:
        """How many consignments this process knows to wait for this endpoint."""
        book = self._books.get(endpoint_key)
        return book.depth if book is not None else 0

    async def rebuild(self) -> None:
        """Give up the connection: with the next one everything that is not settled is published anew."""
        self._publisher.reconnect()

    # -- inside -----------------------------------------------------------------------------------------------

    def _book(self, endpoint: str) -> Book:
        book = self._books.get(endpoint)
        if book is None:
            lanes = self._settings.lanes_for(endpoint)
            book = self._books[endpoint] = Book(endpoint, lanes, self._room)
        return book

    def _settled(self, book: Book, delivery_ids: Sequence[str]) -> None:
        freed = book.settle(delivery_ids)
        if freed:
            self._publisher.flush_soon([(book, lane) for lane in freed])

    async def _withdrawn(self, book: Book) -> None:
        """A subscription ends: RabbitMQ takes back what it had."""
        receiver = self._receivers.pop(book.endpoint, None)
        if receiver is not None:
            self._again.discard(receiver)
            receiver.stop()
            missing = book.withdraw(forget=not self._refills)
            await receiver.detach()
            if missing and self._refills:
                self._publisher.reconnect()

    def _let_go(self) -> None:
        """What is held for long is not RabbitMQ's any more; without a relay in this process it has to stay there."""
        if self._refills:
            before = self._monotonic() - HOLD_S
            for book in self._books.values():
                book.let_go(before)

    def _attach_again(self, receiver: Receiver) -> None:
        self._again.add(receiver)
        self._wanted.set()

    async def _keep_consuming(self) -> None:
        failures = 0
        while True:
            try:
                link = await Link.open(self._settings, self._context(), "consumer")
                await declare(link, self._settings)
            except BrokerError as error:
                self._log_once(failures, error)
            else:
                self._link = link
                self._again.update(self._receivers.values())
                failure = await self._serve(link)
                self._link = None
                await link.close()
                if failure is None:
                    failures = 0
                else:
                    self._log_once(failures, failure)
            failures += 1
            await asyncio.sleep(PAUSES_S[min(failures, len(PAUSES_S)) - 1] * (0.5 + self._jitter()))

    async def _serve(self, link: Link) -> BrokerError | None:
        """Attach whoever asks for it until the connection ends; the failure that ended it, if it was one."""
        while not link.lost:
            self._wanted.clear()
            while self._again and not link.lost:
                receiver = self._again.pop()
                try:
                    await self._attach(receiver, link)
                except BrokerError as error:
                    return error
            wanted = asyncio.ensure_future(self._wanted.wait())
            try:
                waited: tuple[asyncio.Future[Any], ...] = (wanted, link.gone)
                await asyncio.wait(waited, return_when=asyncio.FIRST_COMPLETED)
            finally:
                wanted.cancel()
        return None

    async def _attach(self, receiver: Receiver, link: Link) -> None:
        """Let a receiver consume over this connection, as long as that is there. Errors: CB5010, CB5011, CB5013."""
        attaching = asyncio.ensure_future(receiver.attach(link))
        try:
            await asyncio.wait(
                (attaching, link.gone),
                timeout=ATTACH * self._settings.timeout_s * receiver.book.lanes,
                return_when=asyncio.FIRST_COMPLETED,
            )
            if not attaching.done():
                raise BrokerError(UNREACHABLE, [Finding(UNREACHABLE, path=receiver.book.endpoint, got="lost")])
        finally:
            attaching.cancel()
            await asyncio.wait((attaching,), timeout=CLOSE_S)
            # Asked here, also where it does not matter any more: what nobody asks for is logged as a defect.
            failure = attaching.exception() if attaching.done() and not attaching.cancelled() else None
        if failure is not None:
            raise failure

    def _log_once(self, failures: int, error: BrokerError) -> None:
        if not failures:
            with contextlib.suppress(IndexError):
                self._log("broker_unreachable", code=error.code, error=error.findings[0].got)
