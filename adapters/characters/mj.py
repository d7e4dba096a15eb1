"""Look up the 58,862 glyphs of the MJ list: by MJ name, 住基, 戸籍, 登記, UCS or IVS; carriers and families.

Nothing is read before the first question; the first takes about 0.1 s, an index about 10 ms more. Source and licence:
schemas/characters/NOTICE.md.
"""

from __future__ import annotations

import json
import unicodedata
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, cached_property

from adapters.characters.resources import data
from bus.core.nameless import by_stand_in, nameless

CARRIERS = ("plain", "ivs", "svs")


@dataclass(frozen=True, slots=True)
class Glyph:
    """One row of the list. ``plain``, ``ivs`` and ``svs`` are its sequences, ``""`` where it has none.

    ``ucs`` is the character it belongs to, which may be carried by another glyph. Numbers are text: ``mj`` as
    ``MJ000001``, ``juki`` as ``J+845B``, ``koseki`` and ``toki`` in six and eight digits, ``x0213`` as ``1-16-02``,
    ``bushu`` as ``radical.strokes`` joined by slashes.
    """

    mj: str
    ucs: str
    plain: str = ""
    ivs: str = ""
    svs: str = ""
    koseki: str = ""
    juki: str = ""
    toki: str = ""
    x0213: str = ""
    hosetsu_renban: str = ""
    hosetsu_kubun: str = ""
    x0212: str = ""
    kakusu: str = ""
    bushu: str = ""
    daikanwa: str = ""
    gokan: str = ""

    def carrier(self, profile: str = "plain") -> str:
        """The text that stands for exactly this glyph, ``""`` when there is none (19 glyphs: ``stand_in``).

        ``plain`` prefers a character without selector, ``ivs`` the registered pair; ``svs`` is the standardised
        variant, where one exists.
        """
        if profile == "svs":
            return self.svs
        return (self.ivs or self.plain) if profile == "ivs" else (self.plain or self.ivs)

    @property
    def stand_in(self) -> str:
        """What stands within the program for a glyph that has no carrier, ``""`` for all others."""
        found = nameless().get(self.mj)
        return "" if found is None else found.stand_in


@dataclass(frozen=True, slots=True)
class Hentaigana:
    """One of the 299 変体仮名: its MJ name, its text (``""`` when not encoded), 戸籍 number, 字母 and readings."""

    mj: str
    text: str
    koseki: str
    jibo: str
    sounds: tuple[str, ...]


