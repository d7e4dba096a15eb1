"""The broker in memory counts its bytes exactly and keeps no body longer than it must."""

from __future__ import annotations

import pytest

from bus.broker import memory
from bus.broker.memory import MemoryBroker
from tests.support.deliveries import MUNICIPALITY, acceptance, consignment

TAX = f"{MUNICIPALITY}/tax"


async def test_resident_bytes_are_counted_to_the_last_one() -> None:
    """After publishing, taking, giving back and closing, nothing is left over."""
    broker = MemoryBroker(10_000, lambda exchange_id: b"y" * 100)
    await broker.open()
    await broker.publish([consignment(acceptance(raw=b"x" * 100)) for _ in range(5)])
    assert broker.resident == 500
    subscription = broker.subscribe(TAX)
    taken = await subscription.take(3)
    assert broker.resident == 200
    await subscription.give_back(taken[:1])
    assert broker.resident == 300
    await subscription.close()
    assert broker.resident == 500
    await broker.close()
    assert broker.resident == 0


async def test_bodies_of_what_was_taken_are_bounded_too(monkeypatch: pytest.MonkeyPatch) -> None:
    """A consumer that takes much and acknowledges little does not make the broker keep the bodies."""
    monkeypatch.setattr(memory, "WHOLE_TAKEN", 250)
    read_back: list[str] = []

    def load(exchange_id: str) -> bytes:
        read_back.append(exchange_id)
        return b"y" * 100

    broker = MemoryBroker(10_000, load)
    await broker.publish([consignment(acceptance(raw=b"x" * 100)) for _ in range(5)])
    first = broker.subscribe(TAX)
    assert all(lease.consignment.raw for lease in await first.take(5))
    await first.close()
    second = broker.subscribe(TAX)
    assert [lease.consignment.raw for lease in await second.take(5)] == [b"x" * 100] * 2 + [b"y" * 100] * 3
    assert len(read_back) == 3
