"""Kana in three forms: half-width, full-width katakana, hiragana; each step exact, what has no counterpart refused.

Not invertible and therefore refused: ヰ ヱ ヮ ヵ ヶ ヽ ヾ ヿ and the like (no half-width form), ヷ ヸ ヹ ヺ (no
hiragana), ゟ (no katakana letter of its own).
"""

from __future__ import annotations

from functools import cache

from adapters.characters.problem import CharacterError

_HALF = "｡｢｣､･ｦｧｨｩｪｫｬｭｮｯｰｱｲｳｴｵｶｷｸｹｺｻｼｽｾｿﾀﾁﾂﾃﾄﾅﾆﾇﾈﾉﾊﾋﾌﾍﾎﾏﾐﾑﾒﾓﾔﾕﾖﾗﾘﾙﾚﾛﾜﾝﾞﾟ"
_FULL = (
    "。「」、・ヲァィゥェォャュョッーアイウエオカキクケコサシ"
    "スセソタチツテトナニヌネノハヒフヘホマミムメモヤユヨラリルレロワン゛゜"
)
_VOICED = ("ｶｷｸｹｺｻｼｽｾｿﾀﾁﾂﾃﾄﾊﾋﾌﾍﾎｳﾜｦ", "ガギグゲゴザジズゼゾダヂヅデドバビブベボヴヷヺ")
_SEMI_VOICED = ("ﾊﾋﾌﾍﾎ", "パピプペポ")
_SHIFT = 0x60
_ASCII_SHIFT = 0xFEE0


@cache
def _to_full() -> dict[str, str]:
    table = dict(zip(_HALF, _FULL, strict=True))
    table.update({half + "ﾞ": full for half, full in zip(*_VOICED, strict=True)})
    table.update({half + "ﾟ": full for half, full in zip(*_SEMI_VOICED, strict=True)})
    table.update({chr(code): chr(code + _ASCII_SHIFT) for code in range(0x21, 0x7F)})
    table[" "] = "\u3000"
    return table


@cache
def _to_half() -> dict[str, str]:
    return {full: half for half, full in _to_full().items()}


def half_to_full(text: str) -> str:
    """Half-width kana, ASCII and space as full-width; raises CharacterError CB6006 for anything else."""
    table = _to_full()
    found: list[str] = []
    position = 0
    while position < len(text):
        pair = text[position : position + 2]
        full = table.get(pair) if len(pair) == 2 else None
        width = 2 if full else 1
        full = full or table.get(text[position])
        if full is None:
            raise CharacterError("CB6006", position, f"U+{ord(text[position]):04X}", "not a half-width character")
        found.append(full)
        position += width
    return "".join(found)


def full_to_half(text: str) -> str:
    """Full-width katakana, ASCII forms and U+3000 as half-width; raises CharacterError CB6007 for anything else."""
    table = _to_half()
    try:
        return "".join([table[char] for char in text])
    except KeyError:
        position = next(index for index, char in enumerate(text) if char not in table)
        shown = f"U+{ord(text[position]):04X}"
        raise CharacterError("CB6007", position, shown, "has no half-width form") from None


@cache
def _hira_table() -> dict[int, int]:
    # ァ-ヶ to ぁ-ゖ, ヽヾ to ゝゞ
    return {code: code - _SHIFT for code in (*range(0x30A1, 0x30F7), 0x30FD, 0x30FE)}


@cache
def _kata_table() -> dict[int, int]:
    return {hira: kata for kata, hira in _hira_table().items()}


def kata_to_hira(text: str) -> str:
    """Katakana as hiragana, other characters as they are; CharacterError CB6007 for ヷヸヹヺ and for hiragana."""
    for position, char in enumerate(text):
        if char in "ヷヸヹヺヿ" or "ぁ" <= char <= "ゖ" or char in "ゝゞゟ":
            raise CharacterError("CB6007", position, f"U+{ord(char):04X}", "has no hiragana that leads back to it")
    return text.translate(_hira_table())


def hira_to_kata(text: str) -> str:
    """Hiragana as katakana, other characters as they are; CharacterError CB6006 for ゟ and for katakana."""
    for position, char in enumerate(text):
        if char == "ゟ" or "ァ" <= char <= "ヺ" or char in "ヽヾヿ":
            raise CharacterError("CB6006", position, f"U+{ord(char):04X}", "has no katakana that leads back to it")
    return text.translate(_kata_table())
