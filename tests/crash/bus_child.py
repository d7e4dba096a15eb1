"""A bus without a front, killed at a numbered step: journal, relay, broker and delivery in a process of their own.

    python -m tests.crash.bus_child FOLDER PORT MESSAGES STEP HIT

Plays the sender as well: every message of the plan that is not yet noted in ``FOLDER/acknowledged`` is handed in,
one after the other per household, and noted after its acceptance. At step ``STEP`` (0 for none) for the ``HIT``-th
time the process kills itself with SIGKILL. Exit code 0 when everything is delivered.
"""

from __future__ import annotations

import asyncio
import os
import random
import signal
import sys
from collections.abc import Sequence
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from typing import Any

from bus.broker.memory import MemoryBroker, MemorySubscription
from bus.core.clock import SystemClock
from bus.core.ids import SystemIds
from bus.core.ports import Acceptance, Consignment, HttpReply, Lease, Transition, Verdict
from bus.core.settings import DeliverySettings
from bus.core.states import State
from bus.core.types import Endpoint, Known, Mode, OnPark
from bus.deliver.breaker import Breakers
from bus.deliver.desk import DeliveryDesk
from bus.deliver.sender import PooledSender
from bus.deliver.worker import Kit
from bus.journal.relay import Relay, no_log
from bus.journal.sqlite import SqliteJournal
from tests.support.polling import until_async

CLOCK, IDS = SystemClock(), SystemIds()
HOUSEHOLDS, PERSONS = 4, 12
STEPS = {
    1: "before the acceptance is stored",
    2: "after it is stored, before the sender is told",
    3: "after it is told, before it is published",
    4: "after publishing, before PUBLISHED is recorded",
    5: "before DISPATCHING is recorded",
    6: "after DISPATCHING is recorded, before sending",
    7: "after the receiver has it, before its answer is read",
    8: "after the answer, before DELIVERED is recorded",
    9: "after DELIVERED is recorded, before the broker is told",
}


class Fuse:
    """Kills this process at its step, the ``hit``-th time it comes by."""

    def __init__(self, step: int, hit: int) -> None:
        self._step, self._left = step, hit

    def pass_by(self, step: int) -> None:
        """Step ``step`` is reached."""
        if step == self._step:
            self._left -= 1
            if self._left <= 0:
                os.kill(os.getpid(), signal.SIGKILL)


class FusedJournal(SqliteJournal):
    """The journal with steps around its commits."""

    def __init__(self, path: Path, fuse: Fuse) -> None:
        super().__init__(path, clock=CLOCK)
        self._fuse = fuse

    async def accept(self, acceptance: Acceptance) -> Known | None:
        """Steps 1 and 2."""
        self._fuse.pass_by(1)
        known = await super().accept(acceptance)
        self._fuse.pass_by(2)
        return known

    async def record(self, transitions: Sequence[Transition]) -> None:
        """Steps 4, 5, 6 and 8."""
        states = {each.state for each in transitions}
        for step, state in ((4, State.PUBLISHED), (5, State.DISPATCHING), (8, State.DELIVERED)):
            if state in states:
                self._fuse.pass_by(step)
        await super().record(transitions)
        if State.DISPATCHING in states:
            self._fuse.pass_by(6)


class FusedBroker(MemoryBroker):
    """The broker with steps before publishing and acknowledging."""

    def __init__(self, journal: SqliteJournal, fuse: Fuse) -> None:
        super().__init__(20_000, journal.body)
        self._fuse = fuse

    async def publish(self, consignments: Sequence[Consignment]) -> None:
        """Step 3."""
        self._fuse.pass_by(3)
        await super().publish(consignments)

    def subscribe(self, endpoint_key: str) -> MemorySubscription:
        """A subscription with step 9."""
        subscription, fuse = super().subscribe(endpoint_key), self._fuse
        plain = subscription.acknowledge

        async def acknowledge(leases: Sequence[Lease]) -> None:
            fuse.pass_by(9)
            await plain(leases)

        subscription.acknowledge = acknowledge
        return subscription


class FusedSender(PooledSender):
    """The sender with a step between the receiver's effect and the worker's knowledge."""

    def __init__(self, fuse: Fuse) -> None:
        super().__init__(CLOCK)
        self._fuse = fuse

    async def post(self, *request: Any) -> HttpReply:
        """Step 7."""
        reply = await super().post(*request)
        self._fuse.pass_by(7)
        return reply


