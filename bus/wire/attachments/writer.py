"""Write a multipart message piece by piece: parts come from files and are never in memory as a whole."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from bus.core.errors import WireError
from bus.core.types import Finding
from bus.wire.attachments import content_id
from bus.wire.attachments.media import XML, XOP, part_type

PIECE: Final = 256 * 1024
"""Bytes read from a file at a time."""

ROOT: Final = "root@chiikibus"


@dataclass(frozen=True, slots=True)
class FilePart:
    """A file to be sent as a part of this name (Content-ID without brackets) and media type."""

    path: Path
    content_id: str
    content_type: str = "application/octet-stream"


class MultipartMessage:
    """An envelope and files as one SOAP message: SwA, or MTOM where ``mtom`` says so.

    ``boundary`` must stand at the start of no line of any part: a random one of 32 hexadecimal digits does not.
    Errors: CB1054 a name that may not be one, CB1052 a media type, OSError a file that is not there.
    """

    def __init__(self, envelope: bytes, parts: Sequence[FilePart], *, boundary: str, mtom: bool = False) -> None:
        if re.fullmatch(r"[0-9A-Za-z'()+_,./:=?-]{1,70}", boundary) is None:
            raise WireError("CB1052", [Finding("CB1052", path="boundary", expected="1 to 70 characters of RFC 2046")])
        names = [ROOT, *(part.content_id for part in parts)]
        if len(set(names)) < len(names):
            raise content_id.bad("each name once", "twice")
        self._boundary = boundary
        self._mtom = mtom
        self._envelope = envelope
        root = f'{XOP}; charset=utf-8; type="{XML}"' if mtom else f"{XML}; charset=utf-8"
        self._pieces: list[tuple[bytes, Path | None, int]] = [(self._head(root, ROOT, "8bit"), None, len(envelope))]
        for part in parts:
            if content_id.normal(part.content_id) != part.content_id:
                raise content_id.bad("a name without escapes", "another")
            part_type(part.content_type)
            head = self._head(part.content_type, part.content_id, "binary")
            self._pieces.append((head, part.path, part.path.stat().st_size))
        self._end = f"\r\n--{boundary}--\r\n".encode("ascii")

    @property
    def content_type(self) -> str:
        """The Content-Type of the whole."""
        start = f'boundary="{self._boundary}"; start="<{ROOT}>"'
        if self._mtom:
            return f'multipart/related; type="{XOP}"; start-info="{XML}"; {start}'
        return f'multipart/related; type="{XML}"; {start}'

    @property
    def size(self) -> int:
        """Bytes of the whole."""
        return sum(len(head) + size for head, _, size in self._pieces) + len(self._end)

    def __len__(self) -> int:
        """The size, for HTTP clients that ask for it."""
        return self.size

    def __iter__(self) -> Iterator[bytes]:
        """The bytes in pieces of at most ``PIECE``.

        Errors: OSError; also when a file has become shorter or longer, since its length was promised already.
        """
        for head, path, size in self._pieces:
            yield head
            if path is None:
                yield self._envelope
            else:
                yield from _pieces(path, size)
        yield self._end

    def _head(self, content_type: str, name: str, encoding: str) -> bytes:
        """Boundary and fields of a part. What would become a field of its own cannot be written (CB1052, CB1054)."""
        if re.fullmatch(r"[ -~]+", content_type) is None:
            raise WireError("CB1052", [Finding("CB1052", path="part Content-Type", expected="printable ASCII")])
        first = "" if name == ROOT else "\r\n"
        fields = f"Content-Type: {content_type}\r\nContent-Transfer-Encoding: {encoding}\r\nContent-ID: <{name}>\r\n"
        return f"{first}--{self._boundary}\r\n{fields}\r\n".encode("ascii")


def _pieces(path: Path, size: int) -> Iterator[bytes]:
    """Exactly ``size`` bytes of a file."""
    with path.open("rb") as source:
        left = size
        while left:
            piece = source.read(min(PIECE, left))
            if not piece:
                raise OSError(f"{path.name} became shorter")
            left -= len(piece)
            yield piece
        if os.fstat(source.fileno()).st_size != size:
            raise OSError(f"{path.name} became longer")
