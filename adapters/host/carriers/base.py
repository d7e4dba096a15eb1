"""What every transport is made of: rounds at an interval, waiting longer while the vendor is away, saying it once."""

from __future__ import annotations

import asyncio
import contextlib
from abc import ABC, abstractmethod
from dataclasses import dataclass, field

from adapters.host.definition import FlowSpec
from adapters.host.flows.base import Environment
from adapters.host.lanes import backoff
from bus.core import log
from bus.core.errors import AdapterError, ChiikibusError
from bus.core.types import Finding

LONGEST_PAUSE_S = 60.0


@dataclass(slots=True)
class Carrier(ABC):
    """One ``[[transport]]``. ``round`` is repeated for ever; its errors are logged, its pauses grow."""

    spec: FlowSpec
    environment: Environment
    poll_s: float = field(init=False)
    _away: str = field(default="", init=False)

    def __post_init__(self) -> None:
        self.poll_s = self.spec.number("poll_s", 5.0)
        self.prepare()

    @property
    def id(self) -> str:
        """The transport's name, unique in the adapter."""
        return self.spec.id

    @abstractmethod
    def prepare(self) -> None:
        """Read what the declaration and the settings say; ConfigurationError for what is wrong."""

    @abstractmethod
    async def round(self, stop: asyncio.Event) -> bool:
        """Carry what there is; whether there was anything. AdapterError ends the round."""

    @abstractmethod
    async def close(self) -> None:
        """Let go of connections."""

    async def run(self, stop: asyncio.Event) -> None:
        """Make rounds until ``stop``."""
        failures = 0
        try:
            while not stop.is_set():
                pause = self.poll_s
                try:
                    if await self.round(stop):
                        pause = min(self.poll_s, 0.05)
                    failures = 0
                    self._back()
                except (ChiikibusError, OSError) as error:
                    failures += 1
                    pause = max(self._said(error), backoff(failures, most_s=LONGEST_PAUSE_S))
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(stop.wait(), pause)
        finally:
            await self.close()

    def _said(self, error: ChiikibusError | OSError) -> float:
        """Say a cause once, and again when it becomes another one; the seconds that the vendor asks to wait.

        A key file that is gone, or the own disk, stops this transport and nothing else.
        """
        found = error if isinstance(error, ChiikibusError) else AdapterError("CB6012", [Finding("CB6012")])
        if found.code != self._away:
            self._away = found.code
            place = found.findings[0].place if found.findings else ""
            log.warn("transport_away", flow=self.id, code=found.code, file=place)
        return float(found.retry_after_s)

    def _back(self) -> None:
        if self._away:
            log.line("transport_back", flow=self.id, code=self._away)
            self._away = ""
