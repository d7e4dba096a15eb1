"""The universal suite of resend jobs: on every journal what is parked is resent in order, and each parking once."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from bus.core.errors import JournalError
from bus.core.ports import Acceptance, Journal
from bus.core.states import State
from bus.journal.operator import JournalOperator
from bus.journal.resend.desk import ResendDesk
from bus.journal.resend.plan import Planner
from bus.journal.resend.values import ItemState, Job, JobState, Pace, Selection
from bus.journal.upkeep import audit
from tests.ports.implementations import JournalImplementation, journals
from tests.support.deliveries import MUNICIPALITY, NOW, SteppedClock, acceptance, step

pytestmark = pytest.mark.slow

QUICK = Pace(rate=1000.0, most_open=1000, most_failed=0)


@dataclass
class Resent:
    """An open journal with its clock, and desks beside it."""

    journal: Journal
    clock: SteppedClock
    implementation: JournalImplementation
    folder: Path

    @contextmanager
    def desk(self, actor: str = "test") -> Iterator[ResendDesk]:
        """A connection as an operator's command has it."""
        desk = ResendDesk(self.implementation.side(self.folder), self.clock, actor)
        try:
            yield desk
        finally:
            desk.close()

    async def parked(self, *keys: str, code: str = "CB6004", **changes: object) -> Acceptance:
        """A notice that was tried and parked."""
        one = acceptance(ordering_keys=keys, **changes)
        await self.journal.accept(one)
        await self.park(one, code)
        return one

    async def park(self, one: Acceptance, code: str = "CB6004") -> None:
        """It is sent and parked."""
        at = self.clock.now()
        await self.journal.record([step(one, State.DISPATCHING, at=at, attempt=1)])
        await self.journal.record([step(one, State.PARKED, at=at, attempt=1, code=code)])

    async def deliver(self, one: Acceptance) -> None:
        """It is sent and taken."""
        at = self.clock.now()
        await self.journal.record([step(one, each, at=at, attempt=1) for each in (State.DISPATCHING, State.DELIVERED)])

    def due(self) -> list[str]:
        """What the relay would fetch now, in its order."""
        return [each.consignment.delivery_id for each in self.journal.due(self.clock.now())]

    def step(self, number: int, name: str = "one", seconds: float = 1.0) -> Job:
        """A runner of its own, as after a sudden end of the one before, a second later."""
        with self.desk() as desk:
            runner = desk.runner(number, name)
            self.clock.at += seconds
            return runner.step()

    def planned(self, **wanted: object) -> Job:
        """A plan."""
        with self.desk() as desk:
            return desk.plan(Selection(**wanted), "the cause is mended")

    def started(self, pace: Pace = QUICK, **wanted: object) -> int:
        """A plan that runs; its number."""
        number = self.planned(**wanted).number
        with self.desk() as desk:
            assert desk.start(number, pace).state is JobState.RUNNING
        return number

    def states(self, number: int) -> dict[str, str]:
        """Items by delivery."""
        with self.desk() as desk:
            return {row["delivery_id"]: row["state"] for row in desk.items(number, limit=10_000)}


@pytest.fixture(params=journals())
async def resent(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Resent]:
    """An open, empty journal."""
    clock = SteppedClock()
    journal: Journal = request.param.make(tmp_path, clock, sealed=True)
    await journal.open()
    yield Resent(journal, clock, request.param, tmp_path)
    await journal.close()


