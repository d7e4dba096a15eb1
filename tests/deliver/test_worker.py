"""The delivery worker: order, retry, parking, expiry, breaker, pause, drain, and what an operator decides meanwhile."""

from __future__ import annotations

import asyncio
import sqlite3
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from bus.core.errors import DeliveryError
from bus.core.ports import HttpReply
from bus.core.states import State
from bus.core.types import OnPark
from bus.deliver.breaker import BreakerState
from bus.journal.operator import JournalOperator
from bus.journal.reader import SqliteReader
from bus.journal.side import SqliteSide
from bus.journal.vault import MARK
from tests.deliver.harness import CLOCK, FAST, OK, TAX, ScriptedSender, SettableClock, room
from tests.support.deliveries import MUNICIPALITY, acceptance, consignment, step
from tests.support.polling import until_async

BUSY = HttpReply(503, "text/xml", b"<busy/>")
FAULT = HttpReply(500, "text/xml", b"<fault/>")


async def test_a_message_is_delivered_with_its_bytes_and_recorded(tmp_path: Path) -> None:
    """ACCEPTED, DISPATCHING, DELIVERED stand in the journal with times, attempt and receipt."""
    async with room(tmp_path) as bus:
        one = acceptance()
        await bus.accept(one)
        await bus.until_state(State.DELIVERED, one)
        await bus.until_settled()
        assert bus.sender.posts == [(TAX.address, one.raw, 1)]
        with closing(SqliteReader(bus.path)) as reader:
            shown = reader.show(one.exchange_id)
        assert shown is not None
        (delivery,) = shown["deliveries"]
        assert [event["state"] for event in delivery["events"]] == ["DISPATCHING", "DELIVERED"]
        assert 0 < delivery["request_out"] <= delivery["response_in"] <= delivery["updated_at"]
        known = bus.journal.find(MUNICIPALITY, "juki", one.message_id)
        assert known is not None
        assert known.reply == OK.body


async def test_every_outcome_writes_one_line(tmp_path: Path) -> None:
    """The canonical line names delivery, target, state, attempt and how long it took; no body, no key."""
    async with room(tmp_path) as bus:
        one = acceptance()
        await bus.accept(one)
        await bus.until_settled()
        (line,) = [each for each in bus.lines if each["event"] == "delivery"]
        assert (line["delivery_id"], line["state"], line["target"]) == (one.delivery_id(0), "DELIVERED", TAX.key)
        assert line["attempt"] == 1
        assert not any("atena" in str(value) for value in line.values())


async def test_messages_of_one_key_are_sent_one_after_the_other(tmp_path: Path) -> None:
    """Even with a target that fails now and then, later changes of a person never overtake earlier ones."""
    fails = iter([True, False, False, True, True, False] * 100)
    sender = ScriptedSender(lambda body, attempt: BUSY if next(fails) and attempt < 3 else OK)
    async with room(tmp_path, sender=sender, settings=replace(FAST, retry_limit=50)) as bus:
        many = [acceptance(ordering_keys=(f"atena:{number % 5}",), raw=b"%d" % number) for number in range(60)]
        await bus.accept(*many)
        await bus.until_state(State.DELIVERED, *many)
        first_seen = list(dict.fromkeys(int(body) for body in sender.bodies()))
        for key in range(5):
            of_key = [number for number in first_seen if number % 5 == key]
            assert of_key == sorted(of_key)
        assert sender.most_under_way <= TAX.concurrency


async def test_a_blocked_key_blocks_no_other_and_is_visible(tmp_path: Path) -> None:
    """While one person's message fails, everybody else's are delivered, and the blocked key is listed."""
    sender = ScriptedSender(lambda body, attempt: BUSY if body == b"bad" else OK)
    settings = replace(FAST, retry_first_s=60, retry_max_s=60)
    async with room(tmp_path, sender=sender, settings=settings) as bus:
        bad = acceptance(raw=b"bad", ordering_keys=("atena:1",))
        behind = acceptance(ordering_keys=("atena:1",))
        others = [acceptance(ordering_keys=(f"atena:{number + 2}",)) for number in range(20)]
        await bus.accept(bad, behind, *others)
        await bus.until_state(State.DELIVERED, *others)
        await bus.until_state(State.RETRY_WAIT, bad)
        assert bus.state(behind) in {State.ACCEPTED, State.PUBLISHED}
        (blocked,) = await until_async(lambda: bus.desk.blocked().get(TAX.key))
        assert (blocked.delivery_id, blocked.cause, blocked.count) == (bad.delivery_id(0), "CB6009", 1)


