"""Deliveries in a sequence: whatever the line and the destination do, every message arrives once and in order."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bus.core.ports import Acceptance
from bus.core.sequences import Role, SequenceKey, SequenceState
from bus.core.settings import ReliableSettings
from bus.core.states import State
from bus.journal.sequence_desk import SequenceDesk, SequenceOperator
from bus.journal.side import SqliteSide
from tests.deliver.destination import FATES, TARGET, Destination, SequencedOutgoing, message
from tests.deliver.harness import CLOCK, FAST, Room, room
from tests.support.deliveries import MUNICIPALITY, acceptance
from tests.support.polling import until_async

QUICK = replace(FAST, retry_first_s=0.001, retry_max_s=0.004, retry_limit=100_000, breaker_open_s=0.005, sweep_s=0.002)


def notices(count: int) -> list[Acceptance]:
    """Messages about different people: nothing but the sequence orders them."""
    found = []
    for number in range(1, count + 1):
        message_id = f"urn:x-example:message:{number}"
        found.append(acceptance(message_id, raw=message(message_id), ordering_keys=(f"atena:{number}",)))
    return found


def reliable_room(folder: Path, destination: Destination, **limits: object) -> object:
    """A room whose one endpoint takes sequences."""
    return room(
        folder, settings=QUICK, endpoints=(TARGET,), sender=destination, outgoing=SequencedOutgoing(),
        reliable=replace(ReliableSettings(), **limits), drain_s=0.0,
    )  # fmt: skip


async def deliver(folder: Path, destination: Destination, many: Sequence[Acceptance], **limits: object) -> None:
    """Until the journal has all of them as delivered, through as many restarts of the bus as the script wants."""
    accepted = False
    while True:
        async with reliable_room(folder, destination, **limits) as bus:
            if not accepted:
                await bus.accept(*many)
                accepted = True
            done = asyncio.create_task(bus.until_state(State.DELIVERED, *many))
            again = asyncio.create_task(destination.restart.wait())
            await asyncio.wait({done, again}, return_when=asyncio.FIRST_COMPLETED)
            again.cancel()
            if done.done():
                await done
                return
            done.cancel()
            destination.restart.clear()


def judge(destination: Destination, many: Sequence[Acceptance], window: int) -> None:
    """Once, in the order of acceptance; a number stands for one message; numbers begin with 1 and miss none."""
    assert destination.taken == [each.message_id for each in many]
    numbers: dict[str, dict[int, str]] = defaultdict(dict)
    for message_id, identifier, number in destination.posts:
        assert numbers[identifier].setdefault(number, message_id) == message_id
    for given_numbers in numbers.values():
        assert len(given_numbers) == len(set(given_numbers.values()))
        highest = max(given_numbers)
        assert min(given_numbers) >= 1
        assert highest <= len(many) + window


async def test_every_kind_of_misfortune_once_changes_nothing(tmp_path: Path) -> None:
    """One after the other, the protocol's own messages included."""
    destination, many = Destination(FATES), notices(6)
    await deliver(tmp_path, destination, many, window=4)
    judge(destination, many, 4)


@pytest.mark.slow
@pytest.mark.parametrize("fate", FATES)
async def test_one_kind_of_misfortune_changes_nothing(tmp_path: Path, fate: str) -> None:
    """Every third post of a few messages, the protocol's own messages included."""
    destination = Destination(fate if number % 3 == 2 else "carried" for number in range(24))
    many = notices(6)
    await deliver(tmp_path, destination, many, window=4)
    judge(destination, many, 4)


@pytest.mark.slow
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    fates=st.lists(st.sampled_from([*FATES[:8], *FATES[:8], *FATES]), max_size=70),
    count=st.integers(1, 14),
    window=st.sampled_from([1, 2, 3, 8, 64]),
)
async def test_any_order_of_misfortunes_changes_nothing(
    tmp_path_factory: pytest.TempPathFactory, fates: list[str], count: int, window: int
) -> None:
    """Loss, doubles, delay, lost and wrong acknowledgements, forgotten sequences and restarts in any order."""
    destination, many = Destination(fates), notices(count)
    await deliver(tmp_path_factory.mktemp("line"), destination, many, window=window)
    judge(destination, many, window)


@pytest.mark.slow
async def test_no_more_than_a_window_is_unacknowledged(tmp_path: Path) -> None:
    """While the first is not acknowledged, nothing beyond the window is sent at all."""
    destination = Destination()
    destination.fates = iter(_after_creation(["no ack"] * 40))
    many = notices(10)
    async with reliable_room(tmp_path, destination, window=3) as bus:
        await bus.accept(*many)
        await until_async(lambda: len(destination.posts) > 12, what="retransmissions")
        assert max(number for _, _, number in destination.posts) <= 3
        destination.fates = iter(())
        await bus.until_state(State.DELIVERED, *many)
    judge(destination, many, 3)


def _after_creation(fates: Sequence[str]) -> list[str]:
    """The first post is CreateSequence."""
    return ["carried", *fates]


@pytest.mark.slow
async def test_after_a_restart_what_has_a_number_goes_though_the_window_is_full(tmp_path: Path) -> None:
    """It needs no room: it has its number, and everything else waits for it."""
    destination, many = Destination(_after_creation(["restart", "restart", "lost", "restart"])), notices(3)
    await deliver(tmp_path, destination, many, window=1)
    judge(destination, many, 1)


