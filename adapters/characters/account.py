"""The account of a character set: what becomes of every code there could be, and of every character it has.

Each code is read, and what was read is written again: it comes back (``round_trip``), it is written with other bytes
and that is reported (``lossy``), it is known and waits for a row of the gaiji register (``register``: user areas, and
characters without Unicode), it needs the vendor's table (``doubtful``), or it is refused (``refused``).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from adapters.characters.charset import Charset, charset
from adapters.characters.coding import is_control
from adapters.characters.host_charset import HostCharset
from adapters.characters.problem import CharacterError

COLUMNS = ("charset", "width", "codes", "round_trip", "lossy", "register", "doubtful", "refused")


@dataclass(frozen=True, slots=True)
class Account:
    """Counts for the codes of one width of one set; they add up to ``codes``."""

    charset: str
    width: int
    codes: int
    round_trip: int = 0
    lossy: int = 0
    register: int = 0
    doubtful: int = 0
    refused: int = 0

    def row(self) -> tuple[str, ...]:
        """The counts as text, in the order of COLUMNS."""
        return tuple(str(getattr(self, name)) for name in COLUMNS)


def account(name: str, tables: Path | None = None) -> tuple[Account, ...]:
    """The account of a set, a line for each width it has. Reads and writes every code: about a second for a set."""
    found = charset(name, tables=tables)
    widths = _widths(found)
    return tuple(_of_width(found, name, width) for width in widths)


def _widths(found: Charset) -> tuple[int, ...]:
    if isinstance(found, HostCharset):
        return tuple(width for width, table in ((1, found.coding.single), (2, found.coding.wide)) if table is not None)
    return (1, 2)


def _of_width(found: Charset, name: str, width: int) -> Account:
    counts = dict.fromkeys(COLUMNS[3:], 0)
    for raw in _codes(found, width):
        counts[_outcome(found, raw, width)] += 1
    return Account(name, width, 256**width, **counts)


def _codes(found: Charset, width: int) -> Iterator[bytes]:
    """Every code of a width, in the shift state it is read in."""
    shifts = found.coding.shifts if isinstance(found, HostCharset) and width == 2 else None
    into, out = (shifts.wide_in[0], shifts.wide_out) if shifts else (b"", b"")
    for code in range(256**width):
        yield into + code.to_bytes(width) + out


def _outcome(found: Charset, raw: bytes, width: int) -> str:
    if isinstance(found, HostCharset):
        codes = [step for step in found.steps(raw) if step.text or step.error]
        if len(codes) != 1 or len(codes[0].code) != width:
            return "refused"  # it begins with a shift code
    try:
        text, losses = found.decode_carefully(raw)
    except CharacterError as error:
        return {"CB6003": "register", "CB6021": "doubtful"}.get(error.code, "refused")
    if losses:
        return "lossy"
    if len(text) != 1 and found.name == "cp932":  # two codes of one byte
        return "refused"
    assert not is_control(text)
    assert found.encode(text) == raw
    return "round_trip"
