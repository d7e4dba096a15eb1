"""The town hall of the example: simulated vendor systems, adapters and bus as processes of this machine."""

from __future__ import annotations

import importlib.util
import json
import os
import re
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
MUNICIPALITY = "990019"
PORTS = {8480: "bus", 8491: "a-juki", 8492: "a-tax", 8493: "b-tax"}
SIMULATOR_PORTS = {8581: "a-juki", 8582: "a-juki-tcp", 8583: "a-tax", 8584: "b-tax"}
POLL_S = 0.05
READY_S = 60.0


class TownHallError(Exception):
    """Something did not start or did not happen in time; the text says what and where to look."""


def wait_for(what: str, ready: Callable[[], bool], deadline_s: float, every_s: float = POLL_S) -> None:
    """Poll until ``ready``; ``TownHallError`` naming ``what`` when the deadline passes."""
    end = time.monotonic() + deadline_s
    while not ready():
        if time.monotonic() > end:
            raise TownHallError(f"{deadline_s:g} 秒以内に完了しません / not done in {deadline_s:g} s: {what}")
        time.sleep(every_s)


def free_ports(count: int) -> list[int]:
    """Ports that nobody listens on now."""
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [one.getsockname()[1] for one in sockets]
    for one in sockets:
        one.close()
    return ports


def ask(url: str, value: Any = None, *, token: str = "", deadline_s: float = 120.0) -> Any:
    """GET, or POST of JSON; the parsed answer. ``TownHallError`` when it fails."""
    data = None if value is None else json.dumps(value).encode()
    headers = {"Content-Type": "application/json"} if data else {}
    if token:
        headers["Authorization"] = f"Bearer {token}"
    request = urllib.request.Request(url, data=data, headers=headers)
    try:
        with urllib.request.urlopen(request, timeout=deadline_s) as answer:
            return json.loads(answer.read() or b"null")
    except urllib.error.HTTPError as error:
        if error.code == 404:
            return None
        raise TownHallError(f"{url}: HTTP {error.code}") from error
    except OSError as error:
        raise TownHallError(f"{url}: {error}") from error


def listens(port: int) -> bool:
    """Whether somebody accepts connections on this port."""
    with socket.socket() as probe:
        probe.settimeout(1.0)
        return probe.connect_ex(("127.0.0.1", port)) == 0


