"""Many short texts of double bytes read or written at once: one pass over all fields of a record.

Between two texts stands the code 0000, which is U+001F on the side of the texts: no double byte of any set has a zero
byte, and no text of any set has a control character. Either way may only say ``None``; the field-by-field way decides.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence

BREAK = b"\0\0"
"""Between two texts, in bytes."""
_TEXT = "\x1f"
_ORDER = "utf-16-le" if sys.byteorder == "little" else "utf-16-be"


class PairTexts:
    """The double bytes of one coding, of which it takes the tables.

    ``to_text`` is indexed by the code as this machine reads two bytes; ``needs_units`` tells texts in which characters
    join each other.
    """

    def __init__(
        self,
        to_text: Sequence[str | None],
        to_code: Mapping[str, bytes],
        needs_units: Callable[[str], object] | None,
    ) -> None:
        self._to_text = list(to_text)
        self._to_code: list[bytes | None] = [None] * 0x10000
        for text, code in to_code.items():
            if len(text) == 1 and text < "\U00010000":
                self._to_code[ord(text)] = code
        free = self._to_text[0] is None and self._to_code[ord(_TEXT)] is None
        self.possible = free and not any(b"\0" in code for code in to_code.values())
        self._to_text[0], self._to_code[ord(_TEXT)] = _TEXT, BREAK
        self._needs_units = needs_units

    def read(self, data: bytes, count: int) -> list[str] | None:
        """The ``count`` texts between breaks; ``None`` unless the bytes are exactly what is written for them."""
        table = self._to_text
        try:
            text = "".join([table[code] for code in memoryview(data).cast("H")])  # type: ignore[misc] # None raises
        except TypeError:
            return None
        texts = text.split(_TEXT)
        return texts if len(texts) == count and "" not in texts else None

    def write(self, texts: Sequence[str]) -> list[bytes] | None:
        """The bytes of each text (none of them empty); ``None`` when a character has none or joins another."""
        text = _TEXT.join(texts)
        if self._needs_units is not None and self._needs_units(text):
            return None
        table = self._to_code
        try:
            codes = memoryview(text.encode(_ORDER)).cast("H")
            bodies = b"".join([table[code] for code in codes]).split(BREAK)  # type: ignore[misc] # None raises
        except (TypeError, UnicodeEncodeError):
            return None
        return bodies if len(bodies) == len(texts) else None
