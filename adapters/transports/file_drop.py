"""File drop: complete files are taken from a folder in a stable order, new ones appear atomically with an end mark.

A file is complete when its end mark (``<name><end mark>``) stands beside it; with an empty end mark, when it is
there at all (it must then be renamed into place). A data file always appears before its end mark and is always
taken away before it, so an end mark without its file is left over and is removed.
"""

from __future__ import annotations

import asyncio
import fnmatch
import hashlib
import os
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from bus.core import log
from bus.core.errors import AdapterError
from bus.core.types import Finding

DONE = "done"
ERROR = "error"
END_MARK = ".END"
TEMPORARY = ".tmp"
POLL_FIRST_S = 0.05
POLL_MAX_S = 1.0


def sync_folder(folder: Path) -> None:
    """Make names that appeared in or vanished from a folder durable."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _unreachable(folder: Path, error: OSError) -> AdapterError:
    return AdapterError("CB6009", [Finding("CB6009", path=folder.name, got=error.strerror or type(error).__name__)])


def write_data(folder: Path, name: str, data: bytes) -> Path:
    """Write ``name`` atomically and durably, without its end mark: temporary file, fsync, rename, fsync folder.

    Raises ``AdapterError`` CB6009 when the folder cannot be written.
    """
    path = folder / name
    temporary = folder / f".{name}{TEMPORARY}"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with temporary.open("wb") as stream:
            stream.write(data)
            stream.flush()
            os.fsync(stream.fileno())
        temporary.replace(path)
        sync_folder(folder)
    except OSError as error:
        raise _unreachable(folder, error) from error
    return path


def write_end_mark(folder: Path, name: str, end_mark: str = END_MARK) -> None:
    """Declare ``name`` complete. Without an end mark there is nothing to do."""
    if not end_mark:
        return
    try:
        (folder / f"{name}{end_mark}").touch()
        sync_folder(folder)
    except OSError as error:
        raise _unreachable(folder, error) from error


def write_file(folder: Path, name: str, data: bytes, end_mark: str = END_MARK) -> Path:
    """Write a complete file: its data atomically, then its end mark."""
    path = write_data(folder, name, data)
    write_end_mark(folder, name, end_mark)
    return path


@dataclass(frozen=True, slots=True)
class FileDrop:
    """A watched folder: which names belong to it and how a complete file is recognised.

    Files come in the order of their names, or with ``by_time`` in the order of their last change (names then settle
    ties): for kinds of files that follow one another under different names. ``max_bytes`` refuses absurd files before
    they are read (AdapterError CB6014).
    """

    folder: Path
    patterns: tuple[str, ...]
    end_mark: str = END_MARK
    by_time: bool = False
    max_bytes: int = 1 << 36

    def complete(self) -> list[Path]:
        """Complete files in their order. Links and folders are not files."""
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            found = self._list()
            # a listing may miss what came while it was made: the second one has everything older than the first's finds
            return self._list() if len(self.patterns) > 1 and found else found
        except OSError as error:
            raise _unreachable(self.folder, error) from error

    def _list(self) -> list[Path]:
        times: dict[str, int] = {}
        with os.scandir(self.folder) as entries:
            for entry in entries:
                # a file that is renamed or taken away meanwhile is not there: the folder is
                with suppress(FileNotFoundError):
                    if entry.is_file(follow_symlinks=False):
                        times[entry.name] = entry.stat().st_mtime_ns
        if self.end_mark:
            self._sweep(set(times))
        found = [
            name
            for name in times
            if not name.startswith(".") and self.owns(name) and (not self.end_mark or f"{name}{self.end_mark}" in times)
        ]
        found.sort(key=lambda name: (times[name] if self.by_time else 0, name))
        return [self.folder / name for name in found]

    def owns(self, name: str) -> bool:
        """Whether the name is one of this drop's."""
        return any(fnmatch.fnmatchcase(name, pattern) for pattern in self.patterns)

    def _sweep(self, names: set[str]) -> None:
        for name in names:
            data = name.removesuffix(self.end_mark)
            ours = name != data and self.owns(data)
            # the data file may have come since the folder was listed
            if ours and data not in names and not (self.folder / data).exists():
                (self.folder / name).unlink(missing_ok=True)

    def read(self, path: Path) -> bytes:
        """The bytes of a complete file; CB6014 when it is larger than ``max_bytes``, CB6009 when unreadable."""
        try:
            size = path.stat().st_size
            if size > self.max_bytes:
                expected = f"<= {self.max_bytes} bytes"
                raise AdapterError(
                    "CB6014", [Finding("CB6014", place=path.name, expected=expected, got=f"{size} bytes")]
                )
            return path.read_bytes()
        except OSError as error:
            raise _unreachable(self.folder, error) from error

    def measure(self, path: Path) -> tuple[int, str]:
        """Size and SHA-256 of a complete file, read in pieces; CB6014 above ``max_bytes``, CB6009 when unreadable."""
        try:
            size = path.stat().st_size
            if size > self.max_bytes:
                expected = f"<= {self.max_bytes} bytes"
                finding = Finding("CB6014", place=path.name, expected=expected, got=f"{size} bytes")
                raise AdapterError("CB6014", [finding])
            with path.open("rb") as stream:
                return size, hashlib.file_digest(stream, "sha256").hexdigest()
        except OSError as error:
            raise _unreachable(self.folder, error) from error

    @contextmanager
    def opened(self, path: Path) -> Iterator[BinaryIO]:
        """The bytes of a complete file; CB6009 when it cannot be read, CB6062 when it changes meanwhile."""
        try:
            before = path.stat()
            with path.open("rb") as stream:
                yield stream
            after = path.stat()
        except OSError as error:
            raise _unreachable(self.folder, error) from error
        if (before.st_size, before.st_mtime_ns) != (after.st_size, after.st_mtime_ns):
            expected = "a file that stays as it is while it is read"
            raise AdapterError("CB6062", [Finding("CB6062", place=path.name, expected=expected)])

    def finish(self, path: Path, into: str = DONE) -> Path:
        """Move a file away to ``done/`` or ``error/``, then its end mark; a name already there gets a number."""
        target_folder = self.folder / into
        try:
            target_folder.mkdir(exist_ok=True)
            target = target_folder / path.name
            number = 1
            while target.exists():
                number += 1
                target = target_folder / f"{path.name}.{number}"
            path.rename(target)
            sync_folder(target_folder)
            if self.end_mark:
                (self.folder / f"{path.name}{self.end_mark}").unlink(missing_ok=True)
            sync_folder(self.folder)
        except OSError as error:
            raise _unreachable(self.folder, error) from error
        return target

    def write_beside(self, into: str, name: str, data: bytes) -> Path:
        """Write a companion file (an error list) into ``done/`` or ``error/``, atomically."""
        return write_data(self.folder / into, name, data)


