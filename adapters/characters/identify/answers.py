"""What identification answers: ranked candidates with score, margins and class. Needs none of the extra's libraries."""

from __future__ import annotations

from dataclasses import dataclass

MATCH = "match"
NEAR_VARIANT = "near_variant"
UNKNOWN = "unknown"
CLASSES_JA = {MATCH: "一致の候補", NEAR_VARIANT: "異体字・類似字と紛らわしい", UNKNOWN: "候補なし"}
SAME_CHARACTER = "same"
TOP = 10


@dataclass(frozen=True, slots=True)
class Candidate:
    """One glyph: ``score`` is the cosine with the drawing; ``text`` its carrier (``""`` for 19 glyphs).

    ``relation`` says what it is to the first candidate: ``same`` for a glyph of the same character, the source of the
    MJ縮退マップ where one degrades to the other, ``""`` otherwise.
    """

    rank: int
    mj: str
    text: str
    score: float
    relation: str = ""


@dataclass(frozen=True, slots=True)
class Match:
    """The answer for one drawing. ``margin`` is the distance to the next glyph, ``character_margin`` to the next glyph
    of another character; ``class_`` is ``match``, ``near_variant`` or ``unknown``. It is a proposal, never a decision.
    """

    class_: str
    score: float
    margin: float
    character_margin: float
    candidates: tuple[Candidate, ...]
