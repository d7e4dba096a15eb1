"""Sets of message numbers as ascending ranges that neither overlap nor touch: the arithmetic of acknowledgements."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import pairwise

Span = tuple[int, int]
"""First and last number, both included."""


@dataclass(frozen=True, slots=True)
class Ranges:
    """Message numbers, 1 and above. ``spans`` is ascending; between two spans at least one number is missing."""

    spans: tuple[Span, ...] = ()

    @classmethod
    def of(cls, spans: Iterable[Span]) -> Ranges:
        """From spans in any order, overlapping or not. Errors: ValueError for a number below 1 or a span backwards."""
        merged: list[Span] = []
        for low, high in sorted(spans):
            if low < 1 or high < low:
                raise ValueError(f"no span of message numbers: {low} to {high}")
            if merged and low <= merged[-1][1] + 1:
                merged[-1] = (merged[-1][0], max(merged[-1][1], high))
            else:
                merged.append((low, high))
        return cls(tuple(merged))

    def __contains__(self, number: int) -> bool:
        place = bisect_right(self.spans, (number, _BEYOND)) - 1
        return place >= 0 and number <= self.spans[place][1]

    def __len__(self) -> int:
        return sum(high - low + 1 for low, high in self.spans)

    def __iter__(self) -> Iterator[int]:
        for low, high in self.spans:
            yield from range(low, high + 1)

    def with_number(self, number: int) -> Ranges:
        """The same with one more number. Errors: ValueError for a number below 1."""
        if self.spans and self.spans[-1][1] + 1 == number:
            return Ranges((*self.spans[:-1], (self.spans[-1][0], number)))
        return self if number in self else Ranges.of((*self.spans, (number, number)))

    def union(self, other: Ranges) -> Ranges:
        """All numbers of both."""
        return Ranges.of((*self.spans, *other.spans))

    def minus(self, other: Ranges) -> Ranges:
        """The numbers that are not in ``other``; goes through spans, never through numbers."""
        left: list[Span] = []
        others = iter((*other.spans, (_BEYOND, _BEYOND)))
        begin, end = next(others)
        for low, high in self.spans:
            at = low
            while at <= high:
                if end < at:
                    begin, end = next(others)
                elif begin > at:
                    left.append((at, min(high, begin - 1)))
                    at = begin
                else:
                    at = end + 1
        return Ranges(tuple(left))

    @property
    def highest(self) -> int:
        """The largest number, 0 when there is none."""
        return self.spans[-1][1] if self.spans else 0

    @property
    def expected(self) -> int:
        """The smallest number that is missing: everything before it is there."""
        return self.spans[0][1] + 1 if self.spans and self.spans[0][0] == 1 else 1

    def gaps(self) -> Ranges:
        """What is missing below the highest number."""
        if not self.spans:
            return self
        edges = ((0, 0), *self.spans)
        return Ranges(tuple((a[1] + 1, b[0] - 1) for a, b in pairwise(edges) if b[0] - a[1] > 1))

    def text(self) -> str:
        """``1-5,7-7``, as ``parse`` reads it; empty when there is none."""
        return ",".join(f"{low}-{high}" for low, high in self.spans)

    @classmethod
    def parse(cls, text: str) -> Ranges:
        """What ``text`` wrote. Errors: ValueError."""
        spans = []
        for part in text.split(",") if text else ():
            low, _, high = part.partition("-")
            spans.append((int(low), int(high)))
        return cls.of(spans)


_BEYOND = 2**64
NOTHING = Ranges()
