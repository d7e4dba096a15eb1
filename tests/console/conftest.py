"""One room for each test; the password is hashed once."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from bus.console.passwords import hashed
from tests.console.room import PASSWORD, Room, make_room


@pytest.fixture(scope="session")
def stored() -> str:
    """The password as it lies in the file."""
    return hashed(PASSWORD)


@pytest.fixture
async def room(tmp_path: Path, stored: str) -> AsyncIterator[Room]:
    """The console over a filled journal."""
    made = await make_room(tmp_path / "site", stored)
    async with made.app.router.lifespan_context(made.app):
        yield made
    await made.journal.close()
