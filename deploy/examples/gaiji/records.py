"""The records of the example: notices of a synthetic town, and the same with codes in their names that nobody knows."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent / "tax-juki"), str(HERE.parents[2])]

from townhall import MUNICIPALITY  # noqa: E402 - the paths are set above

from adapters.characters.cp932 import Cp932  # noqa: E402 - the same
from adapters.characters.mj import mj  # noqa: E402 - the same
from adapters.characters.register import load_register  # noqa: E402 - the same
from adapters.characters.units import units  # noqa: E402 - the same
from adapters.population import Town  # noqa: E402 - the same
from adapters.simulators.a_juki import native_file  # noqa: E402 - the same
from adapters.simulators.a_juki_files import IDO  # noqa: E402 - the same
from adapters.simulators.a_tax import read_csv  # noqa: E402 - the same

Version = tuple[str, str, str]
"""宛名番号, 履歴番号, 枝番号."""

DECISIONS: Mapping[str, str] = {
    "F9F1": "MJ022335", "F9F2": "MJ022337", "F9F3": "MJ028902", "F9F4": "MJ025760",
    "F9F5": "MJ026199", "F9F6": "MJ026191", "F9F7": "MJ026193", "F9F8": "MJ030061",
    "F9F9": "MJ013049", "F9FA": "MJ030197", "F9FB": "MJ059833", "F9FC": "MJ030124",
}  # fmt: skip
"""Codes of the register that nobody knows at first, and the glyphs that a person finds them to be."""
SUBSTITUTES = ("\u3013", "?", "\uff1f", "\ufffd", "\u25a1", "\u30fb")
EVERY = 10


@dataclass(frozen=True, slots=True)
class Letter:
    """One notice: its record as the standard has it, the name it must arrive with, and its unknown code if any."""

    version: Version
    household: str
    name: str
    code: str = ""


def version_of(record: Mapping[str, str]) -> Version:
    """Which version of whose record it is."""
    return record["atenabango"], record["rirekibango"], record["rirekibango_eda"]


def letters(count: int, seed: int) -> tuple[list[Letter], bytes]:
    """``count`` notices, and the register's own file of them: an unknown code in the name of every tenth."""
    town = Town.generate(seed=seed, size=max(40, count // 4), municipality=MUNICIPALITY)
    rows = [dict(event.record) for change in town.changes(count) for event in change.events][:count]
    data = b"".join(native_file(rows, MUNICIPALITY, IDO))
    size, rest = divmod(len(data), len(rows) + 2)
    if rest:
        raise ValueError("the register's records are not all of one length")
    lines = [data[start : start + size] for start in range(0, len(data), size)]
    codes, made, spoilt = list(DECISIONS), [], 0
    for at, row in enumerate(rows):
        name, code = row["shimei"], ""
        family = name.partition("\u3000")[0].encode("cp932", "replace")
        if at % EVERY == 0 and family in lines[at + 1] and family[0] > 0x80:
            code = codes[spoilt % len(codes)]
            lines[at + 1] = lines[at + 1].replace(family, bytes.fromhex(code) + family[2:], 1)
            name = carrier(code) + name[1:]
            spoilt += 1
        made.append(Letter(version_of(row), row.get("setaibango", ""), name, code))
    return made, b"".join(lines)


def carrier(code: str) -> str:
    """The text that a decided code stands for."""
    glyph = mj().by_mj(DECISIONS[code])
    if glyph is None:
        raise ValueError(DECISIONS[code])
    return glyph.carrier()


def extend(register: Path) -> None:
    """Give the receiving system codes of its own for these glyphs: rows at the end of its register."""
    rows = []
    for at, (code, name) in enumerate(DECISIONS.items()):
        points = " ".join(f"U+{ord(char):04X}" for char in carrier(code))
        if not in_cp932(carrier(code)):
            rows.append(
                f"F1{0x40 + at:02X},{points},{name},字形一致,外字台帳（合成）,文字同定担当,2025-04-01,2025-04-01"
            )
    register.write_text(register.read_text("utf-8") + "".join(f"{row}\n" for row in rows), encoding="utf-8")


def in_cp932(text: str) -> bool:
    """Whether a character has a code of the standard part."""
    try:
        return bool(text.encode("cp932"))
    except UnicodeEncodeError:
        return False


@dataclass(slots=True)
class Receiver:
    """The receiving vendor's own files, those that it has taken in; each is read once."""

    folder: Path
    register: Path
    _read: dict[str, list[tuple[Version, str]]] = field(default_factory=dict)

    def arrived(self) -> list[tuple[Version, str]]:
        """What they hold, in the order in which they came: whose record, and the name."""
        charset = Cp932(load_register(self.register))
        for path in (self.folder / "done").glob("*.CSV"):
            if path.name not in self._read:
                self._read[path.name] = [
                    (
                        (row["宛名番号"], row["履歴番号"], row["枝番号"]),
                        joined(charset.decode(row["名前（漢字）"].encode("cp932")), row["氏文字数"]),
                    )
                    for row in read_csv(path.read_bytes())
                ]
        return [one for name in sorted(self._read) for one in self._read[name]]


def joined(name: str, family: str) -> str:
    """A name as the standard has it; the vendor keeps it without the first space, and counts the family name."""
    if not family:
        return name
    characters = list(units(name))
    return "".join((*characters[: int(family)], "\u3000", *characters[int(family) :]))


def out_of_order(arrived: Sequence[Version], sent: Sequence[Letter]) -> int:
    """How many records of a person or a household came before an older one of the same."""
    at = {letter.version: number for number, letter in enumerate(sent)}
    latest: dict[str, int] = {}
    wrong = 0
    for version in arrived:
        letter = sent[at[version]]
        lanes = [f"person {version[0]}"] + ([f"household {letter.household}"] if letter.household else [])
        wrong += any(latest.get(lane, -1) > at[version] for lane in lanes)
        for lane in lanes:
            latest[lane] = max(latest.get(lane, -1), at[version])
    return wrong
