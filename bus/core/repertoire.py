"""Repertoires: which characters a system can hold, checked at the speed of one compiled class.

A text without selectors costs one search (a negated class). Only where that finds something the text is taken apart
into units: a base with its selector is one, and must be a sequence of the set. U+3000 and U+0020 are characters like
any other. Sets are built when first asked for; the large ones read schemas/characters (licences: NOTICE.md there).
"""

from __future__ import annotations

import json
import lzma
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files
from pathlib import Path

from bus.core.nameless import nameless

_SELECTORS = "\ufe00-\ufe0f\U000e0100-\U000e01ef"
_LOOK_ALIKES = "\u00a2\u00a3\u00ac\u2016\u2212\u301c"
_MICROSOFT = "\uffe0\uffe1\uffe2\u2225\uff0d\uff5e"
_LAST_OF_USE = 0x2FFFF
_CODE_POINTS = re.compile(r"U\+([0-9A-Fa-f]{4,6})")


@dataclass(frozen=True, slots=True)
class Repertoire:
    """A set of texts: single characters and longer sequences. ``note`` says what the set is by."""

    name: str
    name_ja: str
    characters: frozenset[str]
    sequences: frozenset[str] = frozenset()
    note: str = ""
    _outside: re.Pattern[str] = field(init=False, repr=False, compare=False)
    _unit: re.Pattern[str] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_outside", re.compile(f"[^{_ranges(self.characters)}]"))
        joined = sorted((text for text in self.sequences if not re.search(f"[{_SELECTORS}]", text)), key=len)
        pattern = "|".join([*map(re.escape, reversed(joined)), f"[^{_SELECTORS}][{_SELECTORS}]?", "."])
        object.__setattr__(self, "_unit", re.compile(pattern, re.DOTALL))

    def admits(self, unit: str) -> bool:
        """Whether one character or sequence is in the set."""
        return unit in self.characters or unit in self.sequences

    def outside(self, text: str) -> tuple[tuple[int, str], ...]:
        """Index and unit of everything in ``text`` that is not in the set; empty for a good text."""
        if self._outside.search(text) is None:
            return ()
        return tuple(
            (found.start(), found.group()) for found in self._unit.finditer(text) if not self.admits(found.group())
        )

    def extended(self, name: str, texts: Iterable[str]) -> Repertoire:
        """The set with further characters and sequences."""
        more = frozenset(texts)
        return Repertoire(
            name,
            self.name_ja,
            self.characters | {text for text in more if len(text) == 1},
            self.sequences | {text for text in more if len(text) > 1},
            self.note,
        )


def _ranges(characters: Iterable[str]) -> str:
    points = sorted(map(ord, characters))
    found: list[list[int]] = []
    for point in points:
        if found and point == found[-1][1] + 1:
            found[-1][1] = point
        else:
            found.append([point, point])
    return "".join(f"\\U{first:08x}" if first == last else f"\\U{first:08x}-\\U{last:08x}" for first, last in found)


def _encodable(encoding: str) -> frozenset[str]:
    found = set()
    for point in (*range(0x20, 0x7F), *range(0xA0, 0xD800), *range(0xF900, _LAST_OF_USE)):
        char = chr(point)
        try:
            if char.encode(encoding).decode(encoding) == char:
                found.add(char)
        except UnicodeError:
            continue
    return frozenset(found)


def _as_microsoft(found: Repertoire) -> Repertoire:
    """The set with the full-width forms where JIS has wave dash, minus and so on."""
    swap = dict(zip(_LOOK_ALIKES, _MICROSOFT, strict=True))
    characters = frozenset(swap.get(char, char) for char in found.characters)
    return Repertoire(f"{found.name}+ms", found.name_ja, characters, found.sequences, found.note)


def _double(encoding: str, first: range, second: range) -> frozenset[str]:
    found = set()
    for lead in first:
        for trail in second:
            try:
                found.add(bytes((lead, trail)).decode(encoding))
            except UnicodeDecodeError:
                continue
    return frozenset(found)


def _columns(name: str) -> Mapping[str, str]:
    raw = files("schemas").joinpath("characters", name).read_bytes()
    columns: dict[str, str] = json.loads(lzma.decompress(raw))
    return columns


def _jisx0201() -> frozenset[str]:
    return frozenset(map(chr, (*range(0x20, 0x7F), *range(0xFF61, 0xFFA0))))


def _jisx0208() -> frozenset[str]:
    return _jisx0201() | _double("euc_jp", range(0xA1, 0xF5), range(0xA1, 0xFF))


