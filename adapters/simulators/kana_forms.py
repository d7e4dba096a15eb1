"""How the fictitious vendors write readings: half-width, or in hiragana; by rules of Unicode, not by the adapters'."""

from __future__ import annotations

import unicodedata
from functools import cache
from typing import Final

_VOICED, _SEMI = "\u3099", "\u309a"
_HIRA: Final = ord("ァ") - ord("ぁ")
_NARROW_MARKS: Final = {_VOICED: "ﾞ", _SEMI: "ﾟ", "\u3000": " "}
_BACK: Final = {"ﾞ": _VOICED, "ﾟ": _SEMI, " ": "\u3000"}


@cache
def _narrow() -> dict[str, str]:
    """Full-width characters that compatibility maps their half-width forms to."""
    forms = [chr(code) for code in (*range(0xFF61, 0xFF9E), *range(0x21, 0x7F))]
    wide = {unicodedata.normalize("NFKC", one): one for one in forms if ord(one) > 0x7F}
    return wide | {chr(ord(one) + 0xFEE0): one for one in forms if ord(one) <= 0x7F}


def half(text: str) -> str:
    """Full-width katakana and ASCII forms as half-width. KeyError for what has no half-width form."""
    parts = unicodedata.normalize("NFD", text)
    return "".join(_NARROW_MARKS[char] if char in _NARROW_MARKS else _narrow()[char] for char in parts)


def full(text: str) -> str:
    """Half-width kana and ASCII as full-width: the way back."""
    wide = {theirs: ours for ours, theirs in _narrow().items()}
    return unicodedata.normalize("NFC", "".join(_BACK[char] if char in _BACK else wide[char] for char in text))


def hira(text: str) -> str:
    """Katakana as hiragana, all else as it is."""
    return "".join(chr(ord(char) - _HIRA) if "ァ" <= char <= "ヶ" else char for char in text)


def kata(text: str) -> str:
    """Hiragana as katakana, all else as it is."""
    return "".join(chr(ord(char) + _HIRA) if "ぁ" <= char <= "ゖ" else char for char in text)
