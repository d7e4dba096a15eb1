"""Bytes that may be in flight at once: admission by a limit, so that memory and disk stay bounded."""

from __future__ import annotations


class Budget:
    """Room for ``limit`` bytes; whoever takes some gives it back."""

    __slots__ = ("in_flight", "limit")

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.in_flight = 0

    def reserve(self, size: int) -> bool:
        """Take room for ``size`` more bytes; ``False``, and nothing is taken, when the limit would be passed."""
        if self.in_flight + size > self.limit:
            return False
        self.in_flight += size
        return True

    def release(self, size: int) -> None:
        """Give room back."""
        self.in_flight -= size
