"""Wait for a condition with a deadline, instead of sleeping a guessed time."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import TypeVar

T = TypeVar("T")

EVERY_S = 0.02


class DeadlinePassed(AssertionError):
    """The condition did not become true in time."""


def until(condition: Callable[[], T], *, within_s: float = 10.0, what: str = "the condition") -> T:
    """Call ``condition`` until it returns something true, and return that; ``DeadlinePassed`` after ``within_s``."""
    end = time.monotonic() + within_s
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            raise DeadlinePassed(f"{what}: still {value!r} after {within_s} s")
        time.sleep(EVERY_S)


async def until_async(
    condition: Callable[[], T | Awaitable[T]], *, within_s: float = 10.0, what: str = "the condition"
) -> T:
    """The same inside an event loop; ``condition`` may be a coroutine function."""
    end = time.monotonic() + within_s
    while True:
        found = condition()
        value = await found if isinstance(found, Awaitable) else found
        if value:
            return value
        if time.monotonic() > end:
            raise DeadlinePassed(f"{what}: still {value!r} after {within_s} s")
        await asyncio.sleep(EVERY_S)
