"""Attachments at an adapter: received into files within a limit of its own, and sent from files."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from adapters.host.attached import Enclosures
from adapters.host.bus_client import BusClient
from adapters.host.flows.base import Reply, Request
from adapters.host.process import Host
from bus.app import build
from bus.core.config import load_site
from bus.core.errors import EnvironmentFault
from bus.wire.attachments.writer import FilePart, MultipartMessage
from schemas.model import Edition
from tests.attachments.messages import SWA, part, swa
from tests.host.place import Caller, Place
from tests.host.test_face import ID, NOTICE, fault_of, notice
from tests.support.polling import until_async
from tests.support.providers import FakeProvider, give_receipt
from tests.support.sites import change, write_site

FILE = bytes(range(256)) * 2000


@dataclass(slots=True)
class Keeper:
    """A flow that keeps the attachments of what it gets."""

    host: Host
    folder: Path
    kept: dict[str, Path] = field(default_factory=dict)
    fails: bool = False
    operations: tuple[str, ...] = (NOTICE,)

    async def answer(self, request: Request) -> Reply:
        """Move the first file away, leave the others."""
        if self.fails:
            raise EnvironmentFault("CB9001")
        first = request.files[0]
        self.kept[first.content_id] = first.path.rename(self.folder / "kept.csv")
        assert hashlib.sha256(self.kept[first.content_id].read_bytes()).hexdigest() == first.sha256
        return await self.host._face.flows[f"{NOTICE}!"].answer(request)


def keeping(host: Host, folder: Path) -> Keeper:
    """Put a keeper before the flow of the notice."""
    keeper = Keeper(host, folder)
    inner = host._face.flows[NOTICE]
    host._face.flows = {NOTICE: keeper, f"{NOTICE}!": inner}
    host._face.with_files = frozenset({NOTICE})
    return keeper


def left(host: Host) -> list[Path]:
    """Files of messages that are being answered."""
    folder = host._face.enclosures._folder
    return list(folder.rglob("*")) if folder.is_dir() else []


async def test_attachments_become_files_which_a_flow_keeps_or_not(place: Place, edition: Edition) -> None:
    """Decoded, each in a file of our own naming; what was not moved away is gone after the answer."""
    body = swa(notice(edition), part("kept@x", FILE), part("b@x", b"second"))
    async with place.running("a-tax") as host:
        keeper = keeping(host, place.folder)
        status, _, raw = await Caller(host, content_type=SWA).post(body)
        assert status == 200, raw
        assert keeper.kept["kept@x"].read_bytes() == FILE
        assert left(host) == []
        repeated = await Caller(host, content_type=SWA).post(body)
        assert (repeated[0], repeated[2]) == (200, raw)
    assert place.status("a-tax")["inbox"] == 1


@pytest.mark.slow
async def test_a_flow_that_fails_leaves_no_file(place: Place, edition: Edition) -> None:
    """The message comes again, and with it the attachment."""
    async with place.running("a-tax") as host:
        keeping(host, place.folder).fails = True
        status, _, _ = await Caller(host, content_type=SWA).post(swa(notice(edition), part("a@x", FILE)))
        assert status == 500
        assert left(host) == []


@pytest.mark.parametrize(
    ("parts", "code"),
    [
        ((part("a@x", FILE),), "CB1057"),
        ((part("../a", b"1"),), "CB1054"),
        ((part("a@x", b"1"), part("a@x", b"2")), "CB1054"),
    ],
)
async def test_what_is_too_large_or_malformed_is_refused(
    place: Place, edition: Edition, parts: tuple[bytes, ...], code: str
) -> None:
    """The adapter's own limit and the rules of the wire, told as the bus tells them; nothing stays on its disk."""
    async with place.running("a-tax") as host:
        keeping(host, place.folder)
        host._face.enclosures = Enclosures(place.folder / "enclosed", limit=100_000)
        got, _, raw = await Caller(host, content_type=SWA).post(swa(notice(edition), *parts))
        assert (got, fault_of(raw).code) == (500, code)
        assert left(host) == []
    assert place.status("a-tax")["inbox"] == 0


async def test_a_flow_that_knows_nothing_of_attachments_gets_none(place: Place, edition: Edition) -> None:
    """CB1050: silently dropping them would lose what was sent."""
    async with place.running("a-tax") as host:
        status, _, raw = await Caller(host, content_type=SWA).post(swa(notice(edition), part("a@x", b"1")))
        assert (status, fault_of(raw).code) == (500, "CB1050")
        assert left(host) == []


@pytest.mark.slow
async def test_what_a_sudden_end_left_behind_is_gone_at_the_next_start(place: Place, edition: Edition) -> None:
    """No row of the adapter names these files."""
    async with place.running("a-tax") as host:
        folder = host._face.enclosures._folder
    folder.mkdir(parents=True)
    (folder / "part-1").write_bytes(b"left behind")
    async with place.running("a-tax") as host:
        assert left(host) == []


@pytest.fixture
async def receiver(edition: Edition) -> AsyncIterator[FakeProvider]:
    """The system behind the bus."""
    provider = FakeProvider(give_receipt(edition, NOTICE))
    await provider.start()
    yield provider
    await provider.stop()


@pytest.mark.slow
async def test_the_client_of_an_adapter_sends_a_file_through_a_real_bus(
    tmp_path: Path, edition: Edition, receiver: FakeProvider
) -> None:
    """Read from the disk while it is sent; the receiver gets exactly these bytes."""
    folder = write_site(tmp_path / "site", tax=receiver.port)
    routes = folder / "routes.toml"
    change(
        routes,
        '["tax", "kokuho"], mode = "queued" }',
        '["tax"], mode = "queued", attachments = true, unfiltered = "試験" }',
    )
    app = build(load_site(folder, edition, need_secrets=True), edition)
    await app.start()
    client = BusClient(f"http://127.0.0.1:{app.addresses[0][1]}", "990019", "juki", "secret-of-juki")
    file = tmp_path / "extract.csv"
    file.write_bytes(FILE)
    message = MultipartMessage(notice(edition), [FilePart(file, "extract@juki", "text/csv")], boundary="0f1e2d")
    found = edition.operation(NOTICE)
    assert found is not None
    try:
        answer = await client.post_files("juki", found.action, message, message_id=ID)
        assert answer.taken, answer
        await until_async(lambda: receiver.received)
        assert receiver.received[0].body == b"".join(message)
        file.write_bytes(b"shorter")
        again = await client.post_files("juki", found.action, message)
        assert (again.code, again.retryable) == ("CB5001", True)
    finally:
        await client.close()
        await app.stop()
