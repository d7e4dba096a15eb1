"""A directory as a vendor's place: a mounted bucket of an object store, or a share. Same promises as SFTP."""

from __future__ import annotations

import asyncio
import os
import stat
from collections.abc import AsyncGenerator, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from adapters.transports.file_drop import write_data
from adapters.transports.place import CHUNK, MAX_LISTED, RemoteFile, safe_name
from bus.core.errors import AdapterError
from bus.core.types import Finding

T = TypeVar("T")
TEMPORARY = ".part"


@dataclass(slots=True)
class DirectoryPlace:
    """A directory on this machine. Errors: CB6009 not there or not usable, CB6011 stalled, CB6063 name taken."""

    folder: Path
    stall_s: float = 30.0

    @property
    def address(self) -> str:
        """The directory's name, without where it lies."""
        return self.folder.name

    async def _do(self, call: Callable[[], T]) -> T:
        try:
            async with asyncio.timeout(self.stall_s):
                return await asyncio.to_thread(call)
        except TimeoutError as error:
            got = f"> {self.stall_s:g} s"
            raise AdapterError("CB6011", [Finding("CB6011", path=self.address, got=got)]) from error
        except OSError as error:
            got = error.strerror or type(error).__name__
            raise AdapterError("CB6009", [Finding("CB6009", path=self.address, got=got)]) from error

    async def connect(self) -> None:
        """Nothing to connect; the first call tells whether the directory is there."""

    async def close(self) -> None:
        """Nothing to close."""

    async def listing(self) -> list[RemoteFile]:
        """The plain files."""

        def scan() -> list[RemoteFile]:
            found: list[RemoteFile] = []
            with os.scandir(self.folder) as entries:
                for number, entry in enumerate(entries):
                    if number >= MAX_LISTED:
                        got = f"> {MAX_LISTED}"
                        finding = Finding("CB6081", path=self.address, expected="fewer files", got=got)
                        raise AdapterError("CB6081", [finding])
                    if safe_name(entry.name) and entry.is_file(follow_symlinks=False):
                        state = entry.stat(follow_symlinks=False)
                        found.append(RemoteFile(entry.name, state.st_size, str(state.st_mtime_ns)))
            return found

        return await self._do(scan)

    async def look(self, name: str) -> RemoteFile | None:
        """One file."""

        def one() -> RemoteFile | None:
            try:
                state = (self.folder / name).lstat()
            except FileNotFoundError:
                return None
            return RemoteFile(name, state.st_size, str(state.st_mtime_ns)) if stat.S_ISREG(state.st_mode) else None

        return await self._do(one)

    async def read(self, name: str, offset: int = 0) -> AsyncGenerator[bytes, None]:
        """The bytes of a file from ``offset``."""
        path = self.folder / name
        stream = await self._do(lambda: path.open("rb"))
        try:
            await self._do(lambda: stream.seek(offset))
            while chunk := await self._do(lambda: stream.read(CHUNK)):
                yield chunk
        finally:
            stream.close()

    async def stage(self, path: Path, name: str) -> None:
        """Copy beside the final name and write it out."""

        def copy() -> None:
            with path.open("rb") as source, (self.folder / f".{name}{TEMPORARY}").open("wb") as target:
                while chunk := source.read(CHUNK):
                    target.write(chunk)
                target.flush()
                os.fsync(target.fileno())

        await self._do(copy)

    async def staged(self, name: str) -> bool:
        """Whether a copy waits under its temporary name."""
        return await self.look(f".{name}{TEMPORARY}") is not None

    async def unstage(self, name: str) -> None:
        """Remove what waits under the temporary name."""
        await self.put_away(f".{name}{TEMPORARY}", "")

    async def publish(self, path: Path, name: str) -> None:
        """Rename: the file appears whole; CB6063 when another one has its name."""

        def appear() -> None:
            temporary = self.folder / f".{name}{TEMPORARY}"
            if (self.folder / name).exists():
                raise AdapterError("CB6063", [Finding("CB6063", path=self.address, place=name)])
            temporary.rename(self.folder / name)

        await self._do(appear)

    async def write(self, name: str, data: bytes) -> None:
        """Write a mark, atomically."""
        await self._do(lambda: write_data(self.folder, name, data))

    async def put_away(self, name: str, into: str) -> None:
        """Move or delete a file; one that is gone already is no error."""

        def away() -> None:
            path = self.folder / name
            if not into:
                path.unlink(missing_ok=True)
                return
            (self.folder / into).mkdir(exist_ok=True)
            target, number = self.folder / into / name, 1
            while target.exists():
                number += 1
                target = self.folder / into / f"{name}.{number}"
            if path.exists():
                path.rename(target)

        await self._do(away)
