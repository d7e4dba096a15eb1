"""A whole bus with TLS, alone and with workers: a certificate lets in, and a rotation under load loses nothing."""

from __future__ import annotations

import asyncio
import ssl
from pathlib import Path

import pytest

from bus.core.channel import TlsMaterial
from bus.core.tls import client_context
from schemas.model import Edition
from tests.app.conftest import Town
from tests.support.pki import pki, write
from tests.support.residents import ATENABANGO, message
from tests.support.sites import change

pytestmark = pytest.mark.parametrize(
    "town", [1, pytest.param(2, marks=pytest.mark.slow)], indirect=True, ids=["one process", "two workers"]
)
FRONT = """[front.tls]
listen = "127.0.0.1:0"
certificate = "tls/bus.pem"
key = "tls/bus.key"
client_ca = "tls/ca.pem"
client_certificates = "optional"

[journal]"""


def inquiry(edition: Edition, number: int) -> bytes:
    """A question of the tax office with an id of its own."""
    values = {"atenabango": ATENABANGO, "kijunbi": "2026-01-01"}
    return message(edition, "juki.jumin_shokai", values, f"urn:uuid:00000000-0000-4000-8000-{number:012x}")


async def protect(town: Town) -> ssl.SSLContext:
    """Give the town TLS and the tax office a certificate; how the tax office calls."""
    folder, tax = town.folder, pki().client("tax")
    write(folder / "tls", "bus", pki().server(name="first"))
    write(folder / "tls", "tax", tax)
    (folder / "tls/ca.pem").write_bytes(pki().clients.pem)
    change(folder / "site.toml", "[journal]", FRONT)
    bind(folder, "tls/tax.pem")
    await town.restart()
    return client_context(TlsMaterial(tax.certificate, tax.key, authorities=pki().servers.pem))


def bind(folder: Path, file: str) -> None:
    """The certificate in this file stands for the tax office, whose secret says nothing any more."""
    path = folder / "endpoints.toml"
    caller = f'purpose = "kazei", caller = {{ certificates = [{{ file = "{file}" }}] }}'
    path.write_text(path.read_text("utf-8").replace('purpose = "kazei"', caller), "utf-8")


class Caller:
    """One kept connection over TLS."""

    def __init__(self, town: Town, context: ssl.SSLContext) -> None:
        self._town, self._context = town, context
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def open(self) -> str:
        """Connect; the subject of the bus's certificate."""
        address = self._town.app.tls_address
        assert address is not None
        self._streams = await asyncio.open_connection(*address, ssl=self._context, server_hostname="localhost")
        return str(self._streams[1].get_extra_info("ssl_object").getpeercert()["subject"])

    async def ask(self, number: int) -> int:
        """The status of one inquiry."""
        assert self._streams is not None
        reader, writer = self._streams
        body = inquiry(self._town.edition, number)
        fields = f'Host: x\r\nSOAPAction: ""\r\nContent-Type: text/xml; charset=utf-8\r\nContent-Length: {len(body)}'
        writer.write(f"POST /990019/tax/juki HTTP/1.1\r\n{fields}\r\n\r\n".encode() + body)
        async with asyncio.timeout(10):
            head = await reader.readuntil(b"\r\n\r\n")
            length = next(int(line[15:]) for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:"))
            await reader.readexactly(length)
        return int(head.split()[1])

    async def close(self) -> None:
        """Hang up."""
        if self._streams is not None:
            self._streams[1].close()
            await self._streams[1].wait_closed()


async def test_a_rotation_under_load_loses_no_request(town: Town) -> None:
    """Kept connections go on, new ones see the new certificate, and every question is answered."""
    context = await protect(town)
    callers = [Caller(town, context) for _ in range(3)]
    for caller in callers:
        assert "first" in await caller.open()
    rotated = asyncio.Event()

    async def keep_asking(caller: Caller, start: int) -> list[int]:
        statuses, number = [], start
        while not rotated.is_set() or len(statuses) < 5:
            statuses.append(await caller.ask(number))
            number += 1
        return statuses

    asking = [asyncio.create_task(keep_asking(caller, 1000 * n)) for n, caller in enumerate(callers, 1)]
    write(town.folder / "tls", "bus", pki().server(name="second"))
    await town.reload()
    late = Caller(town, context)
    assert "second" in await late.open()
    assert await late.ask(1) == 200
    rotated.set()
    assert {status for statuses in await asyncio.gather(*asking) for status in statuses} == {200}
    for caller in (*callers, late):
        await caller.close()


async def test_a_reload_takes_a_certificate_away_from_a_kept_connection(town: Town) -> None:
    """What no longer stands for the endpoint opens nothing, not even on a connection from before."""
    caller = Caller(town, await protect(town))
    await caller.open()
    assert await caller.ask(1) == 200
    write(town.folder / "tls", "tax", pki().client("tax"))
    await town.reload()
    assert await caller.ask(2) == 403
    await caller.close()
