"""The remote journal and its counter over a real socket pair: what the port promises holds across it."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from bus.core.clock import SystemClock
from bus.core.errors import JournalError
from bus.core.ports import Acceptance, Consignment, Transition
from bus.core.states import State
from bus.core.types import Mode
from bus.journal.counter import Counter
from bus.journal.frames import FROM_OWNER, FROM_WORKER, Accept, Channel, Stored
from bus.journal.remote import OwnerDecides, RemoteJournal
from bus.journal.sqlite import SqliteJournal
from bus.wire.http import Request, Response
from tests.support.polling import until_async


def acceptance(number: int, *, state: State = State.ACCEPTED, **changes: Any) -> Acceptance:
    """An acceptance of synthetic content."""
    fields: dict[str, Any] = {
        "exchange_id": f"{number:032x}",
        "municipality": "990019",
        "sender": "juki",
        "message_id": f"urn:uuid:{number}",
        "sha256": sha256(b"<a>").hexdigest(),
        "unit": "juki",
        "operation": "juki.ido_tsuchi",
        "edition": "1.0",
        "purpose": "jumin",
        "mode": Mode.QUEUED if state is State.ACCEPTED else Mode.DIRECT,
        "ordering_keys": ("atena:1",),
        "received_at": 1.0,
        "expires_at": 2.0,
        "content_type": "text/xml",
        "soap_action": "",
        "relates_to": "",
        "tables_hash": "",
        "size": 3,
        "state": state,
        "targets": () if state is State.REJECTED else ("tax",),
        "raw": b"" if state is State.REJECTED else b"<a>",
    }
    return Acceptance(**(fields | changes))


@dataclass
class Pair:
    """Both ends: the worker's journal, the owner's store and counter, and what was handed over."""

    remote: RemoteJournal
    store: SqliteJournal
    counter: Counter
    ends: tuple[Channel, Channel]
    handed: list[Consignment] = field(default_factory=list)
    lines: list[tuple[str, dict[str, Any]]] = field(default_factory=list)

    def hand_over(self, consignments: Sequence[Consignment]) -> None:
        """The outbox."""
        self.handed.extend(consignments)


@asynccontextmanager
async def pair(folder: Path) -> AsyncIterator[Pair]:
    """A worker's journal before an owner's store."""
    clock = SystemClock()
    store = SqliteJournal(folder / "journal.sqlite", clock=clock)
    await store.open()
    remote = RemoteJournal()
    found: list[Pair] = []

    async def answer(request: Request) -> Response:
        return Response(200, "text/plain", request.body[::-1])

    class Outbox:
        def hand_over(self, consignments: Sequence[Consignment]) -> None:
            found[0].hand_over(consignments)

    counter = Counter(store, Outbox(), answer, clock, lambda event, **fields: found[0].lines.append((event, fields)))
    ends = await connected(remote.heard, counter.heard)
    remote.connect(ends[0])
    counter.connect(ends[1])
    found.append(Pair(remote, store, counter, ends))
    yield found[0]
    for end in ends:
        end.close()
    await store.close()


async def connected(worker: Callable[[Any], None], owner: Callable[[Any], None]) -> tuple[Channel, Channel]:
    """Two channels over a socket pair."""
    loop = asyncio.get_running_loop()
    left, right = socket.socketpair()
    _, near = await loop.create_unix_connection(lambda: Channel(FROM_OWNER, worker, lambda: None), sock=left)
    _, far = await loop.create_unix_connection(lambda: Channel(FROM_WORKER, owner, lambda: None), sock=right)
    return near, far


async def test_an_acceptance_for_the_queue_is_durable_and_handed_over_before_it_is_told(tmp_path: Path) -> None:
    """Bodies cross once: the owner makes the consignments from what it stored."""
    async with pair(tmp_path) as both:
        assert await both.remote.accept(acceptance(1)) is None
        assert both.store.body(f"{1:032x}") == b"<a>"
        (handed,) = both.handed
        (kept,) = both.store.open_deliveries()
        assert handed == kept.consignment.carrying(b"<a>", 0)


async def test_a_known_id_is_for_the_owner_to_decide(tmp_path: Path) -> None:
    """Neither stored nor handed over a second time; also a refusal of what was accepted once."""
    async with pair(tmp_path) as both:
        await both.remote.accept(acceptance(1))
        again = {"message_id": "urn:uuid:1"}
        for number, state in ((2, State.ACCEPTED), (3, State.REJECTED)):
            with pytest.raises(OwnerDecides):
                await both.remote.accept(acceptance(number, state=state, **again))
        assert len(both.handed) == 1
        assert both.store.counts()["accepted_messages"] == 1
        assert both.store.counts()["rejected_messages"] == 0


async def test_questions_about_what_is_stored_are_for_the_owner(tmp_path: Path) -> None:
    """No answer is better than one that may be wrong."""
    async with pair(tmp_path) as both:
        journal = both.remote
        assert journal.find("990019", "juki", "urn:uuid:1") is None
        asked: list[Callable[[], object]] = [
            lambda: journal.exchange_of("990019", "urn:uuid:1"),
            lambda: journal.body(""),
            journal.open_deliveries,
            lambda: journal.due(0.0),
            lambda: journal.states([""]),
            journal.interrupted_calls,
            journal.counts,
        ]
        for ask in asked:
            with pytest.raises(OwnerDecides):
                ask()


async def test_the_outcome_of_a_call_is_recorded_with_its_answer(tmp_path: Path) -> None:
    """A transition that may not follow is told by its code."""
    async with pair(tmp_path) as both:
        await both.remote.accept(acceptance(1, state=State.DISPATCHING))
        replied = Transition(f"{1:032x}-0", State.REPLIED, 2.0, reply=b"<b>", reply_status=200)
        await both.remote.record([replied])
        known = both.store.find("990019", "juki", "urn:uuid:1")
        assert known is not None
        assert (known.state, known.reply) == (State.REPLIED, b"<b>")
        with pytest.raises(JournalError) as caught:
            await both.remote.record([replied])
        assert caught.value.code == "CB4004"


async def test_a_store_that_is_closed_refuses_over_the_distance(tmp_path: Path) -> None:
    """CB4001 reaches the worker, which tells its sender to come again."""
    async with pair(tmp_path) as both:
        await both.store.close()
        with pytest.raises(JournalError) as caught:
            await both.remote.accept(acceptance(1))
        assert caught.value.code == "CB4001"
        await both.store.open()


async def test_calls_of_a_lost_worker_are_closed_and_those_that_ended_are_not(tmp_path: Path) -> None:
    """CB5003, also for a call whose acceptance was still on its way to the disk."""
    async with pair(tmp_path) as both:
        for number in (1, 2):
            await both.remote.accept(acceptance(number, state=State.DISPATCHING))
        await both.remote.record([Transition(f"{2:032x}-0", State.REPLIED, 2.0, reply=b"<b>", reply_status=200)])
        both.counter.heard(Accept(9, acceptance(3, state=State.DISPATCHING)))
        await both.counter.close()
        found = [both.store.find("990019", "juki", f"urn:uuid:{number}") for number in (1, 2, 3)]
        assert [(each.state, each.code) for each in found if each is not None] == [
            (State.CANCELLED, "CB5003"), (State.REPLIED, ""), (State.CANCELLED, "CB5003"),
        ]  # fmt: skip
        assert [fields["count"] for event, fields in both.lines if event == "interrupted_calls_closed"] == [2]


async def test_a_whole_request_is_answered_by_the_owner(tmp_path: Path) -> None:
    """Of any size: a frame may come in many pieces."""
    async with pair(tmp_path) as both:
        body = bytes(range(256)) * 20_000
        answers = await asyncio.gather(
            *(both.remote.ask(Request("POST", "/", {}, body + each)) for each in (b"", b"x"))
        )
        assert [answer.body for answer in answers] == [body[::-1], b"x" + body[::-1]]


@pytest.mark.parametrize("size", [1, 2, 3, 5, 7])
async def test_frames_are_read_however_they_are_cut(size: int) -> None:
    """Piece by piece, every note arrives once and in its order."""
    sent: list[bytes] = []
    heard: list[Any] = []

    class Wire(asyncio.Transport):
        def writelines(self, list_of_data: Any) -> None:
            sent.append(b"".join(list_of_data))

    speaker = Channel(FROM_WORKER, heard.append, lambda: None)
    speaker.connection_made(Wire())
    for frames, start in ((1, 0), (2, 10)):
        for number in range(start, start + 3):
            speaker.say(Stored(number))
        await until_async(partial(lambda wanted: len(sent) == wanted, frames), what="a frame")
    listener = Channel(FROM_OWNER, heard.append, lambda: None)
    stream = b"".join(sent)
    for start in range(0, len(stream), size):
        listener.data_received(stream[start : start + size])
    assert [note.number for note in heard] == [0, 1, 2, 10, 11, 12]
    assert len(sent) == 2