async def test_the_limit_of_attempts_parks(tmp_path: Path) -> None:
    """After the last attempt the message is parked with CB5007 and names what went wrong."""
    sender = ScriptedSender(lambda body, attempt: DeliveryError("CB5001"))
    async with room(tmp_path, sender=sender) as bus:
        one = acceptance()
        await bus.accept(one)
        await bus.until_state(State.PARKED, one)
        assert [attempt for _, _, attempt in sender.posts] == [1, 2, 3, 4]
        with closing(SqliteReader(bus.path)) as reader:
            (group,) = reader.parked()
        assert (group["code"], group["target"], group["count"]) == ("CB5007", "tax", 1)
        known = bus.journal.find(MUNICIPALITY, "juki", one.message_id)
        assert known is not None
        assert known.code == "CB5007"


async def test_a_fault_parks_at_once_and_blocks_its_key(tmp_path: Path) -> None:
    """What no repetition mends is not repeated; with on_park=block the later ones of the key wait."""
    sender = ScriptedSender(lambda body, attempt: FAULT if body == b"bad" else OK)
    async with room(tmp_path, sender=sender) as bus:
        bad = acceptance(raw=b"bad", ordering_keys=("atena:1",))
        behind = acceptance(ordering_keys=("atena:1",))
        other = acceptance(ordering_keys=("atena:2",))
        await bus.accept(bad, behind, other)
        await bus.until_state(State.DELIVERED, other)
        await bus.until_state(State.PARKED, bad)
        await until_async(bus.desk.blocked)
        assert sender.bodies().count(b"bad") == 1
        assert behind.raw not in sender.bodies()


async def test_a_second_copy_from_the_conveyor_is_no_resend(tmp_path: Path) -> None:
    """What is parked stays parked and keeps its key when the broker gives it again; only the journal tells a resend."""
    sender = ScriptedSender(behave=lambda body, attempt: FAULT)
    async with room(tmp_path, sender=sender) as bus:
        one = acceptance(ordering_keys=("atena:1",))
        await bus.accept(one)
        await bus.until_state(State.PARKED, one)
        await bus.broker.publish([consignment(one)])
        await until_async(lambda: not bus.broker.depth(TAX.key), what="the copy is taken")
        two = acceptance(ordering_keys=("atena:1",))
        await bus.accept(two)
        await until_async(lambda: two.delivery_id(0) in bus.relay._held and not bus.broker.depth(TAX.key), what="taken")
        for _ in range(20):
            await asyncio.sleep(0)
        assert sender.bodies() == [one.raw]
        assert bus.state(one) is State.PARKED


async def test_no_wait_is_longer_than_the_longest_of_the_settings(tmp_path: Path) -> None:
    """A clock that was set back before a restart does not put an attempt off until it is where it was."""
    async with room(tmp_path) as bus:
        one = replace(acceptance(), expires_at=CLOCK.now() + 86_400)
        assert await bus.journal.accept(one) is None
        far = CLOCK.now() + 7200
        await bus.journal.record([step(one, State.DISPATCHING), step(one, State.RETRY_WAIT, next_attempt_at=far)])
        await bus.broker.publish([consignment(one, not_before=far)])
        await bus.until_state(State.DELIVERED, one)


async def test_with_continue_a_parked_message_lets_the_others_pass(tmp_path: Path) -> None:
    """The route may say that later messages stand on their own."""
    sender = ScriptedSender(lambda body, attempt: FAULT if body == b"bad" else OK)
    async with room(tmp_path, sender=sender) as bus:
        bus.outgoing.park = OnPark.CONTINUE
        bad = acceptance(raw=b"bad", ordering_keys=("atena:1",))
        behind = acceptance(ordering_keys=("atena:1",))
        await bus.accept(bad, behind)
        await bus.until_state(State.DELIVERED, behind)
        await bus.until_settled()
        assert bus.state(bad) is State.PARKED


