"""Bytes to a tree, hardened: media type, encoding, no DOCTYPE, no processing instruction, limits before the tree.

What was scanned is what is parsed: a UTF-16 message is turned into UTF-8 once, and the parser is told the encoding.
"""

from __future__ import annotations

import ctypes
import threading
from functools import lru_cache
from typing import Any, Final, cast

from lxml import etree

from bus.core.errors import WireError
from bus.core.types import Finding
from bus.wire.encoding import UTF8, UTF16, as_utf8, charset_of
from bus.wire.limits import (
    LIMITS,
    MAX_DEPTH,
    MAX_HEADER_ELEMENTS,
    MAX_HEADER_TEXT,
    MAX_NAME,
    MAX_TEXT,
    NAMES_KEPT,
    Limits,
)
from bus.wire.scan import over, scan

__all__ = ["DEFAULT_CONTENT_TYPE", "UTF8", "UTF16", "charset_of", "line_of", "parse"]

DEFAULT_CONTENT_TYPE: Final = "text/xml; charset=utf-8"

_PARSER_LIMITS: Final = {110: "name", 114: "depth or text", 63: "text"}
_OWN_LIMITS: Final = {"name": MAX_NAME, "depth or text": MAX_DEPTH, "text": MAX_TEXT}
_NAMES_OF_THREAD: Final = "_ParserDictionaryContext"


class _Parsers(threading.local):
    """One parser per thread: making one costs as much as parsing a short message.

    ``left`` counts down the bytes until the names that libxml2 has kept for the thread are forgotten.
    """

    def __init__(self) -> None:
        self.left = NAMES_KEPT
        self.parser = _parser()

    def renew(self) -> None:
        """Forget the names read so far; documents that are still in use keep theirs. See decision record 0031."""
        state = ctypes.pythonapi.PyThreadState_GetDict
        state.restype = ctypes.c_void_p  # a borrowed reference
        names = cast("dict[str, Any]", ctypes.cast(state(), ctypes.py_object).value)
        names.pop(_NAMES_OF_THREAD, None)
        self.parser = _parser()
        self.left = NAMES_KEPT


def _parser() -> etree.XMLParser:
    """A parser that resolves, fetches, validates and repairs nothing."""
    return etree.XMLParser(
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
    size = len(raw)
    if size > limits.max_bytes:
        raise over("bytes", limits.max_bytes, size)
    raw = as_utf8(raw, charset_of(content_type))
    tags = scan(raw, limits)
    parsers = _parsers
    parsers.left -= size
    if parsers.left < 0:
        parsers.renew()
    try:
        root = etree.fromstring(raw, parsers.parser)
    except etree.XMLSyntaxError as error:
        raise _not_parsed(error) from None
    if tags > 2 * limits.max_depth and _depth_test(limits.max_depth)(root):
        raise over("depth", limits.max_depth, limits.max_depth + 1)
    if (tags > MAX_HEADER_ELEMENTS or size > MAX_HEADER_TEXT) and _header_test()(root):
        raise over("header", MAX_HEADER_TEXT, "more")
    return root


def parse_again(raw: bytes, content_type: str = DEFAULT_CONTENT_TYPE) -> etree._Element:
    """The root of bytes that ``parse`` accepted before, or that the bus wrote itself: no limit is looked at again.

    The parser is the same hardened one. Errors (WireError): CB1002, CB1003, CB1004.
    """
    raw = as_utf8(raw, charset_of(content_type))
    parsers = _parsers
    parsers.left -= len(raw)
    if parsers.left < 0:
        parsers.renew()
    try:
        return etree.fromstring(raw, parsers.parser)
    except etree.XMLSyntaxError as error:
        raise _not_parsed(error) from None


def line_of(element: etree._Element) -> int:
    """The line where an element starts, 0 where unknown."""
    return cast("int | None", element.sourceline) or 0


@lru_cache(maxsize=8)
def _depth_test(max_depth: int) -> etree.XPath:
    """True for a tree deeper than allowed."""
    return etree.XPath("boolean(" + "/*" * (max_depth + 1) + ")")


@lru_cache(maxsize=1)
def _header_test() -> etree.XPath:
    """True for a message whose header has too many elements or too much text."""
    header = "/*/*[1][local-name() = 'Header']"
    return etree.XPath(
        f"count({header}//*) > {MAX_HEADER_ELEMENTS} or string-length({header}) > {MAX_HEADER_TEXT}"
        f" or boolean({header}//@*[string-length() > {MAX_HEADER_TEXT}])"
    )


def _not_parsed(error: etree.XMLSyntaxError) -> WireError:
    """CB1006 where libxml2 met a limit of its own, else CB1004 with line, column and the number of its error.

    Its message is left out, since it may quote content.
    """
    line, column = error.position
    number = getattr(error, "code", 0)
    limit = _PARSER_LIMITS.get(number)
    if limit is not None:
        return over(limit, _OWN_LIMITS[limit], "more", line or 0)
    place = f"column {column}" if column else ""
    return WireError("CB1004", [Finding("CB1004", line=line or 0, place=place, got=f"libxml2 error {number}")])
