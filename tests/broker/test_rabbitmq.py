"""The broker on a real RabbitMQ: what the port's suite cannot ask, because only RabbitMQ has it."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Sequence
from contextlib import ExitStack, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from bus.broker.amqp import publisher
from bus.broker.amqp.broker import RabbitMqBroker
from bus.broker.amqp.inspection import emptied, inspect, prune
from bus.broker.amqp.link import Link
from bus.broker.amqp.mending import renewed
from bus.broker.amqp.topology import dead_name, exchange_name, lane_queue
from bus.core.errors import BrokerError
from bus.core.ports import Lease, Subscription
from bus.core.settings import BrokerSettings
from tests.support.cutting_proxy import CuttingProxy
from tests.support.deliveries import MUNICIPALITY, acceptance, consignment
from tests.support.polling import until_async
from tests.support.rabbit_server import rabbitmq_at, settings_for

pytestmark = [pytest.mark.slow, pytest.mark.system]

TAX = f"{MUNICIPALITY}/tax"


def body(exchange_id: str) -> bytes:
    """What the journal has."""
    return exchange_id.encode()


async def taken(subscription: Subscription, count: int) -> list[Lease]:
    """This many, in as many steps as the broker needs."""
    leases: list[Lease] = []
    async with asyncio.timeout(40):
        while len(leases) < count:
            leases += await subscription.take(count - len(leases))
    return leases


def ids(leases: Sequence[Lease]) -> list[str]:
    """Their delivery ids."""
    return [lease.consignment.delivery_id for lease in leases]


async def look(settings: BrokerSettings, name: str) -> tuple[int, int] | None:
    """Ready messages and consumers of a queue."""
    link = await Link.open(settings, None, "test")
    try:
        return await link.look(name)
    finally:
        await link.close()


async def test_nothing_about_a_person_is_in_rabbitmq(rabbitmq: Any) -> None:
    """Neither body nor ordering key: what lies in the queue is read as RabbitMQ's own console would read it."""
    settings = settings_for(rabbitmq)
    broker = RabbitMqBroker(settings, body)
    await broker.open()
    await broker.publish(
        [consignment(acceptance(raw="<氏名>架空 花子</氏名>".encode()), ordering_keys=("atena:100000000012345",))]
    )
    seen: list[bytes] = []
    link = await Link.open(settings, None, "curious")
    reception = await link.reception(lambda reception, tag, content: seen.append(content), lambda: None)
    await reception.consume(lane_queue(settings, TAX, 0).name)
    await until_async(lambda: seen, what="the message")
    assert b"100000000012345" not in seen[0]
    assert "花子".encode() not in seen[0]
    await link.close()
    await broker.close()


async def test_one_of_several_consumers_is_active_and_the_next_takes_over(rabbitmq: Any) -> None:
    """Two processes consume one lane: the second gets nothing until the first is gone, then what is left, in order.

    What was published together is acknowledged together: of a half settled frame the journal refuses the settled half.
    """
    settings = settings_for(rabbitmq)
    relay = RabbitMqBroker(settings, body)
    first, second = (RabbitMqBroker(settings, body, refills=False) for _ in range(2))
    for each in (relay, first, second):
        await each.open()
    sent = [consignment(acceptance()) for _ in range(20)]
    active = first.subscribe(TAX)
    queue = lane_queue(settings, TAX, 0).name
    await until_async(lambda: _consumers(settings, queue, 1), what="the first consumer")
    standby = second.subscribe(TAX)
    await relay.publish(sent[:5])
    await relay.publish(sent[5:])
    leases = await taken(active, 20)
    assert ids(leases) == [each.delivery_id for each in sent]
    assert [lease.consignment.raw for lease in leases] == [body(each.exchange_id) for each in sent]
    waiting = asyncio.create_task(taken(standby, 15))
    await active.acknowledge(leases[:5])
    assert not waiting.done()
    await first.close()
    assert ids(await waiting) == [each.delivery_id for each in sent[5:]]
    await second.close()
    await relay.close()


