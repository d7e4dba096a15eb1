"""Bytes to a tree, hardened: media type, encoding, no DOCTYPE, no processing instruction, limits before the tree.

What was scanned is what is parsed: a UTF-16 message is turned into UTF-8 once, and the parser is told the encoding.
"""

from __future__ import annotations

import re
import threading
from functools import lru_cache
from typing import Final, cast

from lxml import etree

from bus.core.errors import WireError
from bus.core.types import Finding
from bus.wire.limits import LIMITS, MAX_DEPTH, MAX_NAME, MAX_TEXT, Limits

UTF8: Final = "utf-8"
UTF16: Final = "utf-16"
DEFAULT_CONTENT_TYPE: Final = "text/xml; charset=utf-8"

MAX_DECLARATION: Final = 256
"""Bytes of an XML declaration; what is longer is no declaration."""

_PARAMETER: Final = re.compile(r'\s*;\s*([!#$%&\'*+.^_`|~0-9A-Za-z-]+)=("(?:[^"\\]|\\.)*"|[^\s;"]+)')
_DECLARATION: Final = re.compile(
    rb"<\?xml\s+version\s*=\s*[\"'](?P<version>[^\"']*)[\"']"
    rb"(?:\s+encoding\s*=\s*[\"'](?P<encoding>[A-Za-z0-9._-]+)[\"'])?[^<>]*\?>"
)
_DECLARATION_TEXT: Final = re.compile(r"<\?xml[ \t\r\n][^>]*\?>")
_BOM: Final = b"\xef\xbb\xbf"
_SUSPICIOUS: Final = re.compile(rb"<[!?]")
_MARKUP: Final = re.compile(rb"<!--.*?-->|<!\[CDATA\[.*?\]\]>|<[!?]", re.DOTALL)
_PARSER_LIMITS: Final = {110: "name", 114: "depth or text", 63: "text"}
_OWN_LIMITS: Final = {"name": MAX_NAME, "depth or text": MAX_DEPTH, "text": MAX_TEXT}
_ATTRIBUTE: Final = rb"\s+[^\s=<>/]+\s*=\s*(?:\"[^\"<]*\"|'[^'<]*')"


class _Parsers(threading.local):
    """One parser per thread: making one costs as much as parsing a short message."""

    def __init__(self) -> None:
        self.parser = etree.XMLParser(
            encoding=UTF8,
            resolve_entities=False,
            load_dtd=False,
            dtd_validation=False,
            attribute_defaults=False,
            no_network=True,
            huge_tree=False,
            recover=False,
            remove_comments=True,
            remove_pis=False,
            strip_cdata=True,
            collect_ids=False,
        )


_parsers: Final = _Parsers()


def parse(raw: bytes, content_type: str = DEFAULT_CONTENT_TYPE, limits: Limits = LIMITS) -> etree._Element:
    """The root element of ``raw``; comments are dropped.

    Errors (WireError): CB1002 media type, CB1003 encoding, CB1004 not well-formed, CB1005 DOCTYPE or processing
    instruction, CB1006 a limit; each with the line where it stands.
    """
    if len(raw) > limits.max_bytes:
        raise _over("bytes", limits.max_bytes, len(raw))
    raw = _as_utf8(raw, charset_of(content_type))
    if raw.startswith(_BOM):
        raise WireError("CB1004", [Finding("CB1004", line=1, got="two byte order marks")])
    start = _scan(raw, limits)
    try:
        root = etree.fromstring(raw, _parsers.parser)
    except etree.XMLSyntaxError as error:
        raise _not_parsed(error) from None
    if start > 2 * limits.max_depth and _depth_test(limits.max_depth)(root):
        raise _over("depth", limits.max_depth, limits.max_depth + 1)
    return root


def line_of(element: etree._Element) -> int:
    """The line where an element starts, 0 where unknown."""
    return cast("int | None", element.sourceline) or 0


@lru_cache(maxsize=256)
def charset_of(content_type: str) -> str:
    """The charset of a ``text/xml`` media type in lower case, empty when absent. Errors: CB1002, CB1003."""
    media, _, _ = content_type.partition(";")
    if media.strip().lower() != "text/xml":
        raise WireError("CB1002", [Finding("CB1002", path="Content-Type", expected="text/xml", got=media.strip()[:64])])
    charset = ""
    for match in _PARAMETER.finditer(content_type[len(media) :]):
        if match[1].lower() == "charset":
            charset = match[2].strip('"').lower()
    if charset not in {"", UTF8, UTF16}:
        raise _encoding("Content-Type charset", charset)
    return charset


