"""An item table: one CSV line per item instead of tables in TOML, for the layout and for the mapping at once.

Columns (``vendor``, ``standard``, ``conversion`` and ``reason`` always, the others where they are needed):

``vendor``      name of the vendor's item; several joined by ``+`` share one conversion
``type`` ``bytes`` ``pad`` ``path`` ``json`` ``usage`` ``digits`` ``scale`` ``sign`` ``blank`` ``keep_zeros``   the
                field of the layout, as in ``[[field]]`` (``keep_zeros``: yes)
``standard``    name of the standard's item; several joined by ``+``
``conversion`` ``options`` ``loss``            as in ``[[item]]``; options are ``name=value`` separated by ``;``.
                ``mapping`` says that the item's rule stands in the mapping's TOML
``constant``    the value that the only named side always has
``reason``      why an item stands alone (``[[unmapped]]``, ``[[constant]]``), or a note to a pair

What a line cannot say (cases, steps, defaults, repeated blocks) stands in the mapping's TOML beside the table.
"""

from __future__ import annotations

import csv
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final

from adapters.sdk.problems import Problems
from adapters.sdk.toml import TomlFile

COLUMNS: Final = (
    "vendor",
    "type",
    "bytes",
    "pad",
    "path",
    "json",
    "usage",
    "digits",
    "scale",
    "sign",
    "blank",
    "keep_zeros",
    "standard",
    "conversion",
    "options",
    "loss",
    "constant",
    "reason",
)
NEEDED: Final = ("vendor", "standard", "conversion", "reason")
KEY: Final = "table"
_JOIN: Final = "+"
_FIELD: Final = ("type", "pad", "path", "json", "usage", "sign", "blank")
_NUMBERS: Final = ("bytes", "digits", "scale")
_FLAG: Final = "keep_zeros"
_ELSEWHERE: Final = "mapping"


@dataclass(slots=True)
class _Tables:
    """Array tables in the making, each with the line it comes from."""

    rows: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    lines: dict[str, list[int]] = field(default_factory=dict)

    def add(self, name: str, line: int, row: dict[str, Any]) -> None:
        """One more table ``[[name]]``."""
        self.rows.setdefault(name, []).append(row)
        self.lines.setdefault(name, []).append(line)


def with_fields(file: TomlFile, problems: Problems) -> TomlFile:
    """The file of a layout with the ``[[field]]`` tables of its item table, if it names one."""
    found = _Tables()
    path, rows = _table(file, "layout", ("field",), problems)
    for line, row in rows:
        for name in _names(row["vendor"]):
            one: dict[str, Any] = {"name": name} | {key: row[key] for key in _FIELD if row.get(key)}
            for key in _NUMBERS:
                text = row.get(key, "")
                if text.isascii() and text.isdigit():
                    one[key] = int(text)
                elif text:
                    problems.add(path or file.path, f"{name}.{key}", line=line, expected="a number", got=text)
            if row.get(_FLAG):
                one[_FLAG] = row[_FLAG] == "yes"
            found.add("field", line, one)
    return _joined(file, "layout", path, found)


def with_rules(file: TomlFile, problems: Problems) -> TomlFile:
    """The file of a mapping with the rules of its item table, if it names one, before those that it has itself."""
    found = _Tables()
    path, rows = _table(file, "mapping", (), problems)
    for line, row in rows:
        if row["conversion"] == _ELSEWHERE:
            continue
        _rule(path or file.path, line, row, found, problems)
    for name in ("item", "unmapped", "constant", "derived") if path is not None else ():
        blocks = file.data.get(name, [])
        for index, block in enumerate(blocks if isinstance(blocks, list) else ()):
            found.add(name, file.line(name, index), block)
    return _joined(file, "mapping", path, found)


def _rule(path: Path, line: int, row: dict[str, str], found: _Tables, problems: Problems) -> None:
    vendor, standard = _names(row["vendor"]), _names(row["standard"])
    more = {"loss": row["loss"]} if row.get("loss") else {}
    if vendor and standard:
        rule: dict[str, Any] = {"vendor": vendor, "standard": standard, "conversion": row["conversion"], **more}
        if row.get("options"):
            rule["options"] = _options(path, line, row["options"], problems)
        if row["reason"]:
            rule["note"] = row["reason"]
        found.add("item", line, rule)
        return
    side, names = ("vendor", vendor) if vendor else ("standard", standard)
    if not names:
        problems.add(path, f"line {line}", line=line, expected="an item of the vendor or the standard", got="neither")
    elif row.get("constant"):
        one = {"side": side, "item": names[0], "value": row["constant"], "reason": row["reason"], **more}
        found.add("constant", line, one)
    else:
        found.add("unmapped", line, {"side": side, "items": names, "reason": row["reason"], **more})


def _options(path: Path, line: int, text: str, problems: Problems) -> dict[str, Any]:
    options: dict[str, Any] = {}
    for part in text.split(";"):
        name, mark, value = part.partition("=")
        if not mark or not name:
            problems.add(path, "options", line=line, expected="name=value;...", got=part)
        options[name] = int(value) if name == "width" and value.isdigit() else value
    return options


def _names(text: str) -> list[str]:
    return [name for name in text.split(_JOIN) if name]


def _table(
    file: TomlFile, head: str, instead_of: tuple[str, ...], problems: Problems
) -> tuple[Path | None, list[tuple[int, dict[str, str]]]]:
    """Path and rows of the item table that ``[head]`` names; no path where it names none or it cannot be read."""
    section = file.data.get(head)
    name = section.get(KEY) if isinstance(section, dict) else None
    if name is None:
        return None, []
    line = file.line(head)
    for other in instead_of:
        if other in file.data:
            problems.add(file.path, other, line=file.line(other), expected=f"either {KEY} or [[{other}]]", got="both")
    path = file.path.parent.parent / str(name)
    if path.suffix != ".csv" or not path.is_file():
        problems.add(file.path, f"{head}.{KEY}", line=line, expected="a CSV file below the folder", got=str(name))
        return None, []
    try:
        lines = csv.reader(path.read_text(encoding="utf-8").splitlines())
    except UnicodeDecodeError:
        problems.add(path, "", expected="UTF-8", got="another encoding")
        return None, []
    header = next(lines, [])
    for column in header:
        if column not in COLUMNS:
            problems.unknown(path, column, column, COLUMNS, line=1)
    if missing := [column for column in NEEDED if column not in header]:
        problems.add(path, "", line=1, expected=f"columns {', '.join(missing)}", got="none of that name")
        return None, []
    rows: list[tuple[int, dict[str, str]]] = []
    for row in lines:
        if len(row) != len(header):
            expected, got = f"{len(header)} columns", f"{len(row)}"
            problems.add(path, f"line {lines.line_num}", line=lines.line_num, expected=expected, got=got)
        else:
            rows.append((lines.line_num, dict(zip(header, row, strict=True))))
    return path, rows


def _joined(file: TomlFile, head: str, path: Path | None, found: _Tables) -> TomlFile:
    """The file with more tables in place of the one named; problems of a row name the table's file and line."""
    if path is None:
        return file
    headers = {**file.headers, **{name: tuple(lines) for name, lines in found.lines.items()}}
    section = {key: value for key, value in file.data[head].items() if key != KEY}
    return replace(file, path=path, data={**file.data, head: section, **found.rows}, headers=headers)
