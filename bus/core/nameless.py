"""The glyphs of the MJ list that no Unicode text stands for, and what stands for them within a program.

A stand-in is a private-use character of plane 16. It never leaves a program: on the wire a glyph goes by its MJ name
(``bus.wire.glyphs``), in a vendor's file by the vendor's own code (gaiji register).
"""

from __future__ import annotations

import csv
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files


@dataclass(frozen=True, slots=True)
class Nameless:
    """A glyph without text: MJ name, stand-in, the character it belongs to (may be empty), 戸籍 number, strokes."""

    mj: str
    stand_in: str
    ucs: str
    koseki: str
    kakusu: str


@cache
def nameless() -> Mapping[str, Nameless]:
    """The glyphs of ``schemas/characters/by_name_only.csv`` by MJ name. Rows are never renumbered."""
    text = files("schemas").joinpath("characters", "by_name_only.csv").read_text(encoding="utf-8")
    rows = list(csv.DictReader(text.splitlines()))
    return {
        row["mj"]: Nameless(
            row["mj"],
            chr(int(row["stand_in"], 16)),
            chr(int(row["ucs"][2:], 16)) if row["ucs"] else "",
            row["koseki"],
            row["kakusu"],
        )
        for row in rows
    }


@cache
def by_stand_in() -> Mapping[str, str]:
    """MJ names by stand-in."""
    return {one.stand_in: one.mj for one in nameless().values()}
