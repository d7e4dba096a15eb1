"""Blocks and messages of WS-ReliableMessaging 1.2 as the rooms read them: numbers, acknowledgements, faults."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from conformance.addressing import fault_code, text_of
from conformance.description import Element, qname
from conformance.documents import children
from conformance.messages import Message
from conformance.names import RM

LARGEST: Final = 2**63 - 1
MAX_SPANS: Final = 10_000
"""More ranges than an acknowledgement of the field has; beyond it the rest is not read."""
_DURATION: Final = re.compile(r"P(?:(\d+)Y)?(?:(\d+)M)?(?:(\d+)D)?(?:T(?:(\d+)H)?(?:(\d+)M)?(?:(\d+(?:\.\d+)?)S)?)?")


def rm(name: str) -> str:
    """The Clark name of an element of WS-ReliableMessaging."""
    return f"{{{RM}}}{name}"


@dataclass(frozen=True, slots=True)
class Acknowledgement:
    """One SequenceAcknowledgement: its spans as written, and whether None, Final and Nack stand in it."""

    element: Element
    sequence: str
    spans: tuple[tuple[int, int], ...]
    none: bool
    final: bool
    nack: bool


def merged(spans: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
    """Spans in their order, those that touch or overlap as one."""
    found: list[tuple[int, int]] = []
    for lower, upper in sorted(span for span in spans if span[0] <= span[1]):
        if found and lower <= found[-1][1] + 1:
            found[-1] = (found[-1][0], max(upper, found[-1][1]))
        else:
            found.append((lower, upper))
    return found


def within(lower: int, upper: int, spans: list[tuple[int, int]]) -> bool:
    """Whether a span lies in one of merged spans."""
    at = bisect_right(spans, (lower, LARGEST * 2)) - 1
    return at >= 0 and spans[at][0] <= lower and upper <= spans[at][1]


def identifier(owner: Element | None) -> str:
    """The Identifier in a block or message, empty where there is none."""
    return text_of(owner.find(rm("Identifier"))) if owner is not None else ""


def number(text: str | None) -> int:
    """A message number, 0 where the text is none."""
    plain = (text or "").strip()
    return int(plain) if re.fullmatch("[0-9]{1,19}", plain) else 0


def blocks(message: Message | None, name: str) -> list[Element]:
    """The header blocks of a name."""
    return [one for one in message.header_blocks if one.tag == rm(name)] if message is not None else []


def place(message: Message | None) -> tuple[str, int] | None:
    """The sequence and the number of a message; ``None`` where it is in no sequence."""
    found = blocks(message, "Sequence")
    return (identifier(found[0]), number(found[0].findtext(rm("MessageNumber")))) if found else None


def acknowledgements(message: Message | None) -> list[Acknowledgement]:
    """The acknowledgements that a message carries."""
    found = []
    for one in blocks(message, "SequenceAcknowledgement"):
        ranges = children(one, rm("AcknowledgementRange"))[:MAX_SPANS]
        spans = tuple((number(span.get("Lower")), number(span.get("Upper"))) for span in ranges)
        flags = (bool(children(one, rm(name))) for name in ("None", "Final", "Nack"))
        found.append(Acknowledgement(one, identifier(one), spans, *flags))
    return found


def entry(message: Message | None, name: str) -> Element | None:
    """The Body's child of a name of the protocol, if it is there."""
    listed = message.entries if message is not None else []
    return next((one for one in listed if one.tag == rm(name)), None)


def fault(message: Message | None) -> str:
    """The code of a fault of the protocol: of the block SequenceFault, else of faultcode; empty for another."""
    for one in blocks(message, "SequenceFault"):
        code = one.find(rm("FaultCode"))
        if code is not None:
            return qname(code, code.text or "").rpartition("}")[2]
    space, name = fault_code(message)
    return name if space == RM else ""


def seconds(text: str) -> float | None:
    """A duration in seconds (a year of 365 days, a month of 30); ``None`` where it is none."""
    found = _DURATION.fullmatch(text.strip())
    if found is None or not any(found.groups()):
        return None
    factors = (365 * 86400, 30 * 86400, 86400, 3600, 60, 1)
    return sum(float(value) * factor for value, factor in zip(found.groups(), factors, strict=True) if value)
