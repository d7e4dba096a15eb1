"""Ends sequences whose time is over, or that an operator wants ended, and lets go what waited in them.

Only the owner of the journal may give messages a new place in its order, so an operator's command leaves a wish in
the sequence's row, and this is who carries it out. Without a running bus it is carried out at the next start.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace

from bus.core.errors import JournalError
from bus.core.ports import Clock, Journal, Outbox
from bus.core.sequences import Role, SequenceRecord, SequenceState

EXPIRED = "CB3012"


def _nobody_is_told(record: SequenceRecord) -> None:
    """Where there is no way to a source."""
    del record


class SequenceKeeper:
    """Looks through the live sequences every ``sweep_s`` seconds."""

    def __init__(
        self,
        journal: Journal,
        outbox: Outbox,
        *,
        clock: Clock,
        sweep_s: float,
        log: Callable[..., None],
        ended: Callable[[SequenceRecord], None] = _nobody_is_told,
    ) -> None:
        """``ended`` hears of every sequence that the bus ended by itself."""
        self._journal = journal
        self._outbox = outbox
        self._clock = clock
        self._sweep_s = sweep_s
        self._log = log
        self._ended = ended
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin looking."""
        self._task = asyncio.create_task(self._sweep_forever(), name="sequence keeper")

    async def stop(self) -> None:
        """Look no more."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
            self._task = None

    async def sweep(self) -> None:
        """End what is due. Errors: CB4001."""
        now = self._clock.now()
        for record in self._journal.sequences():
            if record.state is SequenceState.ENDING:
                await self._end(record, SequenceState.BROKEN, now, "")
            elif record.expires_at and record.expires_at <= now and record.key.role is not Role.SOURCE:
                await self._end(record, SequenceState.EXPIRED, now, EXPIRED)

    async def _end(self, record: SequenceRecord, state: SequenceState, now: float, code: str) -> None:
        """One sequence; a SOURCE sequence that is ended here is replaced by the worker that sends in it."""
        admission = await self._journal.end(record.key, state, now, code=code)
        if record.key.role is Role.DESTINATION and record.partner:
            # What the other side offered for the answers ends with what it was offered for.
            await self._journal.end(replace(record.key, role=Role.REPLIES, identifier=record.partner), state, now)
        self._outbox.hand_over([found.consignment for found in admission.released])
        self._ended(record)
        self._log(
            "sequence.ended",
            municipality=record.key.municipality,
            endpoint=f"{record.key.municipality}/{record.key.endpoint}",
            sequence=record.key.identifier,
            state=state,
            code=code or record.code,
            count=len(admission.released),
        )

    async def _sweep_forever(self) -> None:
        while True:
            try:
                await self.sweep()
            except JournalError as error:
                self._log("sequence.not_ended", code=error.code)
            await asyncio.sleep(self._sweep_s)
