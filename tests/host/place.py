"""A site with the shipped adapters of A社 and B社, a fake bus, and adapters that run inside the test."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp

from adapters.host import process
from adapters.host.process import Host
from adapters.host.store.status import count
from adapters.simulators.a_juki import native_file
from adapters.simulators.a_juki_files import IDO, Records
from adapters.transports.file_drop import write_file
from bus.core.basic import basic_header
from schemas.model import Edition
from tests.host.fake_bus import FakeBus
from tests.support.polling import until_async
from tests.support.sites import MUNICIPALITY, SITE, write_secret

ENDPOINTS = """\
endpoint = [
  { id = "juki", municipality = "990019", unit = "juki", adapter = "a-juki", purpose = "jumin" },
  { id = "tax", municipality = "990019", unit = "kojinjuminzei", adapter = "a-tax", purpose = "kazei" },
]
"""
ADAPTER = """
[[adapter]]
id = "{id}"
vendor = "{vendor}"
unit = "{unit}"
municipality = "990019"
endpoint = "{endpoint}"
listen = "127.0.0.1:{port}"
{tls}
[adapter.settings]
bus = "{bus}"
{settings}
"""
SETTINGS: Mapping[str, dict[str, str]] = {
    "a-juki": {"out": "sim/out", "irai": "sim/irai", "tcp": "127.0.0.1:9", "gaiji": "gaiji/a-juki.csv"},
    "a-tax": {
        "in": "sim/in",
        "shokai": "sim/shokai",
        "kaito": "sim/kaito",
        "shotoku": "sim/shotoku",
        "shotoku_kai": "sim/shotoku_kai",
        "gaiji": "gaiji/a-tax.csv",
    },
    "b-tax": {"rest": "http://127.0.0.1:9", "rest_token": "secrets/rest.token", "face_token": "secrets/face.token"},
}
KINDS = {
    "a-juki": ("a", "juki", "juki"),
    "a-tax": ("a", "kojinjuminzei", "tax"),
    "b-tax": ("b", "kojinjuminzei", "tax"),
}
EXAMPLE = Path(__file__).parents[2] / "deploy" / "examples" / "tax-juki" / "site" / "gaiji"


@dataclass(slots=True)
class Place:
    """A site folder and its fake bus. ``settings`` of one adapter and ``tls`` of all may be changed before a start."""

    folder: Path
    edition: Edition
    bus: FakeBus
    settings: dict[str, dict[str, str]] = field(default_factory=lambda: {k: dict(v) for k, v in SETTINGS.items()})
    rights: str = "right = []\n"
    routes: str = "route = []\n"
    tls: str = ""
    ports: dict[str, int] = field(default_factory=lambda: {"a-juki": 8491, "a-tax": 8492, "b-tax": 8493})

    def write(self) -> None:
        """Write the site folder as it is to be now."""
        self.folder.mkdir(parents=True, exist_ok=True)
        (self.folder / "site.toml").write_text(SITE.replace("{port}", "0"), "utf-8")
        (self.folder / "endpoints.toml").write_text(ENDPOINTS, "utf-8")
        (self.folder / "routes.toml").write_text(self.routes, "utf-8")
        (self.folder / "rights.toml").write_text(self.rights, "utf-8")
        text = ""
        for name, (vendor, unit, endpoint) in KINDS.items():
            settings = "\n".join(f'{key} = "{value}"' for key, value in self.settings[name].items())
            text += ADAPTER.format(
                port=self.ports[name],
                tls=self.tls,
                id=name,
                vendor=vendor,
                unit=unit,
                endpoint=endpoint,
                bus=self.bus.url,
                settings=settings,
            )
        (self.folder / "adapters.toml").write_text(text, "utf-8")
        for endpoint in ("juki", "tax"):
            write_secret(self.folder, endpoint)
        for name in ("rest", "face"):
            (self.folder / "secrets" / f"{name}.token").write_text(f"token-{name}\n", "utf-8")
        (self.folder / "gaiji").mkdir(exist_ok=True)
        for name in ("a-juki", "a-tax"):
            path = self.folder / "gaiji" / f"{name}.csv"
            if not path.exists():
                path.write_bytes((EXAMPLE / f"990019-{name}.csv").read_bytes())

    def path(self, adapter: str, key: str) -> Path:
        """A folder of an adapter's settings."""
        return self.folder / self.settings[adapter][key]

    def status(self, adapter: str, *, detail: bool = False) -> dict[str, Any]:
        """What the adapter's store counts."""
        return count(self.folder / "var" / "adapters" / f"{adapter}.sqlite", detail=detail)

    @asynccontextmanager
    async def running(self, adapter: str) -> AsyncIterator[Host]:
        """The adapter, until the block ends."""
        self.write()
        host = process.load(self.folder, adapter)
        host.web.port = 0
        stop = asyncio.Event()
        task = asyncio.create_task(host.run(stop))
        try:
            await until_async(lambda: host.web.port or task.done(), what="the adapter to listen")
            if task.done():
                await task
            yield host
        finally:
            stop.set()
            await task

    async def idle(self, adapter: str, within_s: float = 20.0) -> dict[str, Any]:
        """Wait until nothing waits in the adapter's store; its counts."""
        await until_async(lambda: self.status(adapter)["idle"], within_s=within_s, what=f"{adapter} to be idle")
        return self.status(adapter)

    def drop(self, name: str, data: bytes) -> Path:
        """Put a complete file into the register's outgoing folder."""
        return write_file(self.path("a-juki", "out"), name, data)


def ido_file(records: Sequence[Mapping[str, str]], kind: str = IDO) -> bytes:
    """A file of A社 住民記録 with these records."""
    return b"".join(native_file(records, MUNICIPALITY, kind))


def record_size() -> int:
    """Bytes of a record of A社 住民記録 with its line end."""
    return Records().size + 2


@dataclass(slots=True)
class Caller:
    """Posts to an adapter's SOAP face as the bus does."""

    host: Host
    endpoint: str = "tax"
    user: str = "chiikibus"
    secret: str = ""
    path: str = ""
    content_type: str = "text/xml; charset=utf-8"

    async def post(self, body: bytes, message_id: str = "", **headers: str) -> tuple[int, str, bytes]:
        """Status, media type and body of the answer."""
        secret = self.secret or f"secret-of-{self.endpoint}"
        sent = {"Content-Type": self.content_type, "Authorization": basic_header(self.user, secret)}
        sent |= {"Chiikibus-Message-Id": message_id, "Chiikibus-Sender": "990019/juki"} | headers
        url = self.host.web.url + (self.path or f"/soap/990019/{self.endpoint}")
        async with aiohttp.ClientSession() as session, session.post(url, data=body, headers=sent) as answer:
            return answer.status, answer.content_type, await answer.read()
