"""Received attachments into files, piece by piece, with their transfer encoding taken away.

The bus itself keeps the bytes of the whole; this is for the two ends.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from bus.core.types import Package
from bus.wire.attachments.head import PartHead
from bus.wire.attachments.limits import LIMITS, PackageLimits
from bus.wire.attachments.package import PackageReader


@dataclass(frozen=True, slots=True)
class ReceivedFile:
    """An attachment as a file. ``content_id`` and ``content_type`` are the sender's words, ``path`` is not."""

    path: Path
    content_id: str
    content_type: str
    size: int
    sha256: str


class FilesReader(PackageReader):
    """Reads one multipart body and puts its attachments into ``folder`` (mode 600) as ``part-1``, ``part-2`` ...

    Errors: those of ``PackageReader``; OSError what the disk says. Whoever gets one calls ``remove``.
    """

    def __init__(self, content_type: str, folder: Path, limits: PackageLimits = LIMITS) -> None:
        super().__init__(content_type, limits)
        self._folder = folder
        self._file: BinaryIO | None = None
        self._paths: list[Path] = []

    def begin(self, head: PartHead, offset: int) -> None:
        """A part begins: an attachment gets a file."""
        super().begin(head, offset)
        if not self.in_root:
            self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            path = self._folder / f"part-{len(self._paths) + 1}"
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
            self._file = os.fdopen(descriptor, "wb")
            self._paths.append(path)

    def take(self, content: bytes) -> None:
        """Decoded content."""
        super().take(content)
        if self._file is not None:
            self._file.write(content)

    def end(self) -> None:
        """The part is complete, and durable if it is an attachment."""
        super().end()
        if self._file is not None:
            self._file.flush()
            os.fsync(self._file.fileno())
            self._file.close()
            self._file = None

    def files(self, package: Package) -> tuple[ReceivedFile, ...]:
        """The files of a finished package."""
        pairs = zip(self._paths, package.attachments, strict=True)
        return tuple(ReceivedFile(path, a.content_id, a.content_type, a.size, a.sha256) for path, a in pairs)

    def remove(self) -> None:
        """Remove what was written."""
        if self._file is not None:
            self._file.close()
            self._file = None
        for path in self._paths:
            path.unlink(missing_ok=True)
