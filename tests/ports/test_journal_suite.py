"""The universal suite of the Journal port: every implementation keeps the same promises."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from bus.core.errors import JournalError
from bus.core.ports import Journal
from bus.core.states import State
from bus.core.types import Mode
from tests.ports.implementations import JournalImplementation, journals
from tests.support.deliveries import MUNICIPALITY, NOW, SteppedClock, acceptance, call, refusal, step


@pytest.fixture(params=journals())
async def journal(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Journal]:
    """An open, empty journal."""
    journal: Journal = request.param.make(tmp_path, SteppedClock())
    await journal.open()
    yield journal
    await journal.close()


async def test_what_was_accepted_is_found_under_its_message_id(journal: Journal) -> None:
    """A stored acceptance answers a later look-up with everything a repetition needs."""
    first = acceptance()
    assert await journal.accept(first) is None
    known = journal.find(MUNICIPALITY, "juki", first.message_id)
    assert known is not None
    assert (known.exchange_id, known.sha256, known.state) == (first.exchange_id, first.sha256, State.ACCEPTED)
    assert (known.sender, known.targets, known.purpose) == ("juki", ("tax",), "jumin")
    assert (known.mode, known.operation, known.received_at) == (Mode.QUEUED, "juki.ido_tsuchi", NOW)


async def test_what_was_never_accepted_is_not_found(journal: Journal) -> None:
    """No look-up invents an answer."""
    await journal.accept(acceptance())
    assert journal.find(MUNICIPALITY, "juki", "urn:uuid:unknown") is None
    assert journal.exchange_of(MUNICIPALITY, "urn:uuid:unknown") is None
    assert journal.body("unknown") == b""


async def test_the_same_message_id_is_accepted_once(journal: Journal) -> None:
    """The second acceptance gets what was there first, whatever its content."""
    first = acceptance("urn:uuid:same")
    again = acceptance("urn:uuid:same")
    assert await journal.accept(first) is None
    known = await journal.accept(again)
    assert known is not None
    assert known.exchange_id == first.exchange_id
    assert journal.body(again.exchange_id) == b""
    assert journal.counts()["accepted_messages"] == 1


async def test_the_same_message_id_at_the_same_time_is_accepted_once(journal: Journal) -> None:
    """Of many who come together exactly one is first, and all others learn who."""
    many = [acceptance("urn:uuid:same") for _ in range(20)]
    outcomes = await asyncio.gather(*(journal.accept(each) for each in many))
    assert outcomes.count(None) == 1
    winner = many[outcomes.index(None)]
    assert {known.exchange_id for known in outcomes if known is not None} == {winner.exchange_id}


async def test_a_message_id_belongs_to_its_sender_and_municipality(journal: Journal) -> None:
    """Two systems that number alike do not disturb each other."""
    assert await journal.accept(acceptance("urn:uuid:same")) is None
    assert await journal.accept(acceptance("urn:uuid:same", sender="tax")) is None
    assert await journal.accept(acceptance("urn:uuid:same", municipality="990027")) is None
    assert journal.find("990027", "tax", "urn:uuid:same") is None
    assert journal.counts()["accepted_messages"] == 3


async def test_a_refused_message_does_not_use_up_its_id(journal: Journal) -> None:
    """After the cause is removed the same message is accepted; until then each refusal is counted."""
    assert await journal.accept(refusal("urn:uuid:same")) is None
    assert await journal.accept(refusal("urn:uuid:same")) is None
    assert journal.find(MUNICIPALITY, "juki", "urn:uuid:same") is None
    assert await journal.accept(acceptance("urn:uuid:same")) is None
    assert await journal.accept(refusal("urn:uuid:same")) is None
    assert journal.find(MUNICIPALITY, "juki", "urn:uuid:same") is not None
    counts = journal.counts()
    assert (counts["rejected_messages"], counts["accepted_messages"]) == (3, 1)


async def test_the_body_is_given_back_byte_for_byte(journal: Journal) -> None:
    """Bytes are kept, small or large; where only metadata was journalled there are none."""
    bodies = [b"\x00\xff\r\n", b"x" * 300_000, b""]
    accepted = [acceptance(raw=raw) for raw in bodies]
    await asyncio.gather(*(journal.accept(each) for each in accepted))
    assert [journal.body(each.exchange_id) for each in accepted] == bodies


async def test_a_transition_that_may_not_follow_is_refused_for_its_caller_only(journal: Journal) -> None:
    """One caller's mistake does not touch what others record in the same commit."""
    accepted = [acceptance() for _ in range(4)]
    await asyncio.gather(*(journal.accept(each) for each in accepted))
    outcomes = await asyncio.gather(
        journal.record([step(accepted[0], State.DISPATCHING)]),
        journal.record([step(accepted[1], State.DELIVERED)]),
        journal.record([step(accepted[2], State.CANCELLED)]),
        journal.record([step(accepted[3], State.RETRY_WAIT)]),
        return_exceptions=True,
    )
    assert [getattr(outcome, "code", "") for outcome in outcomes] == ["", "CB4004", "", "CB4004"]
    states = journal.states([each.delivery_id(0) for each in accepted])
    assert list(states.values()) == [State.DISPATCHING, State.ACCEPTED, State.CANCELLED, State.ACCEPTED]