async def _consumers(settings: BrokerSettings, queue: str, count: int) -> bool:
    found = await look(settings, queue)
    return found is not None and found[1] == count


async def test_what_was_published_outlives_a_kill_of_rabbitmq(tmp_path: Path) -> None:
    """kill -9 and restart: unconsumed and unacknowledged deliveries come, in order, each once to the delivery."""
    with rabbitmq_at(tmp_path) as server:
        settings = settings_for(server, timeout_s=5.0)
        broker = RabbitMqBroker(settings, body, endpoints=[TAX])
        await broker.open()
        opened = time.time()
        sent = [consignment(acceptance()) for _ in range(30)]
        await broker.publish(sent[:20])
        subscription = broker.subscribe(TAX)
        before = await taken(subscription, 20)
        await subscription.acknowledge(before[:5])
        await until_async(lambda: server.settled(opened), within_s=30, what="RabbitMQ to know its queues")
        await asyncio.to_thread(server.kill)
        late = asyncio.create_task(_published(broker, sent[20:]))
        await asyncio.to_thread(server.start)
        await late
        after = await taken(subscription, 10)
        assert ids(before) + ids(after) == [each.delivery_id for each in sent]
        await subscription.acknowledge([*before[5:], *after])
        await until_async(lambda: _is_empty(settings), what="the queue to be empty")
        assert broker.depth(TAX) == 0
        await broker.close()


async def test_the_loss_of_everything_in_rabbitmq_is_made_good(tmp_path: Path) -> None:
    """Its disk is gone: the queues are declared anew and all that was not taken is published again."""
    with rabbitmq_at(tmp_path) as server:
        settings = settings_for(server)
        broker = RabbitMqBroker(settings, body)
        await broker.open()
        sent = [consignment(acceptance()) for _ in range(30)]
        await broker.publish(sent)
        await asyncio.to_thread(server.kill)
        server.forget()
        await asyncio.to_thread(server.start)
        subscription = broker.subscribe(TAX)
        assert ids(await taken(subscription, 30)) == [each.delivery_id for each in sent]
        await broker.close()


async def test_a_queue_too_young_for_a_kill_is_made_anew_by_the_bus(tmp_path: Path) -> None:
    """kill -9 right after the declaration: a queue has no leader afterwards; all arrive, in order, without an operator.

    What was waiting in this process when the queue went (taken, not acknowledged) is neither lost nor given twice.
    """
    events: list[tuple[str, dict[str, Any]]] = []
    with rabbitmq_at(tmp_path) as server:
        settings = settings_for(server, timeout_s=5.0, lanes=2)
        broker = RabbitMqBroker(settings, body, endpoints=[TAX], log=lambda name, **more: events.append((name, more)))
        await broker.open()
        sent = [consignment(acceptance(), ordering_keys=(f"k{number % 9}",)) for number in range(90)]
        await broker.publish(sent[:60])
        subscription = broker.subscribe(TAX)
        before = await taken(subscription, 20)
        await subscription.acknowledge(before[:5])
        await asyncio.to_thread(server.kill)
        await asyncio.to_thread(server.start)
        link = await Link.open(settings, None, "test")
        names = [lane_queue(settings, TAX, lane).name for lane in range(2)]
        obey = [await link.has_leader(name) for name in names]
        await link.close()
        async with asyncio.timeout(60):
            await _published(broker, sent[60:])
        after = await taken(subscription, 70)
        assert sorted(ids([*before, *after])) == sorted(each.delivery_id for each in sent)
        for key in range(9):
            wanted = [each.delivery_id for each in sent[key::9]]
            assert [each for each in ids([*before, *after]) if each in wanted] == wanted
        await subscription.acknowledge([*before[5:], *after])
        renewed = [fields["count"] for event, fields in events if event == "broker_queues_renewed"]
        assert sum(renewed) == obey.count(False), "as many as had no leader, and each once"
        await broker.close()


