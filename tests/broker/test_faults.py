"""Journal, relay, RabbitMQ and delivery under load while something breaks: nothing and no order is lost.

``CHIIKIBUS_FAULT_MESSAGES`` sets how many messages each fault meets (10,000 for the table in docs/reliability.md).
"""

from __future__ import annotations

import asyncio
import os
import random
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from bus.broker.amqp.broker import RabbitMqBroker
from bus.core.ports import Acceptance
from bus.core.states import State
from bus.deliver.breaker import Breakers
from bus.deliver.desk import DeliveryDesk
from bus.deliver.worker import Kit
from bus.journal.relay import Relay
from bus.journal.sqlite import SqliteJournal
from tests.deliver.harness import CLOCK, FAST, OK, TAX, PlainOutgoing, ScriptedSender
from tests.support.cutting_proxy import CuttingProxy
from tests.support.deliveries import acceptance, consignment
from tests.support.polling import until_async
from tests.support.rabbit_server import rabbitmq_at, settings_for

pytestmark = [pytest.mark.slow, pytest.mark.system, pytest.mark.timeout(600)]

MESSAGES = int(os.environ.get("CHIIKIBUS_FAULT_MESSAGES", "1500"))
KEYS = 40
ENDPOINT = replace(TAX, concurrency=16)


@dataclass
class Bus:
    """One life of the program on a journal."""

    journal: SqliteJournal
    broker: RabbitMqBroker
    relay: Relay
    desk: DeliveryDesk

    @classmethod
    async def start(cls, path: Path, sender: ScriptedSender, server: Any, port: int, prefix: str) -> Bus:
        """Open everything as the program does."""
        journal = SqliteJournal(path, clock=CLOCK)
        await journal.open()
        settings = settings_for(server, nodes=(("127.0.0.1", port),), prefix=prefix, lanes=3, timeout_s=3.0)
        broker = RabbitMqBroker(settings, journal.body, endpoints=[ENDPOINT.key])
        relay = Relay(journal, broker, clock=CLOCK, sweep_s=FAST.sweep_s)
        kit = Kit(
            journal,
            broker,
            sender,
            PlainOutgoing(),
            Breakers(CLOCK, FAST),
            CLOCK,
            relay.taken,
            relay.settled,
            lambda event, **fields: None,
            lambda: 0.5,
        )
        desk = DeliveryDesk(kit, FAST)
        await broker.open()
        await relay.start()
        await desk.start([ENDPOINT])
        return cls(journal, broker, relay, desk)

    async def stop(self) -> None:
        """End without waiting for what is on the wire."""
        await self.desk.stop(0.0)
        await self.relay.stop()
        await self.broker.close()
        await self.journal.close()


@dataclass
class Town:
    """What a fault may touch."""

    server: Any
    proxy: CuttingProxy
    dice: random.Random
    restart: Callable[[], Awaitable[None]]
    life: Callable[[], Bus]
    sent: list[Acceptance]
    posts: list[Any]

    async def progress(self, count: int) -> None:
        """Wait until so many more were delivered, or all that were sent."""
        end = len(self.posts) + count
        await until_async(lambda: len(self.posts) >= min(end, len(self.sent)), within_s=120, what="deliveries")


async def kill(town: Town) -> None:
    """kill -9 of RabbitMQ, and a restart on the same disk."""
    await asyncio.to_thread(town.server.kill)
    await asyncio.to_thread(town.server.start)


async def forget(town: Town) -> None:
    """kill -9, and a restart on an empty disk."""
    await asyncio.to_thread(town.server.kill)
    town.server.forget()
    await asyncio.to_thread(town.server.start)


