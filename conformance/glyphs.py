"""Glyphs that no Unicode text stands for: U+FFFC in the Body, and their MJ names in the header block Mojizukei.

Read anew from the words of the profile (P-23a) and the table of the nineteen; the trees may be lxml's or ElementTree's.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any, Final

from conformance.names import COMMON

BLOCK: Final = f"{{{COMMON}}}Mojizukei"
ENTRY: Final = f"{{{COMMON}}}moji"
ITEM: Final = "komoku"
MARK: Final = "\ufffc"
FIRST: Final = "\U0010ff00"
LAST: Final = "\U0010ff3f"
"""What programs keep for themselves; the rest of plane 16 is the standard characters' (行政事務標準文字)."""
ORDINARY: Final = "\u4e00"
"""Stands for a glyph where a text is judged by rules that know characters only; every item of text may have it."""


@dataclass(frozen=True, slots=True)
class Named:
    """One ``moji``: the item it says it stands in, and the MJ name it gives."""

    item: str
    name: str


@cache
def nineteen() -> frozenset[str]:
    """The MJ names of the glyphs without text."""
    text = files("schemas").joinpath("characters", "by_name_only.csv").read_text(encoding="utf-8")
    return frozenset(row["mj"] for row in csv.DictReader(text.splitlines()))


def blocks(headers: Iterable[Any]) -> list[Any]:
    """The blocks among the header blocks of a message; more than one is against the standard."""
    return [one for one in headers if one.tag == BLOCK]


def named(found: Iterable[Any]) -> tuple[Named, ...]:
    """The entries of blocks, in their order."""
    return tuple(
        Named(entry.get(ITEM, ""), (entry.text or "").strip()) for block in found for entry in block
        if entry.tag == ENTRY
    )  # fmt: skip


def marks(payload: Any) -> tuple[str, ...]:
    """For each U+FFFC of a payload in document order the local name of the element whose text it is."""
    return tuple(name for name, text in _texts(payload) for _ in range(text.count(MARK)))


def stand_in(text: str) -> str:
    """The first character that means a glyph within a program only; empty where there is none."""
    return next((one for one in text if FIRST <= one <= LAST), "")


def ordinary(text: str) -> str:
    """The text with an ordinary character in the place of each glyph."""
    return text.replace(MARK, ORDINARY)


def make_ordinary(payload: Any) -> None:
    """Put ordinary characters in the places of the glyphs of a tree."""
    for element in payload.iter():
        if isinstance(element.tag, str) and element.text:
            element.text = ordinary(element.text)
        if element is not payload and element.tail:
            element.tail = ordinary(element.tail)


def _texts(element: Any) -> Iterator[tuple[str, str]]:
    """Every text of an element and what is in it, with the local name of the element that holds it."""
    own = element.tag.rpartition("}")[2]
    yield own, element.text or ""
    for child in element:
        if isinstance(child.tag, str):
            yield from _texts(child)
        yield own, child.tail or ""
