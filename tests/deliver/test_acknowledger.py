"""Acknowledgements for sources that want them at an address of their own."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from bus.core.errors import DeliveryError
from bus.core.ports import HttpReply
from bus.core.sequences import Arrival, Role, SequenceKey, SequenceRecord, SequenceState
from bus.core.types import Endpoint
from bus.deliver.acknowledger import SequenceAcknowledger
from bus.journal.sqlite import SqliteJournal
from bus.pipeline.deliver import protocol_headers
from bus.wire import addressing as wsa
from bus.wire import envelope, safe_xml
from bus.wire.http import XML
from bus.wire.reliable import names
from bus.wire.reliable.headers import read_headers
from tests.pipeline.fakes import CountingIds
from tests.support.deliveries import MUNICIPALITY, NOW, SteppedClock, acceptance
from tests.support.polling import until_async

ADDRESS = "http://juki.example/soap"
JUKI = Endpoint("juki", MUNICIPALITY, "juki", address=ADDRESS, secret="s", timeout_s=5)
KEY = SequenceKey(Role.DESTINATION, MUNICIPALITY, "juki", "urn:uuid:in")
TAKEN = HttpReply(202, "", b"")


class Line:
    """The address: keeps what came, and answers by its script (202 when that is over)."""

    def __init__(self, *script: HttpReply | DeliveryError) -> None:
        self.script = list(script)
        self.came: list[tuple[str, bytes]] = []

    async def post(
        self, endpoint: Endpoint, body: bytes, headers: Sequence[tuple[str, str]], deadline_s: float
    ) -> HttpReply:
        """One post."""
        del deadline_s
        self.came.append((endpoint.address, body))
        assert dict(headers)["Authorization"].startswith("Basic ")
        outcome = self.script.pop(0) if self.script else TAKEN
        if isinstance(outcome, DeliveryError):
            raise outcome
        return outcome

    def protocol(self, endpoint: Endpoint, raw: bytes, action: str) -> tuple[bytes, Sequence[tuple[str, str]]]:
        """As the pipeline does without security."""
        return raw, protocol_headers(endpoint, action)

    def told(self) -> list[tuple[str, tuple[tuple[int, int], ...], bool]]:
        """Kind, ranges and finality of what came."""
        found = []
        for _, raw in self.came:
            read = envelope.read(safe_xml.parse(raw, XML))
            assert read.addressing.to == ADDRESS
            blocks = read_headers(read.headers)
            if blocks.fault is not None:
                assert read.addressing.action == names.FAULT_ACTION
                found.append((blocks.fault.name, (), False))
                continue
            (one,) = blocks.acknowledgements
            assert read.addressing.action == names.action(names.ACKNOWLEDGEMENT)
            found.append(("", one.ranges.spans, one.final))
        return found


class Place:
    """A journal with a sequence that wants its acknowledgements at ``ADDRESS``."""

    def __init__(self, path: Path) -> None:
        self.journal = SqliteJournal(path, clock=SteppedClock())
        self.registered: Endpoint | None = JUKI
        self.lines: list[dict[str, Any]] = []
        self.acknowledger: SequenceAcknowledger | None = None

    def over(self, line: Line) -> SequenceAcknowledger:
        """An acknowledger over this line."""

        def log(event: str, /, **fields: object) -> None:
            self.lines.append({"event": event, **fields})

        self.acknowledger = SequenceAcknowledger(
            self.journal, line, line, lambda *_: self.registered, SteppedClock(), CountingIds(), log,
            gather_s=0.0, pause_s=0.001,
        )  # fmt: skip
        return self.acknowledger

    async def arrive(self, *numbers: int) -> None:
        """Messages with these numbers."""
        for number in numbers:
            one = acceptance()
            arrival = Arrival(KEY, number, one.message_id, "0" * 64, one.exchange_id, NOW, 99, 99, 1 << 20, one)
            assert (await self.journal.arrive(arrival)).code == ""


@pytest.fixture
async def place(tmp_path: Path) -> AsyncIterator[Place]:
    """The sequence is there and empty."""
    made = Place(tmp_path / "journal.sqlite")
    await made.journal.open()
    await made.journal.begin([SequenceRecord(KEY, JUKI.key, NOW, acks_to=ADDRESS)])
    yield made
    if made.acknowledger is not None:
        await made.acknowledger.stop()
    await made.journal.close()


async def test_what_is_durable_is_told_at_the_address(place: Place) -> None:
    """One message speaks for all numbers that came until then."""
    line = Line()
    acknowledger = place.over(line)
    await place.arrive(1, 2, 4)
    for _ in range(3):
        acknowledger.tell(KEY)
    await until_async(lambda: line.came, what="an acknowledgement")
    assert line.told() == [("", ((1, 2), (4, 4)), False)]


async def test_it_is_tried_again_until_it_was_taken(place: Place) -> None:
    """An address that is away or busy loses nothing; the next try tells what has come meanwhile."""
    line = Line(DeliveryError("CB5001"), HttpReply(503, XML, b""), DeliveryError("CB5003"))
    acknowledger = place.over(line)
    await place.arrive(1)
    acknowledger.tell(KEY)
    await until_async(lambda: len(line.came) == 4, what="the fourth try")
    assert [each["code"] for each in place.lines] == ["CB5001", "CB5005", "CB5003"]
    assert line.told()[-1] == ("", ((1, 1),), False)


async def test_numbers_that_come_while_it_is_told_are_told_next(place: Place) -> None:
    """Nothing falls between reading and sending."""
    line = Line()
    acknowledger = place.over(line)
    await place.arrive(1)
    gate = asyncio.Event()
    post = line.post

    async def held(*arguments: Any) -> HttpReply:
        reply = await post(*arguments)
        await gate.wait()
        return reply

    line.post = held  # as the address that answers late
    acknowledger.tell(KEY)
    await until_async(lambda: line.came, what="the first")
    await place.arrive(2)
    acknowledger.tell(KEY)
    gate.set()
    await until_async(lambda: len(line.came) == 2, what="the second")
    assert [spans for _, spans, _ in line.told()] == [((1, 1),), ((1, 2),)]


@pytest.mark.parametrize("now", [None, replace(JUKI, id="tax")])
async def test_an_address_that_is_not_registered_any_more_is_not_called(place: Place, now: Endpoint | None) -> None:
    """Nor one that has become somebody else's."""
    line = Line()
    place.registered = now
    await place.arrive(1)
    place.over(line).tell(KEY)
    await until_async(lambda: place.lines, what="the log")
    assert (line.came, place.lines[0]["code"]) == ([], "CB3026")


