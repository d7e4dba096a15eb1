"""The bus under test: the real ``chiikibus serve`` with a site folder written for one scenario."""

from __future__ import annotations

import base64
import secrets
import shutil
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from harness.children import child, free_port
from harness.engines import asked
from harness.peers import Server

MUNICIPALITY = "990019"
SITE = """
[site]
name = "性能測定"
edition = "1.0"
[[municipality]]
code = "{municipality}"
name = "地域市（架空）"
[front]
listen = "127.0.0.1:{port}"
processes = {processes}
[journal]
engine = "sqlite"
path = "var/journal.sqlite"
[broker]
engine = "memory"
"""
ENDPOINTS = """
endpoint = [
  {{ id = "caller",   municipality = "{municipality}", unit = "kojinjuminzei", purpose = "kazei" }},
  {{ id = "register", municipality = "{municipality}", unit = "juki", purpose = "jumin", address = "{target}" }},
{{ id = "receiver", municipality = "{municipality}", unit = "kojinjuminzei", purpose = "kazei", address = "{target}" }},
]
"""
ROUTES = """
route = [
  {{ municipality = "{municipality}", operation = "juki.jumin_shokai", to = ["register"], mode = "direct"{flags} }},
  {{ municipality = "{municipality}", operation = "juki.setai_shokai", to = ["register"], mode = "direct" }},
  {{ municipality = "{municipality}", operation = "juki.ido_tsuchi", to = ["receiver"], mode = "queued"{attachments} }},
]
"""
RIGHTS = """
right = [
  {{ municipality = "{municipality}", endpoint = "caller", operation = "juki.jumin_shokai", purposes = ["kazei"] }},
  {{ municipality = "{municipality}", endpoint = "caller", operation = "juki.setai_shokai", purposes = ["kazei"] }},
  {{ municipality = "{municipality}", endpoint = "register", operation = "juki.ido_tsuchi", purposes = ["jumin"] }},
  {{ municipality = "{municipality}", endpoint = "receiver", operation = "juki.ido_tsuchi", purposes = ["kazei"] }},
]
"""


def write_site(
    folder: Path, *, port: int, target: str, opaque: bool, processes: int = 1, attachments: bool = False
) -> dict[str, str]:
    """Write a site folder whose provider and receiver is ``target``; returns the endpoints' secrets."""
    (folder / "secrets").mkdir(parents=True, exist_ok=True)
    attached = ', attachments = true, unfiltered = "性能測定"' if attachments else ""
    unread = ", opaque = true" + ("" if attachments else ', unfiltered = "性能測定"') if opaque else ""
    fields = {
        "municipality": MUNICIPALITY,
        "port": port,
        "processes": processes,
        "target": target,
        "flags": unread + attached,
        "attachments": attached,
    }
    texts = {"site": SITE, "endpoints": ENDPOINTS, "routes": ROUTES, "rights": RIGHTS, "adapters": ""}
    for name, text in texts.items():
        (folder / f"{name}.toml").write_text(text.format(**fields), encoding="utf-8")
    keys = {endpoint: secrets.token_urlsafe(24) for endpoint in ("caller", "register", "receiver")}
    for endpoint, key in keys.items():
        path = folder / "secrets" / f"{MUNICIPALITY}-{endpoint}.key"
        path.touch(mode=0o600)
        path.write_text(key + "\n", encoding="utf-8")
    return keys


@contextmanager
def serve(
    folder: Path,
    target: Server,
    *,
    sender: str,
    opaque: bool = False,
    processes: int = 1,
    attachments: bool = False,
    like: Path | None = None,
    change: Callable[[Path], None] | None = None,
) -> Iterator[Server]:
    """Run the bus; the yielded server's URL is where ``sender`` calls the service juki.

    ``like`` is a folder whose keys, trust and message security the site takes over; ``change`` alters the site folder
    before the start.
    """
    port = free_port()
    if like is not None:
        shutil.copytree(like, folder)
    keys = write_site(folder, port=port, target=target.url, opaque=opaque, processes=processes, attachments=attachments)
    if change is not None:
        change(folder)
    command = [Path(sys.executable).with_name("chiikibus"), "serve", "--json", "--site", folder]
    credential = base64.b64encode(f"{sender}:{keys[sender]}".encode()).decode("ascii")
    with child(command, port, folder / "output.log") as pid:
        url = f"http://127.0.0.1:{port}/{MUNICIPALITY}/{sender}/juki"
        yield Server(name_of(processes), url, pid, (("Authorization", f"Basic {credential}"),))


def name_of(processes: int) -> str:
    """The contestant's name in the table."""
    return "bus" if processes == 1 else f"bus x {processes}"


def delivered(folder: Path) -> tuple[dict[str, int], float, float]:
    """Deliveries by state, and the times of the first acceptance and the last delivery."""
    states = dict(asked(folder, "SELECT state, count(*) FROM delivery GROUP BY state"))
    first = asked(folder, "SELECT min(received_at) FROM exchange")[0][0]
    last = asked(folder, "SELECT max(updated_at) FROM delivery WHERE state = 'DELIVERED'")[0][0]
    return states, first or 0.0, last or 0.0


def latencies(folder: Path, *, since: float) -> tuple[float, float]:
    """Median and 99th percentile of the seconds from acceptance to recorded delivery, of what came after ``since``."""
    rows = asked(
        folder,
        "SELECT d.updated_at - e.received_at FROM delivery d JOIN exchange e ON e.n = d.n / 4096"
        " WHERE d.state = 'DELIVERED' AND e.received_at >= ? ORDER BY 1",
        (since,),
    )
    values = [row[0] for row in rows] or [0.0]
    return values[len(values) // 2], values[min(len(values) - 1, len(values) * 99 // 100)]
