"""An event loop with virtual time: nothing waits, nothing runs beside it, and the lives of a simulated bus can end.

Every handle belongs to the life in which it was scheduled (a context variable that tasks inherit). When a life ends,
its handles are passed over from then on, wherever they are: no ``finally`` runs and no callback, as after kill -9.
"""

from __future__ import annotations

import asyncio
import contextvars
import heapq
import warnings
from collections.abc import Callable, Coroutine
from typing import Any

from bus.core.ports import Clock

LIFE: contextvars.ContextVar[int] = contextvars.ContextVar("life", default=0)
"""Which life of the bus the running code belongs to; 0 is the world around it, which never ends."""

EPOCH = 1_790_000_000.0


class Stalled(Exception):
    """Nothing is ready and nothing is scheduled: whoever waits now waits for ever."""


class PowerCut(BaseException):
    """The machine of the bus ends here; nothing of it may catch this."""


class VirtualLoop(asyncio.BaseEventLoop):
    """Runs handles in order of their time and jumps to the next one instead of waiting.

    ``steps`` counts the handles of the bus's lives; before the ``step`` in ``cuts`` runs, ``cut`` is called.
    """

    def __init__(self) -> None:
        super().__init__()
        self._at = 0.0
        self.life = 0
        self.steps = 0
        self.turns = 0
        self.cuts: set[int] = set()
        self.cut: Callable[[str], None] = lambda why: None
        self.unexpected: list[str] = []
        self.most_turns = 2_000_000
        self._tasks: list[asyncio.Task[Any]] = []
        self.outside = contextvars.copy_context()
        self.set_exception_handler(self._unexpected)

    def time(self) -> float:
        """Virtual seconds since the loop was made."""
        return self._at

    def spawn(self, work: Coroutine[Any, Any, Any], *, life: int = 0, name: str = "") -> asyncio.Task[Any]:
        """A task of this life (0: of the world)."""
        context = contextvars.copy_context()
        context.run(LIFE.set, life)
        task = self.create_task(work, name=name, context=context)
        if life:
            task.add_done_callback(self._ended, context=self.outside)
        return task

    def create_task(self, coro: Any, *, name: Any = None, context: Any = None) -> asyncio.Task[Any]:
        """As any loop; kept to the end, so that no collection of garbage runs a ``finally`` of an ended life."""
        task = super().create_task(coro, name=name, context=context)
        self._tasks.append(task)
        return task

    def _ended(self, task: asyncio.Task[Any]) -> None:
        error = None if task.cancelled() else task.exception()
        if isinstance(error, PowerCut):
            self.cut(str(error))
        elif error is not None:
            self.unexpected.append(f"{task.get_name()}: {error!r}")

    def later(self, seconds: float, call: Callable[..., object], *args: Any) -> asyncio.TimerHandle:
        """Call something of the world, whoever asks."""
        return self.call_later(seconds, call, *args, context=self.outside)

    def end_life(self) -> None:
        """Nothing that belongs to the present life runs any more."""
        self.life = -1

    def call_soon_threadsafe(self, callback: Any, *args: Any, context: Any = None) -> asyncio.Handle:
        """There are no threads."""
        return self.call_soon(callback, *args, context=context)

    def run_in_executor(self, executor: Any, func: Callable[..., Any], *args: Any) -> Any:
        """At once, in the one thread there is."""
        future = self.create_future()
        try:
            future.set_result(func(*args))
        except Exception as error:
            future.set_exception(error)
        return future

    def _run_once(self) -> None:
        ready, scheduled = self._ready, self._scheduled
        while scheduled and scheduled[0]._cancelled:
            heapq.heappop(scheduled)._scheduled = False
        if not ready:
            if not scheduled:
                raise Stalled
            self._at = max(self._at, scheduled[0]._when)
        while scheduled and scheduled[0]._when <= self._at:
            handle = heapq.heappop(scheduled)
            handle._scheduled = False
            ready.append(handle)
        for _ in range(len(ready)):
            handle = ready.popleft()
            if handle._cancelled:
                continue
            life = handle._context.get(LIFE, 0)
            if life:
                if life == self.life:
                    self.steps += 1
                    if self.steps in self.cuts:
                        self.cut(f"step {self.steps}")
                if life != self.life:
                    continue
            self.turns += 1
            if self.turns > self.most_turns:
                raise Stalled("the loop turns without end")
            handle._run()

    def _process_events(self, event_list: object) -> None:
        """There are none."""

    def _write_to_self(self) -> None:
        """Nobody sleeps."""

    def _unexpected(self, loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        error = context.get("exception")
        if isinstance(error, PowerCut):
            self.cut(str(error))
        else:
            self.unexpected.append(f"{context.get('message')}: {error!r}")

    def bury(self) -> None:
        """Let go of what ended lives left behind, in order and without a word; only after the result is known."""
        self.set_exception_handler(lambda loop, context: None)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            for task in self._tasks:
                if not task.done():
                    task._log_destroy_pending = False
                    _closed(task.get_coro())
            self._ready.clear()
            self._scheduled.clear()
            self._tasks.clear()


async def passing(seconds: float) -> None:
    """Virtual time passes for whoever awaits this; no real time does."""
    loop = asyncio.get_running_loop()
    over = loop.create_future()
    handle = loop.call_later(max(0.0, seconds), lambda: over.done() or over.set_result(None))
    try:
        await over
    finally:
        handle.cancel()


def _closed(coroutine: Any, tries: int = 8) -> None:
    """Close it here rather than when it is collected; one that waits again while it ends is closed again."""
    for _ in range(tries):
        try:
            coroutine.close()
        except (Exception, PowerCut):
            continue
        return


class VirtualClock(Clock):
    """The clocks of the simulated machine: the wall clock can be moved, the monotonic one cannot."""

    def __init__(self, loop: VirtualLoop) -> None:
        self._loop = loop
        self.offset = 0.0

    def now(self) -> float:
        """Seconds since the epoch, as the machine believes."""
        return EPOCH + self.offset + self._loop.time()

    def monotonic(self) -> float:
        """Virtual seconds."""
        return self._loop.time()
