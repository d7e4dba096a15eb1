"""Rules about glyphs without Unicode text: what the Body marks is what the header block Mojizukei names."""

from __future__ import annotations

from itertools import zip_longest
from types import MappingProxyType
from typing import Final

from conformance.findings import KEPT, Finding, NotApplicable, Result
from conformance.glyphs import ENTRY, ITEM, Named, blocks, marks, named, nineteen
from conformance.messages import Message
from conformance.records import operation_of
from conformance.standard import Standard

PLACE: Final = "/Envelope/Header/Mojizukei"
NONE: Final = NotApplicable("文字図形を名で示す電文ではありません", "no message that names glyphs")
_NOBODY: Final = Named("-", "")


def agree(message: Message, standard: Standard) -> Result:
    """CHAR-113: for each U+FFFC of the Body one ``moji`` in its order that names the item, and none beside."""
    if operation_of(message, standard.edition) is None:
        return NONE
    found = blocks(message.header_blocks)
    there, said = marks(message.entries[0]), named(found)
    if not there and not found:
        return NONE
    return tuple(
        Finding(f"{PLACE}/moji[{number}]", f"{ITEM}={place}", f"{ITEM}={one.item}")
        for number, (place, one) in enumerate(zip_longest(there, said, fillvalue=None), 1)
        for place, one in [(place or "-", one or _NOBODY)]
        if place != one.item
    )


def known(message: Message, standard: Standard) -> Result:
    """CHAR-114: a ``moji`` names one of the nineteen glyphs that have no Unicode text."""
    said = named(blocks(message.header_blocks))
    if operation_of(message, standard.edition) is None or not said:
        return NONE
    return tuple(
        Finding(f"{PLACE}/moji[{number}]", "the MJ name of a glyph without text", one.name[:16])
        for number, one in enumerate(said, 1)
        if one.name not in nineteen()
    )


def one_block(message: Message, standard: Standard) -> Result:
    """CHAR-115: one block at most, of at least one ``moji`` and nothing else."""
    found = blocks(message.header_blocks)
    if operation_of(message, standard.edition) is None or not found:
        return NONE
    if len(found) > 1:
        return (Finding(PLACE, "one block", str(len(found))),)
    tags = [one.tag for one in found[0] if isinstance(one.tag, str)]
    return KEPT if tags and set(tags) == {ENTRY} else (Finding(PLACE, "moji, once or more", " ".join(tags)[:160]),)


PREDICATES: Final = MappingProxyType({"CHAR-113": agree, "CHAR-114": known, "CHAR-115": one_block})
