"""Messages with attachments on the wire towards a target: requests from their segment, answers into one."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final, Protocol

from bus.core.errors import ChiikibusError, DeliveryError, JournalError
from bus.core.types import Package
from bus.journal.segments import SegmentReading, Segments
from bus.journal.spill import Spill

STALL_S: Final = 30.0
"""So long a transfer may stand still; beyond that it has to keep the least rate."""


class Transport(Protocol):
    """The side of a transport that can be made to wait."""

    def pause_reading(self) -> None:
        """Read nothing for now."""
        ...

    def resume_reading(self) -> None:
        """Read on."""
        ...


class Spills:
    """Where answers with attachments go. One per sender."""

    stall_s = STALL_S

    def __init__(self, segments: Segments, max_root: int) -> None:
        self.segments = segments
        self._max_root = max_root

    def begin(self, content_type: str, length: int, transport: Transport, failed: Callable[[], None]) -> Spill:
        """A spill for an answer of this announced length (0: unknown).

        Errors: CB1017 for what is wrong with its Content-Type or length, CB4002 no room in flight.
        """
        with as_the_providers():
            return Spill(
                self.segments,
                content_type,
                max_root=self._max_root,
                expected=length,
                pause=transport.pause_reading,
                resume=transport.resume_reading,
                failed=failed,
            )

    def later(self, deadline: float, moved: int) -> float:
        """A deadline moved on by what a transfer has earned with ``moved`` bytes."""
        latest = asyncio.get_running_loop().time() + STALL_S
        return max(deadline, min(deadline + moved / self.segments.settings.min_rate, latest))

    async def finish(self, spill: Spill) -> tuple[Package, bytes]:
        """Package and envelope of a complete answer, durable. Errors: CB1017, CB4001."""
        with as_the_providers():
            return await spill.finish()

    async def open(self, package: Package) -> SegmentReading:
        """The segment to be sent. Errors: CB1058."""
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self.segments.pool, SegmentReading, self.segments, package)

    async def piece(self, reading: SegmentReading) -> bytes:
        """Its next bytes. Errors: CB1058."""
        return await asyncio.get_running_loop().run_in_executor(self.segments.pool, reading.piece)


@contextmanager
def as_the_providers() -> Iterator[None]:
    """What is wrong with an answer is the provider's error; what is wrong with our disk stays ours."""
    try:
        yield
    except JournalError:
        raise
    except ChiikibusError as error:
        raise DeliveryError("CB1017", error.findings) from None
