"""Measure identification by glyph shape: other typefaces against all 58,862 glyphs of the MJ list.

``python deploy/tools/identify_accuracy.py [--index FILE] [--most N] [--only NAME] [--json] [--speed]`` prints rows for
docs/characters.md. Right is a candidate that belongs to the character of the query (same code point, whichever of its
glyphs); for a query with a variation sequence of the MJ list only exactly its glyph. Every ideograph that a font shares
with the list is asked for, unless ``--most`` limits it. No typeface asked here was learnt from (identify_fonts.py).
"""

from __future__ import annotations

import argparse
import gzip
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path

import identify_fonts as fonts

from adapters.characters.identify.dots import from_bits, read_bdf
from adapters.characters.identify.features import features
from adapters.characters.identify.gallery import default_index, load
from adapters.characters.identify.glyph_files import BITMAP, OUTLINE
from adapters.characters.identify.matching import MATCH, UNKNOWN, Match, Matcher
from adapters.characters.identify.raster import Ink
from adapters.characters.mj import mj

BITMAP_FONTS = {
    "jiskan24 (24 dots, xfonts-base)": "X11/misc/jiskan24.pcf.gz",
    "jksp24 (24 dots, JIS X 0212, xfonts-intl-japanese-big)": "X11/misc/jksp24.pcf.gz",
    "jksp40 (40 dots, JIS X 0212, xfonts-intl-japanese-big)": "X11/misc/jksp40.pcf.gz",
    "jiskan16 (16 dots, xfonts-base)": "X11/misc/jiskan16.pcf.gz",
}
UNIFONT = Path("/usr/share/unifont/unifont_jp.hex")
SEED = 1
BATCH = 1024


@dataclass(slots=True)
class Tally:
    """What came out for one font and kind of query; shares are of ``queries``."""

    font: str
    what: str
    queries: int = 0
    first: int = 0
    ten: int = 0
    matches: int = 0
    wrong_matches: int = 0
    unknown: int = 0
    seconds: float = 0.0

    def add(self, match: Match | None, right: frozenset[str]) -> None:
        """Count one answer; a drawing without ink is no query."""
        if match is None:
            return
        names = [one.mj for one in match.candidates]
        self.queries += 1
        self.first += names[0] in right
        self.ten += bool(right.intersection(names))
        self.matches += match.class_ == MATCH
        self.wrong_matches += match.class_ == MATCH and names[0] not in right
        self.unknown += match.class_ == UNKNOWN

    def row(self) -> str:
        """A line of the table in docs/characters.md."""
        of = max(1, self.queries)
        return (
            f"| {self.font} | {self.what} | {self.queries:,} | {self.first / of:.2%} | {self.ten / of:.2%} |"
            f" {self.matches / of:.1%} | {self.wrong_matches} | {self.unknown / of:.2%} |"
            f" {self.seconds / of * 1000:.1f} |"
        )


def belonging(char: str) -> frozenset[str]:
    """The MJ names of all glyphs of a character."""
    return frozenset(names()[row] for row in fonts.belonging().get(char, ()))


@cache
def names() -> tuple[str, ...]:
    """The MJ names by row."""
    return tuple(glyph.mj for glyph in mj())


def ask(tally: Tally, matcher: Matcher, kind: str, queries: Iterator[tuple[Ink, frozenset[str]]]) -> Tally:
    """All queries of one kind."""
    begun = time.perf_counter()
    batch: list[tuple[Ink, frozenset[str]]] = []

    def flush() -> None:
        for match, (_, right) in zip(matcher.match([ink for ink, _ in batch], kind), batch, strict=True):
            tally.add(match, right)
        batch.clear()

    for query in queries:
        batch.append(query)
        if len(batch) == BATCH:
            flush()
    flush()
    tally.seconds = time.perf_counter() - begun
    return tally


def outline_font(name: str, place: str, matcher: Matcher, most: int) -> Iterator[Tally]:
    """Characters as outlines and in 24 dots, sequences, and ideographs that the list does not have."""
    font = fonts.read(name, place)
    codes = fonts.sample(font.shared(), most, SEED)
    glyphs = [font.glyphs[code] for code in codes]
    right = [belonging(chr(code)) for code in codes]
    yield ask(Tally(name, "輪郭 outlines"), matcher, OUTLINE, zip(font.inks(glyphs), right, strict=True))
    yield ask(Tally(name, "24ドット drawn in 24 dots"), matcher, BITMAP, zip(font.inks(glyphs, 24), right, strict=True))
    exact = [(text, found.mj) for text in sorted(font.sequences) if (found := mj().by_text(text)) is not None]
    exact = [exact[one] for one in fonts.sample(range(len(exact)), most, SEED)]
    if len(exact) >= 200:
        inks = font.inks([font.sequences[text] for text, _ in exact])
        wanted = [frozenset({one}) for _, one in exact]
        yield ask(Tally(name, "異体字列（字形まで） sequences, exact glyph"), matcher, OUTLINE,
                  zip(inks, wanted, strict=True))  # fmt: skip
    foreign = fonts.sample(font.foreign(), most, SEED)
    if len(foreign) >= 200:
        none: list[frozenset[str]] = [frozenset()] * len(foreign)
        inks = font.inks([font.glyphs[code] for code in foreign])
        yield ask(Tally(name, "MJ にない漢字 not in the list"), matcher, OUTLINE, zip(inks, none, strict=True))