@pytest.mark.parametrize("on_park", list(OnPark))
async def test_an_operators_resend_is_delivered(tmp_path: Path, on_park: OnPark) -> None:
    """Mended and resent: the parked message goes first, then what waited behind it; twice does nothing twice."""
    broken = True
    sender = ScriptedSender(lambda body, attempt: FAULT if body == b"bad" and broken else OK)
    async with room(tmp_path, sender=sender) as bus:
        bus.outgoing.park = on_park
        bad = acceptance(raw=b"bad", ordering_keys=("atena:1",))
        behind = acceptance(raw=b"behind", ordering_keys=("atena:1",))
        await bus.accept(bad, behind)
        await bus.until_state(State.PARKED, bad)
        broken = False
        operator = JournalOperator(SqliteSide(bus.path), CLOCK)
        ids = operator.parked_ids(municipality=MUNICIPALITY, target="tax", code="CB5004")
        assert ids == [bad.delivery_id(0)]
        assert [decision.done for decision in operator.resend(ids)] == [True]
        assert [decision.code for decision in operator.resend(ids)] == ["CB4004"]
        operator.close()
        await bus.until_state(State.DELIVERED, bad, behind)
        await bus.until_settled()
        assert sender.bodies().count(b"bad") == 2
        if on_park is OnPark.BLOCK:
            assert sender.bodies() == [b"bad", b"bad", b"behind"]
        with closing(SqliteReader(bus.path)) as reader:
            actors = [event["actor"] for event in reader.iterate_events(bad.exchange_id)]
        assert actors.count("operator") == 1


async def test_a_resend_begins_a_new_series_of_attempts(tmp_path: Path) -> None:
    """After the limit a resent message has all its attempts again."""
    sender = ScriptedSender(lambda body, attempt: DeliveryError("CB5001"))
    async with room(tmp_path, sender=sender) as bus:
        one = acceptance()
        await bus.accept(one)
        await bus.until_state(State.PARKED, one)
        sender.behave = lambda body, attempt: OK if attempt == 3 else BUSY
        operator = JournalOperator(SqliteSide(bus.path), CLOCK)
        list(operator.resend([one.delivery_id(0)]))
        operator.close()
        await bus.until_state(State.DELIVERED, one)
        assert [attempt for _, _, attempt in sender.posts] == [1, 2, 3, 4, 1, 2, 3]


async def test_an_operators_cancel_frees_the_key(tmp_path: Path) -> None:
    """A cancelled message is not sent any more, and what waited behind it goes on."""
    sender = ScriptedSender(lambda body, attempt: FAULT if body == b"bad" else OK)
    async with room(tmp_path, sender=sender) as bus:
        bad = acceptance(raw=b"bad", ordering_keys=("atena:1",))
        behind = acceptance(ordering_keys=("atena:1",))
        await bus.accept(bad, behind)
        await bus.until_state(State.PARKED, bad)
        operator = JournalOperator(SqliteSide(bus.path), CLOCK)
        (decision,) = operator.cancel([bad.delivery_id(0)])
        operator.close()
        assert decision.done
        await bus.until_state(State.DELIVERED, behind)
        await bus.until_settled()
        assert bus.state(bad) is State.CANCELLED
        assert sender.bodies().count(b"bad") == 1


async def test_what_is_cancelled_while_it_waits_is_never_sent(tmp_path: Path) -> None:
    """The operator was quicker than the worker: the state table decides."""
    sender = ScriptedSender()
    async with room(tmp_path, sender=sender, held_back=True) as bus:
        first = acceptance(ordering_keys=("atena:1",))
        second = acceptance(raw=b"cancelled", ordering_keys=("atena:1",))
        await bus.accept(first, second)
        await bus.until_state(State.DISPATCHING, first)
        operator = JournalOperator(SqliteSide(bus.path), CLOCK)
        decisions = list(operator.cancel([first.delivery_id(0), second.delivery_id(0), "unknown-0"]))
        operator.close()
        assert [decision.code for decision in decisions] == ["CB4004", "", "CB4004"]
        sender.gate.set()
        await bus.until_settled()
        assert (bus.state(first), bus.state(second)) == (State.DELIVERED, State.CANCELLED)
        assert b"cancelled" not in sender.bodies()


async def test_an_expired_message_is_closed_instead_of_sent(tmp_path: Path) -> None:
    """Past its expiry a message is EXPIRED with CB5006, and its key is free."""
    async with room(tmp_path) as bus:
        old = acceptance(expires_at=acceptance().received_at - 1, ordering_keys=("atena:1",))
        fresh = acceptance(ordering_keys=("atena:1",))
        await bus.accept(old, fresh)
        await bus.until_state(State.DELIVERED, fresh)
        assert bus.state(old) is State.EXPIRED
        assert bus.sender.bodies() == [fresh.raw]