def _as_utf8(raw: bytes, charset: str) -> bytes:
    """``raw`` as UTF-8 without byte order mark, after its three statements of encoding agree. Errors: CB1003."""
    if not raw.startswith(b"<"):
        if raw.startswith((b"\xff\xfe", b"\xfe\xff")):
            return _from_utf16(raw, charset)
        if raw.startswith(_BOM):
            raw = raw[3:]
    if charset == UTF16 or b"\x00" in raw[:4]:
        raise _encoding("byte order mark", "absent")
    if raw.startswith(b"<?xml") and raw[5:6].isspace():
        _check_declaration(raw[: raw.find(b"?>") + 2][:MAX_DECLARATION], b"utf-8")
    if not raw.isascii():
        try:
            raw.decode(UTF8)
        except UnicodeDecodeError as error:
            got = f"byte {raw[error.start]:02X} at offset {error.start}"
            raise _encoding("body", got, _line(raw, error.start)) from None
    return raw


@lru_cache(maxsize=256)
def _check_declaration(raw: bytes, encoding: bytes) -> None:
    """The XML declaration is of XML 1.0 and names no other encoding. Errors: CB1003, CB1004."""
    declaration = _DECLARATION.fullmatch(raw)
    if declaration is None or declaration["version"] != b"1.0":
        raise WireError("CB1004", [Finding("CB1004", line=1, path="XML declaration", expected='version="1.0"')])
    named = declaration["encoding"]
    if named is not None and named.lower() != encoding:
        raise _encoding("XML declaration", named[:32].decode("ascii").lower())


def _from_utf16(raw: bytes, charset: str) -> bytes:
    """A UTF-16 message with byte order mark as UTF-8 without declaration. Errors: CB1003."""
    if charset == UTF8:
        raise _encoding("byte order mark", UTF16)
    try:
        text = raw.decode(UTF16)
    except UnicodeDecodeError as error:
        raise _encoding("body", f"offset {error.start}") from None
    declaration = _DECLARATION_TEXT.match(text)
    if declaration is None:
        return text.encode(UTF8)
    _check_declaration(declaration[0].encode(UTF8), b"utf-16")
    return text[declaration.end() :].encode(UTF8)


def _scan(raw: bytes, limits: Limits) -> int:
    """Refuse what must not reach the parser; the answer is the number of ``<``, an upper bound of all markup."""
    start = raw.find(b"?>") + 2 if raw.startswith(b"<?xml") and raw[5:6].isspace() else 0
    if _SUSPICIOUS.search(raw, start) is not None:
        _refuse_markup(raw, start)
    tags = raw.count(b"<")
    if tags > limits.max_elements and (elements := tags - raw.count(b"</")) > limits.max_elements:
        raise _over("elements", limits.max_elements, elements)
    if raw.count(b"=") > limits.max_attributes:
        crowded = _crowded(limits.max_attributes).search(raw)
        if crowded is not None:
            raise _over("attributes", limits.max_attributes, limits.max_attributes + 1, _line(raw, crowded.start()))
    if len(raw) > limits.max_text:
        longest = max(map(len, raw.split(b"<")))
        if longest > limits.max_text:
            raise _over("text", limits.max_text, longest)
    return tags


def _refuse_markup(raw: bytes, start: int) -> None:
    """Comments and CDATA are fine, whatever they hold; DOCTYPE and processing instructions are not. Errors: CB1005."""
    for match in _MARKUP.finditer(raw, start):
        if match.end() - match.start() == 2:
            got = "processing instruction" if match[0] == b"<?" else "DOCTYPE"
            line = _line(raw, match.start())
            raise WireError("CB1005", [Finding("CB1005", line=line, expected="none", got=got)])


@lru_cache(maxsize=8)
def _crowded(max_attributes: int) -> re.Pattern[bytes]:
    """Finds a start tag with more attributes than allowed."""
    return re.compile(rb"<[^\s<>/!?]+(?:%s){%d}" % (_ATTRIBUTE, max_attributes + 1))


@lru_cache(maxsize=8)
def _depth_test(max_depth: int) -> etree.XPath:
    """True for a tree deeper than allowed."""
    return etree.XPath("boolean(" + "/*" * (max_depth + 1) + ")")


def _line(raw: bytes, offset: int) -> int:
    """The line of a byte offset, from 1."""
    return raw.count(b"\n", 0, max(offset, 0)) + 1


def _over(what: str, limit: int, got: int | str, line: int = 0) -> WireError:
    """CB1006: the limit ``what`` is exceeded."""
    return WireError("CB1006", [Finding("CB1006", path=what, line=line, expected=f"<= {limit}", got=str(got))])


def _encoding(place: str, got: str, line: int = 0) -> WireError:
    """CB1003: ``place`` states or holds another encoding."""
    return WireError("CB1003", [Finding("CB1003", place=place, line=line, expected="UTF-8 | UTF-16", got=got)])


def _not_parsed(error: etree.XMLSyntaxError) -> WireError:
    """CB1006 where libxml2 met a limit of its own, else CB1004 with line, column and the number of its error.

    Its message is left out, since it may quote content.
    """
    line, column = error.position
    number = getattr(error, "code", 0)
    limit = _PARSER_LIMITS.get(number)
    if limit is not None:
        return _over(limit, _OWN_LIMITS[limit], "more", line or 0)
    place = f"column {column}" if column else ""
    return WireError("CB1004", [Finding("CB1004", line=line or 0, place=place, got=f"libxml2 error {number}")])
