"""A connection for one request from a segment: written as fast as the target takes it, never in memory as a whole."""

from __future__ import annotations

import asyncio
from typing import Any

from bus.deliver.connection import Answer, ClientConnection
from bus.deliver.packages import Spills
from bus.journal.segments import SegmentReading


class StreamingConnection(ClientConnection):
    """Used once. The target may answer before it has everything: then the rest is not sent."""

    _writable: asyncio.Future[None] | None = None

    def pause_writing(self) -> None:
        """The target is slower than we are."""
        if self._writable is None:
            self._writable = self.loop.create_future()

    def resume_writing(self) -> None:
        """It has caught up."""
        if self._writable is not None:
            if not self._writable.done():
                self._writable.set_result(None)
            self._writable = None

    async def stream(
        self, head: bytes, reading: SegmentReading, spills: Spills, size: int, deadline_s: float
    ) -> Answer | None:
        """Send ``head`` and the segment, and wait for the answer ``deadline_s`` after the last byte.

        Errors: those of the future of ``request``, and CB1058, upon which the target never gets the last byte.
        """
        future = self.request([head], self.loop.time() + max(deadline_s, spills.stall_s))
        sent = 0
        try:
            while sent < size and not future.done():
                data = await spills.piece(reading)
                sent += len(data)
                if self._transport is None or future.done():
                    break
                self._transport.write(data)
                while self._writable is not None and not future.done():
                    either: set[asyncio.Future[Any]] = {future, self._writable}
                    await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
                self.deadline = spills.later(self.deadline, len(data))
            if sent == size:
                self.deadline = self.loop.time() + deadline_s
                self._deadlines.watch(self)
            return await future
        except BaseException:
            self.abort()
            raise