@pytest.mark.parametrize("deaf", [0, 2])
@pytest.mark.slow
async def test_the_requester_is_told_before_an_expiry_is_recorded(tmp_path: Path, deaf: int) -> None:
    """While that cannot be stored, the delivery has not ended; then it is told once."""
    async with room(tmp_path) as bus:
        bus.outgoing.deaf = deaf
        old = acceptance(expires_at=acceptance().received_at - 1)
        await bus.accept(old)
        await bus.until_state(State.EXPIRED, old)
        assert bus.outgoing.gave_up == [(old.delivery_id(0), "CB5006")]
        assert bus.outgoing.deaf == 0


async def test_what_expires_while_it_waits_for_a_free_line_is_closed_instead_of_sent(tmp_path: Path) -> None:
    """Its attempt was recorded in time, but others are on the wire until its time is over."""
    clock, one_line = SettableClock(), (replace(TAX, concurrency=1),)
    async with room(tmp_path, endpoints=one_line, clock=clock, held_back=True) as bus:
        first, late = (acceptance(ordering_keys=(f"atena:{number}",)) for number in (1, 2))
        late = replace(late, expires_at=late.received_at + 3600)
        await bus.accept(first, late)
        await bus.until_state(State.DISPATCHING, first, late)
        clock.ahead = 3601.0
        bus.sender.gate.set()
        await bus.until_state(State.DELIVERED, first)
        await bus.until_state(State.EXPIRED, late)
        assert bus.sender.bodies() == [first.raw]


async def test_a_message_that_keeps_failing_expires(tmp_path: Path) -> None:
    """The last wait ends at the expiry, where the message is closed without another attempt."""
    sender = ScriptedSender(lambda body, attempt: BUSY)
    async with room(tmp_path, sender=sender, settings=replace(FAST, retry_first_s=60, retry_max_s=60)) as bus:
        one = acceptance()
        await bus.accept(replace(one, expires_at=one.received_at + 0.15))
        await bus.until_state(State.EXPIRED, one)
        assert len(sender.posts) == 1


async def test_the_breaker_saves_attempts_while_the_target_is_down(tmp_path: Path) -> None:
    """After failures in a row only probes go out; when the target is back everything is delivered."""
    down = True
    sender = ScriptedSender(lambda body, attempt: DeliveryError("CB5001") if down else OK)
    settings = replace(FAST, breaker_failures=3, breaker_open_s=0.15, retry_limit=20)
    async with room(tmp_path, sender=sender, settings=settings) as bus:
        many = [acceptance(ordering_keys=()) for _ in range(50)]
        await bus.accept(*many)
        await until_async(lambda: bus.breakers.of(TAX.key).state is not BreakerState.CLOSED)
        await until_async(lambda: len(sender.posts) >= TAX.concurrency + 2, what="probes")
        assert len(sender.posts) < 3 * TAX.concurrency
        down = False
        await bus.until_state(State.DELIVERED, *many)
        assert bus.breakers.of(TAX.key).state is BreakerState.CLOSED


@pytest.mark.slow
async def test_a_paused_endpoint_takes_nothing_and_goes_on_after_reload(tmp_path: Path) -> None:
    """Pausing and resuming by configuration loses nothing and repeats nothing."""
    async with room(tmp_path, endpoints=[replace(TAX, paused=True)]) as bus:
        many = [acceptance() for _ in range(5)]
        await bus.accept(*many)
        await bus.until_state(State.PUBLISHED, *many)
        assert bus.sender.posts == []
        (status,) = bus.desk.status()
        assert (status.paused, status.waiting) == (True, 5)
        await bus.desk.reload([TAX], FAST)
        await bus.until_state(State.DELIVERED, *many)
        assert len(bus.sender.posts) == 5


async def test_a_new_address_is_tried_at_once(tmp_path: Path) -> None:
    """The vendor switch: what waited for the old address goes to the new one, without waiting out the back-off."""
    moved = replace(TAX, address="http://tax-b.invalid/")
    sender = ScriptedSender(lambda body, attempt: DeliveryError("CB5001"))
    settings = replace(FAST, retry_first_s=60, retry_max_s=60, breaker_failures=1, breaker_open_s=60)
    async with room(tmp_path, sender=sender, settings=settings) as bus:
        many = [acceptance() for _ in range(5)]
        await bus.accept(*many)
        await bus.until_state(State.RETRY_WAIT, many[0])
        sender.behave = lambda body, attempt: OK
        await bus.desk.reload([moved], settings)
        await bus.until_state(State.DELIVERED, *many)
        assert {address for address, _, _ in sender.posts[1:]} == {moved.address}


