"""Read a vendor's own host table (JSON as jef4j publishes it, CC0) from a folder that the operator names.

Each file is a list of ``{"code", "unicode", "hd", "sp", "options"}`` in hexadecimal: ``hd`` is a Hanyo-Denshi variation
selector, ``sp`` a combining mark. The tables are never part of the product; their source says that they were not
verified on the vendors' machines.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from adapters.characters.coding import CodeTable, code_table
from bus.core.errors import ConfigurationError
from bus.core.types import Finding

# Rows that only say how another character could be written: reading them back would give something else.
_WRITE_ONLY = frozenset({"encode_only"})
_SECOND_TEXT = "cjk_ci"
_NEVER_WRITTEN = frozenset({"decode_only"})
# the first code of the standard area: its characters come before the extended ones
_EXTENDED = 0xA1A1
_SECOND_CHOICE = frozenset({"oneway", "substitution"})


def read_table(folder: Path, file: str, width: int, user: Mapping[int, str], *, selectors: bool = False) -> CodeTable:
    """The table of ``folder/file``; raises ConfigurationError CB6008 when it is missing or has another shape.

    A variation selector is part of a text where the plain character belongs to another code, or always with
    ``selectors``.
    """
    to_text: dict[int, str] = {}
    plain: dict[str, int] = {}
    refused: set[int] = set()
    never: set[int] = set()
    second: set[int] = set()
    rows = sorted(_rows(folder / file), key=lambda one: ("oneway" in one.options, one.code < _EXTENDED, one.code))
    known = {one.code for one in rows if _SECOND_TEXT not in one.options}
    for row in rows:
        code, options = row.code, row.options
        if options & _WRITE_ONLY or (_SECOND_TEXT in options and code in known):
            continue
        if "unmappable" in options:
            refused.add(code)
            continue
        if options & _NEVER_WRITTEN:
            never.add(code)
        if options & _SECOND_CHOICE:
            second.add(code)
        text = row.text
        if row.selector and (selectors or plain.get(text, code) != code or code in second | never):
            text += row.selector
        elif code not in never:
            plain.setdefault(text, code)
        to_text[code] = text
    return code_table(
        file,
        width,
        to_text,
        never_written=frozenset(never),
        second_choice=frozenset(second),
        user=user,
        refused=frozenset(refused - set(to_text)),
    )


@dataclass(frozen=True, slots=True)
class _Row:
    """A row of the file: ``text`` with its combining mark, ``selector`` or ``""``."""

    code: int
    text: str
    selector: str
    options: frozenset[str]


def _rows(path: Path) -> list[_Row]:
    try:
        return [
            _Row(
                int(row["code"], 16),
                "".join(chr(int(row[key], 16)) for key in ("unicode", "sp") if row.get(key)),
                chr(int(row["hd"], 16)) if row.get("hd") else "",
                frozenset(row.get("options", ())),
            )
            for row in json.loads(path.read_text(encoding="utf-8"))
        ]
    except (OSError, ValueError, TypeError, AttributeError, KeyError, OverflowError) as error:
        found = Finding("CB6008", path=str(path), expected="a host table (JSON)", got=type(error).__name__)
        raise ConfigurationError("CB6008", (found,)) from error
