"""Fixtures of the host's tests."""

from __future__ import annotations

from collections.abc import AsyncIterator
from functools import cache
from pathlib import Path

import pytest

from schemas.catalog import load_edition
from schemas.model import Edition
from tests.host.fake_bus import FakeBus
from tests.host.place import Place


@cache
def the_edition() -> Edition:
    """Edition 1.0, read once."""
    return load_edition()


@pytest.fixture
def edition() -> Edition:
    """Edition 1.0."""
    return the_edition()


@pytest.fixture
async def bus(edition: Edition) -> AsyncIterator[FakeBus]:
    """A bus that is there."""
    made = FakeBus(edition)
    await made.start()
    yield made
    await made.stop()


@pytest.fixture
async def place(tmp_path: Path, edition: Edition, bus: FakeBus) -> Place:
    """A site whose adapters speak to the fake bus."""
    return Place(tmp_path / "site", edition, bus)
