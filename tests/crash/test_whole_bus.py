"""kill -9 of the composed bus right after each of the thirteen steps: nothing lost, no second effect, all accounted."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from bus.core.basic import basic_header
from bus.core.states import State
from bus.core.types import Addressing
from bus.journal.sqlite import SqliteJournal
from bus.pipeline import STEPS
from bus.wire import envelope
from bus.wire.records import payload
from schemas.catalog import load_edition
from schemas.model import Edition
from tests.app.conftest import post
from tests.support.deliveries import SteppedClock
from tests.support.polling import until_async
from tests.support.providers import FakeProvider, answer_inquiry, give_receipt
from tests.support.residents import ATENABANGO, RESIDENT, message
from tests.support.sites import change, write_site

ROOT = Path(__file__).parents[2]
KILLED = -9
WITHIN_S = 40.0
MESSAGES = range(1, 4)
INQUIRY, NOTICE, LATE = "juki.jumin_shokai", "juki.ido_tsuchi", "kojinjuminzei.shotoku_shokai"
ROUTE = f'{{ municipality = "990019", operation = "{LATE}", to = ["tax"], deadline_s = 2 }}'
RIGHT = f'{{ municipality = "990019", endpoint = "kokuho", operation = "{LATE}", purposes = ["kokuho"] }}'
NAMES = {number: name for number, name, _ in STEPS}


class Nursery:
    """The process that bears the buses, one at a time."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.crash.whole_bus_child"],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            start_new_session=True,
        )

    async def start(self, folder: Path, step: int = 0, hit: int = 1, *, queued: bool = False) -> Bus:
        """A bus that listens."""
        assert self._process.stdin is not None
        order = {"folder": str(folder), "step": step, "hit": hit, "queued": queued}
        self._process.stdin.write(json.dumps(order).encode() + b"\n")
        self._process.stdin.flush()
        ready = await self._line()
        assert ready.get("event") == "ready", (ready, (folder / "bus.log").read_text("utf-8"))
        port = int(ready["listen"].rpartition(":")[2])
        return Bus(port, ready["pid"], asyncio.create_task(self._ended()))

    async def _ended(self) -> int:
        code: int = (await self._line())["ended"]
        return code

    async def _line(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        raw = await asyncio.to_thread(self._process.stdout.readline)
        found: dict[str, Any] = json.loads(raw or b'{"ended": 1}')
        return found

    def close(self) -> None:
        """End it, and whatever it bore."""
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait(WITHIN_S)
        for pipe in (self._process.stdin, self._process.stdout):
            assert pipe is not None
            pipe.close()


@dataclass(frozen=True, slots=True)
class Bus:
    """One life of the bus."""

    port: int
    pid: int
    ended: asyncio.Task[int]

    async def dead(self) -> int:
        """Its exit code, within a deadline."""
        return await asyncio.wait_for(asyncio.shield(self.ended), WITHIN_S)


@dataclass(slots=True)
class Systems:
    """Three systems and what they remember: what was acknowledged to them, and how."""

    edition: Edition
    folder: Path
    juki: FakeProvider
    tax: FakeProvider
    kokuho: FakeProvider
    answers: dict[str, tuple[int, bytes]] = field(default_factory=dict)

    async def send(
        self, bus: Bus, sender: str, operation: str, message_id: str, raw: bytes
    ) -> tuple[int, bytes] | None:
        """Post; ``None`` when the bus died before it answered."""
        unit = operation.partition(".")[0]
        headers = {"Authorization": basic_header(sender, f"secret-of-{sender}")}
        try:
            answer = await post(bus.port, f"/990019/{sender}/{unit}", raw, headers)
        except (OSError, IndexError):
            assert await bus.dead() == KILLED
            return None
        assert answer[0] in {200, 202}, answer[1]
        self.answers.setdefault(message_id, answer)
        return answer


def notice(systems: Systems, number: int) -> bytes:
    """異動通知 ``number``; the same bytes each time."""
    return message(systems.edition, NOTICE, {**RESIDENT, "rirekibango": str(number)}, f"urn:synthetic:n{number}")


def inquiry(systems: Systems, number: int) -> bytes:
    """Resident inquiry ``number``."""
    values = {"atenabango": ATENABANGO, "kijunbi": "2026-01-01"}
    return message(systems.edition, INQUIRY, values, f"urn:synthetic:i{number}")


def question(systems: Systems, number: int, *, addressed: bool) -> bytes:
    """Income inquiry ``number``, to be answered late: to kokuho's own address, or to be fetched by asking again."""
    found = systems.edition.operation(LATE)
    assert found is not None
    record = systems.edition.units[found.unit].records[found.request_record]
    reply_to = f"http://127.0.0.1:{systems.kokuho.port}/soap" if addressed else ""
    headers = Addressing(message_id=f"urn:synthetic:q{number}", action=found.action, reply_to=reply_to)
    body = payload(found.input, record, {"atenabango": ATENABANGO, "kazeinendo": "2026"})
    return envelope.build(body, addressing=headers)


def late_answer(systems: Systems, number: int) -> bytes:
    """The answer to question ``number``: nobody found."""
    found = systems.edition.operation(LATE)
    assert found is not None
    message_id, relates_to = f"urn:synthetic:a{number}", f"urn:synthetic:q{number}"
    headers = Addressing(message_id=message_id, action=found.reply_action, relates_to=relates_to)
    return envelope.build(payload(found.output), addressing=headers)


def ids(provider: FakeProvider) -> list[str]:
    """The message ids that arrived, in order."""
    return [received.message_id for received in provider.received]


async def talk(systems: Systems, kind: str, bus: Bus, *, again: bool = False) -> None:
    """Send what is not yet acknowledged (``again``: everything), until all is said or the bus is dead."""
    for number in MESSAGES:
        for sender, operation, message_id, raw in turns(systems, kind, number):
            if again or message_id not in systems.answers:
                answer = await systems.send(bus, sender, operation, message_id, raw)
                if answer is None:
                    return
            target, awaited = systems.tax if sender == "kokuho" else systems.kokuho, kind.startswith("late")
            if awaited:
                await until_async(lambda m=message_id, t=target: m in ids(t) or bus.ended.done(), within_s=WITHIN_S)
            if bus.ended.done():
                return


def turns(systems: Systems, kind: str, number: int) -> list[tuple[str, str, str, bytes]]:
    """Who says what under which id."""
    if kind == "inquiry":
        return [("tax", INQUIRY, f"urn:synthetic:i{number}", inquiry(systems, number))]
    if kind == "notice":
        return [("juki", NOTICE, f"urn:synthetic:n{number}", notice(systems, number))]
    asked = question(systems, number, addressed=kind.startswith("late"))
    return [
        ("kokuho", LATE, f"urn:synthetic:q{number}", asked),
        ("tax", LATE, f"urn:synthetic:a{number}", late_answer(systems, number)),
    ]


@pytest.fixture(scope="module")
def nursery() -> Iterator[Nursery]:
    """One for all tests of this file."""
    nursery = Nursery()
    yield nursery
    nursery.close()


@pytest.fixture
async def systems(tmp_path: Path) -> AsyncIterator[Systems]:
    """Three systems that know no bus yet, and a site folder that names them."""
    edition = load_edition()
    receipt, taken = give_receipt(edition, NOTICE), (202, b"")
    juki = FakeProvider(answer_inquiry(edition, INQUIRY, RESIDENT))
    tax, kokuho = (
        FakeProvider(lambda received: receipt(received) if b"ido_tsuchi" in received.body else taken) for _ in range(2)
    )
    providers = (juki, tax, kokuho)
    ports = [await provider.start() for provider in providers]
    folder = write_site(tmp_path / "site", juki=ports[0], tax=ports[1], kokuho=ports[2])
    change(folder / "routes.toml", "route = [", f"route = [ {ROUTE},")
    change(folder / "rights.toml", "right = [", f"right = [ {RIGHT},")
    yield Systems(edition, folder, juki, tax, kokuho)
    for provider in providers:
        await provider.stop()


ALL = tuple(range(1, 14))
KINDS = {
    # kind: its steps, and at which passing of the step the bus dies (of the delivery's steps 11, 12 and of 13)
    "inquiry": ([step for step in ALL if step != 10], (2, 2, 2)),
    "notice": (ALL, (2, 3, 2)),
    "late question": (ALL, (3, 3, 4)),
    "late answer": (ALL, (4, 4, 5)),
    "polled question": ([step for step in ALL if step != 10], (3, 2, 2)),
    "polled answer": ([*range(1, 10), 13], (4, 4, 4)),
}
FAST = {"inquiry": range(9, 14), "notice": range(8, 14), "late answer": (9, 13)}
"""Half a second each: the steps around the journal always, the others in the whole run."""


def cases() -> list[Any]:
    """Every kind of message at every step that it takes."""
    return [
        pytest.param(
            kind,
            step,
            hits[0 if step <= 10 else 1 if step <= 12 else 2],
            id=f"{kind}, after {step} {NAMES[step]}",
            marks=[] if step in FAST.get(kind, ()) else [pytest.mark.slow],
        )
        for kind, (steps, hits) in KINDS.items()
        for step in steps
    ]


@pytest.mark.parametrize(("kind", "step", "hit"), cases())
@pytest.mark.slow
async def test_a_bus_killed_after_a_step_loses_nothing_and_repeats_no_effect(
    nursery: Nursery, systems: Systems, kind: str, step: int, hit: int
) -> None:
    """The next bus finishes what was acknowledged; what was not is sent again under its id; all of it is accounted."""
    queued = kind in {"notice", "late question", "late answer", "polled answer"}
    first = await nursery.start(systems.folder, step, hit, queued=queued)
    await talk(systems, kind, first)
    assert await first.dead() == KILLED
    second = await nursery.start(systems.folder)
    await talk(systems, kind, second)
    expected = [turn[2] for number in MESSAGES for turn in turns(systems, kind, number)]
    assert sorted(systems.answers) == sorted(expected)
    await settled(systems, kind)
    arrived = [ids(provider) for provider in (systems.juki, systems.tax, systems.kokuho)]
    await same_again(systems, kind, second)
    assert [ids(provider) for provider in (systems.juki, systems.tax, systems.kokuho)] == arrived
    os.kill(second.pid, signal.SIGTERM)
    assert await second.dead() == 0
    await judge(systems, kind, step)


async def settled(systems: Systems, kind: str) -> None:
    """Wait until every target has everything that is meant for it."""
    wanted = {
        "inquiry": (("i", systems.juki),),
        "notice": (("n", systems.tax), ("n", systems.kokuho)),
        "late": (("q", systems.tax), ("a", systems.kokuho)),
        "polled": (("q", systems.tax),),
    }[kind.partition(" ")[0]]
    for letter, provider in wanted:
        names = {f"urn:synthetic:{letter}{number}" for number in MESSAGES}
        await until_async(lambda n=names, p=provider: n <= set(ids(p)), within_s=WITHIN_S)
        assert set(ids(provider)) == names
        bodies = {(received.message_id, received.body) for received in provider.received}
        assert len(bodies) == len(names)


async def same_again(systems: Systems, kind: str, bus: Bus) -> None:
    """Everything once more under the same ids: the same answers (a question meanwhile answered gets its answer)."""
    before = dict(systems.answers)
    systems.answers.clear()
    await talk(systems, kind, bus, again=True)
    for number in MESSAGES:
        if kind.startswith("polled"):
            before[f"urn:synthetic:q{number}"] = (200, late_answer(systems, number))
    assert systems.answers == before


async def judge(systems: Systems, kind: str, step: int) -> None:
    """The journal agrees, and nothing is under way for ever."""
    journal = SqliteJournal(systems.folder / "var" / "journal.sqlite", clock=SteppedClock())
    await journal.open()
    assert (list(journal.open_deliveries()), list(journal.interrupted_calls())) == ([], [])
    counts = {name: count for name, count in journal.counts().items() if count}
    await journal.close()
    each = len(MESSAGES)
    cancelled = 0
    if kind == "inquiry":
        cancelled = 1 if 9 <= step <= 12 else 0
        done, messages = {State.REPLIED: each}, each + cancelled
        assert sorted(ids(systems.juki)).count("urn:synthetic:i2") == (2 if step in {11, 12} else 1)
    elif kind == "notice":
        done, messages = {State.DELIVERED: 2 * each}, each
    elif kind.startswith("late"):
        done, messages = {State.REPLIED: each, State.DELIVERED: each}, 2 * each
    else:
        cancelled = 1 if (9 <= step <= 12) else 0
        taken = each - cancelled if kind == "polled answer" else each
        done, messages = {State.REPLIED: each, State.DELIVERED: taken}, 2 * each
        messages += cancelled if kind == "polled question" else 0
    expected = {state.value: count for state, count in done.items()} | {"accepted_messages": messages}
    assert counts == expected | ({State.CANCELLED.value: cancelled} if cancelled else {})
