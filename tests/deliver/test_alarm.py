"""The alarm rings once, at the earliest time that was asked for."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest
import uvloop

from bus.deliver.alarm import Alarm


@pytest.mark.parametrize("run", [asyncio.run, uvloop.run], ids=["asyncio", "uvloop"])
def test_an_alarm_rings_at_the_earliest_time_even_when_that_has_passed(run: Callable[..., None]) -> None:
    """A late one gives way to an early one; asking again while the loop was busy beyond the time does no harm."""
    rung: list[int] = []

    async def ask() -> None:
        loop = asyncio.get_running_loop()
        bell = asyncio.Event()
        alarm = Alarm(lambda: (rung.append(1), bell.set())[0])
        alarm.within(60)
        alarm.within(0)
        busy_until = loop.time() + 0.005
        while loop.time() < busy_until:
            alarm.within(0)
        async with asyncio.timeout(5):
            await bell.wait()
        alarm.within(60)
        alarm.cancel()

    run(ask())
    assert rung == [1]
