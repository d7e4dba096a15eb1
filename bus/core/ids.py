"""Identifiers behind the ``Ids`` port: exchange ids that sort by time, message ids as random UUIDs."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from bus.core.clock import SystemClock

if TYPE_CHECKING:
    from bus.core.ports import Clock


class SystemIds:
    """Ids from the clock and the operating system's random source."""

    __slots__ = ("_clock",)

    def __init__(self, clock: Clock | None = None) -> None:
        self._clock: Clock = clock or SystemClock()

    def exchange(self) -> str:
        """A new exchange id: 12 hexadecimal digits of milliseconds, then 20 random ones."""
        return f"{int(self._clock.now() * 1000):012x}{os.urandom(10).hex()}"

    def message(self) -> str:
        """A new ``urn:uuid:`` of RFC 4122 version 4."""
        raw = bytearray(os.urandom(16))
        raw[6] = raw[6] & 0x0F | 0x40
        raw[8] = raw[8] & 0x3F | 0x80
        text = raw.hex()
        return f"urn:uuid:{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"
