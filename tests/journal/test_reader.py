"""What operators see: pages, filters, one exchange with its timeline, parked groups; and what they may decide."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any

import pytest

from bus.core.errors import JournalError
from bus.core.ports import Acceptance, JournalReader
from bus.core.states import State
from bus.journal.operator import JournalOperator
from bus.journal.postgres.journal import PostgresJournal
from bus.journal.postgres.reader import PostgresReader
from bus.journal.postgres.side import PostgresSide
from bus.journal.reader import SqliteReader
from bus.journal.side import Side, SqliteSide
from bus.journal.sqlite import SqliteJournal
from bus.journal.stored import StoredJournal
from tests.support.deliveries import MUNICIPALITY, NOW, SteppedClock, acceptance, call, refusal, step
from tests.support.postgres import journal_place


@dataclass
class Stock:
    """A journal with a bit of everything, still open for writing."""

    path: Path
    engine: str
    journal: StoredJournal
    notices: list[Acceptance]
    fan_out: Acceptance
    inquiry: Acceptance
    refused: Acceptance
    elsewhere: Acceptance

    def reader(self, known: Sequence[str] = ()) -> JournalReader:
        """A reader beside the open journal that knows these municipalities."""
        if self.engine == "sqlite":
            return SqliteReader(self.path, known)
        return PostgresReader(journal_place(self.path), known)

    def side(self) -> Side:
        """A connection for operators' commands."""
        return SqliteSide(self.path) if self.engine == "sqlite" else PostgresSide(journal_place(self.path))


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=[pytest.mark.slow, pytest.mark.system])])
async def stock(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Stock]:
    """Five notices (one delivered, two parked), a fan-out, an answered inquiry, a refusal, another municipality."""
    path = tmp_path / "journal.sqlite"
    journal: SqliteJournal | PostgresJournal = SqliteJournal(path, clock=SteppedClock())
    if request.param != "sqlite":
        journal = PostgresJournal(journal_place(path), clock=SteppedClock())
    await journal.open()
    notices = [acceptance(received_at=NOW + number) for number in range(5)]
    fan_out = acceptance(targets=("tax", "kokuho"), received_at=NOW + 10)
    inquiry, refused = call(received_at=NOW + 20), refusal("urn:refused", received_at=NOW + 30)
    elsewhere = acceptance(municipality="990027", received_at=NOW + 40)
    for each in (*notices, fan_out, inquiry, refused, elsewhere):
        await journal.accept(each)
    for each, outcome, code in zip(
        notices, (State.DELIVERED, State.PARKED, State.PARKED), ("", "CB5004", "CB5007"), strict=False
    ):
        times = {"attempt": 1, "request_out": NOW + 1, "response_in": NOW + 2}
        await journal.record([step(each, State.DISPATCHING, at=NOW + 1, attempt=1)])
        detail = f'[{{"code": "{code}"}}]' if code else ""
        await journal.record([step(each, outcome, at=NOW + 3, code=code, detail=detail, **times)])
    await journal.record([step(inquiry, State.REPLIED, at=NOW + 22, reply=b"<kaito/>", reply_status=200)])
    yield Stock(path, request.param, journal, notices, fan_out, inquiry, refused, elsewhere)
    await journal.close()


@pytest.fixture
def reader(stock: Stock) -> Iterator[JournalReader]:
    """A reader beside the open journal."""
    with closing(stock.reader()) as reader:
        yield reader


@pytest.fixture
def operator(stock: Stock) -> Iterator[JournalOperator]:
    """An operator beside the open journal."""
    with closing(JournalOperator(stock.side(), SteppedClock(NOW + 100))) as operator:
        yield operator


