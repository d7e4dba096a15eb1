"""Whose turn it is in a sequence: calls wait for earlier numbers, and for the call before them to end.

What is queued needs none of this: it is stored early and let go when the gap closes. A call cannot be stored early,
since its caller waits for the answer; so it waits here, unacknowledged, and is asked to come again when it waited long.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from bus.core.errors import ReliableError
from bus.core.types import Finding


class _Line:
    """One sequence with calls: whether one is out, who waits, and the bell they wait for."""

    __slots__ = ("bell", "busy", "waiting")

    def __init__(self) -> None:
        self.bell = asyncio.Event()
        self.busy = False
        self.waiting = 0


class Turns:
    """The turns of all sequences that have calls now; it remembers nothing of others."""

    def __init__(self) -> None:
        self._lines: dict[str, _Line] = {}

    def __len__(self) -> int:
        return len(self._lines)

    async def take(self, identifier: str, number: int, expected: Callable[[], int], wait_s: float) -> None:
        """Return when no call of the sequence is out and all numbers before this one are there.

        ``expected`` gives the first missing number. Errors: CB3020 when that takes longer than ``wait_s``.
        """
        line = self._lines.get(identifier)
        if line is None:
            line = self._lines[identifier] = _Line()
        line.waiting += 1
        try:
            async with asyncio.timeout(wait_s):
                while line.busy or expected() < number:
                    line.bell.clear()
                    await line.bell.wait()
            line.busy = True
        except TimeoutError:
            finding = Finding("CB3020", path="wsrm:MessageNumber", expected=str(expected()), got=str(number))
            raise ReliableError("CB3020", [finding], retry_after_s=1) from None
        finally:
            line.waiting -= 1
            self._tidy(identifier, line)

    def moved(self, identifier: str) -> None:
        """A number of the sequence has arrived."""
        line = self._lines.get(identifier)
        if line is not None:
            line.bell.set()

    def leave(self, identifier: str) -> None:
        """The call that had its turn has ended."""
        line = self._lines.get(identifier)
        if line is not None:
            line.busy = False
            line.bell.set()
            self._tidy(identifier, line)

    def _tidy(self, identifier: str, line: _Line) -> None:
        if not line.waiting and not line.busy:
            self._lines.pop(identifier, None)
