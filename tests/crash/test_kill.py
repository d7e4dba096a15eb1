"""kill -9 at every numbered step and at random moments: none lost, no second effect, order per key kept."""

from __future__ import annotations

import asyncio
import random
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from bus.core.states import State
from bus.journal.sqlite import SqliteJournal
from tests.crash.bus_child import HOUSEHOLDS, PERSONS, STEPS
from tests.support.deliveries import SteppedClock
from tests.support.polling import until_async

MESSAGES = 120
ROOT = Path(__file__).parents[2]
KILLED = -9
QUICK_STEPS = (2, 4, 7)
"""Where most is at stake: the sender, the broker and the receiver know what the journal does not know yet."""


@dataclass
class Inbox:
    """A receiver with an inbox: the first arrival of an id is the effect, later ones are only answered."""

    effects: list[int] = field(default_factory=list)
    arrivals: int = 0
    port: int = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection."""
        try:
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode()
                fields = dict(line.split(": ", 1) for line in head.split("\r\n")[1:] if line)
                await reader.readexactly(int(fields["Content-Length"]))
                self.arrivals += 1
                number = int(fields["Chiikibus-Message-Id"].rpartition(":")[2])
                if number not in self.effects:
                    self.effects.append(number)
                writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError):
            pass
        finally:
            writer.close()


@pytest.fixture
async def inbox() -> AsyncIterator[Inbox]:
    """A running receiver."""
    inbox = Inbox()
    server = await asyncio.start_server(inbox.serve, "127.0.0.1", 0)
    inbox.port = server.sockets[0].getsockname()[1]
    yield inbox
    server.close()


async def start(folder: Path, inbox: Inbox, step: int = 0, hit: int = 1) -> asyncio.subprocess.Process:
    """A bus in a process of its own."""
    arguments = [folder, inbox.port, MESSAGES, step, hit]
    return await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.crash.bus_child", *(str(argument) for argument in arguments), cwd=ROOT
    )


async def ended(process: asyncio.subprocess.Process) -> int:
    """The exit code, within a deadline."""
    try:
        async with asyncio.timeout(40):
            return await process.wait()
    finally:
        if process.returncode is None:
            process.kill()


async def seen(inbox: Inbox, arrivals: int, process: asyncio.subprocess.Process) -> None:
    """Wait until so many requests arrived, or the process is done."""
    await until_async(lambda: inbox.arrivals >= arrivals or process.returncode is not None, within_s=30)


async def judge(folder: Path, inbox: Inbox) -> None:
    """Everything arrived once in effect, per key in the order of the plan, and the journal says so."""
    assert sorted(inbox.effects) == list(range(MESSAGES))
    for modulus in (HOUSEHOLDS, PERSONS):
        for key in range(modulus):
            of_key = [number for number in inbox.effects if number % modulus == key]
            assert of_key == sorted(of_key)
    journal = SqliteJournal(folder / "journal.sqlite", clock=SteppedClock())
    await journal.open()
    counts = journal.counts()
    assert (counts["accepted_messages"], counts[State.DELIVERED]) == (MESSAGES, MESSAGES)
    assert list(journal.open_deliveries()) == []
    await journal.close()


@pytest.mark.parametrize("hit", [1, pytest.param(7, marks=pytest.mark.slow)])
@pytest.mark.parametrize(
    "step",
    [
        pytest.param(step, id=f"{step} {what}", marks=() if step in QUICK_STEPS else pytest.mark.slow)
        for step, what in sorted(STEPS.items())
    ],
)
async def test_killed_at_a_step_nothing_is_lost_or_done_twice(
    tmp_path: Path, inbox: Inbox, step: int, hit: int
) -> None:
    """The process dies at the step; the next one finishes the work."""
    assert await ended(await start(tmp_path, inbox, step, hit)) == KILLED
    assert await ended(await start(tmp_path, inbox)) == 0
    await judge(tmp_path, inbox)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(8))
async def test_killed_again_and_again_nothing_is_lost_or_done_twice(tmp_path: Path, inbox: Inbox, seed: int) -> None:
    """Several deaths at random moments, some of them while recovering from the one before."""
    chance = random.Random(seed)
    for _ in range(4):
        before = inbox.arrivals
        process = await start(tmp_path, inbox)
        await seen(inbox, before + chance.randint(1, MESSAGES // 5), process)
        if process.returncode is None:
            process.kill()
        assert await ended(process) in {KILLED, 0}
    assert await ended(await start(tmp_path, inbox)) == 0
    await judge(tmp_path, inbox)