def test_deliveries_come_newest_first_page_by_page(stock: Stock, reader: JournalReader) -> None:
    """Keyset pages meet every row once, refused messages and each delivery of a fan-out included."""
    rows, before = [], ""
    while page := reader.search(before=before, limit=3):
        rows += page
        before = str(page[-1]["delivery_id"])
    ids = [row["delivery_id"] for row in rows]
    assert len(ids) == len(set(ids)) == 10
    assert ids[0] == stock.elsewhere.delivery_id(0)
    assert ids[3:5] == [stock.fan_out.delivery_id(1), stock.fan_out.delivery_id(0)]
    assert ids[-1] == stock.notices[0].delivery_id(0)
    assert not any("raw" in row or "body" in row for row in rows)


@pytest.mark.parametrize(
    ("asked", "count"),
    [
        ({"municipality": MUNICIPALITY}, 9),
        ({"municipality": "990027"}, 1),
        ({"operation": "juki.jumin_shokai"}, 1),
        ({"endpoint": "kokuho"}, 1),
        ({"endpoint": "tax"}, 8),
        ({"state": "PARKED"}, 2),
        ({"state": "REJECTED"}, 1),
        ({"since": NOW + 10, "until": NOW + 30}, 3),
        ({"message_id": "urn:refused"}, 1),
        ({"message_id": "urn:unknown"}, 0),
        ({"municipality": "990027", "message_id": "urn:refused"}, 0),
    ],
)
def test_each_filter_narrows(stock: Stock, asked: dict[str, object], count: int, reader: JournalReader) -> None:
    """Filters by municipality, operation, endpoint, state, time and message id."""
    assert len(reader.search(**asked)) == count


def test_an_exchange_is_shown_with_its_timeline_and_four_times(stock: Stock, reader: JournalReader) -> None:
    """Request in and out, response in and out, and every transition with its code."""
    shown = reader.show(stock.inquiry.exchange_id)
    assert shown is not None
    (delivery,) = shown["deliveries"]
    assert (shown["received_at"], delivery["response_out"], delivery["state"]) == (NOW + 20, NOW + 22, "REPLIED")
    parked = reader.show(stock.notices[1].exchange_id)
    assert parked is not None
    (delivery,) = parked["deliveries"]
    assert (delivery["request_out"], delivery["response_in"], delivery["attempt"]) == (NOW + 1, NOW + 2, 1)
    assert [(event["state"], event["code"]) for event in delivery["events"]] == [
        ("DISPATCHING", ""),
        ("PARKED", "CB5004"),
    ]
    assert delivery["findings"] == [{"code": "CB5004"}]
    assert [event["state"] for event in reader.iterate_events(stock.refused.exchange_id)] == ["REJECTED"]
    assert reader.show("unknown") is None
    assert list(reader.iterate_events("unknown")) == []


def test_parked_messages_are_grouped_by_cause(stock: Stock, reader: JournalReader) -> None:
    """Causes, not counters: code and target with count and times."""
    groups = reader.parked()
    assert {(group["code"], group["target"], group["count"]) for group in groups} == {
        ("CB5004", "tax", 1),
        ("CB5007", "tax", 1),
    }
    assert all(group["first_at"] == group["last_at"] == NOW + 3 for group in groups)


async def test_an_operators_decision_is_seen_by_the_running_bus(stock: Stock, operator: JournalOperator) -> None:
    """The writer notices that another process changed a state it remembered."""
    parked = operator.parked_ids(code="CB5004")
    assert [(each.before, each.state, each.done) for each in operator.resend(parked)] == [
        ("PARKED", "RETRY_WAIT", True)
    ]
    (due,) = stock.journal.due(NOW + 100)
    assert due.consignment.delivery_id == parked[0]
    assert due.consignment.attempt == 0
    await stock.journal.record([step(stock.notices[1], State.DISPATCHING, attempt=1)])
    with pytest.raises(JournalError):
        await stock.journal.record([step(stock.notices[2], State.DISPATCHING)])


