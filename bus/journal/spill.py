"""One multipart body on its way to the disk: fed by the event loop, read and written by a thread."""

from __future__ import annotations

import asyncio
import contextlib
import os
import threading
from collections.abc import Callable
from typing import Final

from bus.core.errors import ChiikibusError
from bus.core.types import Package
from bus.journal.segments import PIECE, SYNC_EVERY, Segments, not_stored
from bus.wire.attachments.limits import PackageLimits
from bus.wire.attachments.package import PackageReader
from bus.wire.attachments.parser import over

HIGH: Final = 1024 * 1024
"""Bytes that may wait for the disk; then the sender is made to wait."""

LOW: Final = 256 * 1024
"""So few waiting bytes let the sender go on."""

MEMORY: Final = 2 * HIGH
"""What one body may take of memory beside its envelope: what waits, and the batch that is being written."""


class Spill:
    """One body. ``pause`` and ``resume`` stop and start the reading of it; ``failed`` is told of the first error.

    Errors of the constructor: CB1052 the Content-Type; of ``feed``, told to ``failed``, and of ``finish``: those of
    ``PackageReader``, and CB4001 when the disk does not take it.
    """

    def __init__(
        self,
        segments: Segments,
        content_type: str,
        *,
        max_root: int,
        expected: int,
        pause: Callable[[], None],
        resume: Callable[[], None],
        failed: Callable[[], None],
    ) -> None:
        settings = segments.settings
        limits = PackageLimits(max_parts=settings.max_parts, max_root=max_root, max_size=settings.max_size)
        if expected > settings.max_size:
            raise over("bytes of the message", settings.max_size)
        self._reader = PackageReader(content_type, limits)
        self._segments = segments
        self._name = segments.new_name()
        self._expected = expected
        self._pause, self._resume, self._failed = pause, resume, failed
        self._loop = asyncio.get_running_loop()
        self._waiting: list[bytes] = []
        self._size = 0
        self._paused = False
        self._task: asyncio.Task[None] | None = None
        self._error: ChiikibusError | None = None
        self._lock = threading.Lock()
        self._descriptor = -1
        self._unsynced = 0
        self._dropped = False

    @property
    def root_size(self) -> int:
        """Bytes of the envelope in memory so far."""
        return len(self._reader.root)

    @property
    def size(self) -> int:
        """Bytes read so far."""
        return self._reader.size

    @property
    def sha256(self) -> str:
        """Digest of the bytes read so far; only when nothing is being written."""
        return self._reader.sha256

    @property
    def paused(self) -> bool:
        """Whether the sender is waiting for the disk."""
        return self._paused

    def feed(self, data: bytes) -> None:
        """Take the next piece; never blocks."""
        if self._error is not None or self._dropped:
            return
        self._waiting.append(data)
        self._size += len(data)
        if self._size > HIGH:
            self._paused = True
            with contextlib.suppress(RuntimeError):  # the transport may have ended
                self._pause()
        if self._task is None:
            self._task = self._loop.create_task(self._work())

    def fail(self, error: ChiikibusError) -> None:
        """Take nothing more; ``finish`` raises ``error``."""
        if self._error is None:
            self._error = error
            self._waiting.clear()
            self._failed()
            self._read_on()

    async def finish(self) -> tuple[Package, bytes]:
        """The package and its envelope, when all of it is durable."""
        if self._task is not None:
            await self._task
        if self._error is None:
            try:
                return await self._loop.run_in_executor(self._segments.pool, self._complete)
            except ChiikibusError as error:
                self._error = error
        self.abort()
        raise self._error

    def abort(self) -> None:
        """Forget everything; the file goes when nobody writes to it any more."""
        if not self._dropped:
            self._dropped = True
            self._waiting.clear()
            self._segments.beside(self._drop)

    async def _work(self) -> None:
        """Batch after batch until nothing waits."""
        try:
            while self._waiting and not self._dropped:
                batch, self._waiting = self._waiting, []
                self._size = 0
                await self._loop.run_in_executor(self._segments.pool, self._write, batch)
                if self._size <= LOW:
                    self._read_on()
        except ChiikibusError as error:
            self.fail(error)
        finally:
            self._task = None

    def _read_on(self) -> None:
        """Let the sender go on."""
        if self._paused:
            self._paused = False
            with contextlib.suppress(RuntimeError):  # the transport may have ended
                self._resume()

    # Below: the threads of the pool, one at a time.

    def _write(self, batch: list[bytes]) -> None:
        with self._lock:
            if self._dropped:
                return
            if self._descriptor < 0:
                self._descriptor = self._segments.create(self._name, self._expected)
            for data in batch:
                for start in range(0, len(data), PIECE):
                    piece = data if len(data) <= PIECE else data[start : start + PIECE]
                    self._reader.feed(piece)
                    self._put(piece)

    def _put(self, data: bytes) -> None:
        """Write all of it. Errors: CB4001."""
        view = memoryview(data)
        try:
            while view:
                view = view[os.write(self._descriptor, view) :]
            self._unsynced += len(data)
            if self._unsynced >= SYNC_EVERY:
                os.fdatasync(self._descriptor)
                self._unsynced = 0
        except OSError as error:
            raise not_stored(error) from error

    def _complete(self) -> tuple[Package, bytes]:
        with self._lock:
            package = self._reader.finish(self._name)
            self._segments.finish(self._descriptor)
            os.close(self._descriptor)
            self._descriptor = -1
            return package, bytes(self._reader.root)

    def _drop(self) -> None:
        with self._lock:
            if self._descriptor >= 0:
                os.close(self._descriptor)
                self._descriptor = -1
            self._segments.remove(self._name)
