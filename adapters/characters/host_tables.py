"""The tables of the host codings by name: from ICU's data, the standard library, or the vendor's own where given.

Without the vendor's table the standard area is that of the standard library's ``euc_jp`` (JIS X 0208:1990) less the
codes at which the vendor is known to differ: those are refused (CB6021), never guessed.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Mapping
from functools import cache, partial
from pathlib import Path

from adapters.characters.coding import CodeTable, code_table
from adapters.characters.external import read_table
from adapters.characters.resources import data
from bus.core.errors import ConfigurationError
from bus.core.types import Finding

WIDE_SPACE = 0x4040
_FIRST, _LAST = 0xA1, 0xFE
_PRIVATE = 0xE000
# the same mark twice in Unicode: as JIS X 0213 has it, as Microsoft's tables have it
_LOOK_ALIKES = dict(
    zip("\u301c\u2016\u2212\u00a2\u00a3\u00ac\u2014", "\uff5e\u2225\uff0d\uffe0\uffe1\uffe2\u2015", strict=True)
)
PROFILES = ("jis", "ms")

_FILES = {
    "jef": "fujitsu_jef.json",
    "jef-hd": "fujitsu_jef.json",
    "keis78": "hitachi_keis78.json",
    "keis83": "hitachi_keis83.json",
    "jips-j": "nec_jips.json",
    "ebcdic-fujitsu": "fujitsu_ebcdic.json",
    "ebcdik-fujitsu": "fujitsu_ebcdik.json",
    "ebcdic-hitachi": "hitachi_ebcdic.json",
    "ebcdik-hitachi": "hitachi_ebcdik.json",
    "ebcdik-nec": "nec_ebcdik.json",
}
# what stands in for a vendor's single bytes without its table
_BASIS = {"ebcdic-fujitsu": "ibm1027", "ebcdic-hitachi": "ibm1027"}
_IBM = ("ibm290", "ibm8482", "ibm1027", "ibm5123", "ibm300", "ibm16684")


def user_area(rows: range, first: int, start: int = 0) -> dict[int, str]:
    """User codes of ``rows`` x 94 from the low byte ``first`` with the private-use characters from U+E000 + start."""
    return {
        row << 8 | first + cell: chr(_PRIVATE + start + number * 94 + cell)
        for number, row in enumerate(rows)
        for cell in range(94)
    }


def _users(name: str) -> dict[int, str]:
    if name.startswith("jef"):
        return user_area(range(0x80, 0xA1), _FIRST)
    if name.startswith("keis"):
        return user_area(range(0x81, 0xA1), _FIRST)
    if name == "jips-j":
        return user_area(range(0x74, 0x7F), 0x21) | user_area(range(0xE0, 0xFF), _FIRST, 11 * 94)
    return {}


@cache
def _ibm() -> Mapping[str, Mapping[str, str]]:
    tables: dict[str, dict[str, str]] = json.loads(data("ibm.json.xz"))
    return tables


def _ibm_table(name: str) -> CodeTable:
    to_text: dict[int, str] = {}
    never: set[int] = set()
    for shown, text in _ibm()[name].items():
        one_way = len(text) > 1 and text.endswith("<")
        to_text[int(shown, 16)] = text[:-1] if one_way else text
        if one_way:
            never.add(int(shown, 16))
    width = 1 if len(next(iter(_ibm()[name]))) == 2 else 2
    user = {code: text for code, text in to_text.items() if width == 2 and "\ue000" <= text <= "\uf8ff"}
    to_text = {code: text for code, text in to_text.items() if code not in user}
    return code_table(name, width, to_text, never_written=frozenset(never), user=user)


@cache
def doubtful(name: str) -> frozenset[int]:
    """The codes of a vendor's table that the standard does not tell (schemas/characters/host_doubt.csv)."""
    rows = csv.DictReader(data("host_doubt.csv").decode("utf-8").splitlines())
    return frozenset(int(code, 16) for row in rows if row["table"] == name for code in row["codes"].split())


def standard_area(offset: int) -> dict[int, str]:
    """JIS X 0208:1990 by the standard library; codes are those of EUC less ``offset``."""
    found: dict[int, str] = {}
    for row in range(_FIRST, 0xF5):
        for cell in range(_FIRST, _LAST + 1):
            try:
                found[(row << 8 | cell) - offset] = bytes((row, cell)).decode("euc_jp")
            except UnicodeDecodeError:
                continue
    return found


