"""住基ネット統一文字コード: 19,563 codes of two bytes, each with the one sequence that stands for it.

A code is not a code point: 5,605 of them would be wrong if read as one. J+845B is U+845B U+E0102, while plain U+845B
belongs to J+B9D5. Codes outside the public list (the non-kanji of the set) are refused.
"""

from __future__ import annotations

import json
from functools import cache

from adapters.characters.coding import CodeTable, code_table
from adapters.characters.resources import data


@cache
def juki_table() -> CodeTable:
    """The table; source: MJ文字情報一覧表 (schemas/characters/NOTICE.md)."""
    columns = json.loads(data("juki.json.xz"))
    codes = [int(code, 16) for code in columns["juki"].split("\n")]
    return code_table("juki", 2, dict(zip(codes, columns["text"].split("\n"), strict=True)))