async def test_transitions_of_one_call_stand_or_fall_together(journal: Journal) -> None:
    """When the last of them is refused, the first ones are not recorded either."""
    first, second = acceptance(), acceptance()
    await asyncio.gather(journal.accept(first), journal.accept(second))
    with pytest.raises(JournalError) as caught:
        await journal.record([step(first, State.DISPATCHING), step(second, State.REPLIED)])
    assert caught.value.code == "CB4004"
    assert journal.states([first.delivery_id(0)]) == {first.delivery_id(0): State.ACCEPTED}


async def test_two_callers_that_end_the_same_delivery_do_not_both_succeed(journal: Journal) -> None:
    """In one commit or in two: the first outcome stands."""
    many = [acceptance() for _ in range(20)]
    await asyncio.gather(*(journal.accept(each) for each in many))
    calls = [journal.record([step(each, State.CANCELLED)]) for each in many for _ in range(3)]
    outcomes = await asyncio.gather(*calls, return_exceptions=True)
    assert [getattr(outcome, "code", "") for outcome in outcomes] == ["", "CB4004", "CB4004"] * 20


async def test_transitions_of_one_delivery_may_follow_each_other_in_one_call(journal: Journal) -> None:
    """They are applied in order: the last one stands."""
    first = acceptance()
    await journal.accept(first)
    way = (State.PUBLISHED, State.DISPATCHING, State.RETRY_WAIT, State.DISPATCHING, State.DELIVERED)
    await journal.record([step(first, state) for state in way])
    assert journal.states([first.delivery_id(0)]) == {first.delivery_id(0): State.DELIVERED}


@pytest.mark.parametrize("delivery_id", ["unknown-0", "unknown", "", "-0", "x-99999"])
async def test_a_transition_of_an_unknown_delivery_is_refused(journal: Journal, delivery_id: str) -> None:
    """An id that names nothing changes nothing."""
    await journal.accept(acceptance())
    with pytest.raises(JournalError) as caught:
        await journal.record([replace(step(acceptance(), State.DISPATCHING), delivery_id=delivery_id)])
    assert caught.value.code == "CB4004"


async def test_an_exchange_id_used_twice_is_refused_for_its_caller_only(journal: Journal) -> None:
    """A clash of ids does not hurt those who were accepted in the same commit."""
    first = acceptance()
    await journal.accept(first)
    clash = replace(acceptance(), exchange_id=first.exchange_id)
    others = [acceptance() for _ in range(5)]
    outcomes = await asyncio.gather(
        *(journal.accept(each) for each in [others[0], clash, *others[1:]]), return_exceptions=True
    )
    assert [getattr(outcome, "code", "") for outcome in outcomes] == ["", "CB4001", "", "", "", ""]
    assert all(journal.find(MUNICIPALITY, "juki", each.message_id) for each in others)
    assert journal.find(MUNICIPALITY, "juki", clash.message_id) is None


async def test_the_reply_is_kept_for_a_repetition(journal: Journal) -> None:
    """The stored answer is found with its status and media type."""
    asked = call()
    await journal.accept(asked)
    await journal.record(
        [step(asked, State.REPLIED, reply=b"<kaito/>", reply_status=200, reply_content_type="text/xml")]
    )
    known = journal.find(MUNICIPALITY, "tax", asked.message_id)
    assert known is not None
    assert (known.state, known.reply, known.reply_status) == (State.REPLIED, b"<kaito/>", 200)
    assert known.reply_content_type == "text/xml"


