"""A copy of the journal beside the running bus: as of one moment, whole, checked, and there at once or not at all."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from bus.core.errors import JournalError
from bus.core.types import Finding
from bus.journal.schema import connect, open_for_reading, version

NOT_STORED: Final = "CB4001"
UNSOUND: Final = "CB4003"


@dataclass(frozen=True, slots=True)
class Copied:
    """What a copy holds."""

    file: str
    bytes: int
    version: str
    messages: int
    open: int


def new_file(target: Path, write: Callable[[Path], None]) -> None:
    """``write`` makes a file of mode 600 beside ``target``, which takes its name when it is on the disk; an existing
    file is never replaced. Errors: CB4001; those of ``write``."""
    partial = target.with_name(f".{target.name}.{os.getpid()}")
    try:
        if target.exists():
            raise FileExistsError(f"{target.name} exists")
        os.close(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
        try:
            write(partial)
            handle = os.open(partial, os.O_RDONLY)
            try:
                os.fsync(handle)
            finally:
                os.close(handle)
            os.link(partial, target)
        finally:
            partial.unlink()
    except OSError as error:
        raise JournalError(NOT_STORED, [Finding(NOT_STORED, path=str(target), got=str(error))]) from error


def copy_sqlite(source: Path, target: Path) -> Copied:
    """The journal in one file, without a log beside it. The bus goes on; its log grows while the copy is made.

    Errors: CB4003 no journal, or the copy is not sound; CB4001 it could not be written.
    """
    open_for_reading(source).close()
    new_file(target, lambda path: _copy(source, path))
    return look(target)


def _copy(source: Path, target: Path) -> None:
    try:
        with closing(connect(source)) as old, closing(connect(target)) as new:
            # In one step: one moment is copied, however much is written meanwhile.
            old.backup(new, pages=-1)
            new.execute("PRAGMA journal_mode=DELETE")
            found = new.execute("PRAGMA integrity_check(1)").fetchone()[0]
    except sqlite3.Error as error:
        raise JournalError(NOT_STORED, [Finding(NOT_STORED, path=target.name, got=str(error))]) from error
    if found != "ok":
        raise JournalError(UNSOUND, [Finding(UNSOUND, path=str(source), got=str(found)[:200])])


def look(path: Path) -> Copied:
    """What is in a copy. Errors: CB4003."""
    with closing(open_for_reading(path)) as connection:
        (messages,) = connection.execute("SELECT count(*) FROM exchange").fetchone()
        (still_open,) = connection.execute("SELECT count(*) FROM delivery WHERE open IS NOT NULL").fetchone()
        return Copied(str(path), path.stat().st_size, str(version(connection)), messages, still_open)
