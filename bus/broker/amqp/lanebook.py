"""Which lane a delivery takes: messages that share an ordering key are never in two lanes at the same time.

Pure bookkeeping. A key belongs to a lane as long as something with it is under way; a message whose keys belong to
two lanes waits until one of them is free, and whatever shares a key with a waiting message waits behind it. So every
lane may have a consumer of its own, and the order of each key is still that of acceptance.
"""

from __future__ import annotations

import hashlib
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field

from bus.core.types import FIRST


@dataclass(slots=True)
class _Entry:
    id: str
    keys: tuple[str, ...]
    lane: int = -1


@dataclass(slots=True)
class _Key:
    """``under_way`` messages with this key are in ``lane``; those in ``waiting`` come after them."""

    lane: int = -1
    under_way: int = 0
    waiting: deque[_Entry] = field(default_factory=deque)


def natural_lane(text: str, lanes: int) -> int:
    """The lane of a key when nothing binds it: the same in every process and on every day."""
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "big") % lanes


class LaneBook:
    """The lanes of one endpoint, 0 to ``lanes - 1``."""

    def __init__(self, lanes: int) -> None:
        self.lanes = lanes
        self._entries: dict[str, _Entry] = {}
        self._keys: dict[str, _Key] = {}

    def __len__(self) -> int:
        return len(self._entries)

    def add(self, delivery_id: str, keys: Iterable[str]) -> int | None:
        """The lane of a new delivery, ``None`` while it has to wait for one."""
        if self.lanes == 1:
            return 0
        entry = _Entry(delivery_id, tuple(key for key in dict.fromkeys(keys) if key != FIRST))
        self._entries[delivery_id] = entry
        if self._assign(entry, first=True):
            return entry.lane
        for key in entry.keys:
            self._keys.setdefault(key, _Key()).waiting.append(entry)
        return None

    def settle(self, delivery_id: str) -> list[tuple[str, int]]:
        """A delivery is done: those that now have a lane, in their order, with it."""
        entry = self._entries.pop(delivery_id, None)
        if entry is None:
            return []
        candidates: list[_Entry] = []
        for key in entry.keys:
            state = self._keys[key]
            if entry.lane < 0:
                state.waiting.remove(entry)
            else:
                state.under_way -= 1
                if not state.under_way:
                    state.lane = -1
            if state.waiting:
                candidates.append(state.waiting[0])
            elif not state.under_way:
                del self._keys[key]
        return self._freed(candidates)

    def _freed(self, candidates: list[_Entry]) -> list[tuple[str, int]]:
        freed: list[tuple[str, int]] = []
        queue = deque(candidates)
        while queue:
            entry = queue.popleft()
            if entry.lane >= 0 or not self._assign(entry, first=False):
                continue
            freed.append((entry.id, entry.lane))
            for key in entry.keys:
                state = self._keys[key]
                state.waiting.popleft()
                if state.waiting:
                    queue.append(state.waiting[0])
        return freed

    def _assign(self, entry: _Entry, *, first: bool) -> bool:
        """Give the entry a lane, if its keys allow one. ``first``: it is new, so any waiting one is before it."""
        bound: set[int] = set()
        for key in entry.keys:
            state = self._keys.get(key)
            if state is None:
                continue
            if state.waiting and (first or state.waiting[0] is not entry):
                return False
            if state.under_way:
                bound.add(state.lane)
        if len(bound) > 1:
            return False
        entry.lane = bound.pop() if bound else natural_lane(entry.keys[0] if entry.keys else entry.id, self.lanes)
        for key in entry.keys:
            state = self._keys.setdefault(key, _Key())
            state.lane, state.under_way = entry.lane, state.under_way + 1
        return True
