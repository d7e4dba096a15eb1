"""Receiving: one channel per endpoint with a consumer on each lane; RabbitMQ lets one process per lane be active."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence

from bus.broker.amqp.book import Batch, Book
from bus.broker.amqp.cargo import Unreadable, unpacked
from bus.broker.amqp.link import Link, Reception
from bus.broker.amqp.publisher import declare_lane
from bus.core.ports import Consignment, Lease
from bus.core.settings import BrokerSettings

Log = Callable[..., None]


class Receiver:
    """One endpoint's consumers over whatever connection there is. ``life`` marks what this process has published."""

    def __init__(
        self,
        book: Book,
        settings: BrokerSettings,
        *,
        life: str,
        refills: bool,
        log: Log,
        ended: Callable[[Receiver], None],
        monotonic: Callable[[], float],
    ) -> None:
        self.book = book
        self._settings = settings
        self._life = life
        self._refills = refills
        self._log = log
        self._ended = ended
        self._monotonic = monotonic
        self._reception: Reception | None = None

    async def attach(self, link: Link) -> None:
        """Consume over this connection. Errors: CB5010, CB5011, CB5013."""
        await self.detach()
        reception = await link.reception(self._received, self._lost)
        self._reception = reception
        for lane in range(self.book.lanes):
            name = await declare_lane(link, self._settings, self.book.endpoint, lane)
            await reception.consume(name)

    def stop(self) -> None:
        """Take nothing from now on."""
        if self._reception is not None:
            self._reception.stop()

    async def detach(self) -> None:
        """Consume no more over the present connection."""
        reception, self._reception = self._reception, None
        if reception is not None:
            await reception.close()

    def _lost(self) -> None:
        if not self._refills:
            self.book.forget_ready()
        self._ended(self)

    def _received(self, reception: Reception, tag: int, body: bytes) -> None:
        """One AMQP message. What is not wanted any more counts as done; what cannot be read goes to the dead."""
        try:
            cargo = unpacked(body)
        except Unreadable as problem:
            self._log("broker_unreadable", code="CB5015", endpoint=self.book.endpoint, error=type(problem).__name__)
            reception.refuse(tag)
            return
        batch = Batch(reception, tag, at=self._monotonic())
        if cargo.publisher == self._life:
            for reference in cargo.references:
                self.book.arrived(reference.delivery_id, cargo.epoch, batch)
        elif not self._refills:
            for reference in cargo.references:
                self.book.arrived_from_elsewhere(reference.consignment(), 0, batch)
        if not batch.left:
            reception.acknowledge(tag)


class AmqpSubscription:
    """Implements ``bus.core.ports.Subscription`` on a book that a receiver fills."""

    def __init__(
        self,
        book: Book,
        *,
        settled: Callable[[Book, Sequence[str]], None],
        closed: Callable[[Book], Awaitable[None]],
    ) -> None:
        self._book = book
        self._settled = settled
        self._on_closed = closed
        self._closed = False
        self._tags: dict[int, str] = {}
        self._next_tag = 1

    async def take(self, limit: int) -> list[Lease]:
        """Wait for at least one consignment, return at most ``limit`` in the endpoint's order; empty once closed."""
        book = self._book
        while not book.any_ready and not self._closed:
            book.bell.clear()
            await book.bell.wait()
        if self._closed:
            return []
        return [self._lease(each) for each in book.take(limit)]

    def _lease(self, consignment: Consignment) -> Lease:
        tag = self._next_tag
        self._next_tag += 1
        self._tags[tag] = consignment.delivery_id
        return Lease(consignment, tag)

    async def acknowledge(self, leases: Sequence[Lease]) -> None:
        """Forget them: their outcome is journalled."""
        ids = [known for lease in leases if (known := self._tags.pop(lease.tag, None)) is not None]
        if ids:
            self._settled(self._book, ids)

    async def give_back(self, leases: Sequence[Lease]) -> None:
        """Return them to their places at the head of the queue."""
        self._book.give_back(
            lease.consignment for lease in leases if self._tags.pop(lease.tag, None) is not None and not self._closed
        )

    async def close(self) -> None:
        """Stop consuming; everything not acknowledged goes back, and a waiting ``take`` returns empty."""
        if not self._closed:
            self._closed = True
            self._tags.clear()
            self._book.bell.set()
            await self._on_closed(self._book)
