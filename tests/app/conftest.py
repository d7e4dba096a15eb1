"""A whole bus in this process: real journal, broker, delivery and front, with fake providers behind it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from bus.app import build
from bus.app.composition import App
from bus.core.basic import basic_header
from bus.core.config import load_site
from schemas.catalog import load_edition
from schemas.model import Edition
from tests.support.providers import FakeProvider, answer_inquiry, give_receipt
from tests.support.residents import RESIDENT, message
from tests.support.sites import change, write_site


@pytest.fixture(scope="session")
def edition() -> Edition:
    """The shipped edition."""
    return load_edition()


@dataclass(slots=True)
class Town:
    """The bus of one site with its three systems."""

    folder: Path
    edition: Edition
    app: App
    juki: FakeProvider
    tax: FakeProvider
    kokuho: FakeProvider

    @property
    def port(self) -> int:
        """Where the bus listens."""
        return self.app.addresses[0][1]

    async def post(self, sender: str, operation: str, body: bytes, **more: str) -> tuple[int, bytes]:
        """Post to the bus as an endpoint, with ``more`` HTTP fields (``_`` for ``-``); status and body."""
        unit, _, _ = operation.partition(".")
        found = self.edition.operation(operation)
        assert found is not None
        headers = {"SOAPAction": f'"{found.action}"', "Authorization": basic_header(sender, f"secret-of-{sender}")}
        headers |= {name.replace("_", "-"): value for name, value in more.items()}
        return await post(self.port, f"/990019/{sender}/{unit}", body, headers)

    async def notify(self, message_id: str = "", **changes: str) -> tuple[int, bytes]:
        """Send a 異動通知 as juki."""
        body = message(self.edition, "juki.ido_tsuchi", {**RESIDENT, **changes}, message_id)
        return await self.post("juki", "juki.ido_tsuchi", body)

    def counts(self) -> dict[str, int]:
        """Deliveries by state that are not zero."""
        return {name: count for name, count in self.app.metrics().counts.items() if count and name.isupper()}

    async def restart(self) -> None:
        """Stop the bus and start another one on the same folder."""
        await self.app.stop()
        self.app = build(load_site(self.folder, self.edition, need_secrets=True), self.edition)
        await self.app.start()

    async def reload(self) -> None:
        """Read the folder again."""
        await self.app.reload(load_site(self.folder, self.edition, need_secrets=True))


async def post(port: int, path: str, body: bytes, headers: dict[str, str], method: str = "POST") -> tuple[int, bytes]:
    """One request on a connection of its own."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    fields = {"Host": f"127.0.0.1:{port}", "Connection": "close"}
    if body:
        fields |= {"Content-Type": "text/xml; charset=utf-8", "Content-Length": str(len(body))}
    fields |= headers
    head = f"{method} {path} HTTP/1.1\r\n" + "".join(f"{name}: {value}\r\n" for name, value in fields.items())
    try:
        writer.write(head.encode() + b"\r\n" + body)
        await writer.drain()
        answer = await asyncio.wait_for(reader.read(), 20)
    finally:
        writer.close()
    await writer.wait_closed()
    first, _, rest = answer.partition(b"\r\n")
    return int(first.split()[1]), rest.partition(b"\r\n\r\n")[2]


@pytest.fixture
async def town(tmp_path: Path, edition: Edition, request: pytest.FixtureRequest) -> AsyncIterator[Town]:
    """A running town; an indirect parameter is its ``front.processes``."""
    juki = FakeProvider(answer_inquiry(edition, "juki.jumin_shokai", RESIDENT))
    tax = FakeProvider(give_receipt(edition, "juki.ido_tsuchi"))
    kokuho = FakeProvider(give_receipt(edition, "juki.ido_tsuchi"))
    ports = [await provider.start() for provider in (juki, tax, kokuho)]
    folder = write_site(tmp_path / "site", juki=ports[0], tax=ports[1], kokuho=ports[2])
    change(folder / "site.toml", "[front]\n", f"[front]\nprocesses = {getattr(request, 'param', 1)}\n")
    app = build(load_site(folder, edition, need_secrets=True), edition)
    await app.start()
    built = Town(folder, edition, app, juki, tax, kokuho)
    yield built
    await built.app.stop()
    for provider in (juki, tax, kokuho):
        await provider.stop()
