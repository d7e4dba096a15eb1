"""One town of the matrix: a real bus on its engines, behind proxies, with its senders and its receiver."""

from __future__ import annotations

import asyncio
import json
import os
import random
import secrets
import shutil
import signal
import socket
import sqlite3
import sys
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from harness.engines import Engines

from matrix import vendor
from matrix.load import Load
from matrix.proxy import Proxy
from matrix.receiver import Receiver
from matrix.servers import Servers
from matrix.vendor import VendorFolder

READY_S = 60.0
EVERY_S = 0.02
STOOD_S = 2.0
HERE = Path(__file__).resolve().parents[1]

SITE = """
[site]
name = "故障試験"
edition = "1.0"
[[municipality]]
code = "990019"
name = "地域市（架空）"
[front]
listen = "127.0.0.1:{port}"
processes = {processes}
[journal]
{journal}
[broker]
{broker}
[delivery]
retry_first_s = 0.1
retry_max_s = 1.0
retry_limit = 1000
breaker_open_s = 0.3
"""
FILES = {
    "endpoints": """
endpoint = [
  {{ id = "register", municipality = "990019", unit = "juki", purpose = "jumin" }},
{{ id = "receiver", municipality = "990019", unit = "kojinjuminzei", purpose = "kazei", timeout_s = 2.0, {address} }},
]
""",
    "routes": """
route = [ {{ municipality = "990019", operation = "juki.ido_tsuchi", to = ["receiver"], mode = "queued" }} ]
""",
    "rights": """
right = [
  {{ municipality = "990019", endpoint = "register", operation = "juki.ido_tsuchi", purposes = ["jumin"] }},
  {{ municipality = "990019", endpoint = "receiver", operation = "juki.ido_tsuchi", purposes = ["kazei"] }},
]
""",
    "adapters": "",
}


class MatrixError(RuntimeError):
    """The harness could not do what a cell asks; the text says what."""


async def until(condition: Callable[[], object], within_s: float, what: str) -> None:
    """Poll; ``MatrixError`` naming ``what`` when the deadline passes."""
    end = time.monotonic() + within_s
    while not condition():
        if time.monotonic() > end:
            raise MatrixError(f"{what}: not within {within_s:g} s")
        await asyncio.sleep(EVERY_S)