def jis8() -> CodeTable:
    """JIS X 0201 in eight bits: ASCII as Japanese systems use it, half-width kana A1-DF."""
    to_text = {code: chr(code) for code in range(0x80)} | {code: chr(0xFEC0 + code) for code in range(0xA1, 0xE0)}
    return code_table("jis8", 1, to_text)


def _without_vendor(name: str) -> CodeTable:
    doubt = doubtful(name.removesuffix("-hd"))
    if name.startswith("ebc"):
        basis = _ibm_table(_BASIS.get(name, "ibm290"))
        to_text = {code: text for code, text in basis.to_text.items() if code not in doubt}
        return code_table(name, 1, to_text, doubtful=doubt)
    to_text = {
        code: text for code, text in standard_area(0x8080 if name == "jips-j" else 0).items() if code not in doubt
    }
    never = frozenset[int]()
    if name != "jips-j":
        to_text[WIDE_SPACE] = "\u3000"
        never = frozenset({0xA1A1})
    return code_table(name, 2, to_text, never_written=never, user=_users(name), doubtful=doubt)


def with_profile(table: CodeTable, profile: str) -> CodeTable:
    """The table with the seven double marks as the profile wants them, where it does not have both forms."""
    swap = _LOOK_ALIKES if profile == "ms" else {ms: jis for jis, ms in _LOOK_ALIKES.items()}
    there = set(table.to_text.values())
    swap = {old: new for old, new in swap.items() if old in there and new not in there}
    to_text = {code: swap.get(text, text) for code, text in table.to_text.items()}
    to_code = {swap.get(text, text): code for text, code in table.to_code.items()}
    return CodeTable(
        table.name, table.width, to_text, to_code, table.one_way, table.user, table.doubtful, table.refused
    )


def to_ebcdic(table: CodeTable, by: Mapping[int, int]) -> CodeTable:
    """A table whose bytes are carried over one by one (JIPS(E) from JIPS(J)); what has no such byte is left out."""

    def carried(code: int) -> int:
        return by[code >> 8] << 8 | by[code & 0xFF]

    def fits(code: int) -> bool:
        return code >> 8 in by and code & 0xFF in by

    return CodeTable(
        table.name,
        2,
        {carried(code): text for code, text in table.to_text.items() if fits(code)},
        {
            text: carried(int.from_bytes(code)).to_bytes(2)
            for text, code in table.to_code.items()
            if fits(int.from_bytes(code))
        },
        frozenset(carried(code) for code in table.one_way if fits(code)),
        {carried(code): text for code, text in table.user.items() if fits(code)},
        frozenset(carried(code) for code in table.doubtful if fits(code)),
        frozenset(carried(code) for code in table.refused if fits(code)),
    )


@cache
def table(name: str, folder: Path | None, profile: str) -> CodeTable:
    """The table called ``name``; ``folder`` holds the vendors' own tables. ConfigurationError CB6008 for a bad one."""
    found = _makers(folder).get(name, lambda: _vendor(name, folder))()
    return with_profile(found, profile) if profile else found


def _makers(folder: Path | None) -> dict[str, Callable[[], CodeTable]]:
    makers: dict[str, Callable[[], CodeTable]] = {name: partial(_ibm_table, name) for name in _IBM}
    makers["jis8"] = jis8
    makers["jips-e"] = lambda: _jips_e(folder)
    return makers


def _vendor(name: str, folder: Path | None) -> CodeTable:
    if folder is None:
        return _without_vendor(name)
    width = 1 if name.startswith("ebc") else 2
    return read_table(folder, _FILES[name], width, _users(name), selectors=name == "jef-hd")


def _jips_e(folder: Path | None) -> CodeTable:
    if folder is None:
        found = Finding("CB6021", path="characters.tables", expected="the folder of NEC's tables", got="nothing")
        raise ConfigurationError("CB6008", (found,))
    ebcdik = {text: code[0] for text, code in table("ebcdik-nec", folder, "").to_code.items()}
    return to_ebcdic(
        table("jips-j", folder, ""),
        {code: ebcdik[text] for code, text in jis8().to_text.items() if text in ebcdik},
    )