async def test_a_late_reply_takes_the_place_of_the_receipt(journal: Journal) -> None:
    """DELIVERED with the target's receipt, then REPLIED with the answer."""
    asked = call()
    await journal.accept(asked)
    await journal.record([step(asked, State.DELIVERED, reply=b"<uketsuke/>", reply_status=202)])
    await journal.record([step(asked, State.REPLIED, reply=b"<kaito/>", reply_status=200)])
    known = journal.exchange_of(MUNICIPALITY, asked.message_id)
    assert known is not None
    assert (known.state, known.reply) == (State.REPLIED, b"<kaito/>")


async def test_open_deliveries_come_in_order_of_acceptance_page_by_page(journal: Journal) -> None:
    """Every unfinished queued delivery appears once, whatever its state; finished and direct ones do not."""
    accepted = [acceptance(targets=("tax", "kokuho")) for _ in range(7)]
    for each in accepted:
        await journal.accept(each)
    await journal.accept(call())
    await journal.accept(refusal())
    dispatched = [step(each, State.DISPATCHING, attempt=1) for each in accepted[:5]]
    await journal.record(dispatched)
    await journal.record(
        [
            step(accepted[0], State.DELIVERED),
            step(accepted[1], State.RETRY_WAIT, next_attempt_at=NOW + 9, attempt=1),
            step(accepted[2], State.PARKED),
            step(accepted[5], State.PUBLISHED),
        ]
    )
    expected = [each.delivery_id(index) for each in accepted for index in (0, 1)][1:]
    found, after = [], ""
    while page := journal.open_deliveries(after=after, limit=3):
        found += page
        after = page[-1].consignment.delivery_id
    assert [each.consignment.delivery_id for each in found] == expected
    by_id = {each.consignment.delivery_id: each for each in found}
    waiting = by_id[accepted[1].delivery_id(0)]
    assert (waiting.state, waiting.next_attempt_at, waiting.consignment.attempt) == (State.RETRY_WAIT, NOW + 9, 1)
    assert by_id[accepted[2].delivery_id(0)].state is State.PARKED
    assert waiting.consignment.raw == b""
    assert waiting.consignment.ordering_keys == accepted[1].ordering_keys


async def test_due_are_those_whose_time_has_come_and_that_nobody_holds(journal: Journal) -> None:
    """The sweep sees what waits in the journal only."""
    accepted = [acceptance() for _ in range(4)]
    for number, each in enumerate(accepted):
        await journal.accept(each)
        await journal.record([step(each, State.DISPATCHING)])
        await journal.record([step(each, State.RETRY_WAIT, next_attempt_at=NOW + number)])
    ids = [each.delivery_id(0) for each in accepted]
    assert [each.consignment.delivery_id for each in journal.due(NOW + 2)] == ids[:3]
    assert [each.consignment.delivery_id for each in journal.due(NOW + 2, known={ids[1]})] == [ids[0], ids[2]]
    assert [each.consignment.delivery_id for each in journal.due(NOW + 2, limit=1)] == ids[:1]


async def test_interrupted_calls_are_direct_calls_without_an_outcome(journal: Journal) -> None:
    """A queued delivery is never among them, nor a call that ended."""
    answered, hanging, queued = call(), call(), acceptance()
    for each in (answered, hanging, queued):
        await journal.accept(each)
    await journal.record([step(answered, State.REPLIED), step(queued, State.DISPATCHING)])
    assert list(journal.interrupted_calls()) == [hanging.delivery_id(0)]
    await journal.record([step(hanging, State.CANCELLED, code="CB5003")])
    assert list(journal.interrupted_calls()) == []


async def test_counts_add_up(journal: Journal) -> None:
    """Count in equals delivered, parked, pending and ended otherwise."""
    accepted = [acceptance(targets=("tax", "kokuho")), acceptance(), call()]
    for each in accepted:
        await journal.accept(each)
    await journal.accept(refusal())
    await journal.record([step(accepted[0], State.DISPATCHING), step(accepted[0], State.DELIVERED)])
    counts = journal.counts()
    assert (counts["accepted_messages"], counts["rejected_messages"]) == (3, 1)
    assert {state: counts[state] for state in State} == dict.fromkeys(State, 0) | {
        State.REJECTED: 1,
        State.DELIVERED: 1,
        State.ACCEPTED: 2,
        State.DISPATCHING: 1,
    }


