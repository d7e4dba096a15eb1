"""Measure character sets and repertoires on synthetic names and addresses: million characters a second, one core.

``python deploy/tools/measure_characters.py [FOLDER OF HOST TABLES]`` prints rows for docs/performance.md: the median of
nine runs by processor time, with the lowest and the highest.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from itertools import islice
from pathlib import Path

from adapters.characters.charset import Charset, charset
from adapters.population import Town
from bus.core.repertoire import repertoire

RUNS = 9
SETS = ("cp932", "utf-8", "jef", "jef-wide", "keis78", "keis83", "jips-j", "ibm930", "ibm1399", "ebcdik")
KANA = ["ﾔﾏﾀﾞ ﾀﾛｳ", "000000000012345", "1951-01-01"]
REPERTOIRES = ("jisx0208+ms", "jisx0213", "cp932", "koseki", "mj")
ITEMS = ("shimei", "shimei_furigana", "jusho_shikuchoson", "jusho_choaza", "jusho_banchigo", "jusho_katagaki")


def fields(count: int) -> list[str]:
    """Names and addresses of synthetic residents."""
    people = islice(Town.generate(count, 7).current(), count)
    return [text for one in people for item in ITEMS if (text := one.get(item, ""))]


def speed(work: Callable[[], object], size: int) -> str:
    """Million characters a second: median (lowest-highest)."""
    work()
    found = []
    for _ in range(RUNS):
        begun = time.process_time()
        work()
        found.append(size / max(time.process_time() - begun, 1e-9) / 1e6)
    return f"{statistics.median(found):.1f} ({min(found):.1f}–{max(found):.1f})"


def writable(found: Charset, texts: list[str]) -> list[str]:
    """The texts that the set can write; those with gaiji and selectors go the careful way and are not measured here."""
    good = []
    for text in texts:
        try:
            found.encode(text)
        except ValueError:
            continue
        good.append(text)
    return good


def main() -> None:
    """Print the tables."""
    tables = Path(sys.argv[1]) if len(sys.argv) > 1 else None
    texts = fields(3000)
    print(f"{len(texts)} fields, {sum(map(len, texts)) / len(texts):.1f} characters on average")
    for name in (*SETS, *(("jips-e",) if tables else ())):
        found = charset(name, tables=tables)
        good = KANA * 4000 if name == "ebcdik" else writable(found, texts)
        raws = [found.encode(text) for text in good]
        size = sum(map(len, good))
        read = speed(lambda found=found, raws=raws: [found.decode(raw) for raw in raws], size)
        written = speed(lambda found=found, good=good: [found.encode(text) for text in good], size)
        print(f"| `{name}` | {read} | {written} | {len(good) / max(1, len(texts)):.0%} |")
    kanji = charset("juki")
    names = ["".join(chr(0x4E00 + (n * 7 + k) % 900) for k in range(6)) for n in range(6000)]
    good = writable(kanji, names)
    raws = [kanji.encode(text) for text in good]
    size = sum(map(len, good))
    read = speed(lambda: [kanji.decode(raw) for raw in raws], size)
    print(f"| `juki` | {read} | {speed(lambda: [kanji.encode(text) for text in good], size)} | – |")
    for name in REPERTOIRES:
        known = repertoire(name)
        inside = [text for text in texts if not known.outside(text)]
        size, whole = sum(map(len, inside)), "".join(inside)
        each = speed(lambda known=known, inside=inside: [known.outside(text) for text in inside], size)
        print(f"| `{name}` | {each} | {speed(lambda known=known, whole=whole: known.outside(whole), len(whole))} |")
    for what, statement in (
        ("MJ list", "from adapters.characters.mj import mj; mj().by_mj('MJ022335')"),
        ("MJ by text", "from adapters.characters.mj import mj; mj().by_text('葛')"),
        ("repertoire mj", "from bus.core.repertoire import repertoire; repertoire('mj')"),
        ("jef", "from adapters.characters.charset import charset; charset('jef')"),
    ):
        imports, use = statement.split("; ", 1)
        code = f"{imports}; import time; t = time.perf_counter(); {use}; print(time.perf_counter() - t)"
        runs = [
            float(subprocess.run([sys.executable, "-c", code], capture_output=True, check=True).stdout)
            for _ in range(5)
        ]
        print(f"first {what}: {statistics.median(runs):.3f} s ({min(runs):.3f}–{max(runs):.3f})")


if __name__ == "__main__":
    main()
