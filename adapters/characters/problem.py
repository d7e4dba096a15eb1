"""The one way in which a character set complains: byte offset, bytes, reason, code."""

from __future__ import annotations

from dataclasses import dataclass


class CharacterError(ValueError):
    """A character that cannot be read or written; nothing was replaced. ``reason`` says what would be right.

    ``position`` is a byte offset when decoding and a character index when encoding, from the start of what was given.
    ``subject`` are the bytes in hexadecimal, or the code points (``U+845B U+E0101``).
    """

    def __init__(self, code: str, position: int, subject: str, reason: str) -> None:
        super().__init__(f"{code} at {position}: {subject}: {reason}")
        self.code = code
        self.position = position
        self.subject = subject
        self.reason = reason


@dataclass(frozen=True, slots=True)
class CharacterLoss:
    """A character that was read, but whose bytes would be written differently."""

    position: int
    subject: str
    reason: str
