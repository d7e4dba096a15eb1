"""The processes of the example town: three vendors' systems, an adapter for each unit, and the bus."""

from __future__ import annotations

import json
import os
import secrets
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any

from plan import VENDORS, Link, Ports, write_site
from townhall import TownHallError, ask, free_ports, listens, wait_for

from schemas.model import Edition

READY_S = 180.0
STOP_S = 60.0
HERE = Path(__file__).resolve().parent
CHIIKIBUS = ("-m", "bus.cli")


@dataclass(slots=True)
class Hall:
    """One round of the town below a working folder."""

    work: Path
    edition: Edition
    who: Mapping[str, str]
    links: Iterable[Link]
    ports: Ports = field(init=False)
    _children: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

    @property
    def site(self) -> Path:
        """The site folder."""
        return self.work / "site"

    def prepare(self) -> None:
        """Write the site folder with free ports and fresh secrets, and have it checked."""
        shutil.rmtree(self.work, ignore_errors=True)
        chosen = free_ports(len(self.who) + len(VENDORS) + 3)
        bus, tcp, bucket, *rest = chosen
        self.ports = Ports(
            bus,
            dict(zip(self.who, rest, strict=False)),
            dict(zip(VENDORS, rest[len(self.who) :], strict=True)),
            tcp,
            bucket,
        )
        write_site(self.site, self.edition, self.who, self.links, self.ports)
        (self.site / "secrets").mkdir(mode=0o700)
        for name in ("rest.token", "face.token", "bucket.key"):
            path = self.site / "secrets" / name
            text = secrets.token_urlsafe(32)
            path.write_text(f"c-sha:{text}" if name == "bucket.key" else text, encoding="utf-8")
            path.chmod(0o600)
        self.chiikibus("secrets", "create", "--site", str(self.site))
        self.chiikibus("check", "--site", str(self.site))

    def chiikibus(self, *arguments: str) -> str:
        """Run a command to its end; its output. Errors: TownHallError with its message."""
        done = subprocess.run(
            [sys.executable, "-m", "bus.cli", *arguments], capture_output=True, text=True, check=False, timeout=300
        )
        if done.returncode != 0:
            raise TownHallError(f"chiikibus {' '.join(arguments[:2])}: {done.stderr.strip() or done.stdout.strip()}")
        return done.stdout

    def start(self) -> None:
        """Start the vendors' systems, then bus and adapters, and wait until all of them are ready."""
        for vendor in VENDORS:
            self._start(f"sim-{vendor}", [*CHIIKIBUS, *self._simulator(vendor)])
            wait_for(f"sim-{vendor}", lambda v=vendor: self._none_ended() and listens(self.ports.panels[v]), READY_S)
        self._bucket()
        self._start("up", [*CHIIKIBUS, "up", "--site", str(self.site), "--json"])
        for unit, port in {**self.ports.adapters, "bus": self.ports.bus}.items():
            wait_for(unit, lambda port=port: self._none_ended() and listens(port), READY_S)
        wait_for("/health/ready", self._ready, READY_S)

    def _simulator(self, vendor: str) -> list[str]:
        units = [unit for unit, theirs in self.who.items() if theirs == vendor]
        arguments = ["simulator", "estate", "--vendor", vendor, "--folder", str(self.site / "sim" / vendor)]
        arguments += ["--units", ",".join(units), "--port", str(self.ports.panels[vendor]), "--json"]
        if vendor == "a":
            arguments += ["--tcp-port", str(self.ports.tcp)]
        if vendor in {"b", "c"}:
            places = ",".join(f"{unit}=http://127.0.0.1:{self.ports.adapters[unit]}" for unit in units)
            arguments += ["--adapters", places, "--adapter-token-file", str(self.site / "secrets/face.token")]
        if vendor == "b":
            arguments += ["--token-file", str(self.site / "secrets/rest.token")]
        return arguments

    def _bucket(self) -> None:
        """Vendor C's bucket and its uploader, which nobody but the vendor has the folders for."""
        units = ",".join(unit for unit, theirs in self.who.items() if theirs == "c")
        arguments = ["--port", str(self.ports.bucket), "--folder", str(self.site / "sim" / "c"), "--units", units]
        key = (self.site / "secrets" / "bucket.key").read_text("utf-8")
        self._start("bucket", [str(HERE / "bucket.py"), *arguments], {"BUCKET_KEY": key})
        wait_for("bucket", lambda: self._none_ended() and listens(self.ports.bucket), READY_S)

    def _start(self, name: str, arguments: list[str], more: Mapping[str, str] = MappingProxyType({})) -> None:
        log = self.work / "log" / f"{name}.log"
        log.parent.mkdir(parents=True, exist_ok=True)
        with log.open("ab") as stream:
            self._children[name] = subprocess.Popen(
                [sys.executable, *arguments],
                stdout=stream,
                stderr=stream,
                start_new_session=True,
                env={**os.environ, **more},
            )

    def _none_ended(self) -> bool:
        for name, child in self._children.items():
            if child.poll() is not None:
                words = (self.work / "log" / f"{name}.log").read_text("utf-8", "replace").strip().splitlines()
                raise TownHallError(f"{name} が終了しました / ended ({child.returncode}): " + "\n".join(words[-5:]))
        return True

    def _ready(self) -> bool:
        try:
            return ask(f"http://127.0.0.1:{self.ports.bus}/health/ready", deadline_s=2.0) is not None
        except TownHallError:
            return False

    def panel(self, unit: str, path: str, value: Any = None) -> Any:
        """Ask the panel of the system that has a unit."""
        return ask(f"http://127.0.0.1:{self.ports.panels[self.who[unit]]}/{unit}{path}", value)

    def messages(self) -> dict[str, int]:
        """Deliveries per state, from the bus's own health page."""
        found = ask(f"http://127.0.0.1:{self.ports.bus}/health/ready", deadline_s=5.0)
        return {name: int(count) for name, count in (found or {}).get("counts", {}).items()}

    def stop(self) -> None:
        """End every process that was started here."""
        for child in reversed(list(self._children.values())):
            if child.poll() is None:
                child.send_signal(signal.SIGTERM)
                try:
                    child.wait(STOP_S)
                except subprocess.TimeoutExpired:
                    child.kill()
                    child.wait()
        self._children.clear()

    def parked(self) -> list[dict[str, Any]]:
        """What the bus has parked, with its codes."""
        text = self.chiikibus("messages", "list", "--site", str(self.site), "--state", "PARKED", "--json")
        found: list[dict[str, Any]] = json.loads(text)
        return found
