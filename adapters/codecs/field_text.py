"""Rules of one field's text that fixed and delimited records share: character problems and types as findings."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from adapters.characters.problem import CharacterError, CharacterLoss
from adapters.sdk.errors import adapter_error, describe, finding
from adapters.sdk.layout import LayoutField
from adapters.sdk.types import Loss, Origin, Span
from bus.core.errors import AdapterError
from bus.core.types import Finding

HALF_WIDTH = re.compile("[ -~\uff61-\uff9f]*\\Z")


def unreadable(error: CharacterError, origin: Origin, item: str, start: int) -> Finding:
    """The finding for a character that cannot be read; ``start`` is the field's byte offset in the record."""
    span = (origin.byte_offset + start + error.position, max(1, len(error.subject) // 2))
    return finding(error.code, origin, item, span=span, expected=error.reason, got=error.subject)


def unwritable(error: CharacterError, origin: Origin, item: str) -> Finding:
    """The finding for a character that cannot be written."""
    got = f"{error.subject} (character {error.position + 1})"
    return finding(error.code, origin, item, expected=error.reason, got=got)


def foreign(names: Iterable[str]) -> list[Finding]:
    """CB6014 for every item to be written that the layout does not have."""
    return [finding("CB6014", Origin(), name, expected="an item of the layout") for name in names]


def placed(findings: Iterable[Finding], spans: Mapping[str, Span], origin: Origin) -> list[Finding]:
    """The same findings with the place of their item in the file, where ``spans`` of the record knows it."""
    found = []
    for one in findings:
        span = spans.get(one.path)
        absolute = (origin.byte_offset + span[0], span[1]) if span else None
        found.append(finding(one.code, origin, one.path, span=absolute, expected=one.expected, got=one.got))
    return found


def byte_losses(losses: tuple[CharacterLoss, ...], origin: Origin, item: str, start: int) -> tuple[Loss, ...]:
    """Losses of a field with their byte offset in the file."""
    found = []
    for loss in losses:
        place = origin.place(item, (origin.byte_offset + start + loss.position, len(loss.subject) // 2))
        found.append(Loss("vendor", item, f"{loss.subject}: {loss.reason}", place=place))
    return tuple(found)


def type_finding(field: LayoutField, text: str, origin: Origin, span: Span | None) -> Finding | None:
    """E0002 when the text does not have the field's type: X half-width characters, 9 digits only."""
    if field.type == "9" and text and not (text.isascii() and text.isdigit()):
        return finding("E0002", origin, field.name, span=span, expected="digits", got=describe(text))
    if field.type == "X" and not HALF_WIDTH.match(text):
        return finding("E0002", origin, field.name, span=span, expected="half-width characters", got=describe(text))
    return None


def utf8_error(raw: bytes, origin: Origin) -> AdapterError:
    """CB6002 for a record that is UTF-8 although CP932 was declared; names the first such byte."""
    first = next(index for index, byte in enumerate(raw) if byte >= 0x80)
    span = (origin.byte_offset + first, 3)
    return adapter_error((finding("CB6002", origin, span=span, expected="CP932", got="UTF-8"),))