async def test_a_plan_tells_what_would_be_sent_and_sends_nothing(resent: Resent) -> None:
    """By cause, endpoint, operation and time; counts, lanes, what is expired, overtaken or waits behind; in order."""
    first = await resent.parked("atena:1", raw=b"<a/>")
    second = await resent.parked("atena:1", "yusen", expires_at=NOW - 1)
    third = await resent.parked("atena:2", raw=b"")
    await resent.parked("atena:2", code="CB5007")
    await resent.parked("atena:1", municipality="990027")
    late, waits = acceptance(ordering_keys=("atena:2",)), acceptance(ordering_keys=("atena:1",))
    for one in (late, waits):
        await resent.journal.accept(one)
    await resent.deliver(late)
    job = resent.planned(
        municipality=MUNICIPALITY, target="tax", operation="juki.ido_tsuchi", code="CB6004", until=NOW + 1
    )
    assert (job.state, job.summary.number, job.counts) == (JobState.PLANNED, 3, {"WAITING": 3})
    assert dict(job.summary.groups[0]) == {
        "municipality": MUNICIPALITY, "target": "tax", "operation": "juki.ido_tsuchi", "code": "CB6004", "count": 3
    }  # fmt: skip
    told = job.summary
    assert (told.lanes, told.longest, told.expired, told.overtaken, told.behind) == (2, 2, 1, 1, 1)
    assert (told.without_body, told.complete) == (1, True)
    with resent.desk() as desk:
        rows = desk.items(job.number)
        assert [row["delivery_id"] for row in rows] == [each.delivery_id(0) for each in (first, second, third)]
        assert [row["overtaken"] for row in rows] == [False, False, True]
        assert [row["delivery_id"] for row in desk.items(job.number, after=2)] == [third.delivery_id(0)]
        (note,) = audit.read(desk.side.database)
    assert (note["action"], note["subject"], note["reason"]) == ("resend.plan", str(job.number), "the cause is mended")
    assert resent.due() == []
    assert resent.planned(since=NOW + 1).state is JobState.DONE


async def test_everything_is_sent_once_whoever_ends_in_between(resent: Resent) -> None:
    """A new runner after every step, two of them at once, a start that comes twice: one resend for each parking."""
    messages = [await resent.parked(f"atena:{number}") for number in range(12)]
    number = resent.started(Pace(rate=5.0, most_open=100))
    sent: list[str] = []
    with resent.desk() as desk:
        while len(sent) < 12:
            runners = [desk.runner(number, name) for name in ("one", "two")]
            resent.clock.at += 1
            for runner in runners:
                runner.step()
            fresh = [each for each in resent.due() if each not in sent]
            assert len(fresh) <= 6
            sent += fresh
            desk.start(number, QUICK)
    assert sent == [each.delivery_id(0) for each in messages]
    for one in messages:
        await resent.deliver(one)
    job = resent.step(number, "three", 20)
    assert (job.state, job.counts) == (JobState.DONE, {"DELIVERED": 12})
    with resent.desk() as desk:
        resends = desk.side.database.execute("SELECT count(*) FROM event WHERE state = 'RETRY_WAIT'").fetchone()[0]
        assert resends == 12
        actors = desk.side.database.execute("SELECT DISTINCT actor FROM event WHERE state = 'RETRY_WAIT'").fetchall()
        assert [row[0] for row in actors] == [f"resend {number} test"]
        assert [row["action"] for row in audit.read(desk.side.database)] == [
            "resend.plan",
            "resend.start",
            "resend.done",
        ]
        with pytest.raises(JournalError) as refused:
            desk.start(number, QUICK)
    assert refused.value.code == "CB4004"


async def test_the_same_plan_twice_resends_nothing_twice(resent: Resent) -> None:
    """What another job sent meanwhile is left, also when it was parked again since."""
    one, other = await resent.parked("atena:1"), await resent.parked("atena:2")
    first, second = resent.started(), resent.started()
    resent.step(first)
    assert set(resent.due()) == {one.delivery_id(0), other.delivery_id(0)}
    await resent.park(one)
    await resent.deliver(other)
    assert resent.step(first).counts == {"PARKED": 1, "DELIVERED": 1}
    assert resent.step(second).counts == {"SKIPPED": 2}
    assert resent.due() == []
    with resent.desk() as desk:
        assert {row["code"] for row in desk.items(second)} == {"CB5022"}


async def test_order_is_kept_for_every_key(resent: Resent) -> None:
    """One of a key at a time; after one that is parked again nothing with its keys is sent, others are."""
    first = await resent.parked("atena:1", "setai:1")
    second = await resent.parked("setai:1", "atena:2")
    third = await resent.parked("atena:2")
    free = await resent.parked("atena:9")
    number = resent.started()
    resent.step(number)
    assert resent.due() == [first.delivery_id(0), free.delivery_id(0)]
    resent.step(number)
    assert resent.due() == [first.delivery_id(0), free.delivery_id(0)]
    await resent.deliver(first)
    await resent.deliver(free)
    resent.step(number)
    assert resent.due() == [second.delivery_id(0)]
    await resent.park(second)
    job = resent.step(number)
    assert resent.due() == []
    assert (job.state, job.counts) == (JobState.DONE, {"DELIVERED": 2, "PARKED": 1, "BEHIND": 1})
    assert resent.states(number)[third.delivery_id(0)] == ItemState.BEHIND
    again = resent.started()
    resent.step(again)
    assert resent.due() == [second.delivery_id(0)]


