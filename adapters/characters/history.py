"""The history of a gaiji register: every decision with who, when and what was before, chained and signed.

One JSON line per decision beside the register (``<register>.history.jsonl``). Each line holds the SHA-256 of the line
before it and an HMAC-SHA256 of itself by the site's key, so that a line that is changed, taken out or put in shows.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from adapters.characters.register import Gaiji, GaijiRegister

DECIDED = "decided"
REVISED = "revised"
WITHDRAWN = "withdrawn"
START = "0" * 64


@dataclass(frozen=True, slots=True)
class Entry:
    """One line. ``scope`` is municipality and system; ``before`` and ``after`` are rows, ``None`` for none."""

    number: int
    at: str
    by: str
    action: str
    scope: str
    before: Gaiji | None
    after: Gaiji | None
    chain: str

    def body(self) -> bytes:
        """What is signed: the line without its signature, keys in order."""
        return json.dumps(asdict(self), ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode()


@dataclass(frozen=True, slots=True)
class Broken:
    """A line that does not hold: its number in the file and why (``format``, ``chain``, ``signature``, ``order``)."""

    line: int
    reason: str


def history_path(register: Path) -> Path:
    """Where the history of a register lies."""
    return register.with_name(register.name + ".history.jsonl")


class History:
    """Reads, extends and verifies one history. ``key`` is the site's secret (32 bytes or more)."""

    def __init__(self, path: Path, key: bytes) -> None:
        if len(key) < 32:
            raise ValueError("a key of at least 32 bytes")
        self._path = path
        self._key = key

    def _lines(self) -> list[bytes]:
        return self._path.read_bytes().splitlines() if self._path.exists() else []

    def line(self, entry: Entry) -> bytes:
        """An entry as it stands in the file, without line end."""
        signed: dict[str, Any] = json.loads(entry.body())
        signed["hmac"] = hmac.new(self._key, entry.body(), hashlib.sha256).hexdigest()
        return json.dumps(signed, ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode()

    def append(self, *, at: str, by: str, scope: str, before: Gaiji | None, after: Gaiji | None) -> Entry:
        """Add a decision durably: the line is on disk before the register changes."""
        lines = self._lines()
        chain = hashlib.sha256(lines[-1]).hexdigest() if lines else START
        action = DECIDED if before is None else WITHDRAWN if after is None else REVISED
        entry = Entry(len(lines) + 1, at, by, action, scope, before, after, chain)
        with self._path.open("ab") as file:
            file.write(self.line(entry) + b"\n")
            file.flush()
            os.fsync(file.fileno())
        return entry

    def entries(self) -> Iterator[Mapping[str, Any]]:
        """The lines as they are, verified or not."""
        for line in self._lines():
            found: dict[str, Any] = json.loads(line)
            yield found

    def verify(self, register: GaijiRegister | None = None) -> tuple[Broken, ...]:
        """Everything that does not hold; with the register also rows that no decision explains (line 0)."""
        broken: list[Broken] = []
        chain = START
        rows: dict[str, Gaiji] = {}
        for number, line in enumerate(self._lines(), 1):
            entry = _entry(line)
            if entry is None:
                broken.append(Broken(number, "format"))
            else:
                if entry.number != number:
                    broken.append(Broken(number, "order"))
                if entry.chain != chain:
                    broken.append(Broken(number, "chain"))
                if not hmac.compare_digest(self.line(entry), line):
                    broken.append(Broken(number, "signature"))
                _apply(rows, entry)
            chain = hashlib.sha256(line).hexdigest()
        if register is not None and {row.code: row for row in register.rows} != rows:
            broken.append(Broken(0, "register"))
        return tuple(broken)


def _apply(rows: dict[str, Gaiji], entry: Entry) -> None:
    if entry.before is not None:
        rows.pop(entry.before.code, None)
    if entry.after is not None:
        rows[entry.after.code] = entry.after


def _entry(line: bytes) -> Entry | None:
    try:
        found = json.loads(line)
        del found["hmac"]
        for name in ("before", "after"):
            found[name] = Gaiji(**found[name]) if found[name] is not None else None
        return Entry(**found)
    except (ValueError, TypeError, KeyError):
        return None
