"""The universal suite of the Broker port: every implementation keeps the same promises."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from bus.core.ports import Broker, Lease
from tests.ports.implementations import BrokerImplementation, brokers
from tests.support.deliveries import MUNICIPALITY, acceptance, consignment

TAX = f"{MUNICIPALITY}/tax"
KOKUHO = f"{MUNICIPALITY}/kokuho"


def no_body(exchange_id: str) -> bytes:
    """For tests in which nothing is read back."""
    raise AssertionError(exchange_id)


@pytest.fixture(params=brokers())
async def broker(request: pytest.FixtureRequest) -> AsyncIterator[Broker]:
    """An open, empty broker with room for all bodies."""
    broker: Broker = request.param.make(1 << 20, no_body)
    await broker.open()
    yield broker
    await broker.close()


def ids(leases: list[Lease]) -> list[str]:
    """The delivery ids of leases."""
    return [lease.consignment.delivery_id for lease in leases]


async def test_consignments_come_out_in_the_order_they_went_in(broker: Broker) -> None:
    """Per endpoint, whole and unchanged, in pieces of the size asked for."""
    sent = [consignment(acceptance()) for _ in range(10)]
    await broker.publish(sent[:6])
    await broker.publish(sent[6:])
    subscription = broker.subscribe(TAX)
    first = await subscription.take(4)
    assert [lease.consignment for lease in first] == sent[:4]
    rest = await subscription.take(100)
    assert [lease.consignment for lease in rest] == sent[4:]


async def test_each_endpoint_has_its_own_queue(broker: Broker) -> None:
    """Nothing for one endpoint is seen by another, not even in its depth."""
    both = acceptance(targets=("tax", "kokuho"))
    await broker.publish([consignment(both, index=0), consignment(both, index=1)])
    other = consignment(acceptance(municipality="990027"))
    await broker.publish([other])
    assert (broker.depth(TAX), broker.depth(KOKUHO), broker.depth("990027/tax")) == (1, 1, 1)
    assert ids(await broker.subscribe(KOKUHO).take(10)) == [both.delivery_id(1)]
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
    taken = await subscription.take(6)
    await subscription.acknowledge([taken[1]])
    await subscription.give_back([taken[4], taken[0]])
    await subscription.give_back([taken[2]])
    again = await subscription.take(100)
    expected = [sent[0], sent[2], sent[4], sent[6], sent[7]]
    assert ids(again) == [each.delivery_id for each in expected]


async def test_closing_gives_back_what_was_not_acknowledged(broker: Broker) -> None:
    """The next consumer gets everything that the first did not finish."""
    sent = [consignment(acceptance()) for _ in range(5)]
    await broker.publish(sent)
    first = broker.subscribe(TAX)
    taken = await first.take(3)
    await first.acknowledge(taken[:1])
    await first.close()
    second = broker.subscribe(TAX)
    assert ids(await second.take(100)) == [each.delivery_id for each in sent[1:]]


async def test_acknowledged_consignments_never_come_back(broker: Broker) -> None:
    """Giving back or acknowledging again what is done changes nothing."""
    await broker.publish([consignment(acceptance())])
    subscription = broker.subscribe(TAX)
    taken = await subscription.take(1)
    await subscription.acknowledge(taken)
    await subscription.acknowledge(taken)
    await subscription.give_back(taken)
    assert broker.depth(TAX) == 0


async def test_closing_ends_a_waiting_consumer(broker: Broker) -> None:
    """A consumer that waits learns of the end by an empty list."""
    subscription = broker.subscribe(TAX)
    waiting = asyncio.create_task(subscription.take(5))
    await asyncio.sleep(0)
    await subscription.close()
    assert await waiting == []


@pytest.mark.parametrize("implementation", brokers("bounded_bodies"))
async def test_bodies_beyond_the_limit_are_read_back(implementation: BrokerImplementation) -> None:
    """Memory for bodies is bounded; what is taken has its bytes all the same."""
    accepted = [acceptance(raw=bytes([number]) * 1000) for number in range(6)]
    bodies = {each.exchange_id: each.raw for each in accepted}
    read_back: list[str] = []

    def load(exchange_id: str) -> bytes:
        read_back.append(exchange_id)
        return bodies[exchange_id]

    broker = implementation.make(2500, load)
    await broker.open()
    await broker.publish([consignment(each) for each in accepted])
    subscription = broker.subscribe(TAX)
    taken = await subscription.take(6)
    assert [lease.consignment.raw for lease in taken] == [each.raw for each in accepted]
    assert read_back == [each.exchange_id for each in accepted[2:]]
    await subscription.give_back(taken)
    again = await subscription.take(6)
    assert [lease.consignment.raw for lease in again] == [each.raw for each in accepted]
    await broker.close()
