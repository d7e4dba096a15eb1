"""Answers that come as messages of their own: each goes to the flow that asked, by the id of its question."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from lxml import etree

from adapters.host.flows.base import Reply, Request
from adapters.host.store import Store, asked
from adapters.host.store.asked import Question
from bus.core.errors import WireError
from bus.core.types import Finding
from bus.wire import envelope
from schemas.model import Edition, Operation


class Asking(Protocol):
    """A flow that may be answered later."""

    def late_answer(self, one: Question, payload: etree._Element) -> Reply:
        """Take the answer (or fault) to one of its questions."""
        ...


@dataclass(frozen=True, slots=True)
class LateDesk:
    """The flows that ask, by their id."""

    store: Store
    edition: Edition
    flows: Mapping[str, Asking]

    def operation(self, payload: etree._Element, relates_to: str) -> Operation:
        """The operation that was asked. CB1011 nothing was, or it is forgotten; CB1010 it has another answer."""
        question = self._question(relates_to)
        operation = self.edition.operation(question.operation)
        assert operation is not None, question.operation
        if payload.tag not in {envelope.FAULT, operation.output}:
            raise WireError("CB1010", [Finding("CB1010", path="Body", expected=operation.output)])
        return operation

    async def answer(self, request: Request) -> Reply:
        """Hand the answer to the flow that asked."""
        question = self._question(request.addressing.relates_to)
        return self.flows[question.flow].late_answer(question, request.payload)

    def _question(self, relates_to: str) -> Question:
        question = asked.find(self.store.reader, relates_to)
        if question is None or question.flow not in self.flows:
            expected = "a question of this adapter"
            raise WireError("CB1011", [Finding("CB1011", path="wsa:RelatesTo", expected=expected)])
        return question
