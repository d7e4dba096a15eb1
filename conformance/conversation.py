"""A recording as exchanges in their order: what one message alone does not show (an answer, a sequence)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from conformance.messages import Message


@dataclass(frozen=True, slots=True)
class Turn:
    """One exchange. ``own_request`` and ``own_response`` say which sides the subject wrote: only those are judged."""

    name: str
    request: Message | None
    response: Message | None
    own_request: bool = True
    own_response: bool = True


@dataclass(frozen=True, slots=True)
class Conversation:
    """All exchanges of a piece of evidence in the order in which they were recorded."""

    turns: tuple[Turn, ...]

    def messages(self) -> Iterator[tuple[Turn, Message, bool]]:
        """Every message in order with its exchange and whether the subject wrote it."""
        for turn in self.turns:
            if turn.request is not None:
                yield turn, turn.request, turn.own_request
            if turn.response is not None:
                yield turn, turn.response, turn.own_response
