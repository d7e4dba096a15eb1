"""Reliable messaging between two buses over a line that loses, doubles and reorders; one line of JSON says how it went.

    python deploy/examples/reliable/run.py --messages 10000 --loss 0.5 --seed 7 --kill

A sender gives notices to the first bus, which sends them in a sequence (WS-ReliableMessaging 1.2) over the line to the
second, which delivers them to a receiver. With ``--kill`` both buses are killed with SIGKILL at random moments and
started again. Exit code 0: every message arrived at the second bus exactly once, and in order.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import sqlite3
import sys
import tempfile
import time
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

from lossy import Line
from town import Bus, Notices, Receiver, Sender, free_port, write_sites

POLL_S = 0.05


async def run(options: argparse.Namespace, folder: Path) -> dict[str, object]:
    """One run; the counts."""
    notices = Notices()
    receiver = Receiver(notices.operation)
    receiver_port = await receiver.open()
    ports = free_port(), free_port()
    line = Line(ports[1], options.loss, options.seed, double=options.double, delay=options.delay)
    await line.open()
    first, second = write_sites(folder, ports[0], line.port, ports[1], receiver_port, options.processes)
    buses = Bus(first, ports[0]), Bus(second, ports[1])
    begun = time.monotonic()
    try:
        await asyncio.gather(*(bus.start() for bus in buses))
        killing = asyncio.create_task(_kill(buses, options)) if options.kill else None
        sender = Sender(ports[0])
        for number in range(1, options.messages + 1):
            await sender.send(notices.message(number))
        async with asyncio.timeout(options.patience):
            await _until(lambda: len(receiver.first) >= options.messages)
            if killing is not None:
                await killing
            await _until(lambda: not _open_deliveries(first) and not _open_deliveries(second))
    except TimeoutError:
        print("not everything arrived in time", file=sys.stderr)
    finally:
        await asyncio.gather(*(bus.stop() for bus in buses))
        await line.close()
        if receiver.server is not None:
            receiver.server.close()
    numbers = receiver.first
    late = sum(1 for earlier, later in pairwise(numbers) if later < earlier)
    accepted = _count(second, "SELECT count(*) FROM exchange WHERE refused = 0")
    return {
        "sent": options.messages,
        "delivered": len(numbers),
        "duplicates": receiver.doubled + max(0, accepted - options.messages),
        "out_of_order": late,
        "lost": options.messages - len(numbers),
        "unfinished": _open_deliveries(first) + _open_deliveries(second),
        "retransmissions": line.retransmissions,
        "line": line.counts,
        "sequences": _count(second, "SELECT count(*) FROM sequence"),
        "repeated_after_a_kill": receiver.again,
        "kills": sum(bus.kills for bus in buses),
        "seconds": round(time.monotonic() - begun, 1),
    }


async def _until(true: Callable[[], bool]) -> None:
    """Look again and again."""
    while True:
        if true():
            return
        await asyncio.sleep(POLL_S)


async def _kill(buses: tuple[Bus, Bus], options: argparse.Namespace) -> None:
    """SIGKILL for one bus or both, ``--kills`` times."""
    dice = random.Random(options.seed)
    for _ in range(options.kills):
        await asyncio.sleep(dice.uniform(0.5, 2.5))
        chosen = dice.choice(((buses[0],), (buses[1],), buses))
        await asyncio.gather(*(bus.kill() for bus in chosen))


def _open_deliveries(site: Path) -> int:
    """How many deliveries of this bus have not ended."""
    return _count(site, "SELECT count(*) FROM delivery WHERE open IS NOT NULL")


def _count(site: Path, query: str) -> int:
    """One number of a journal, read beside the running bus."""
    connection = sqlite3.connect(f"file:{site / 'var' / 'journal.sqlite'}?mode=ro", uri=True, timeout=10)
    try:
        return int(connection.execute(query).fetchone()[0])
    finally:
        connection.close()


def main() -> int:
    """Run, print, and say by the exit code whether everything arrived once and in order."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--messages", type=int, default=300)
    parser.add_argument("--loss", type=float, default=0.1, help="of messages, and of answers: 0 to 0.9")
    parser.add_argument("--double", type=float, default=0.1, help="share of messages that the line carries twice")
    parser.add_argument("--delay", type=float, default=0.2, help="share of messages that others may overtake")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--kill", action="store_true", help="kill both buses now and then")
    parser.add_argument("--kills", type=int, default=6)
    parser.add_argument("--processes", type=int, default=1, help="worker processes of each bus")
    parser.add_argument("--patience", type=float, default=900.0, help="seconds to wait after the last message was sent")
    parser.add_argument("--folder", type=Path, help="keep both sites and their logs here")
    options = parser.parse_args()
    if options.folder is not None:
        counts = asyncio.run(run(options, options.folder))
    else:
        with tempfile.TemporaryDirectory() as folder:
            counts = asyncio.run(run(options, Path(folder)))
    print(json.dumps(counts))
    wrong = ("duplicates", "out_of_order", "lost", "unfinished")
    return 1 if any(counts[name] for name in wrong) else 0


if __name__ == "__main__":
    sys.exit(main())
