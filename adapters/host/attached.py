"""Attachments of what the bus posts: read as they come, each into a file of its own, within a limit of their own."""

from __future__ import annotations

import asyncio
import hashlib
import shutil
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from aiohttp import web
from lxml import etree

from bus.core.errors import EnvironmentFault, WireError
from bus.core.types import Finding, Package
from bus.wire.attachments.binary import Places
from bus.wire.attachments.files import FilesReader, ReceivedFile
from bus.wire.attachments.limits import PackageLimits
from bus.wire.attachments.media import is_multipart
from bus.wire.attachments.references import follow
from bus.wire.limits import MAX_BYTES

MAX_FILES: Final = 256 * 1024 * 1024
"""Bytes of one message with its attachments, where the adapter says nothing else."""

PIECE: Final = 256 * 1024


@dataclass(frozen=True, slots=True)
class Posted:
    """A body as it came: the envelope, its media type, the digest that tells repetitions, and the files beside it."""

    raw: bytes = field(repr=False)
    media: str
    digest: str
    package: Package | None = None
    files: tuple[ReceivedFile, ...] = ()

    def follow(self, payload: etree._Element, places: Places) -> None:
        """Every reference reaches its file. Errors: CB1054, CB1056, CB1016."""
        if self.package is not None:
            follow(payload, self.package, places, judged=True)

    def remove(self) -> None:
        """Remove the files that nobody has moved away."""
        for file in self.files:
            file.path.unlink(missing_ok=True)
        if self.files:
            shutil.rmtree(self.files[0].path.parent, ignore_errors=True)


class Enclosures:
    """Where files go while their message is answered; whoever keeps one moves it before it answers."""

    def __init__(self, folder: Path, limit: int = MAX_FILES) -> None:
        self._folder = folder
        self._limits = PackageLimits(max_size=limit)

    def clear(self) -> None:
        """Remove what a sudden end left behind."""
        shutil.rmtree(self._folder, ignore_errors=True)

    async def receive(self, request: web.Request, record_id: str) -> Posted:
        """The body of a request. Errors: CB1006, CB1051 to CB1057, CB1003, CB9001 the disk does not take it."""
        media = request.headers.get("Content-Type", "")
        if not is_multipart(media):
            try:
                raw = await request.read()
            except web.HTTPRequestEntityTooLarge as error:
                raise WireError("CB1006", [Finding("CB1006", expected=f"<= {MAX_BYTES} bytes")]) from error
            return Posted(raw, media, hashlib.sha256(raw).hexdigest())
        reader = FilesReader(media, self._folder / record_id, self._limits)
        try:
            async for piece in request.content.iter_chunked(PIECE):
                await asyncio.to_thread(reader.feed, piece)
            package = await asyncio.to_thread(reader.finish)
        except OSError as error:
            self._drop(reader, record_id)
            raise EnvironmentFault(
                "CB9001", [Finding("CB9001", path="attachments", got=type(error).__name__)]
            ) from None
        except BaseException:
            self._drop(reader, record_id)
            raise
        return Posted(bytes(reader.root), package.root_type, package.digest, package, reader.files(package))

    def _drop(self, reader: FilesReader, record_id: str) -> None:
        """Nothing stays of a message that was not received."""
        reader.remove()
        shutil.rmtree(self._folder / record_id, ignore_errors=True)
