"""Refuse what must not reach the parser: DOCTYPE, processing instructions, and every limit that bytes can show.

All looks are linear in the size of the message, and most are one call: the parser is spared what it would only find
out after it has paid for it. Counts are upper bounds, since comments and CDATA may hold what looks like markup.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final

from bus.core.errors import WireError
from bus.core.types import Finding
from bus.wire.limits import Limits

PIECE: Final = 256 * 1024
"""Bytes that are searched for names at once: other threads get their turn in between."""

STRETCH: Final = 1024 * 1024
"""Bytes of a large message in which tags are counted at once."""

_DECLARED: Final = (b"<?xml ", b"<?xml\n", b"<?xml\r", b"<?xml\t")
_MARKUP: Final = re.compile(rb"<!--.*?-->|<!\[CDATA\[.*?\]\]>|<[!?]", re.DOTALL)
_VALUE: Final = rb"\s*=\s*(?:\"[^\"<]*\"|'[^'<]*')"
_ATTRIBUTE: Final = rb"\s+[^\s=<>/]+" + _VALUE
_OTHER: Final = rb"\s+(?!xmlns[\s=:])[^\s=<>/]+" + _VALUE
_NAMESPACE: Final = rb"\s+xmlns(?::[^\s=<>/]+)?" + _VALUE
_START: Final = rb"<[^\s<>/!?]+"
_NAMES: Final = re.compile(rb"<([^\s<>/!?]+)")


def scan(raw: bytes, limits: Limits) -> int:
    """Judge UTF-8 bytes; the answer is the number of ``<``, an upper bound of all markup.

    Errors (WireError): CB1005 DOCTYPE or processing instruction, CB1006 a limit.
    """
    tags = raw.count(b"<") if len(raw) < STRETCH else _tags(raw, limits.max_elements)
    if b"!" in raw or raw.count(b"?") > (2 if raw.startswith(_DECLARED) else 0):
        _refuse_markup(raw)
    if tags > limits.max_names:
        _many_tags(raw, tags, limits)
    equals = raw.count(b"=")
    if equals > limits.max_namespaces:
        _many_attributes(raw, equals, limits)
    if len(raw) > limits.max_text:
        _long_text(raw, limits.max_text)
    return tags


def over(what: str, limit: int, got: int | str, line: int = 0) -> WireError:
    """CB1006: the limit ``what`` is exceeded."""
    return WireError("CB1006", [Finding("CB1006", path=what, line=line, expected=f"<= {limit}", got=str(got))])


def _refuse_markup(raw: bytes) -> None:
    """Comments and CDATA are fine, whatever they hold; DOCTYPE and processing instructions are not. Errors: CB1005."""
    start = raw.find(b"?>") + 2 if raw.startswith(_DECLARED) else 0
    for match in _MARKUP.finditer(raw, start):
        if match.end() - match.start() == 2:
            got = "processing instruction" if match[0] == b"<?" else "DOCTYPE"
            line = _line(raw, match.start())
            raise WireError("CB1005", [Finding("CB1005", line=line, expected="none", got=got)])


def _tags(raw: bytes, max_elements: int) -> int:
    """The number of ``<`` in a large message; an element has one or two, so that counting may end early."""
    tags = 0
    for start in range(0, len(raw), STRETCH):
        tags += raw.count(b"<", start, start + STRETCH)
        if tags > 2 * max_elements:
            raise over("elements", max_elements, "more")
    return tags


def _many_tags(raw: bytes, tags: int, limits: Limits) -> None:
    """Elements, elements with texts, and different names: the last look ends as soon as there are too many."""
    if tags > limits.max_elements and (elements := tags - raw.count(b"</")) > limits.max_elements:
        raise over("elements", limits.max_elements, elements)
    if 2 * tags > limits.max_nodes and (nodes := 2 * tags - raw.count(b"</") - raw.count(b"><")) > limits.max_nodes:
        raise over("nodes", limits.max_nodes, nodes)
    names: set[bytes] = set()
    for start in range(0, len(raw), PIECE):
        names.update(_NAMES.findall(raw, start, start + PIECE))
        if len(names) > limits.max_names:
            raise over("names", limits.max_names, "more")


def _many_attributes(raw: bytes, equals: int, limits: Limits) -> None:
    """Attributes and namespace declarations, of one element and of the message."""
    if equals > limits.max_all_attributes:
        attributes = raw.count(b'"') // 2 + raw.count(b"'") // 2
        if min(equals, attributes) > limits.max_all_attributes:
            raise over("all attributes", limits.max_all_attributes, min(equals, attributes))
    if equals > limits.max_all_namespaces:
        namespaces = raw.count(b"xmlns")
        if namespaces > limits.max_all_namespaces:
            raise over("all namespaces", limits.max_all_namespaces, namespaces)
    if equals > limits.max_attributes:
        crowded = _crowded(limits.max_attributes).search(raw)
        if crowded is not None:
            raise over("attributes", limits.max_attributes, limits.max_attributes + 1, _line(raw, crowded.start()))
    crowded = _bound(limits.max_namespaces).search(raw)
    if crowded is not None:
        raise over("namespaces", limits.max_namespaces, limits.max_namespaces + 1, _line(raw, crowded.start()))


def _long_text(raw: bytes, limit: int) -> None:
    """A text longer than ``limit`` covers one of the stretches of half its length that begin at its multiples."""
    half = max(limit // 2, 1)
    for start in range(0, len(raw), half):
        if raw.find(b"<", start, start + half) < 0:
            begin = raw.rfind(b"<", 0, start) + 1
            end = raw.find(b"<", start)
            length = (end if end >= 0 else len(raw)) - begin
            if length > limit:
                raise over("text", limit, length, _line(raw, begin))


@lru_cache(maxsize=8)
def _crowded(limit: int) -> re.Pattern[bytes]:
    """Finds a start tag with more attributes than allowed."""
    return re.compile(rb"%s(?:%s){%d}" % (_START, _ATTRIBUTE, limit + 1))


@lru_cache(maxsize=8)
def _bound(limit: int) -> re.Pattern[bytes]:
    """Finds a start tag with more namespace declarations than allowed."""
    return re.compile(rb"%s(?:(?:%s)*%s){%d}" % (_START, _OTHER, _NAMESPACE, limit + 1))


def _line(raw: bytes, offset: int) -> int:
    """The line of a byte offset, from 1."""
    return raw.count(b"\n", 0, max(offset, 0)) + 1
