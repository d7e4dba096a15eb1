"""The universal suite of the upkeep: every journal is kept the same way, beside the bus that runs on it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from bus.core.keeping import Periods, RetentionRule, RetentionSettings
from bus.core.ports import Acceptance, Journal
from bus.core.states import State
from bus.core.types import Attachment, Package
from bus.journal.resend.desk import ResendDesk
from bus.journal.resend.values import Pace, Selection
from bus.journal.side import Side
from bus.journal.upkeep import audit, retention
from bus.journal.upkeep.retention import Retention, removed_ids
from tests.ports.implementations import JournalImplementation, journals
from tests.support.deliveries import MUNICIPALITY, NOW, SteppedClock, acceptance, call, refusal, step

pytestmark = pytest.mark.slow

DAY = 86_400.0
RULES = RetentionSettings(
    Periods(90, 400), rules=(RetentionRule("990027", "", Periods(10, 30)), RetentionRule("", "zei.*", Periods(5, 1000)))
)


@dataclass
class Kept:
    """An open journal with its clock, and sides beside it."""

    journal: Journal
    clock: SteppedClock
    implementation: JournalImplementation
    folder: Path

    @contextmanager
    def side(self) -> Iterator[Side]:
        """A connection as an operator's command has it."""
        side = self.implementation.side(self.folder)
        try:
            yield side
        finally:
            side.close()

    async def removed(self, rules: RetentionSettings = RULES) -> retention.Report:
        """A run of retention in a thread of its own, as another process would do it."""

        def run() -> retention.Report:
            with self.side() as side:
                return Retention(side, rules, self.clock, actor="test", pause=lambda seconds: None).run()

        return await asyncio.to_thread(run)

    def rows(self, statement: str) -> list[tuple[object, ...]]:
        """What a statement finds."""
        with self.side() as side:
            return [tuple(row) for row in side.database.execute(statement).fetchall()]


@pytest.fixture(params=journals())
async def kept(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Kept]:
    """An open, empty journal."""
    clock = SteppedClock()
    journal: Journal = request.param.make(tmp_path, clock)
    await journal.open()
    yield Kept(journal, clock, request.param, tmp_path)
    await journal.close()


async def ended(kept: Kept, **changes: object) -> Acceptance:
    """A message that was answered and to which nothing will happen any more."""
    one = call(received_at=kept.clock.now(), **changes)
    await kept.journal.accept(one)
    await kept.journal.record([step(one, State.REPLIED, reply=b"<kaito/>", reply_status=200)])
    return one


async def test_payloads_go_first_and_rows_later(kept: Kept) -> None:
    """After 90 days the bodies are gone and the rows are there; after 400 days nothing is; the counts never change."""
    part = Attachment("<a>", "image/png", "binary", 0, 5, 5, "1" * 64)
    package = Package("a.mime", "multipart/related", "text/xml", 9, "2" * 64, "3" * 64, (part,))
    old = await ended(kept, package=package)
    await kept.journal.accept(refusal(received_at=NOW))
    counts = kept.journal.counts()
    kept.clock.at += 91 * DAY
    young = await ended(kept)
    report = await kept.removed()
    assert (report.removed, report.kept_open) == ({"payload": 1}, 0)
    assert (kept.journal.body(old.exchange_id), kept.journal.package(old.exchange_id)) == (b"", None)
    assert kept.journal.body(young.exchange_id) == young.raw
    known = kept.journal.find(MUNICIPALITY, "tax", old.message_id)
    assert known is not None
    assert (known.state, known.reply) == (State.REPLIED, b"")
    assert kept.rows("SELECT count(*) FROM segment") == [(0,)]
    assert kept.rows("SELECT count(*) FROM attachment") == [(1,)]
    kept.clock.at += 310 * DAY
    report = await kept.removed()
    assert report.removed == {"payload": 1, "metadata": 2}
    assert kept.journal.find(MUNICIPALITY, "tax", old.message_id) is None
    for table in ("body", "reply", "segment", "attachment"):
        assert kept.rows(f"SELECT count(*) FROM {table}") == [(0,)], table
    assert kept.rows("SELECT exchange_id FROM exchange") == [(young.exchange_id,)]
    after = kept.journal.counts()
    assert after == counts | {"accepted_messages": 2, State.REPLIED.value: 2}
    assert await kept.journal.accept(acceptance()) is None


async def test_what_is_open_is_never_touched(kept: Kept) -> None:
    """Parked, waiting or on its way, however old it is; also when only one of several deliveries is open."""
    still_open = []
    for state in (State.PARKED, State.RETRY_WAIT, State.DISPATCHING):
        one = acceptance(received_at=NOW, targets=("tax", "kokuho"))
        await kept.journal.accept(one)
        await kept.journal.record(
            [step(one, State.DISPATCHING), step(one, state)] if state != State.DISPATCHING else []
        )
        await kept.journal.record([step(one, State.CANCELLED, index=1)])
        still_open.append(one)
    await ended(kept)
    kept.clock.at += 10_000 * DAY
    await ended(kept)
    report = await kept.removed()
    assert (report.removed, report.kept_open) == ({"payload": 1, "metadata": 1}, 3)
    assert [kept.journal.body(each.exchange_id) for each in still_open] == [each.raw for each in still_open]
    assert len(kept.journal.open_deliveries()) == 3
    await kept.journal.record([step(still_open[0], State.CANCELLED)])
    assert (await kept.removed()).removed == {"payload": 1, "metadata": 1}


