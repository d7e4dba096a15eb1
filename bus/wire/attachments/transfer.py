"""Content-Transfer-Encodings, decoded piece by piece; what does not belong to an encoding is refused, not guessed."""

from __future__ import annotations

import binascii
import re
from typing import Final, Protocol

from bus.core.errors import WireError
from bus.core.types import Finding

ENCODINGS: Final = ("binary", "8bit", "7bit", "base64", "quoted-printable")
"""AP 1.0 allows these five. HTTP needs none: a part without the field is taken as binary."""

MAX_LINE: Final = 64 * 1024
"""Bytes of one quoted-printable line; RFC 2045 wants 76."""

_NOT_BASE64: Final = re.compile(rb"[^A-Za-z0-9+/=\r\n]")
_BAD_ESCAPE: Final = re.compile(rb"=(?![0-9A-Fa-f]{2})")


class Decoder(Protocol):
    """Turns encoded pieces into content. Errors (WireError): CB1055."""

    def feed(self, data: bytes) -> bytes:
        """The content that is certain after ``data``."""
        ...

    def finish(self) -> bytes:
        """The rest; nothing may be missing."""
        ...


def decoder(encoding: str) -> Decoder:
    """A new decoder for one of ``ENCODINGS``."""
    if encoding == "base64":
        return _Base64()
    if encoding == "quoted-printable":
        return _QuotedPrintable()
    return _Seven() if encoding == "7bit" else _Identity()


class _Identity:
    """Content as it is."""

    def feed(self, data: bytes) -> bytes:
        return data

    def finish(self) -> bytes:
        return b""


class _Seven:
    """Content as it is, if it is as announced."""

    def feed(self, data: bytes) -> bytes:
        if not data.isascii():
            raise _bad("7bit", "a byte above 127")
        return data

    def finish(self) -> bytes:
        return b""


class _Base64:
    """Groups of four characters; line ends anywhere, padding only at the very end."""

    def __init__(self) -> None:
        self._rest = b""
        self._ended = False

    def feed(self, data: bytes) -> bytes:
        if _NOT_BASE64.search(data) is not None:
            raise _bad("base64", "another character")
        text = self._rest + data.translate(None, b"\r\n")
        whole = len(text) - len(text) % 4
        self._rest = text[whole:]
        if not whole:
            return b""
        if self._ended:
            raise _bad("base64", "content after the padding")
        text = text[:whole]
        self._ended = text.endswith(b"=")
        try:
            return binascii.a2b_base64(text, strict_mode=True)
        except binascii.Error:
            raise _bad("base64", "wrong padding") from None

    def finish(self) -> bytes:
        if self._rest:
            raise _bad("base64", "an incomplete group")
        return b""


class _QuotedPrintable:
    """Whole lines at a time."""

    def __init__(self) -> None:
        self._rest = b""

    def feed(self, data: bytes) -> bytes:
        text = self._rest + data
        whole = text.rfind(b"\n") + 1
        self._rest = text[whole:]
        if len(self._rest) > MAX_LINE:
            raise _bad("quoted-printable", "a line that does not end")
        return _unquoted(text[:whole])

    def finish(self) -> bytes:
        rest, self._rest = self._rest, b""
        return _unquoted(rest)


def _unquoted(text: bytes) -> bytes:
    """Escapes and soft line ends taken away."""
    if not text.isascii():
        raise _bad("quoted-printable", "a byte above 127")
    joined = re.sub(rb"=[ \t]*\r?\n", b"", text)
    if _BAD_ESCAPE.search(joined) is not None:
        raise _bad("quoted-printable", "a wrong escape")
    return re.sub(rb"=([0-9A-Fa-f]{2})", lambda match: bytes([int(match[1], 16)]), joined)


def _bad(expected: str, got: str) -> WireError:
    """CB1055."""
    return WireError("CB1055", [Finding("CB1055", path="part", expected=expected, got=got)])
