"""Copies the write-ahead log back into the journal's file beside the writer, so that nobody waits for it."""

from __future__ import annotations

import contextlib
import os
import sqlite3
import threading
from pathlib import Path
from typing import Final

from bus.journal.schema import Connect

IDLE_BYTES: Final = 1 << 20
"""In a gap the log is copied back when about this much was written since the last time."""

BUSY_BYTES: Final = 8 << 20
"""Without a gap it is copied back in portions of this size."""

LOG_BYTES: Final = 48 << 20
"""At this size the writer itself copies what the helper left, so that the log begins anew and stays bounded."""


LOG_ROOM: Final = 64 << 20
"""Room given to the log of a bus before it starts: the log of a busy hour does not outgrow it by much."""

_PORTION: Final = 1 << 20


def make_room(path: Path, size: int) -> None:
    """Lengthen the log of the open journal at ``path`` to ``size`` bytes with zeros, which SQLite reads as its end.

    A commit that overwrites is durable with the data alone; one that lengthens the file also waits for the file
    system's own journal, which everything else on the disk writes to. Appended to the end, the zeros harm nothing
    that another connection writes meanwhile. Where the disk has no room nothing is lost.
    """
    log = path.with_name(path.name + "-wal")
    with contextlib.suppress(OSError):
        present = log.stat().st_size if log.is_file() else 0
        if present >= size:
            return
        log.touch(mode=0o600, exist_ok=True)
        with log.open("ab") as file:
            for start in range(present, size, _PORTION):
                file.write(bytes(min(_PORTION, size - start)))
            file.flush()
            os.fsync(file.fileno())


class Checkpointer:
    """A thread with a connection of its own. ``wanted`` is asked by the writer after each batch.

    A checkpoint beside a busy writer never quite reaches the end of the log; only when it does is the log reused
    from its beginning. So the helper does nearly all of the work and the writer, now and then, the small rest.
    """

    def __init__(self, path: Path, make: Connect) -> None:
        self._path = path
        self._make = make
        self._wake = threading.Event()
        self._thread: threading.Thread | None = None
        self._ending = False
        self._running = False
        self._since = 0
        self._log = 0

    def start(self) -> None:
        """Start the thread; does nothing when it runs."""
        if self._thread is not None:
            return
        self._ending = self._running = False
        self._thread = threading.Thread(target=self._run, name="journal-checkpoint", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End the thread; waits for a checkpoint under way."""
        if self._thread is not None:
            self._ending = True
            self._wake.set()
            self._thread.join()
            self._thread = None

    def written(self, size: int) -> None:
        """The writer added about ``size`` bytes to the log."""
        self._since += size
        self._log += size

    def tend(self, writer: sqlite3.Connection, *, idle: bool) -> None:
        """Have the log copied back if it is time. Called by the writer between batches."""
        if self._running:
            return
        if self._log >= LOG_BYTES:
            self._log = self._since = 0
            writer.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchall()
        elif self._since >= (IDLE_BYTES if idle else BUSY_BYTES):
            self._since = 0
            self._running = True
            self._wake.set()

    def _run(self) -> None:
        with contextlib.suppress(sqlite3.Error, OSError), contextlib.closing(self._make(self._path)) as connection:
            while True:
                self._wake.wait()
                self._wake.clear()
                if self._ending:
                    return
                with contextlib.suppress(sqlite3.Error):
                    connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchall()
                self._running = False