class MjTable:
    """The list, by column; rows are made when asked for."""

    @cached_property
    def _raw(self) -> Mapping[str, str]:
        columns: dict[str, str] = json.loads(data("mj.json.xz"))
        return columns

    @cached_property
    def _columns(self) -> Mapping[str, Sequence[str]]:
        split = {name: text.split("\n") for name, text in self._raw.items()}
        ucs = split["ucs"]
        split["plain"] = [own if one == "=" else one for own, one in zip(ucs, split.pop("impl"), strict=True)]
        split["ivs"] = [own + one if len(one) == 1 else one for own, one in zip(ucs, split["ivs"], strict=True)]
        split["toki"] = [
            f"00{koseki}" if one == "=" else one for koseki, one in zip(split["koseki"], split["toki"], strict=True)
        ]
        return split

    def __len__(self) -> int:
        return len(self._columns["mj"])

    def _glyph(self, at: int) -> Glyph:
        found = {name: column[at] for name, column in self._columns.items() if name in Glyph.__dataclass_fields__}
        found["mj"] = f"MJ{found['mj']}"
        if found["juki"]:
            found["juki"] = f"J+{found['juki']}"
        return Glyph(**found)

    def __iter__(self) -> Iterator[Glyph]:
        return (self._glyph(at) for at in range(len(self)))

    def _index(self, name: str) -> dict[str, int]:
        return {text: at for at, text in enumerate(self._columns[name]) if text}

    @cached_property
    def _by_mj(self) -> Mapping[str, int]:
        return self._index("mj")

    @cached_property
    def _by_juki(self) -> Mapping[str, int]:
        return self._index("juki")

    @cached_property
    def _by_koseki(self) -> Mapping[str, int]:
        return self._index("koseki")

    @cached_property
    def _by_toki(self) -> Mapping[str, int]:
        return self._index("toki")

    @cached_property
    def _by_text(self) -> Mapping[str, int]:
        found = {**self._index("svs"), **self._index("ivs")}
        for line in self._columns["futatsu_no_ivs"]:
            number, sequence = line.split("\t")
            found[sequence] = self._by_mj[number]
        found.update(self._index("plain"))
        found.update({stand_in: self._by_mj[name.removeprefix("MJ")] for stand_in, name in by_stand_in().items()})
        return found

    @cached_property
    def _by_ucs(self) -> Mapping[str, Sequence[int]]:
        found: dict[str, list[int]] = defaultdict(list)
        for at, char in enumerate(self._columns["ucs"]):
            if char:
                found[char].append(at)
        return found

    def _found(self, index: Mapping[str, int], key: str) -> Glyph | None:
        at = index.get(key)
        return None if at is None else self._glyph(at)

    def by_mj(self, name: str) -> Glyph | None:
        """The glyph called ``MJ000001``."""
        return self._found(self._by_mj, name.removeprefix("MJ"))

    def by_juki(self, code: str) -> Glyph | None:
        """The glyph of a 住基ネット統一文字コード, with or without ``J+``."""
        return self._found(self._by_juki, code.removeprefix("J+").upper())

    def by_koseki(self, number: str) -> Glyph | None:
        """The glyph of a 戸籍統一文字番号."""
        return self._found(self._by_koseki, number)

    def by_toki(self, number: str) -> Glyph | None:
        """The glyph of a 登記統一文字番号."""
        return self._found(self._by_toki, number)

    def by_text(self, sequence: str) -> Glyph | None:
        """The glyph that a character, a base with selector or a standardised variant stands for."""
        return self._found(self._by_text, sequence)

    def by_ucs(self, char: str) -> tuple[Glyph, ...]:
        """All glyphs of one character: those that differ by their selector only."""
        return tuple(self._glyph(at) for at in self._by_ucs.get(char, ()))

    def look_up(self, query: str) -> tuple[Glyph, ...]:
        """The glyphs that a query names: ``MJ022335``, ``J+845B``, a 戸籍 (six digits) or 登記 (eight) number, text or
        code points (``U+845B U+E0102``); of a character without glyph of its own all glyphs that belong to it.
        """
        query = query.strip()
        if query.upper().startswith("U+"):
            query = "".join(chr(int(part[2:], 16)) for part in query.split())
        if query.startswith("MJ"):
            found = self.by_mj(query)
        elif query.startswith("J+"):
            found = self.by_juki(query)
        elif query.isascii():
            found = self.by_koseki(query) if len(query) == 6 else self.by_toki(query)
        else:
            found = self.by_text(query)
        return (found,) if found is not None else self.by_ucs(query)

    def sequences(self) -> tuple[str, ...]:
        """The 63,989 sequences by which glyphs are carried: characters and registered pairs, in order of the list."""
        columns = self._columns
        return tuple(text for pair in zip(columns["plain"], columns["ivs"], strict=True) for text in pair if text)

    def family(self, glyph: Glyph) -> tuple[Glyph, ...]:
        """The other glyphs of the same character."""
        return tuple(one for one in self.by_ucs(glyph.ucs) if one.mj != glyph.mj)

    @cached_property
    def hentaigana(self) -> tuple[Hentaigana, ...]:
        """The 変体仮名."""
        rows = (line.split("\t") for line in self._columns["hentaigana"])
        return tuple(
            Hentaigana(f"MJ{mj}", text, koseki, jibo, tuple(s.split("/"))) for mj, text, koseki, jibo, s in rows
        )

    @cached_property
    def _readings(self) -> Mapping[str, str]:
        columns = json.loads(data("mj_readings.json.xz"))
        return dict(zip(columns["mj"].split("\n"), columns["yomi"].split("\n"), strict=True))

    def readings(self, name: str) -> tuple[str, ...]:
        """The readings of ``MJ000001``; none when the list has none."""
        found = self._readings.get(name.removeprefix("MJ"), "")
        return tuple(found.split("/")) if found else ()


@cache
def mj() -> MjTable:
    """The list, one for the process."""
    return MjTable()


@cache
def unstable() -> frozenset[str]:
    """The 89 characters of the list that NFC makes into others."""
    return frozenset(text for text in mj().sequences() if len(text) == 1 and unicodedata.normalize("NFC", text) != text)


def was_normalised(before: str, after: str) -> tuple[str, ...]:
    """The characters of ``before`` that are in ``after`` only as their normal form: somebody normalised on the way."""
    return tuple(char for char in before if char not in after and unicodedata.normalize("NFKC", char) in after)


@cache
def registered_pairs() -> Mapping[str, frozenset[str]]:
    """Selector to the bases it is registered with in the IVD (all collections)."""
    columns = json.loads(data("ivd.json.xz"))
    pairs = zip(columns["selector"].split("\n"), columns["bases"].split("\n"), strict=True)
    return {selector: frozenset(bases) for selector, bases in pairs}


def unregistered(text: str) -> tuple[int, ...]:
    """Indices of ideographic selectors that stand bare or behind a base they are not registered with."""
    found = []
    for at, char in enumerate(text):
        if "\U000e0100" <= char <= "\U000e01ef":
            bases = registered_pairs().get(char, frozenset())
            if not at or text[at - 1] not in bases:
                found.append(at)
    return tuple(found)