@pytest.mark.slow
async def test_a_retransmission_asks_for_an_acknowledgement(tmp_path: Path) -> None:
    """The same number under the same id, with AckRequested; the first time nothing is asked."""
    destination, many = Destination(_after_creation(["unanswered"])), notices(1)
    await deliver(tmp_path, destination, many)
    assert destination.posts == [(many[0].message_id, "urn:x-example:1", 1)] * 2
    assert destination.asked == 1


@pytest.mark.slow
async def test_a_creation_that_is_refused_is_asked_for_again_under_the_same_id(tmp_path: Path) -> None:
    """The messages wait; the log says why; a destination that got it twice creates one sequence."""
    destination, many = Destination(), notices(2)
    destination.refuse_creation = 2
    async with reliable_room(tmp_path, destination) as bus:
        await bus.accept(*many)
        await bus.until_state(State.DELIVERED, *many)
        told = [each["code"] for each in bus.lines if each["event"] == "sequence.not_created"]
    assert told == ["CB3022", "CB3022"]
    assert len(destination.creations) == 1


@pytest.mark.slow
async def test_a_sequence_that_is_forgotten_is_replaced_and_named_in_the_journal(tmp_path: Path) -> None:
    """What was unfinished has new numbers in it; the old one is BROKEN with CB3021."""
    destination, many = Destination(), notices(3)
    async with reliable_room(tmp_path, destination) as bus:
        await bus.accept(many[0])
        await bus.until_state(State.DELIVERED, many[0])
        destination.sequences.clear()
        await bus.accept(*many[1:])
        await bus.until_state(State.DELIVERED, *many)
        found = bus.journal.sequences(role=Role.SOURCE, live=False)
        assert [(each.state, each.code) for each in found][:1] == [(SequenceState.BROKEN, "CB3021")]
        assert found[-1].state is SequenceState.OPEN
    judge(destination, many, 64)


@pytest.mark.slow
async def test_what_an_operator_ends_goes_on_in_a_new_sequence(tmp_path: Path) -> None:
    """Closed and terminated towards the destination; what was unfinished keeps order and ids."""
    destination, many = Destination(_after_creation(["no ack"] * 10_000)), notices(4)
    async with reliable_room(tmp_path, destination) as bus:
        await bus.accept(*many)
        await until_async(lambda: len(destination.posts) >= 4, what="numbers")
        _terminate(bus)
        destination.fates = iter(())
        await bus.until_state(State.DELIVERED, *many)
        first, *_, last = bus.journal.sequences(role=Role.SOURCE, live=False)
        assert (first.state, first.code) == (SequenceState.BROKEN, "CB3024")
        assert last.state is SequenceState.OPEN
    assert destination.ends[:2] == ["CloseSequence 4", "TerminateSequence 4"]
    judge(destination, many, 64)


@pytest.mark.slow
async def test_what_was_ended_while_the_bus_was_away_goes_on_in_order(tmp_path: Path) -> None:
    """The next start reads what is unfinished from the sequence that was ended."""
    destination, many = Destination(_after_creation(["no ack"] * 10_000)), notices(4)
    async with reliable_room(tmp_path, destination) as bus:
        await bus.accept(*many)
        await until_async(lambda: len({number for _, _, number in destination.posts}) == 4, what="numbers")
    _terminate(bus)
    destination.fates = iter(())
    async with reliable_room(tmp_path, destination) as bus:
        await bus.until_state(State.DELIVERED, *many)
        with closing(SequenceDesk(SqliteSide(bus.path))) as desk:
            states = [row["state"] for row in desk.rows(live=False)]
    assert states[0] == "BROKEN"
    judge(destination, many, 64)


def _terminate(bus: Room) -> None:
    with closing(SequenceOperator(SqliteSide(bus.path), CLOCK, actor="cli:test")) as operator:
        operator.terminate(SequenceKey(Role.SOURCE, MUNICIPALITY, "tax", "urn:x-example:1"), "test")


@pytest.mark.slow
async def test_a_sequence_that_nobody_needs_is_closed_and_terminated(tmp_path: Path) -> None:
    """After idle_s without work, with its last number; the next message begins another one."""
    destination, many = Destination(), notices(2)
    async with reliable_room(tmp_path, destination, idle_s=0.0) as bus:
        for each in many:
            await bus.accept(each)
            await bus.until_state(State.DELIVERED, each)
            await until_async(lambda: not bus.journal.sequences(role=Role.SOURCE), what="the end")
        assert len(destination.creations) == 2
    assert destination.ends == ["CloseSequence 1", "TerminateSequence 1"] * 2


@pytest.mark.slow
async def test_an_operators_end_of_an_idle_sequence_needs_no_successor(tmp_path: Path) -> None:
    """Nothing is to be sent, so nothing is created until something is."""
    destination, (one,) = Destination(), notices(1)
    async with reliable_room(tmp_path, destination) as bus:
        await bus.accept(one)
        await bus.until_state(State.DELIVERED, one)
        _terminate(bus)
        await until_async(lambda: len(destination.ends) == 2, what="the end")
        await until_async(lambda: not bus.journal.sequences(role=Role.SOURCE), what="the end in the journal")
    assert len(destination.creations) == 1


@pytest.mark.slow
async def test_a_sequence_near_its_end_is_replaced_in_time(tmp_path: Path) -> None:
    """Before its time is over another one takes over."""
    destination, many = Destination(), notices(2)
    destination.expires_s = 0.2
    async with reliable_room(tmp_path, destination) as bus:
        await bus.accept(many[0])
        await bus.until_state(State.DELIVERED, many[0])
        await until_async(lambda: destination.ends, what="the end")
        await bus.accept(many[1])
        await bus.until_state(State.DELIVERED, *many)
    assert len(destination.creations) >= 2
    judge(destination, many, 64)
