"""Where records and values stand in an XML text, by its tags alone: for cutting files and for places in findings.

Nothing here decides what is valid: every record that is cut out is parsed by the hardened parser afterwards. All
delimiters are ASCII that no second byte of CP932 equals, so bytes can be searched before they are decoded.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

from adapters.codecs.chunks import MAX_LINE_BYTES, READ_BYTES, Chunk

_SPACES = b" \t\r\n"
_TAG = re.compile(rb"<(?:[^<>\"']++|\"[^\"<]*+\"|'[^'<]*+')*+>")
_DECLARATION = re.compile(rb"(?:\xef\xbb\xbf)?<\?xml\s[^<>]*?\?>")
_ENCODING = re.compile(rb"encoding\s*=\s*[\"']([A-Za-z0-9._-]+)[\"']")
_PREFIXED = re.compile(rb"\sxmlns:[^\s=]+\s*=\s*(?:\"[^\"<]*+\"|'[^'<]*+')")
_QUALIFIED = re.compile(rb"</?([^\s<>/!?\"']+)")
_LEXEME = re.compile(rb"<!--.*?-->|<(/?)([^\s<>/!?\"']+)((?:[^<>\"']++|\"[^\"<]*+\"|'[^'<]*+')*+)>", re.DOTALL)


class Readable(Protocol):
    """What the scanner needs of a stream."""

    def read(self, size: int, /) -> bytes:
        """The next bytes, none at the end."""
        ...


class ScanError(ValueError):
    """The text is not what it should be at a byte offset: it breaks off (CB6001), or is something else (CB6014)."""

    def __init__(self, offset: int, reason: str, code: str = "CB6014") -> None:
        super().__init__(reason)
        self.offset = offset
        self.reason = reason
        self.code = code


def declared_encoding(raw: bytes) -> str:
    """The encoding of the XML declaration in lower case; empty without one."""
    match = _DECLARATION.match(raw)
    found = _ENCODING.search(match[0]) if match else None
    return found[1].decode("ascii").lower() if found else ""


def behind_declaration(raw: bytes) -> int:
    """The offset behind an XML declaration."""
    match = _DECLARATION.match(raw)
    return match.end() if match else 0


def local_name(tag: bytes) -> str:
    """The name of a start or end tag without its prefix."""
    return _qualified(tag).rpartition(b":")[2].decode("utf-8", "replace")


def _qualified(tag: bytes) -> bytes:
    match = _QUALIFIED.match(tag)
    return match[1] if match else b""


@dataclass(slots=True)
class _Window:
    """The part of a stream that is looked at: ``data`` from ``at``; ``base`` is the offset of its first byte."""

    stream: Readable
    data: bytes = b""
    base: int = 0
    at: int = 0

    @property
    def offset(self) -> int:
        return self.base + self.at

    def fill(self) -> bool:
        """Read on; ``False`` at the end. ScanError when one thing grows beyond any record."""
        if len(self.data) - self.at > MAX_LINE_BYTES:
            raise ScanError(self.offset, f"no end within {MAX_LINE_BYTES} bytes")
        block = self.stream.read(READ_BYTES)
        self.data = self.data[self.at :] + block
        self.base, self.at = self.offset, 0
        return bool(block)

    def quiet(self) -> None:
        """Pass white space and comments."""
        while True:
            while self.at < len(self.data) and self.data[self.at] in _SPACES:
                self.at += 1
            head = self.data[self.at : self.at + 4]
            if head == b"<!--":
                end = self.find(b"-->", 4)
                self.at += end
            elif (len(head) == 4 or head[:2] not in {b"", b"<", b"<!"}) or not self.fill():
                return

    def find(self, what: bytes, start: int) -> int:
        """The length up to and with ``what``; ScanError when it does not come."""
        while (end := self.data.find(what, self.at + start)) < 0:
            start = max(start, len(self.data) - self.at - len(what))
            if not self.fill():
                raise ScanError(self.offset, "the text breaks off", "CB6001")
        return end - self.at + len(what)

    def end(self) -> None:
        """Nothing may follow but white space and comments."""
        self.quiet()
        if self.at < len(self.data):
            raise ScanError(self.offset, "text behind the root element")

    def tag(self) -> bytes:
        """The tag that begins here, whole; ScanError when there is none."""
        while not (match := _TAG.match(self.data, self.at)) or match[0][1:2] in b"!?":
            if match or self.data[self.at : self.at + 2] in {b"<!", b"<?"}:
                raise ScanError(self.offset, "a declaration or processing instruction")
            if self.at < len(self.data) and self.data[self.at : self.at + 1] != b"<":
                raise ScanError(self.offset, "text between records")
            if not self.fill():
                raise ScanError(self.offset, "the text breaks off", "CB6001")
        return match[0]


def records(stream: Readable) -> Iterator[Chunk]:
    """The children of the root element as they stand, each with the prefixes that the root declares.

    The first chunk is the root's own tag. A chunk with a fault ends the file.
    """
    window = _Window(stream)
    try:
        window.fill()
        window.at = behind_declaration(window.data)
        window.quiet()
        root = window.tag()
        yield Chunk(window.offset, root)
        window.at += len(root)
        prefixes = b"".join(_PREFIXED.findall(root))
        while not root.endswith(b"/>"):
            window.quiet()
            tag = window.tag()
            if tag.startswith(b"</"):
                window.at += len(tag)
                break
            start, size = window.offset, _element_size(window, tag)
            raw = window.data[window.at : window.at + size]
            window.at += size
            if prefixes:
                name = 1 + len(_qualified(tag))
                raw = raw[:name] + prefixes + raw[name:]
            yield Chunk(start, raw)
        window.end()
    except ScanError as error:
        yield Chunk(error.offset, b"", fault=error.reason, ends_file=True, code=error.code)


def _element_size(window: _Window, tag: bytes) -> int:
    if tag.endswith(b"/>"):
        return len(tag)
    size = window.find(b"</" + _qualified(tag), len(tag))
    return window.find(b">", size)


def leaves(raw: bytes) -> dict[tuple[str, ...], tuple[int, int]]:
    """Byte offset and end of the text of every element without children, by the path of local names below the root."""
    found: dict[tuple[str, ...], tuple[int, int]] = {}
    path: list[str] = []
    start, leaf = 0, False
    for match in _LEXEME.finditer(raw):
        if match[2] is None:
            continue
        if match[1]:
            if leaf:
                found[tuple(path[1:])] = (start, match.start())
            leaf = False
            del path[-1:]
            continue
        path.append(match[2].rpartition(b":")[2].decode("utf-8", "replace"))
        if match[3].endswith(b"/"):
            found[tuple(path[1:])] = (match.start(), match.end())
            path.pop()
            leaf = False
        else:
            start, leaf = match.end(), True
    return found