async def cut(town: Town) -> None:
    """Connections end at random moments of the load."""
    for _ in range(5):
        town.proxy.cut()
        await town.progress(town.dice.randint(1, MESSAGES // 10))


async def unreachable(town: Town) -> None:
    """Nobody answers until hundreds of messages have been accepted meanwhile."""
    town.proxy.refusing = True
    town.proxy.cut()
    before = len(town.sent)
    await until_async(lambda: len(town.sent) >= min(before + MESSAGES // 3, MESSAGES), within_s=120, what="acceptance")
    await until_async(lambda: not town.life().broker.status.connected, within_s=60, what="the loss to be noticed")
    town.proxy.refusing = False


async def deaf(town: Town) -> None:
    """What RabbitMQ says is lost, confirmations among it, until the bus has given up on one."""
    town.proxy.deaf = True
    await until_async(lambda: not town.life().broker.status.connected, within_s=60, what="a missing confirmation")
    town.proxy.cut()
    town.proxy.deaf = False


async def paused(town: Town) -> None:
    """RabbitMQ stands still with its connections open until the bus has given up on a confirmation."""
    town.server.pause()
    await until_async(lambda: not town.life().broker.status.connected, within_s=60, what="a missing confirmation")
    town.server.resume()


async def bus_ends(town: Town) -> None:
    """The bus itself ends with everything on its way, and starts anew."""
    for _ in range(2):
        await town.restart()
        await town.progress(town.dice.randint(1, MESSAGES // 10))


@pytest.mark.parametrize("fault", [kill, forget, cut, unreachable, deaf, paused, bus_ends])
async def test_nothing_is_lost_and_no_order_either(fault: Callable[[Town], Awaitable[None]], tmp_path: Path) -> None:
    """The fault comes in the middle of the load; at the end every message is delivered, in the order of its keys."""
    seed = int(os.environ.get("CHIIKIBUS_FAULT_SEED", time.time_ns() % 1_000_000))
    dice = random.Random(seed)
    sender = ScriptedSender(lambda body, attempt: OK)
    sender.gate.set()
    with rabbitmq_at(tmp_path / "rabbitmq") as server:
        proxy = await CuttingProxy(server.port).start()
        prefix = settings_for(server).prefix
        path = tmp_path / "journal.sqlite"
        started = time.time()
        lives = [await Bus.start(path, sender, server, proxy.port, prefix)]
        still = asyncio.Event()
        still.set()

        async def restart() -> None:
            still.clear()
            await lives[-1].stop()
            lives.append(await Bus.start(path, sender, server, proxy.port, prefix))
            still.set()

        sent: list[Acceptance] = []

        async def load(count: int) -> None:
            for _ in range(count):
                await still.wait()
                now = CLOCK.now()
                keys = tuple(f"k{number}" for number in dice.sample(range(KEYS), 2))
                fresh = acceptance(ordering_keys=keys, received_at=now, expires_at=now + 3600)
                assert await lives[-1].journal.accept(fresh) is None
                sent.append(fresh)
                lives[-1].relay.hand_over([consignment(fresh)])

        await load(MESSAGES // 3)
        await until_async(lambda: server.settled(started), within_s=60, what="RabbitMQ to know its queues")
        breaking = asyncio.create_task(fault(Town(server, proxy, dice, restart, lambda: lives[-1], sent, sender.posts)))
        await load(MESSAGES - MESSAGES // 3) if fault is not bus_ends else await breaking
        await load(MESSAGES - len(sent))
        await breaking
        bus = lives[-1]
        await until_async(
            lambda: bus.journal.counts().get(State.DELIVERED.value, 0) == MESSAGES, within_s=240, what=f"seed {seed}"
        )
        counts = bus.journal.counts()
        await until_async(lambda: bus.relay.held == 0, within_s=30, what="an empty relay")
        await bus.stop()
        await proxy.stop()
    posts = [body for _, body, _ in sender.posts]
    times = Counter(posts)
    first = {body: index for index, body in reversed(list(enumerate(posts)))}
    lost = [each for each in sent if each.raw not in times]
    disorder = 0
    for key in range(KEYS):
        effects = [first[each.raw] for each in sent if f"k{key}" in each.ordering_keys and each.raw in first]
        disorder += sum(after < before for before, after in pairwise(effects))
    repeated = sum(count - 1 for count in times.values())
    print(
        f"\n{fault.__name__}: seed {seed} attempted {MESSAGES} acknowledged {len(sent)} delivered "
        f"{counts[State.DELIVERED.value]} lost {len(lost)} sent again {repeated} out of order {disorder} parked "
        f"{counts.get(State.PARKED.value, 0)}"
    )
    assert (len(sent), lost, disorder) == (MESSAGES, [], 0), f"seed {seed}"
    assert repeated == 0 or fault is bus_ends, f"seed {seed}"
