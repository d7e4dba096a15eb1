"""CP932 with a user area: bytes to text and back through the gaiji register, never replacing a character."""

from __future__ import annotations

import re
from functools import cache

from adapters.characters.problem import CharacterError, CharacterLoss
from adapters.characters.register import CP932_USER_AREA, EMPTY, GaijiRegister
from adapters.characters.units import units

# Python's codec writes these six as the bytes of a look-alike (wave dash, minus ...); which of the two a vendor means
# is never guessed, so they cannot be written.
LOOK_ALIKES = "\u00a2\u00a3\u00ac\u2016\u2212\u301c"
_CONTROLS = "\x00-\x1f\x7f-\xa0"
_PRIVATE = "\ue000-\uf8ff"
_NOT_TEXT = re.compile(f"[{_CONTROLS}{_PRIVATE}]")
_KANA_FIRST, _KANA_LAST = 0xA1, 0xDF


@cache
def not_round_tripping() -> frozenset[bytes]:
    """The 398 byte pairs of CP932 that decode to a character written with other bytes."""
    found: set[bytes] = set()
    for lead in (*range(0x81, 0xA0), *range(0xE0, 0xFD)):
        for trail in (*range(0x40, 0x7F), *range(0x80, 0xFD)):
            pair = bytes((lead, trail))
            try:
                if pair.decode("cp932").encode("cp932") != pair:
                    found.add(pair)
            except UnicodeDecodeError:
                continue
    return frozenset(found)


@cache
def _doubled() -> str:
    return "".join(sorted({pair.decode("cp932") for pair in not_round_tripping()}))


class Cp932:
    """One system's CP932: the standard part and what its register says about F040-F9FC.

    ``watch`` matches any text that needs the careful way: control characters, private use, the characters of the
    398 double codes and everything the register writes differently. Text without a match is plain CP932.
    ``watch_out`` is the same for writing: text without a match is what Python's codec makes of it, or has no bytes.
    """

    name = "cp932"

    def __init__(self, register: GaijiRegister = EMPTY, *, gaiji: bool = True) -> None:
        register = register.of_codes(lambda code: CP932_USER_AREA.match(code) is not None)
        self._register = register
        self._gaiji = gaiji
        registered = re.escape(register.first_characters)
        self.watch = re.compile(f"[{_CONTROLS}{_PRIVATE}{re.escape(_doubled())}{registered}]")
        self.watch_out = re.compile(f"[{_CONTROLS}{_PRIVATE}{LOOK_ALIKES}{registered}]")

    def decode(self, raw: bytes) -> str:
        """The text of ``raw``; raises CharacterError (CB6002 not CP932, CB6003 unknown gaiji)."""
        try:
            text = raw.decode("cp932")
        except UnicodeDecodeError:
            return self.decode_carefully(raw)[0]
        return self.decode_carefully(raw)[0] if self.watch.search(text) else text

    def decode_carefully(self, raw: bytes) -> tuple[str, tuple[CharacterLoss, ...]]:
        """The text and every place whose bytes would be written differently."""
        pieces: list[str] = []
        losses: list[CharacterLoss] = []
        position = 0
        while position < len(raw):
            width = self._width(raw, position)
            code = raw[position : position + width]
            char = self._char(code, position)
            if self.encode(char) != code:
                losses.append(CharacterLoss(position, code.hex().upper(), "the character is written with other bytes"))
            pieces.append(char)
            position += width
        return "".join(pieces), tuple(losses)

    @staticmethod
    def _width(raw: bytes, position: int) -> int:
        lead = raw[position]
        if lead < 0x80 or _KANA_FIRST <= lead <= _KANA_LAST:
            return 1
        if lead in (0x80, 0xA0) or lead > 0xFC:
            raise CharacterError("CB6002", position, f"{lead:02X}", "not a CP932 byte")
        if position + 1 >= len(raw):
            raise CharacterError("CB6002", position, f"{lead:02X}", "a whole character of CP932")
        return 2

    def _char(self, code: bytes, position: int) -> str:
        shown = code.hex().upper()
        if len(code) == 1 and (code[0] < 0x20 or code[0] == 0x7F):
            raise CharacterError("CB6002", position, shown, "a control character")
        if len(code) == 2 and 0xF0 <= code[0] <= 0xF9 and code[1] != 0x7F and 0x40 <= code[1] <= 0xFC:
            sequence = self._register.sequence(shown) if self._gaiji else ""
            if not sequence:
                raise CharacterError("CB6003", position, shown, "a row of the gaiji register")
            return sequence
        try:
            return code.decode("cp932")
        except UnicodeDecodeError as error:
            raise CharacterError("CB6002", position, shown, "not a CP932 character") from error

    def encode(self, text: str) -> bytes:
        """The bytes of ``text``; raises CharacterError CB6007 at the index of the character that has none."""
        if not self.watch_out.search(text):
            try:
                return text.encode("cp932")
            except UnicodeEncodeError:
                return self._encode_carefully(text)
        return self._encode_carefully(text)

    def _encode_carefully(self, text: str) -> bytes:
        pieces: list[bytes] = []
        position = 0
        for unit in units(text):
            code = self._register.code(unit) if self._gaiji else ""
            pieces.append(bytes.fromhex(code) if code else self._plain(unit, position))
            position += len(unit)
        return b"".join(pieces)

    @staticmethod
    def _plain(unit: str, position: int) -> bytes:
        shown = " ".join(f"U+{ord(char):04X}" for char in unit)
        if len(unit) > 1 or unit in LOOK_ALIKES or _NOT_TEXT.match(unit):
            raise CharacterError("CB6007", position, shown, "in CP932 or a row of the gaiji register")
        try:
            return unit.encode("cp932")
        except UnicodeEncodeError as error:
            reason = "in CP932 or a row of the gaiji register"
            raise CharacterError("CB6007", position, shown, reason) from error


def looks_like_utf8(raw: bytes) -> bool:
    """Whether bytes declared as CP932 are beyond doubt UTF-8: valid, with two or more three-byte characters."""
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return sum("\u0800" <= char <= "\uffff" for char in text) >= 2
