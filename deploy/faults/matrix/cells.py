"""The cells: what breaks, when, and how it is mended. To add one: a coroutine, and a line in ``CELLS``.

A fault runs beside the load and returns how often it struck; a cell that was never struck counts as failed.
"""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from matrix.beside import (
    SEALED,
    beside_killed,
    failed_over,
    machine_suspended,
    node_killed,
    supervisor_killed,
    upkeep_killed,
)
from matrix.place import Place, Shape, command, together, until
from matrix.servers import Own, Servers
from matrix.stored import STRACE, bits_flipped, database_disk_fails
from matrix.vendor import ADAPTER

Fault = Callable[[Place], Awaitable[int]]
BOTH, EMBEDDED, DISTRIBUTED = ("embedded", "distributed"), ("embedded",), ("distributed",)
FAKETIME = Path("/usr/lib/x86_64-linux-gnu/faketime/libfaketime.so.1")
FIU = tuple(Path("/usr/lib/fiu") / name for name in ("fiu_run_preload.so", "fiu_posix_preload.so"))
NO_SPACE, IO_ERROR = 28, 5
SLOW = 30
"""How many answers that never end a cell asks for."""


@dataclass(frozen=True, slots=True)
class Cell:
    """One fault. ``needs`` are files without which it cannot be run here; ``servers`` starts those of its own."""

    name: str
    title: str
    fault: Fault
    engines: tuple[str, ...] = BOTH
    shape: Shape = field(default_factory=Shape)
    servers: Callable[[Path], Servers] | None = None
    needs: tuple[Path, ...] = ()
    prepare: Callable[[Path], Mapping[str, str]] = field(default=lambda folder: {})


# -- the bus --------------------------------------------------------------------------------------------------


async def nothing(place: Place) -> int:
    """The control."""
    await place.accepted(0.1)
    return 1


async def bus_killed(place: Place) -> int:
    """kill -9 of the bus with all its processes, at five random moments."""
    for part in range(5):
        await place.accepted(0.1 + 0.15 * part + 0.1 * place.dice.random())
        await place.kill()
        await place.up()
    return place.kills