async def test_a_runner_that_comes_later_knows_what_is_stuck(resent: Resent) -> None:
    """What was parked again before the last runner ended keeps its keys blocked for the next one."""
    first, second = await resent.parked("atena:1"), await resent.parked("atena:1")
    other = await resent.parked("atena:2")
    number = resent.started(Pace(rate=1000.0, most_open=1, most_failed=0))
    resent.step(number)
    await resent.park(first)
    with resent.desk() as desk:
        runner = desk.runner(number, "one")
        runner._held()
        runner._stuck = set()
        runner._settle()
    assert resent.states(number)[first.delivery_id(0)] == ItemState.PARKED
    resent.step(number)
    assert resent.due() == [other.delivery_id(0)]
    assert resent.states(number)[second.delivery_id(0)] == ItemState.BEHIND


async def test_too_many_failures_pause_a_job_and_a_start_goes_on(resent: Resent) -> None:
    """The pause names its reason; after a start as many may fail again; nothing is lost on the way."""
    messages = [await resent.parked(f"atena:{number}") for number in range(6)]
    pace = Pace(rate=1000.0, most_open=2, most_failed=2)
    number = resent.started(pace)
    resent.step(number)
    for one in messages[:2]:
        await resent.park(one)
    job = resent.step(number)
    assert (job.state, job.code, job.failed) == (JobState.PAUSED, "CB5021", 2)
    assert resent.due() == [], "nothing more is sent in the step that sees it"
    with resent.desk() as desk:
        assert desk.look(number).counts == {"PARKED": 2, "WAITING": 4}
        assert resent.step(number).state is JobState.PAUSED
        desk.start(number, pace)
        desk.start(number, pace)
    for some in (messages[2:4], messages[4:]):
        resent.step(number)
        assert resent.due() == [each.delivery_id(0) for each in some]
        for one in some:
            await resent.deliver(one)
    assert resent.step(number).state is JobState.DONE


async def test_a_pause_and_a_cancel_stop_at_once(resent: Resent) -> None:
    """What was sent goes its way and is told; what was not stays parked; cancelled is cancelled for good."""
    messages = [await resent.parked(f"atena:{number}") for number in range(4)]
    number = resent.started(Pace(rate=1.0, most_open=10))
    resent.step(number)
    with resent.desk("other") as desk:
        assert desk.pause(number).state is JobState.PAUSED
        assert desk.pause(number).state is JobState.PAUSED
        resent.step(number, seconds=60)
        assert len(resent.due()) == 1
        assert desk.cancel(number).state is JobState.CANCELLED
        await resent.deliver(messages[0])
        job = desk.look(number)
        assert (job.counts, job.finished) == ({"DELIVERED": 1, "WAITING": 3}, True)
        with pytest.raises(JournalError) as refused:
            desk.start(number, QUICK)
        assert refused.value.code == "CB4004"
        done = [(row["action"], row["actor"]) for row in audit.read(desk.side.database)]
    assert done[2:] == [("resend.pause", "other"), ("resend.cancel", "other")]
    assert resent.step(number, seconds=60).state is JobState.CANCELLED
    assert resent.due() == []
    assert resent.journal.counts()[State.PARKED] == 3


async def test_the_pace_is_kept(resent: Resent) -> None:
    """So many a second however long nobody looked, and never more under way than wanted."""
    for number in range(30):
        await resent.parked(f"atena:{number}")
    number = resent.started(Pace(rate=4.0, most_open=10))
    with resent.desk() as desk:
        runner, seen = desk.runner(number, "one"), []
        for seconds in (1.0, 1.0, 60.0, 1.0, 1.0):
            resent.clock.at += seconds
            runner.step()
            seen.append(len(resent.due()))
    assert seen == [4, 8, 10, 10, 10]


