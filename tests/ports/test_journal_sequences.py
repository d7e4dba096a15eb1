"""The universal suite of the journal's sequences: every implementation keeps the same promises."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from bus.core.errors import JournalError
from bus.core.ports import Acceptance, Journal
from bus.core.sequences import Arrival, Role, SequenceKey, SequenceRecord, SequenceState
from bus.core.states import State
from tests.ports.implementations import JournalImplementation, journals
from tests.support.deliveries import MUNICIPALITY, NOW, SteppedClock, acceptance, call, refusal, step

KEY = SequenceKey(Role.DESTINATION, MUNICIPALITY, "juki", "urn:uuid:sequence")
REPLIES = SequenceKey(Role.REPLIES, MUNICIPALITY, "juki", "urn:uuid:replies")
SOURCE = SequenceKey(Role.SOURCE, MUNICIPALITY, "tax", "urn:uuid:source")


def record(key: SequenceKey = KEY, **changes: object) -> SequenceRecord:
    """A new sequence."""
    return replace(SequenceRecord(key, "someone", NOW), **changes)


def arrival(number: int, accepted: Acceptance | None = None, *, key: SequenceKey = KEY, **changes: object) -> Arrival:
    """A number with its message."""
    whole = Arrival(
        key=key,
        number=number,
        message_id=accepted.message_id if accepted else "urn:uuid:known",
        sha256="0" * 64,
        exchange_id=accepted.exchange_id if accepted else "known",
        at=NOW,
        max_ahead=100,
        max_early=100,
        max_early_bytes=1 << 20,
        acceptance=accepted,
    )
    return replace(whole, **changes)


@pytest.fixture(params=journals())
async def journal(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Journal]:
    """An open journal with one sequence of each role."""
    journal: Journal = request.param.make(tmp_path, SteppedClock())
    await journal.open()
    await journal.begin([record(partner=REPLIES.identifier), record(REPLIES), record(SOURCE)])
    yield journal
    await journal.close()


def _numbers(journal: Journal, key: SequenceKey = KEY) -> tuple[tuple[int, int], ...]:
    found = journal.sequence(key)
    assert found is not None
    return found.numbers


async def test_a_number_and_its_message_are_there_together_or_not_at_all(journal: Journal) -> None:
    """What is acknowledged can be read back, and what was refused left nothing."""
    first = acceptance()
    admission = await journal.arrive(arrival(1, first))
    assert (admission.code, admission.early, admission.known, admission.released) == ("", False, None, ())
    assert _numbers(journal) == ((1, 1),)
    assert journal.body(first.exchange_id) == first.raw
    arrived = journal.arrived(KEY, 1)
    assert arrived is not None
    assert (arrived.exchange_id, arrived.message_id, arrived.refused) == (first.exchange_id, first.message_id, False)
    for late, code in ((arrival(500, acceptance()), "CB3019"), (arrival(3, call()), "CB3020")):
        assert late.acceptance is not None
        assert (await journal.arrive(late)).code == code
        assert journal.body(late.acceptance.exchange_id) == b""
        assert journal.arrived(KEY, late.number) is None
    assert _numbers(journal) == ((1, 1),)


async def test_a_number_is_used_once(journal: Journal) -> None:
    """Of many who come together with one number exactly one is stored, and the others learn that it was used."""
    many = [acceptance() for _ in range(10)]
    admissions = await asyncio.gather(*(journal.arrive(arrival(1, each)) for each in many))
    assert sorted(each.again for each in admissions) == [False, *[True] * 9]
    assert journal.counts()["accepted_messages"] == 1


async def test_a_known_message_id_leaves_the_number_free(journal: Journal) -> None:
    """It is for the caller to say what the number stands for."""
    first = acceptance("urn:uuid:same")
    await journal.accept(first)
    admission = await journal.arrive(arrival(1, acceptance("urn:uuid:same")))
    assert admission.known is not None
    assert admission.known.exchange_id == first.exchange_id
    assert _numbers(journal) == ()
    assert (await journal.arrive(arrival(1, exchange_id=first.exchange_id))).code == ""
    assert _numbers(journal) == ((1, 1),)


async def test_what_is_early_waits_and_follows_in_order(journal: Journal) -> None:
    """It is not open until the gap closes, and then it is behind what closed the gap, in the journal's order."""
    messages = [acceptance(targets=("tax", "kokuho")) for _ in range(4)]
    for number in (4, 2, 3):
        admission = await journal.arrive(arrival(number, messages[number - 1]))
        assert (admission.early, admission.released) == (True, ())
    found = journal.sequence(KEY)
    assert found is not None
    assert (found.early, found.early_bytes) == (3, sum(each.size for each in messages[1:]))
    assert journal.open_deliveries() == []
    states = journal.states([messages[3].delivery_id(0), messages[3].delivery_id(1)])
    assert set(states.values()) == {State.EARLY}
    admission = await journal.arrive(arrival(1, messages[0]))
    expected = [each.delivery_id(index) for each in messages[1:] for index in (0, 1)]
    assert [each.consignment.delivery_id for each in admission.released] == expected
    opened = [each.consignment.delivery_id for each in journal.open_deliveries()]
    assert opened == [messages[0].delivery_id(0), messages[0].delivery_id(1), *expected]
    for each in messages:
        assert journal.body(each.exchange_id) == each.raw
        known = journal.find(MUNICIPALITY, "juki", each.message_id)
        assert known is not None
        assert known.state is State.ACCEPTED
    await journal.record([step(messages[2], State.DISPATCHING), step(messages[2], State.DELIVERED)])
    assert journal.states([messages[2].delivery_id(0)]) == {messages[2].delivery_id(0): State.DELIVERED}


