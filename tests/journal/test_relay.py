"""The relay brings every accepted delivery to the broker: from memory, from the journal, and after a restart."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import pytest

from bus.broker.memory import MemoryBroker
from bus.core.errors import DeliveryError
from bus.core.ports import Acceptance, Consignment
from bus.core.states import State
from bus.journal.relay import Relay
from bus.journal.sqlite import SqliteJournal
from tests.support.deliveries import MUNICIPALITY, NOW, SteppedClock, acceptance, call, consignment, step
from tests.support.polling import until_async

TAX = f"{MUNICIPALITY}/tax"


@pytest.fixture
async def journal(tmp_path: Path) -> AsyncIterator[SqliteJournal]:
    """An open, empty journal."""
    journal = SqliteJournal(tmp_path / "journal.sqlite", clock=SteppedClock())
    await journal.open()
    yield journal
    await journal.close()


async def accept(journal: SqliteJournal, relay: Relay | None, *accepted: Acceptance) -> None:
    """Accept in order; hand over where a relay runs."""
    for each in accepted:
        assert await journal.accept(each) is None
        if relay is not None:
            relay.hand_over([consignment(each)])


async def taken(broker: MemoryBroker, count: int) -> list[Consignment]:
    """The next consignments for tax."""
    subscription = broker.subscribe(TAX)
    found: list[Consignment] = []
    async with asyncio.timeout(10):
        while len(found) < count:
            leases = await subscription.take(count - len(found))
            await subscription.acknowledge(leases)
            found += [lease.consignment for lease in leases]
    return found


def ids(consignments: Sequence[Consignment]) -> list[str]:
    """Delivery ids in order."""
    return [each.delivery_id for each in consignments]


async def test_fresh_deliveries_go_on_in_order_and_are_recorded(journal: SqliteJournal) -> None:
    """Handed over, published with their bytes, and PUBLISHED in the journal."""
    broker = MemoryBroker(1 << 20, journal.body)
    relay = Relay(journal, broker, clock=SteppedClock())
    await relay.start()
    many = [acceptance() for _ in range(50)]
    await accept(journal, relay, *many)
    found = await taken(broker, 50)
    assert ids(found) == [each.delivery_id(0) for each in many]
    assert [each.raw for each in found] == [each.raw for each in many]
    await until_async(lambda: journal.counts()[State.PUBLISHED] == 50)
    await relay.stop()


@pytest.mark.slow
async def test_a_restart_refills_the_broker_in_order(journal: SqliteJournal) -> None:
    """Unfinished deliveries of every state come back in the order of acceptance, with what happened to them."""
    many = [acceptance() for _ in range(600)]
    await asyncio.gather(*(journal.accept(each) for each in many))
    await journal.record([step(each, State.DISPATCHING, attempt=1) for each in many[:5]])
    await journal.record(
        [
            step(many[0], State.DELIVERED),
            step(many[1], State.RETRY_WAIT, next_attempt_at=NOW + 60, attempt=1),
            step(many[2], State.PARKED, code="CB5004", attempt=1),
            step(many[6], State.PUBLISHED),
            step(many[7], State.CANCELLED),
        ]
    )
    broker = MemoryBroker(1 << 20, journal.body)
    relay = Relay(journal, broker, clock=SteppedClock())
    await relay.start()
    found = await taken(broker, 598)
    assert ids(found) == [each.delivery_id(0) for each in many if each not in (many[0], many[7])]
    by_id = {each.delivery_id: each for each in found}
    assert by_id[many[1].delivery_id(0)].not_before == NOW + 60
    assert by_id[many[2].delivery_id(0)].parked
    assert by_id[many[3].delivery_id(0)].attempt == 1
    assert all(each.raw for each in found)
    await until_async(lambda: journal.counts()[State.ACCEPTED] == 0)
    assert not relay.behind
    await relay.stop()


async def test_interrupted_calls_are_closed_at_start(journal: SqliteJournal) -> None:
    """A direct call whose caller is gone ends as CANCELLED with CB5003."""
    hanging = call()
    await journal.accept(hanging)
    relay = Relay(journal, MemoryBroker(1 << 20, journal.body), clock=SteppedClock())
    await relay.start()
    known = journal.find(MUNICIPALITY, "tax", hanging.message_id)
    assert known is not None
    assert (known.state, known.code) == (State.CANCELLED, "CB5003")
    await relay.stop()


async def test_memory_is_bounded_and_order_survives_falling_behind(journal: SqliteJournal) -> None:
    """More than fits stays in the journal and follows in order as room appears; none is lost or doubled."""
    broker = MemoryBroker(1 << 20, journal.body)
    relay = Relay(journal, broker, clock=SteppedClock(), sweep_s=0.01, max_open=20)
    await relay.start()
    many = [acceptance() for _ in range(300)]
    found: list[Consignment] = []

    async def deliver(count: int) -> None:
        part = await taken(broker, count)
        assert relay.held <= 20
        await journal.record([step(each_of(many, one), State.DISPATCHING) for one in part])
        await journal.record([step(each_of(many, one), State.DELIVERED) for one in part])
        relay.settled(ids(part))
        found.extend(part)

    for start in range(0, 300, 50):
        await accept(journal, relay, *many[start : start + 50])
        await deliver(5)
    assert relay.behind
    while len(found) < 300:
        await deliver(1)
    assert ids(found) == [each.delivery_id(0) for each in many]
    await relay.stop()


def each_of(many: Sequence[Acceptance], one: Consignment) -> Acceptance:
    """The acceptance of a consignment."""
    return next(each for each in many if each.exchange_id == one.exchange_id)


async def test_after_catching_up_deliveries_go_through_memory_again(journal: SqliteJournal) -> None:
    """Falling behind is a state that ends."""
    broker = MemoryBroker(1 << 20, journal.body)
    relay = Relay(journal, broker, clock=SteppedClock(), sweep_s=0.01, max_open=10)
    await relay.start()
    many = [acceptance() for _ in range(25)]
    await accept(journal, relay, *many)
    for _ in range(25):
        (one,) = await taken(broker, 1)
        await journal.record([step(each_of(many, one), State.DISPATCHING), step(each_of(many, one), State.DELIVERED)])
        relay.settled([one.delivery_id])
    await until_async(lambda: not relay.behind)
    last = acceptance()
    await accept(journal, relay, last)
    assert ids(await taken(broker, 1)) == [last.delivery_id(0)]
    await relay.stop()


async def test_handing_over_twice_publishes_once(journal: SqliteJournal) -> None:
    """What is already on its way is not doubled."""
    broker = MemoryBroker(1 << 20, journal.body)
    relay = Relay(journal, broker, clock=SteppedClock(), sweep_s=0.01)
    await relay.start()
    one = acceptance()
    await accept(journal, relay, one)
    relay.hand_over([consignment(one)])
    await until_async(lambda: journal.counts()[State.PUBLISHED] == 1)
    assert broker.depth(TAX) == 1
    await relay.stop()


async def test_a_due_delivery_that_nobody_holds_is_found(journal: SqliteJournal) -> None:
    """An operator's resend reaches the broker by the sweep, once."""
    clock = SteppedClock()
    broker = MemoryBroker(1 << 20, journal.body)
    relay = Relay(journal, broker, clock=clock, sweep_s=0.01)
    await relay.start()
    one = acceptance()
    await journal.accept(one)
    await journal.record([step(one, State.DISPATCHING), step(one, State.PARKED)])
    await journal.record([step(one, State.RETRY_WAIT, next_attempt_at=clock.now())])
    assert ids(await taken(broker, 1)) == [one.delivery_id(0)]
    await relay.sweep()
    assert broker.depth(TAX) == 0
    await relay.stop()


