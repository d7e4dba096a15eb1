"""What operators see of sequences, what ending one does, and that nothing that waits is lost by it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from bus.core.errors import JournalError, ReliableError
from bus.core.ports import Consignment
from bus.core.sequences import Arrival, Role, SequenceKey, SequenceRecord, SequenceState
from bus.core.states import State
from bus.journal.keeper import SequenceKeeper
from bus.journal.sequence_desk import SequenceDesk, SequenceOperator
from bus.journal.side import SqliteSide
from bus.journal.sqlite import SqliteJournal
from tests.support.deliveries import MUNICIPALITY, NOW, SteppedClock, acceptance, step
from tests.support.polling import until_async

INBOUND = SequenceKey(Role.DESTINATION, MUNICIPALITY, "juki", "urn:uuid:in")
REPLIES = SequenceKey(Role.REPLIES, MUNICIPALITY, "juki", "urn:uuid:answers")
OUTBOUND = SequenceKey(Role.SOURCE, MUNICIPALITY, "tax", "urn:uuid:out")


class Outbox:
    """Remembers what it was handed."""

    def __init__(self) -> None:
        self.handed: list[str] = []

    def hand_over(self, consignments: Sequence[Consignment]) -> None:
        """Keep the message ids."""
        self.handed += [each.message_id for each in consignments]


class Place:
    """A journal with a sequence of each role, and the keeper that ends them."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.clock = SteppedClock()
        self.journal = SqliteJournal(path, clock=self.clock)
        self.outbox = Outbox()
        self.lines: list[dict[str, Any]] = []
        self.keeper = SequenceKeeper(self.journal, self.outbox, clock=self.clock, sweep_s=1.0, log=self._log)

    def _log(self, event: str, /, **fields: object) -> None:
        self.lines.append({"event": event, **fields})

    async def arrive(self, number: int) -> str:
        """A message with this number; its id."""
        one = acceptance()
        await self.journal.arrive(
            Arrival(INBOUND, number, one.message_id, "0" * 64, one.exchange_id, NOW, 100, 100, 1 << 20, one)
        )
        return one.message_id

    def rows(self, *, live: bool = True, **filters: str) -> list[dict[str, Any]]:
        """What the desk says."""
        with closing(SequenceDesk(SqliteSide(self.path))) as desk:
            return desk.rows(live=live, **filters)

    def shown(self, key: SequenceKey) -> dict[str, Any]:
        """One sequence."""
        with closing(SequenceDesk(SqliteSide(self.path))) as desk:
            (row,) = desk.rows(role=key.role, identifier=key.identifier, live=False)
            return desk.show(row)

    def terminate(self, key: SequenceKey, reason: str = "試験のため") -> None:
        """As an operator does."""
        with closing(SequenceOperator(SqliteSide(self.path), self.clock, actor="cli:test")) as operator:
            operator.terminate(key, reason)

    def state(self, key: SequenceKey) -> tuple[SequenceState, str]:
        """State and code."""
        record = self.journal.sequence(key)
        assert record is not None
        return record.state, record.code


@pytest.fixture
async def place(tmp_path: Path) -> AsyncIterator[Place]:
    """An open journal with one sequence of each role."""
    made = Place(tmp_path / "journal.sqlite")
    await made.journal.open()
    base = SequenceRecord(INBOUND, "someone", NOW, expires_at=NOW + 60, partner=REPLIES.identifier)
    await made.journal.begin(
        [base, replace(base, key=REPLIES, partner=INBOUND.identifier), SequenceRecord(OUTBOUND, "someone", NOW)]
    )
    yield made
    await made.journal.close()


async def test_every_role_is_shown_with_ranges_and_what_waits(place: Place) -> None:
    """Inbound: received and missing; outbound: given, unacknowledged, how often something went again."""
    for number in (1, 2, 5, 7):
        await place.arrive(number)
    sent = [acceptance() for _ in range(3)]
    for each in sent:
        await place.journal.accept(each)
    going = [step(each, State.DISPATCHING, attempt=1) for each in sent]
    await place.journal.depart(OUTBOUND, [(n, each.delivery_id(0)) for n, each in enumerate(sent, 1)], going)
    for attempt in (2, 3):
        waits = step(sent[0], State.RETRY_WAIT, attempt=attempt - 1, next_attempt_at=NOW)
        await place.journal.depart(OUTBOUND, [], [waits, step(sent[0], State.DISPATCHING, attempt=attempt)])
    await place.journal.acknowledge(OUTBOUND, ((2, 2),), NOW)
    await place.journal.depart(OUTBOUND, [], [step(sent[1], State.DELIVERED, attempt=1)])
    inbound, replies, outbound = place.rows()
    assert (inbound["acknowledged"], inbound["missing"], inbound["waiting"]) == ("1-2,5-5,7-7", "3-4,6-6", 2)
    assert inbound["waiting_bytes"] > 0
    assert (inbound["retransmissions"], replies["waiting"]) == (None, 0)
    found = outbound["numbers"], outbound["acknowledged"], outbound["missing"], outbound["waiting"]
    assert found == ("1-3", "2-2", "1-1,3-3", 2)
    assert outbound["retransmissions"] == 2
    assert [each["number"] for each in place.shown(OUTBOUND)["unfinished"]] == [1, 3]
    assert [each["role"] for each in place.rows(role="source")] == ["source"]
    assert place.rows(endpoint="nobody") == []


