"""One connection to RabbitMQ, with every call under a deadline and every failure as one of our codes.

The only module that imports the client library. Its "robust" connections are not used: what has to be done again
after a loss is known better by those who lost it.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import ssl
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator, Mapping
from typing import Any, Final

import aio_pika
from aio_pika import exceptions
from aio_pika.abc import AbstractChannel, AbstractConnection, AbstractIncomingMessage

from bus.broker.amqp.cargo import CONTENT_TYPE
from bus.core.errors import BrokerError
from bus.core.settings import BrokerSettings
from bus.core.types import Finding

UNREACHABLE: Final = "CB5010"
REFUSED: Final = "CB5011"
UNCONFIRMED: Final = "CB5012"
DIFFERENT: Final = "CB5013"
LEADERLESS: Final = "CB5018"

MEANT: Final[Mapping[str, tuple[str, ...]]] = {
    UNCONFIRMED: ("TimeoutError",),
    LEADERLESS: ("TimeoutError", "ConnectionInternalError"),
}
"""What these two codes stand for, besides a nack; what else fails meanwhile is CB5010. To what a queue without a leader
is asked for, RabbitMQ answers nothing, and after ten seconds with a defect of its own (541)."""

LEADER_S: Final = 5.0
"""How long a queue may take to be emptied; one that has a leader needs milliseconds."""

DELETE_S: Final = 15.0
"""How long a queue may take to go; RabbitMQ waits five seconds for a leader before it does without."""

PROBE_MS: Final = 60_000
"""After this time RabbitMQ itself removes a queue that was made for a trial and left."""

CLOSE_S: Final = 2.0
"""How long a connection may take to say good-bye; a blocked or half-open one would take for ever."""

STEPS: Final = 20
STEP_S: Final = 0.005
"""How long the library is left alone with a connection that has ended."""

FAILURES: Final = (*exceptions.CONNECTION_EXCEPTIONS, TimeoutError, EOFError)
"""What the client library raises when something outside of this program goes wrong; and a bare ``Exception``."""

Received = Callable[["Reception", int, bytes], None]
"""Takes one message: the reception, the delivery tag, the body."""


class Link:
    """An open connection with one confirming channel. ``gone`` is done once it cannot be used any more."""

    def __init__(self, connection: AbstractConnection, settings: BrokerSettings) -> None:
        self._connection = connection
        self._settings = settings
        self._channel: AbstractChannel | None = None
        self._exchanges: dict[str, Any] = {}
        self.gone: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    @classmethod
    async def open(cls, settings: BrokerSettings, context: ssl.SSLContext | None, purpose: str) -> Link:
        """Connect to the first node that answers. Errors: ``BrokerError`` CB5010, CB5011."""
        cls._quiet()
        failure: BrokerError | None = None
        for host, port in settings.nodes:
            try:
                async with asyncio.timeout(settings.timeout_s):
                    return await cls._open_at(host, port, settings, context, purpose)
            except BrokerError as error:
                failure = error
            except TimeoutError as error:
                failure = coded(error, UNREACHABLE, f"{host}:{port}")
        assert failure is not None
        raise failure

    @staticmethod
    def _quiet() -> None:
        """The library logs what it raises, in its own words and with addresses; here every failure becomes a code."""
        for name in ("aiormq", "aio_pika"):
            logging.getLogger(name).setLevel(logging.CRITICAL)

    @classmethod
    async def _open_at(
        cls, host: str, port: int, settings: BrokerSettings, context: ssl.SSLContext | None, purpose: str
    ) -> Link:
        with mapped(UNREACHABLE, f"{host}:{port}"):
            connection = await aio_pika.connect(
                host=host,
                port=port,
                login=settings.user,
                password=settings.password,
                virtualhost=settings.virtual_host,
                ssl=context is not None,
                ssl_context=context,
                timeout=settings.timeout_s,
                client_properties={"connection_name": f"chiikibus {purpose}"},
                heartbeat=settings.heartbeat_s,
            )
            link = cls(connection, settings)
            connection.close_callbacks.add(link.lose)
            try:
                link._channel = await link._opened(confirms=True)
            except BaseException:
                await link.close()
                raise
            return link

    def lose(self, *_: Any) -> None:
        """It is not to be used any more."""
        if not self.gone.done():
            self.gone.set_result(None)

    @property
    def lost(self) -> bool:
        """Whether it cannot be used any more."""
        return self.gone.done()

    async def _opened(self, *, confirms: bool) -> AbstractChannel:
        channel = self._connection.channel(publisher_confirms=confirms, on_return_raises=confirms)
        await channel.initialize(timeout=self._settings.timeout_s)
        return channel

    @property
    def server(self) -> Mapping[str, Any]:
        """What the server says of itself: ``product``, ``version``, ``cluster_name``."""
        transport = self._connection.transport
        properties = getattr(transport.connection, "server_properties", None) if transport is not None else None
        return {name: _plain(value) for name, value in (properties or {}).items()}

    @property
    def blocked(self) -> bool:
        """Whether RabbitMQ takes nothing from this connection now (memory or disk alarm)."""
        transport = self._connection.transport
        # The client library keeps what ``connection.blocked`` said to itself; its version is pinned and this is tested.
        free = getattr(getattr(transport, "connection", None), "_Connection__connection_unblocked", None)
        return free is not None and not free.is_set()

    async def exchange(self, name: str, kind: str) -> None:
        """Declare a durable exchange. Errors: CB5010, CB5011, CB5013."""
        async with self._bounded(UNREACHABLE, name) as channel:
            self._exchanges[name] = await channel.declare_exchange(
                name, aio_pika.ExchangeType(kind), durable=True, timeout=self._settings.timeout_s
            )

    async def queue(self, name: str, arguments: Mapping[str, Any], exchange: str, key: str) -> int:
        """Declare a durable queue and bind it; how many messages are ready in it. Errors: CB5010, CB5011, CB5013."""
        async with self._bounded(UNREACHABLE, name) as channel:
            queue = await channel.declare_queue(
                name, durable=True, arguments=dict(arguments), timeout=self._settings.timeout_s
            )
            await queue.bind(exchange, routing_key=key, timeout=self._settings.timeout_s)
            return queue.declaration_result.message_count or 0

    async def same(self, name: str, arguments: Mapping[str, Any]) -> None:
        """Whether a queue has these properties. Errors: CB5010, CB5011, CB5013."""
        async with self._bounded(UNREACHABLE, name) as channel:
            await channel.declare_queue(name, durable=True, arguments=dict(arguments), timeout=self._settings.timeout_s)

    async def trial(self, name: str) -> None:
        """Configure, write and read under this name, on a queue that ends with this connection.

        Errors: CB5010, CB5011, CB5012.
        """
        async with self._bounded(UNCONFIRMED, name) as channel:
            timeout = self._settings.timeout_s
            exchange = await channel.declare_exchange(name, auto_delete=True, timeout=timeout)
            queue = await channel.declare_queue(name, exclusive=True, auto_delete=True, timeout=timeout)
            await queue.bind(exchange, routing_key=name, timeout=timeout)
            await exchange.publish(aio_pika.Message(b"", app_id="chiikibus"), name, mandatory=True, timeout=timeout)
            await queue.get(no_ack=True, timeout=timeout)

    async def purge(self, name: str) -> int:
        """Empty a queue of what is ready; how many messages that were. Errors: CB5010, CB5018."""
        async with self._bounded(LEADERLESS, name) as channel:
            return await _purged(channel, name, min(LEADER_S, self._settings.timeout_s))

    async def has_leader(self, name: str) -> bool:
        """Whether a queue obeys, or is not there. It is emptied, over a channel of its own. Errors: CB5010, CB5011."""
        try:
            with mapped(LEADERLESS, name, but=exceptions.ChannelNotFoundEntity):
                await _purged(await self._opened(confirms=False), name, LEADER_S)
        except exceptions.ChannelNotFoundEntity:
            return True
        except BrokerError as error:
            if error.code != LEADERLESS:
                raise
            return False
        return True

    async def makes_leaders(self, name: str) -> bool:
        """Whether a new quorum queue of this name obeys at once; it is gone afterwards. Errors: CB5010, CB5011."""
        arguments: dict[str, Any] = {"x-queue-type": "quorum", "x-expires": PROBE_MS}
        with mapped(UNREACHABLE, name):
            channel = await self._opened(confirms=False)
            await channel.declare_queue(name, durable=True, arguments=arguments, timeout=self._settings.timeout_s)
        obeys = await self.has_leader(name)
        await self.delete(name)
        return obeys

    async def delete(self, name: str) -> None:
        """Delete a queue with what is in it, over a channel of its own. Errors: CB5010, CB5011."""
        with mapped(UNREACHABLE, name):
            channel = await self._opened(confirms=False)
            await channel.queue_delete(name, timeout=max(DELETE_S, self._settings.timeout_s))

    async def remove(self, name: str, exchange: str) -> None:
        """Unbind and delete a queue. Errors: CB5010, CB5011."""
        async with self._bounded(UNREACHABLE, name) as channel:
            queue = await channel.get_queue(name, ensure=False)
            await queue.unbind(exchange, routing_key=name, timeout=self._settings.timeout_s)
            await channel.queue_delete(name, timeout=self._settings.timeout_s)

    async def look(self, name: str) -> tuple[int, int] | None:
        """Ready messages and consumers of a queue, ``None`` when there is none. Errors: CB5010, CB5011."""
        channel: AbstractChannel | None = None
        try:
            with mapped(UNREACHABLE, name, but=exceptions.ChannelNotFoundEntity):
                async with asyncio.timeout(2 * self._settings.timeout_s + CLOSE_S):
                    channel = await self._opened(confirms=False)
                    passive = channel.declare_queue(name, passive=True, timeout=self._settings.timeout_s)
                    declared = (await passive).declaration_result
                return declared.message_count or 0, declared.consumer_count or 0
        except exceptions.ChannelNotFoundEntity:
            return None
        finally:
            await _closed(channel)

    async def publish(self, exchange: str, key: str, body: bytes) -> None:
        """Publish one persistent message and wait for its confirmation. Errors: CB5010, CB5011, CB5012."""
        message = aio_pika.Message(
            body, content_type=CONTENT_TYPE, delivery_mode=aio_pika.DeliveryMode.PERSISTENT, app_id="chiikibus"
        )
        async with self._guard(UNCONFIRMED, key):
            await self._exchanges[exchange].publish(message, key, mandatory=True, timeout=self._settings.timeout_s)

    @contextlib.asynccontextmanager
    async def _bounded(self, code: str, place: str) -> AsyncIterator[AbstractChannel]:
        """``_guard`` with a deadline of our own: after its own one the library says good-bye, and may wait for ever."""
        async with self._guard(code, place) as channel, asyncio.timeout(2 * self._settings.timeout_s + CLOSE_S):
            yield channel

    @contextlib.asynccontextmanager
    async def _guard(self, code: str, place: str) -> AsyncIterator[AbstractChannel]:
        """The confirming channel; whatever fails on it is a coded error."""
        channel = self._channel
        if channel is None or channel.is_closed or self.lost:
            raise BrokerError(UNREACHABLE, [Finding(UNREACHABLE, path=place, got="closed")])
        with mapped(code, place):
            yield channel

    async def reception(self, received: Received, ended: Callable[[], None]) -> Reception:
        """A channel to consume on. ``ended`` is called once when it ends by itself. Errors: CB5010, CB5011."""
        with mapped(UNREACHABLE, "channel"):
            async with asyncio.timeout(2 * self._settings.timeout_s + CLOSE_S):
                channel = await self._opened(confirms=False)
            await channel.set_qos(prefetch_count=self._settings.prefetch, timeout=self._settings.timeout_s)
        return Reception(channel, self._settings.timeout_s, received, ended)

    async def close(self) -> None:
        """Say good-bye; never waits long."""
        if self.lost:
            # A connection that ends by itself ends its tasks in a few steps; a good-bye begun meanwhile would be among
            # them, thrown away before its first one.
            for _ in range(STEPS):
                await asyncio.sleep(STEP_S)
        self.lose()
        with contextlib.suppress(BrokerError), mapped(UNREACHABLE, "close"):
            async with asyncio.timeout(CLOSE_S):
                await self._connection.close()


class Reception:
    """A channel with consumers. ``alive`` is false once the broker has taken back what it gave through it."""

    def __init__(
        self, channel: AbstractChannel, timeout_s: float, received: Received, ended: Callable[[], None]
    ) -> None:
        self._channel = channel
        self._timeout_s = timeout_s
        self._received = received
        self._ended = ended
        self._under: Any = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._closing = False
        self.alive = True
        channel.close_callbacks.add(self._gone)

    async def consume(self, queue: str) -> None:
        """Start to receive from a queue. Errors: CB5010, CB5011."""
        with mapped(UNREACHABLE, queue):
            found = await self._channel.get_queue(queue, ensure=False)
            self._under = await self._channel.get_underlay_channel()
            self._under.on_consumer_cancel_callbacks.add(self._cancelled)
            await found.consume(self._take, timeout=self._timeout_s)

    async def _take(self, message: AbstractIncomingMessage) -> None:
        if message.delivery_tag is not None and self.alive:
            self._received(self, message.delivery_tag, message.body)

    def acknowledge(self, tag: int) -> None:
        """Acknowledge one message; with a channel that has ended there is nothing to acknowledge."""
        if self.alive:
            self._beside(self._under.basic_ack(tag, wait=False))

    def refuse(self, tag: int) -> None:
        """Send one message to the dead."""
        if self.alive:
            self._beside(self._under.basic_reject(tag, requeue=False, wait=False))

    def _beside(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(_quietly(work))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def close(self) -> None:
        """End it; the broker gives what is not acknowledged to the next consumer. Never waits long.

        The library queues ten frames of a connection and waits for room without end, also when nobody writes them any
        more: acknowledgements of a connection that is lost would otherwise keep the next one from being used.
        """
        was_alive = self.alive
        self.stop()
        if self._tasks:
            await asyncio.wait(set(self._tasks), timeout=CLOSE_S if was_alive else 0.0)
            for task in self._tasks:
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)
        await _closed(self._channel)

    def stop(self) -> None:
        """Take nothing from now on."""
        self._closing, self.alive = True, False

    def _cancelled(self, *_: Any) -> None:
        """The broker has ended a consumer, as when its queue is deleted."""
        self._gone()

    def _gone(self, *_: Any) -> None:
        was_alive, self.alive = self.alive, False
        if was_alive and not self._closing:
            self._ended()


@contextlib.contextmanager
def mapped(code: str, place: str, *, but: type[BaseException] | None = None) -> Iterator[None]:
    """Failures of the client library inside are ``BrokerError``; ``but`` names one that passes.

    The library also cancels its futures when a connection ends: unless this task itself was cancelled, that is a
    failure. What waits while a connection is still being opened ends with a bare ``Exception``.
    """
    try:
        yield
    except asyncio.CancelledError as error:
        task = asyncio.current_task()
        if task is None or task.cancelling():
            raise
        raise coded(error, code, place) from error
    except FAILURES as error:
        if but is not None and isinstance(error, but):
            raise
        raise coded(error, code, place) from error
    except Exception as error:
        if type(error) is not Exception:
            raise
        raise coded(error, code, place) from error


def coded(error: BaseException, code: str, place: str) -> BrokerError:
    """A failure of the client library as one of our codes; its text may hold an address with a password."""
    name = type(error).__name__
    if "Authentication" in name or "AccessRefused" in name or "NotAllowed" in name:
        code = REFUSED
    elif isinstance(error, exceptions.ChannelPreconditionFailed):
        code = DIFFERENT
    elif name not in MEANT.get(code, (name,)) and not isinstance(error, exceptions.DeliveryError):
        code = UNREACHABLE
    return BrokerError(code, [Finding(code, path=place, got=name)])


def _plain(value: Any) -> Any:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else value


async def _quietly(work: Coroutine[Any, Any, None]) -> None:
    """What is lost with the channel comes again with the next one."""
    with contextlib.suppress(BrokerError), mapped(UNREACHABLE, "channel"):
        await work


async def _purged(channel: AbstractChannel, name: str, within_s: float) -> int:
    queue = await channel.get_queue(name, ensure=False)
    return (await queue.purge(timeout=within_s)).message_count or 0


async def _closed(channel: AbstractChannel | None) -> None:
    if channel is not None:
        with contextlib.suppress(BrokerError), mapped(UNREACHABLE, "close"):
            async with asyncio.timeout(CLOSE_S):
                await channel.close()