def _jisx0213() -> tuple[frozenset[str], frozenset[str]]:
    trails = (*range(0x40, 0x7F), *range(0x80, 0xFD))
    leads = (*range(0x81, 0xA0), *range(0xE0, 0xFD))
    found = {text for lead in leads for trail in trails if (text := _one("shift_jis_2004", bytes((lead, trail))))}
    singles = frozenset(text for text in found if len(text) == 1)
    return singles | _jisx0201(), frozenset(found - singles)


def _one(encoding: str, raw: bytes) -> str:
    try:
        return raw.decode(encoding)
    except UnicodeDecodeError:
        return ""


def _cp932() -> frozenset[str]:
    return frozenset(char for char in _encodable("cp932") if char not in _LOOK_ALIKES and char != "\u00a0")


def _without_kanji(characters: Iterable[str]) -> frozenset[str]:
    """The characters that are no ideographs: kana, letters, signs."""
    return frozenset(char for char in characters if not _is_ideograph(char))


def _is_ideograph(char: str) -> bool:
    in_blocks = "\u3400" <= char <= "\u9fff" or "\uf900" <= char <= "\ufaff" or char >= "\U00020000"
    return in_blocks or char in "\u3005\u3006\u3007\u303b"


def _juki() -> Repertoire:
    kanji = _columns("juki.json.xz")["text"].split("\n")
    others = _without_kanji(_jisx0208())
    note = "漢字は住基ネット統一文字の19,563字、非漢字は公開の一覧がないため JIS X 0208・0201 のもの"
    return Repertoire("juki", "住基ネット統一文字", others, note=note).extended("juki", kanji)


def _by_mj(name: str, name_ja: str, note: str) -> Repertoire:
    columns = {key: text.split("\n") for key, text in _columns("mj.json.xz").items()}
    ucs, impl, ivs = columns["ucs"], columns["impl"], columns["ivs"]
    texts: set[str] = set()
    for own, plain, pair, koseki in zip(ucs, impl, ivs, columns["koseki"], strict=True):
        if name == "mj" or koseki:
            texts.add(own if plain == "=" else plain)
            texts.add(own + pair if len(pair) == 1 else pair)
    texts.update(one.stand_in for one in nameless().values() if name == "mj" or one.koseki)
    for line in columns["hentaigana"]:
        _, text, koseki, *_ = line.split("\t")
        if name == "mj" or koseki:
            texts.add(text)
    others = _without_kanji(_jisx0213()[0])
    return Repertoire(name, name_ja, others, note=note).extended(name, texts - {""})


@cache
def _makers() -> Mapping[str, Callable[[], Repertoire]]:
    return {
        "jisx0201": lambda: Repertoire("jisx0201", "JIS X 0201", _jisx0201()),
        "jisx0208": lambda: Repertoire("jisx0208", "JIS X 0208（JIS X 0201 を含む）", _jisx0208()),
        "jisx0208+ms": lambda: _as_microsoft(repertoire("jisx0208")),
        "jisx0213": lambda: Repertoire("jisx0213", "JIS X 0213:2004（JIS X 0201 を含む）", *_jisx0213()),
        "cp932": lambda: Repertoire("cp932", "CP932（外字領域を除く）", _cp932()),
        "juki": _juki,
        "juki+ms": lambda: _as_microsoft(repertoire("juki")),
        "koseki": lambda: _by_mj("koseki", "戸籍統一文字", "戸籍統一文字番号のある字、JIS X 0213 の非漢字"),
        "mj": lambda: _by_mj(
            "mj", "文字情報基盤（MJ）", "MJ 文字図形 63,989 列、MJ 名だけの19字、変体仮名、X 0213 の非漢字"
        ),
        "bango": lambda: Repertoire(
            "bango", "番号制度（JIS X 0213:2012）", *_jisx0213(), note="字の集まりは2004年版と同じ"
        ),
    }


def repertoire_names() -> tuple[str, ...]:
    """The sets by name."""
    return tuple(_makers())


@cache
def repertoire(name: str) -> Repertoire:
    """The set called ``name``; KeyError when there is none."""
    return _makers()[name]()


def read_list(path: Path, base: str = "mj") -> Repertoire:
    """A set of one's own: ``base`` and the sequences of a text file, one per line (行政事務標準文字, a user area).

    A line begins with code points (``U+845B U+E0102``); what follows a tab, and lines that begin with ``#``, are notes.
    Raises ValueError with the number of the first line that is neither.
    """
    texts = []
    for number, line in enumerate(path.read_text(encoding="utf-8-sig").splitlines(), 1):
        head = line.partition("\t")[0].strip()
        if not head or head.startswith("#"):
            continue
        parts = [_CODE_POINTS.fullmatch(part) for part in head.split()]
        if not all(parts):
            raise ValueError(f"{path.name}:{number}: U+XXXX")
        texts.append("".join(chr(int(part[1], 16)) for part in parts if part))
    return repertoire(base).extended(path.stem, texts)