class PlainOutgoing:
    """Bytes as they are; 200 is a success."""

    def request(self, consignment: Consignment, endpoint: Endpoint) -> tuple[bytes, Sequence[tuple[str, str]], None]:
        """The body and its message id."""
        return consignment.raw, [("Chiikibus-Message-Id", consignment.message_id)], None

    async def judge(self, consignment: Consignment, reply: HttpReply) -> Verdict:
        """By status."""
        return Verdict(
            State.DELIVERED if reply.status == 200 else State.RETRY_WAIT, "" if reply.status == 200 else "CB5004"
        )

    async def given_up(self, consignment: Consignment, code: str) -> None:
        """Nobody asked to be told."""

    def on_park(self, consignment: Consignment) -> OnPark:
        """Nothing parks here."""
        return OnPark.BLOCK


def planned(number: int) -> Acceptance:
    """Message ``number`` of the plan; the same in every run. The person decides the household."""
    person = number % PERSONS
    raw = f"<synthetic number='{number}'/>".encode() * 40
    now = CLOCK.now()
    return Acceptance(
        exchange_id=IDS.exchange(),
        municipality="990019",
        sender="juki",
        message_id=f"urn:synthetic:{number}",
        sha256=sha256(raw).hexdigest(),
        unit="juki",
        operation="juki.ido_tsuchi",
        edition="1.0",
        purpose="jumin",
        mode=Mode.QUEUED,
        ordering_keys=(f"atena:{person}", f"setai:{person % HOUSEHOLDS}"),
        received_at=now,
        expires_at=now + 3600,
        content_type="text/xml; charset=utf-8",
        soap_action="",
        relates_to="",
        tables_hash="",
        size=len(raw),
        state=State.ACCEPTED,
        targets=("tax",),
        raw=raw,
    )


async def send_household(
    household: int, messages: int, done: set[str], journal: SqliteJournal, relay: Relay, note: int
) -> None:
    """Hand in a household's messages in order; each only after the one before it was acknowledged."""
    for number in range(household, messages, HOUSEHOLDS):
        fresh = planned(number)
        if fresh.message_id in done:
            continue
        known = await journal.accept(fresh)
        if known is None:
            relay.hand_over([as_consignment(fresh)])
        os.write(note, f"{fresh.message_id}\n".encode())


def as_consignment(accepted: Acceptance) -> Consignment:
    """What the pipeline hands over."""
    return Consignment(
        delivery_id=accepted.delivery_id(0),
        exchange_id=accepted.exchange_id,
        municipality=accepted.municipality,
        sender=accepted.sender,
        target="tax",
        operation=accepted.operation,
        message_id=accepted.message_id,
        ordering_keys=accepted.ordering_keys,
        accepted_at=accepted.received_at,
        expires_at=accepted.expires_at,
        raw=accepted.raw,
    )


async def main(folder: Path, port: int, messages: int, step: int, hit: int) -> None:
    """Run until everything is delivered, or until the fuse blows."""
    fuse = Fuse(step, hit)
    settings = replace(DeliverySettings(), retry_first_s=0.05, retry_max_s=0.1, sweep_s=0.05, breaker_failures=1000)
    journal = FusedJournal(folder / "journal.sqlite", fuse)
    await journal.open()
    broker = FusedBroker(journal, fuse)
    relay = Relay(journal, broker, clock=CLOCK, sweep_s=settings.sweep_s, max_open=50, linger_s=0.0)
    await relay.start()
    kit = Kit(
        journal=journal,
        broker=broker,
        sender=FusedSender(fuse),
        outgoing=PlainOutgoing(),
        breakers=Breakers(CLOCK, settings),
        clock=CLOCK,
        taken=relay.taken,
        settled=relay.settled,
        log=no_log,
        random=random.random,
    )
    desk = DeliveryDesk(kit, settings)
    await desk.start([Endpoint("tax", "990019", "kojinjuminzei", address=f"http://127.0.0.1:{port}/", concurrency=8)])
    noted = folder / "acknowledged"
    done = set(noted.read_text().split()) if noted.exists() else set()
    note = os.open(noted, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    await asyncio.gather(
        *(send_household(household, messages, done, journal, relay, note) for household in range(HOUSEHOLDS))
    )
    await until_async(lambda: journal.counts()[State.DELIVERED] == messages, within_s=30)
    await desk.stop(1.0)
    await relay.stop()
    await journal.close()


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), *(int(argument) for argument in sys.argv[2:])))
