"""Repeated rules: a block with ``repeat = "1..12"`` stands for twelve, its number written where ``{n}`` stands."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

from adapters.sdk.numbered import FormError, numbered
from adapters.sdk.problems import Problems
from adapters.sdk.toml import TomlFile

MOST = 200
_RANGE = re.compile(r"([0-9]{1,3})\.\.([0-9]{1,3})\Z")
_TABLES = ("item", "unmapped", "constant", "derived")


def repeated(file: TomlFile, problems: Problems) -> TomlFile:
    """The file with every repeated block written out; each keeps the line of its block.

    ``{n}`` is the number, ``{n:02}`` with zeros on the left, ``{n:wide}`` in full-width digits, ``{n+1}`` another.
    """
    data = dict(file.data)
    headers = dict(file.headers)
    for name in _TABLES:
        blocks = data.get(name)
        if isinstance(blocks, list) and any(isinstance(one, dict) and "repeat" in one for one in blocks):
            data[name], headers[name] = _written_out(file, name, blocks, problems)
    return replace(file, data=data, headers=headers)


def _written_out(file: TomlFile, name: str, blocks: list[Any], problems: Problems) -> tuple[list[Any], tuple[int, ...]]:
    found: list[Any] = []
    lines: list[int] = []
    for index, block in enumerate(blocks):
        line = file.line(name, index)
        if not isinstance(block, dict) or "repeat" not in block:
            found.append(block)
            lines.append(line)
            continue
        match = _RANGE.match(str(block["repeat"]))
        first, last = (int(match[1]), int(match[2])) if match else (1, 0)
        if not first <= last < first + MOST:
            where = f"{name}[{index}].repeat"
            problems.add(file.path, where, line=line, expected='"1..12"', got=str(block["repeat"]))
            continue
        bare = {key: value for key, value in block.items() if key != "repeat"}
        for number in range(first, last + 1):
            found.append(_filled(bare, number, file, line, problems))
            lines.append(line)
    return found, tuple(lines)


def _filled(value: Any, number: int, file: TomlFile, line: int, problems: Problems) -> Any:
    """The value with every ``{n}`` in its texts and keys filled in."""
    if isinstance(value, str):
        try:
            return numbered(value, number)
        except FormError as error:
            problems.add(file.path, "repeat", line=line, expected="{n}, {n:02} or {n:wide}", got=str(error))
            return value
    if isinstance(value, list):
        return [_filled(one, number, file, line, problems) for one in value]
    if isinstance(value, dict):
        return {
            _filled(key, number, file, line, problems): _filled(one, number, file, line, problems)
            for key, one in value.items()
        }
    return value
