"""Which glyphs of the gallery a drawing resembles: ranked, with score, margins, class and the family among them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from adapters.characters.degrade import candidates as ways_down
from adapters.characters.identify.answers import MATCH, NEAR_VARIANT, SAME_CHARACTER, TOP, UNKNOWN, Candidate, Match
from adapters.characters.identify.features import Floats, features
from adapters.characters.identify.gallery import Gallery
from adapters.characters.identify.projection import Limits, Projection, projection
from adapters.characters.identify.raster import Ink
from adapters.characters.mj import Glyph, mj

_LOOKED_AT = 64
"""How many of the best are ranked exactly; margins never need more."""
_BATCH = 64


class Matcher:
    """Compares drawings with a gallery."""

    def __init__(self, gallery: Gallery, learnt: Projection | None = None) -> None:
        self._gallery = gallery
        self._projection = learnt or projection()

    @property
    def gallery(self) -> Gallery:
        """What is compared with."""
        return self._gallery

    def match(self, drawings: Sequence[Ink], kind: str, top: int = TOP) -> list[Match | None]:
        """The best of the gallery for each drawing of one kind (outline, bitmap); ``None`` for one without ink."""
        found: list[Match | None] = []
        for start in range(0, len(drawings), _BATCH):
            part = drawings[start : start + _BATCH]
            vectors = self._projection.project(features(part))
            best, scores = self.best(vectors)
            found += [
                self._match(best[at], scores[at], self._projection.limits[kind], top) if ink.size else None
                for at, ink in enumerate(part)
            ]
        return found

    def best(self, vectors: Floats) -> tuple[np.ndarray[tuple[int, ...], np.dtype[np.intp]], Floats]:
        """Rows of the gallery and their scores, the best first, for each unit vector."""
        scores: Floats = vectors @ self._gallery.vectors.T
        looked_at = min(_LOOKED_AT, scores.shape[1])
        rows = np.argpartition(-scores, looked_at - 1, axis=1)[:, :looked_at]
        values = np.take_along_axis(scores, rows, axis=1)
        # the same score is ordered by row, so that the same question has the same answer
        order = np.lexsort((rows, -values), axis=1)
        return np.take_along_axis(rows, order, axis=1), np.take_along_axis(values, order, axis=1)

    def _match(self, rows: np.ndarray[tuple[int, ...], np.dtype[np.intp]], scores: Floats, limits: Limits,
               top: int) -> Match:  # fmt: skip
        glyphs = [_glyph(self._gallery.name(int(row))) for row in rows]
        first = glyphs[0]
        others = [float(score) for glyph, score in zip(glyphs, scores, strict=True) if glyph.ucs != first.ucs]
        score = float(scores[0])
        margin = score - (float(scores[1]) if len(scores) > 1 else 0.0)
        to_character = score - (others[0] if others else float(scores[-1]))
        candidates = tuple(
            Candidate(rank, glyph.mj, glyph.carrier(), round(float(value), 4), relation(first, glyph))
            for rank, (glyph, value) in enumerate(zip(glyphs[:top], scores[:top], strict=True), 1)
        )
        class_ = classify(score, margin, limits)
        return Match(class_, round(score, 4), round(margin, 4), round(to_character, 4), candidates)


def classify(score: float, margin: float, limits: Limits) -> str:
    """The class of a best score and its distance to the next glyph."""
    if score < limits.known:
        return UNKNOWN
    return MATCH if score >= limits.match and margin >= limits.margin else NEAR_VARIANT


def relation(first: Glyph, other: Glyph) -> str:
    """What a glyph is to the first candidate (see Candidate)."""
    if other.mj == first.mj:
        return ""
    if other.ucs and other.ucs == first.ucs:
        return SAME_CHARACTER
    for one, into in ((other, first), (first, other)):
        texts = {into.ucs, into.carrier()} - {""}
        source = next((way.source for way in ways_down(one) if way.text in texts), "")
        if source:
            return source
    return ""


def _glyph(name: str) -> Glyph:
    found = mj().by_mj(name)
    if found is None:  # an index of a list that we do not have
        return Glyph(name, "")
    return found
