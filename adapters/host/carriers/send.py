"""sftp-send, objects-send: complete files of a local folder appear at the vendor's, each exactly once.

A file goes through durable steps: being uploaded beside its name (continued after a break), uploaded, renamed,
declared complete with its mark, and then moved to ``done/`` here. After a crash the next step follows; an upload that
is known to be complete and is not there any more was taken by the vendor.
"""

from __future__ import annotations

import asyncio
import hashlib
from dataclasses import dataclass, field
from pathlib import Path

from adapters.host.carriers.base import Carrier
from adapters.host.carriers.places import place_of
from adapters.host.store import carried
from adapters.transports.file_drop import DONE, END_MARK, ERROR, FileDrop
from adapters.transports.place import MARKS, Promise, RemotePlace, mark_text
from bus.core import log
from bus.core.errors import AdapterError
from bus.core.types import Finding

_READ = 1 << 20


@dataclass(slots=True)
class FolderSend(Carrier):
    """One transport of kind ``sftp-send`` or ``objects-send``."""

    place: RemotePlace = field(init=False)
    drop: FileDrop = field(init=False)

    def prepare(self) -> None:
        """The place and the folder."""
        self.place = place_of(self.spec, self.environment)
        folder = self.environment.path(self.spec.text("folder"))
        end_mark = self.spec.text("end_mark", END_MARK)
        self.drop = FileDrop(folder, (self.spec.text("pattern"),), end_mark)

    async def close(self) -> None:
        """Close the connection."""
        await self.place.close()

    async def round(self, stop: asyncio.Event) -> bool:
        """Send every complete file, in the order of their names: a later one never overtakes an earlier one."""
        paths = await asyncio.to_thread(self.drop.complete)
        if paths:
            await self.place.connect()
        for path in paths:
            if stop.is_set():
                break
            await self._send(path)
        return bool(paths)

    async def _send(self, path: Path) -> None:
        size, sha256 = await asyncio.to_thread(_look_at, path)
        known = carried.find(self.environment.store.reader, self.id, path.name, sha256)
        state = "" if known is None else known.state
        if state in {"", carried.SENDING, carried.FAILED}:
            await self._note(path.name, size, sha256, carried.SENDING)
            await self.place.stage(path, path.name)
            await self._note(path.name, size, sha256, carried.STAGED)
            state = carried.STAGED
            left = False
        else:
            left = True
        if state == carried.STAGED:
            if not await self._publish(path, sha256, size, left=left):
                return
            await self._note(path.name, size, sha256, carried.PUBLISHED)
            state = carried.PUBLISHED
        if state == carried.PUBLISHED:
            await self._declare(Promise(path.name, size, sha256))
            await self._note(path.name, size, sha256, carried.SENT)
            log.line("transport_sent", flow=self.id, file=path.name, size=size, sha256=sha256)
        await asyncio.to_thread(self.drop.finish, path, DONE)

    async def _publish(self, path: Path, sha256: str, size: int, *, left: bool) -> bool:
        """Let the upload appear. ``left``: an earlier attempt came this far, so it may have appeared already."""
        name = path.name
        there = await self.place.look(name)
        if there is not None:
            if there.size == size and await self._remote_sha256(name) == sha256:
                await self.place.unstage(name)
                return True
            await self._refuse(path, size, sha256)
            return False
        if left and not await self.place.staged(name):
            log.line("transport_was_taken", flow=self.id, file=name)
            return True
        await self.place.publish(path, name)
        if self.spec.text("verify", "size") == "content" and await self._remote_sha256(name) != sha256:
            finding = Finding("CB6062", place=name, expected="the content that was sent", got="another")
            raise AdapterError("CB6062", [finding])
        return True

    async def _refuse(self, path: Path, size: int, sha256: str) -> None:
        """Another file has this name at the vendor's: nothing is replaced; an operator looks into ``error/``."""
        log.warn("transport_file_refused", flow=self.id, file=path.name, code="CB6063")
        await self._note(path.name, size, sha256, carried.FAILED, "CB6063")
        await asyncio.to_thread(self.drop.finish, path, ERROR)

    async def _remote_sha256(self, name: str) -> str:
        digest = hashlib.sha256()
        async for chunk in self.place.read(name):
            digest.update(chunk)
        return digest.hexdigest()

    async def _declare(self, promise: Promise) -> None:
        kind = self.spec.text("marker", "end")
        mark = self.spec.text("mark", MARKS[kind])
        if mark:
            await self.place.write(f"{promise.name}{mark}", mark_text(kind, promise))

    async def _note(self, name: str, size: int, sha256: str, state: str, code: str = "") -> None:
        now, key = self.environment.clock.now(), (self.id, name, sha256)
        await self.environment.store.write(carried.put, *key, state, size=size, sha256=sha256, code=code, now=now)


def _look_at(path: Path) -> tuple[int, str]:
    """Size and SHA-256 of a local file."""
    digest, size = hashlib.sha256(), 0
    with path.open("rb") as stream:
        while chunk := stream.read(_READ):
            digest.update(chunk)
            size += len(chunk)
    return size, digest.hexdigest()
