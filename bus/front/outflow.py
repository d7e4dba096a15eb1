"""An answer with attachments on its way to the client: read from its segment as fast as the client takes it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Protocol

from bus.core.errors import ChiikibusError
from bus.front.desk import FrontDesk
from bus.journal.segments import SegmentReading
from bus.wire.fault import error_response
from bus.wire.http import Response


class Writing(Protocol):
    """The side of a transport that takes bytes."""

    def write(self, data: bytes, /) -> None:
        """Send, or keep until it can be sent."""
        ...

    def abort(self) -> None:
        """End now."""
        ...


async def pour(
    desk: FrontDesk, response: Response, write_head: Callable[[], None], taken: Callable[[], Awaitable[Writing | None]]
) -> Response | None:
    """Write the head and the whole segment, or give the answer to write instead (CB1058 the segment is missing).

    ``taken`` waits until the client has taken most of what was written, and gives where to write; ``None`` when the
    client is gone. A segment that turns out not to be what was stored cuts the answer off before its end.
    """
    package, segments = response.package, desk.segments
    assert package is not None
    assert segments is not None
    loop = asyncio.get_running_loop()
    try:
        reading = await loop.run_in_executor(segments.pool, SegmentReading, segments, package)
    except ChiikibusError as error:
        return error_response(error)
    finally:
        segments.discard(package)
    target = None
    try:
        write_head()
        while (target := await taken()) is not None:
            data = await loop.run_in_executor(segments.pool, reading.piece)
            if not data:
                break
            target.write(data)
    except ChiikibusError:
        if target is not None:
            target.abort()
    finally:
        await loop.run_in_executor(segments.pool, reading.close)
    return None
