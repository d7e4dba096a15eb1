"""The owner's front: it listens, hands connections to the workers in turn, and keeps the workers running."""

from __future__ import annotations

import asyncio
import os
import socket
import sys
from asyncio.subprocess import DEVNULL, Process
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Any, Final, NamedTuple

from bus.app.children import BACKOFF_FIRST_S, BACKOFF_MAX_S, STEADY_S
from bus.app.parent import PARENT_VARIABLE
from bus.core import log
from bus.core.errors import EnvironmentFault
from bus.core.ports import Clock
from bus.core.settings import FrontSettings, Site
from bus.core.types import Finding
from bus.deliver.breaker import Breakers
from bus.front.desk import FrontDesk
from bus.front.handshake import PLAIN, PROTECTED
from bus.front.server import BACKLOG, bound
from bus.journal.counter import Counter
from bus.journal.frames import FROM_WORKER, Channel, Circuit, Drain, FromWorker, Load, Open, Took

READY_S: Final = 30.0
RELOAD_S: Final = 15.0
"""A worker that has not taken over the tables by then is ended and started with them."""
ENDING_S: Final = 2.0
"""What a worker gets beyond its drain before it is killed."""
ACCEPTED_AT_ONCE: Final = 64
LOOKS: Final = 10
"""So often within ``worker_timeout_s`` the workers are looked at. Silence is counted in looks and not in seconds, so
that an owner that was held up itself, or a machine that slept, does not take its workers for hung."""
DOUBTFUL: Final = 3
"""After so many silent looks a worker gets no new connection while another one speaks."""


class Doorway(NamedTuple):
    """A listening socket and the kind of its connections."""

    kind: bytes
    socket: socket.socket

    @property
    def address(self) -> tuple[str, int]:
        """Host and port as bound."""
        host, port = self.socket.getsockname()[:2]
        return str(host), int(port)


class _Slot:
    """One worker's place: the process that runs in it now, and what is known of it."""

    def __init__(self, number: int) -> None:
        self.number = number
        self.process: Process | None = None
        self.channel: Channel | None = None
        self.connections: socket.socket | None = None
        self.load = Load(0, 0)
        self.generation = 0
        self.silent = 0
        self.started_at = 0.0
        self.restarts = -1
        self.took = asyncio.Event()
        self.gone = asyncio.Event()


