"""Long runs: a backlog that builds up and drains, and hours at half of what the machine can do. Does memory grow?

    .venv/bin/python deploy/bench/soak.py backlog [--messages 1000000] [--people 6400]
    .venv/bin/python deploy/bench/soak.py steady [--minutes 60] [--rate 0] [--people 6400]
        both: [--journal sqlite|postgresql] [--broker memory|rabbitmq] [--every 1.0] [--warm 0.5]
        [--folder DIR] [--out FILE]

``backlog``: the receiver is down while the notices are accepted; then it starts, and everything is drained. ``steady``:
the capacity is measured for some seconds (unless ``--rate`` says how many a second), then half of it runs on. In both
the receiver counts what is lost, repeated, out of order or altered, the journal's count is compared with the sender's,
and every process of the bus is sampled. Last line: JSON. Exit code: 0 when nothing was lost, repeated, out of order or
altered, 1 otherwise; growth is told, not judged.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

from harness import bus
from harness.children import child, free_port
from harness.engines import Engines, asked
from harness.growth import Samples, sampled, told
from harness.messages import KB, Messages, Pair
from harness.ordered import CONNECTIONS, Sent, drive
from harness.peers import Server

HERE = Path(__file__).resolve().parent
CAPACITY_S = 15.0
LEAST_S = 600.0
"""So long a drain may stand still before the run is given up."""


class Receiver:
    """The receiving system with a port of its own, whether it is up or not."""

    def __init__(self, folder: Path, pair: Pair) -> None:
        folder.mkdir()
        (folder / "reply.xml").write_bytes(pair.reply)
        (folder / "request.xml").write_bytes(pair.request)
        self._folder, self._port = folder, free_port()
        self.server = Server("receiver", f"http://127.0.0.1:{self._port}/", 0)

    def start(self, stack: ExitStack) -> None:
        """Up until the stack unwinds."""
        command = [sys.executable, HERE / "ordered_receiver.py", str(self._port), self._folder]
        stack.enter_context(child(command, self._port, self._folder / "output.log"))

    def counts(self) -> dict[str, int]:
        """What it has counted up to a second ago."""
        try:
            found: dict[str, int] = json.loads((self._folder / "counts.json").read_text("utf-8"))
        except FileNotFoundError:
            return {"received": 0}
        return found

    def until(self, count: int, say: Callable[[str], None]) -> float:
        """Wait for ``count`` notices; seconds. Errors: ``SystemExit`` when nothing arrives any more."""
        start = moved = time.monotonic()
        before = -1
        while (now := self.counts()["received"]) < count:
            if now != before:
                before, moved = now, time.monotonic()
            if time.monotonic() - moved > LEAST_S:
                raise SystemExit(f"nothing arrives any more: {self.counts()} of {count}")
            time.sleep(0.5)
            if int(time.monotonic() - start) % 30 == 0:
                say(f"{now} of {count} arrived")
        return time.monotonic() - start


def backlog(stack: ExitStack, given: argparse.Namespace, pair: Pair) -> tuple[dict[str, object], bool]:
    """Accept everything while nobody receives, then drain."""
    receiver, server, site = _running(stack, given, pair)
    with sampled(server.pid, every_s=given.every) as filling:
        sent = drive(server, pair, first=0, people=given.people, count=given.messages)
    given.say(
        f"{sent.accepted} accepted in {sent.seconds:.0f} s, {_open(site)} open, {told(filling, warm=given.warm)[0]}"
    )
    receiver.start(stack)
    with sampled(server.pid, every_s=given.every) as draining:
        seconds = receiver.until(sent.accepted, given.say)
        _until_recorded(site, sent.accepted)
    return _report(
        given, sent, receiver, site, {"filling": filling, "draining": draining},
        accept_per_s=round(sent.accepted / sent.seconds, 1), drain_s=round(seconds, 1),
        drain_per_s=round(sent.accepted / max(seconds, 0.001), 1),
    )  # fmt: skip


def steady(stack: ExitStack, given: argparse.Namespace, pair: Pair) -> tuple[dict[str, object], bool]:
    """Half of the capacity, for as long as asked."""
    receiver, server, site = _running(stack, given, pair)
    receiver.start(stack)
    rate, first, capacity = given.rate, 0, 0.0
    if not rate:
        start = time.monotonic()
        first = drive(server, pair, first=0, people=given.people, seconds=min(CAPACITY_S, given.minutes * 60)).accepted
        receiver.until(first, given.say)
        capacity = first / (time.monotonic() - start)
        rate = capacity / 2
    given.say(f"capacity {capacity:.0f}/s, running at {rate:.0f}/s for {given.minutes} minutes")
    with sampled(server.pid, every_s=given.every) as running:
        sent = drive(server, pair, first=first, people=given.people, rate=rate, seconds=given.minutes * 60)
    receiver.until(first + sent.accepted, given.say)
    _until_recorded(site, first + sent.accepted)
    rest = {"capacity_per_s": round(capacity, 1), "rate_per_s": round(rate, 1)}
    before, sent.accepted = sent.accepted, first + sent.accepted
    return _report(given, sent, receiver, site, {"running": running}, steady_messages=before, **rest)


def _running(stack: ExitStack, given: argparse.Namespace, pair: Pair) -> tuple[Receiver, Server, Path]:
    folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="soak-", dir=given.folder or None)))
    folder.chmod(0o755)
    engines = Engines(folder, journal=given.journal, broker=given.broker)
    stack.callback(engines.stop)
    receiver, site = Receiver(folder / "receiver", pair), folder / "site"
    server = stack.enter_context(
        bus.serve(site, receiver.server, sender="register", change=None if engines.embedded else engines.name)
    )
    return receiver, server, site


def _open(site: Path) -> int:
    return int(asked(site, "SELECT count(*) FROM delivery WHERE open IS NOT NULL")[0][0])


def _until_recorded(site: Path, count: int, within_s: float = 60.0) -> None:
    end = time.monotonic() + within_s
    while _open(site) and time.monotonic() < end:
        time.sleep(0.2)


def _report(
    given: argparse.Namespace, sent: Sent, receiver: Receiver, site: Path, phases: dict[str, Samples], **rest: object
) -> tuple[dict[str, object], bool]:
    time.sleep(1.5)  # the receiver writes its counts every second
    counts, states = receiver.counts(), bus.delivered(site)[0]
    sound = (
        counts["received"] == sent.accepted
        and not counts["repeated"] + counts["skipped"] + counts["wrong"]
        and states == {"DELIVERED": sent.accepted}
    )
    journal = sum(path.stat().st_size for path in (site / "var").glob("journal.sqlite*"))
    cpu = sum(each.cpu_s for each in phases.values())
    report: dict[str, object] = {
        "event": "soak", "run": given.run, "journal": given.journal, "broker": given.broker, "sound": sound,
        "accepted": sent.accepted, "sent_again": sent.again, "people": given.people, "receiver": counts,
        "states": states, "accept_p50_ms": round(sent.percentile(0.5) / 1000, 2),
        "accept_p99_ms": round(sent.percentile(0.99) / 1000, 2), "cpu_us_per_message": round(cpu / sent.accepted * 1e6),
        "journal_bytes_per_message": round(journal / sent.accepted), **rest,
        "growth": {name: told(each, warm=given.warm) for name, each in phases.items()},
    }  # fmt: skip
    return report, sound


def main() -> int:
    """See the module."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", choices=["backlog", "steady"])
    parser.add_argument("--messages", type=int, default=1_000_000)
    parser.add_argument("--minutes", type=float, default=60.0)
    parser.add_argument("--rate", type=float, default=0.0, help="messages a second instead of half the capacity")
    parser.add_argument("--people", type=int, default=6400, help="a multiple of the connections")
    parser.add_argument("--journal", choices=["sqlite", "postgresql"], default="sqlite")
    parser.add_argument("--broker", choices=["memory", "rabbitmq"], default="memory")
    parser.add_argument("--every", type=float, default=1.0, help="seconds between two samples")
    parser.add_argument("--warm", type=float, default=0.5, help="share of the time that the slope leaves out at first")
    parser.add_argument("--folder", type=Path, help="where the run keeps its files; they are removed at the end")
    parser.add_argument("--out", type=Path, help="also write the JSON there")
    given = parser.parse_args()
    if given.people % CONNECTIONS:
        parser.error(f"--people is a multiple of {CONNECTIONS}")
    given.say = lambda text: print(text, file=sys.stderr, flush=True)
    pair = Messages().notice(KB)
    with ExitStack() as stack:
        report, sound = (backlog if given.run == "backlog" else steady)(stack, given, pair)
    text = json.dumps({"at": time.strftime("%Y-%m-%d"), "cores": os.cpu_count(), **report}, ensure_ascii=False)
    print(text)
    if given.out is not None:
        given.out.write_text(text + "\n", encoding="utf-8")
    return 0 if sound else 1


if __name__ == "__main__":
    sys.exit(main())
