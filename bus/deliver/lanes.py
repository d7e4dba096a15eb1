"""Ordering lanes: a delivery starts when it is the oldest of all that share any of its ordering keys.

Pure bookkeeping without time or I/O. Every delivery waits only for earlier arrivals, so nothing can wait in a
circle, and a key that is held up holds up nothing but itself.
"""

from __future__ import annotations

import hashlib
import os
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from bus.core.types import FIRST


@dataclass(frozen=True, slots=True)
class BlockedKey:
    """A key whose oldest delivery is held: why, since when (epoch seconds), and how many wait behind it."""

    key_hash: str
    delivery_id: str
    cause: str
    since: float
    count: int


@dataclass(slots=True)
class _Entry:
    id: str
    keys: tuple[str, ...]
    ahead: int = 0
    started: bool = False
    cause: str = ""
    since: float = 0.0
    held: bool = False
    again: bool = False
    first: bool = False


def keyed_hash() -> Callable[[str], str]:
    """A hash of keys under a secret of this process, so that what is shown cannot be turned back into a number."""
    secret = os.urandom(32)
    return lambda key: hashlib.blake2b(key.encode(), key=secret, digest_size=8).hexdigest()


class Lanes:
    """The lanes of one endpoint. An id is waiting, ready, started or held, and leaves with ``finish``."""

    def __init__(self, hash_key: Callable[[str], str] | None = None) -> None:
        self._hash_key = hash_key or keyed_hash()
        self._entries: dict[str, _Entry] = {}
        self._lanes: dict[str, deque[_Entry]] = {}
        self._ready: deque[_Entry] = deque()
        self._again: deque[_Entry] = deque()
        self._first: deque[_Entry] = deque()
        self._held: dict[str, _Entry] = {}

    def __len__(self) -> int:
        return len(self._entries)

    def __contains__(self, delivery_id: str) -> bool:
        return delivery_id in self._entries

    @property
    def any_ready(self) -> bool:
        """Whether something may start."""
        return bool(self._ready or self._again or self._first)

    def add(self, delivery_id: str, keys: Iterable[str], *, again: bool = False) -> bool:
        """Let a delivery join the end of its lanes; false when it is already in them. ``again``: it was sent before.

        The key ``FIRST`` is no lane: it says that the delivery goes before others as soon as its own lanes let it.
        """
        if delivery_id in self._entries:
            return False
        own = dict.fromkeys(keys)
        first = own.pop(FIRST, FIRST) is None
        entry = self._entries[delivery_id] = _Entry(delivery_id, tuple(own), again=again, first=first)
        for key in entry.keys:
            line = self._lanes.get(key)
            if line is None:
                self._lanes[key] = deque((entry,))
            else:
                entry.ahead += 1
                line.append(entry)
        if not entry.ahead:
            self._line_of(entry).append(entry)
        return True

    def start(self, limit: int, fresh: int | None = None) -> list[str]:
        """Take up to ``limit`` deliveries that may start: those that were held once, those that go first, then the
        longest ready.

        Of those that never started at most ``fresh`` are taken.
        """
        started = self._start(self._again, limit)
        left = limit - len(started)
        left = left if fresh is None else min(left, fresh)
        preferred = self._start(self._first, left)
        return started + preferred + self._start(self._ready, left - len(preferred))

    def _start(self, ready: deque[_Entry], limit: int) -> list[str]:
        started: list[str] = []
        while ready and len(started) < limit:
            entry = ready.popleft()
            if entry.held or entry.started or self._entries.get(entry.id) is not entry:
                continue
            entry.started = True
            started.append(entry.id)
        return started

    def _line_of(self, entry: _Entry) -> deque[_Entry]:
        return self._again if entry.again else self._first if entry.first else self._ready

    def put_back(self, delivery_ids: Sequence[str]) -> None:
        """Make started deliveries ready again, ahead of all others and in this order."""
        for delivery_id in reversed(delivery_ids):
            entry = self._entries[delivery_id]
            entry.started = False
            self._line_of(entry).appendleft(entry)

    def hold(self, delivery_id: str, cause: str, since: float) -> None:
        """Keep a delivery at its place without starting it: its keys are blocked until ``release`` or ``finish``."""
        entry = self._entries[delivery_id]
        entry.started, entry.held, entry.cause, entry.since = False, True, cause, since
        self._held[delivery_id] = entry

    def release(self, delivery_id: str) -> None:
        """Let a held delivery go on: it starts as soon as it is the oldest of its keys."""
        entry = self._held.pop(delivery_id, None)
        if entry is None:
            return
        entry.held, entry.again, entry.cause, entry.since = False, True, "", 0.0
        if not entry.ahead:
            self._again.append(entry)

    def finish(self, delivery_id: str) -> None:
        """Take a delivery out, in whatever state it is; those behind it move up."""
        entry = self._entries.pop(delivery_id, None)
        if entry is None:
            return
        self._held.pop(delivery_id, None)
        for key in entry.keys:
            line = self._lanes[key]
            if line[0] is not entry:
                line.remove(entry)
                continue
            line.popleft()
            if line:
                self._move_up(line[0])
            else:
                del self._lanes[key]

    def blocked(self) -> list[BlockedKey]:
        """The keys whose oldest delivery is held, the longest first. Keys appear as keyed hashes."""
        found = [
            BlockedKey(self._hash_key(key), entry.id, entry.cause, entry.since, len(self._lanes[key]) - 1)
            for entry in self._held.values()
            for key in entry.keys
            if self._lanes[key][0] is entry
        ]
        return sorted(found, key=lambda each: (each.since, each.delivery_id))

    def held(self) -> list[str]:
        """The ids of held deliveries."""
        return list(self._held)

    def is_held(self, delivery_id: str) -> bool:
        """Whether this delivery is held."""
        return delivery_id in self._held

    def _move_up(self, entry: _Entry) -> None:
        entry.ahead -= 1
        if not entry.ahead and not entry.held:
            self._line_of(entry).append(entry)