async def test_an_operator_cancels_what_waits_and_nothing_else(
    stock: Stock, reader: JournalReader, operator: JournalOperator
) -> None:
    """Delivered, answered, refused, direct and unknown ones stay as they are."""
    ids = [stock.notices[0].delivery_id(0), stock.notices[3].delivery_id(0), stock.inquiry.delivery_id(0), "nonsense"]
    assert [(each.before, each.done) for each in operator.cancel(ids)] == [
        ("DELIVERED", False),
        ("ACCEPTED", True),
        ("REPLIED", False),
        ("", False),
    ]
    assert stock.journal.counts()[State.CANCELLED] == 1
    events = list(reader.iterate_events(stock.notices[3].exchange_id))
    assert (events[-1]["code"], events[-1]["actor"]) == ("CB5009", "operator")


async def test_many_decisions_go_in_several_commits(stock: Stock, operator: JournalOperator) -> None:
    """A large resend reports every delivery and never keeps the bus waiting for long."""
    many = [acceptance() for _ in range(450)]
    for each in many:
        await stock.journal.accept(each)
    decisions = list(operator.cancel(each.delivery_id(0) for each in many))
    assert len(decisions) == 450
    assert all(each.done for each in decisions)


def test_there_is_nothing_to_read_without_a_journal(tmp_path: Path) -> None:
    """Neither reading nor deciding creates one."""
    for opening in (SqliteReader, lambda path: JournalOperator(SqliteSide(path), SteppedClock())):
        with pytest.raises(JournalError) as caught:
            opening(tmp_path / "none.sqlite")
        assert caught.value.code == "CB4003"
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
def test_every_search_finds_what_going_through_everything_finds(stock: Stock, reader: JournalReader) -> None:
    """Whatever index a search goes along: the same rows in the same order, also from page to page."""
    everything = reader.search(limit=10_000)
    states = ["", *(state.value for state in State)]
    for state, endpoint, municipality in product(states, ["", "juki", "tax", "kokuho"], ["", MUNICIPALITY, "990027"]):
        expected = [
            row
            for row in everything
            if (not state or row["state"] == state)
            and (not endpoint or endpoint in (row["sender"], row["target"]))
            and (not municipality or row["municipality"] == municipality)
        ]
        asked = {"state": state, "endpoint": endpoint, "municipality": municipality}
        assert list(reader.search(**asked, limit=10_000)) == expected, asked
        pages: list[object] = []
        before = ""
        while page := reader.search(**asked, before=before, limit=2):
            pages += page
            before = str(page[-1]["delivery_id"])
        assert pages == expected, asked


@pytest.mark.slow
def test_a_message_id_is_found_without_its_municipality(stock: Stock) -> None:
    """Whether its municipality is one of the site's or was one once."""
    wanted = stock.elsewhere.message_id
    for known in ((), (MUNICIPALITY,), (MUNICIPALITY, "990027")):
        with closing(stock.reader(known)) as reader:
            assert [row["exchange_id"] for row in reader.search(message_id=wanted)] == [stock.elsewhere.exchange_id]


@pytest.mark.slow
def test_what_is_rare_and_what_is_not_are_found_alike(stock: Stock) -> None:
    """By operation and by endpoint, known and unknown: whichever way is taken, the same rows."""
    if stock.engine == "sqlite":
        return
    place = journal_place(stock.path)
    names = ("juki.ido_tsuchi", "juki.jumin_shokai", "nobody.asks")
    asked: list[dict[str, Any]] = [{"operation": name} for name in names]
    asked += [{"endpoint": name} for name in ("juki", "tax", "kokuho", "nobody")]
    asked += [{"operation": "juki.ido_tsuchi", "endpoint": "juki"}, {"operation": "juki.ido_tsuchi", "state": "PARKED"}]
    asked += [{"municipality": MUNICIPALITY, "since": NOW - 1.0, "until": NOW + 5.0}]
    with closing(stock.reader()) as few, closing(PostgresReader(place, rare=0)) as many:
        for each in asked:
            assert list(few.search(**each)) == list(many.search(**each)), each
        assert few.search(operation="nobody.asks") == few.search(endpoint="nobody") == []
        assert len(few.search(operation="juki.ido_tsuchi")) > 3
