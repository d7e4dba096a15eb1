"""Kills bus and adapters with SIGKILL at random moments of the story; the same seed gives the same plan."""

from __future__ import annotations

import contextlib
import os
import random
import signal
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

BUS = "bus"
GAP_S = (0.2, 3.0)
BLOWS = 12


@dataclass(slots=True)
class Chaos:
    """``processes`` gives the process ids of now; only those are ever killed, ``BLOWS`` times at most."""

    processes: Callable[[], Mapping[str, int]]
    seed: int
    kills: list[str] = field(default_factory=list)
    _stop: threading.Event = field(default_factory=threading.Event)
    _thread: threading.Thread | None = None

    def start(self) -> None:
        """Begin."""
        self._thread = threading.Thread(target=self._run, name="chaos", daemon=True)
        self._thread.start()

    def _run(self) -> None:
        dice = random.Random(self.seed)
        for _ in range(BLOWS):
            if self._stop.wait(dice.uniform(*GAP_S)):
                return
            running = dict(self.processes())
            adapters = sorted(name for name in running if name != BUS)
            one = dice.choice(adapters) if adapters else BUS
            for name in dice.choice(((BUS,), (one,), (BUS, one))):
                self._kill(name, running.get(name, 0))

    def _kill(self, name: str, pid: int) -> None:
        if pid <= 1:
            return
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
            self.kills.append(name)

    def stop(self) -> None:
        """No more kills after this returns."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join(timeout=10)
