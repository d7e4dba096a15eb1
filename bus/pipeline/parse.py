"""Step 2: the received bytes become a tree, hardened."""

from __future__ import annotations

import asyncio
from typing import Final

from bus.core.types import Exchange
from bus.pipeline.house import House
from bus.wire import safe_xml
from bus.wire.limits import LIMITS

LARGE: Final = 256 * 1024
"""From this many bytes on, parsing and validating (which let go of the interpreter lock) run beside the event loop."""


async def parse(house: House, exchange: Exchange) -> None:
    """Errors: CB1002 to CB1006."""
    del house
    request = exchange.request
    media = request.header("content-type") if request.package is None else request.package.root_type
    if len(request.body) < LARGE:
        exchange.tree = safe_xml.parse(request.body, media, LIMITS)
    else:
        exchange.tree = await asyncio.to_thread(safe_xml.parse, request.body, media, LIMITS)
