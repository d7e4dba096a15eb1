"""Typed access to one TOML file that collects every problem instead of stopping at the first."""

from __future__ import annotations

import difflib
import re
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from bus.core.config.places import KeyPath, key_lines, path_text
from bus.core.types import Finding

UNREADABLE, UNKNOWN_KEY, WRONG_VALUE, MISSING = "CB7010", "CB7011", "CB7012", "CB7013"
UNKNOWN_NAME, TWICE, CONTRADICTION = "CB7014", "CB7015", "CB7024"


def nearest(name: str, known: Iterable[str]) -> str:
    """The known name that looks most like ``name``, or an empty text."""
    found = difflib.get_close_matches(name, sorted(known), n=1, cutoff=0.5)
    return found[0] if found else ""


def one_of(name: str, known: Iterable[str], what: str) -> str:
    """Text for ``Finding.expected``: the nearest known name, or the list when it is short."""
    names = sorted(known)
    near = nearest(name, names)
    if near:
        return f"{near}?"
    return " | ".join(names) if names and len(names) <= 12 else what


class Document:
    """One file of the site folder: its data, the lines of its keys and where findings go."""

    def __init__(self, path: Path, findings: list[Finding], *, required: bool = True) -> None:
        self.name = path.name
        self.findings = findings
        self.raw = b""
        self.data: dict[str, Any] = {}
        self.lines: Mapping[KeyPath, int] = {}
        self.readable = True
        before = len(findings)
        self._read(path, required=required)
        self.readable = len(findings) == before

    def _read(self, path: Path, *, required: bool) -> None:
        """Fill ``raw`` and ``data``, or leave a finding."""
        findings = self.findings
        try:
            self.raw = path.read_bytes()
        except FileNotFoundError:
            if required:
                findings.append(Finding(UNREADABLE, path=self.name, expected="file", got="missing"))
            return
        except OSError as error:
            findings.append(Finding(UNREADABLE, path=self.name, expected="readable file", got=type(error).__name__))
            return
        self._parse()

    def _parse(self) -> None:
        """Decode and parse; a text that is not TOML is one finding with its line."""
        try:
            text = self.raw.decode("utf-8-sig")
        except UnicodeDecodeError as error:
            line = self.raw.count(b"\n", 0, error.start) + 1
            self.findings.append(
                Finding(UNREADABLE, path=self.name, line=line, expected="UTF-8", got=f"byte {error.start}")
            )
            return
        text = text.replace("\r\n", "\n")
        try:
            self.data = tomllib.loads(text)
        except tomllib.TOMLDecodeError as error:
            found = re.search(r"at line (\d+)", str(error))
            line = int(found.group(1)) if found else text.count("\n") + 1
            self.findings.append(Finding(UNREADABLE, path=self.name, line=line, expected="TOML", got=str(error)))
            return
        self.lines = key_lines(text)

    def report(self, code: str, path: KeyPath, *, expected: str = "", got: str = "") -> None:
        """Add a finding at ``path``; what an unreadable file lacks is not a finding of its own."""
        if not self.readable:
            return
        line, part = 0, path
        while part and not line:
            line = self.lines.get(part, 0)
            part = part[:-1]
        where = f"{self.name}: {path_text(path)}" if path else self.name
        self.findings.append(Finding(code, path=where, line=line, expected=expected, got=got))

    def root(self) -> Table:
        """The whole file as a table."""
        return Table(self, self.data, ())


class Table:
    """A TOML table whose keys are asked for by type; what nobody asked for is an unknown key."""

    def __init__(self, document: Document, data: Mapping[str, Any], path: KeyPath) -> None:
        self.document = document
        self.path = path
        self._data = data
        self._asked: set[str] = set()

    def report(self, code: str, key: str = "", *, expected: str = "", got: str = "") -> None:
        """Add a finding at ``key`` of this table, or at the table itself."""
        self.document.report(code, (*self.path, key) if key else self.path, expected=expected, got=got)

    def _get(self, key: str, kind: type | tuple[type, ...], expected: str, *, required: bool) -> Any:
        """The value when it is there and of the right type, else ``None`` with a finding where one is due."""
        self._asked.add(key)
        value = self._data.get(key)
        if value is None:
            if required:
                self.report(MISSING, key, expected=expected)
            return None
        if not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool):
            self.report(WRONG_VALUE, key, expected=expected, got=repr(value)[:60])
            return None
        return value

    def has(self, key: str) -> bool:
        """Whether the key is there."""
        return key in self._data

    def text(self, key: str, default: str = "", *, required: bool = False) -> str:
        """A text; an empty one counts as missing where it is required."""
        value = self._get(key, str, "text", required=required)
        if value == "" and required:
            self.report(MISSING, key, expected="text")
        return default if value is None else str(value)

    def choice(self, key: str, known: Iterable[str], default: str) -> str:
        """A text out of ``known``."""
        value = self.text(key, default)
        if value not in (names := list(known)):
            self.report(WRONG_VALUE, key, expected=one_of(value, names, ""), got=value)
            return default
        return value

    def number(self, key: str, default: float, *, least: float = 0.0, most: float = float("inf")) -> float:
        """A number between ``least`` and ``most``, both included."""
        value = self._get(key, (int, float), "number", required=False)
        if value is None:
            return default
        if not least <= value <= most:
            self.report(WRONG_VALUE, key, expected=f"{least:g} .. {most:g}", got=f"{value:g}")
            return default
        return float(value)

    def integer(self, key: str, default: int, *, least: int = 0, most: int = 2**53) -> int:
        """A whole number between ``least`` and ``most``, both included."""
        value = self._get(key, int, "whole number", required=False)
        if value is None:
            return default
        if not least <= value <= most:
            self.report(WRONG_VALUE, key, expected=f"{least} .. {most}", got=str(value))
            return default
        return int(value)

    def flag(self, key: str, *, default: bool) -> bool:
        """true or false."""
        value = self._get(key, bool, "true | false", required=False)
        return default if value is None else bool(value)

    def texts(self, key: str, *, required: bool = False) -> tuple[str, ...]:
        """A list of texts."""
        value = self._get(key, list, 'list of texts, as in ["tax"]', required=required)
        if value is None:
            return ()
        kept: list[str] = []
        for number, item in enumerate(value):
            if isinstance(item, str) and item:
                kept.append(item)
            else:
                self.document.report(WRONG_VALUE, (*self.path, key, number), expected="text", got=repr(item)[:60])
        return tuple(kept)

    def table(self, key: str) -> Table:
        """A table below this one; an empty one when it is absent."""
        value = self._get(key, dict, "table", required=False)
        return Table(self.document, value or {}, (*self.path, key))

    def raw_table(self, key: str) -> dict[str, Any]:
        """A table whose keys are somebody else's."""
        value = self._get(key, dict, "table", required=False)
        return dict(value or {})

    def tables(self, key: str, *, required: bool = False) -> Iterator[Table]:
        """The tables of a list, in order."""
        value = self._get(key, list, "list of tables", required=required)
        for number, item in enumerate(value or ()):
            path = (*self.path, key, number)
            if isinstance(item, dict):
                yield Table(self.document, item, path)
            else:
                self.document.report(WRONG_VALUE, path, expected="table", got=repr(item)[:60])

    def finish(self) -> None:
        """Report every key that nobody asked for."""
        for key in self._data:
            if key not in self._asked:
                self.report(UNKNOWN_KEY, key, expected=one_of(key, self._asked, ""), got=key)
