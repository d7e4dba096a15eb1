"""The universal suite of the Broker port: every implementation keeps the same promises."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator

import pytest

from bus.core.ports import Broker, Capability, Lease, Subscription
from tests.ports.implementations import BrokerImplementation, brokers
from tests.support.deliveries import MUNICIPALITY, acceptance, consignment

TAX = f"{MUNICIPALITY}/tax"
KOKUHO = f"{MUNICIPALITY}/kokuho"


READ_BACK = b"<read-back/>"


def from_journal(exchange_id: str) -> bytes:
    """What a body looks like that the broker did not keep."""
    assert exchange_id
    return READ_BACK


@pytest.fixture(params=brokers())
async def broker(request: pytest.FixtureRequest) -> AsyncIterator[Broker]:
    """An open, empty broker with room for all bodies."""
    broker: Broker = request.param.make(request, 1 << 20, from_journal, 1)
    await broker.open()
    yield broker
    await broker.close()


def ids(leases: list[Lease]) -> list[str]:
    """The delivery ids of leases."""
    return [lease.consignment.delivery_id for lease in leases]


async def taken(subscription: Subscription, count: int) -> list[Lease]:
    """This many, in as many steps as the broker needs."""
    leases: list[Lease] = []
    async with asyncio.timeout(20):
        while len(leases) < count:
            leases += await subscription.take(count - len(leases))
    return leases


async def test_consignments_come_out_in_the_order_they_went_in(broker: Broker) -> None:
    """Per endpoint, whole and unchanged, in pieces of the size asked for."""
    sent = [consignment(acceptance()) for _ in range(10)]
    await broker.publish(sent[:6])
    await broker.publish(sent[6:])
    subscription = broker.subscribe(TAX)
    first = await taken(subscription, 4)
    assert [lease.consignment for lease in first] == sent[:4]
    rest = await taken(subscription, 6)
    assert [lease.consignment for lease in rest] == sent[4:]


async def test_each_endpoint_has_its_own_queue(broker: Broker) -> None:
    """Nothing for one endpoint is seen by another, not even in its depth."""
    both = acceptance(targets=("tax", "kokuho"))
    await broker.publish([consignment(both, index=0), consignment(both, index=1)])
    other = consignment(acceptance(municipality="990027"))
    await broker.publish([other])
    assert (broker.depth(TAX), broker.depth(KOKUHO), broker.depth("990027/tax")) == (1, 1, 1)
    assert ids(await taken(broker.subscribe(KOKUHO), 1)) == [both.delivery_id(1)]
    assert broker.depth("990019/unknown") == 0


async def test_taking_waits_until_something_comes(broker: Broker) -> None:
    """An empty queue makes the consumer wait, not spin."""
    subscription = broker.subscribe(TAX)
    waiting = asyncio.create_task(subscription.take(5))
    await asyncio.sleep(0)
    assert not waiting.done()
    late = consignment(acceptance())
    await broker.publish([late])
    assert ids(await waiting) == [late.delivery_id]


async def test_what_is_given_back_comes_first_and_in_its_order(broker: Broker) -> None:
    """Returned consignments keep their places, whatever the order in which they are returned."""
    sent = [consignment(acceptance()) for _ in range(8)]
    await broker.publish(sent)
    subscription = broker.subscribe(TAX)
    six = await taken(subscription, 6)
    await subscription.acknowledge([six[1]])
    await subscription.give_back([six[4], six[0]])
    await subscription.give_back([six[2]])
    again = await taken(subscription, 5)
    expected = [sent[0], sent[2], sent[4], sent[6], sent[7]]
    assert ids(again) == [each.delivery_id for each in expected]


async def test_closing_gives_back_what_was_not_acknowledged(broker: Broker) -> None:
    """The next consumer gets everything that the first did not finish."""
    sent = [consignment(acceptance()) for _ in range(5)]
    await broker.publish(sent)
    first = broker.subscribe(TAX)
    three = await taken(first, 3)
    await first.acknowledge(three[:1])
    await first.close()
    second = broker.subscribe(TAX)
    assert ids(await taken(second, 4)) == [each.delivery_id for each in sent[1:]]


async def test_acknowledged_consignments_never_come_back(broker: Broker) -> None:
    """Giving back or acknowledging again what is done changes nothing."""
    await broker.publish([consignment(acceptance())])
    subscription = broker.subscribe(TAX)
    one = await taken(subscription, 1)
    await subscription.acknowledge(one)
    await subscription.acknowledge(one)
    await subscription.give_back(one)
    assert broker.depth(TAX) == 0


async def test_closing_ends_a_waiting_consumer(broker: Broker) -> None:
    """A consumer that waits learns of the end by an empty list."""
    subscription = broker.subscribe(TAX)
    waiting = asyncio.create_task(subscription.take(5))
    await asyncio.sleep(0)
    await subscription.close()
    assert await waiting == []


@pytest.mark.parametrize("implementation", brokers(Capability.BOUNDED_BODIES))
async def test_bodies_beyond_the_limit_are_read_back(
    implementation: BrokerImplementation, request: pytest.FixtureRequest
) -> None:
    """Memory for bodies is bounded; what is taken has its bytes all the same."""
    accepted = [acceptance(raw=bytes([number]) * 1000) for number in range(6)]
    bodies = {each.exchange_id: each.raw for each in accepted}
    read_back: list[str] = []

    def load(exchange_id: str) -> bytes:
        read_back.append(exchange_id)
        return bodies[exchange_id]

    broker = implementation.make(request, 2500, load, 1)
    await broker.open()
    await broker.publish([consignment(each) for each in accepted])
    subscription = broker.subscribe(TAX)
    leases = await taken(subscription, 6)
    assert [lease.consignment.raw for lease in leases] == [each.raw for each in accepted]
    assert read_back == [each.exchange_id for each in accepted[2:]]
    await subscription.give_back(leases)
    again = await taken(subscription, 6)
    assert [lease.consignment.raw for lease in again] == [each.raw for each in accepted]
    await broker.close()


@pytest.mark.parametrize("implementation", brokers(Capability.LANES))
async def test_a_key_is_in_one_lane_at_a_time(
    implementation: BrokerImplementation, request: pytest.FixtureRequest
) -> None:
    """With several lanes every message comes once, and those that share any key come in their order."""
    seed = request.config.getoption("randomly_seed", 1)
    dice = random.Random(seed)
    broker = implementation.make(request, 1 << 20, from_journal, 4)
    await broker.open()
    sent = [
        consignment(acceptance(), ordering_keys=tuple(dice.sample([f"key:{number}" for number in range(12)], 2)))
        for _ in range(300)
    ]
    for start in range(0, 300, 50):
        await broker.publish(sent[start : start + 50])
    subscription = broker.subscribe(TAX)
    seen: list[str] = []
    under_way: list[Lease] = []
    async with asyncio.timeout(60):
        while len(seen) < len(sent):
            for lease in await subscription.take(dice.randint(1, 40)):
                seen.append(lease.consignment.delivery_id)
                under_way.append(lease)
            done, under_way = under_way, []
            await subscription.acknowledge(done)
    await broker.close()
    assert sorted(seen) == sorted(each.delivery_id for each in sent)
    for key in {key for each in sent for key in each.ordering_keys}:
        expected = [each.delivery_id for each in sent if key in each.ordering_keys]
        assert [each for each in seen if each in set(expected)] == expected, seed