async def test_early_messages_are_bounded_by_number_and_bytes(journal: Journal) -> None:
    """The bound counts what waits now, not what waited once."""
    first, second, third = acceptance(), acceptance(), acceptance()
    assert (await journal.arrive(arrival(2, first, max_early=1))).early
    assert (await journal.arrive(arrival(3, second, max_early=1))).code == "CB3019"
    assert (await journal.arrive(arrival(3, second, max_early_bytes=first.size))).code == "CB3019"
    await journal.arrive(arrival(1, third, max_early=1))
    assert (await journal.arrive(arrival(4, second, max_early=1))).early


async def test_a_refusal_uses_a_number_and_keeps_its_answer(journal: Journal) -> None:
    """And closes a gap like any message."""
    waiting, refused = acceptance(), refusal()
    await journal.arrive(arrival(2, waiting))
    admission = await journal.arrive(arrival(1, refused, status=500, answer=b"<fault/>"))
    assert [each.consignment.exchange_id for each in admission.released] == [waiting.exchange_id]
    arrived = journal.arrived(KEY, 1)
    assert arrived is not None
    assert (arrived.refused, arrived.status, arrived.answer) == (True, 500, b"<fault/>")
    assert journal.counts()["rejected_messages"] == 1


@pytest.mark.parametrize(
    ("state", "code"),
    [
        (SequenceState.CLOSED, "CB3013"),
        (SequenceState.TERMINATED, "CB3011"),
        (SequenceState.EXPIRED, "CB3012"),
        (SequenceState.BROKEN, "CB3012"),
    ],
)
async def test_an_ended_sequence_lets_everything_go_and_takes_nothing(
    journal: Journal, state: SequenceState, code: str
) -> None:
    """What was acknowledged is delivered though a number is missing; used numbers are still known."""
    second, fourth = acceptance(), acceptance()
    await journal.arrive(arrival(4, fourth))
    await journal.arrive(arrival(2, second))
    admission = await journal.end(KEY, state, NOW + 1, last=5, code="CB3012")
    assert [each.consignment.exchange_id for each in admission.released] == [second.exchange_id, fourth.exchange_id]
    assert (await journal.arrive(arrival(3, acceptance()))).code == code
    assert (await journal.arrive(arrival(4, acceptance()))).again
    found = journal.sequence(KEY)
    assert found is not None
    assert (found.state, found.last_number, found.code, found.early) == (state, 5, "CB3012", 0)
    assert (await journal.end(KEY, SequenceState.TERMINATED, NOW + 2)).released == ()


async def test_sequences_are_found_by_name_role_and_owner(journal: Journal) -> None:
    """The name of another endpoint's sequence names nothing."""
    assert journal.sequence(replace(KEY, endpoint="tax")) is None
    assert journal.sequence(replace(KEY, municipality="990027")) is None
    assert journal.sequence(replace(KEY, role=Role.SOURCE)) is None
    assert [each.key for each in journal.sequences()] == [KEY, REPLIES, SOURCE]
    assert [each.key for each in journal.sequences(role=Role.SOURCE, municipality=MUNICIPALITY)] == [SOURCE]
    assert [each.key for each in journal.sequences(endpoint="juki")] == [KEY, REPLIES]
    await journal.end(KEY, SequenceState.TERMINATED, NOW)
    assert [each.key for each in journal.sequences()] == [REPLIES, SOURCE]
    assert len(journal.sequences(live=False)) == 3
    assert (await journal.arrive(arrival(1, acceptance(), key=replace(KEY, identifier="urn:no")))).code == "CB3011"


