"""Line numbers of the keys of a TOML text that ``tomllib`` has already accepted (it reports none itself)."""

from __future__ import annotations

from collections.abc import Mapping

KeyPath = tuple[str | int, ...]

_BARE_END = frozenset(" \t\r\n=.[]{},#\"'")
_VALUE_END = frozenset("\n,]}#")


class _Scanner:
    """Walks over a valid TOML text once and notes where each key and array element begins."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0
        self.line = 1
        self.lines: dict[KeyPath, int] = {}
        self.arrays: dict[KeyPath, int] = {}

    def move(self, to: int) -> None:
        """Go to an offset and keep the line number."""
        self.line += self.text.count("\n", self.at, to)
        self.at = to

    def skip(self, *, newlines: bool = True) -> None:
        """Pass over blanks and comments."""
        text, end, at = self.text, len(self.text), self.at
        blanks = " \t\r\n" if newlines else " \t\r"
        while at < end:
            if text[at] in blanks:
                at += 1
            elif text[at] == "#" and newlines:
                found = text.find("\n", at)
                at = end if found < 0 else found
            else:
                break
        self.move(at)

    def string(self) -> str:
        """Pass over a string of any of the four kinds; the text between its quotes."""
        text, start = self.text, self.at
        quote = text[start]
        triple = text.startswith(quote * 3, start)
        mark = quote * 3 if triple else quote
        at = start + len(mark)
        while not text.startswith(mark, at):
            at += 2 if text[at] == "\\" and quote == '"' else 1
        inner = text[start + len(mark) : at]
        at += len(mark)
        while triple and text.startswith(quote, at):  # up to two quotes may stand before the closing three
            at += 1
        self.move(at)
        return inner

    def key(self) -> list[str]:
        """A dotted key."""
        parts: list[str] = []
        while True:
            self.skip(newlines=False)
            if self.text[self.at] in "\"'":
                parts.append(self.string())
            else:
                start = self.at
                while self.text[self.at] not in _BARE_END:
                    self.at += 1
                parts.append(self.text[start : self.at])
            self.skip(newlines=False)
            if self.text[self.at] != ".":
                return parts
            self.at += 1

    def value(self, path: KeyPath) -> None:
        """Pass over a value and note what lies inside it."""
        self.lines.setdefault(path, self.line)
        first = self.text[self.at]
        if first in "\"'":
            self.string()
        elif first == "[":
            self.inside(path, "]")
        elif first == "{":
            self.inside(path, "}")
        else:
            at = self.at
            while at < len(self.text) and self.text[at] not in _VALUE_END:
                at += 1
            self.move(at)

    def inside(self, path: KeyPath, closing: str) -> None:
        """The elements of an array or the pairs of an inline table."""
        self.at += 1
        index = 0
        while True:
            self.skip()
            if self.text[self.at] == ",":
                self.at += 1
            elif self.text[self.at] == closing:
                self.at += 1
                return
            elif closing == "]":
                self.value((*path, index))
                index += 1
            else:
                self.pair(path)

    def pair(self, path: KeyPath) -> None:
        """``key = value`` below ``path``."""
        line = self.line
        full = (*path, *self.key())
        for depth in range(len(path) + 1, len(full) + 1):
            self.lines.setdefault(full[:depth], line)
        self.at += 1
        self.skip(newlines=False)
        self.value(full)

    def header(self) -> KeyPath:
        """``[table]`` or ``[[array of tables]]``; the path of what follows."""
        line = self.line
        array = self.text.startswith("[[", self.at)
        self.at += 2 if array else 1
        keys = self.key()
        self.at += 2 if array else 1
        path: KeyPath = ()
        for number, part in enumerate(keys, 1):
            path = (*path, part)
            if array and number == len(keys):
                self.lines.setdefault(path, line)
                self.arrays[path] = self.arrays.get(path, -1) + 1
            if path in self.arrays:
                path = (*path, self.arrays[path])
        self.lines.setdefault(path, line)
        return path

    def run(self) -> dict[KeyPath, int]:
        """Scan the whole text."""
        below: KeyPath = ()
        while True:
            self.skip()
            if self.at >= len(self.text):
                return self.lines
            if self.text[self.at] == "[":
                below = self.header()
            else:
                self.pair(below)


def key_lines(text: str) -> Mapping[KeyPath, int]:
    """The line (from 1) of every key path; array elements by index, as in ``("endpoint", 2, "unit")``."""
    return _Scanner(text).run()


def path_text(path: KeyPath) -> str:
    """``endpoint[2].unit`` for ``("endpoint", 2, "unit")``."""
    text = ""
    for part in path:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else part
    return text