async def test_a_batch_larger_than_any_statement_is_stored_whole(journal: Journal) -> None:
    """Thousands who wait at once are all served, and none twice."""
    many = [acceptance() for _ in range(2500)]
    assert set(await asyncio.gather(*(journal.accept(each) for each in many))) == {None}
    await asyncio.gather(*(journal.record([step(each, State.PUBLISHED)]) for each in many))
    assert journal.counts()[State.PUBLISHED] == 2500


async def test_a_caller_that_goes_away_does_not_disturb_the_others(journal: Journal) -> None:
    """A cancelled wait leaves the commit as it is."""
    impatient = asyncio.create_task(journal.accept(acceptance("urn:uuid:impatient")))
    patient = asyncio.create_task(journal.accept(acceptance("urn:uuid:patient")))
    await asyncio.sleep(0)
    impatient.cancel()
    assert await patient is None
    assert journal.find(MUNICIPALITY, "juki", "urn:uuid:patient") is not None


@pytest.mark.parametrize("implementation", journals("reopen"))
async def test_everything_is_there_after_a_restart(implementation: JournalImplementation, tmp_path: Path) -> None:
    """Ids, bodies, states and open deliveries survive closing and opening."""
    clock = SteppedClock()
    journal = implementation.make(tmp_path, clock)
    await journal.open()
    accepted = [acceptance() for _ in range(300)]
    await asyncio.gather(*(journal.accept(each) for each in accepted))
    await journal.record([step(each, State.DISPATCHING, attempt=1) for each in accepted[:10]])
    await journal.close()
    journal = implementation.make(tmp_path, clock)
    await journal.open()
    again = await journal.accept(replace(acceptance(), message_id=accepted[7].message_id))
    assert again is not None
    assert again.exchange_id == accepted[7].exchange_id
    assert journal.body(accepted[299].exchange_id) == accepted[299].raw
    pages = journal.open_deliveries(limit=1000)
    assert [each.consignment.delivery_id for each in pages] == [each.delivery_id(0) for each in accepted]
    await journal.record([step(accepted[0], State.DISPATCHING, attempt=2)])
    await journal.close()


@pytest.mark.parametrize("implementation", journals("single_owner"))
async def test_a_second_owner_is_refused(implementation: JournalImplementation, tmp_path: Path) -> None:
    """Two buses on one journal would each believe in their own memory."""
    first, second = (implementation.make(tmp_path, SteppedClock()) for _ in range(2))
    await first.open()
    with pytest.raises(JournalError) as caught:
        await second.open()
    assert caught.value.code == "CB4003"
    await first.accept(acceptance())
    await first.close()
    await second.open()
    assert second.counts()["accepted_messages"] == 1
    await second.close()


@pytest.mark.parametrize("implementation", journals())
async def test_a_closed_journal_accepts_nothing(implementation: JournalImplementation, tmp_path: Path) -> None:
    """What cannot be stored is refused with a retryable code."""
    journal = implementation.make(tmp_path, SteppedClock())
    with pytest.raises(JournalError) as caught:
        await journal.accept(acceptance())
    assert caught.value.code == "CB4001"
    await journal.open()
    await journal.close()
    with pytest.raises(JournalError):
        await journal.record([step(acceptance(), State.DISPATCHING)])


async def test_a_value_counts_once_until_its_time_is_over(journal: Journal) -> None:
    """Asked at the same time, one of them is new; after its end the value may come again."""
    assert sorted(await asyncio.gather(*(journal.remember("nonce", 100.0, 10.0) for _ in range(5)))) == [False] * 4 + [
        True
    ]
    assert await journal.remember("another", 100.0, 10.0)
    assert not await journal.remember("nonce", 100.0, 99.0)
    assert await journal.remember("nonce", 300.0, 200.0)


@pytest.mark.parametrize("implementation", journals("reopen"))
async def test_what_counted_once_is_known_after_a_restart(
    implementation: JournalImplementation, tmp_path: Path
) -> None:
    """A replay does not become possible by restarting the bus."""
    for expected in (True, False):
        journal = implementation.make(tmp_path, SteppedClock())
        await journal.open()
        assert await journal.remember("nonce", 100.0, 10.0) is expected
        await journal.close()
