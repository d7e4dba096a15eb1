"""The numbers of a sequence in which the bus sends, on a clock that stands: no worker, no waiting."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from bus.core.errors import ChiikibusError, ReliableError
from bus.core.ports import HttpReply
from bus.core.sequences import Role, SequenceState
from bus.core.settings import ReliableSettings
from bus.core.states import State
from bus.deliver.sequence import OutgoingSequence
from bus.journal.sequence_desk import SequenceOperator
from bus.journal.side import SqliteSide
from bus.journal.sqlite import SqliteJournal
from bus.wire.http import XML
from bus.wire.reliable import names
from bus.wire.reliable.headers import Acknowledgement, ReliableHeaders, RemoteSequenceFault
from bus.wire.reliable.ranges import Ranges
from tests.deliver.destination import TARGET, Destination, SequencedOutgoing, answer, fault
from tests.pipeline.fakes import CountingIds
from tests.support.deliveries import SteppedClock, acceptance, step

NAME = "urn:x-example:1"


class Place:
    """A sequence of the bus over a destination that keeps to the rules."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.clock = SteppedClock()
        self.journal = SqliteJournal(path, clock=self.clock)
        self.destination = Destination()
        self.lines: list[dict[str, Any]] = []
        self.sequence = self.make()

    def make(self) -> OutgoingSequence:
        """The sequence as it is after a restart, before it was loaded."""

        def log(event: str, /, **fields: object) -> None:
            self.lines.append({"event": event, **fields})

        settings = ReliableSettings(window=5, expires_s=1000.0)
        return OutgoingSequence(
            self.journal, self.destination, SequencedOutgoing(), self.clock, CountingIds(), log, lambda: settings
        )

    async def send(self, count: int) -> list[str]:
        """So many deliveries under way with their numbers."""
        many = [acceptance() for _ in range(count)]
        for each in many:
            await self.journal.accept(each)
        given = self.sequence.give([each.delivery_id(0) for each in many])
        key = self.sequence.key
        assert key is not None
        await self.journal.depart(key, given, [step(each, State.DISPATCHING, attempt=1) for each in many])
        return [each.delivery_id(0) for each in many]


@pytest.fixture
async def place(tmp_path: Path) -> AsyncIterator[Place]:
    """With its first sequence created."""
    made = Place(tmp_path / "journal.sqlite")
    await made.journal.open()
    await made.sequence.begin(TARGET)
    yield made
    await made.journal.close()


def told(*spans: tuple[int, int], name: str = NAME) -> ReliableHeaders:
    """An answer that acknowledges these."""
    return ReliableHeaders(acknowledgements=(Acknowledgement(name, Ranges.of(spans)),))


async def test_numbers_begin_with_one_and_have_room_up_to_the_window(place: Place) -> None:
    """Beyond the first unacknowledged number no more than the window; what never became durable is taken back."""
    sequence = place.sequence
    assert (sequence.ready, sequence.room) == (True, 5)
    ids = await place.send(3)
    assert [sequence.number(each) for each in ids] == [1, 2, 3]
    assert sequence.room == 2
    assert not sequence.heard(told((2, 3)))
    assert (sequence.room, sequence.acknowledged(ids[0]), sequence.acknowledged(ids[2])) == (2, False, True)
    sequence.heard(told((1, 3)))
    assert sequence.room == 5
    given = sequence.give(["a", "b"])
    sequence.take_back(given)
    assert (sequence.number("a"), sequence.give(["c"])) == (0, [(4, "c")])


async def test_acknowledgements_only_grow_and_must_be_of_numbers_that_were_given(place: Place) -> None:
    """An old one takes nothing back, one of another sequence says nothing, one of the future is not believed."""
    sequence, ids = place.sequence, await place.send(3)
    sequence.heard(told((1, 2)))
    sequence.heard(told((1, 1)))
    sequence.heard(told())
    assert [sequence.acknowledged(each) for each in ids] == [True, True, False]
    sequence.heard(told((3, 3), name="urn:x-example:other"))
    sequence.heard(told((1, 4)))
    assert not sequence.acknowledged(ids[2])
    assert (place.lines[-1]["event"], place.lines[-1]["code"]) == ("sequence.acknowledgement_refused", "CB3015")
    assert sequence.untold() == Ranges.of([(1, 2)])
    assert sequence.untold() == Ranges()


async def test_a_nack_takes_nothing_back_and_what_it_names_goes_again(place: Place) -> None:
    """It says no more than the gap in an acknowledgement: the number is sent until it is acknowledged."""
    sequence, ids = place.sequence, await place.send(2)
    sequence.heard(told((1, 1)))
    assert not sequence.heard(ReliableHeaders(acknowledgements=(Acknowledgement(NAME, nacks=(1, 2)),)))
    assert [sequence.acknowledged(each) for each in ids] == [True, False]
    assert [str(each.tag) for each in sequence.blocks(ids[1], again=True)] == [names.SEQUENCE, names.ACK_REQUESTED]


@pytest.mark.parametrize("name", ["UnknownSequence", "SequenceTerminated", "SequenceClosed", "MessageNumberRollover"])
async def test_after_these_faults_another_sequence_takes_over(place: Place, name: str) -> None:
    """About this sequence or about one that is not named; about another one nothing changes here."""
    other = ReliableHeaders(fault=RemoteSequenceFault(name, "urn:x-example:other"))
    assert place.sequence.heard(other)
    assert place.sequence.ready
    assert place.sequence.heard(ReliableHeaders(fault=RemoteSequenceFault(name, NAME)))
    assert (place.sequence.ready, place.sequence.failing) == (False, "CB3021")


