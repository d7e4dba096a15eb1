"""Exports messages with their seals as evidence: text that is the same, byte for byte, for the same selection.

One JSON object a line, in the order ``docs/keeping.md`` gives; ``deploy/tools/verify_evidence.py`` reads it without any
of this program. What the engine adds (numbers, encryption) is no part of it.
"""

from __future__ import annotations

import base64
import json
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from hashlib import sha256
from typing import Any, Final

from bus.journal.database import Database
from bus.journal.side import Side
from bus.journal.upkeep.records import (
    NOTHING,
    ExchangeRecord,
    StoryRecord,
    deliveries_between,
    digest_of,
    read_exchanges,
    read_stories,
    text_of,
)
from bus.journal.vault import MARK, Vault, opened

FORM: Final = "chiikibus-evidence-1"
_CONDITIONS: Final = {
    "municipality": "e.municipality = ?",
    "operation": "e.operation = ?",
    "sender": "e.sender = ?",
    "since": "e.received_at >= ?",
    "until": "e.received_at < ?",
    "exchange_id": "e.exchange_id = ?",
}


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which messages (empty for any; times are those of reception), and whether their payloads are part of it."""

    municipality: str = ""
    operation: str = ""
    sender: str = ""
    since: float = 0.0
    until: float = 0.0
    exchange_id: str = ""
    bodies: bool = False


@dataclass(slots=True)
class Exported:
    """What was written; ``digest`` is the SHA-256 of the whole, known at its end."""

    messages: int = 0
    deliveries: int = 0
    seals: int = 0
    unsealed: int = 0
    bytes: int = 0
    digest: str = ""


class Exporter:
    """One export, of one moment of the journal. ``keys`` are the public keys of seals: raw bytes by name."""

    def __init__(self, side: Side, keys: Mapping[str, bytes], vault: Vault | None, wanted: Wanted) -> None:
        self._side = side
        self._keys = keys
        self._vault = vault
        self._wanted = wanted
        self.told = Exported()

    def lines(self) -> Iterator[bytes]:
        """The lines, each with its end. Errors: CB4030 a payload cannot be decrypted; those of the engine's library."""
        whole, told = sha256(), self.told
        with self._side.snapshot() as database:
            for value in self._values(database):
                line = _line(value)
                whole.update(line)
                told.bytes += len(line)
                yield line
        counts = {"messages": told.messages, "deliveries": told.deliveries, "seals": told.seals}
        last = _line({"end": counts, "sha256": whole.hexdigest()})
        whole.update(last)
        told.bytes += len(last)
        told.digest = whole.hexdigest()
        yield last

    def _values(self, database: Database) -> Iterator[dict[str, Any]]:
        yield {"form": FORM, "selection": asdict(self._wanted)}
        for name in sorted(self._keys):
            yield {"key": name, "public": base64.b64encode(self._keys[name]).decode()}
        numbers = self._numbers(database)
        ids = {database.execute("SELECT exchange_id FROM exchange WHERE n = ?", (n,)).fetchone()[0] for n in numbers}
        yield from self._seals(database, ids)
        for n in numbers:
            (record,) = read_exchanges(database, n - 1, 1)
            stories = read_stories(database, deliveries_between(database, n, n))
            self.told.messages += 1
            self.told.deliveries += len(stories)
            yield self._message(database, record, stories)

    def _numbers(self, database: Database) -> list[int]:
        asked = asdict(self._wanted)
        chosen = {name: asked[name] for name in _CONDITIONS if asked[name]}
        where = " AND ".join(_CONDITIONS[name] for name in chosen) or "1 = 1"
        rows = database.execute(
            f"SELECT e.n FROM exchange e WHERE {where} ORDER BY e.n",  # noqa: S608 (own text)
            tuple(chosen.values()),
        )
        return [row[0] for row in rows.fetchall()]

    # -- seals ------------------------------------------------------------------------------------------------

    def _seals(self, database: Database, ids: set[str]) -> Iterator[dict[str, Any]]:
        """The chain from the first seal that names a chosen message to the last: those that do with their entries."""
        about = self._about(database, ids)
        if not about:
            return
        following = min(about)
        while following <= max(about):
            row = database.execute(
                "SELECT s, at, previous, number, key, signature, entries FROM seal WHERE s >= ? ORDER BY s LIMIT 1",
                (following,),
            ).fetchone()
            number, at, previous, count, key, signature, packed = tuple(row)
            entries = _unpacked(packed)
            value: dict[str, Any] = {
                "seal": number,
                "at": repr(float(at)),
                "previous": previous,
                "count": count,
                "entries_sha256": digest_of(entries),
                "signed_by": key,
                "signature": base64.b64encode(bytes(signature)).decode(),
            }
            if number in about:
                value["entries"] = entries.decode(errors="replace").split("\n")
            self.told.seals += 1
            following = number + 1
            yield value

    def _about(self, database: Database, ids: set[str]) -> set[int]:
        found, sealed, following = set[int](), set[str](), 0
        while True:
            row = database.execute(
                "SELECT s, entries FROM seal WHERE s > ? ORDER BY s LIMIT 1", (following,)
            ).fetchone()
            if row is None:
                break
            following = row[0]
            for line in _unpacked(row[1]).decode(errors="replace").split("\n"):
                kind, _, rest = line.partition(" ")
                name = rest.partition(" ")[0]
                if kind == "X" and name in ids:
                    sealed.add(name)
                    found.add(following)
                elif kind == "D" and name.rpartition("-")[0] in ids:
                    found.add(following)
        self.told.unsealed = len(ids - sealed)
        return found

    # -- messages ---------------------------------------------------------------------------------------------

    def _message(self, database: Database, record: ExchangeRecord, stories: list[StoryRecord]) -> dict[str, Any]:
        value: dict[str, Any] = {
            "message": record.exchange_id,
            "row": record.text.decode(),
            "body_sha256": record.body,
            "deliveries": [self._delivery(database, story) for story in stories],
        }
        if self._wanted.bodies and record.body != NOTHING:
            (raw,) = database.execute("SELECT raw FROM body WHERE n = ?", (record.n,)).fetchone()
            value["body"] = _base64(opened(self._vault, bytes(raw), record.exchange_id, database))
        return value

    def _delivery(self, database: Database, story: StoryRecord) -> dict[str, Any]:
        value: dict[str, Any] = {
            "delivery": story.delivery_id,
            "events": [event.decode() for event in story.events],
            "row": story.row.decode(),
            "reply_sha256": story.reply,
        }
        if self._wanted.bodies and story.reply != NOTHING:
            status, kind, raw = tuple(
                database.execute("SELECT status, content_type, raw FROM reply WHERE n = ?", (story.n,)).fetchone()
            )
            if bytes(raw).startswith(MARK):
                value["reply_encrypted"] = True
            value["reply_head"] = text_of((status, kind)).decode()
            value["reply"] = _base64(opened(self._vault, bytes(raw), story.delivery_id, database))
        return value


def _unpacked(packed: Any) -> bytes:
    """Entries as they stand; what cannot be unpacked is given as nothing, and then no signature holds over it."""
    try:
        return zlib.decompress(bytes(packed))
    except zlib.error:
        return b""


def _base64(raw: bytes) -> str:
    return base64.b64encode(raw).decode()


def _line(value: Mapping[str, Any]) -> bytes:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode() + b"\n"
