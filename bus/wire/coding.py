"""Content codings of requests: gzip is undone within limits, everything else is refused."""

from __future__ import annotations

import zlib
from typing import Final

from bus.core.errors import WireError
from bus.core.types import Finding

GZIP: Final = "gzip"
PIECE: Final = 64 * 1024
"""Bytes that are unpacked at once: between two pieces the limits are looked at."""

MAX_RATIO: Final = 200
"""Times its size that what was unpacked so far may have. Bulk parts: 30, monotonous ones: 100, a bomb: 1,030."""

FREE: Final = 1024 * 1024
"""Bytes that a body may always grow to."""

MAX_MEMBERS: Final = 64
"""Parts of one gzip body (RFC 1952, 2.2); programs write one."""

_GZIP_ONLY: Final = 31


def coding_of(field: str) -> str:
    """``gzip`` or nothing, from a Content-Encoding field. Errors: CB1018 another coding, or more than one."""
    coding = field.strip().lower()
    if coding in {"", "identity"}:
        return ""
    if coding in {GZIP, "x-gzip"}:
        return GZIP
    raise WireError("CB1018", [Finding("CB1018", path="Content-Encoding", expected=GZIP, got=coding[:64])])


def room(packed: int, max_size: int) -> int:
    """Bytes to which a body of ``packed`` bytes may grow."""
    return min(max_size, max(FREE, MAX_RATIO * packed))


def unpack(body: bytes, limit: int) -> bytes:
    """What a gzip body holds.

    Errors: CB1021 it is not whole gzip, CB1006 it grows beyond ``limit`` bytes: the rest is not unpacked.
    """
    pieces: list[bytes] = []
    size = 0
    rest = body
    for _ in range(MAX_MEMBERS):
        member = zlib.decompressobj(_GZIP_ONLY)
        while not member.eof:
            try:
                piece = member.decompress(rest, PIECE)
            except zlib.error:
                raise _broken("gzip") from None
            rest = member.unconsumed_tail
            if not piece and not rest and not member.eof:
                raise _broken("the end of gzip")
            size += len(piece)
            if size > limit or (size > FREE and size > MAX_RATIO * (len(body) - len(rest))):
                raise WireError("CB1006")
            pieces.append(piece)
        rest = member.unused_data
        if not rest:
            return b"".join(pieces)
    raise _broken(f"<= {MAX_MEMBERS} members")


def _broken(expected: str) -> WireError:
    """CB1021: the body is not what its coding says."""
    return WireError("CB1021", [Finding("CB1021", path="Content-Encoding", expected=expected)])
