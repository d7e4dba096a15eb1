"""When PostgreSQL dies, refuses or falls silent: what was acknowledged is there, what was not stored is refused."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Iterator
from contextlib import suppress

import psycopg
import pytest

from bus.core.errors import JournalError
from bus.core.ports import Acceptance
from bus.core.states import State
from bus.journal.postgres import store
from bus.journal.postgres.database import Place
from bus.journal.postgres.journal import PostgresJournal
from bus.journal.postgres.ledger import PostgresLedger
from tests.support.deliveries import MUNICIPALITY, SteppedClock, acceptance, step
from tests.support.polling import until_async
from tests.support.postgres import Cluster

pytestmark = [pytest.mark.slow, pytest.mark.system]

SEED = 20260401
SENDERS = 24


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    """A server with ``fsync`` that these tests may kill."""
    cluster = Cluster()
    cluster.start()
    yield cluster
    cluster.remove()


@pytest.fixture
def place(cluster: Cluster, request: pytest.FixtureRequest) -> Place:
    """An empty schema."""
    return Place(cluster.dsn(), f"j{abs(hash(request.node.nodeid)):x}"[:30])


async def opened(place: Place) -> PostgresJournal:
    """An open journal."""
    journal = PostgresJournal(place, clock=SteppedClock())
    await journal.open()
    return journal


class Load:
    """Senders that wait for each answer, and repeat under the same id what was refused, as a vendor's system does."""

    def __init__(self, journal: PostgresJournal) -> None:
        self.journal = journal
        self.acknowledged: list[list[Acceptance]] = [[] for _ in range(SENDERS)]
        self.refused = 0
        self.over = asyncio.Event()
        self._tasks = [asyncio.ensure_future(self._send(number)) for number in range(SENDERS)]

    @property
    def count(self) -> int:
        """Messages acknowledged so far."""
        return sum(map(len, self.acknowledged))

    async def _send(self, number: int) -> None:
        while not self.over.is_set():
            message = acceptance(ordering_keys=(f"atena:{number}",))
            while True:
                try:
                    await self.journal.accept(message)
                    break
                except JournalError as error:
                    assert (error.code, error.retry_after_s > 0) == ("CB4001", True)
                    self.refused += 1
                    with suppress(TimeoutError):
                        await asyncio.wait_for(self.over.wait(), 0.02)
            self.acknowledged[number].append(message)

    async def end(self) -> None:
        """Let everybody finish what was begun."""
        self.over.set()
        await asyncio.gather(*self._tasks)


async def test_nothing_acknowledged_is_lost_when_the_server_is_killed(cluster: Cluster, place: Place) -> None:
    """Killed and started three times under load: every acknowledged message once, in the order of its sender."""
    print(f"seed {SEED}")
    chance = random.Random(SEED)
    journal = await opened(place)
    load = Load(journal)
    for _ in range(3):
        wanted = load.count + chance.randrange(100, 600)
        await until_async(lambda wanted=wanted: load.count >= wanted, within_s=60, what="the load to go on")
        await asyncio.to_thread(cluster.kill)
        with pytest.raises(JournalError) as caught:
            journal.find(MUNICIPALITY, "juki", "urn:uuid:any")
        assert caught.value.code == "CB4006"
        await asyncio.to_thread(cluster.start)
    wanted = load.count + 300
    await until_async(lambda: load.count >= wanted, within_s=60, what="the load to go on")
    await load.end()
    await journal.close()
    journal = await opened(place)
    stored: list[str] = []
    while page := journal.open_deliveries(after=stored[-1] if stored else "", limit=1000):
        stored += [each.consignment.delivery_id for each in page]
    acknowledged = [each.delivery_id(0) for sender in load.acknowledged for each in sender]
    assert len(stored) == len(set(stored)) == journal.counts()["accepted_messages"]
    assert set(stored) == set(acknowledged), "every sender repeated until it was acknowledged"
    positions = {delivery_id: number for number, delivery_id in enumerate(stored)}
    for sender in load.acknowledged:
        order = [positions[each.delivery_id(0)] for each in sender]
        assert order == sorted(order)
    print(f"attempts refused {load.refused}, acknowledged {len(acknowledged)}, stored {len(stored)}, lost 0")
    await journal.close()


async def test_a_connection_lost_between_batches_is_replaced_unseen(cluster: Cluster, place: Place) -> None:
    """An ended session, as after a failover of the connection, costs nobody an error."""
    journal = await opened(place)
    await journal.accept(acceptance())
    cluster.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name LIKE 'chiikibus%'")
    one = acceptance()
    assert await journal.accept(one) is None
    await journal.record([step(one, State.DISPATCHING)])

    def known() -> bool:
        with suppress(JournalError):
            return journal.find(MUNICIPALITY, "juki", one.message_id) is not None
        return False

    await until_async(known, within_s=20, what="the reading connection to come back")
    assert journal.counts()["accepted_messages"] == 2
    await journal.close()


