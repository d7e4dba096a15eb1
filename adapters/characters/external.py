"""Read a vendor's own host table (JSON as jef4j publishes it, CC0) from a folder that the operator names.

Each file is a list of ``{"code", "unicode", "hd", "sp", "options"}`` in hexadecimal: ``hd`` is a Hanyo-Denshi variation
selector, ``sp`` a combining mark. The tables are never part of the product; their source says that they were not
verified on the vendors' machines.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

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
    rows = [(int(row["code"], 16), row, options) for row, options in _rows(folder / file)]
    known = {code for code, _, options in rows if _SECOND_TEXT not in options}
    for code, row, options in sorted(rows, key=lambda one: ("oneway" in one[2], one[0] < _EXTENDED, one[0])):
        if options & _WRITE_ONLY or (_SECOND_TEXT in options and code in known):
            continue
        if "unmappable" in options:
            refused.add(code)
            continue
        if options & _NEVER_WRITTEN:
            never.add(code)
        if options & _SECOND_CHOICE:
            second.add(code)
        text = "".join(chr(int(str(row[key]), 16)) for key in ("unicode", "sp") if row.get(key))
        if row.get("hd") and (selectors or plain.get(text, code) != code or code in second | never):
            text += chr(int(str(row["hd"]), 16))
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


def _rows(path: Path) -> Iterator[tuple[Mapping[str, Any], frozenset[str]]]:
    try:
        rows = json.loads(path.read_text(encoding="utf-8"))
        for row in rows:
            yield row, frozenset(row.get("options", ()))
    except (OSError, ValueError, TypeError, AttributeError) as error:
        found = Finding("CB6008", path=str(path), expected="a host table (JSON)", got=type(error).__name__)
        raise ConfigurationError("CB6008", (found,)) from error
