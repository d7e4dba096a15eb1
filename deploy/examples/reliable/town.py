"""Two buses, a sender before the first and a receiver behind the second. All data is synthetic."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import os
import signal
import socket
import sys
from asyncio.subprocess import Process
from dataclasses import dataclass, field
from pathlib import Path

from lxml import etree

from bus.core.types import Addressing
from bus.wire import envelope
from bus.wire.records import receipt
from schemas.catalog import load_edition
from schemas.model import Edition, Operation

TOWN = "990019"
OPERATION = "juki.ido_tsuchi"
COMMON = "urn:chiikibus:standard:1.0:common"
READY_S = 60.0
ANSWER = "HTTP/1.1 200 OK\r\nContent-Type: text/xml; charset=utf-8\r\nContent-Length: "

SITE = """\
[site]
name = "{name}"
edition = "1.0"
log_level = "info"
[[municipality]]
code = "990019"
name = "地域市（架空）"
[front]
listen = "127.0.0.1:{port}"
processes = {processes}
[delivery]
retry_first_s = 0.02
retry_max_s = 0.3
retry_limit = 100000
breaker_failures = 1000
breaker_open_s = 0.2
sweep_s = 0.1
[reliable]
window = 256
idle_s = 600
"""

FIRST = """\
[[endpoint]]
id = "juki"
municipality = "990019"
unit = "juki"
purpose = "jumin"
[[endpoint]]
id = "second"
municipality = "990019"
unit = "kojinjuminzei"
purpose = "kazei"
reliable = true
concurrency = 32
timeout_s = 5
address = "http://127.0.0.1:{port}/990019/chiikibus/juki"
"""
SECOND = """\
[[endpoint]]
id = "chiikibus"
municipality = "990019"
unit = "juki"
purpose = "jumin"
reliable_required = true
[[endpoint]]
id = "tax"
municipality = "990019"
unit = "kojinjuminzei"
purpose = "kazei"
concurrency = 1
timeout_s = 5
address = "http://127.0.0.1:{port}/soap"
"""
ROUTES = """\
route = [ {{ municipality = "990019", operation = "juki.ido_tsuchi", to = ["{target}"], mode = "queued" }} ]
"""
RIGHTS = """\
right = [
  {{ municipality = "990019", endpoint = "{sender}", operation = "juki.ido_tsuchi", purposes = ["jumin"] }},
  {{ municipality = "990019", endpoint = "{target}", operation = "juki.ido_tsuchi", purposes = ["kazei"] }},
]
"""


def free_port() -> int:
    """A port that nobody uses now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def write_sites(folder: Path, first: int, line: int, second: int, receiver: int, processes: int) -> tuple[Path, Path]:
    """The site folders of both buses; they share the secret of the way between them."""
    sites = []
    plans = (
        ("first", FIRST.format(port=line), first, "juki", "second", {"juki": "s-juki", "second": "s-way"}),
        ("second", SECOND.format(port=receiver), second, "chiikibus", "tax", {"chiikibus": "s-way", "tax": "s-tax"}),
    )
    for name, endpoints, port, sender, target, secrets in plans:
        site = folder / name
        (site / "secrets").mkdir(mode=0o700, parents=True, exist_ok=True)
        (site / "site.toml").write_text(SITE.format(name=name, port=port, processes=processes), "utf-8")
        (site / "endpoints.toml").write_text(endpoints, "utf-8")
        (site / "routes.toml").write_text(ROUTES.format(target=target), "utf-8")
        (site / "rights.toml").write_text(RIGHTS.format(sender=sender, target=target), "utf-8")
        for endpoint, secret in secrets.items():
            key = site / "secrets" / f"{TOWN}-{endpoint}.key"
            key.write_text(f"{secret}-0123456789abcdef0123456789\n", "utf-8")
            key.chmod(0o600)
        sites.append(site)
    return sites[0], sites[1]


@dataclass(slots=True)
class Bus:
    """One bus as a process of its own, started again after every kill."""

    site: Path
    port: int
    kills: int = 0
    process: Process | None = None

    async def start(self) -> None:
        """Start, and return when it accepts connections."""
        with (self.site / "bus.log").open("ab") as log:
            self.process = await asyncio.create_subprocess_exec(
                sys.executable, "-m", "bus.cli", "serve", "--site", str(self.site), stdout=log, stderr=log
            )
        async with asyncio.timeout(READY_S):
            while not await accepts(self.port):
                if self.process.returncode is not None:
                    tail = (self.site / "bus.log").read_text("utf-8", "replace")[-2000:]
                    raise SystemExit(f"{self.site.name} ended with {self.process.returncode}:\n{tail}")
                await asyncio.sleep(0.05)

    async def kill(self) -> None:
        """kill -9, and start again."""
        assert self.process is not None
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.process.pid, signal.SIGKILL)
        await self.process.wait()
        self.kills += 1
        await self.start()

    async def stop(self) -> None:
        """End in order."""
        if self.process is not None and self.process.returncode is None:
            self.process.terminate()
            try:
                async with asyncio.timeout(30):
                    await self.process.wait()
            except TimeoutError:
                self.process.kill()
                await self.process.wait()