@pytest.mark.parametrize("landed", [True, False])
async def test_a_commit_without_an_answer_is_looked_up(
    place: Place, landed: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Acknowledged when it is durable, refused when it is not: never the wrong way round."""
    journal = await opened(place)
    real, failures = PostgresLedger.commit, [1]

    def commit(self: PostgresLedger) -> None:
        if not failures:
            return real(self)
        failures.pop()
        if landed:
            real(self)
        self._link.connection.pgconn.finish()
        raise psycopg.OperationalError("the answer got lost")

    monkeypatch.setattr(PostgresLedger, "commit", commit)
    one = acceptance()
    if landed:
        assert await journal.accept(one) is None
    else:
        with pytest.raises(JournalError) as caught:
            await journal.accept(one)
        assert caught.value.code == "CB4001"
    assert (journal.find(MUNICIPALITY, "juki", one.message_id) is not None) is landed
    assert (await journal.accept(one) is not None) is landed
    assert journal.counts()["accepted_messages"] == 1
    await journal.close()


@pytest.mark.parametrize("table", ["exchange", "body", "delivery", "exchange_key"])
async def test_a_full_disk_refuses_everybody_and_stores_nothing(cluster: Cluster, place: Place, table: str) -> None:
    """Whichever table the server has no room for; when there is room again, the same messages are stored."""
    journal = await opened(place)
    before = acceptance()
    await journal.accept(before)
    cluster.execute(
        f"CREATE FUNCTION {place.schema}.full() RETURNS trigger LANGUAGE plpgsql AS"
        " $$BEGIN RAISE EXCEPTION 'no space left' USING ERRCODE = '53100'; END$$"
    )
    cluster.execute(
        f"CREATE TRIGGER full_disk BEFORE INSERT ON {place.schema}.{table} FOR EACH ROW"
        f" EXECUTE FUNCTION {place.schema}.full()"
    )
    lost = [acceptance() for _ in range(40)]
    outcomes = await asyncio.gather(*(journal.accept(each) for each in lost), return_exceptions=True)
    assert {getattr(outcome, "code", outcome) for outcome in outcomes} == {"CB4001"}
    assert all(journal.find(MUNICIPALITY, "juki", each.message_id) is None for each in lost)
    cluster.execute(f"DROP TRIGGER full_disk ON {place.schema}.{table}")
    assert await asyncio.gather(*(journal.accept(each) for each in lost)) == [None] * 40
    await journal.record([step(each, State.DISPATCHING) for each in [before, *lost]])
    assert journal.counts()["accepted_messages"] == 41
    await journal.close()


async def test_one_that_was_replaced_as_owner_stores_nothing(
    cluster: Cluster, place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A bus that did not notice that another one took over is kept out by every transaction."""
    monkeypatch.setattr(store, "PATIENCE_S", 0.2)
    journal = await opened(place)
    one = acceptance()
    await journal.accept(one)
    cluster.execute(f"UPDATE {place.schema}.turn SET owner = 'another bus'")
    for work in (journal.accept(acceptance()), journal.record([step(one, State.DISPATCHING)])):
        with pytest.raises(JournalError) as caught:
            await work
        assert (caught.value.code, caught.value.findings[0].got) == ("CB4001", "CB4007")
    assert journal.counts()["accepted_messages"] == 1
    await journal.close()


async def test_a_standby_takes_over_when_the_owner_ends(place: Place) -> None:
    """It waits for the owner's lock, and then has everything that the owner acknowledged."""
    first = await opened(place)
    second = PostgresJournal(place, clock=SteppedClock(), standby=True)
    waiting = asyncio.create_task(second.open())
    one = acceptance()
    await first.accept(one)
    assert not waiting.done()
    await first.close()
    async with asyncio.timeout(20):
        await waiting
    assert second.find(MUNICIPALITY, "juki", one.message_id) is not None
    await second.record([step(one, State.DISPATCHING)])
    await second.close()


async def test_what_the_server_cannot_hold_is_refused_alone(place: Place) -> None:
    """A NUL in a text is the fault of one caller; those who wait beside it are stored."""
    journal = await opened(place)
    poison, others = acceptance(soap_action="urn:\x00"), [acceptance() for _ in range(5)]
    outcomes = await asyncio.gather(*(journal.accept(each) for each in [poison, *others]), return_exceptions=True)
    assert [getattr(outcome, "code", outcome) for outcome in outcomes] == ["CB4001", None, None, None, None, None]
    assert journal.counts()["accepted_messages"] == 5
    await journal.close()


async def test_a_silent_server_stops_neither_loop_nor_callers_for_ever(
    cluster: Cluster, place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A server that takes the question and never answers (here: held by a lock) is given up after a bounded time."""
    journal = await opened(place)
    await journal.accept(acceptance())
    link = journal._reading._link
    assert link is not None
    link.connection.bound_s = 0.3
    blocker = psycopg.connect(cluster.dsn())
    blocker.execute(f"LOCK TABLE {place.schema}.exchange_key")
    with pytest.raises(JournalError) as caught:
        journal.find(MUNICIPALITY, "juki", "urn:uuid:any")
    assert caught.value.code == "CB4006"
    blocker.close()
    await journal.close()
