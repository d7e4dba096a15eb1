"""Faults of what is stored: bits that flip on the disk, a PostgreSQL whose writes and syncs fail."""

from __future__ import annotations

import asyncio
import sqlite3
import time
from collections.abc import Sequence
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

from matrix.place import MatrixError, Place, command, together, until

STRACE = Path("/usr/bin/strace")
FLIPPED = 5
FAILING_S = 10.0
COMPLAINTS = ("PANIC:", "No space left on device", "Input/output error")
PARKED = "SELECT count(*) FROM delivery WHERE state = 'PARKED' AND code = 'CB4031'"


async def bits_flipped(place: Place) -> int:
    """With a backlog, one bit flips in each of five stored messages; found and parked, then restored and resent."""
    place.receiver.behave = lambda message_id: "503"
    await place.accepted(0.3)
    await place.kill()
    behind = [each for each in place.load.ledger.acknowledged if each not in place.receiver.digests]
    first = {place.load.place(each)[0]: each for each in reversed(behind)}
    victims = place.dice.sample(sorted(first.values()), FLIPPED)
    bodies = [place.load.body(*place.load.place(each)) for each in victims]
    flipped = [_flip(body, place.dice.randrange(8 * len(body))) for body in bodies]
    await _exchange_on_disk(place, bodies, flipped)
    place.receiver.behave = lambda message_id: "ok"
    await place.up()
    await until(lambda: place.asked(PARKED)[0][0] == FLIPPED, 300, "what was flipped to be parked")
    if set(victims) & set(place.receiver.effects):
        raise MatrixError("a message was delivered although its bits had flipped")
    await place.down()
    await _exchange_on_disk(place, flipped, bodies)
    await place.up()
    await command(place, "messages", "resend", "--all", "--yes")
    return FLIPPED


def _flip(body: bytes, bit: int) -> bytes:
    changed = bytearray(body)
    changed[bit // 8] ^= 1 << bit % 8
    return bytes(changed)


async def _exchange_on_disk(place: Place, old: Sequence[bytes], new: Sequence[bytes]) -> None:
    """Overwrite bytes in the files of the journal, while nobody has them open."""
    if place.engine == "embedded":
        path = place.folder / "var" / "journal.sqlite"
        with closing(sqlite3.connect(path)) as journal:
            journal.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        await asyncio.to_thread(_overwrite, [path], old, new)
        return
    server = place.engines.journal
    await together(server.stop)
    await asyncio.to_thread(_overwrite, sorted((server.data / "base").rglob("[0-9]*")), old, new)
    await together(server.start)


def _overwrite(paths: Sequence[Path], old: Sequence[bytes], new: Sequence[bytes]) -> None:
    """Each of these once. Errors: ``MatrixError`` one is not there."""
    left = dict(zip(old, new, strict=True))
    for path in paths:
        data = bytearray(path.read_bytes() if path.is_file() else b"")
        found = [body for body in left if body in data]
        for body in found:
            start = data.find(body)
            data[start : start + len(body)] = left.pop(body)
        if found:
            path.write_bytes(data)
    if left:
        raise MatrixError(f"{len(left)} messages are not in the files of the journal")


async def database_disk_fails(place: Place, call: str, error: str) -> int:
    """Writes (or syncs) of PostgreSQL fail now and then, for ten seconds: strace answers for the kernel.

    It gives up (PANIC) and comes back by itself, or is started again where it ended, as a service manager does.
    """
    server = place.engines.journal
    await place.accepted(0.2)
    log = server.folder / "log"
    before = log.stat().st_size
    end = time.monotonic() + FAILING_S
    while time.monotonic() < end:
        if not server.running:
            await together(server.start)
        await _failing(
            server, f"{call}:error={error}:when={place.dice.randint(2, 20)}+{place.dice.randint(10, 40)}", end
        )
    if not server.running:
        await together(server.kill)
        await together(server.start)
    place.mark()
    with log.open("rb") as words:
        words.seek(before)
        told = words.read().decode("utf-8", "replace")
    return sum(told.count(each) for each in COMPLAINTS)


async def _failing(server: Any, order: str, end: float) -> None:
    """Until then, or until the server has ended. Errors: ``MatrixError`` strace may not do this here."""
    call = order.partition(":")[0]
    pids = [word for pid in server.processes() for word in ("-p", str(pid))]
    tracer = await asyncio.create_subprocess_exec(
        str(STRACE), "-f", "-qq", "-o", "/dev/null", *pids, "-e", f"trace={call}", "-e", f"inject={order}",
        stdin=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.PIPE, start_new_session=True,
    )  # fmt: skip
    try:
        await until(lambda: time.monotonic() > end or tracer.returncode is not None, 2 * FAILING_S, "the time to pass")
    finally:
        with suppress(ProcessLookupError):
            tracer.terminate()
        told = (await tracer.communicate())[1].decode("utf-8", "replace")
    if "not permitted" in told:
        raise MatrixError(told.splitlines()[0])
