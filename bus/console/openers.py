"""What the console needs of the site's engines, and threads that work with connections of their own."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from typing import Final, TypeVar

from bus.core.errors import ChiikibusError
from bus.core.ports import JournalReader
from bus.journal.side import Side
from bus.journal.vault import Vault

THREADS: Final = 4
"""Questions that are answered at once. One slow search does not hold up the other pages."""

Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class Openers:
    """How to open the read side and the side that writes; each call gives a new connection. Errors: CB9005, CB4003."""

    reader: Callable[[], JournalReader]
    side: Callable[[], Side]
    vault: Vault | None = None


@dataclass(frozen=True, slots=True)
class Connections:
    """Those of one thread."""

    reader: JournalReader
    side: Side
    vault: Vault | None


class Workers:
    """Runs functions with connections, never in the event loop. After an error of the engine a thread opens others."""

    def __init__(self, openers: Openers) -> None:
        self._openers = openers
        self._pool = ThreadPoolExecutor(THREADS, thread_name_prefix="console")
        self._mine = threading.local()
        self._all: list[Connections] = []
        self._lock = threading.Lock()

    async def run(self, function: Callable[[Connections], Result]) -> Result:
        """The function's result. Errors: the function's own; CB9005, CB4003 when the journal cannot be opened."""
        return await asyncio.get_running_loop().run_in_executor(self._pool, self._in_thread, function)

    def _in_thread(self, function: Callable[[Connections], Result]) -> Result:
        try:
            return function(self._connections())
        except ChiikibusError:
            raise
        except Exception:
            self._give_up()
            raise

    def _connections(self) -> Connections:
        found: Connections | None = getattr(self._mine, "connections", None)
        if found is None:
            reader = self._openers.reader()
            try:
                found = Connections(reader, self._openers.side(), self._openers.vault)
            except BaseException:
                reader.close()
                raise
            self._mine.connections = found
            with self._lock:
                self._all.append(found)
        return found

    def _give_up(self) -> None:
        found: Connections | None = getattr(self._mine, "connections", None)
        self._mine.connections = None
        if found is not None:
            with self._lock:
                self._all.remove(found)
            _close(found)

    def close(self) -> None:
        """Wait for what runs, and close every connection."""
        self._pool.shutdown()
        for each in self._all:
            _close(each)
        self._all.clear()


def _close(connections: Connections) -> None:
    with suppress(Exception):  # a connection that failed need not be closed well
        connections.reader.close()
    with suppress(Exception):  # likewise
        connections.side.close()