async def test_a_queue_whose_process_has_ended_is_made_anew_and_no_other(rabbitmq: Any) -> None:
    """One lane's queue in RabbitMQ ends for good; it is replaced, the healthy lane beside it stays as it is."""
    settings = settings_for(rabbitmq, lanes=2)
    broker = RabbitMqBroker(settings, body, endpoints=[TAX])
    await broker.open()
    sent = [consignment(acceptance(), ordering_keys=(f"k{number}",)) for number in range(20)]
    await broker.publish(sent)
    broken, healthy = (lane_queue(settings, TAX, lane).name for lane in (1, 0))
    stop = f"ra:force_delete_server(quorum_queues, {{'%2F_{broken}', node()}})."
    await asyncio.to_thread(rabbitmq.control, "eval", stop)
    assert await renewed(replace(settings, replicas=3), None, [broken, healthy]) == []
    assert await renewed(replace(settings, nodes=settings.nodes * 2), None, [broken, healthy]) == []
    assert await renewed(settings, None, [broken, healthy]) == [broken]
    await broker.rebuild()
    assert sorted(ids(await taken(broker.subscribe(TAX), 20))) == sorted(each.delivery_id for each in sent)
    await broker.close()


async def test_a_queue_of_a_cluster_without_its_majority_is_never_deleted(tmp_path: Path) -> None:
    """Three nodes behind one configured address, two of them down: the queue may live there, so it is left as it is."""
    with ExitStack() as stack:
        first = stack.enter_context(rabbitmq_at(tmp_path / "1"))
        others = [stack.enter_context(rabbitmq_at(tmp_path / str(number), cluster=first)) for number in (2, 3)]
        for other in others:
            await asyncio.to_thread(other.join, first)
        settings = settings_for(first, timeout_s=5.0)
        broker = RabbitMqBroker(settings, body, endpoints=[TAX])
        await broker.open()
        await broker.publish([consignment(acceptance())])
        await broker.close()
        for other in others:
            await asyncio.to_thread(other.kill)
        name = lane_queue(settings, TAX, 0).name
        with suppress(BrokerError):
            assert await renewed(settings, None, [name]) == []
        await asyncio.gather(*(asyncio.to_thread(other.start) for other in others))

        async def kept() -> bool:
            with suppress(BrokerError):
                return await look(settings, name) == (1, 0)
            return False

        await until_async(kept, within_s=60, what="the queue with what it had")


async def test_an_end_at_any_byte_of_connecting_is_a_coded_error(rabbitmq: Any) -> None:
    """The client library ends some of its waits with a bare ``Exception``; nobody would connect again after that."""
    proxy = await CuttingProxy(rabbitmq.port).start()
    settings = settings_for(rabbitmq, nodes=(("127.0.0.1", proxy.port),), timeout_s=5.0)
    outcomes: Counter[str] = Counter()
    for bytes_heard in range(1, 700):
        proxy.answered = bytes_heard
        try:
            link = await Link.open(settings, None, "test")
        except BrokerError as error:
            outcomes[error.code] += 1
        else:
            outcomes["connected"] += 1
            await link.close()
    assert set(outcomes) == {"connected", "CB5010"}, "some ends come in time, and some too late"
    await proxy.stop()


async def _published(broker: RabbitMqBroker, consignments: list[Any]) -> None:
    """As the relay does it: again and again."""
    while True:
        try:
            await broker.publish(consignments)
        except BrokerError:
            await asyncio.sleep(0)
        else:
            return


async def _is_empty(settings: BrokerSettings) -> bool:
    return (await look(settings, lane_queue(settings, TAX, 0).name) or (1, 0))[0] == 0