async def killed_after(place: Place, step: int) -> int:
    """The bus kills itself right after one of the numbered steps, three times, at random passings."""
    struck = 0
    for part in range(3):
        await place.accepted(0.1 + 0.2 * part)
        await place.kill()
        await place.up(step=step, hit=place.dice.randint(1, max(2, place.messages // 40)))
        if place.bus is not None:
            # What is under way may end before the fuse is reached: then the bus goes on.
            with suppress(TimeoutError):
                await asyncio.wait_for(place.bus.wait(), 60)
            struck += place.bus.returncode == -signal.SIGKILL
        place.mark()
        await place.kill(marked=False)
        await place.up()
    return struck


async def worker_killed(place: Place) -> int:
    """kill -9 of a worker process, three times: the bus starts another."""
    struck = 0
    for part in range(3):
        await place.accepted(0.15 + 0.2 * part)
        workers = place.workers()
        if workers:
            place.mark()
            os.kill(place.dice.choice(workers), signal.SIGKILL)
            struck += 1
    return struck


async def restarted(place: Place) -> int:
    """SIGTERM and a new start, three times: a rolling restart of one."""
    for part in range(3):
        await place.accepted(0.15 + 0.2 * part)
        await place.down()
        await place.up()
    return 3


async def clock_jumps(place: Place) -> int:
    """The clock of the bus jumps an hour ahead, two back, and to where it was."""
    for part, offset in enumerate(("+3600", "-3600", "+0")):
        await place.accepted(0.15 + 0.2 * part)
        place.mark()
        (place.folder / "clock").write_text(f"{offset}\n", encoding="ascii")
    return 3


def with_clock(folder: Path) -> Mapping[str, str]:
    """A bus whose clock is read from a file; what measures spans of time is left alone."""
    path = folder / "clock"
    return {
        "LD_PRELOAD": str(FAKETIME),
        "FAKETIME_TIMESTAMP_FILE": str(path),
        "FAKETIME_CACHE_DURATION": "1",
        "FAKETIME_DONT_FAKE_MONOTONIC": "1",
    }


# -- RabbitMQ -------------------------------------------------------------------------------------------------


async def rabbit_killed(place: Place) -> int:
    """kill -9 of RabbitMQ right after the queues were declared, and again under load."""
    for share in (0.0, 0.4):
        await place.accepted(share)
        await together(place.engines.broker.kill)
        await together(place.engines.broker.start)
        place.mark()
    return 2


async def rabbit_forgets(place: Place) -> int:
    """kill -9, and a restart on an empty disk."""
    await place.accepted(0.3)
    await together(place.engines.broker.kill)
    place.engines.broker.forget()
    await together(place.engines.broker.start)
    place.mark()
    return 1


async def rabbit_away(place: Place, least_s: float = 0.0) -> int:
    """Nobody answers at RabbitMQ's address until half is accepted without it, and for ``least_s`` seconds."""
    assert place.broker is not None
    await place.accepted(0.2)
    begun = time.monotonic()
    place.broker.refusing = True
    place.broker.cut()
    await place.accepted(0.7)
    await asyncio.sleep(max(0.0, begun + least_s - time.monotonic()))
    place.broker.refusing = False
    place.mark()
    return 1


async def rabbit_stands(place: Place) -> int:
    """RabbitMQ is stopped with its connections open (SIGSTOP) for longer than the bus waits."""
    await place.accepted(0.3)
    place.engines.broker.pause()
    await asyncio.sleep(8)
    place.engines.broker.resume()
    place.mark()
    return 1


async def cut(place: Place, side: str) -> int:
    """Connections end at ten random moments."""
    proxy = place.broker if side == "broker" else place.database
    assert proxy is not None
    for part in range(10):
        await place.accepted(0.05 + 0.08 * part)
        await asyncio.sleep(0.3 * place.dice.random())
        place.mark()
        proxy.cut()
    return 10


async def partitioned(place: Place, side: str, *, one_way: bool) -> int:
    """What is said gets lost on the way (one way: only the answers) for ten seconds; then the line is cut."""
    proxy = place.broker if side == "broker" else place.database
    assert proxy is not None
    await place.accepted(0.3)
    proxy.answers_lost, proxy.requests_lost = True, not one_way
    await asyncio.sleep(10)
    proxy.cut()
    proxy.answers_lost = proxy.requests_lost = False
    place.mark()
    return 1


# -- the journal's server -------------------------------------------------------------------------------------


async def database_killed(place: Place) -> int:
    """kill -9 of PostgreSQL with all its processes, and a restart."""
    for share in (0.2, 0.5):
        await place.accepted(share)
        await together(place.engines.journal.kill)
        await together(place.engines.journal.start)
        place.mark()
    return 2


async def database_restarted(place: Place) -> int:
    """An operator's restart, three times."""
    for share in (0.2, 0.4, 0.6):
        await place.accepted(share)
        await together(place.engines.journal.restart)
        place.mark()
    return 3


async def sessions_ended(place: Place) -> int:
    """PostgreSQL ends every session of the bus, the owner's too, five times."""
    for part in range(5):
        await place.accepted(0.1 + 0.15 * part)
        place.mark()
        await together(place.engines.journal.disconnect_all)
    return 5


async def torn_record(place: Place) -> int:
    """kill -9, and half of a frame that was being written at the end of the journal's log."""
    for share in (0.2, 0.5):
        await place.accepted(share)
        await place.kill()
        with (place.folder / "var" / "journal.sqlite-wal").open("ab") as log:
            log.write(place.dice.randbytes(place.dice.randint(1, 4000)))
        await place.up()
    return 2


async def disk_fails(place: Place, point: str, error: int) -> int:
    """One in three writes (or syncs) of the bus fails, for ten seconds or until fifty senders were refused."""
    await place.accepted(0.2)
    assert place.bus is not None
    refused = place.load.ledger.unavailable
    fifo = str(place.folder / "fiu")
    await _fiu(fifo, place.bus.pid, f"enable_random name={point},probability=0.33,failinfo={error}")
    with suppress(RuntimeError):
        await until(lambda: place.load.ledger.unavailable >= refused + 50, 10, "refusals")
    await _fiu(fifo, place.bus.pid, f"disable name={point}")
    place.mark()
    return place.load.ledger.unavailable - refused


def with_fiu(folder: Path) -> Mapping[str, str]:
    """A bus whose calls of the system may be made to fail."""
    return {
        "LD_PRELOAD": " ".join(map(str, FIU)),
        "FIU_CTRL_FIFO": str(folder / "fiu"),
    }


async def _fiu(fifo: str, pid: int, order: str) -> None:
    process = await asyncio.create_subprocess_exec("fiu-ctrl", "-f", fifo, "-c", order, str(pid))
    if await asyncio.wait_for(process.wait(), 30):
        raise RuntimeError(f"fiu-ctrl: {order}")


# -- the receiver ---------------------------------------------------------------------------------------------


async def receiver_fails(place: Place, how: str, share: float) -> int:
    """The receiver misbehaves to this share of what comes, until it has done so to enough of the load."""
    await place.arrived(0.1)
    receiver = place.receiver
    receiver.behave = lambda message_id: how if receiver.dice.random() < share else "ok"
    wanted = int(min(1000, place.messages) * share / 5)
    if how in {"silent", "drip"}:
        wanted = min(wanted, SLOW)  # each of these costs the bus its whole deadline
    await until(lambda: receiver.misbehaved >= wanted, 300, "the receiver to misbehave")
    receiver.behave = lambda message_id: "ok"
    place.mark()
    return receiver.misbehaved


async def poison(place: Place) -> int:
    """The receiver refuses one message for good: parked, its resident waits, all others go on; then it is resent."""
    bad = place.load.message_id(3, 2)
    place.receiver.behave = lambda message_id: "refuse" if message_id == bad else "ok"
    share = len(range(1 + 3, place.messages + 1, place.load.residents))
    rest = place.messages - share + 1
    await until(lambda: len(place.receiver.effects) >= rest, 600, "all others to be delivered")
    await until(lambda: place.states().get("PARKED") == 1, 60, "the message to be parked")
    place.receiver.behave = lambda message_id: "ok"
    await command(place, "messages", "resend", "--all", "--yes")
    return place.receiver.misbehaved


STEPS = {1: "identify", 2: "parse", 3: "envelope", 4: "security", 5: "authorise", 6: "validate", 7: "deduplicate",
         8: "route", 9: "journal", 10: "relay", 11: "deliver", 12: "answer", 13: "record"}  # fmt: skip


def _lines(side: str, name: str) -> tuple[Cell, ...]:
    """What can happen to the line to one of the two servers."""
    one, two = (partial(partitioned, side=side, one_way=each) for each in (True, False))
    short = "rabbit" if side == "broker" else "pg"
    return (
        Cell(f"{short}-cut", f"{name} 接続断 cut ×10", partial(cut, side=side), DISTRIBUTED),
        Cell(f"{short}-oneway", f"{name} 片方向の断 answers lost 10 s", one, DISTRIBUTED),
        Cell(f"{short}-split", f"{name} 両方向の断 partition 10 s", two, DISTRIBUTED),
    )


def _failing_disk(name: str, title: str, point: str, error: int) -> Cell:
    fault = partial(disk_fails, point=point, error=error)
    return Cell(name, title, fault, EMBEDDED, needs=FIU, prepare=with_fiu)


def _failing_database(name: str, title: str, call: str, error: str) -> Cell:
    return Cell(name, title, partial(database_disk_fails, call=call, error=error), DISTRIBUTED, needs=(STRACE,))


def _beside() -> tuple[Cell, ...]:
    """What runs beside the bus."""
    behind = Shape(whole=True, adapter=True)
    adapter = partial(beside_killed, name=ADAPTER)
    return (
        Cell("adapter-kill", "アダプターの強制終了 kill -9 of an adapter ×5", adapter, shape=behind),
        Cell("up-kill", "監視プロセスの強制終了 kill -9 of `chiikibus up` ×3", supervisor_killed, shape=behind),
        Cell(
            "upkeep-kill",
            "封印プロセスの強制終了 kill -9 of the upkeep ×5, then verify",
            upkeep_killed,
            shape=Shape(whole=True, more=SEALED),
        ),
    )


def _failing_receiver(name: str, title: str, how: str, share: float) -> Cell:
    return Cell(name, title, partial(receiver_fails, how=how, share=share))


CELLS = (
    Cell("none", "何も壊さない control", nothing),
    Cell("bus-kill", "バスの強制終了 kill -9 of the bus ×5", bus_killed),
    *(
        Cell(f"step-{step}", f"段階{step}（{name}）直後の強制終了 killed after it ×3", partial(killed_after, step=step))
        for step, name in STEPS.items()
    ),
    Cell("worker-kill", "ワーカーの強制終了 kill -9 of a worker ×3", worker_killed, shape=Shape(processes=2)),
    *_beside(),
    Cell("restart", "計画再起動 orderly restart ×3", restarted),
    Cell("suspend", "機械の一時停止（SIGSTOP 6–20 s） the machine is suspended ×3", machine_suspended),
    Cell("clock", "時計の飛び clock +1 h, −1 h, back", clock_jumps, needs=(FAKETIME,), prepare=with_clock),
    Cell("rabbit-kill", "RabbitMQ 強制終了（宣言直後・負荷中） kill -9 ×2", rabbit_killed, DISTRIBUTED),
    Cell(
        "rabbit-node",
        "RabbitMQ 3ノード中1ノードの強制終了（順に3ノード） one of three nodes killed, each in turn",
        node_killed,
        DISTRIBUTED,
        shape=Shape(replicas=3),
        servers=partial(Own, cluster=True),
    ),
    Cell("rabbit-disk", "RabbitMQ ディスク喪失 disk lost", rabbit_forgets, DISTRIBUTED),
    Cell("rabbit-away", "RabbitMQ 到達不能 unreachable while half is accepted", rabbit_away, DISTRIBUTED),
    Cell(
        "rabbit-10min",
        "RabbitMQ 到達不能10分 unreachable for 10 minutes",
        partial(rabbit_away, least_s=600),
        DISTRIBUTED,
    ),
    Cell("rabbit-stop", "RabbitMQ 停止（SIGSTOP 8 s） stands still", rabbit_stands, DISTRIBUTED),
    *_lines("broker", "RabbitMQ"),
    Cell("pg-kill", "PostgreSQL 強制終了 kill -9 ×2", database_killed, DISTRIBUTED),
    Cell("pg-restart", "PostgreSQL 再起動 restart ×3", database_restarted, DISTRIBUTED),
    Cell("pg-sessions", "PostgreSQL セッション終了 sessions ended ×5", sessions_ended, DISTRIBUTED),
    *_lines("database", "PostgreSQL"),
    Cell(
        "pg-failover",
        "PostgreSQL のフェイルオーバー（同期レプリカへ） failover to a synchronous standby",
        failed_over,
        DISTRIBUTED,
        servers=partial(Own, standby=True),
    ),
    Cell("bit-flip", "記録簿の本文のビット反転 bits flipped in stored messages ×5", bits_flipped),
    Cell("torn", "書きかけの記録 torn last record of the log ×2", torn_record, EMBEDDED),
    _failing_disk("disk-full", "ディスク一杯（書込みの 1/3） disk full", "posix/io/rw/pwrite", NO_SPACE),
    _failing_disk("fsync", "fsync の失敗（1/3） failing fsync", "posix/io/sync/fdatasync", IO_ERROR),
    _failing_database(
        "pg-full", "PostgreSQL ディスク一杯（折々の書込み） disk full at some writes", "pwrite64", "ENOSPC"
    ),
    _failing_database("pg-fsync", "PostgreSQL fsync の失敗（折々） some syncs fail", "fdatasync", "EIO"),
    *(
        _failing_receiver(f"lost-{share}", f"受領確認の喪失 {share} % answers lost", "lost", share / 100)
        for share in (10, 50, 100)
    ),
    _failing_receiver("503", "宛先が 503 receiver answers 503", "503", 1.0),
    _failing_receiver("timeout", "宛先が無応答 receiver is silent", "silent", 0.3),
    _failing_receiver("half", "宛先の答えが途中で切れる half an answer", "half", 0.5),
    _failing_receiver("slowloris", "宛先が1バイトずつ答える slow-loris", "drip", 0.3),
    Cell("poison", "毒電文（保留→再送） poison message, parked, then resent", poison),
)
"""In the order of the table."""

NOT_RUN = (
    (
        "時計の飛び clock jumps on PostgreSQL and RabbitMQ (`clock` distributed)",
        "libfaketime の下では、飛ぶ前から毎秒 20 件ほどに落ちる / libfaketime slows it to 20 a second even before",
    ),
    ("中継のリースの奪取 two relays with a stolen lease", "送り出すプロセスは1つ / one publishing process per site"),
    (
        "SQLite のログ（WAL）のビット反転 a bit flipped in SQLite's log between a kill and the start",
        "SQLite はそこから後を捨てる。抜けは封印の照合で分かる / SQLite drops what follows; seals tell what is missing",
    ),
)
"""What the matrix should hold and does not yet."""
