"""Choose the character set object of a layout's ``encoding``."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Protocol

from adapters.characters.codings import host_names
from adapters.characters.cp932 import Cp932
from adapters.characters.host_charset import HostCharset
from adapters.characters.problem import CharacterLoss
from adapters.characters.register import EMPTY, GaijiRegister
from adapters.characters.utf8 import Utf8

ENCODINGS = ("cp932", "utf-8")
HOST_ENCODINGS = host_names()


class Charset(Protocol):
    """What a codec needs of a character set; both directions raise CharacterError and never replace."""

    name: str
    watch: re.Pattern[str]

    def decode(self, raw: bytes) -> str:
        """Bytes to text."""
        ...

    def decode_carefully(self, raw: bytes) -> tuple[str, tuple[CharacterLoss, ...]]:
        """Bytes to text, with every place that would be written with other bytes."""
        ...

    def encode(self, text: str) -> bytes:
        """Text to bytes."""
        ...


def charset(
    encoding: str, register: GaijiRegister = EMPTY, *, gaiji: bool = True, tables: Path | None = None
) -> Charset:
    """The character set called ``encoding`` (KeyError when there is none).

    ``tables`` is the folder of the vendors' own host tables; without it a host set has the area that follows from
    the standard. Raises ConfigurationError CB6008 for a table that cannot be read.
    """
    makers: dict[str, type[Cp932] | type[Utf8]] = {"cp932": Cp932, "utf-8": Utf8}
    if encoding in makers:
        return makers[encoding](register, gaiji=gaiji)
    return HostCharset(encoding, register, gaiji=gaiji, tables=tables)
