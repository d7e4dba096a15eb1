"""Which characters the bytes of a message are: media type, byte order mark and XML declaration have to agree.

Whatever is not UTF-8, or UTF-16 with its byte order mark, is refused: no character is ever guessed.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final

from bus.core.errors import WireError
from bus.core.types import Finding

UTF8: Final = "utf-8"
UTF16: Final = "utf-16"

MAX_DECLARATION: Final = 256
"""Bytes of an XML declaration; what is longer is no declaration."""

PIECE: Final = 64 * 1024
"""Bytes that are decoded at once: the characters of a whole message would cost up to four times its size."""

_PARAMETER: Final = re.compile(r'[ \t]*;[ \t]*(?:([!#$%&\'*+.^_`|~0-9A-Za-z-]+)=("(?:[^"\\]|\\.)*"|[^\s;"]+)[ \t]*)?')
_SPACE: Final = rb"[ \t\r\n]"
_DECLARATION: Final = re.compile(
    rb"<\?xml%(s)s+version%(s)s*=%(s)s*(?:\"(?P<v1>[^\"]*)\"|'(?P<v2>[^']*)')"
    rb"(?:%(s)s+encoding%(s)s*=%(s)s*(?:\"(?P<e1>[A-Za-z][A-Za-z0-9._-]*)\"|'(?P<e2>[A-Za-z][A-Za-z0-9._-]*)'))?"
    rb"(?:%(s)s+standalone%(s)s*=%(s)s*(?:\"(?:yes|no)\"|'(?:yes|no)'))?%(s)s*\?>" % {b"s": _SPACE}
)
_DECLARATION_TEXT: Final = re.compile(r"<\?xml[ \t\r\n][^>]*\?>")
_BOM: Final = b"\xef\xbb\xbf"
_UTF32: Final = (b"\xff\xfe\x00\x00", b"\x00\x00\xfe\xff")


@lru_cache(maxsize=256)
def charset_of(content_type: str) -> str:
    """The charset of a ``text/xml`` media type in lower case, empty when absent. Errors: CB1002, CB1003."""
    media, _, _ = content_type.partition(";")
    if media.strip(" \t").lower() != "text/xml":
        raise WireError("CB1002", [Finding("CB1002", path="Content-Type", expected="text/xml", got=media.strip()[:64])])
    charsets = set()
    at = len(media)
    while at < len(content_type):
        match = _PARAMETER.match(content_type, at)
        if match is None:
            raise WireError("CB1002", [Finding("CB1002", path="Content-Type", expected="; name=value")])
        at = match.end()
        if match[1] is not None and match[1].lower() == "charset":
            charsets.add(match[2].strip('"').lower())
    if len(charsets) > 1:
        raise encoding_error("Content-Type charset", "more than one")
    charset = charsets.pop() if charsets else ""
    if charset not in {"", UTF8, UTF16}:
        raise encoding_error("Content-Type charset", charset[:64])
    return charset


def as_utf8(raw: bytes, charset: str) -> bytes:
    """``raw`` as UTF-8 without byte order mark, after its three statements of encoding agree. Errors: CB1003."""
    if not raw.startswith(b"<"):
        if raw.startswith(_UTF32):
            raise encoding_error("byte order mark", "utf-32")
        if raw.startswith((b"\xff\xfe", b"\xfe\xff")):
            return _from_utf16(raw, charset)
        if raw.startswith(_BOM):
            raw = raw[3:]
            if raw.startswith(_BOM):
                raise WireError("CB1004", [Finding("CB1004", line=1, got="two byte order marks")])
    if charset == UTF16 or b"\x00" in raw[:4]:
        raise encoding_error("byte order mark", "absent")
    if raw.startswith(b"<?xml") and raw[5:6].isspace():
        _check_declaration(raw[: raw.find(b"?>", 0, MAX_DECLARATION) + 2], b"utf-8")
    if not raw.isascii():
        _check_utf8(raw)
    return raw


def _check_utf8(raw: bytes) -> None:
    """Every sequence of bytes is a character. Errors: CB1003 with the first byte that is none."""
    start = 0
    try:
        if len(raw) <= PIECE:
            raw.decode(UTF8)
            return
        while start < len(raw):
            end = min(start + PIECE, len(raw))
            while end < len(raw) and raw[end] & 0xC0 == 0x80 and end > start + PIECE - 3:
                end -= 1  # a piece ends where a character ends
            raw[start:end].decode(UTF8)
            start = end
    except UnicodeDecodeError as error:
        offset = start + error.start
        got = f"byte {raw[offset]:02X} at offset {offset}"
        raise encoding_error("body", got, raw.count(b"\n", 0, offset) + 1) from None


@lru_cache(maxsize=256)
def _check_declaration(raw: bytes, encoding: bytes) -> None:
    """The XML declaration is of XML 1.0 and names no other encoding. Errors: CB1003, CB1004."""
    declaration = _DECLARATION.fullmatch(raw)
    if declaration is None or (declaration["v1"] or declaration["v2"]) != b"1.0":
        raise WireError("CB1004", [Finding("CB1004", line=1, path="XML declaration", expected='version="1.0"')])
    named = declaration["e1"] or declaration["e2"]
    if named is not None and named.lower() != encoding:
        raise encoding_error("XML declaration", named[:32].decode("ascii").lower())


def _from_utf16(raw: bytes, charset: str) -> bytes:
    """A UTF-16 message with byte order mark as UTF-8 without declaration. Errors: CB1003."""
    if charset == UTF8:
        raise encoding_error("byte order mark", UTF16)
    try:
        text = raw.decode(UTF16)
    except UnicodeDecodeError as error:
        raise encoding_error("body", f"offset {error.start}") from None
    declaration = _DECLARATION_TEXT.match(text)
    if declaration is None:
        return text.encode(UTF8)
    _check_declaration(declaration[0][:MAX_DECLARATION].encode(UTF8), b"utf-16")
    return text[declaration.end() :].encode(UTF8)


def encoding_error(place: str, got: str, line: int = 0) -> WireError:
    """CB1003: ``place`` states or holds another encoding."""
    return WireError("CB1003", [Finding("CB1003", place=place, line=line, expected="UTF-8 | UTF-16", got=got)])