async def test_a_name_is_given_once(journal: Journal) -> None:
    """And nothing of what should have been stored with it is stored."""
    fresh = record(replace(KEY, identifier="urn:uuid:fresh"))
    with pytest.raises(JournalError) as caught:
        await journal.begin([fresh, record()])
    assert caught.value.code == "CB4004"
    assert journal.sequence(fresh.key) is None


async def test_an_answer_has_one_number(journal: Journal) -> None:
    """In the order in which they were asked for, and the same every time."""
    for number in (2, 1):
        await journal.arrive(arrival(number, acceptance()))
    given = [await journal.number_reply(KEY, number) for number in (2, 1, 2, 1)]
    assert given == [1, 2, 1, 2]
    assert _numbers(journal, REPLIES) == ((1, 2),)
    await journal.acknowledge(REPLIES, ((1, 1),), NOW)
    await journal.acknowledge(REPLIES, ((2, 2),), NOW)
    found = journal.sequence(REPLIES)
    assert found is not None
    assert found.acknowledged == ((1, 2),)
    with pytest.raises(JournalError):
        await journal.number_reply(KEY, 3)


async def test_numbers_are_given_together_with_the_transition(journal: Journal) -> None:
    """Neither without the other; what is acknowledged and final is no departure any more."""
    first, second = acceptance(), acceptance()
    await journal.accept(first)
    await journal.accept(second)
    names = [first.delivery_id(0), second.delivery_id(0)]
    with pytest.raises(JournalError) as caught:
        await journal.depart(SOURCE, [(1, names[0])], [step(first, State.DELIVERED)])
    assert caught.value.code == "CB4004"
    assert _numbers(journal, SOURCE) == ()
    await journal.depart(
        SOURCE, list(enumerate(names, 1)), [step(first, State.DISPATCHING), step(second, State.DISPATCHING)]
    )
    assert [(each.number, each.delivery_id, each.acknowledged) for each in journal.departures(SOURCE)] == [
        (1, names[0], False),
        (2, names[1], False),
    ]
    await journal.acknowledge(SOURCE, ((1, 1),), NOW)
    assert [each.acknowledged for each in journal.departures(SOURCE)] == [True, False]
    await journal.depart(SOURCE, [], [step(first, State.DELIVERED)])
    assert [each.number for each in journal.departures(SOURCE)] == [2]
    assert journal.departures(SOURCE)[0].state is State.DISPATCHING


async def test_a_sequence_takes_over_from_another(journal: Journal) -> None:
    """In one step: the old one is broken, and the deliveries have numbers in the new one."""
    first = acceptance()
    await journal.accept(first)
    await journal.depart(SOURCE, [(1, first.delivery_id(0))], [step(first, State.DISPATCHING)])
    new = record(replace(SOURCE, identifier="urn:uuid:next"))
    await journal.renew(SOURCE, "CB3021", new, [(1, first.delivery_id(0))])
    old = journal.sequence(SOURCE)
    assert old is not None
    assert (old.state, old.code) == (SequenceState.BROKEN, "CB3021")
    assert [(each.number, each.delivery_id) for each in journal.departures(new.key)] == [(1, first.delivery_id(0))]
    with pytest.raises(JournalError):
        await journal.depart(SOURCE, [(2, first.delivery_id(0))], [])


@pytest.mark.parametrize("implementation", journals("reopen"))
async def test_sequences_are_there_after_a_restart(implementation: JournalImplementation, tmp_path: Path) -> None:
    """Numbers, what waits for a gap, and the next number."""
    clock = SteppedClock()
    journal = implementation.make(tmp_path, clock)
    await journal.open()
    await journal.begin([record(partner=REPLIES.identifier), record(REPLIES)])
    messages = [acceptance() for _ in range(3)]
    await journal.arrive(arrival(3, messages[2]))
    await journal.arrive(arrival(2, messages[1]))
    await journal.number_reply(KEY, 3)
    before = journal.sequences()
    await journal.close()
    journal = implementation.make(tmp_path, clock)
    await journal.open()
    assert journal.sequences() == before
    assert (await journal.arrive(arrival(3, acceptance()))).again
    admission = await journal.arrive(arrival(1, messages[0]))
    assert [each.consignment.exchange_id for each in admission.released] == [each.exchange_id for each in messages[1:]]
    assert await journal.number_reply(KEY, 1) == 2
    await journal.close()
