"""The folder of segments: bytes of messages with attachments, one file each, owned by the row that names it.

A file is written and synced before the row, and has no owner until then: what is refused is removed at once, and what
a sudden end left behind by the next sweep. Names are the bus's own; nothing that a sender wrote becomes a path.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import re
import time
from collections.abc import Callable, Container, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final

from bus.core.budget import Budget
from bus.core.errors import JournalError, WireError
from bus.core.settings import AttachmentSettings
from bus.core.types import Finding, Package

PIECE: Final = 256 * 1024
"""Bytes read or written at a time."""

SYNC_EVERY: Final = 16 * 1024 * 1024
"""So many bytes may wait for the disk: the journal's own sync is not held up by a large file."""

THREADS: Final = 4
"""Files written or read at the same moment; more wait for their turn."""

ORPHAN_S: Final = 3600.0
"""A file that no row names and that nobody has written to for this long belongs to nobody."""

_NAME: Final = re.compile(r"[0-9a-f]{32}\.mime")


class Segments:
    """The segments of a site. ``make_id`` gives 32 hexadecimal digits that were never used."""

    def __init__(self, settings: AttachmentSettings, make_id: Callable[[], str]) -> None:
        self.settings = settings
        self.pool = ThreadPoolExecutor(THREADS, thread_name_prefix="segment")
        self._make_id = make_id
        self.budget = Budget(settings.max_in_flight)

    def new_name(self) -> str:
        """A name for a segment to be written."""
        return f"{self._make_id()}.mime"

    def path(self, name: str) -> Path:
        """Where a segment is; only names of our own have a place. Errors: CB1058."""
        if _NAME.fullmatch(name) is None:
            raise missing("name")
        return self.settings.folder / name

    def create(self, name: str, expected: int) -> int:
        """A descriptor to write a new segment. Errors: CB4001 no room, or what the disk says."""
        folder = self.settings.folder
        try:
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            self._check_room(expected)
            return os.open(self.path(name), os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise not_stored(error) from error

    def finish(self, descriptor: int) -> None:
        """Everything written, and that the file exists, is on the disk when this returns. Errors: CB4001."""
        try:
            os.fsync(descriptor)
            folder = os.open(self.settings.folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
            try:
                os.fsync(folder)
            finally:
                os.close(folder)
        except OSError as error:
            raise not_stored(error) from error

    def remove(self, name: str) -> None:
        """Remove a segment that no row names; nothing happens when there is none."""
        with contextlib.suppress(OSError, WireError):
            self.path(name).unlink(missing_ok=True)

    def discard(self, package: Package) -> None:
        """Remove the segment of a package unless a row holds it; the file goes beside the event loop."""
        if not package.kept and package.name:
            self.beside(self.remove, package.name)

    def beside(self, work: Callable[..., None], *arguments: object) -> None:
        """Have something done by the pool; after the end of the folder it is left to the next start."""
        with contextlib.suppress(RuntimeError):
            self.pool.submit(work, *arguments)

    def sweep(self, known: Container[str], *, idle_s: float = 0.0) -> int:
        """Remove files that are not ``known`` and were not written to for ``idle_s``; how many these were."""
        removed = 0
        latest = time.time() - idle_s
        for entry in self._files():
            with contextlib.suppress(OSError):
                if entry.name not in known and entry.stat(follow_symlinks=False).st_mtime <= latest:
                    Path(entry.path).unlink()
                    removed += 1
        return removed

    def close(self) -> None:
        """Wait for what is being written or removed."""
        self.pool.shutdown(wait=True)

    def _check_room(self, expected: int) -> None:
        """Errors: OSError when writing this much would leave too little to the journal."""
        disk = os.statvfs(self.settings.folder)
        if disk.f_bavail * disk.f_frsize - expected < self.settings.min_free:
            raise OSError(errno.ENOSPC, "too little room is left")

    def _files(self) -> Iterator[os.DirEntry[str]]:
        """Our own files of the folder; others are left alone."""
        try:
            with os.scandir(self.settings.folder) as entries:
                yield from (entry for entry in entries if _NAME.fullmatch(entry.name))
        except FileNotFoundError:
            return


class SegmentReading:
    """A segment read from its start, piece by piece, and compared with what was stored.

    The last piece is given only when the whole has the stored size and digest: a receiver never gets a complete
    message that is not the one that was accepted. Used by one thread at a time. Errors: CB1058.
    """

    def __init__(self, segments: Segments, package: Package) -> None:
        self._package = package
        self._digest = hashlib.sha256()
        self._left = package.size
        try:
            self._descriptor = os.open(segments.path(package.name), os.O_RDONLY | os.O_CLOEXEC)
        except OSError as error:
            raise missing(errno.errorcode.get(error.errno or 0, "")) from error
        if os.fstat(self._descriptor).st_size != package.size:
            self.close()
            raise missing("size")

    def piece(self) -> bytes:
        """The next bytes, nothing at the end."""
        if not self._left:
            return b""
        try:
            data = os.read(self._descriptor, min(PIECE, self._left))
        except OSError as error:
            raise missing(errno.errorcode.get(error.errno or 0, "")) from error
        self._left -= len(data)
        self._digest.update(data)
        if not data or (not self._left and self._digest.hexdigest() != self._package.sha256):
            raise missing("digest")
        return data

    def close(self) -> None:
        """Give the file back; may be called twice."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1


def missing(why: str) -> WireError:
    """CB1058: what was stored is not there, or is not what was stored."""
    return WireError("CB1058", [Finding("CB1058", path="attachments", got=why)])


def not_stored(error: OSError) -> JournalError:
    """CB4001 with the kind of failure."""
    why = errno.errorcode.get(error.errno or 0, type(error).__name__)
    return JournalError("CB4001", [Finding("CB4001", path="attachments", got=why)], retry_after_s=5)
