"""The outbox on its way to the bus: in order per lane, again and again until the bus has each letter or refuses it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from adapters.host.bus_client import Answer, BusClient
from adapters.host.lanes import Lanes, backoff
from adapters.host.store import Store, outbox
from adapters.host.store.files import findings_json
from adapters.host.store.outbox import Waiting
from bus.core import log
from bus.core.errors import AdapterError
from bus.core.ports import Clock

CONCURRENCY = 32


@dataclass(slots=True)
class Sender:
    """Empties the outbox. ``refused`` is called after a letter was refused for good."""

    store: Store
    bus: BusClient
    clock: Clock
    refused: Callable[[Waiting], None]
    concurrency: int = CONCURRENCY
    deadline_s: float = 60.0
    away_since: float = field(default=0.0, init=False)
    _lanes: Lanes[Waiting] = field(init=False)

    def __post_init__(self) -> None:
        self._lanes = Lanes(self._load, lambda letter: letter.lanes, self._send, self.concurrency)

    def wake(self) -> None:
        """A letter was put into the outbox."""
        self._lanes.wake()

    async def run(self, stop: asyncio.Event) -> None:
        """Send until ``stop``; letters under way are finished."""
        await self._lanes.run(stop)

    def _load(self, after: int, limit: int) -> Sequence[Waiting]:
        return outbox.waiting(self.store.reader, after, limit)

    async def _send(self, letter: Waiting, attempt: int) -> float | None:
        body = outbox.body(self.store.reader, letter.seq)
        unit = letter.operation.partition(".")[0]
        answer = await self.bus.post(unit, letter.action, body, self.deadline_s, message_id=letter.message_id)
        try:
            if answer.taken:
                await self.store.write(outbox.sent, letter.seq, self.clock.now())
                self._back()
                return None
            if answer.retryable:
                self._away(answer)
                return max(answer.retry_after_s, backoff(attempt))
            detail = findings_json(answer.findings)
            await self.store.write(outbox.refused, letter.seq, answer.code, detail, self.clock.now())
        except AdapterError:
            # the store is full: the bus knows the letter by its id, so sending it again changes nothing
            return backoff(attempt, first_s=1.0)
        log.warn(
            "letter_refused",
            message_id=letter.message_id,
            operation=letter.operation,
            code=answer.code,
            record_id=answer.record_id,
        )
        self.refused(letter)
        return None

    def _away(self, answer: Answer) -> None:
        if not self.away_since:
            self.away_since = self.clock.now()
            log.warn("bus_away", code=answer.code)

    def _back(self) -> None:
        if self.away_since:
            log.line("bus_back", duration_ms=round((self.clock.now() - self.away_since) * 1000))
            self.away_since = 0.0
