"""Header blocks put into a message, or cut out of it, without touching any other byte.

A message is not serialised again: the places are found with a pull through its head, and every byte of the Body (and
of what else its sender wrote) stays, and with it a signature over it. New blocks are made with lxml and carry all
their namespace declarations themselves. Only messages that ``safe_xml`` has accepted, or that the bus wrote, are
given to these functions.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Final
from xml.parsers import expat

from lxml import etree

from bus.core.errors import WireError
from bus.core.types import Finding

SOAP: Final = "http://schemas.xmlsoap.org/soap/envelope/"
_HEADER: Final = f"{SOAP} Header"
_BLOCK_DEPTH: Final = 3
_NAME: Final = re.compile(r"<([^\s/>]+)")


@dataclass(frozen=True, slots=True)
class Block:
    """A header block: its tag in Clark notation and where it stands in the message."""

    tag: str
    start: int
    end: int


@dataclass(slots=True)
class _Head:
    """What the pull found. ``header`` is where soap:Header starts (-1: none), ``inside`` where its end tag starts."""

    blocks: list[Block] = field(default_factory=list)
    header: int = -1
    inside: int = -1
    body: int = -1


class _Enough(Exception):
    """The head was read; the Body is of no interest."""


def blocks(raw: bytes) -> tuple[Block, ...]:
    """The header blocks of a message in their order. Errors: CB1004 for what is no XML to expat."""
    return tuple(_head(raw).blocks)


def without(raw: bytes, wanted: Callable[[str], bool]) -> bytes:
    """The message without the header blocks whose tag is ``wanted``; the very same object when there are none."""
    parts: list[bytes] = []
    last = 0
    for block in _head(raw).blocks:
        if wanted(block.tag):
            parts.append(raw[last : block.start])
            last = block.end
    return b"".join([*parts, raw[last:]]) if parts else raw


def inserted(raw: bytes, added: Sequence[etree._Element]) -> bytes:
    """The message with these header blocks at the end of its Header, which is made where there is none."""
    if not added:
        return raw
    head = _head(raw)
    encode = _encoder(raw)
    text = "".join(etree.tostring(block, encoding="unicode", with_tail=False) for block in added)
    if head.header < 0:
        header = etree.Element(f"{{{SOAP}}}Header", nsmap={"soap": SOAP})
        header.extend(added)
        text = etree.tostring(header, encoding="unicode")
        return raw[: head.body] + encode(text) + raw[head.body :]
    if raw.startswith(encode("</"), head.inside):
        return raw[: head.inside] + encode(text) + raw[head.inside :]
    # An empty-element tag, which the pull reports as ending behind itself: opened, filled and closed by its name.
    tag = raw[head.header : head.inside].decode(_encoding(raw))
    name = _NAME.match(tag)
    assert name is not None
    opened = f"{tag.removesuffix('/>')}>{text}</{name[1]}>"
    return raw[: head.header] + encode(opened) + raw[head.inside :]


def serialised(root: etree._Element) -> bytes:
    """A tree of our own as a message in UTF-8."""
    return etree.tostring(root, encoding="utf-8", xml_declaration=True)


def _head(raw: bytes) -> _Head:
    """Where the Header and its blocks stand. Errors: CB1004, CB1008."""
    head = _Head()
    parser = expat.ParserCreate(namespace_separator=" ")
    depth = 0
    start = -1
    tag = ""
    ended = False

    def settle() -> None:
        """A block's end is where the next thing begins."""
        nonlocal ended
        if ended:
            head.blocks.append(Block(tag, start, parser.CurrentByteIndex))
        ended = False

    def opened(name: str, _attributes: object) -> None:
        nonlocal depth, start, tag
        settle()
        depth += 1
        if depth == _BLOCK_DEPTH - 1:
            if name != _HEADER or head.header >= 0:
                head.body = parser.CurrentByteIndex
                raise _Enough
            head.header = parser.CurrentByteIndex
        elif depth == _BLOCK_DEPTH:
            start = parser.CurrentByteIndex
            namespace, _, local = name.rpartition(" ")
            tag = f"{{{namespace}}}{local}" if namespace else local

    def closed(_name: str) -> None:
        nonlocal depth, ended
        settle()
        if depth == _BLOCK_DEPTH:
            ended = True
        elif depth == _BLOCK_DEPTH - 1:
            head.inside = parser.CurrentByteIndex
        depth -= 1

    def other(_data: str) -> None:
        settle()

    parser.StartElementHandler = opened
    parser.EndElementHandler = closed
    parser.CharacterDataHandler = other
    parser.DefaultHandler = other
    try:
        parser.Parse(raw, True)
    except _Enough:
        return head
    except expat.ExpatError as error:
        # Names of the fifth edition of XML 1.0, which expat does not know: where they stand nobody can tell here.
        raise WireError("CB1004", [Finding("CB1004", line=1, got=f"expat error {error.code}")]) from None
    raise WireError("CB1008", [Finding("CB1008", path="Envelope", expected="Body", got="none")])


def _encoding(raw: bytes) -> str:
    """The encoding of a part of the message, by its byte order mark."""
    if raw.startswith(b"\xff\xfe"):
        return "utf-16-le"
    return "utf-16-be" if raw.startswith(b"\xfe\xff") else "utf-8"


def _encoder(raw: bytes) -> Callable[[str], bytes]:
    """Text as bytes of the message's encoding, without a byte order mark."""
    encoding = _encoding(raw)
    return lambda text: text.encode(encoding)
