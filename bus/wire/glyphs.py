"""The header block Mojizukei (文字図形): glyphs of the MJ list that no Unicode text stands for, by their MJ name.

Nineteen glyphs have neither a character nor a variation sequence. In the Body U+FFFC stands in the place of each: one
character, and none that anybody could take for a kanji. The block names them in the order of the Body, one ``moji`` for
each U+FFFC, whose ``komoku`` is the item it stands in. One without the other is refused, so that no name loses a
character and none gets another one. Within a program a glyph is a private-use character of ``by_name_only.csv`` (its
stand-in), which never leaves it: ``opened`` puts the stand-ins in, ``closed`` takes them out again.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from copy import deepcopy
from typing import Final

from lxml import etree

from bus.core.errors import WireError
from bus.core.nameless import by_stand_in, nameless
from bus.core.types import Finding
from bus.wire.context import NAMESPACE, PREFIX

MOJIZUKEI: Final = f"{PREFIX}Mojizukei"
MOJI: Final = f"{PREFIX}moji"
ITEM: Final = "komoku"
MARK: Final = "\ufffc"
MARK_BYTES: Final = MARK.encode("utf-8")
STAND_IN_BYTES: Final = b"\xf4\x8f\xbc"
"""How the UTF-8 of every stand-in begins."""
NEUTRAL: Final = "\u4e00"
"""In a copy for the contract: any character that every item of text may have."""
DISAGREES: Final = "CB6018"
_UTF_16: Final = (b"\xff\xfe", b"\xfe\xff")
_STAND_INS: Final = re.compile("[\U0010ff00-\U0010ffff]")


def block_of(root: etree._Element) -> etree._Element | None:
    """The block of an envelope."""
    header = root[0] if len(root) else None
    return None if header is None else next(header.iterchildren(MOJIZUKEI), None)


def names_in(block: etree._Element | None, payload: etree._Element) -> tuple[str, ...]:
    """The MJ names in the order of the Body. Errors: CB6018 naming the item where block and Body disagree."""
    places = [name for name, text in _texts(payload) for char in text if char == MARK]
    entries = [] if block is None else [(one.get(ITEM, ""), (one.text or "").strip()) for one in block]
    if block is not None and (any(one.tag != MOJI for one in block) or not entries):
        raise _disagrees("Mojizukei", "moji", "")
    for number in range(max(len(places), len(entries))):
        place = places[number] if number < len(places) else ""
        item, name = entries[number] if number < len(entries) else ("", "")
        if place != item or not place:
            raise _disagrees(place or item, f"moji komoku={place or '-'}", item or "-")
        if name not in nameless():
            raise _disagrees(place, "the MJ name of a glyph without text", name[:16])
    return tuple(name for _, name in entries)


def has_stand_in(raw: bytes) -> bool:
    """Whether UTF-8 bytes have a stand-in; one byte is found ten times as fast as three."""
    return b"\xf4" in raw and STAND_IN_BYTES in raw


def written_by_name_only(raw: bytes, payload: etree._Element) -> bool:
    """Whether a message from outside has no stand-in of its own, however it writes its characters.

    The bytes tell it for UTF-8; character references and UTF-16 need a look at the texts.
    """
    if has_stand_in(raw):
        return False
    if not (b"&" in raw or raw[:2] in _UTF_16):
        return True
    return not any(_STAND_INS.search(text) for _, text in _nodes(payload))


def admitted(root: etree._Element, payload: etree._Element) -> bool:
    """``opened`` for a message from outside, which has no stand-ins of its own. Errors: CB6018."""
    for node, text in _nodes(payload):
        if _STAND_INS.search(text):
            raise _disagrees(_item(node), "a character, or U+FFFC with its moji", "U+10FFxx")
    return opened(root, payload)


def opened(root: etree._Element, payload: etree._Element) -> bool:
    """Put the stand-ins into the payload and take the block out; whether there was one. Errors: CB6018."""
    block = block_of(root)
    if block is None:
        return False
    put_in(payload, names_in(block, payload))
    parent = block.getparent()
    assert parent is not None
    parent.remove(block)
    return True


def put_in(payload: etree._Element, names: Sequence[str]) -> None:
    """The stand-ins of these names in the places of U+FFFC, in order."""
    left = iter(names)
    for node, text in list(_nodes(payload)):
        if MARK in text:
            _set(node, "".join(nameless()[next(left)].stand_in if char == MARK else char for char in text))


def closed(root: etree._Element, payload: etree._Element) -> None:
    """Take the stand-ins out of the payload and name them in a block; nothing where there is none.

    The payload stands in the Body of ``root``, or is its only child to be.
    """
    known = by_stand_in()
    found: list[tuple[str, str]] = []
    for node, text in list(_nodes(payload)):
        here = [char for char in text if char in known]
        if here:
            name = _item(node)
            found += [(name, known[char]) for char in here]
            _set(node, "".join(MARK if char in known else char for char in text))
    if not found:
        return
    header = root[0] if len(root) and etree.QName(root[0]).localname == "Header" else None
    if header is None:
        header = etree.Element(f"{{{etree.QName(root).namespace}}}Header")
        root.insert(0, header)
    block = etree.SubElement(header, MOJIZUKEI, nsmap={"cb": NAMESPACE})
    for name, mj in found:
        etree.SubElement(block, MOJI, {ITEM: name}).text = mj


def neutral(payload: etree._Element) -> etree._Element:
    """A copy in which an ordinary character stands for each glyph: what the contract judges."""
    copied = deepcopy(payload)
    for node, text in list(_nodes(copied)):
        if MARK in text:
            _set(node, text.replace(MARK, NEUTRAL))
    return copied


def carries(raw: bytes) -> bool:
    """Whether a message has such a block, whatever its encoding."""
    return b"Mojizukei" in raw or (raw[:2] in _UTF_16 and "Mojizukei".encode("utf-16-le") in raw[1:])


def _texts(payload: etree._Element) -> Iterator[tuple[str, str]]:
    return ((_item(node), text) for node, text in _nodes(payload))


_Node = tuple[etree._Element, bool]
"""A text of the tree: that of an element, or the one behind it."""


def _nodes(payload: etree._Element) -> Iterator[tuple[_Node, str]]:
    """Every text of a payload in document order, those parted by a comment too."""
    for element in payload.iter():
        if isinstance(element.tag, str) and element.text:
            yield (element, True), element.text
        if element is not payload and element.tail:
            yield (element, False), element.tail


def _set(node: _Node, text: str) -> None:
    element, own = node
    if own:
        element.text = text
    else:
        element.tail = text


def _item(node: _Node) -> str:
    element, own = node
    holder = element if own else element.getparent()
    return "" if holder is None else str(etree.QName(holder).localname)


def _disagrees(path: str, expected: str, got: str) -> WireError:
    return WireError(DISAGREES, [Finding(DISAGREES, path=path[:64], expected=expected, got=got[:64])])