async def test_after_a_restart_everything_is_told_once_more(place: Place) -> None:
    """What was told before is not known; sequences acknowledged with their answers are not concerned."""
    await place.arrive(1, 2)
    other = replace(KEY, identifier="urn:uuid:other")
    await place.journal.begin([SequenceRecord(other, JUKI.key, NOW, acks_to=wsa.ANONYMOUS)])
    line = Line()
    place.over(line).start()
    await until_async(lambda: line.came, what="an acknowledgement")
    assert line.told() == [("", ((1, 2),), False)]


async def test_a_sequence_that_the_bus_ended_is_told_with_its_last_acknowledgement(place: Place) -> None:
    """SequenceTerminated, and a final acknowledgement of all that was taken."""
    await place.arrive(1)
    record = place.journal.sequence(KEY)
    assert record is not None
    line = Line()
    acknowledger = place.over(line)
    await place.journal.end(KEY, SequenceState.EXPIRED, NOW, code="CB3012")
    acknowledger.ended(record)
    acknowledger.ended(replace(record, acks_to=wsa.ANONYMOUS))
    acknowledger.ended(replace(record, key=replace(KEY, role=Role.SOURCE)))
    await until_async(lambda: len(line.came) == 2, what="both")
    assert line.told() == [("SequenceTerminated", (), False), ("", ((1, 1),), True)]


async def test_faults_are_told_once_and_bounded(place: Place) -> None:
    """A source that misbehaves a thousand times is told eight times, and a fault that was lost is not sent again."""
    line = Line(DeliveryError("CB5001"))
    acknowledger = place.over(line)
    record = place.journal.sequence(KEY)
    assert record is not None
    for _ in range(1000):
        acknowledger.ended(record)
    await until_async(lambda: line.came and not acknowledger._talks, what="the end")
    kinds = [kind for kind, _, _ in line.told()]
    assert kinds.count("SequenceTerminated") <= 8
    assert kinds[-1] == ""