async def test_the_first_rule_that_fits_wins(kept: Kept) -> None:
    """Other municipalities and other units have their own periods."""
    plain, other = await ended(kept), await ended(kept, municipality="990027")
    tax = await ended(kept, operation="zei.shokai")
    kept.clock.at += 11 * DAY
    await ended(kept)
    await kept.removed()
    bodies = {each.exchange_id: bool(kept.journal.body(each.exchange_id)) for each in (plain, other, tax)}
    assert list(bodies.values()) == [True, False, False]
    kept.clock.at += 30 * DAY
    assert (await kept.removed()).removed == {"metadata": 1}
    assert kept.journal.find("990027", "tax", other.message_id) is None


async def test_a_preview_says_what_a_run_does_and_changes_nothing(kept: Kept) -> None:
    """The same numbers, twice, and then they come true."""
    for _ in range(30):
        await ended(kept)
    kept.clock.at += 500 * DAY
    await ended(kept)
    with kept.side() as side:
        desk = Retention(side, RULES, kept.clock, actor="test")
        first, second = desk.preview(), desk.preview()
    assert first.removed == second.removed
    assert first.bytes == second.bytes
    assert (first.removed["payload"], first.removed["metadata"]) == (30, 30)
    report = await kept.removed()
    assert (report.removed, report.bytes) == ({"payload": 30, "metadata": 30}, first.bytes)


async def test_what_was_removed_is_written_down(kept: Kept) -> None:
    """Which messages, when, by whom, in the transaction that removed them; and the run in the audit."""
    gone = [await ended(kept) for _ in range(3)]
    kept.clock.at += 91 * DAY
    await ended(kept)
    await kept.removed()
    ((actor, kind, number, ids),) = kept.rows("SELECT actor, kind, number, ids FROM removal")
    assert isinstance(ids, bytes)
    assert (actor, kind, number) == ("test", "payload", 3)
    assert removed_ids(ids) == [each.exchange_id for each in gone]
    with kept.side() as side:
        (row,) = audit.read(side.database)
    assert (row["actor"], row["action"], row["at"]) == ("test", "retention.run", kept.clock.now())


async def test_records_of_acts_outlive_everything_else(kept: Kept) -> None:
    """Rows of the audit go after their own period only, and the newest never."""
    with kept.side() as side, side.transaction() as database:
        for number in range(5):
            audit.note(database, NOW + number, "someone", "messages.view", subject=str(number))
    kept.clock.at += 2556 * DAY
    assert "audit" not in (await kept.removed()).removed
    kept.clock.at += 2 * DAY
    assert (await kept.removed()).removed["audit"] == 5
    with kept.side() as side:
        assert {row["action"] for row in audit.read(side.database)} == {"retention.run"}


async def test_resend_jobs_go_when_rows_do(kept: Kept) -> None:
    """Those that ended long ago, with their items; one that runs and the newest stay, so that no number comes twice."""
    numbers = []
    with kept.side() as side:
        desk = ResendDesk(side, kept.clock, "test")
        for _ in range(4):
            one = acceptance(received_at=NOW)
            await kept.journal.accept(one)
            await kept.journal.record([step(one, State.DISPATCHING), step(one, State.PARKED)])
            numbers.append(desk.plan(Selection(deliveries=(one.delivery_id(0),)), "test").number)
        desk.start(numbers[1], Pace())
        for number in (numbers[0], numbers[2], numbers[3]):
            desk.cancel(number)
    kept.clock.at += 399 * DAY
    assert "resend" not in (await kept.removed()).removed
    kept.clock.at += 2 * DAY
    assert (await kept.removed()).removed["resend"] == 2
    assert kept.rows("SELECT j FROM resend_job ORDER BY j") == [(numbers[1],), (numbers[3],)]
    assert kept.rows("SELECT DISTINCT j FROM resend_item ORDER BY j") == [(numbers[1],), (numbers[3],)]
    assert kept.rows("SELECT kind, count(*) FROM removal GROUP BY kind") == [("resend", 2)]


async def test_the_bus_goes_on_while_it_is_cleaned(kept: Kept) -> None:
    """Messages are accepted and answered between the pieces, and all of them are there afterwards."""
    for _ in range(40):
        await asyncio.gather(*(ended(kept) for _ in range(10)))
    kept.clock.at += 500 * DAY
    cleaning = asyncio.create_task(kept.removed())
    fresh: list[Acceptance] = []
    while not cleaning.done():
        fresh.append(await ended(kept))
    report = await cleaning
    assert report.removed["metadata"] >= 399
    assert [kept.journal.body(each.exchange_id) for each in fresh] == [each.raw for each in fresh]
    assert kept.journal.counts()[State.REPLIED] == 400 + len(fresh)


@pytest.mark.parametrize("implementation", journals("reopen"))
async def test_counts_and_numbers_go_on_after_a_restart(implementation: JournalImplementation, tmp_path: Path) -> None:
    """Even when every message was removed and the bus ended suddenly: nothing is counted less, no number used twice."""
    clock = SteppedClock()
    kept = Kept(implementation.make(tmp_path, clock), clock, implementation, tmp_path)
    await kept.journal.open()
    for _ in range(5):
        await ended(kept)
    await kept.journal.accept(refusal())
    counts = kept.journal.counts()
    clock.at += 5000 * DAY
    await kept.removed()
    await kept.journal.close()
    with kept.side() as side, side.transaction() as database:
        if implementation.name == "sqlite":
            database.execute("DELETE FROM progress WHERE name LIKE 'tally.%'")
    kept.journal = implementation.make(tmp_path, clock)
    await kept.journal.open()
    assert kept.journal.counts() == counts
    ((newest,),) = kept.rows("SELECT max(n) FROM exchange")
    await ended(kept)
    ((following,),) = kept.rows("SELECT max(n) FROM exchange")
    assert isinstance(newest, int)
    assert isinstance(following, int)
    assert following > newest
    await kept.journal.close()
