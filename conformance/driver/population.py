"""Questions about the reference population: asked as any client would, with the known answers beside the evidence."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import replace

from lxml import etree

from conformance import reference
from conformance.driver.cases import Base
from conformance.payloads import fill
from conformance.reference import Question
from schemas.model import Unit


def asking(base: Base, question: Question) -> Base:
    """The right request of a question."""
    operation = base.unit.operations[question.operation]
    payload = etree.Element(operation.input, nsmap={"t": base.unit.namespace})
    fill(payload, base.unit, base.unit.records[operation.request_record], question.asked)
    return replace(base, operation=operation, payload=payload)


def requests(base: Base) -> Iterator[tuple[str, bytes]]:
    """Every question about the unit as the bytes of the wire, by case."""
    for question in reference.questions(base.unit):
        one = asking(base, question)
        yield question.case, one.http(one.body())


def answers(unit: Unit) -> bytes:
    """The known answers: operation, question and records by case."""
    found: Mapping[str, object] = {
        one.case: {
            "operation": one.operation,
            "asked": dict(one.asked),
            "records": [dict(each) for each in one.answers],
        }
        for one in reference.questions(unit)
    }
    return json.dumps(found, ensure_ascii=False, indent=1, sort_keys=True).encode() + b"\n"
