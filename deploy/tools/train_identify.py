"""Learn the projection of glyph features from installed fonts and write adapters/characters/identify/projection.dat.

``python deploy/tools/train_identify.py [--seed 1]``, about six minutes. Linear discriminant analysis: what differs
between typefaces, and between outlines and dots, of the same character is noise; what differs between the glyphs of
IPAmj Mincho is signal. The limits of the classes are then set on other typefaces. The same fonts, seed and libraries
give the same file. Fonts: identify_fonts.py.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

import identify_fonts as fonts
import numpy as np
from numpy.typing import NDArray

from adapters.characters.identify.features import Floats, features
from adapters.characters.identify.gallery import Gallery, named_glyphs, parse
from adapters.characters.identify.gallery import pack as pack_gallery
from adapters.characters.identify.glyph_files import BITMAP, OUTLINE
from adapters.characters.identify.matching import Matcher
from adapters.characters.identify.projection import FILE, KEPT, pack, unpack
from adapters.characters.identify.raster import Outlines
from adapters.characters.identify.sfnt import read_sfnt
from adapters.characters.mj import mj
from adapters.characters.pictures import DEBIAN_FONT

TARGET = Path(__file__).resolve().parents[2] / "adapters/characters/identify" / FILE
DOTS = (0, 24, 16)
PER_FONT = 12_000
RIDGE = 0.02
KNOWN_KEPT = 0.995
"""Of the drawings whose character is in the list, how many have to stay above the limit of ``unknown``."""
MATCH_RIGHT = 0.999
"""Of the drawings called a match, how many have to have their character first."""
FOREIGN_MATCHED = 0.02
"""Of the drawings of ideographs that the list does not have, how many may be called a match."""
SET_ON = 4_000


def gallery_features(font: Path) -> Floats:
    """The features of all glyphs of the MJ list."""
    known = named_glyphs(font)
    drawn = Outlines(read_sfnt(font, font.read_bytes()))
    return features(drawn.draw(known[glyph.mj]) for glyph in mj())


def learn(gallery: Floats, learnt_from: Sequence[fonts.Font], seed: int) -> tuple[Floats, NDArray[np.float16]]:
    """Mean and projection."""
    size = gallery.shape[1]
    within, count = np.zeros((size, size)), 0
    for font in learnt_from:
        codes = fonts.sample(font.shared(), PER_FONT, seed)
        rows = [fonts.plain_row()[chr(code)] for code in codes]
        for dots in DOTS:
            difference = (font.features(codes, dots) - gallery[rows]).astype(np.float64)
            within += difference.T @ difference
            count += len(difference)
        print(f"{font.name}: {len(codes)} characters", flush=True)
    within /= count
    within += RIDGE * np.trace(within) / size * np.eye(size)
    mean = gallery.mean(axis=0, dtype=np.float64)
    centred = gallery - mean
    values, axes = np.linalg.eigh(within)
    whitening = axes / np.sqrt(values)
    _, found = np.linalg.eigh(whitening.T @ (centred.T @ centred / len(gallery)) @ whitening)
    matrix = (whitening @ found[:, ::-1])[:, :KEPT]
    # an axis has no direction of its own
    matrix *= np.sign(matrix[np.abs(matrix).argmax(axis=0), np.arange(KEPT)])
    return mean.astype(np.float32), (matrix / np.abs(matrix).max()).astype(np.float16)


def limits(matcher: Matcher, set_on: Sequence[fonts.Font], seed: int) -> dict[str, dict[str, float]]:
    """The limits of the classes, by kind."""
    found = {}
    for kind, dots in ((OUTLINE, 0), (BITMAP, 24)):
        known: list[tuple[float, float, bool]] = []
        foreign: list[tuple[float, float]] = []
        for font in set_on:
            codes = fonts.sample(font.shared(), SET_ON, seed)
            inks = list(font.inks([font.glyphs[code] for code in codes], dots))
            for code, match in zip(codes, matcher.match(inks, kind), strict=True):
                if match is not None:
                    glyph = mj().by_mj(match.candidates[0].mj)
                    right = glyph is not None and chr(code) in {glyph.ucs, glyph.plain}
                    known.append((match.score, match.margin, right))
            outside = fonts.sample(font.foreign(), SET_ON, seed)
            inks = list(font.inks([font.glyphs[code] for code in outside], dots))
            foreign += [(one.score, one.margin) for one in matcher.match(inks, kind) if one is not None]
        found[kind] = _limits(np.array(known), np.array(foreign))
        print(kind, len(known), len(foreign), found[kind], flush=True)
    return found


def _limits(known: NDArray[np.float64], foreign: NDArray[np.float64]) -> dict[str, float]:
    """The score and margin that call most known drawings a match and keep to MATCH_RIGHT and FOREIGN_MATCHED."""
    right = known[:, 2] > 0
    best = (0.0, 1.0, 1.0)
    for score in np.quantile(known[right, 0], np.arange(0, 0.8, 0.05)).round(3):
        for margin in np.arange(0.0, 0.4, 0.005).round(3):
            called = (known[:, 0] >= score) & (known[:, 1] >= margin)
            matched = float(((foreign[:, 0] >= score) & (foreign[:, 1] >= margin)).mean())
            if matched <= FOREIGN_MATCHED and called.any() and right[called].mean() >= MATCH_RIGHT:
                best = max(best, (float(called.mean()), float(score), float(margin)))
                break
    unknown = float(np.quantile(known[:, 0], 1 - KNOWN_KEPT))
    return {"known": round(unknown, 3), "match": best[1], "margin": best[2]}


def main() -> int:
    """Write the projection and say how large it is."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--font", type=Path, default=DEBIAN_FONT)
    parser.add_argument("--out", type=Path, default=TARGET)
    arguments = parser.parse_args()
    gallery = gallery_features(arguments.font)
    learnt_from = [fonts.read(name, place) for name, place in fonts.LEARNT_FROM.items()]
    set_on = [fonts.read(name, place) for name, place in fonts.LIMITS_FROM.items()]
    mean, matrix = learn(gallery, learnt_from, arguments.seed)
    facts: dict[str, Any] = {
        "seed": arguments.seed,
        "learnt_from": {font.name: font.sha256 for font in learnt_from},
        "limits_from": {font.name: font.sha256 for font in set_on},
        "libraries": {name: version(name) for name in ("numpy", "pillow")},
        "limits": {kind: {"known": 0.0, "match": 0.0, "margin": 0.0} for kind in (OUTLINE, BITMAP)},
    }
    draft = unpack(pack(mean, matrix, facts))
    raw = pack_gallery(
        [int(glyph.mj[2:]) for glyph in mj()], draft.project(gallery), {"projection_sha256": draft.sha256}
    )
    compared: Gallery = parse(arguments.out, raw, draft.sha256)
    facts["limits"] = limits(Matcher(compared, draft), set_on, arguments.seed)
    content = pack(mean, matrix, facts)
    arguments.out.write_bytes(content)
    print(f"{arguments.out.name}: {len(content)} bytes")
    return 0


if __name__ == "__main__":
    sys.exit(main())
