"""Rules about characters, dates with their wording, and personal numbers where none may be."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable
from types import MappingProxyType
from typing import Final

from conformance.disclosure import strays
from conformance.findings import Finding, NotApplicable, Result
from conformance.glyphs import stand_in
from conformance.lexical import FULL_WIDTH_SPACE, is_selector, misplaced, uncertain_date
from conformance.records import Field, Record

GETA: Final = "\u3013"
REPLACEMENT: Final = "\ufffd"
_HALF_WIDTH: Final = (0xFF61, 0xFFDC)
NAMES: Final = ("shimei",)


def code_point(character: str) -> str:
    """``U+XXXX`` of a character."""
    return f"U+{ord(character):04X}"


def _texts(
    record: Record, wrong: Callable[[str], str], text: str, wanted: Callable[[Field], bool] = lambda _: True
) -> Result:
    """Findings for the fields in which ``wrong`` names a code point; not applicable where there is no field."""
    fields = [one for one in record.fields if one.text and wanted(one)]
    if not fields:
        return NotApplicable("値のある項目がありません", "no item with a value")
    found = [(one, wrong(one.text)) for one in fields]
    return tuple(Finding(one.path, f"{one.item.name_ja}: {text}", what) for one, what in found if what)


def _is_private(character: str) -> bool:
    return 0xE000 <= ord(character) <= 0xF8FF or ord(character) > 0xEFFFF


def _first(text: str, meant: Callable[[str], bool]) -> str:
    return next((f"{code_point(one)} (character {place})" for place, one in enumerate(text, 1) if meant(one)), "")


def no_private_use(record: Record) -> Result:
    """CHAR-101: no private-use character of plane 0."""
    return _texts(
        record, lambda text: _first(text, lambda one: 0xE000 <= ord(one) <= 0xF8FF), "no private-use character"
    )


def no_private_plane(record: Record) -> Result:
    """CHAR-102: no private-use character of plane 15."""
    return _texts(
        record, lambda text: _first(text, lambda one: 0xF0000 <= ord(one) <= 0xFFFFD), "no private-use character"
    )


def no_stand_in(record: Record) -> Result:
    """CHAR-116: none of the characters that stand for a glyph within a program."""
    return _texts(record, lambda text: _first(text, lambda one: bool(stand_in(one))), "no stand-in of a glyph")


def selectors_follow(record: Record) -> Result:
    """CHAR-103: a variation selector follows a base character."""

    def wrong(text: str) -> str:
        for place, one in enumerate(text):
            before = text[place - 1] if place else ""
            if is_selector(one) and (not before or is_selector(before) or before == FULL_WIDTH_SPACE):
                return f"{code_point(one)} (character {place + 1})"
        return ""

    return _texts(record, wrong, "a base before each selector")


def no_mojibake(record: Record) -> Result:
    """CHAR-104: no UTF-8 that was read as Latin-1."""

    def wrong(text: str) -> str:
        plain = "".join(one for one in text if not (is_selector(one) or _is_private(one)))
        return "mojibake" if misplaced(plain) else ""

    return _texts(record, wrong, "no text of another encoding")


def no_half_width(record: Record) -> Result:
    """CHAR-105: full-width items have no half-width kana and no ASCII."""

    def half(one: str) -> bool:
        return 0x20 <= ord(one) <= 0xA0 or _HALF_WIDTH[0] <= ord(one) <= _HALF_WIDTH[1]

    return _texts(record, lambda text: _first(text, half), "full-width characters", lambda one: one.item.type == "N")


def no_controls(record: Record) -> Result:
    """CHAR-106: no control characters, tabs or line ends."""
    return _texts(
        record, lambda text: _first(text, lambda one: unicodedata.category(one) == "Cc"), "no control character"
    )


def no_replacement(record: Record) -> Result:
    """CHAR-107: no U+FFFD: a character that was lost."""
    return _texts(record, lambda text: _first(text, lambda one: one == REPLACEMENT), "no replacement character")


def no_geta(record: Record) -> Result:
    """CHAR-108: no U+3013 (geta) in the place of a character."""
    return _texts(record, lambda text: _first(text, lambda one: one == GETA), "no geta mark")


def nothing_invisible(record: Record) -> Result:
    """CHAR-109: no invisible or direction-changing character (category Cf)."""
    return _texts(
        record, lambda text: _first(text, lambda one: unicodedata.category(one) == "Cf"), "no invisible character"
    )


def no_noncharacter(record: Record) -> Result:
    """CHAR-110: no code point that is no character, and none that is not assigned to a plane of kanji."""
    return _texts(
        record, lambda text: _first(text, lambda one: ord(one) & 0xFFFE == 0xFFFE or 0xFDD0 <= ord(one) <= 0xFDEF),
        "a character",
    )  # fmt: skip


def one_space_between(record: Record) -> Result:
    """CHAR-111: the parts of a name are separated by exactly one full-width space."""
    return _texts(
        record, lambda text: "two spaces" if FULL_WIDTH_SPACE * 2 in text.strip(FULL_WIDTH_SPACE) else "",
        "one U+3000", lambda one: one.item.format in NAMES,
    )  # fmt: skip


def name_not_blank(record: Record) -> Result:
    """CHAR-112: a name is not only spaces."""
    return _texts(
        record, lambda text: "" if text.strip(FULL_WIDTH_SPACE) else "only spaces",
        "a name", lambda one: one.item.format in NAMES,
    )  # fmt: skip


def wordings(record: Record) -> Result:
    """DATE-101: the wording of an uncertain date is one of the fourteen."""
    codes = record.edition.codes
    return _texts(
        record, lambda text: "" if uncertain_date(text, codes["fushobi"], codes["gengo"]) else "another wording",
        "a legal wording", lambda one: one.item.format == "fushobi",
    )  # fmt: skip


def eras_fit(record: Record) -> Result:
    """DATE-102: a date lies in the era that stands beside it; both eras of a day of change are right."""
    values = record.values
    eras = {row.code: row for row in record.edition.codes["gengo"].rows}
    pairs = []
    for one in record.fields:
        name = one.item.name.removesuffix("_gengo")
        if (
            one.item.code == "gengo"
            and one.text in eras
            and name in values
            and values.get(f"{name}_fushofuragu") != "1"
        ):
            pairs.append((one, values[name]))
    if not pairs:
        return NotApplicable("元号の項目がありません", "no item with an era")
    return tuple(
        Finding(one.path, f"{eras[one.text].name_ja}: {eras[one.text].valid_from} - {eras[one.text].valid_to}")
        for one, day in pairs
        if not (eras[one.text].valid_from or "0000") <= day <= (eras[one.text].valid_to or "9999-12-31")
    )


def no_stray_numbers(record: Record) -> Result:
    """PROT-102: no text of another operation holds twelve digits with a valid check digit."""
    if record.operation.number_use:
        return NotApplicable("番号利用事務の操作です", "an operation marked for numbers")
    fields = [one for one in record.fields if one.text and one.item.name not in record.unit.unguarded]
    return tuple(Finding(one.path, "no personal number") for one in fields if strays(one.text))


PREDICATES: Final = MappingProxyType(
    {
        "CHAR-101": no_private_use,
        "CHAR-102": no_private_plane,
        "CHAR-103": selectors_follow,
        "CHAR-104": no_mojibake,
        "CHAR-105": no_half_width,
        "CHAR-106": no_controls,
        "CHAR-107": no_replacement,
        "CHAR-108": no_geta,
        "CHAR-109": nothing_invisible,
        "CHAR-110": no_noncharacter,
        "CHAR-111": one_space_between,
        "CHAR-112": name_not_blank,
        "CHAR-116": no_stand_in,
        "DATE-101": wordings,
        "DATE-102": eras_fit,
        "PROT-102": no_stray_numbers,
    }
)