def bitmap_font(name: str, place: str, matcher: Matcher, most: int) -> Iterator[Tally]:
    """The kanji of a font in dots, by JIS X 0208 or 0212."""
    raw = gzip.decompress((fonts.SHARE / place).read_bytes())
    with tempfile.NamedTemporaryFile(suffix=".pcf") as pcf:
        pcf.write(raw)
        pcf.flush()
        bdf = subprocess.run(["pcf2bdf", pcf.name], capture_output=True, check=True).stdout
    inks = read_bdf(Path(name), bdf)
    texts = {}
    for code in sorted(inks):
        try:
            char = (b"\x8f" * ("0212" in name) + bytes(((code >> 8) | 0x80, (code & 0xFF) | 0x80))).decode("euc_jp")
        except ValueError:
            continue
        if len(char) == 1 and char in fonts.belonging():
            texts[code] = char
    codes = fonts.sample(list(texts), most, SEED)
    queries = ((inks[code], belonging(texts[code])) for code in codes)
    yield ask(Tally(name, "実フォント real dots"), matcher, BITMAP, queries)


def unifont(matcher: Matcher, most: int) -> Iterator[Tally]:
    """The ideographs of GNU Unifont (Japanese), 16 dots."""
    glyphs = dict(line.split(":") for line in UNIFONT.read_text("ascii").splitlines())
    codes = [int(code, 16) for code, dots in glyphs.items() if len(dots) == 64]
    codes = [code for code in codes if fonts.ideograph(code) and chr(code) in fonts.belonging()]
    queries = (
        (from_bits(bytes.fromhex(glyphs[f"{code:04X}"]), 16, 16), belonging(chr(code)))
        for code in fonts.sample(codes, most, SEED)
    )
    yield ask(Tally("unifont_jp (16 dots)", "実フォント real dots"), matcher, BITMAP, queries)


def speed(index: Path) -> None:
    """Milliseconds by processor time, nine runs of 256 outlines: drawing and describing one, and the whole answer."""

    def of(work: Callable[[], object], count: int) -> str:
        work()
        found = []
        for _ in range(9):
            begun = time.process_time()
            work()
            found.append((time.process_time() - begun) / count * 1000)
        return f"{statistics.median(found):.2f} ({min(found):.2f}–{max(found):.2f})"

    matcher = Matcher(load(index))
    font = fonts.read(*next((name, place) for name, place in fonts.MEASURED_ON.items() if "Serif" in name))
    glyphs = [font.glyphs[code] for code in fonts.sample(font.shared(), 256, SEED)]
    inks = list(font.inks(glyphs))
    print(f"index read: {of(lambda: load(index), 1)} ms")
    print(f"drawn: {of(lambda: list(font.inks(glyphs)), len(glyphs))} ms")
    print(f"described: {of(lambda: features(inks), len(glyphs))} ms")
    print(f"compared and ranked, with description: {of(lambda: matcher.match(inks, OUTLINE), len(glyphs))} ms")
    print(f"the same one by one: {of(lambda: [matcher.match([one], OUTLINE) for one in inks], len(glyphs))} ms")


def main() -> int:
    """Print one row per font and kind."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--index", type=Path, default=default_index())
    parser.add_argument("--most", type=int, default=1_000_000)
    parser.add_argument("--only", default="")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--speed", action="store_true", help="measure time instead; with OPENBLAS_NUM_THREADS=1")
    arguments = parser.parse_args()
    if arguments.speed:
        speed(arguments.index)
        return 0
    matcher = Matcher(load(arguments.index))
    runs: list[tuple[str, Callable[[], Iterator[Tally]]]] = []
    for name, place in fonts.MEASURED_ON.items():
        runs.append((name, lambda n=name, p=place: outline_font(n, p, matcher, arguments.most)))
    for name, place in BITMAP_FONTS.items():
        runs.append((name, lambda n=name, p=place: bitmap_font(n, p, matcher, arguments.most)))
    runs.append(("unifont", lambda: unifont(matcher, arguments.most)))
    found: Sequence[Tally] = []
    print(f"# {len(matcher.gallery)} glyphs, index {matcher.gallery.sha256[:12]}", file=sys.stderr)
    for name, run in runs:
        if arguments.only in name:
            for tally in run():
                found = [*found, tally]
                print(json.dumps(asdict(tally), ensure_ascii=False) if arguments.json else tally.row(), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