def free_port() -> int:
    """A port that nobody listens on now."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port: int = probe.getsockname()[1]
    return port


@dataclass(frozen=True, slots=True)
class Shape:
    """What is special about the town of a cell. ``whole``: with what ``chiikibus up`` runs beside the bus.

    ``adapter``: the receiver is a system of a vendor, behind its adapter. ``replicas``: of the queues, on as many
    nodes. ``more`` ends site.toml.
    """

    processes: int = 1
    whole: bool = False
    adapter: bool = False
    replicas: int = 0
    more: str = ""


@dataclass(slots=True)
class Place:
    """Everything a fault may touch. ``engine``: "embedded" (SQLite, memory) or "distributed" (PostgreSQL, RabbitMQ)."""

    folder: Path
    engine: str
    engines: Engines | Servers
    dice: random.Random
    messages: int
    shape: Shape = field(default_factory=Shape)
    port: int = field(default_factory=free_port)
    environment: dict[str, str] = field(default_factory=dict)
    kills: int = 0
    marks: list[float] = field(default_factory=list)
    stood: list[tuple[float, float]] = field(default_factory=list)
    receiver: Receiver | VendorFolder = field(init=False)
    broker: Proxy | None = None
    database: Proxy | None = None
    load: Load = field(init=False)
    bus: asyncio.subprocess.Process | None = None
    _schema: str = ""

    async def build(self, label: str, residents: int = 40) -> None:
        """Proxies, receiver and site folder; no bus yet."""
        secret = secrets.token_urlsafe(24)
        self.load = Load(self.port, secret, label, total=self.messages, residents=residents, dice=self.dice)
        self.receiver = (
            VendorFolder(self.folder / "sim" / "in", self.load)
            if self.shape.adapter
            else Receiver(self.load.reply, self.dice)
        )
        await self.receiver.start()
        journal, broker = 'engine = "sqlite"\npath = "var/journal.sqlite"', 'engine = "memory"'
        keys = {"990019-register": secret, "990019-receiver": secrets.token_urlsafe(24)}
        if self.engine == "distributed":
            if not self.shape.replicas:
                self.broker = await Proxy(self.engines.broker.port).start()
            self.database = await Proxy(self.engines.journal.port).start()
            keys["broker"] = self.engines.broker.password
            self._schema = f"m{secrets.token_hex(4)}"
            nodes = [self.broker.port] if self.broker is not None else self.engines.broker.ports
            dsn = self.engines.journal.dsn(tcp=True).replace(
                f"port={self.engines.journal.port}", f"port={self.database.port}"
            )
            journal = f'engine = "postgresql"\ndsn = "{dsn}"\nschema = "{self._schema}"'
            named = ", ".join(f'"127.0.0.1:{port}"' for port in nodes)
            broker = f'engine = "rabbitmq"\nnodes = [{named}]\nprefix = "{self._schema}"\n'
            broker += f"lanes = 3\ntimeout_s = 3.0\nheartbeat_s = 5\nreplicas = {self.shape.replicas}"
        (self.folder / "secrets").mkdir(parents=True)
        for name, key in keys.items():
            path = self.folder / "secrets" / f"{name}.key"
            path.touch(mode=0o600)
            path.write_text(key, encoding="utf-8")
        address = f'address = "http://127.0.0.1:{self.receiver.port}/soap"'
        fields: Mapping[str, Any] = {"address": 'adapter = "a-tax"' if self.shape.adapter else address}
        for name, text in FILES.items():
            (self.folder / f"{name}.toml").write_text(text.format(**fields), encoding="utf-8")
        if self.shape.adapter:
            vendor.prepare(self.folder, free_port())
        site = SITE.format(port=self.port, processes=self.shape.processes, journal=journal, broker=broker)
        (self.folder / "site.toml").write_text(site + self.shape.more, encoding="utf-8")

    # -- the bus ----------------------------------------------------------------------------------------------

    async def up(self, *, step: int = 0, hit: int = 1) -> None:
        """A bus that listens; with ``step`` it kills itself at the ``hit``-th passing of that step."""
        verb = "up" if self.shape.whole else "serve"
        command = [sys.executable, "-m", "bus.cli", verb, "--json", "--site", str(self.folder)]
        if step:
            command = [sys.executable, "-m", "matrix.armed", str(self.folder), str(step), str(hit)]
        with (self.folder / "bus.log").open("ab") as log:
            self.bus = await asyncio.create_subprocess_exec(
                *command, stdin=asyncio.subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True,
                env=os.environ | self.environment,
            )  # fmt: skip
        await until(lambda: self._listens() or self.ended, READY_S, "the bus to listen")
        if self.ended and not step:
            words = (self.folder / "bus.log").read_text("utf-8", "replace")[-1500:]
            raise MatrixError(f"the bus ended: {words}")

    @property
    def ended(self) -> bool:
        """Whether the bus is gone."""
        return self.bus is None or self.bus.returncode is not None

    def workers(self) -> list[int]:
        """The worker processes of the bus."""
        if self.bus is None:
            return []
        found = Path(f"/proc/{self.bus.pid}/task/{self.bus.pid}/children").read_text("ascii")
        return [int(each) for each in found.split()]

    def mark(self) -> None:
        """From now on an operator waits for deliveries to go on: the bus was killed, or what failed works again."""
        self.marks.append(time.monotonic())

    def beside(self) -> dict[str, int]:
        """The processes that ``chiikibus up`` keeps, by name; 0 for one that does not run now."""
        (path,) = self.folder.rglob("processes.json")
        return {name: int(each["pid"]) for name, each in json.loads(path.read_bytes()).items()}

    def signal(self, number: signal.Signals) -> None:
        """To the bus and its workers."""
        if self.bus is not None and not self.ended:
            os.killpg(self.bus.pid, number)

    async def kill(self, *, marked: bool = True) -> None:
        """kill -9 of the bus with all its processes."""
        if self.bus is not None and not self.ended:
            if marked:
                self.mark()
            with suppress(ProcessLookupError):
                os.killpg(self.bus.pid, signal.SIGKILL)
            await self.bus.wait()
            self.kills += 1

    async def down(self) -> None:
        """SIGTERM, and wait for the drain."""
        if self.bus is not None and not self.ended:
            self.mark()
            self.bus.terminate()
            await asyncio.wait_for(self.bus.wait(), READY_S)

    def _listens(self) -> bool:
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0

    async def close(self) -> None:
        """End and remove everything of this town."""
        with suppress(ProcessLookupError):
            await self.kill(marked=False)
        for each in (self.broker, self.database, self.receiver):
            if each is not None:
                await each.stop()
        shutil.rmtree(self.folder, ignore_errors=True)

    async def watch_time(self) -> None:
        """Note when this process did not run at all, as on a machine that is stopped: nobody recovers meanwhile."""
        before = time.monotonic()
        while True:
            await asyncio.sleep(EVERY_S)
            now = time.monotonic()
            if now - before > STOOD_S:
                self.stood.append((before, now))
            before = now

    # -- progress ---------------------------------------------------------------------------------------------

    async def accepted(self, share: float) -> None:
        """Wait until this share of the messages is acknowledged."""
        wanted = int(self.messages * share)
        await until(lambda: len(self.load.ledger.acknowledged) >= wanted, 600, f"{wanted} acknowledgements")

    async def arrived(self, share: float) -> None:
        """Wait until this share of the messages has reached the receiver."""
        wanted = int(self.messages * share)
        await until(lambda: len(self.receiver.effects) >= wanted, 600, f"{wanted} deliveries")

    def asked(self, statement: str) -> list[tuple[Any, ...]]:
        """A question to the journal, past the proxies."""
        if self.engine == "embedded":
            with closing(sqlite3.connect(f"file:{self.folder}/var/journal.sqlite?mode=ro", uri=True)) as journal:
                return journal.execute(statement).fetchall()
        import psycopg  # noqa: PLC0415 - an extra, which the embedded engines do without

        with psycopg.connect(
            self.engines.journal.dsn(tcp=True), options=f"-c search_path={self._schema}"
        ) as connection:
            return connection.execute(statement.encode()).fetchall()

    def states(self) -> dict[str, int]:
        """Deliveries by state, of the journal."""
        return {
            str(name): int(count) for name, count in self.asked("SELECT state, count(*) FROM delivery GROUP BY state")
        }


Fault = Callable[[Place], Awaitable[None]]


async def command(place: Place, *arguments: str) -> str:
    """A ``chiikibus`` command on the site; its output. Errors: ``MatrixError``."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "bus.cli", *arguments, "--site", str(place.folder),
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    out, err = await process.communicate()
    if process.returncode:
        raise MatrixError(f"{arguments}: {err.decode()[-500:]}")
    return out.decode()


async def together(*works: Callable[[], object]) -> Sequence[object]:
    """Blocking works beside each other, in threads."""
    return await asyncio.gather(*(asyncio.to_thread(work) for work in works))
