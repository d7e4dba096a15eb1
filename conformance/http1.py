"""The judge's own reader of HTTP/1.x messages: forgiving, so that what is wrong can be judged and not only refused."""

from __future__ import annotations

import re
from dataclasses import dataclass

TOKEN = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
_PARAMETER = re.compile(r";\s*([^\s=;]+)\s*=\s*(\"(?:[^\"\\]|\\.)*\"|[^;]*)")


@dataclass(frozen=True, slots=True)
class Head:
    """Start line and header fields as they came.

    ``start`` is the start line; ``fields`` are (name as written, value stripped). ``request`` says which kind it is.
    ``problems`` lists what breaks RFC 9112, in words.
    """

    start: str
    fields: tuple[tuple[str, str], ...]
    request: bool
    problems: tuple[str, ...] = ()

    def values(self, name: str) -> tuple[str, ...]:
        """All values of a field, any case."""
        return tuple(value for key, value in self.fields if key.lower() == name.lower())

    def value(self, name: str) -> str | None:
        """The first value of a field, or ``None``."""
        found = self.values(name)
        return found[0] if found else None

    @property
    def method(self) -> str:
        """The method of a request, empty for a response."""
        return self.start.split(" ")[0] if self.request else ""

    @property
    def target(self) -> str:
        """The request target, empty for a response."""
        parts = self.start.split(" ")
        return parts[1] if self.request and len(parts) > 1 else ""

    @property
    def version(self) -> str:
        """The version as written, for example ``HTTP/1.1``."""
        parts = self.start.split(" ")
        return (parts[-1] if self.request else parts[0]) if parts else ""

    @property
    def status(self) -> int:
        """The status of a response, 0 where there is none."""
        parts = self.start.split(" ")
        digits = parts[1] if not self.request and len(parts) > 1 else ""
        return int(digits) if re.fullmatch("[0-9]{3}", digits) else 0

    @property
    def media_type(self) -> str:
        """The media type of Content-Type in lower case, without parameters; empty where there is none."""
        return (self.value("Content-Type") or "").partition(";")[0].strip().lower()

    def parameter(self, name: str) -> str | None:
        """A parameter of Content-Type, unquoted, or ``None``."""
        for key, value in _PARAMETER.findall(self.value("Content-Type") or ""):
            if key.lower() == name.lower():
                text: str = value.strip()
                return text[1:-1] if text[:1] == '"' == text[-1:] and len(text) > 1 else text
        return None


@dataclass(frozen=True, slots=True)
class Parsed:
    """One HTTP message: head, body after transfer decoding, and whether the body is complete."""

    head: Head
    body: bytes
    complete: bool = True


def parse(raw: bytes, *, request: bool) -> Parsed | None:
    """The HTTP message in ``raw``; ``None`` where no start line can be found."""
    head_bytes, separator, rest = raw.partition(b"\r\n\r\n")
    problems: list[str] = []
    if not separator:
        head_bytes, separator, rest = raw.partition(b"\n\n")
        if separator:
            problems.append("lines end with LF only")
        else:
            problems.append("the head has no end")
    lines = [line.rstrip("\r") for line in head_bytes.decode("latin-1").split("\n")]
    start = lines[0]
    if "HTTP/" not in start:
        return None
    fields: list[tuple[str, str]] = []
    for line in lines[1:]:
        name, colon, value = line.partition(":")
        if line[:1] in " \t" and fields:
            problems.append("a folded header field")
            fields[-1] = (fields[-1][0], f"{fields[-1][1]} {line.strip()}")
        elif not colon or not TOKEN.fullmatch(name):
            problems.append("a header line that is none")
        else:
            fields.append((name, value.strip()))
    head = Head(start, tuple(fields), request, tuple(problems))
    body, complete = _body(head, rest)
    return Parsed(head, body, complete)


def _body(head: Head, rest: bytes) -> tuple[bytes, bool]:
    if "chunked" in (head.value("Transfer-Encoding") or "").lower():
        return dechunk(rest)
    length = head.value("Content-Length")
    if length is not None and length.isdecimal():
        return rest[: int(length)], len(rest) >= int(length)
    return rest, True


def dechunk(data: bytes) -> tuple[bytes, bool]:
    """The content of a chunked body and whether it is complete."""
    content, at = bytearray(), 0
    while True:
        end = data.find(b"\r\n", at)
        size = data[at:end].partition(b";")[0].strip() if end >= 0 else b""
        if end < 0 or not re.fullmatch(b"[0-9A-Fa-f]{1,8}", size):
            return bytes(content), False
        length, at = int(size, 16), end + 2
        if not length:
            return bytes(content), True
        content += data[at : at + length]
        if len(data) < at + length + 2:
            return bytes(content), False
        at += length + 2
