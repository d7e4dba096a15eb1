"""Identifiers behind the ``Ids`` port: exchange ids that sort by time, message ids as random UUIDs."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Final

from bus.core.clock import SystemClock

if TYPE_CHECKING:
    from bus.core.ports import Clock


POOL: Final = 64
"""Ids whose random part is fetched with one call."""

_VARIANT: Final = {digit: "89ab"[int(digit, 16) & 3] for digit in "0123456789abcdef"}


class SystemIds:
    """Ids from the clock and the operating system's random source."""

    __slots__ = ("_clock", "_pool")

    def __init__(self, clock: Clock | None = None) -> None:
        self._clock: Clock = clock or SystemClock()
        self._pool: list[str] = []

    def exchange(self) -> str:
        """A new exchange id: 12 hexadecimal digits of milliseconds, then 20 random ones."""
        return f"{int(self._clock.now() * 1000):012x}{self._random()[:20]}"

    def message(self) -> str:
        """A new ``urn:uuid:`` of RFC 4122 version 4."""
        text = self._random()
        variant = _VARIANT[text[16]]
        return f"urn:uuid:{text[:8]}-{text[8:12]}-4{text[13:16]}-{variant}{text[17:20]}-{text[20:]}"

    def _random(self) -> str:
        """32 random hexadecimal digits; the system is asked for those of many ids at once."""
        try:
            return self._pool.pop()
        except IndexError:
            digits = os.urandom(16 * POOL).hex()
            self._pool = [digits[start : start + 32] for start in range(32, len(digits), 32)]
            return digits[:32]
