"""One supervised child process: started, watched, restarted with back-off, ended within a deadline."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final

import msgspec

from bus.app.parent import PARENT_VARIABLE
from bus.core import log
from bus.core.ports import Clock

BACKOFF_FIRST_S: Final = 0.2
BACKOFF_MAX_S: Final = 5.0
STEADY_S: Final = 10.0
"""A child that lived this long starts again with the shortest pause."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What to run: a name, the arguments after the interpreter, and the text whose change asks for a restart."""

    name: str
    command: tuple[str, ...]
    address: tuple[str, int]
    fingerprint: str = field(repr=False, default="")


@dataclass(slots=True)
class Status:
    """What ``processes.json`` says of a child; ``pid`` is 0 while it is not running.

    ``workers`` are the processes that a bus with several has told of, by name, in the same words.
    """

    pid: int = 0
    started_at: float = 0.0
    restarts: int = 0
    workers: dict[str, dict[str, Any]] = field(default_factory=dict)


class _Told(msgspec.Struct):
    """A line of standard output, as far as it is about workers."""

    workers: dict[str, dict[str, Any]] = {}


class Child:
    """Keeps one process running until ``stop``."""

    def __init__(self, plan: Plan, clock: Clock, changed: Callable[[], None]) -> None:
        self.plan = plan
        self.status = Status()
        self.first_line = asyncio.Event()
        self._clock = clock
        self._changed = changed
        self._process: Process | None = None
        self._last_line = b""
        self._stopping = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin; returns at once."""
        self._task = asyncio.create_task(self._keep_running(), name=f"child-{self.plan.name}")

    def send_signal(self, number: signal.Signals) -> None:
        """Pass a signal on; nothing happens while the child is not running."""
        if self._process is not None and self._process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                self._process.send_signal(number)

    async def stop(self, deadline_s: float) -> None:
        """SIGTERM, then SIGKILL after ``deadline_s``; returns when the process is gone."""
        self._stopping.set()
        self.send_signal(signal.SIGTERM)
        if self._task is None:
            return
        try:
            await asyncio.wait_for(asyncio.shield(self._task), deadline_s)
        except TimeoutError:
            log.warn("process.killed", process=self.plan.name, pid=self.status.pid)
            self.send_signal(signal.SIGKILL)
            await self._task

    async def _keep_running(self) -> None:
        pause = BACKOFF_FIRST_S
        while not self._stopping.is_set():
            began = self._clock.monotonic()
            code = await self._run_once()
            self.status.pid, self.status.workers = 0, {}
            if self._stopping.is_set():
                break
            self.status.restarts += 1
            pause = BACKOFF_FIRST_S if self._clock.monotonic() - began > STEADY_S else pause
            log.warn("process.ended", process=self.plan.name, exit_code=code, wait_s=pause)
            _log_reason(self.plan.name, self._last_line)
            self._changed()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._stopping.wait(), pause)
            pause = min(pause * 2, BACKOFF_MAX_S)
        self._changed()

    async def _run_once(self) -> int:
        """Start the process and wait for its end; its exit code, or 127 when it could not be started."""
        try:
            process = await asyncio.create_subprocess_exec(
                *self.plan.command,
                stdin=DEVNULL,
                stdout=PIPE,
                env={**os.environ, PARENT_VARIABLE: str(os.getpid())},
                start_new_session=True,  # Ctrl-C reaches the supervisor alone, which then ends its children in order
            )
        except OSError as error:
            log.warn("process.not_started", process=self.plan.name, error=type(error).__name__, errno=error.errno)
            return 127
        self._process, self._last_line = process, b""
        self.status.pid, self.status.started_at = process.pid, self._clock.now()
        log.line("process.started", process=self.plan.name, pid=process.pid, restarts=self.status.restarts)
        self._changed()
        if self._stopping.is_set():
            self.send_signal(signal.SIGTERM)
        assert process.stdout is not None
        while line := await process.stdout.readline():
            self._last_line = line
            if b'"workers"' in line:
                self._heard(line)
            self.first_line.set()
        return await process.wait()

    def _heard(self, line: bytes) -> None:
        """The bus says which workers it has now."""
        self.status.workers = _workers(line)
        self._changed()


def _workers(line: bytes) -> dict[str, dict[str, Any]]:
    """The workers that a line of a bus tells of."""
    try:
        return msgspec.json.decode(line, type=_Told).workers
    except msgspec.DecodeError:
        return {}


def _log_reason(process: str, line: bytes) -> None:
    """The coded error that a program with ``--json`` printed last, if it did."""
    try:
        said = msgspec.json.decode(line or b"null")
    except msgspec.DecodeError:
        return
    error = said.get("error", said) if isinstance(said, dict) else {}
    if not isinstance(error, dict) or "code" not in error:
        return
    log.warn("process.reason", process=process, code=error["code"])
    for finding in error.get("findings", ()):
        if isinstance(finding, dict):
            log.warn("process.finding", process=process, **{str(key): value for key, value in finding.items()})