async def test_a_broker_that_is_away_delays_but_loses_nothing(
    journal: SqliteJournal, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Publishing is tried until the broker is back."""
    monkeypatch.setattr("bus.journal.relay.RETRY_S", 0.01)
    failures = iter([DeliveryError("CB5001"), OSError()])

    class Shaky(MemoryBroker):
        async def publish(self, consignments: Sequence[Consignment]) -> None:
            error = next(failures, None)
            if error is not None:
                raise error
            await super().publish(consignments)

    broker = Shaky(1 << 20, journal.body)
    relay = Relay(journal, broker, clock=SteppedClock())
    await relay.start()
    many = [acceptance() for _ in range(5)]
    await accept(journal, relay, *many)
    assert ids(await taken(broker, 5)) == [each.delivery_id(0) for each in many]
    await relay.stop()


async def test_a_delivery_that_moved_on_does_not_disturb_the_others(journal: SqliteJournal) -> None:
    """PUBLISHED is not recorded for one that was cancelled meanwhile; for the rest of its batch it is."""
    broker = MemoryBroker(1 << 20, journal.body)
    relay = Relay(journal, broker, clock=SteppedClock())
    await relay.start()
    many = [acceptance() for _ in range(3)]
    await asyncio.gather(*(journal.accept(each) for each in many))
    await journal.record([step(many[1], State.CANCELLED)])
    relay.hand_over([consignment(each) for each in many])
    await until_async(lambda: journal.counts()[State.PUBLISHED] == 2)
    assert journal.states([many[1].delivery_id(0)]) == {many[1].delivery_id(0): State.CANCELLED}
    await relay.stop()


async def test_an_endpoint_with_a_long_backlog_costs_the_others_nothing(journal: SqliteJournal) -> None:
    """One endpoint is behind; another still gets its messages from memory, at once and after a restart."""
    broker = MemoryBroker(1 << 20, journal.body)
    relay = Relay(journal, broker, clock=SteppedClock(), sweep_s=0.01, max_open=10)
    await relay.start()
    await until_async(lambda: not relay.behind)
    await accept(journal, relay, *(acceptance() for _ in range(40)))
    assert relay.behind
    other = acceptance(targets=("kokuho",))
    await accept(journal, relay, other)
    await until_async(lambda: broker.depth(f"{MUNICIPALITY}/kokuho") == 1)
    assert broker.depth(TAX) == 10
    await relay.stop()

    broker = MemoryBroker(1 << 20, journal.body)
    relay = Relay(journal, broker, clock=SteppedClock(), sweep_s=0.01, max_open=10)
    await relay.start()
    await until_async(lambda: broker.depth(f"{MUNICIPALITY}/kokuho") == 1)
    assert broker.depth(TAX) == 10
    later = acceptance(targets=("kokuho",))
    await accept(journal, relay, later)
    await until_async(lambda: broker.depth(f"{MUNICIPALITY}/kokuho") == 2)
    await relay.stop()


async def test_what_is_handed_over_before_the_refill_is_found_by_it(journal: SqliteJournal) -> None:
    """Between start and the end of the first pass nothing falls through, and nothing is published twice."""
    before = [acceptance() for _ in range(450)]
    await asyncio.gather(*(journal.accept(each) for each in before))
    broker = MemoryBroker(1 << 20, journal.body)
    relay = Relay(journal, broker, clock=SteppedClock())
    await relay.start()
    during = [acceptance() for _ in range(50)]
    await accept(journal, relay, *during)
    found = await taken(broker, 500)
    assert ids(found) == [each.delivery_id(0) for each in [*before, *during]]
    await until_async(lambda: not relay.behind)
    assert broker.depth(TAX) == 0
    await relay.stop()
