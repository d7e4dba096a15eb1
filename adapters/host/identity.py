"""Keys, canonical lines and digests of records, and message ids that a second reading of a file cannot change."""

from __future__ import annotations

import hashlib
import os
import sqlite3
import tempfile
import uuid
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from adapters.host.store.bulk import Totals
from schemas.model import RecordType

_NAMESPACE = uuid.uuid5(uuid.NAMESPACE_URL, "urn:chiikibus:standard:1.0")
_RIREKI = "rirekibango"
_EDA = "rirekibango_eda"


@dataclass(frozen=True, slots=True)
class Identity:
    """Who a record is about and which state of them it is.

    ``subject`` is the key whose highest (``rireki``, ``eda``) counts; ``event`` is ``<subject>:<rirekibango>``.
    """

    subject: str
    rireki: int
    eda: int
    event: str


def identify(record: RecordType, values: Mapping[str, str]) -> Identity:
    """The identity of a validated record."""
    subject = ":".join(values.get(name, "") for name in record.key)
    rireki = values.get(_RIREKI, "") or "0"
    return Identity(subject, int(rireki), int(values.get(_EDA, "") or 0), f"{subject}:{rireki}")


def canonical_line(record: RecordType, event: str, values: Mapping[str, str]) -> str:
    """The line that stands for a record's content: its key, then each present item in the order of the standard."""
    parts = [event]
    parts += [f"\x1f{item.name}={values[item.name]}" for item in record.items if values.get(item.name)]
    return "".join(parts) + "\n"


def digest(line: str) -> str:
    """SHA-256 of a canonical line, hexadecimal."""
    return hashlib.sha256(line.encode("utf-8")).hexdigest()


class Lines:
    """The canonical lines of a transfer of any size, on the disk below ``folder``, where no other program sees them."""

    def __init__(self, folder: Path) -> None:
        handle, name = tempfile.mkstemp(dir=folder, prefix=".lines")
        os.close(handle)
        self._database = sqlite3.connect(name, isolation_level=None, check_same_thread=False)
        # what a crash leaves of it would be of no use to anybody
        self._database.execute("PRAGMA journal_mode=OFF")
        self._database.execute("PRAGMA synchronous=OFF")
        self._database.execute("CREATE TABLE lines (key TEXT NOT NULL, line TEXT NOT NULL)")
        Path(name).unlink()

    def add(self, lines: Sequence[tuple[str, str]]) -> None:
        """Take (key, canonical line) of more records."""
        self._database.execute("BEGIN")
        self._database.executemany("INSERT INTO lines VALUES (?, ?)", lines)
        self._database.execute("COMMIT")

    def __iter__(self) -> Iterator[tuple[str, str]]:
        """All of them in the order of keys and lines, by code points."""
        return iter(self._database.execute("SELECT key, line FROM lines ORDER BY key, line"))

    def close(self) -> None:
        """Let go of the disk."""
        self._database.close()


def totals(lines: Iterable[tuple[str, str]]) -> Totals:
    """Count, key digest and content digest over (key, canonical line) of all records of a transfer."""
    keys, content = hashlib.sha256(), hashlib.sha256()
    count = 0
    for key, line in lines if isinstance(lines, Lines) else sorted(lines):
        keys.update(f"{key}\n".encode())
        content.update(line.encode("utf-8"))
        count += 1
    return Totals(count, keys.hexdigest(), content.hexdigest())


def uuid_of(*parts: str) -> str:
    """A UUID that the same parts always give."""
    return str(uuid.uuid5(_NAMESPACE, "\x1f".join(parts)))


def message_id_of(*parts: str) -> str:
    """A wsa:MessageID that the same parts always give."""
    return f"urn:uuid:{uuid_of(*parts)}"
