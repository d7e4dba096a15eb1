"""sftp-fetch, objects-fetch: complete files of a vendor's place appear in a local folder, each exactly once.

A file goes through four durable steps: downloaded beside its name (what is there already is not downloaded again),
noted, renamed with its end mark, and only then put away at the vendor's. After a crash between any two of them the
next step follows.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import os
import sqlite3
from dataclasses import dataclass, field
from pathlib import Path

from adapters.host.carriers.base import Carrier
from adapters.host.carriers.places import place_of
from adapters.host.store import carried
from adapters.transports.file_drop import DONE, END_MARK, FileDrop, sync_folder, write_end_mark
from adapters.transports.place import (
    MARKS,
    Promise,
    RemoteFile,
    RemotePlace,
    read_mark,
    read_small,
    too_large,
)
from bus.core import log
from bus.core.errors import AdapterError
from bus.core.types import Finding

_READ = 1 << 20


@dataclass(frozen=True, slots=True)
class _Wanted:
    """A file that its mark declares complete; ``last`` is the mark to be put away behind it, empty when none is."""

    file: RemoteFile
    promise: Promise
    last: str = ""


@dataclass(slots=True)
class FolderFetch(Carrier):
    """One transport of kind ``sftp-fetch`` or ``objects-fetch``."""

    place: RemotePlace = field(init=False)
    drop: FileDrop = field(init=False)
    _seen: dict[str, tuple[str, float]] = field(default_factory=dict, init=False)
    _bad: set[tuple[str, str]] = field(default_factory=set, init=False)

    def prepare(self) -> None:
        """The place and the folder."""
        self.place = place_of(self.spec, self.environment)
        folder = self.environment.path(self.spec.text("folder"))
        end_mark = self.spec.text("end_mark", END_MARK)
        self.drop = FileDrop(folder, (self.spec.text("pattern"),), end_mark)

    @property
    def _marker(self) -> str:
        return self.spec.text("marker", "end")

    @property
    def _mark(self) -> str:
        return self.spec.text("mark", MARKS[self._marker])

    async def close(self) -> None:
        """Close the connection."""
        await self.place.close()

    async def round(self, stop: asyncio.Event) -> bool:
        """Fetch every complete file once."""
        await asyncio.to_thread(self.drop.folder.mkdir, parents=True, exist_ok=True)
        await self._finish_appearing()
        await self.place.connect()
        moved = False
        for wanted in await self._wanted():
            if stop.is_set():
                break
            try:
                moved = await self._fetch(wanted) or moved
            except AdapterError as error:
                if error.code not in {"CB6062", "CB6081"}:
                    raise
                await self._refuse(wanted, error)
        return moved

    async def _wanted(self) -> list[_Wanted]:
        files = {one.name: one for one in await self.place.listing()}
        ours = [one for name, one in sorted(files.items()) if self.drop.owns(name)]
        if self._marker == "none":
            return [_Wanted(one, Promise(one.name)) for one in ours if self._settled(one)]
        if self._marker == "manifest":
            return await self._by_manifest(files)
        found: list[_Wanted] = []
        for one in ours:
            mark = files.get(f"{one.name}{self._mark}")
            if mark is None or one.name.endswith(self._mark):
                continue
            data = b"" if self._marker == "end" else await read_small(self.place, mark.name)
            found += [_Wanted(one, promise, mark.name) for promise in self._understood(mark, data, one.name)]
        return found

    async def _by_manifest(self, files: dict[str, RemoteFile]) -> list[_Wanted]:
        """The files of every manifest all of whose files are there."""
        found: list[_Wanted] = []
        for name in sorted(files):
            if not name.endswith(self._mark):
                continue
            promises = self._understood(files[name], await read_small(self.place, name), "")
            missing = [one.name for one in promises if one.name not in files and not self._had(one)]
            ours = [one for one in promises if self.drop.owns(one.name) and one.name in files]
            if not promises or missing:
                continue
            if not ours:
                await self._put_away(name)
            found += [_Wanted(files[one.name], one, name if one is ours[-1] else "") for one in ours]
        return found

    def _had(self, promise: Promise) -> bool:
        """Whether a file of a manifest was fetched before and put away already."""
        row = carried.find(self.environment.store.reader, self.id, promise.name, f"sha256:{promise.sha256}")
        return row is not None

    def _understood(self, mark: RemoteFile, data: bytes, name: str) -> tuple[Promise, ...]:
        """What a mark promises; nothing, and a warning once, when it cannot be understood."""
        try:
            return read_mark(self._marker, mark.name, data, name)
        except AdapterError as error:
            if (mark.name, mark.version) not in self._bad:
                self._bad.add((mark.name, mark.version))
                log.warn("transport_file_refused", flow=self.id, file=mark.name, code=error.code)
            return ()

    def _settled(self, file: RemoteFile) -> bool:
        """Whether a file without mark has kept size and version for ``settle_s``."""
        now = self.environment.clock.monotonic()
        version = f"{file.size}:{file.version}"
        known, since = self._seen.get(file.name, ("", now))
        if known != version:
            self._seen[file.name] = (version, now)
            since = now
        return now - since >= self.spec.number("settle_s", 10.0)

    async def _fetch(self, wanted: _Wanted) -> bool:
        """Bring one file through its steps; whether anything happened."""
        file, store = wanted.file, self.environment.store
        version = f"{file.size}:{file.version}"
        known = carried.find(store.reader, self.id, file.name, version)
        if known is not None and known.state == carried.FAILED:
            return False
        if known is None:
            if (self.drop.folder / file.name).exists():
                return False  # the flow has not taken the last file of this name yet
            await self._download(wanted, version)
        elif known.state == carried.FETCHED and self._keeps:
            return False
        if not self._keeps:
            await self._put_away(file.name)
            if wanted.last:
                await self._put_away(wanted.last)
            await store.write(_left, self.id, file.name, version, wanted.promise, self.environment.clock.now())
        return True

    @property
    def _keeps(self) -> bool:
        return self.spec.text("after", "move") == "keep"

    async def _put_away(self, name: str) -> None:
        into = self.spec.text("after_folder", DONE) if self.spec.text("after", "move") == "move" else ""
        await self.place.put_away(name, into)

    async def _download(self, wanted: _Wanted, version: str) -> None:
        """Steps one to three: beside its name, noted, in place."""
        file, promise = wanted.file, wanted.promise
        most = int(self.spec.number("max_bytes", float(self.drop.max_bytes)))
        if file.size > most:
            raise too_large(file.name, most)
        if promise.size not in {-1, file.size}:
            raise _differs(file.name, f"{promise.size} bytes", f"{file.size} bytes")
        part = self.drop.folder / _part_name(file.name, version)
        sha256 = await self._bytes(part, file)
        now = await self.place.look(file.name)
        if now != file:
            await asyncio.to_thread(part.unlink)
            raise AdapterError("CB6011", [Finding("CB6011", place=file.name, got="changed while it was read")])
        if promise.sha256 and promise.sha256 != sha256:
            await asyncio.to_thread(part.unlink)
            raise _differs(file.name, "the SHA-256 of its mark", "another")
        key = (self.id, file.name, version)
        now_s = self.environment.clock.now()
        write = self.environment.store.write
        await write(carried.put, *key, carried.HERE, size=file.size, sha256=sha256, now=now_s)
        await asyncio.to_thread(self._appear, part, file.name)
        await write(carried.put, *key, carried.FETCHED, size=file.size, sha256=sha256, now=now_s)
        log.line("transport_fetched", flow=self.id, file=file.name, size=file.size, sha256=sha256)

    async def _bytes(self, part: Path, file: RemoteFile) -> str:
        """Download into ``part`` behind what is there already; the SHA-256 of the whole."""
        digest, size = await asyncio.to_thread(_digest_of, part, file.size)
        with part.open("r+b" if size else "wb") as target:
            target.seek(size)
            target.truncate()
            async with contextlib.aclosing(self.place.read(file.name, size)) as chunks:
                async for chunk in chunks:
                    size += len(chunk)
                    if size > file.size:
                        raise AdapterError("CB6011", [Finding("CB6011", place=file.name, got="grows while it is read")])
                    digest.update(chunk)
                    await asyncio.to_thread(target.write, chunk)
            target.flush()
            await asyncio.to_thread(os.fsync, target.fileno())
        if size != file.size:
            raise AdapterError("CB6009", [Finding("CB6009", place=file.name, got=f"{size} of {file.size} bytes")])
        return digest.hexdigest()

    def _appear(self, part: Path, name: str) -> None:
        part.rename(self.drop.folder / name)
        sync_folder(self.drop.folder)
        write_end_mark(self.drop.folder, name, self.drop.end_mark)

    async def _finish_appearing(self) -> None:
        """After a crash: files that were noted and not yet in place, or in place without their end mark."""
        for row in carried.in_state(self.environment.store.reader, self.id, carried.HERE):
            part = self.drop.folder / _part_name(row.name, row.mark)
            target = self.drop.folder / row.name
            if part.exists():
                await asyncio.to_thread(self._appear, part, row.name)
            elif target.exists():
                await asyncio.to_thread(write_end_mark, self.drop.folder, row.name, self.drop.end_mark)
            now = self.environment.clock.now()
            key = (self.id, row.name, row.mark)
            await self.environment.store.write(carried.put, *key, carried.FETCHED, sha256=row.sha256, now=now)

    async def _refuse(self, wanted: _Wanted, error: AdapterError) -> None:
        """A file that is not what its mark says stays at the vendor's, and is not asked for again until it changes."""
        file = wanted.file
        log.warn("transport_file_refused", flow=self.id, file=file.name, code=error.code)
        now = self.environment.clock.now()
        version = f"{file.size}:{file.version}"
        key = (self.id, file.name, version)
        await self.environment.store.write(carried.put, *key, carried.FAILED, size=file.size, code=error.code, now=now)


def _left(database: sqlite3.Connection, transport: str, name: str, version: str, promise: Promise, now: float) -> None:
    """A file is gone from the vendor's place; of one in a manifest it stays known that it was fetched."""
    carried.remove(database, transport, name, version)
    if promise.sha256:
        carried.put(database, transport, name, f"sha256:{promise.sha256}", carried.FETCHED, now=now)


def _part_name(name: str, version: str) -> str:
    """The temporary name of a download: of this version only, hidden from the flow."""
    return f".{name}.{hashlib.sha256(version.encode()).hexdigest()[:12]}.part"


def _digest_of(path: Path, most: int) -> tuple[hashlib._Hash, int]:
    """Digest and size of what was downloaded before; nothing when there is nothing, or too much."""
    digest = hashlib.sha256()
    try:
        size = path.stat().st_size
    except FileNotFoundError:
        return digest, 0
    if size > most:
        return digest, 0
    with path.open("rb") as stream:
        while chunk := stream.read(_READ):
            digest.update(chunk)
    return digest, size


def _differs(name: str, expected: str, got: str) -> AdapterError:
    return AdapterError("CB6062", [Finding("CB6062", place=name, expected=expected, got=got)])
