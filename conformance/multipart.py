"""A multipart body as it stands in the bytes: boundaries, parts with their heads, and what breaks RFC 2046.

Unlike the reader of messages it undoes no transfer encoding, so that the encoding itself can be judged.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final
from urllib.parse import unquote

from conformance.description import Element
from conformance.http1 import Head
from conformance.messages import MAX_PARTS, Message
from conformance.names import XOP

INCLUDE: Final = f"{{{XOP}}}Include"
_PARAMETER: Final = re.compile(r";\s*([^\s=;]+)\s*=\s*(\"(?:[^\"\\]|\\.)*\"|[^;]*)")


@dataclass(frozen=True, slots=True)
class RawPart:
    """One part: its header fields (names in lower case, values unfolded) and its content as sent."""

    fields: tuple[tuple[str, str], ...]
    content: bytes

    def value(self, name: str) -> str:
        """The first value of a field, empty where there is none."""
        return next((value for key, value in self.fields if key == name), "")

    @property
    def content_id(self) -> str:
        """The Content-ID without its angle brackets."""
        found = self.value("content-id").strip()
        return found[1:-1] if found.startswith("<") and found.endswith(">") else found

    @property
    def media_type(self) -> str:
        """The media type in lower case, without parameters; text/plain where there is none (RFC 2046)."""
        return (self.value("content-type") or "text/plain").partition(";")[0].strip().lower()

    def parameter(self, name: str) -> str:
        """A parameter of Content-Type, unquoted; empty where there is none."""
        for key, value in _PARAMETER.findall(self.value("content-type")):
            if key.lower() == name:
                return str(value).strip().strip('"')
        return ""


@dataclass(frozen=True, slots=True)
class Multipart:
    """The parts in their order; ``closed`` where the final boundary is there; ``bare`` boundaries follow no CR LF."""

    boundary: str
    parts: tuple[RawPart, ...]
    closed: bool
    bare: int


def boundary_of(head: Head | None) -> str | None:
    """The parameter boundary of a multipart message as written, ``None`` for other messages."""
    if head is None or not head.media_type.startswith("multipart/"):
        return None
    for key, value in _PARAMETER.findall(head.value("Content-Type") or ""):
        if key.lower() == "boundary":
            text = str(value)
            return text[1:-1] if text.startswith('"') and text.endswith('"') and len(text) > 1 else text.rstrip()
    return ""


def multipart(message: Message) -> Multipart | None:
    """The raw parts of a multipart message; ``None`` for another message. At most ``MAX_PARTS`` are read."""
    boundary = boundary_of(message.head)
    if boundary is None:
        return None
    if not boundary:
        return Multipart("", (), False, 0)
    edge = re.escape(boundary.encode("latin-1", "replace"))
    mark = re.compile(rb"(?:^|(\r?\n))--" + edge + rb"(--)?[ \t]*(?=\r?\n|\Z)")
    parts: list[RawPart] = []
    bare, begin, closed = 0, -1, False
    for found in mark.finditer(message.body):
        bare += found.start() > 0 and found.group(1) != b"\r\n"
        if begin >= 0 and len(parts) < MAX_PARTS:
            parts.append(_part(message.body[begin : found.start()]))
        begin = found.end()
        if found.group(2):
            closed = True
            break
    return Multipart(boundary, tuple(parts), closed, bare)


def _part(raw: bytes) -> RawPart:
    raw = raw.removeprefix(b"\r").removeprefix(b"\n")
    if raw.startswith((b"\r\n", b"\n")):
        return RawPart((), raw.lstrip(b"\r").removeprefix(b"\n"))
    head, _, content = raw.partition(b"\r\n\r\n") if b"\r\n\r\n" in raw else raw.partition(b"\n\n")
    lines = re.sub(rb"\r?\n[ \t]+", b" ", head).decode("latin-1").splitlines()
    pairs = (line.partition(":") for line in lines if ":" in line)
    return RawPart(tuple((name.strip().lower(), value.strip()) for name, _, value in pairs), content)


def root_of(message: Message, body: Multipart) -> RawPart | None:
    """The root part: the one that start names, or the first."""
    start = (message.head.parameter("start") if message.head else None) or ""
    wanted = start.strip().removeprefix("<").removesuffix(">")
    if not wanted:
        return body.parts[0] if body.parts else None
    return next((one for one in body.parts if one.content_id == wanted), None)


def includes(message: Message) -> list[Element]:
    """The xop:Include elements of the envelope."""
    return list(message.envelope.iter(INCLUDE)) if message.envelope is not None else []


def cid(uri: str) -> str | None:
    """The Content-ID that a cid: URI means, its escapes decoded; ``None`` for another URI."""
    return unquote(uri[4:]) if uri[:4].lower() == "cid:" else None
