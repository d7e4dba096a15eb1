"""Deliveries leave only while no other bus can own the journal."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from bus.core.errors import JournalError
from bus.core.ports import HttpReply
from bus.core.types import Endpoint, Package
from bus.deliver.leased import LeasedSender


class Counting:
    """A sender that only counts."""

    def __init__(self) -> None:
        self.posts = 0

    async def post(
        self, endpoint: Endpoint, body: bytes, headers: Sequence[tuple[str, str]], deadline_s: float
    ) -> HttpReply:
        """One more."""
        self.posts += 1
        return HttpReply(200, "text/xml", b"")

    async def post_package(
        self, endpoint: Endpoint, package: Package, headers: Sequence[tuple[str, str]], deadline_s: float
    ) -> HttpReply:
        """One more."""
        return await self.post(endpoint, b"", headers, deadline_s)


async def test_nothing_is_sent_once_the_lease_may_be_anothers() -> None:
    """Refused before the first byte, to be tried again; while the lease lasts everything passes."""
    below, held = Counting(), True
    sender = LeasedSender(below, lambda: held)
    tax = Endpoint("tax", "990019", "kojinjuminzei")
    package = Package("s", "multipart/related", "text/xml", 1, "", "")
    assert (await sender.post(tax, b"x", (), 1.0)).status == 200
    assert (await sender.post_package(tax, package, (), 1.0)).status == 200
    held = False
    for sending in (lambda: sender.post(tax, b"x", (), 1.0), lambda: sender.post_package(tax, package, (), 1.0)):
        with pytest.raises(JournalError) as caught:
            await sending()
        assert (caught.value.code, caught.value.entry.retryable) == ("CB4011", True)
    assert below.posts == 2