def library(name: str) -> Any:
    """A module of ``deploy/lib``. ``TownHallError`` where it is missing."""
    spec = importlib.util.spec_from_file_location(name, HERE.parents[1] / "lib" / f"{name}.py")
    if spec is None or spec.loader is None:
        raise TownHallError(f"deploy/lib/{name}.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def rabbitmq_at(folder: Path) -> Any:
    """A running RabbitMQ with its files below this folder. ``TownHallError`` where it is missing or does not start."""
    module = library("private_rabbitmq")
    try:
        return module.PrivateRabbitMq(folder).start()
    except (module.RabbitMqMissing, module.RabbitMqFailed) as error:
        raise TownHallError(str(error)) from error


def postgresql_with(password: str) -> Any:
    """A running PostgreSQL that asks for this password. ``TownHallError`` where it is missing or does not start."""
    module = library("private_postgres")
    try:
        server = module.PrivatePostgres(password=password)
        server.start()
    except (module.PostgresMissing, module.PostgresFailed) as error:
        raise TownHallError(str(error)) from error
    return server


@dataclass(slots=True)
class TownHall:
    """All processes of the example below one working folder. ``fixed_ports`` keeps the ports of the site folder.

    With ``engine`` "distributed" the journal is on a PostgreSQL and the conveyor a RabbitMQ, both the example's own.
    """

    work: Path
    fixed_ports: bool = True
    engine: str = "embedded"
    ports: dict[str, int] = field(default_factory=dict)
    _children: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)
    _broker: Any = None
    _database: Any = None

    @property
    def site(self) -> Path:
        """The site folder in use (a copy of ``site/`` beside this file)."""
        return self.work / "site"

    def prepare(self) -> None:
        """Copy the site folder, give it ports and secrets, and have it checked."""
        if self.site.exists():
            shutil.rmtree(self.site)
        shutil.copytree(HERE / "site", self.site)
        known = PORTS | {port: f"sim-{name}" for port, name in SIMULATOR_PORTS.items()}
        chosen = list(known) if self.fixed_ports else free_ports(len(known))
        self.ports = dict(zip(known.values(), chosen, strict=True))
        busy = [port for port in chosen if listens(port)]
        if busy:
            raise TownHallError(f"ポートが使用中です / ports in use: {busy}（--free-ports）")
        self._rewrite(dict(zip(known, chosen, strict=True)))
        for name in ("b-tax-rest", "b-tax-face"):
            self._secret(f"{name}.token", secrets.token_urlsafe(32))
        if self.engine == "distributed":
            self._distribute()
        self.chiikibus("secrets", "create", "--site", str(self.site))
        self.chiikibus("check", "--site", str(self.site))

    def _distribute(self) -> None:
        """Start a RabbitMQ and a PostgreSQL, and name them in the site folder: nothing else changes."""
        self._broker = rabbitmq_at(self.work / "rabbitmq")
        self._secret("broker.key", self._broker.password)
        self._secret("journal.key", secrets.token_urlsafe(16))
        self._database = postgresql_with((self.site / "secrets" / "journal.key").read_text("utf-8"))
        place = self.site / "site.toml"
        text = place.read_text("utf-8")
        broker = f'engine = "rabbitmq"\nnodes = ["127.0.0.1:{self._broker.port}"]\nlanes = 2'
        dsn = self._database.dsn(tcp=True)
        journal = f'engine = "postgresql"\ndsn = "{dsn}"\npassword_file = "secrets/journal.key"'
        for old, new in (('engine = "memory"', broker), ('engine = "sqlite"', journal)):
            if old not in text:
                raise TownHallError(f"site.toml: {old}")
            text = text.replace(old, new)
        place.write_text(text, encoding="utf-8")

    def _secret(self, name: str, value: str) -> None:
        path = self.site / "secrets" / name
        path.parent.mkdir(mode=0o700, exist_ok=True)
        path.touch(mode=0o600)
        path.write_text(value, encoding="utf-8")

    def _rewrite(self, ports: dict[int, int]) -> None:
        for path in self.site.glob("*.toml"):
            text = path.read_text("utf-8")
            changed = re.sub(r"(127\.0\.0\.1:)(\d+)", lambda m: f"{m[1]}{ports.get(int(m[2]), int(m[2]))}", text)
            path.write_text(changed, encoding="utf-8")

    def chiikibus(self, *arguments: str) -> str:
        """Run a command to its end; its output. ``TownHallError`` with its message when it fails."""
        done = subprocess.run(
            [sys.executable, "-m", "bus.cli", *arguments], capture_output=True, text=True, check=False, timeout=120
        )
        if done.returncode != 0:
            raise TownHallError(f"chiikibus {' '.join(arguments[:2])}: {done.stderr.strip() or done.stdout.strip()}")
        return done.stdout

    def start(self) -> None:
        """Start the vendor systems, then bus and adapters, and wait until all of them are ready."""
        for name, port in self.ports.items():
            if name.startswith("sim-") and not name.endswith("-tcp"):
                self._start(name, self._simulator(name.removeprefix("sim-"), port))
        self._start("up", ["up", "--site", str(self.site)])
        for name, port in self.ports.items():
            wait_for(f"{name} ({port})", lambda port=port: self._none_ended() and listens(port), READY_S)
        wait_for("/health/ready", self.ready, READY_S)

    def _none_ended(self) -> bool:
        """True while every process started here runs; ``TownHallError`` with its last words when one has ended."""
        for name, child in self._children.items():
            if child.poll() is not None:
                words = (self.work / "log" / f"{name}.log").read_text("utf-8", "replace").strip().splitlines()
                raise TownHallError(f"{name} が終了しました / ended ({child.returncode}): " + "\n".join(words[-5:]))
        return True

    def _simulator(self, system: str, port: int) -> list[str]:
        folder = self.site / "sim" / system
        arguments = ["simulator", system, "--folder", str(folder), "--municipality", MUNICIPALITY, "--port", str(port)]
        if system == "a-juki":
            arguments += ["--tcp-port", str(self.ports["sim-a-juki-tcp"])]
        if system == "b-tax":
            arguments += ["--token-file", str(self.site / "secrets/b-tax-rest.token")]
            arguments += ["--adapter", f"http://127.0.0.1:{self.ports['b-tax']}"]
            arguments += ["--adapter-token-file", str(self.site / "secrets/b-tax-face.token")]
        return arguments

    def _start(self, name: str, arguments: list[str]) -> None:
        log = self.work / "log" / f"{name}.log"
        log.parent.mkdir(parents=True, exist_ok=True)
        with log.open("ab") as stream:
            command = [sys.executable, "-m", "bus.cli", *arguments, "--json"]
            self._children[name] = subprocess.Popen(command, stdout=stream, stderr=stream, start_new_session=True)

    def ready(self) -> bool:
        """Whether the bus says that it is ready."""
        try:
            found = ask(f"http://127.0.0.1:{self.ports['bus']}/health/ready", deadline_s=2.0)
        except TownHallError:
            return False
        return found is not None

    def processes(self) -> dict[str, int]:
        """Process ids of bus and adapters by name, as the supervisor notes them."""
        path = self.site / "var" / "run" / "processes.json"
        try:
            noted = json.loads(path.read_text("utf-8"))
        except (OSError, ValueError):
            return {}
        return {name: int(entry["pid"]) for name, entry in noted.items() if entry.get("pid")}

    def panel(self, system: str, path: str, value: Any = None) -> Any:
        """Ask the operator's panel of a simulated system."""
        token = (self.site / "secrets/b-tax-rest.token").read_text("utf-8") if system == "b-tax" else ""
        return ask(f"http://127.0.0.1:{self.ports[f'sim-{system}']}{path}", value, token=token)

    def messages(self) -> dict[str, int]:
        """Deliveries per state, from the journal through the bus's own health page."""
        found = ask(f"http://127.0.0.1:{self.ports['bus']}/health/ready", deadline_s=5.0)
        return {name: int(count) for name, count in (found or {}).get("counts", {}).items()}

    def adapter_status(self, adapter: str) -> dict[str, Any]:
        """What an adapter's store counts."""
        text = self.chiikibus("adapter", "status", "--site", str(self.site), "--adapter", adapter, "--json")
        status: dict[str, Any] = json.loads(text)
        return status

    def change_line(self, old: str, new: str) -> None:
        """Change one line of ``endpoints.toml`` and have the running processes read it again."""
        path = self.site / "endpoints.toml"
        lines = path.read_text("utf-8").splitlines(keepends=True)
        changed = [line.replace(old, new) if not line.startswith("#") else line for line in lines]
        if sum(before != after for before, after in zip(lines, changed, strict=True)) != 1:
            raise TownHallError(f"endpoints.toml: {old!r}")
        path.write_text("".join(changed), encoding="utf-8")
        self.chiikibus("check", "--site", str(self.site))
        os.kill(self._children["up"].pid, signal.SIGHUP)

    def alive(self) -> Iterator[str]:
        """Names of the processes that are running."""
        for name, child in self._children.items():
            if child.poll() is None:
                yield name

    def stop(self) -> None:
        """End everything that was started here: politely, then for good."""
        for child in reversed(self._children.values()):
            if child.poll() is None:
                child.terminate()
        for child in self._children.values():
            try:
                child.wait(timeout=20)
            except subprocess.TimeoutExpired:
                os.killpg(child.pid, signal.SIGKILL)
                child.wait(timeout=5)
        self._children.clear()
        if self._broker is not None:
            self._broker.stop()
        if self._database is not None:
            self._database.remove()
