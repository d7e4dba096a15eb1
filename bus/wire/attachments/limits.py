"""What one multipart message may cost: named limits, each with its reason."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from bus.wire.limits import MAX_BYTES

MAX_PARTS: Final = 200
"""Parts of a message, the root included. A bulk transfer has one, a report with its pictures some dozens."""

MAX_PART_HEAD: Final = 8 * 1024
"""Bytes of the fields of one part; real ones have 100 to 400."""

MAX_PART_FIELDS: Final = 32
"""Fields of one part; real ones have two to five."""

MAX_PACKAGE: Final = 1024 * 1024 * 1024
"""Bytes of a whole message with its attachments: a full snapshot of a large city as CSV has about 500 MB."""

MAX_BOUNDARY: Final = 70
"""RFC 2046, 5.1.1."""

MAX_CONTENT_ID: Final = 255
"""Characters of a Content-ID; generated ones have 30 to 80."""


@dataclass(frozen=True, slots=True)
class PackageLimits:
    """The limits that reading a multipart message enforces; all of them answer CB1057."""

    max_parts: int = MAX_PARTS
    max_head: int = MAX_PART_HEAD
    max_fields: int = MAX_PART_FIELDS
    max_root: int = MAX_BYTES
    max_size: int = MAX_PACKAGE


LIMITS: Final = PackageLimits()
