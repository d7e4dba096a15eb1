#!/usr/bin/env python3
"""Measures what keeping a journal costs the bus that runs on it. SQLite, in a folder of its own; nothing is installed.

    python deploy/bench/upkeep.py [--only retention|seal] [--messages N] [--seconds S] [--rounds N]

``retention``: N finished messages of 1 KB are removed (payloads and rows) by a second process, while this one accepts
messages one after the other; how long an acceptance takes with and without it, and the longest transaction of the
removal.

``seal``: processor time of this process for a message (accepted, answered; 20 callers) in a journal without and with
traces for the sealing, in turns, and with payloads encrypted (two of 1 KB), the smallest of the rounds; then how fast
another connection seals and verifies.

All messages are synthetic. Exit code 0 when everything that was accepted meanwhile is there.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import multiprocessing
import sys
import tempfile
import time
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from typing import Any, Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from bus.core.clock import SystemClock
from bus.core.keeping import DAY_S, Periods, RetentionSettings
from bus.core.ports import Acceptance, Transition
from bus.core.states import State
from bus.core.types import Mode
from bus.journal.side import SqliteSide
from bus.journal.sqlite import SqliteJournal
from bus.journal.upkeep.retention import Retention
from bus.journal.upkeep.seal import Sealer
from bus.journal.upkeep.signing import Signer, Trust
from bus.journal.upkeep.verify import Verifier
from bus.journal.vault import MasterKey, Vault

RAW: Final = b"<synthetic>" + b"x" * 1000 + b"</synthetic>"
OLD_DAYS: Final = 500
CALLERS: Final = 20


def message(number: int, at: float) -> Acceptance:
    """A direct call of 1 KB."""
    return Acceptance(
        exchange_id=f"{number:032x}", municipality="990019", sender="tax", message_id=f"urn:uuid:{number:032x}",
        sha256=sha256(RAW).hexdigest(), unit="juki", operation="juki.jumin_shokai", edition="1.0", purpose="kazei",
        mode=Mode.DIRECT, ordering_keys=(), received_at=at, expires_at=at + 60, content_type="text/xml",
        soap_action="urn:x-synthetic", relates_to="", tables_hash="0" * 16, size=len(RAW), state=State.DISPATCHING,
        targets=("juki",), raw=RAW,
    )  # fmt: skip


def answered(one: Acceptance, at: float) -> Transition:
    """Its answer."""
    return Transition(one.delivery_id(0), State.REPLIED, at, reply=RAW, reply_status=200, reply_content_type="text/xml")


async def fill(journal: SqliteJournal, messages: int) -> None:
    """Finished messages of long ago, 256 at a time."""
    at = SystemClock().now() - OLD_DAYS * DAY_S
    for start in range(0, messages, 256):
        some = [message(number, at) for number in range(start, min(start + 256, messages))]
        await asyncio.gather(*(journal.accept(each) for each in some))
        await asyncio.gather(*(journal.record([answered(each, at)]) for each in some))


def clean(path: Path, results: Any) -> None:
    """The other process."""
    side = SqliteSide(path)
    rules = RetentionSettings(Periods(90, 400))
    begin = time.monotonic()
    report = Retention(side, rules, SystemClock(), actor="bench").run()
    side.close()
    took = time.monotonic() - begin
    results.put({"removed": report.removed, "seconds": round(took, 2), "pieces": report.pieces,
                 "longest_ms": round(report.longest_s * 1e3, 1)})  # fmt: skip


async def calls(journal: SqliteJournal, first: int, seconds: float, other: Any = None) -> tuple[list[float], int]:
    """Accept and answer one after the other; milliseconds of each acceptance, and the next free number."""
    times: list[float] = []
    until, number = time.monotonic() + seconds, first
    while time.monotonic() < until or (other is not None and other.is_alive()):
        one = message(number, SystemClock().now())
        begin = time.perf_counter()
        await journal.accept(one)
        times.append((time.perf_counter() - begin) * 1e3)
        await journal.record([answered(one, SystemClock().now())])
        number += 1
        await asyncio.sleep(0.002)
    return times, number


def told(name: str, times: list[float], **more: Any) -> None:
    """One line."""
    ordered = sorted(times)
    figures = {"p50_ms": ordered[len(ordered) // 2], "p99_ms": ordered[len(ordered) * 99 // 100], "max_ms": ordered[-1]}
    line = {"what": name, "acceptances": len(times), **{key: round(value, 2) for key, value in figures.items()}, **more}
    print(json.dumps(line), flush=True)


async def retention(folder: Path, messages: int, seconds: float) -> bool:
    """With and without a removal beside it."""
    path = folder / "journal.sqlite"
    journal = SqliteJournal(path, clock=SystemClock())
    await journal.open()
    await fill(journal, messages)
    first = messages
    times, following = await calls(journal, first, seconds)
    told("alone", times)
    context = multiprocessing.get_context("spawn")
    results = context.Queue()
    other = context.Process(target=clean, args=(path, results))
    other.start()
    times, last = await calls(journal, following, 0.0, other)
    told("beside retention", times, retention=results.get(timeout=10))
    other.join()
    there = all(journal.body(replace(message(number, 0.0)).exchange_id) == RAW for number in range(first, last))
    await journal.close()
    return there


async def busy(path: Path, messages: int, *, sealed: bool, encrypted: bool = False) -> float:
    """Microseconds of processor time for a message."""
    vault = Vault([MasterKey("bench", AESGCM(AESGCM.generate_key(256)))]) if encrypted else None
    journal = SqliteJournal(path, clock=SystemClock(), sealed=sealed, vault=vault)
    await journal.open()
    at, numbers = SystemClock().now(), iter(range(messages))

    async def caller() -> None:
        for number in numbers:
            one = replace(message(number, at + number), raw=b"%d %b" % (number, RAW))
            await journal.accept(one)
            await journal.record([replace(answered(one, at + number), reply=one.raw)])

    begin = time.process_time()
    await asyncio.gather(*(caller() for _ in range(CALLERS)))
    spent = time.process_time() - begin
    await journal.close()
    return spent / messages * 1e6


def seal(folder: Path, messages: int, rounds: int) -> bool:
    """The cost of traces, then of the seals themselves."""
    best = {False: float("inf"), True: float("inf")}
    for number in range(rounds):
        for sealed in (False, True) if number % 2 else (True, False):
            path = folder / f"{number}-{sealed}.sqlite"
            best[sealed] = min(best[sealed], asyncio.run(busy(path, messages, sealed=sealed)))
    print(json.dumps({"what": "traces", "us_without": round(best[False], 1), "us_with": round(best[True], 1)}))
    encrypted = min(
        asyncio.run(busy(folder / f"{number}-e.sqlite", messages, sealed=False, encrypted=True))
        for number in range(rounds)
    )
    print(json.dumps({"what": "encryption", "us_with": round(encrypted, 1)}))
    key, clock = Ed25519PrivateKey.generate(), SystemClock()
    signer, side = Signer(key), SqliteSide(folder / "0-True.sqlite")
    begin, cpu = time.perf_counter(), time.process_time()
    seals = Sealer(side, signer, clock, folder / "anchor.json").seal()
    took, spent = time.perf_counter() - begin, time.process_time() - cpu
    size = side.database.execute("SELECT sum(length(entries)) FROM seal").fetchone()[0]
    print(json.dumps({"what": "sealing", "messages": messages, "seals": len(seals), "seconds": round(took, 2),
                      "us_each": round(spent / messages * 1e6, 1), "bytes_each": round(size / messages)}))  # fmt: skip
    begin = time.perf_counter()
    verdict = Verifier(side, Trust({signer.name: key.public_key()}), clock).verify()
    print(json.dumps({"what": "verifying", "flaws": verdict.number, "seconds": round(time.perf_counter() - begin, 2)}))
    side.close()
    return verdict.sound and not verdict.unsealed


def main() -> int:
    """Fill, remove, compare."""
    parser = argparse.ArgumentParser(description="What keeping a journal costs.")
    parser.add_argument("--messages", type=int, default=20_000)
    parser.add_argument("--seconds", type=float, default=5.0)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--only", choices=["retention", "seal"])
    wanted = parser.parse_args()
    good = True
    with tempfile.TemporaryDirectory() as folder:
        if wanted.only != "seal":
            good = asyncio.run(retention(Path(folder), wanted.messages, wanted.seconds))
        if wanted.only != "retention":
            good = seal(Path(folder), wanted.messages, wanted.rounds) and good
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
