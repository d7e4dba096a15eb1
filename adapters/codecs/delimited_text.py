"""Cut one line of delimited text into cells, with the place of each cell."""

from __future__ import annotations

from dataclasses import dataclass


class CellError(ValueError):
    """Quotes do not close, or text stands behind a closing quote; ``position`` counts characters."""

    def __init__(self, position: int, reason: str) -> None:
        super().__init__(reason)
        self.position = position
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Cell:
    """A cell from ``start`` to ``end`` (characters, quotes included)."""

    start: int
    end: int
    quoted: bool


def cells(text: str, delimiter: str, quote: str) -> list[Cell]:
    """The cells of a line; raises CellError."""
    found: list[Cell] = []
    position = 0
    while True:
        if quote and text.startswith(quote, position):
            end = _closing(text, position + 1, quote) + 1
            if end < len(text) and text[end] != delimiter:
                raise CellError(end, "text behind a closing quote")
            found.append(Cell(position, end, quoted=True))
        else:
            end = text.find(delimiter, position)
            end = len(text) if end < 0 else end
            found.append(Cell(position, end, quoted=False))
        if end >= len(text):
            return found
        position = end + 1


def _closing(text: str, position: int, quote: str) -> int:
    start = position
    while True:
        end = text.find(quote, position)
        if end < 0:
            raise CellError(start - 1, "a quote that does not close")
        if text.startswith(quote, end + 1):
            position = end + 2
            continue
        return end


def byte_positions(raw: bytes, encoding: str) -> list[int]:
    """The byte offset of every character of ``raw``, and its length at the end (CP932: a pair is one character)."""
    positions: list[int] = []
    if encoding == "cp932":
        index = 0
        while index < len(raw):
            positions.append(index)
            lead = raw[index]
            index += 2 if 0x81 <= lead <= 0x9F or 0xE0 <= lead <= 0xFC else 1
    else:
        positions = [index for index, byte in enumerate(raw) if byte & 0xC0 != 0x80]
    positions.append(len(raw))
    return positions
