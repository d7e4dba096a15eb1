"""Read a TOML table with the line number of every table header and key."""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from adapters.sdk.problems import Problems

_HEADER = re.compile(r"^\s*(\[\[?)\s*([^\]]+?)\s*\]\]?\s*(#.*)?$")


@dataclass(frozen=True, slots=True)
class TomlFile:
    """A parsed file; ``line`` answers where the n-th ``[[table]]`` (or ``[table]``) stands."""

    path: Path
    data: dict[str, Any]
    headers: dict[str, tuple[int, ...]] = field(default_factory=dict)

    def line(self, table: str, index: int = 0) -> int:
        """The line of the ``index``-th header of ``table``, 0 when unknown."""
        lines = self.headers.get(table, ())
        return lines[index] if index < len(lines) else 0

    def tables(self, name: str, problems: Problems) -> list[tuple[int, dict[str, Any]]]:
        """The array of tables ``name`` as (line, table); another shape is a problem and gives nothing."""
        found = self.data.get(name, [])
        if not isinstance(found, list) or not all(isinstance(one, dict) for one in found):
            problems.add(self.path, name, line=self.line(name), expected=f"[[{name}]]", got=type(found).__name__)
            return []
        return [(self.line(name, index), one) for index, one in enumerate(found)]


def read_toml(path: Path, problems: Problems) -> TomlFile | None:
    """Read ``path``; a missing or malformed file is noted in ``problems`` and gives ``None``."""
    try:
        text = path.read_text(encoding="utf-8")
        data = tomllib.loads(text)
    except FileNotFoundError:
        problems.add(path, "", expected="a file", got="nothing")
        return None
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        problems.add(path, "", expected="TOML in UTF-8", got=str(error))
        return None
    headers: dict[str, list[int]] = {}
    for number, line in enumerate(text.splitlines(), start=1):
        match = _HEADER.match(line)
        if match:
            headers.setdefault(match.group(2), []).append(number)
    return TomlFile(path, data, {name: tuple(lines) for name, lines in headers.items()})