class Workers:
    """The running front of several processes; the same face as ``bus.front.server.Server``."""

    def __init__(
        self,
        site: Site,
        desk: FrontDesk,
        counter: Callable[[], Counter],
        clock: Clock,
        doors: Sequence[Doorway],
        changed: Callable[[], None],
        breakers: Breakers,
    ) -> None:
        """``counter`` makes the journal's side for a new worker; ``desk`` answers what workers send on.

        ``changed`` is called when a worker has started or ended; ``breakers`` are the owner's.
        """
        self._site = site
        self._breakers = breakers
        self._changed = changed
        self._generation = 1
        self._desk = desk
        self._counter = counter
        self._clock = clock
        self._doors = tuple(doors)
        self._loop = asyncio.get_running_loop()
        self._slots = [_Slot(number) for number in range(1, site.front.processes + 1)]
        self._turns: deque[_Slot] = deque()
        self._open = self._listening = False
        self._stopping = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []
        self._watch: asyncio.Task[None] | None = None
        self.addresses: tuple[tuple[str, int], ...] = tuple(door.address for door in self._doors)
        protected = [door.address for door in self._doors if door.kind == PROTECTED]
        self.tls_address: tuple[str, int] | None = protected[0] if protected else None
        host, port = self.addresses[0]
        desk.listening = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"

    @property
    def connections(self) -> int:
        """How many are open in all workers, as last told."""
        return sum(slot.load.connections for slot in self._turns)

    @property
    def in_flight(self) -> int:
        """Bytes of bodies in all workers, as last told."""
        return sum(slot.load.in_flight for slot in self._turns)

    @property
    def pids(self) -> tuple[int, ...]:
        """The process ids of the workers that are ready."""
        return tuple(slot.process.pid for slot in self._turns if slot.process is not None)

    def status(self) -> dict[str, dict[str, Any]]:
        """Every worker by its name: ``pid`` (0 while it is not running), ``started_at`` and ``restarts``."""
        return {
            f"worker {slot.number}": {
                "pid": slot.process.pid if slot.process is not None else 0,
                "started_at": slot.started_at,
                "restarts": max(0, slot.restarts),
            }
            for slot in self._slots
        }

    async def start(self) -> None:
        """Start all and return when all are ready. Errors: ``EnvironmentFault`` CB9003, OSError."""
        self._tasks = [
            self._loop.create_task(self._keep_running(slot), name=f"worker {slot.number}") for slot in self._slots
        ]
        try:
            async with asyncio.timeout(READY_S):
                await asyncio.gather(*(self._ready(slot) for slot in self._slots))
        except TimeoutError:
            await self.close(0.0)
            finding = Finding("CB9003", path="site.toml: front.processes", expected=f"ready in {READY_S:g} s")
            raise EnvironmentFault("CB9003", [finding]) from None
        try:
            for door in self._doors:
                door.socket.listen(BACKLOG)
        except OSError:
            await self.close(0.0)
            raise
        self._open = True
        self._listen()
        self._watch = self._loop.create_task(self._watch_forever(), name="watch over workers")

    async def _watch_forever(self) -> None:
        """End a worker whose event loop does not turn any more: its place gets a new one, its calls are closed."""
        while True:
            timeout_s = self._site.front.worker_timeout_s
            await asyncio.sleep(timeout_s / LOOKS)
            for slot in self._slots:
                if slot.process is None or slot.channel is None:
                    continue
                slot.silent += 1
                patience = LOOKS if slot in self._turns else LOOKS * max(1.0, READY_S / timeout_s)
                if slot.silent > patience:
                    log.warn("worker.hung", process=f"worker {slot.number}", pid=slot.process.pid, wait_s=timeout_s)
                    slot.silent = 0
                    _kill(slot.process)

    async def _ready(self, slot: _Slot) -> None:
        while slot not in self._turns:
            slot.took.clear()
            await slot.took.wait()

    async def reload(self, site: Site) -> None:
        """Every worker works by ``site`` when this returns; one that does not take it over is started anew with it."""
        self._site = site
        self._generation += 1
        asked = [(slot, slot.process, slot.channel) for slot in self._slots]
        for _, _, channel in asked:
            if channel is not None:
                channel.say(self._opening())
        waits = [self._taken_over(slot, process) for slot, process, channel in asked if channel is not None]
        await asyncio.gather(*waits)

    def _opening(self) -> Open:
        """The site as it stands now; a worker needs none of the adapters' settings."""
        return Open(self._generation, replace(self._site, adapters=()), log.style())

    async def _taken_over(self, slot: _Slot, process: Process | None) -> None:
        """Wait until this process works by the newest site, or is gone."""
        wanted = self._generation
        with suppress(TimeoutError):
            async with asyncio.timeout(RELOAD_S):
                while slot.process is process and slot.generation < wanted:
                    slot.took.clear()
                    await slot.took.wait()
                    if slot.generation == 0:
                        break
        if slot.process is process and process is not None and slot.generation < wanted:
            log.warn("worker.not_reloaded", pid=process.pid)
            _kill(process)

    async def close(self, grace_s: float = 10.0) -> None:
        """Stop listening, let every worker answer what is under way, end them all."""
        self._desk.draining = True
        self._stopping.set()
        if self._watch is not None:
            self._watch.cancel()
            await asyncio.gather(self._watch, return_exceptions=True)
        self._listen()
        for door in self._doors:
            door.socket.close()
        for slot in self._slots:
            if slot.channel is not None:
                slot.channel.say(Drain(grace_s))
        if self._tasks:
            _, late = await asyncio.wait(self._tasks, timeout=grace_s + ENDING_S)
            for slot in self._slots:
                if late and slot.process is not None:
                    _kill(slot.process)
            await asyncio.gather(*self._tasks)

    async def _keep_running(self, slot: _Slot) -> None:
        pause = BACKOFF_FIRST_S
        while not self._stopping.is_set():
            began = self._clock.monotonic()
            code = await self._run_once(slot)
            if self._stopping.is_set():
                break
            pause = BACKOFF_FIRST_S if self._clock.monotonic() - began > STEADY_S else pause
            log.warn("process.ended", process=f"worker {slot.number}", exit_code=code, wait_s=pause)
            with suppress(TimeoutError):
                await asyncio.wait_for(self._stopping.wait(), pause)
            pause = min(pause * 2, BACKOFF_MAX_S)

    async def _run_once(self, slot: _Slot) -> int:
        """One process from its start to its end, and to the end of what it left behind."""
        ours, theirs = socket.socketpair()
        hands, takes = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        hands.setblocking(False)
        try:
            slot.process = await asyncio.create_subprocess_exec(
                sys.executable, "-m", "bus.app.worker", str(theirs.fileno()), str(takes.fileno()),
                stdin=DEVNULL, stdout=DEVNULL, pass_fds=(theirs.fileno(), takes.fileno()),
                env={**os.environ, PARENT_VARIABLE: str(os.getpid())}, start_new_session=True,
            )  # fmt: skip
        except OSError as error:
            log.warn("process.not_started", process=f"worker {slot.number}", errno=error.errno)
            for end in (ours, hands):
                end.close()
            return 127
        finally:
            theirs.close()
            takes.close()
        slot.started_at, slot.restarts, slot.silent = self._clock.now(), slot.restarts + 1, 0
        log.line("process.started", process=f"worker {slot.number}", pid=slot.process.pid)
        self._changed()
        counter = self._counter()
        slot.gone.clear()
        _, channel = await self._loop.create_unix_connection(
            lambda: Channel(FROM_WORKER, lambda note: self._heard(slot, counter, note), slot.gone.set), sock=ours
        )
        counter.connect(channel)
        slot.channel, slot.connections = channel, hands
        channel.say(self._opening())
        if self._stopping.is_set():
            channel.say(Drain(0.0))
        await slot.gone.wait()
        self._leave(slot)
        _kill(slot.process)
        code = await slot.process.wait()
        slot.process = slot.channel = None
        self._changed()
        await counter.close()
        return code

    def _heard(self, slot: _Slot, counter: Counter, note: FromWorker) -> None:
        slot.silent = 0
        if isinstance(note, Load):
            slot.load = note
        elif isinstance(note, Took):
            slot.generation = note.generation
            slot.took.set()
            if note.generation == self._generation and slot not in self._turns:
                self._turns.append(slot)
                self._listen()
        elif isinstance(note, Circuit):
            self._breakers.told(note.endpoint, opened=note.opened)
            self.tell(note, besides=slot)
        else:
            counter.heard(note)

    def tell(self, note: Circuit, *, besides: _Slot | None = None) -> None:
        """Say to every worker, but the one that it comes from, what is known of an endpoint."""
        for slot in self._slots:
            if slot.channel is not None and slot is not besides:
                slot.channel.say(note)

    def _leave(self, slot: _Slot) -> None:
        """No connection for a worker that is gone."""
        if slot in self._turns:
            self._turns.remove(slot)
        slot.generation, slot.load = 0, Load(0, 0)
        slot.took.set()
        if slot.connections is not None:
            slot.connections.close()
            slot.connections = None
        self._listen()

    def _listen(self) -> None:
        """Accept while there is a worker to hand to; otherwise clients wait in the kernel's queue."""
        wanted = self._open and bool(self._turns) and not self._stopping.is_set()
        for door in self._doors:
            if wanted and not self._listening:
                self._loop.add_reader(door.socket.fileno(), self._accept, door)
            elif self._listening and not wanted:
                self._loop.remove_reader(door.socket.fileno())
        self._listening = wanted

    def _accept(self, door: Doorway) -> None:
        for _ in range(ACCEPTED_AT_ONCE):
            try:
                client, _ = door.socket.accept()
            except OSError:
                return
            with client:
                self._hand_over(client, door.kind)

    def _hand_over(self, client: socket.socket, kind: bytes) -> None:
        """To the next worker that takes it; when none does, the client sees its connection end."""
        sound = any(slot.silent < DOUBTFUL for slot in self._turns)
        for _ in range(len(self._turns)):
            slot = self._turns[0]
            self._turns.rotate(-1)
            if sound and slot.silent >= DOUBTFUL:
                continue
            with suppress(OSError):
                assert slot.connections is not None
                socket.send_fds(slot.connections, [kind], [client.fileno()])
                return


def bind(front: FrontSettings) -> tuple[Doorway, ...]:
    """The owner's sockets, which listen when the workers are ready. Errors: OSError when an address is in use."""
    doors: list[Doorway] = []
    wanted = [(PLAIN, front.host, front.port)] if front.plain else []
    wanted += [(PROTECTED, front.tls.host, front.tls.port)] if front.tls is not None else []
    try:
        for kind, host, port in wanted:
            doors.append(Doorway(kind, bound(host, port, listen=False)))
    except OSError:
        for door in doors:
            door.socket.close()
        raise
    return tuple(doors)


def _kill(process: Process) -> None:
    with suppress(ProcessLookupError):
        process.kill()
