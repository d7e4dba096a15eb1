"""Cut a binary stream into records: by line ends, or by a fixed number of bytes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from io import BytesIO
from typing import BinaryIO

READ_BYTES = 1 << 20
MAX_LINE_BYTES = 16 << 20  # a longer line is no record of any known vendor; it would only fill the memory


@dataclass(slots=True)
class Chunk:
    """The bytes of one record. ``fault`` says why it is no whole record, ``ends_file`` that nothing follows it.

    ``code`` is of the error catalogue: CB6001 when the file breaks off, CB6014 for another structure, as a rule.
    """

    offset: int
    raw: bytes
    fault: str = ""
    ends_file: bool = False
    code: str = ""


def lines(stream: BinaryIO, line_end: bytes) -> Iterator[Chunk]:
    """Records that end in ``line_end`` (CRLF or LF); a line that ends otherwise is a chunk with a fault."""
    crlf = line_end == b"\r\n"
    offset = 0
    rest = b""
    while block := stream.read(READ_BYTES):
        parts = (rest + block).split(b"\n")
        rest = parts.pop()
        for part in parts:
            if part.endswith(b"\r") == crlf:
                yield Chunk(offset, part[:-1] if crlf else part)
            else:
                yield Chunk(offset, part.rstrip(b"\r"), fault=f"line end is {'LF' if crlf else 'CRLF'}")
            offset += len(part) + 1
        if len(rest) > MAX_LINE_BYTES:
            yield Chunk(offset, rest[:80], fault=f"no line end within {MAX_LINE_BYTES} bytes", ends_file=True)
            return
    if rest:
        yield Chunk(offset, rest, fault="the last line has no line end", ends_file=True)


def slices(stream: BinaryIO, size: int) -> Iterator[Chunk]:
    """Records of exactly ``size`` bytes without line ends; a shorter rest is a chunk with a fault."""
    offset = 0
    rest = b""
    while block := stream.read(READ_BYTES):
        data = rest + block
        whole = len(data) - len(data) % size
        for start in range(0, whole, size):
            yield Chunk(offset + start, data[start : start + size])
        offset += whole
        rest = data[whole:]
    if rest:
        yield Chunk(offset, rest, fault=f"{len(rest)} bytes instead of {size}", ends_file=True)


MAX_DESCRIBED = 32_760
"""Bytes of the largest block that a host writes, its own length included."""


def described(stream: BinaryIO, size: int, *, blocked: bool) -> Iterator[Chunk]:
    """Variable-length records, each behind its length (RDW); ``blocked``: several in a block behind its own (BDW).

    A length counts its own four bytes. One that cannot be ends the file (CB6069): nothing behind it can be trusted.
    """
    offset = 0
    while head := _exactly(stream, 4):
        if len(head) < 4:
            yield Chunk(offset, head, fault="the file ends inside a length", ends_file=True)
            return
        length = int.from_bytes(head[:2], "big")
        if head[2:] != b"\0\0" or not 4 < length <= (MAX_DESCRIBED if blocked else size + 4):
            yield Chunk(offset, head, fault=f"a length of {length}", ends_file=True, code="CB6069")
            return
        body = _exactly(stream, length - 4)
        if len(body) < length - 4:
            yield Chunk(offset, body, fault=f"{len(body)} bytes instead of {length - 4}", ends_file=True)
            return
        if not blocked:
            yield Chunk(offset + 4, body)
        else:
            for chunk in described(BytesIO(body), size, blocked=False):
                chunk.offset += offset + 4
                yield Chunk(chunk.offset, chunk.raw, chunk.fault, chunk.ends_file, "CB6069" if chunk.fault else "")
                if chunk.fault:
                    return
        offset += length


def _exactly(stream: BinaryIO, size: int) -> bytes:
    """``size`` bytes, fewer only at the end."""
    data = stream.read(size)
    while len(data) < size and (more := stream.read(size - len(data))):
        data += more
    return data