async def watch(drops: Sequence[FileDrop], stop: asyncio.Event) -> AsyncIterator[tuple[FileDrop, Path]]:
    """Yield complete files of all drops, in order, until ``stop`` is set.

    The caller moves each file away (``finish``) before asking for the next; what it leaves is offered again later.
    The folder is looked at every 50 ms while files come and ever less often, up to once a second, while none do.
    A folder that cannot be read is looked at again: the vendor's share may be away for a while.
    """
    pause = POLL_FIRST_S
    away: set[Path] = set()
    while not stop.is_set():
        moved = False
        for drop in drops:
            for path in await _listing(drop, away):
                if stop.is_set():
                    return
                yield drop, path
                moved = moved or not path.exists()
        pause = POLL_FIRST_S if moved else min(pause * 2, POLL_MAX_S)
        try:
            await asyncio.wait_for(stop.wait(), timeout=pause)
        except TimeoutError:
            continue


async def _listing(drop: FileDrop, away: set[Path]) -> list[Path]:
    """The complete files; none while the folder cannot be read, which is said once when it begins and ends."""
    try:
        found = await asyncio.to_thread(drop.complete)
    except AdapterError as error:
        if drop.folder not in away:
            away.add(drop.folder)
            log.warn("folder_away", file=drop.folder.name, code=error.code)
        return []
    if drop.folder in away:
        away.discard(drop.folder)
        log.line("folder_back", file=drop.folder.name)
    return found
