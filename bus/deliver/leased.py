"""Sends only while no other bus can own the journal: what one that stood still has staged is left to its successor."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

from bus.core.errors import JournalError
from bus.core.ports import HttpReply, Sender
from bus.core.types import Endpoint, Finding, Package

NOT_HELD: Final = "CB4011"


class LeasedSender:
    """Implements ``bus.core.ports.Sender`` before another one. Errors: as there, and ``JournalError`` CB4011."""

    def __init__(self, sender: Sender, held: Callable[[], bool]) -> None:
        """``held`` tells, without asking anybody, whether the lease lasts."""
        self._sender = sender
        self._held = held

    async def post(
        self, endpoint: Endpoint, body: bytes, headers: Sequence[tuple[str, str]], deadline_s: float
    ) -> HttpReply:
        """Send once. Errors: CB4011 nothing was sent."""
        self._check()
        return await self._sender.post(endpoint, body, headers, deadline_s)

    async def post_package(
        self, endpoint: Endpoint, package: Package, headers: Sequence[tuple[str, str]], deadline_s: float
    ) -> HttpReply:
        """Send once. Errors: CB4011 nothing was sent."""
        self._check()
        return await self._sender.post_package(endpoint, package, headers, deadline_s)

    def _check(self) -> None:
        if not self._held():
            raise JournalError(NOT_HELD, [Finding(NOT_HELD, path="journal")], retry_after_s=1)