async def test_a_removed_endpoint_keeps_its_messages_until_it_comes_back(tmp_path: Path) -> None:
    """Nothing is lost by removing an endpoint from the configuration."""
    async with room(tmp_path, held_back=True) as bus:
        many = [acceptance() for _ in range(8)]
        await bus.accept(*many)
        await until_async(lambda: bus.sender.under_way)
        await bus.desk.reload([], FAST)
        assert bus.desk.status() == []
        bus.sender.gate.set()
        await bus.desk.reload([TAX], FAST)
        await bus.until_state(State.DELIVERED, *many)
        await bus.until_settled()


async def test_draining_waits_for_what_is_on_the_wire(tmp_path: Path) -> None:
    """A graceful stop records the outcomes of posts under way and sends nothing new."""
    async with room(tmp_path, held_back=True) as bus:
        many = [acceptance(ordering_keys=()) for _ in range(20)]
        await bus.accept(*many)
        await until_async(lambda: bus.sender.under_way == TAX.concurrency)
        stopping = asyncio.create_task(bus.desk.stop(5.0))
        await until_async(lambda: bus.desk.status() == [])
        bus.sender.gate.set()
        await stopping
        assert len(bus.sender.posts) == TAX.concurrency
        states = [bus.state(each) for each in many]
        assert states.count(State.DELIVERED) == TAX.concurrency


async def test_a_defect_in_the_pipeline_parks_the_message(tmp_path: Path) -> None:
    """An exception nobody expected leaves no delivery in limbo."""
    async with room(tmp_path) as bus:
        defect, sound = acceptance(raw=b"defect", ordering_keys=()), acceptance()
        await bus.accept(defect, sound)
        await bus.until_state(State.DELIVERED, sound)
        await bus.until_state(State.PARKED, defect)
        with closing(SqliteReader(bus.path)) as reader:
            (group,) = reader.parked()
        assert group["code"] == "CB9001"


async def test_fan_out_delivers_to_each_subscriber_on_its_own(tmp_path: Path) -> None:
    """One target that fails does not keep the others waiting."""
    kokuho = replace(TAX, id="kokuho", address="http://kokuho.invalid/")
    async with room(tmp_path, endpoints=[TAX, kokuho]) as bus:
        both = acceptance(targets=("tax", "kokuho"))
        await bus.accept(both)
        await until_async(lambda: {bus.state(both, 0), bus.state(both, 1)} == {State.DELIVERED})
        assert {address for address, _, _ in bus.sender.posts} == {TAX.address, kokuho.address}


async def test_a_message_whose_body_cannot_be_decrypted_is_parked_and_its_endpoint_goes_on(tmp_path: Path) -> None:
    """Without its key nothing of it is sent, and the cause is told; those behind it are delivered."""
    async with room(tmp_path, max_resident=0) as bus:
        lost, fine = acceptance(raw=MARK + b"x" * 40), acceptance(ordering_keys=())
        await bus.accept(lost, fine)
        await bus.until_state(State.PARKED, lost)
        await bus.until_state(State.DELIVERED, fine)
        assert bus.sender.bodies() == [fine.raw]
        with closing(SqliteReader(bus.path)) as reader:
            (row,) = reader.parked()
        assert row["code"] == "CB4030"


@pytest.mark.slow
@pytest.mark.parametrize(
    "change",
    [
        "DELETE FROM body WHERE n = (SELECT min(n) FROM body)",
        "UPDATE body SET raw = x'3c78' WHERE n = (SELECT min(n) FROM body)",
    ],
)
async def test_a_message_whose_body_is_not_what_was_accepted_is_parked_and_never_sent(
    tmp_path: Path, change: str
) -> None:
    """Gone or altered in the journal: neither that nor an empty message leaves the bus."""
    async with room(tmp_path, endpoints=[replace(TAX, paused=True)], max_resident=0) as bus:
        bad, fine = acceptance(ordering_keys=()), acceptance(ordering_keys=())
        await bus.accept(bad, fine)
        with closing(sqlite3.connect(bus.path, isolation_level=None)) as disk:
            assert disk.execute(change).rowcount == 1
        await bus.desk.reload([TAX], FAST)
        await bus.until_state(State.PARKED, bad)
        await bus.until_state(State.DELIVERED, fine)
        assert bus.sender.bodies() == [fine.raw]
        with closing(SqliteReader(bus.path)) as reader:
            (row,) = reader.parked()
    assert row["code"] == "CB4031"
