"""The bus as destination of sequences: durable, in order, once; and only for those who own them."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bus.core.ports import HttpReply
from bus.core.sequences import Role, SequenceKey, SequenceState
from bus.core.states import State
from bus.journal.operator import JournalOperator
from bus.journal.side import SqliteSide
from bus.journal.sqlite import SqliteJournal
from bus.wire import addressing as wsa
from bus.wire import splice
from bus.wire.http import XML
from bus.wire.reliable import messages, names
from bus.wire.reliable.headers import acknowledgement_block, ask_block
from bus.wire.reliable.ranges import Ranges
from tests.pipeline.fakes import site
from tests.pipeline.messages import TOWN, resident_reply
from tests.pipeline.sequences import Source, handed, ids, reliable_town
from tests.support.polling import until_async


async def test_numbers_in_order_are_accepted_acknowledged_and_handed_over(tmp_path: Path) -> None:
    """Each answer is the receipt with an acknowledgement of everything that is durable."""
    async with reliable_town(tmp_path) as town:
        source = Source(town)
        sequence = await source.create()
        for number in (1, 2, 3):
            answer = await source.tell(sequence, number)
            assert (answer.status, answer.spans) == (200, ((1, number),))
            assert answer.body is not None
            assert str(answer.body.tag).endswith("ido_tsuchi_uketsuke")
            assert answer.addressing.relates_to == ids(sequence, [number])[0]
        assert handed(town) == ids(sequence, [1, 2, 3])


async def test_what_comes_before_its_turn_is_stored_acknowledged_and_let_go_in_order(tmp_path: Path) -> None:
    """EARLY until the gap closes; then everything follows in the order of the numbers, for every target."""
    async with reliable_town(tmp_path) as town:
        source = Source(town)
        sequence = await source.create()
        for number in (4, 2, 3):
            assert (await source.tell(sequence, number)).status == 200
        assert handed(town) == []
        counts = town.house.journal.counts()
        assert (counts["EARLY"], counts["ACCEPTED"]) == (6, 0)
        answer = await source.tell(sequence, 1)
        assert answer.spans == ((1, 4),)
        assert handed(town) == handed(town, "kokuho") == ids(sequence, [1, 2, 3, 4])
        counts = town.house.journal.counts()
        assert (counts["EARLY"], counts["ACCEPTED"]) == (0, 8)


async def test_the_order_of_the_numbers_is_the_order_in_which_a_restart_delivers(tmp_path: Path) -> None:
    """What was let go takes its place behind what closed the gap, with its bytes, its id and its story."""
    async with reliable_town(tmp_path) as town:
        source = Source(town)
        sequence = await source.create()
        for number in (3, 2, 5, 1):
            await source.tell(sequence, number)
        released = {each.message_id: each for each in town.outbox.handed}
    journal = SqliteJournal(tmp_path / "journal.sqlite", clock=town.clock)
    await journal.open()
    found = [each.consignment for each in journal.open_deliveries() if each.consignment.target == "tax"]
    assert [each.message_id for each in found] == ids(sequence, [1, 2, 3])
    for each in found:
        known = journal.find(TOWN, "juki", each.message_id)
        assert known is not None
        assert known.exchange_id == each.exchange_id == released[each.message_id].exchange_id
        assert f"{each.message_id[-1]:>015}".encode() in journal.body(each.exchange_id)
        assert names.NAMESPACE.encode() not in journal.body(each.exchange_id)
    assert journal.counts()["EARLY"] == 2
    await journal.close()


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(order=st.permutations(range(1, 8)), again=st.lists(st.integers(0, 6), max_size=6))
async def test_any_order_with_any_repetition_comes_to_the_same(
    tmp_path_factory: pytest.TempPathFactory, order: list[int], again: list[int]
) -> None:
    """Every message once, in the order of the numbers, and every answer acknowledges what had arrived until then."""
    async with reliable_town(tmp_path_factory.mktemp("order")) as town:
        source = Source(town)
        sequence = await source.create()
        arrived: set[int] = set()
        for number in [*order[:4], *(order[place] for place in again if place < 4), *order[4:]]:
            answer = await source.tell(sequence, number)
            arrived.add(number)
            assert (answer.status, answer.spans) == (200, Ranges.of((each, each) for each in arrived).spans)
        assert handed(town) == ids(sequence, range(1, 8))


async def test_a_repeated_number_is_answered_as_the_first_time(tmp_path: Path) -> None:
    """The same receipt, nothing handed over twice; new blocks in the header make no other message of it."""
    async with reliable_town(tmp_path) as town:
        source = Source(town)
        sequence = await source.create()
        first = await source.tell(sequence, 1)
        again = await source.tell(sequence, 1)
        asking = await source.post(splice.inserted(source.notice(sequence, 1), [ask_block(sequence)]))
        assert first.raw == again.raw == asking.raw
        assert handed(town) == ids(sequence, [1])


@pytest.mark.parametrize("changed", [{"message_id": "urn:uuid:other"}, {"atenabango": "000000000099999"}])
async def test_a_number_with_other_content_is_refused(tmp_path: Path, changed: dict[str, str]) -> None:
    """Another id or another Body under a used number is another message; the number stays what it was."""
    async with reliable_town(tmp_path) as town:
        source = Source(town)
        sequence = await source.create()
        await source.tell(sequence, 1)
        assert (await source.tell(sequence, 1, **changed)).code == "CB3018"
        answer = await source.tell(sequence, 2)
        assert answer.spans == ((1, 2),)


async def test_a_message_that_can_never_be_accepted_uses_its_number_up(tmp_path: Path) -> None:
    """Its fault is told and told again, it is counted as refused, and what waited behind it goes on."""
    async with reliable_town(tmp_path) as town:
        source = Source(town)
        sequence = await source.create()
        assert (await source.tell(sequence, 2)).spans == ((2, 2),)
        refused = await source.tell(sequence, 1, juminhyokodo="x")
        assert (refused.code, refused.spans) == ("E0002", ((1, 2),))
        assert refused.status == 500
        assert handed(town) == ids(sequence, [2])
        again = await source.tell(sequence, 1, juminhyokodo="x")
        assert again.raw == refused.raw
        assert (await source.tell(sequence, 1)).code == "CB3018"
        assert town.house.journal.counts()["rejected_messages"] == 2


async def test_an_unknown_operation_uses_its_number_up_too(tmp_path: Path) -> None:
    """Refused in step 3, before security: the number is used only after step 4 has been taken."""
    async with reliable_town(tmp_path) as town:
        source = Source(town)
        sequence = await source.create()
        raw = source.notice(sequence, 1).replace(b"j:ido_tsuchi", b"j:no_such_operation")
        answer = await source.post(raw)
        assert (answer.code, answer.spans) == ("CB1013", ((1, 1),))


async def test_a_known_message_id_uses_the_number_up_and_is_answered_as_before(tmp_path: Path) -> None:
    """After a source lost its sequence it sends the same messages in a new one: each is taken once."""
    async with reliable_town(tmp_path) as town:
        source = Source(town)
        old, new = await source.create(), await source.create()
        first = await source.tell(old, 1, message_id="urn:uuid:same")
        second = await source.tell(new, 1, message_id="urn:uuid:same")
        assert second.body is not None
        assert first.body is not None
        assert second.body.findtext("{*}uketsukebango") == first.body.findtext("{*}uketsukebango")
        assert second.spans == ((1, 1),)
        assert handed(town) == ["urn:uuid:same"]
        other = await source.tell(new, 2, message_id="urn:uuid:same", atenabango="000000000000777")
        assert (other.code, other.spans) == ("CB3001", ((1, 2),))


@pytest.mark.parametrize(
    ("limits", "numbers", "refused"),
    [({"max_early": 2}, (2, 3), 4), ({"max_early_bytes": 1200}, (2,), 3), ({"max_early": 5}, (), 7)],
)
async def test_what_finds_no_room_before_a_gap_is_not_acknowledged(
    tmp_path: Path, limits: dict[str, int], numbers: tuple[int, ...], refused: int
) -> None:
    """Number, bytes and distance are bounded: come again, nothing was stored; closing the gap makes room."""
    async with reliable_town(tmp_path, **limits) as town:
        source = Source(town)
        sequence = await source.create()
        for number in numbers:
            await source.tell(sequence, number)
        answer = await source.tell(sequence, refused)
        assert (answer.status, answer.code) == (503, "CB3019")
        assert refused not in Ranges(answer.spans)
        assert (await source.tell(sequence, 1)).status == 200
        for number in range(2, refused + 1):
            assert (await source.tell(sequence, number)).status == 200
        assert handed(town) == ids(sequence, range(1, refused + 1))


async def test_acknowledgements_are_given_when_they_are_asked_for(tmp_path: Path) -> None:
    """A message of blocks alone is answered by one; with an empty sequence, None."""
    async with reliable_town(tmp_path) as town:
        source = Source(town)
        sequence = await source.create()
        assert (await source.blocks(ask_block(sequence))).spans == ()
        await source.tell(sequence, 1)
        await source.tell(sequence, 3)
        answer = await source.blocks(ask_block(sequence))
        assert (answer.status, answer.spans) == (200, ((1, 1), (3, 3)))
        assert answer.addressing.action == names.action(names.ACKNOWLEDGEMENT)


@pytest.mark.parametrize(
    ("tag", "state", "code"),
    [(names.CLOSE, SequenceState.CLOSED, "CB3013"), (names.TERMINATE, SequenceState.TERMINATED, "CB3011")],
)
async def test_an_ended_sequence_lets_go_what_waited_and_takes_nothing_new(
    tmp_path: Path, tag: str, state: SequenceState, code: str
) -> None:
    """What was acknowledged is delivered though the gap stays; the end is told as often as it is asked for."""
    async with reliable_town(tmp_path) as town:
        source = Source(town)
        sequence = await source.create()
        for number in (1, 4, 3):
            await source.tell(sequence, number)
        for _ in range(2):
            answer = await source.end(tag, sequence, 5)
            assert answer.body is not None
            assert messages.read_end(answer.body).identifier == sequence
            (told,) = answer.headers.acknowledgements
            assert (told.ranges.spans, told.final) == (((1, 1), (3, 4)), True)
        assert handed(town) == ids(sequence, [1, 3, 4])
        refused = await source.tell(sequence, 2)
        assert refused.code == code
        assert refused.headers.fault is not None
        assert refused.headers.fault.identifier == sequence
        assert (await source.tell(sequence, 3)).status == 200
        record = town.house.journal.sequence(SequenceKey(Role.DESTINATION, TOWN, "juki", sequence))
        assert record is not None
        assert (record.state, record.last_number) == (state, 5)


async def test_an_expired_sequence_lets_go_what_waited(tmp_path: Path) -> None:
    """Nothing that was acknowledged is lost when the time of its sequence is over."""
    async with reliable_town(tmp_path, expires_s=60.0) as town:
        source = Source(town)
        sequence = await source.create(expires_s=3600)
        await source.tell(sequence, 2)
        town.clock.at += 61
        answer = await source.tell(sequence, 1)
        assert (answer.code, handed(town)) == ("CB3012", ids(sequence, [2]))


async def test_answers_have_numbers_of_their_own_in_the_offered_sequence(tmp_path: Path) -> None:
    """One number for one answer, the same again for a repetition; only numbers that were given can be acknowledged."""
    async with reliable_town(tmp_path) as town:
        source = Source(town)
        sequence = await source.create(offer="urn:uuid:offered")
        places = [(await source.tell(sequence, number)).headers.place for number in (2, 1, 2)]
        assert [(place.identifier, place.number) for place in places if place] == [
            ("urn:uuid:offered", 1),
            ("urn:uuid:offered", 2),
            ("urn:uuid:offered", 1),
        ]
        told = acknowledgement_block("urn:uuid:offered", Ranges.of([(1, 2)]))
        assert (await source.blocks(told)).status == 202
        key = SequenceKey(Role.REPLIES, TOWN, "juki", "urn:uuid:offered")
        record = town.house.journal.sequence(key)
        assert record is not None
        assert (record.numbers, record.acknowledged) == (((1, 2),), ((1, 2),))
        wrong = await source.blocks(acknowledgement_block("urn:uuid:offered", Ranges.of([(1, 3)])))
        assert wrong.code == "CB3015"
        assert wrong.headers.fault is not None
        assert wrong.headers.fault.name == "InvalidAcknowledgement"
        assert (await source.wish(messages.CreateSequence(wsa.ANONYMOUS, 0, messages.Offer("urn:uuid:offered")))).code


async def test_calls_are_made_in_the_order_of_their_numbers_one_at_a_time(tmp_path: Path) -> None:
    """A call waits for earlier numbers and for the call before it to end."""
    async with reliable_town(tmp_path) as town:
        source = Source(town, "tax")
        sequence = await source.create()
        out: list[str] = []
        gate = asyncio.Event()

        class Slow:
            """A provider that answers when it may."""

            async def post(self, endpoint: object, body: bytes, headers: list[tuple[str, str]], _s: float) -> HttpReply:
                """One call."""
                out.append(dict(headers)["Chiikibus-Message-Id"])
                await gate.wait()
                return HttpReply(200, XML, resident_reply(), 1.0, 1.0)

        town.house = replace(town.house, sender=Slow())
        calls = [asyncio.create_task(source.ask(sequence, number)) for number in (3, 2, 1)]
        await until_async(lambda: bool(out), what="the first call")
        for _ in range(50):
            await asyncio.sleep(0)
        assert out == ids(sequence, [1])
        gate.set()
        answers = await asyncio.gather(*calls)
        assert out == ids(sequence, [1, 2, 3])
        assert [answer.status for answer in answers] == [200, 200, 200]
        assert len(town.house.turns) == 0
        again = await source.ask(sequence, 2)
        assert again.body is not None
        assert len(out) == 3


async def test_a_call_whose_turn_does_not_come_is_asked_to_come_again(tmp_path: Path) -> None:
    """It is neither stored nor acknowledged."""
    routes = tuple(replace(each, deadline_s=0.05) for each in site().routes)
    async with reliable_town(tmp_path, site(routes=routes)) as town:
        source = Source(town, "tax")
        sequence = await source.create()
        answer = await source.ask(sequence, 2)
        assert (answer.status, answer.code, answer.spans) == (503, "CB3020", ())
        assert (await source.ask(sequence, 1)).spans == ((1, 1),)
        assert (await source.ask(sequence, 2)).spans == ((1, 2),)


async def test_early_messages_can_be_cancelled_and_stay_out(tmp_path: Path) -> None:
    """An operator's decision about what waits is kept when the gap closes."""
    async with reliable_town(tmp_path) as town:
        source = Source(town)
        sequence = await source.create()
        await source.tell(sequence, 2)
        known = town.house.journal.find(TOWN, "juki", ids(sequence, [2])[0])
        assert known is not None
        assert known.state is State.EARLY
        operator = JournalOperator(SqliteSide(tmp_path / "journal.sqlite"), town.clock)
        assert all(each.done for each in operator.cancel([f"{known.exchange_id}-0"]))
        operator.close()
        await source.tell(sequence, 1)
        assert handed(town) == ids(sequence, [1])
        assert handed(town, "kokuho") == ids(sequence, [1, 2])