async def test_an_inbound_sequence_that_is_ended_delivers_what_waited(place: Place) -> None:
    """In the order of the numbers and without the gap; the answers' sequence ends with it; who wanted it is kept."""
    await place.arrive(1)
    third, second = await place.arrive(4), await place.arrive(3)
    place.terminate(INBOUND)
    assert place.state(INBOUND) == (SequenceState.ENDING, "CB3024")
    await place.keeper.sweep()
    assert place.outbox.handed == [second, third]
    assert place.state(INBOUND) == (SequenceState.BROKEN, "CB3024")
    assert place.state(REPLIES)[0] is SequenceState.BROKEN
    assert place.journal.counts()["EARLY"] == 0
    (line,) = place.lines
    assert (line["event"], line["code"], line["count"]) == ("sequence.ended", "CB3024", 2)
    events = place.shown(INBOUND)["events"]
    assert [each["state"] for each in events] == ["OPEN", "ENDING", "BROKEN"]
    assert (events[1]["reason"], events[1]["actor"]) == ("試験のため", "cli:test")
    await place.keeper.sweep()
    assert len(place.lines) == 1
    late = acceptance()
    arrival = Arrival(INBOUND, 2, late.message_id, "0" * 64, late.exchange_id, NOW, 9, 9, 9, late)
    assert (await place.journal.arrive(arrival)).code == "CB3012"


async def test_an_end_that_nobody_carried_out_yet_takes_no_new_numbers(place: Place) -> None:
    """Between the operator's word and the keeper's the sequence is over for its source already."""
    await place.arrive(1)
    place.terminate(INBOUND)
    late = acceptance()
    arrival = Arrival(INBOUND, 2, late.message_id, "0" * 64, late.exchange_id, NOW, 9, 9, 9, late)
    assert (await place.journal.arrive(arrival)).code == "CB3012"


async def test_a_sequence_ends_once(place: Place) -> None:
    """Whoever comes second, or names none, is told so."""
    place.terminate(INBOUND)
    for key in (INBOUND, replace(INBOUND, endpoint="tax")):
        with pytest.raises(ReliableError) as caught:
            place.terminate(key)
        assert caught.value.code == "CB3025"


async def test_a_sequence_whose_time_is_over_ends_by_itself(place: Place) -> None:
    """Though nobody sends in it any more: what waited is delivered. An outbound one is its worker's matter."""
    waiting = await place.arrive(2)
    await place.keeper.sweep()
    assert place.rows()[0]["state"] == "OPEN"
    place.clock.at += 61
    await place.keeper.sweep()
    assert place.outbox.handed == [waiting]
    assert place.state(INBOUND) == (SequenceState.EXPIRED, "CB3012")
    assert [each["role"] for each in place.rows()] == ["source"]
    assert {each["role"] for each in place.rows(live=False)} == {"destination", "replies", "source"}


async def test_the_keeper_goes_on_after_the_journal_failed(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    """A disk that is full for a moment is told, and the end comes with the next look."""
    place.terminate(INBOUND)
    failures = iter([True])
    end = place.journal.end

    async def failing(*arguments: Any, **more: Any) -> Any:
        if next(failures, False):
            raise JournalError("CB4001")
        return await end(*arguments, **more)

    monkeypatch.setattr(place.journal, "end", failing)
    keeper = SequenceKeeper(place.journal, place.outbox, clock=place.clock, sweep_s=0.01, log=place._log)
    keeper.start()
    await until_async(lambda: place.state(INBOUND)[0] is SequenceState.BROKEN, what="the end")
    await keeper.stop()
    assert place.lines[0] == {"event": "sequence.not_ended", "code": "CB4001"}