async def test_one_runs_a_job_and_another_takes_over(resent: Resent) -> None:
    """While one holds it the other sends nothing; ten seconds after its last sign it does."""
    for number in range(3):
        await resent.parked(f"atena:{number}")
    number = resent.started(Pace(rate=1.0, most_open=10))
    assert resent.step(number, "one").holder == "one"
    assert resent.step(number, "two").holder == "one"
    assert len(resent.due()) == 1
    assert resent.step(number, "two", 11).holder == "two"
    assert len(resent.due()) == 3
    resent.clock.at -= 10_000
    assert resent.step(number, "one").holder == "one"


async def test_named_ones_cancelled_ones_and_overtaken_ones(resent: Resent) -> None:
    """Only what is parked is planned; what was cancelled or overtaken meanwhile is left, and says why."""
    old, gone, fine = await resent.parked("a:1"), await resent.parked("a:2"), await resent.parked("a:3")
    later = acceptance(ordering_keys=("a:1",))
    await resent.journal.accept(later)
    await resent.deliver(later)
    named = (fine.delivery_id(0), later.delivery_id(0), "nothing", old.delivery_id(0), gone.delivery_id(0), "x-99999")
    job = resent.planned(deliveries=named)
    assert job.summary.not_parked == (later.delivery_id(0), "nothing", "x-99999")
    with resent.desk() as desk:
        assert [row["delivery_id"] for row in desk.items(job.number)] == [
            each.delivery_id(0) for each in (old, gone, fine)
        ]
        assert [each.done for each in JournalOperator(desk.side, resent.clock).cancel([gone.delivery_id(0)])] == [True]
        desk.start(job.number, Pace(rate=100.0, skip_overtaken=True))
    resent.step(job.number)
    assert resent.due() == [fine.delivery_id(0)]
    with resent.desk() as desk:
        assert {row["delivery_id"]: row["code"] for row in desk.items(job.number, state="SKIPPED")} == {
            old.delivery_id(0): "CB5023", gone.delivery_id(0): "CB5022"
        }  # fmt: skip


async def test_what_expires_or_is_removed_meanwhile_has_an_outcome(resent: Resent) -> None:
    """Expired and cancelled are told as such; a row that retention removed ends its item too."""
    one, other, third = [await resent.parked(f"a:{number}") for number in range(3)]
    number = resent.started()
    resent.step(number)
    await resent.journal.record([step(one, State.EXPIRED, code="CB5006")])
    await resent.deliver(other)
    with resent.desk() as desk:
        assert [each.done for each in JournalOperator(desk.side, resent.clock).cancel([third.delivery_id(0)])] == [True]
        with desk.side.transaction() as database:
            (n,) = database.execute("SELECT n FROM exchange_key WHERE exchange_id = ?", (other.exchange_id,)).fetchone()
            desk.side.uncount([n])
            for statement in ("DELETE FROM delivery WHERE n / 4096 = ?", "DELETE FROM exchange WHERE n = ?"):
                database.execute(statement, (n,))
            desk.side.forget([(n, other.exchange_id, other.municipality, other.message_id)])
    job = resent.step(number)
    assert (job.state, job.counts) == (JobState.DONE, {"EXPIRED": 1, "GONE": 1, "CANCELLED": 1})


async def test_many_pages_are_planned_in_order_and_looked_at_within_bounds(resent: Resent) -> None:
    """More than a page of items; the look at what came later ends where it is told to, and says so."""
    messages = []
    for _ in range(510):
        one = acceptance(ordering_keys=("setai:1",))
        await resent.journal.accept(one)
        messages.append(one)
    await resent.journal.record([step(one, State.DISPATCHING) for one in messages])
    await resent.journal.record([step(one, State.PARKED, code="CB6004") for one in messages])
    with resent.desk() as desk:
        job = Planner(desk.side, resent.clock, "test", looked=100).plan(Selection(), "test")
        assert (job.summary.number, job.summary.longest, job.summary.complete) == (510, 510, False)
        rows = desk.items(job.number, limit=1000)
        assert [row["delivery_id"] for row in rows] == [each.delivery_id(0) for each in messages]
        assert [job.number for job in desk.jobs(states=[JobState.PLANNED])] == [job.number]
        assert desk.jobs(before=job.number) == []
        with pytest.raises(JournalError):
            desk.look(99)
