"""UTF-8 of one system: strict, without control characters, private use only through the gaiji register."""

from __future__ import annotations

import re

from adapters.characters.problem import CharacterError, CharacterLoss
from adapters.characters.register import EMPTY, GaijiRegister, points
from adapters.characters.units import units

_PRIVATE = "\ue000-\uf8ff\U000f0000-\U0010ffff"
_CONTROLS = "\x00-\x1f\x7f-\x9f"
_NOT_TEXT = "\ud800-\udfff\ufffd-\uffff"


class Utf8:
    """UTF-8 as a vendor writes it. The replacement character U+FFFD is refused: something upstream lost a character.

    Without ``gaiji`` the register counts only where a character stands for itself (an agreed 行政事務標準文字).
    """

    name = "utf-8"

    def __init__(self, register: GaijiRegister = EMPTY, *, gaiji: bool = True) -> None:
        register = register.of_kind(private_use=True)
        if not gaiji:
            register = GaijiRegister(tuple(row for row in register.rows if row.code == points(row.sequence)))
        self._register = register
        self.watch = re.compile(f"[{_CONTROLS}{_PRIVATE}{_NOT_TEXT}{re.escape(register.first_characters)}]")
        self.watch_out = self.watch

    def decode(self, raw: bytes) -> str:
        """The text of ``raw``; raises CharacterError (CB6002 not UTF-8, CB6003 unknown gaiji)."""
        return self.decode_carefully(raw)[0]

    def decode_carefully(self, raw: bytes) -> tuple[str, tuple[CharacterLoss, ...]]:
        """The text and every place whose bytes would be written differently."""
        try:
            text = raw.decode("utf-8")
        except UnicodeDecodeError as error:
            shown = raw[error.start : error.end].hex().upper()
            raise CharacterError("CB6002", error.start, shown, "not UTF-8") from error
        return (self._through_register(text)) if self.watch.search(text) else (text, ())

    def _through_register(self, text: str) -> tuple[str, tuple[CharacterLoss, ...]]:
        pieces: list[str] = []
        losses: list[CharacterLoss] = []
        position = 0
        for unit in units(text):
            sequence = unit
            shown = " ".join(f"U+{ord(char):04X}" for char in unit)
            if re.match(f"[{_CONTROLS}{_NOT_TEXT}]", unit):
                raise CharacterError("CB6002", position, shown, "not a text character")
            if re.match(f"[{_PRIVATE}]", unit):
                sequence = self._register.sequence(shown)
                if not sequence:
                    raise CharacterError("CB6003", position, shown, "a row of the gaiji register")
            if self.encode(sequence) != unit.encode("utf-8"):
                losses.append(CharacterLoss(position, shown, "the character is written with other bytes"))
            pieces.append(sequence)
            position += len(unit.encode("utf-8"))
        return "".join(pieces), tuple(losses)

    def encode(self, text: str) -> bytes:
        """The bytes of ``text``; raises CharacterError CB6007 for control, private-use and replacement characters."""
        if not self.watch.search(text):
            try:
                return text.encode("utf-8")
            except UnicodeEncodeError as error:
                raise CharacterError("CB6007", error.start, "surrogate", "not a character") from error
        pieces: list[bytes] = []
        position = 0
        for unit in units(text):
            code = self._register.code(unit)
            if not code and re.match(f"[{_CONTROLS}{_PRIVATE}{_NOT_TEXT}]", unit):
                shown = " ".join(f"U+{ord(char):04X}" for char in unit)
                raise CharacterError("CB6007", position, shown, "may not be written")
            pieces.append(chr(int(code[2:], 16)).encode("utf-8") if code else unit.encode("utf-8"))
            position += len(unit)
        return b"".join(pieces)
