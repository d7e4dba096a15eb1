"""What one message may cost: named limits, each with its reason."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

MAX_BYTES: Final = 16 * 1024 * 1024
"""A bulk part of 5,000 residents is about 12 MB; larger transfers are cut into parts."""

MAX_DEPTH: Final = 64
"""The standard nests 6 deep; encrypted and foreign bodies stay below 20. libxml2 alone would allow 256."""

MAX_ELEMENTS: Final = 600_000
"""A bulk part of 5,000 residents has about 500,000 elements; one element costs about 120 bytes of memory."""

MAX_ATTRIBUTES: Final = 64
"""Per element, namespace declarations included. libxml2 accepts 200,000; no header block known has more than 10."""

MAX_NAME: Final = 50_000
"""Characters of a name: libxml2's own limit, which it enforces at no cost; the standard's longest has 40."""

MAX_TEXT: Final = 8 * 1024 * 1024
"""Bytes between two tags: an encrypted bulk part is one text. libxml2 stops at 10,000,000."""


@dataclass(frozen=True, slots=True)
class Limits:
    """The limits that ``safe_xml.parse`` enforces; all of them answer CB1006."""

    max_bytes: int = MAX_BYTES
    max_depth: int = MAX_DEPTH
    max_elements: int = MAX_ELEMENTS
    max_attributes: int = MAX_ATTRIBUTES
    max_text: int = MAX_TEXT


LIMITS: Final = Limits()