async def test_an_emptied_or_deleted_queue_is_filled_again(rabbitmq: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """``broker rebuild`` empties the lanes, an operator deletes a queue: what was in it is published again."""
    monkeypatch.setattr(publisher, "AUDIT_S", 0.1)
    settings = settings_for(rabbitmq)
    broker = RabbitMqBroker(settings, body)
    await broker.open()
    sent = [consignment(acceptance()) for _ in range(10)]
    await broker.publish(sent[:5])
    assert await emptied(settings, None, [TAX]) == 1
    await until_async(lambda: broker.status.connections == 2, within_s=30, what="a new connection")
    await _published(broker, sent[5:])
    link = await Link.open(settings, None, "operator")
    await link.remove(lane_queue(settings, TAX, 0).name, exchange_name(settings))
    await link.close()
    await until_async(lambda: broker.status.connections >= 3, within_s=30, what="a third connection")
    subscription = broker.subscribe(TAX)
    assert ids(await taken(subscription, 10)) == [each.delivery_id for each in sent]
    await broker.close()


async def test_a_consumer_whose_queue_is_deleted_goes_on(rabbitmq: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """RabbitMQ cancels it: it declares its queue and consumes again."""
    monkeypatch.setattr(publisher, "AUDIT_S", 0.1)
    settings = settings_for(rabbitmq)
    broker = RabbitMqBroker(settings, body)
    await broker.open()
    subscription = broker.subscribe(TAX)
    queue = lane_queue(settings, TAX, 0).name
    await until_async(lambda: _consumers(settings, queue, 1), what="the consumer")
    link = await Link.open(settings, None, "operator")
    await link.remove(queue, exchange_name(settings))
    await link.close()
    await until_async(lambda: _consumers(settings, queue, 1), within_s=30, what="the consumer again")
    sent = [consignment(acceptance()) for _ in range(3)]
    await _published(broker, sent)
    assert ids(await taken(subscription, 3)) == [each.delivery_id for each in sent]
    await broker.close()


async def test_acknowledgements_that_nobody_writes_any_more_do_not_keep_the_next_connection_waiting(
    rabbitmq: Any,
) -> None:
    """A connection ends while more acknowledgements wait to be written than the library queues: deliveries go on."""
    broker = RabbitMqBroker(settings_for(rabbitmq, lanes=1, timeout_s=3.0), body)
    await broker.open()
    subscription = broker.subscribe(TAX)
    many = [consignment(acceptance()) for _ in range(40)]
    for each in many:
        await broker.publish([each])
    leases = await taken(subscription, 40)
    assert len(leases) == 40
    link = broker._link
    assert link is not None
    link._connection.transport.connection._writer_task.cancel()
    await subscription.acknowledge(leases)
    await until_async(lambda: broker._link not in (None, link), within_s=20, what="another connection")
    last = consignment(acceptance())
    await broker.publish([last])
    async with asyncio.timeout(20):
        assert ids(await subscription.take(1)) == [last.delivery_id]
    await broker.close()


async def test_what_nobody_can_read_goes_to_the_dead_and_stops_nobody(rabbitmq: Any) -> None:
    """Bytes of somebody else in a lane are set aside at least once, logged with CB5015, and reported."""
    settings = settings_for(rabbitmq)
    events: list[tuple[str, dict[str, Any]]] = []
    broker = RabbitMqBroker(settings, body, endpoints=[TAX], log=lambda event, **fields: events.append((event, fields)))
    await broker.open()
    link = await Link.open(settings, None, "stranger")
    await link.exchange(exchange_name(settings), "direct")
    await link.publish(exchange_name(settings), lane_queue(settings, TAX, 0).name, b"\x00 not ours")
    await link.close()
    sent = consignment(acceptance())
    await broker.publish([sent])
    assert ids(await taken(broker.subscribe(TAX), 1)) == [sent.delivery_id]

    async def dead() -> bool:
        return (await look(settings, dead_name(settings)) or (0, 0))[0] == 1

    await until_async(dead, what="the message among the dead")
    assert [fields["code"] for event, fields in events if event == "broker_unreadable"] == ["CB5015"]
    found = await inspect(settings, None, [TAX], [])
    assert [each.code for each in found.warnings] == ["CB5015"]
    await broker.close()


async def test_a_blocked_broker_is_waited_for(tmp_path: Path) -> None:
    """A memory alarm: publishing waits, says so, and goes on by itself without losing or doubling anything."""
    with rabbitmq_at(tmp_path) as server:
        settings = settings_for(server, timeout_s=1.0)
        broker = RabbitMqBroker(settings, body)
        await broker.open()
        sent = [consignment(acceptance()) for _ in range(6)]
        await broker.publish(sent[:3])
        await asyncio.to_thread(server.control, "set_vm_memory_high_watermark", "0.00001")
        late = asyncio.create_task(_published(broker, sent[3:]))
        await until_async(lambda: broker.status.blocked, within_s=30, what="the alarm")
        assert not late.done()
        await asyncio.to_thread(server.control, "set_vm_memory_high_watermark", "0.6")
        async with asyncio.timeout(30):
            await late
        assert not broker.status.blocked
        subscription = broker.subscribe(TAX)
        assert ids(await taken(subscription, 6)) == [each.delivery_id for each in sent]
        await broker.close()


async def test_inspection_tells_what_is_missing_different_or_left(rabbitmq: Any) -> None:
    """Before the first start, with queues as configured, with other replicas, and after a lane was taken away."""
    settings = settings_for(rabbitmq, lanes=2)
    found = await inspect(settings, None, [TAX], [])
    assert [each.exists for each in found.queues] == [False, False]
    assert (found.findings, found.warnings) == ((), ())
    broker = RabbitMqBroker(settings, body, endpoints=[TAX])
    await broker.open()
    names = [lane_queue(settings, TAX, lane).name for lane in range(2)]
    found = await inspect(settings, None, [TAX], names)
    assert [(each.name, each.ready, each.configured) for each in found.queues] == [(name, 0, True) for name in names]
    assert found.findings == ()
    other = await inspect(replace(settings, replicas=3), None, [TAX], names)
    assert {each.code for each in other.findings} == {"CB5013"}
    fewer = replace(settings, lanes=1)
    await broker.close()
    link = await Link.open(settings, None, "left behind")
    await link.exchange(exchange_name(settings), "direct")
    await link.publish(exchange_name(settings), names[1], b"still here")
    found = await inspect(fewer, None, [TAX], names)
    assert [(each.code, each.path) for each in found.warnings] == [("CB5016", names[1])]
    deleted, left = await prune(fewer, None, names[1:])
    assert (deleted, [each.name for each in left]) == ([], names[1:])
    await link.purge(names[1])
    await link.close()
    assert await prune(fewer, None, names[1:]) == (names[1:], [])
    assert (await inspect(fewer, None, [TAX], names)).warnings == ()


async def test_who_may_not_is_told(rabbitmq: Any) -> None:
    """A wrong password, and a user whose rights end at other names, are CB5011; nobody there is CB5010."""
    settings = settings_for(rabbitmq)
    for wrong, code in (
        (replace(settings, password="wrong"), "CB5011"),
        (replace(settings, nodes=(("127.0.0.1", 9),)), "CB5010"),
    ):
        with pytest.raises(BrokerError) as caught:
            await inspect(wrong, None, [TAX], [])
        assert caught.value.code == code
    await asyncio.to_thread(rabbitmq.control, "add_user", "narrow", "narrow-password")
    patterns = ["^elsewhere\\."] * 3
    await asyncio.to_thread(rabbitmq.control, "set_permissions", "-p", "/", "narrow", *patterns)
    narrow = replace(settings, user="narrow", password="narrow-password")
    found = await inspect(narrow, None, [], [])
    assert [each.code for each in found.findings] == ["CB5011"]


async def test_a_node_that_does_not_answer_is_passed_over(rabbitmq: Any) -> None:
    """The first node that does is used."""
    settings = settings_for(rabbitmq)
    broker = RabbitMqBroker(replace(settings, nodes=(("127.0.0.1", 9), *settings.nodes)), body)
    await broker.open()
    sent = consignment(acceptance())
    await broker.publish([sent])
    assert ids(await taken(broker.subscribe(TAX), 1)) == [sent.delivery_id]
    await broker.close()
