"""One timer that rings at the earliest time it was asked for."""

from __future__ import annotations

import asyncio
from collections.abc import Callable


class Alarm:
    """Calls ``ring`` once for all times asked for before it rang; who needs a later one asks again in ``ring``.

    The time is remembered here: what a loop gives back for a time that has just passed need not know its own.
    """

    __slots__ = ("_at", "_handle", "_ring")

    def __init__(self, ring: Callable[[], None]) -> None:
        self._ring = ring
        self._handle: asyncio.Handle | None = None
        self._at = 0.0

    def within(self, seconds: float) -> None:
        """Ring in so many seconds, or before."""
        loop = asyncio.get_running_loop()
        when = loop.time() + max(0.0, seconds) + 0.001
        if self._handle is not None:
            if self._at <= when:
                return
            self._handle.cancel()
        self._at = when
        self._handle = loop.call_at(when, self._rung)

    def cancel(self) -> None:
        """Do not ring any more."""
        if self._handle is not None:
            self._handle.cancel()
            self._handle = None

    def _rung(self) -> None:
        self._handle = None
        self._ring()
