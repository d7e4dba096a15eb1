"""Codes of a vendor's file in, answers and proposals out: what the command does, without its words."""

from __future__ import annotations

import csv
import hashlib
import io
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path

from adapters.characters.identify.answers import TOP
from adapters.characters.identify.faults import bad_file
from adapters.characters.identify.features import normalised
from adapters.characters.identify.glyph_files import GlyphFile, parse_codes
from adapters.characters.identify.matching import Matcher
from adapters.characters.identify.page import Answer
from adapters.characters.identify.proposals import Proposal
from adapters.characters.identify.raster import NOTHING, Ink
from bus.core.errors import AdapterError

MAX_CODES = 20_000
"""Glyphs of one run; the largest user areas in use have some 6,000."""
MAX_PLACES_BYTES = 4 * 1024 * 1024
_BATCH = 64


def read_places(path: Path | None) -> Mapping[str, int]:
    """Where a font has the glyphs of host codes: CSV of ``code,place`` (80A1,U+E000); AdapterError CB6087."""
    if path is None:
        return {}
    try:
        if path.stat().st_size > MAX_PLACES_BYTES:
            raise bad_file(path, f"<= {MAX_PLACES_BYTES} bytes", str(path.stat().st_size))
        rows = list(csv.reader(io.StringIO(path.read_text("utf-8-sig"))))
        if rows[:1] != [["code", "place"]]:
            raise bad_file(f"{path}:1", "code,place", ",".join(rows[0]) if rows else "")
        found: dict[str, int] = {}
        for number, row in enumerate(rows[1:], 2):
            if len(row) != 2 or row[0] in found:
                raise bad_file(f"{path}:{number}", "a code once, and its place", ",".join(row))
            found[row[0]] = int(row[1].removeprefix("U+"), 16)
    except (OSError, ValueError, csv.Error) as error:
        raise bad_file(path, "CSV of code,place", type(error).__name__) from error
    return found


def chosen_codes(text: str) -> list[str]:
    """The codes that ``--codes`` names; AdapterError CB6087."""
    try:
        return parse_codes(text, MAX_CODES)
    except ValueError as error:
        raise bad_file("--codes", f"F040,F041-F07E,U+E000-U+E0FF (<= {MAX_CODES})", str(error)) from error


def identify(
    file: GlyphFile,
    codes: Sequence[str],
    matcher: Matcher,
    *,
    places: Mapping[str, int] | None = None,
    top: int = TOP,
    progress: Callable[[int, int], None] = lambda done, of: None,
) -> list[Answer]:
    """What the glyphs of codes resemble, in order; a code without a glyph, or with a broken one, has an answer that
    says so.

    Errors: AdapterError CB6087 where there are too many codes.
    """
    if len(codes) > MAX_CODES:
        raise bad_file(file.path, f"<= {MAX_CODES}, --codes", str(len(codes)))
    known = places or {}
    found: list[Answer] = []
    for start in range(0, len(codes), _BATCH):
        part = codes[start : start + _BATCH]
        where = [known[code] if code in known else file.address(code) for code in part]
        drawn = [_drawn(file, one) for one in where]
        inks = [ink for ink, _ in drawn]
        matches = matcher.match(inks, file.kind, top)
        found += [
            Answer(code, "" if at is None else f"U+{at:04X}" if at else "", ink, match, fault)
            for code, at, (ink, fault), match in zip(part, where, drawn, matches, strict=True)
        ]
        progress(len(found), len(codes))
    return found


def _drawn(file: GlyphFile, place: int | None) -> tuple[Ink, str]:
    """A glyph, or nothing and the code of why: one broken glyph is told and keeps nobody from the others."""
    try:
        return (NOTHING, "") if place is None else (file.ink(place), "")
    except AdapterError as error:
        return NOTHING, error.code


def proposals_of(
    file: GlyphFile, answers: Iterable[Answer], *, index_sha256: str, scope: str, at: str
) -> list[Proposal]:
    """Answers as proposals for a register; codes without a glyph have none."""
    return [
        Proposal(
            one.code, at, scope, file.path.name, file.sha256, one.place, file.kind,
            hashlib.sha256(normalised(one.ink).tobytes()).hexdigest(), index_sha256, one.match.class_,
            one.match.score, one.match.margin, one.match.character_margin, one.match.candidates,
        )
        for one in answers
        if one.match is not None
    ]  # fmt: skip