async def test_a_fault_that_is_not_about_the_sequence_leaves_it(place: Place) -> None:
    """InvalidAcknowledgement and whatever else there may be."""
    assert not place.sequence.heard(ReliableHeaders(fault=RemoteSequenceFault("InvalidAcknowledgement", NAME)))
    assert place.sequence.ready


async def test_what_ended_without_being_acknowledged_leaves_a_gap(place: Place) -> None:
    """Only a new sequence can mend it; what was acknowledged leaves none."""
    ids = await place.send(2)
    place.sequence.heard(told((1, 1)))
    place.sequence.finished([ids[0]])
    assert place.sequence.ready
    place.sequence.finished([ids[1]])
    assert (place.sequence.failing, place.sequence.unfinished) == ("gap", 0)


async def test_the_sequence_is_looked_after(place: Place) -> None:
    """Nearly over, moved to another address, or ended by somebody else: it must be replaced."""
    place.sequence.look(TARGET)
    assert place.sequence.ready
    place.sequence.look(replace(TARGET, address="http://elsewhere.invalid/"))
    assert place.sequence.failing == "moved"
    for code in ("expiring", "CB3024"):
        place.sequence.failing = ""
        if code == "CB3024":
            assert place.sequence.key is not None
            with closing(SequenceOperator(SqliteSide(place.path), place.clock, actor="cli:test")) as operator:
                operator.terminate(place.sequence.key, "test")
        else:
            place.destination.expires_s = 100.0
            place.sequence.failing = "gap"
            await place.sequence.begin(TARGET)
            place.clock.at += 89
            place.sequence.look(TARGET)
            assert place.sequence.ready
            place.clock.at += 2
        place.sequence.look(TARGET)
        assert place.sequence.failing == code


async def test_a_new_sequence_takes_over_what_is_unfinished_in_order(place: Place) -> None:
    """New numbers from 1, the same deliveries; acknowledgements of the old one say nothing about the new one."""
    ids = await place.send(4)
    place.sequence.heard(told((1, 1), (3, 3)))
    place.sequence.finished([ids[0]])
    place.sequence.failing = "CB3021"
    await place.sequence.begin(TARGET)
    assert [place.sequence.number(each) for each in ids[1:]] == [1, 2, 3]
    assert not place.sequence.acknowledged(ids[2])
    place.sequence.heard(told((1, 3)))
    assert not place.sequence.acknowledged(ids[1])
    old, new = place.journal.sequences(role=Role.SOURCE, live=False)
    assert (old.state, old.code, new.numbers) == (SequenceState.BROKEN, "CB3021", ((1, 3),))


async def test_after_a_restart_the_numbers_go_on(place: Place) -> None:
    """Next number, what is unfinished and what is acknowledged are read back; a lost delivery leaves a gap."""
    ids = await place.send(3)
    key = place.sequence.key
    assert key is not None
    await place.journal.acknowledge(key, ((1, 1),), place.clock.now())
    again = place.make()
    again.load(TARGET)
    assert [again.number(each) for each in ids] == [1, 2, 3]
    assert (again.acknowledged(ids[0]), again.acknowledged(ids[1]), again.ready) == (True, False, True)
    assert again.give(["next"]) == [(4, "next")]
    await place.journal.depart(key, [], [replace(step_of(ids[2]), state=State.PARKED)])
    again = place.make()
    again.load(TARGET)
    assert (again.failing, again.unfinished) == ("gap", 2)


def step_of(delivery_id: str) -> Any:
    """A transition of a delivery."""
    one = acceptance()
    return replace(step(one, State.PARKED, attempt=1), delivery_id=delivery_id)


@pytest.mark.parametrize(
    ("reply", "code"),
    [
        (HttpReply(202, "", b""), "CB3022"),
        (HttpReply(200, XML, b"no xml"), "CB3022"),
        (answer([]), "CB3022"),
        (fault("", "CreateSequenceRefused"), "CB3022"),
        (fault("urn:x-example:x"), "CB3021"),
    ],
)
async def test_an_answer_that_creates_no_sequence_is_refused(place: Place, reply: HttpReply, code: str) -> None:
    """Nothing is stored; the next try has the same message id."""

    async def post(*_: Any) -> HttpReply:
        return reply

    place.sequence.failing = "gap"
    place.destination.post = post
    with pytest.raises(ReliableError) as caught:
        await place.sequence.begin(TARGET)
    assert caught.value.code == code
    assert len(place.journal.sequences(live=False)) == 1
    assert place.sequence.failing == "gap"


async def test_a_delivery_without_a_sequence_has_no_blocks(place: Place) -> None:
    """It waits for one: CB3021."""
    for sequence in (place.sequence, place.make()):
        with pytest.raises(ChiikibusError) as caught:
            sequence.blocks("unknown", again=False)
        assert caught.value.code == "CB3021"
    (one,) = await place.send(1)
    assert [str(each.tag) for each in place.sequence.blocks(one, again=False)] == [names.SEQUENCE]
    assert [str(each.tag) for each in place.sequence.blocks(one, again=True)] == [names.SEQUENCE, names.ACK_REQUESTED]
    assert place.sequence.retransmissions == 1


async def test_the_end_is_told_with_the_last_number(place: Place) -> None:
    """CloseSequence, then TerminateSequence; a sequence with something unfinished is not ended."""
    ids = await place.send(2)
    await place.sequence.retire(TARGET)
    assert place.destination.ends == []
    place.sequence.heard(told((1, 2)))
    place.sequence.finished(ids)
    await place.sequence.retire(TARGET)
    assert place.destination.ends == ["CloseSequence 2", "TerminateSequence 2"]
    (record,) = place.journal.sequences(live=False)
    assert (record.state, record.last_number, place.sequence.key) == (SequenceState.TERMINATED, 2, None)
