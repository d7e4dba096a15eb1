"""The example's town hall as real processes, and ways to hand it files and messages and to read its books."""

from __future__ import annotations

import csv
import importlib.util
import io
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from adapters.host.store.status import count
from adapters.simulators.a_juki_files import IDO, Column, Records
from adapters.simulators.a_juki_items import a_items, wareki
from adapters.transports.file_drop import write_file
from bus.core.basic import basic_header
from bus.journal.reader import SqliteReader
from bus.wire import envelope, safe_xml
from bus.wire.fault import read_fault
from tests.support.polling import until
from tests.support.repository import ROOT

EXAMPLE = ROOT / "deploy" / "examples" / "tax-juki"
NOTICE = "juki.ido_tsuchi"
VENDORS = ROOT / "adapters" / "vendors"
TOWN = "990019"
Row = dict[str, str]


def example_module(name: str) -> Any:
    """A script of the example as a module."""
    spec = importlib.util.spec_from_file_location(f"example_{name}", EXAMPLE / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def with_site(site: Path) -> dict[str, str]:
    """The environment of a user who has named the site folder once."""
    return {**os.environ, "CHIIKIBUS_SITE": str(site)}


def listening(port: int) -> bool:
    """Whether somebody accepts connections on this port."""
    with socket.socket() as probe:
        probe.settimeout(1.0)
        return probe.connect_ex(("127.0.0.1", port)) == 0


@dataclass(frozen=True, slots=True)
class Refusal:
    """How the bus refused a message: HTTP status, code, text, findings as fields, exchange id."""

    status: int
    code: str
    text: str
    findings: tuple[dict[str, Any], ...] = ()
    record_id: str = ""


@dataclass(slots=True)
class Town:
    """A running town. ``fresh`` gives records of residents as they stand after one more event."""

    hall: Any
    records: Records = field(default_factory=Records)
    _versions: Counter[str] = field(default_factory=Counter)
    _next: int = 0
    _truth: list[Row] = field(default_factory=list)
    _files: int = 0

    @property
    def site(self) -> Path:
        """The site folder."""
        return Path(self.hall.site)

    @property
    def out(self) -> Path:
        """Where the register puts its files."""
        return self.site / "sim" / "a-juki" / "out"

    @property
    def bus(self) -> str:
        """The address of the bus."""
        return f"http://127.0.0.1:{self.hall.ports['bus']}"

    def load(self, residents: int, seed: int) -> None:
        """Fill the register, and the tax system from it through the bus."""
        self.hall.panel("a-juki", "/load", {"size": residents, "seed": seed})
        self.hall.panel("a-juki", "/extract", {"kind": "full", "hold": False})
        versions = self.hall.panel("a-juki", "/versions")
        until(lambda: self.ledger() == versions, within_s=60, what="the initial load")
        self._truth = self.hall.panel("a-juki", f"/truth?after=&limit={residents}")["records"]
        self._truth = [row for row in self._truth if row["juminshubetsu"] == "1" and row["shiensochi_kubun"] == "0"]
        self._versions.update({number: int(version) for number, version in versions.items()})

    def own_definition(self, adapter: str) -> None:
        """Give an adapter of vendor A a copy of its definition in the site folder, so that a test may change it."""
        shutil.copytree(VENDORS / "a" / "kojinjuminzei", self.site / "definition" / adapter)
        path = self.site / "adapters.toml"
        head, table, rest = path.read_text("utf-8").partition(f'id = "{adapter}"')
        before, settings, after = rest.partition("[adapter.settings]")
        own = f'{settings}\ndefinition = "definition/{adapter}"'
        path.write_text(f"{head}{table}{before}{own}{after}", encoding="utf-8")

    def decide(self, adapter: str, code: str, ucs: str) -> None:
        """Add a decision to an adapter's gaiji register."""
        path = self.site / "gaiji" / f"{TOWN}-{adapter}.csv"
        row = f"{code},{ucs},,字形一致,試験（合成）,文字同定担当,2026-01-05,2026-01-05\n"
        path.write_text(path.read_text("utf-8") + row, encoding="utf-8")

    def restart(self, adapter: str) -> None:
        """End an adapter; the supervisor starts it anew."""
        pid = self.hall.processes()[adapter]
        os.kill(pid, signal.SIGTERM)
        port = self.hall.ports[adapter]
        until(lambda: self.hall.processes().get(adapter) not in {None, pid}, within_s=20, what=f"{adapter} anew")
        until(lambda: listening(port), within_s=20, what=f"{adapter} to listen")

    def open_characters(self, adapter: str) -> dict[str, int]:
        """Characters that wait for a decision, and how many records need them."""
        listed = self.status(adapter)["worklist_list"]
        return {one["character"]: one["count"] for one in listed if one["state"] == "open"}

    def deliveries(self, state: str = "") -> list[dict[str, Any]]:
        """Notices of the journal as the command shows them, oldest first."""
        arguments = ["--state", state] if state else []
        found = self.json_lines("messages", "list", "--operation", NOTICE, *arguments, "--limit", "1000")
        return list(reversed(found))

    def resend(self, code: str) -> list[Any]:
        """Resend what is parked with this code; what was refused of it."""
        told = self.json("messages", "resend", "--code", code, "--yes")
        return [one for one in told["results"] if one["code"]]

    def fresh(self, many: int, **items: str) -> list[Row]:
        """Records of the next residents with the next 履歴番号, each a new notice, each of another household.

        Notices of one household wait for each other, which is not what these tests ask about.
        """
        heads = list({row["setaibango"]: row for row in self._truth}.values())
        return [self.later(heads[(self._next + n) % len(heads)], **items) for n in self._take(many)]

    def _take(self, many: int) -> range:
        self._next += many
        return range(-many, 0)

    def later(self, row: Mapping[str, str], **items: str) -> Row:
        """The same resident after one more event."""
        number = row["atenabango"]
        self._versions[number] += 1
        return {**row, "rirekibango": str(self._versions[number]), **items}

    def file_name(self, prefix: str = "IDO") -> str:
        """A name for a file of notices, or of another kind, that was not used before."""
        self._files += 1
        return f"{prefix}_9{self._files:07d}.DAT"

    def lines(self, rows: Sequence[Mapping[str, str]], kind: str = IDO) -> list[bytes]:
        """A file of notices, or of another kind, by lines: header, records, trailer."""
        made = (wareki("2026-01-05"), "090000")
        return list(self.records.lines(kind, TOWN, made, [self.records.pack(a_items(row)) for row in rows]))

    def drop(self, name: str, data: bytes) -> None:
        """Hand over a complete file."""
        write_file(self.out, name, data)

    def errors(self, name: str) -> list[Row]:
        """The error list of a file; empty when there is none."""
        path = self.out / "error" / f"{name}.ERR.csv"
        return (
            list(csv.DictReader(io.StringIO(path.read_text(encoding="utf-8-sig"), newline=""))) if path.exists() else []
        )

    def status(self, adapter: str = "a-juki") -> dict[str, Any]:
        """The books of an adapter, with its files, refusals and worklist."""
        return count(self.site / "var" / "adapters" / f"{adapter}.sqlite", detail=True)

    def file(self, name: str, sha256: str = "") -> dict[str, Any] | None:
        """The books of a file once it is settled: every record sent, held or refused."""
        for one in self.status()["file_list"]:
            if (
                one["name"] == name
                and one["state"] != "reading"
                and sha256 in {"", one["sha256"]}
                and not one["waiting"]
            ):
                return dict(one)
        return None

    def settled(self, name: str, sha256: str = "") -> dict[str, Any]:
        """Wait for ``file``."""
        found = until(lambda: self.file(name, sha256), within_s=20, what=name)
        assert found is not None
        return found

    def ledger(self) -> dict[str, str]:
        """The tax system's version of everyone."""
        found: dict[str, str] = self.hall.panel("a-tax", "/versions")
        return found

    def gone(self, name: str) -> None:
        """Wait until the adapter has moved a file away."""
        until(lambda: not (self.out / f"{name}.END").exists(), within_s=20, what=f"{name} to be taken")

    def quiet(self) -> None:
        """Wait until nothing is under way on the bus."""
        moving = ("ACCEPTED", "PUBLISHED", "DISPATCHING", "RETRY_WAIT")
        until(lambda: not any(self.journal()[state] for state in moving), within_s=10, what="the bus to be quiet")

    def column(self, item: str) -> Column:
        """Where an item stands in the register's records."""
        return next(one for one in self.records.columns if one.name == item)

    def daicho(self) -> dict[str, Row]:
        """The tax system's ledger by 宛名番号, in its own characters."""
        from adapters.simulators.a_tax import read_csv  # noqa: PLC0415 (only this reads files of A)

        name = self.hall.panel("a-tax", "/daicho", {})["file"]
        rows = read_csv((self.site / "sim" / "a-tax" / "daicho" / name).read_bytes())
        return {row["宛名番号"]: row for row in rows}

    def arrived(self, rows: Sequence[Mapping[str, str]]) -> None:
        """Wait until the tax system holds these versions."""
        wanted = {row["atenabango"]: int(row["rirekibango"]) for row in rows}

        def there() -> bool:
            ledger = self.ledger()
            return all(int(ledger.get(number, "0")) >= version for number, version in wanted.items())

        until(there, within_s=20, what="the records to arrive")

    def journal(self, operation: str = NOTICE, sender: str = "juki") -> Counter[str]:
        """Deliveries of an operation by state."""
        with closing(SqliteReader(self.site / "var" / "journal.sqlite")) as reader:
            rows = reader.search(operation=operation, limit=10_000)
        return Counter(str(row["state"]) for row in rows if row["sender"] == sender)

    def cli(self, *arguments: str) -> tuple[int, str, str]:
        """Run a command on the site: exit code, standard output, standard error."""
        command = [sys.executable, "-m", "bus.cli", *arguments, "--site", str(self.site)]
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
        assert "Traceback" not in done.stderr
        return done.returncode, done.stdout, done.stderr

    def json(self, *arguments: str) -> Any:
        """The one JSON document of a command."""
        _, out, _ = self.cli(*arguments, "--json")
        return json.loads(out)

    def json_lines(self, *arguments: str) -> list[Any]:
        """The JSON lines of a command."""
        _, out, _ = self.cli(*arguments, "--json")
        return [json.loads(line) for line in out.splitlines()]

    def secret(self, endpoint: str) -> str:
        """An endpoint's credential."""
        return (self.site / "secrets" / f"{TOWN}-{endpoint}.key").read_text("utf-8").strip()

    def post(
        self, endpoint: str, unit: str, body: bytes, *, path: str = "", secret: str = "", content_type: str = ""
    ) -> Refusal | None:
        """Post a message as an endpoint; ``None`` when it was taken or answered."""
        headers = {
            "Content-Type": content_type or "text/xml; charset=utf-8",
            "SOAPAction": '""',
            "Authorization": basic_header(endpoint, secret or self.secret(endpoint)),
        }
        url = self.bus + (path or f"/{TOWN}/{endpoint}/{unit}")
        try:
            with urllib.request.urlopen(urllib.request.Request(url, body, headers), timeout=20):
                return None
        except urllib.error.HTTPError as error:
            return _refusal(error.code, error.read(), error.headers.get("Content-Type", ""))


def _refusal(status: int, body: bytes, content_type: str) -> Refusal:
    if not content_type.startswith("text/xml"):
        code, _, text = body.decode("utf-8").strip().partition(" ")
        return Refusal(status, code, text)
    fault = read_fault(envelope.read(safe_xml.parse(body, content_type)).body)
    return Refusal(status, fault.code, fault.text, tuple(one.as_dict() for one in fault.findings), fault.record_id)