async def accepts(port: int) -> bool:
    """Whether somebody listens there."""
    try:
        _, writer = await asyncio.open_connection("127.0.0.1", port)
    except OSError:
        return False
    writer.close()
    return True


class Notices:
    """Notices about residents that do not exist, each with keys of its own: nothing but the sequence orders them."""

    def __init__(self) -> None:
        self.edition: Edition = load_edition()
        found = self.edition.operation(OPERATION)
        assert found is not None
        self.operation: Operation = found
        unit = self.edition.units["juki"]
        self._namespace = unit.namespace
        self._values: dict[str, str] = {}
        for item in unit.records["jumin"].items:
            if item.mandatory or item.name == "jumintonattanengappi":
                self._values[item.name] = self._value(item.name, item.type, item.digits, item.code)

    def _value(self, name: str, kind: str, digits: int, code: str) -> str:
        known = {
            "shikuchosonkodo": TOWN,
            "jusho_shikuchosonkodo": TOWN,
            "jusho_choazakodo": "0001001",
            "shimei": "試験　太郎",
            "juminshubetsu": "1",
            "juminjotai": "1",
            "juminhyokodo": "12345678901",
            "ido_jiyu": "01",
            "ido_kubun": "1",
        }
        if name in known:
            return known[name]
        if code:
            return self.edition.units["juki"].codes[code].rows[0].code
        by_type = {"DATE": "2023-04-01", "9": "1", "S9": "1", "N": "試験"}
        return by_type.get(kind, "1" * min(digits, 6))

    def message(self, number: int) -> bytes:
        """The notice with this number."""
        payload = etree.Element(self.operation.input, nsmap={"j": self._namespace})
        record = etree.SubElement(payload, f"{{{self._namespace}}}jumin")
        own = {"atenabango": f"{number:015d}", "setaibango": f"{number:015d}"}
        for name, text in (self._values | own).items():
            etree.SubElement(record, f"{{{self._namespace}}}{name}").text = text
        headers = Addressing(message_id=f"urn:x-example:{number}", action=self.operation.action)
        return envelope.build(payload, addressing=headers)


@dataclass(slots=True)
class Receiver:
    """The system behind the second bus: takes everything, and remembers what came in which order.

    ``first`` are the numbers as each came first; ``again`` counts deliveries of the same exchange of the second
    bus once more (it died after sending and before recording), ``doubled`` a number that came as another exchange.
    """

    operation: Operation
    first: list[int] = field(default_factory=list)
    again: int = 0
    doubled: int = 0
    exchanges: dict[int, str] = field(default_factory=dict)
    server: asyncio.Server | None = None

    async def open(self) -> int:
        """Listen; the port."""
        self.server = await asyncio.start_server(self._serve, "127.0.0.1", 0, limit=1 << 24)
        return int(self.server.sockets[0].getsockname()[1])

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(asyncio.IncompleteReadError, OSError):
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
                fields = {
                    name.lower(): value.strip()
                    for name, _, value in (line.partition(":") for line in head.split("\r\n")[1:])
                }
                await reader.readexactly(int(fields["content-length"]))
                body = self._take(fields["chiikibus-message-id"], fields["chiikibus-exchange-id"])
                writer.write(f"{ANSWER}{len(body)}\r\n\r\n".encode() + body)
                await writer.drain()
        writer.close()

    def _take(self, message_id: str, exchange_id: str) -> bytes:
        number = int(message_id.rpartition(":")[2])
        known = self.exchanges.get(number)
        if known is None:
            self.exchanges[number] = exchange_id
            self.first.append(number)
        elif known == exchange_id:
            self.again += 1
        else:
            self.doubled += 1
        element = receipt(self.operation.output, COMMON, message_id, "1", "2026-01-01T09:00:00+09:00")
        return envelope.build(element)


class Sender:
    """The system before the first bus: one message after the other, each until it has its receipt."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None
        credential = base64.b64encode(b"juki:s-juki-0123456789abcdef0123456789").decode()
        self._head = (
            f"POST /{TOWN}/juki/juki HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nContent-Type: text/xml; charset=utf-8\r\n"
            f'SOAPAction: ""\r\nAuthorization: Basic {credential}\r\nContent-Length: '
        )

    async def send(self, message: bytes) -> None:
        """Returns when the message is accepted; a refusal ends the program."""
        while True:
            status, body = await self._once(message)
            if status == 200:
                return
            if status not in {0, 503}:
                raise SystemExit(f"refused with {status}: {body[:2000]!r}")
            await asyncio.sleep(0.02)

    async def _once(self, message: bytes) -> tuple[int, bytes]:
        try:
            async with asyncio.timeout(10):
                if self._streams is None:
                    self._streams = await asyncio.open_connection("127.0.0.1", self._port, limit=1 << 24)
                reader, writer = self._streams
                writer.write(f"{self._head}{len(message)}\r\n\r\n".encode() + message)
                head = await reader.readuntil(b"\r\n\r\n")
                length = int(head.lower().partition(b"content-length:")[2].split(b"\r\n")[0])
                return int(head.split(b" ")[1]), await reader.readexactly(length)
        except (OSError, TimeoutError, asyncio.IncompleteReadError):
            if self._streams is not None:
                self._streams[1].close()
            self._streams = None
            return 0, b""
