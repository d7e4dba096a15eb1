"""The gaiji register of one municipality and system: vendor code to Unicode sequence and back, with who decided why."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType

from adapters.sdk.problems import Problems
from bus.core.nameless import by_stand_in, nameless

COLUMNS = ("code", "ucs", "mj", "class", "evidence", "decided_by", "decided_at", "valid_from")
CLASSES = ("字形一致", "デザイン差", "類似文字", "同定不可能")
# two bytes of CP932, JEF, KEIS, JIPS or IBM host code; a seven-bit lead byte has any printable second byte
_VENDOR_CODE = re.compile(
    r"(?:[89A-F][0-9A-F](?:[4-6][0-9A-F]|7[0-9A-E]|[89A-E][0-9A-F]|F[0-9A-E])|[2-7][0-9A-F](?:[2-9A-E][0-9A-F]|F[0-9A-E]))\Z"
)
CP932_USER_AREA = re.compile(r"F[0-9](?:[4-6][0-9A-F]|7[0-9A-E]|[89A-E][0-9A-F]|F[0-9A-C])\Z")
"""The 1,880 codes F040-F9FC."""
_UCS_CODE = re.compile(r"U\+(?:E[0-9A-F]{3}|F[0-8][0-9A-F]{2}|F[0-9A-F]{4}|10[0-9A-F]{4})\Z")
_SEQUENCE = re.compile(r"U\+[0-9A-F]{4,6}(?: U\+[0-9A-F]{4,6})?\Z")
_MJ = re.compile(r"MJ[0-9]{6}\Z")
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}\Z")
_MAX_CODE_POINT = 0x10FFFF


@dataclass(frozen=True, slots=True)
class Gaiji:
    """One decision. ``code`` is the vendor's code in hexadecimal (``F040``, ``80A1``) or a private-use ``U+E000``.

    ``sequence`` is the Unicode text that stands for it (one character, or base and selector; the stand-in of a glyph
    that only has its MJ name); empty when the character could not be identified, and then it is as unknown as an
    unregistered one.
    """

    code: str
    sequence: str
    mj: str = ""
    class_: str = ""
    evidence: str = ""
    decided_by: str = ""
    decided_at: str = ""
    valid_from: str = ""


def _by_code(rows: Iterable[Gaiji]) -> Mapping[str, str]:
    return MappingProxyType({row.code: row.sequence for row in rows if row.sequence})


def _by_sequence(rows: Iterable[Gaiji]) -> Mapping[str, str]:
    table: dict[str, str] = {}
    for row in rows:
        if row.sequence:
            table.setdefault(row.sequence, row.code)
    return MappingProxyType(table)


@dataclass(frozen=True, slots=True)
class GaijiRegister:
    """All decisions valid now. Where two codes stand for one sequence, the first row is the one written back."""

    rows: tuple[Gaiji, ...] = ()
    to_ucs: Mapping[str, str] = field(init=False)
    to_code: Mapping[str, str] = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "to_ucs", _by_code(self.rows))
        object.__setattr__(self, "to_code", _by_sequence(self.rows))

    def sequence(self, code: str) -> str:
        """The Unicode text of a vendor code, ``""`` when it is unknown or not identified."""
        return self.to_ucs.get(code, "")

    def code(self, sequence: str) -> str:
        """The vendor code that stands for exactly this text, ``""`` when there is none."""
        return self.to_code.get(sequence, "")

    def of_kind(self, *, private_use: bool) -> GaijiRegister:
        """Only the rows whose code is a private-use ``U+…``, or only those that are vendor codes."""
        return GaijiRegister(tuple(row for row in self.rows if row.code.startswith("U+") == private_use))

    def of_codes(self, wanted: Callable[[str], bool]) -> GaijiRegister:
        """Only the rows whose vendor code is wanted: one system may write files in several character sets."""
        return GaijiRegister(tuple(row for row in self.rows if wanted(row.code)))

    @property
    def first_characters(self) -> str:
        """The characters with which a registered sequence can begin."""
        return "".join(sorted({sequence[0] for sequence in self.to_code}))

    def dump(self) -> str:
        """The register as CSV text with its header line."""
        out = io.StringIO()
        writer = csv.writer(out, lineterminator="\r\n")
        writer.writerow(COLUMNS)
        for row in self.rows:
            ucs = points(row.sequence)
            details = (row.mj, row.class_, row.evidence, row.decided_by, row.decided_at, row.valid_from)
            writer.writerow((row.code, ucs, *details))
        return out.getvalue()


EMPTY = GaijiRegister()


def is_standard(point: int) -> bool:
    """Whether a code point is one of the 行政事務標準文字: plane 16, without what programs keep for themselves."""
    return 0x100000 <= point <= 0x10FEFF


def agreed(register: GaijiRegister, characters: Iterable[str]) -> GaijiRegister:
    """The register with each 行政事務標準文字 of an agreed set standing for itself; decisions go before."""
    own = {f"U+{ord(char):X}": char for char in characters if is_standard(ord(char))}
    decided = {row.code for row in register.rows}
    more = (Gaiji(code, own[code]) for code in sorted(own) if code not in decided)
    return GaijiRegister((*register.rows, *more))


def shown(sequence: str) -> str:
    """The text for people: nothing for a glyph that only its MJ name stands for (its stand-in leaves no program)."""
    return "" if sequence in by_stand_in() else sequence


def points(sequence: str) -> str:
    """Code points for the column ``ucs``; empty for a glyph that its MJ name alone stands for."""
    return "" if sequence in by_stand_in() else " ".join(f"U+{ord(char):04X}" for char in sequence)


def save_register(register: GaijiRegister, path: Path) -> None:
    """Write the register as CSV, replacing the file in one step."""
    temporary = path.with_name(path.name + ".new")
    temporary.write_text(register.dump(), encoding="utf-8", newline="")
    temporary.replace(path)


def read_row(cells: list[str], problems: Problems, path: Path, line: int = 0) -> Gaiji | None:
    """One row of COLUMNS; what is wrong with it is noted."""
    return _row(path, cells, line, problems)


def load_register(path: Path, *, on: str = "9999-12-31") -> GaijiRegister:
    """Read a register CSV; rows valid only after the date ``on`` (YYYY-MM-DD) are left out.

    Raises ConfigurationError CB6008 with every wrong row.
    """
    problems = Problems()
    rows = _read(path, problems)
    problems.raise_if_any()
    return GaijiRegister(tuple(row for row in rows if not row.valid_from or row.valid_from <= on))


def _read(path: Path, problems: Problems) -> list[Gaiji]:
    try:
        text = path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        problems.add(path, "", expected="a gaiji register (CSV)", got="nothing")
        return []
    except UnicodeDecodeError as error:
        problems.add(path, "", expected="UTF-8", got=f"byte {error.start}: {error.reason}")
        return []
    reader = csv.reader(io.StringIO(text, newline=""))
    header = tuple(next(reader, []))
    if header != COLUMNS:
        problems.add(path, "header", line=1, expected=",".join(COLUMNS), got=",".join(header))
        return []
    rows: list[Gaiji] = []
    seen: dict[str, int] = {}
    for cells in reader:
        row = _row(path, cells, reader.line_num, problems)
        if row is None:
            continue
        if row.code in seen:
            problems.add(
                path, "code", line=reader.line_num, expected="each code once", got=f"line {seen[row.code]} too"
            )
        seen.setdefault(row.code, reader.line_num)
        rows.append(row)
    return rows


def _row(path: Path, cells: list[str], line: int, problems: Problems) -> Gaiji | None:
    if not cells:
        return None
    if len(cells) != len(COLUMNS):
        problems.add(path, "", line=line, expected=f"{len(COLUMNS)} columns", got=str(len(cells)))
        return None
    code, ucs, mj, class_, evidence, decided_by, decided_at, valid_from = cells
    if not (_VENDOR_CODE.match(code) or _UCS_CODE.match(code)):
        problems.add(path, "code", line=line, expected="F040-F9FC, a host code or a private-use U+…", got=code)
    sequence = _sequence(path, ucs, line, problems)
    if not ucs and class_ != "同定不可能" and mj in nameless():
        sequence = nameless()[mj].stand_in
    if mj and not _MJ.match(mj):
        problems.add(path, "mj", line=line, expected="MJ and six digits", got=mj)
    if class_ not in CLASSES:
        problems.unknown(path, "class", class_, CLASSES, line=line)
    if not sequence and class_ != "同定不可能":
        problems.add(path, "ucs", line=line, expected="code points, or class 同定不可能", got=ucs)
    if not decided_by:
        problems.add(path, "decided_by", line=line, expected="the role that decided", got="")
    for name, value in (("decided_at", decided_at), ("valid_from", valid_from)):
        if value and not _DATE.match(value):
            problems.add(path, name, line=line, expected="YYYY-MM-DD", got=value)
    return Gaiji(code, sequence, mj, class_, evidence, decided_by, decided_at, valid_from)


def _sequence(path: Path, ucs: str, line: int, problems: Problems) -> str:
    if not ucs:
        return ""
    if not _SEQUENCE.match(ucs):
        problems.add(path, "ucs", line=line, expected="U+XXXX or U+XXXX U+E01XX", got=ucs)
        return ""
    points = [int(part[2:], 16) for part in ucs.split(" ")]
    private = any(0xE000 <= point <= 0xF8FF or (point >= 0xF0000 and not is_standard(point)) for point in points)
    surrogate = any(0xD800 <= point <= 0xDFFF or point > _MAX_CODE_POINT for point in points)
    selector = len(points) == 2 and not 0xE0100 <= points[1] <= 0xE01EF
    if private or surrogate or selector:
        problems.add(path, "ucs", line=line, expected="a public character, or base and U+E0100-E01EF", got=ucs)
        return ""
    return "".join(map(chr, points))
