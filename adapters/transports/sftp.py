"""SFTP: a folder of a vendor's server, with its host key pinned, uploads resumed and renamed, no setting of the user's.

The only module that imports asyncssh. Nothing outside the declaration counts: no ``~/.ssh``, no agent, no passwords.
"""

from __future__ import annotations

import asyncio
import stat
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TypeVar
from urllib.parse import unquote, urlsplit

import asyncssh

from adapters.transports.place import CHUNK, MAX_LISTED, RemoteFile, safe_name
from bus.core.errors import AdapterError, ConfigurationError
from bus.core.types import Finding

T = TypeVar("T")
TEMPORARY = ".part"
CONNECT_S = 10.0
ALIVE_S = 15.0
"""How often a silent server is asked whether it is there; after three times without an answer it is gone."""


@dataclass(frozen=True, slots=True)
class SshAddress:
    """``sftp://user@host:port/folder``."""

    user: str
    host: str
    port: int
    folder: str


def read_address(text: str) -> SshAddress:
    """Read an address; ConfigurationError CB7001 when it is none, or holds a password."""
    parts = urlsplit(text)
    try:
        port = parts.port or 22
    except ValueError:
        port = 0
    if parts.scheme != "sftp" or not parts.hostname or not parts.username or parts.password or not port or parts.query:
        expected = "sftp://user@host:port/folder, without a password"
        raise ConfigurationError("CB7001", [Finding("CB7001", path="adapters.toml", expected=expected, got="other")])
    return SshAddress(unquote(parts.username), parts.hostname, port, unquote(parts.path) or ".")


def read_host_keys(path: Path) -> list[asyncssh.SSHKey]:
    """The pinned host keys: lines of ``ssh-keyscan``, of known_hosts or of a ``.pub`` file. CB7001 when none."""
    found: list[asyncssh.SSHKey] = []
    try:
        for line in path.read_text(encoding="utf-8").splitlines():
            words = line.split()
            start = next((n for n, word in enumerate(words) if word.startswith(("ssh-", "ecdsa-"))), None)
            if start is not None and not line.startswith("#"):
                found.append(asyncssh.import_public_key(" ".join(words[start : start + 2])))
    except (OSError, UnicodeDecodeError, asyncssh.KeyImportError) as error:
        raise _unusable(path, "a file of host keys") from error
    if not found:
        raise _unusable(path, "a host key")
    return found


def read_private_key(path: Path) -> asyncssh.SSHKey:
    """The key that this side signs in with: a file without a passphrase that only its owner can read. CB7001."""
    try:
        if path.stat().st_mode & 0o077:
            raise _unusable(path, "mode 600")
        return asyncssh.read_private_key(path)
    except (OSError, asyncssh.KeyImportError, asyncssh.KeyEncryptionError) as error:
        raise _unusable(path, "a private key without a passphrase") from error


async def _read(remote: asyncssh.SFTPClientFile) -> bytes:
    chunk: object = await remote.read(CHUNK)
    assert isinstance(chunk, bytes)  # the file is open for bytes
    return chunk


async def _write(remote: asyncssh.SFTPClientFile, chunk: bytes, _sftp: asyncssh.SFTPClient) -> None:
    await remote.write(chunk)


def _unusable(path: Path, expected: str) -> ConfigurationError:
    return ConfigurationError("CB7001", [Finding("CB7001", path="adapters.toml", expected=expected, got=path.name)])


@dataclass(slots=True)
class SftpPlace:
    """One folder of an SFTP server. ``stall_s`` is how long one read, write or question may take.

    Errors: CB6009 away or cut off, CB6011 stalled, CB6060 the host key is not a pinned one, CB6061 refused.
    """

    where: SshAddress
    host_key: Path
    key: Path
    folder: str = ""
    stall_s: float = 30.0
    connect_s: float = CONNECT_S
    _connection: asyncssh.SSHClientConnection | None = field(default=None, init=False)
    _sftp: asyncssh.SFTPClient | None = field(default=None, init=False)

    @property
    def address(self) -> str:
        """Host and port."""
        return f"{self.where.host}:{self.where.port}"

    def _path(self, name: str) -> str:
        base = "/".join(part.rstrip("/") for part in (self.where.folder, self.folder) if part)
        return f"{base}/{name}"

    async def connect(self) -> None:
        """Connect unless that is done already."""
        if self._sftp is not None:
            return
        host_keys, key = await asyncio.to_thread(lambda: (read_host_keys(self.host_key), read_private_key(self.key)))
        try:
            async with asyncio.timeout(self.connect_s):
                self._connection = await asyncssh.connect(
                    self.where.host,
                    self.where.port,
                    username=self.where.user,
                    known_hosts=(host_keys, [], []),
                    client_keys=[key],
                    config=None,
                    agent_path=None,
                    preferred_auth="publickey",
                    keepalive_interval=ALIVE_S,
                    login_timeout=self.connect_s,
                )
                self._sftp = await self._connection.start_sftp_client()
        except BaseException as error:
            await self.close()
            if isinstance(error, TimeoutError | OSError | asyncssh.Error):
                raise self._coded(error) from error
            raise

    async def close(self) -> None:
        """Close the connection."""
        connection, self._connection, self._sftp = self._connection, None, None
        if connection is not None:
            connection.abort()
            with suppress(TimeoutError, OSError, asyncssh.Error):
                async with asyncio.timeout(1):
                    await connection.wait_closed()

    async def _do(self, call: Callable[[asyncssh.SFTPClient], Awaitable[T]]) -> T:
        """One question to the server within its deadline; a connection that failed is not used again."""
        if self._sftp is None:
            await self.connect()
        assert self._sftp is not None
        try:
            async with asyncio.timeout(self.stall_s):
                return await call(self._sftp)
        except (asyncssh.SFTPNoSuchFile, asyncssh.SFTPNoSuchPath):
            raise
        except (TimeoutError, OSError, asyncssh.Error) as error:
            if not isinstance(error, asyncssh.SFTPPermissionDenied):
                await self.close()
            raise self._coded(error) from error

    def _coded(self, error: Exception) -> AdapterError:
        if isinstance(error, asyncssh.HostKeyNotVerifiable):
            code, got = "CB6060", "another host key"
        elif isinstance(error, asyncssh.PermissionDenied | asyncssh.SFTPPermissionDenied):
            code, got = "CB6061", type(error).__name__
        elif isinstance(error, TimeoutError):
            code, got = "CB6011", f"> {self.stall_s:g} s"
        else:
            code, got = "CB6009", type(error).__name__
        return AdapterError(code, [Finding(code, path=self.address, got=got)])

    async def listing(self) -> list[RemoteFile]:
        """The plain files of the folder; names that could not be files here are left out."""

        async def scan(sftp: asyncssh.SFTPClient) -> list[RemoteFile]:
            found: list[RemoteFile] = []
            seen = 0
            async for entry in sftp.scandir(self._path(".")):
                seen += 1
                if seen > MAX_LISTED:
                    got = f"> {MAX_LISTED}"
                    raise AdapterError(
                        "CB6081", [Finding("CB6081", path=self.address, expected="fewer files", got=got)]
                    )
                name = entry.filename if isinstance(entry.filename, str) else entry.filename.decode("utf-8", "replace")
                mode = entry.attrs.permissions
                if mode is not None and stat.S_ISREG(mode) and safe_name(name):
                    found.append(RemoteFile(name, entry.attrs.size or 0, f"{entry.attrs.mtime}"))
            return found

        try:
            return await self._do(scan)
        except (asyncssh.SFTPNoSuchFile, asyncssh.SFTPNoSuchPath) as error:
            raise self._missing(self._path("")) from error

    async def look(self, name: str) -> RemoteFile | None:
        """One file; ``None`` when it is not there."""
        try:
            attrs = await self._do(lambda sftp: sftp.lstat(self._path(name)))
        except (asyncssh.SFTPNoSuchFile, asyncssh.SFTPNoSuchPath):
            return None
        return RemoteFile(name, attrs.size or 0, f"{attrs.mtime}")

    async def read(self, name: str, offset: int = 0) -> AsyncGenerator[bytes, None]:
        """The bytes of a file from ``offset``."""
        try:
            file = await self._do(lambda sftp: sftp.open(self._path(name), "rb"))
            try:
                await self._do(lambda _: file.seek(offset))
                while chunk := await self._do(lambda _: _read(file)):
                    yield chunk
            finally:
                with suppress(TimeoutError, OSError, asyncssh.Error):
                    async with asyncio.timeout(1):
                        await file.close()
        except (asyncssh.SFTPNoSuchFile, asyncssh.SFTPNoSuchPath) as error:
            raise self._missing(name) from error

    async def stage(self, path: Path, name: str) -> None:
        """Upload beside the final name. What lies there of an earlier attempt is compared and then continued."""
        size = (await asyncio.to_thread(path.stat)).st_size
        target = self._path(f".{name}{TEMPORARY}")
        begun = await self.look(f".{name}{TEMPORARY}")
        offset = begun.size if begun is not None and begun.size <= size else 0
        if offset and not await self._same_start(path, name, offset):
            offset = 0
        try:
            remote = await self._do(lambda sftp: sftp.open(target, "r+b" if offset else "wb"))
            with path.open("rb") as local:
                local.seek(offset)
                await self._do(lambda _: remote.seek(offset))
                while chunk := await asyncio.to_thread(local.read, CHUNK):
                    await self._do(partial(_write, remote, chunk))
            await self._settle(remote)
        except (asyncssh.SFTPNoSuchFile, asyncssh.SFTPNoSuchPath) as error:
            raise self._missing(self._path("")) from error
        staged = await self.look(f".{name}{TEMPORARY}")
        if staged is None or staged.size != size:
            got = "nothing" if staged is None else f"{staged.size} bytes"
            raise AdapterError("CB6062", [Finding("CB6062", place=name, expected=f"{size} bytes", got=got)])

    async def _same_start(self, path: Path, name: str, size: int) -> bool:
        """Whether the last chunk of what was uploaded is what the file has there."""
        start = max(0, size - CHUNK)
        tail = bytearray()
        async for chunk in self.read(f".{name}{TEMPORARY}", start):
            tail += chunk
            if len(tail) >= size - start:
                break

        def local() -> bytes:
            with path.open("rb") as stream:
                stream.seek(start)
                return stream.read(size - start)

        return bytes(tail[: size - start]) == await asyncio.to_thread(local)

    async def _settle(self, remote: asyncssh.SFTPClientFile) -> None:
        """Have the server write the file out, where it knows how, and close it."""
        try:
            async with asyncio.timeout(self.stall_s):
                with suppress(asyncssh.SFTPOpUnsupported):
                    await remote.fsync()
                await remote.close()
        except (TimeoutError, OSError, asyncssh.Error) as error:
            await self.close()
            raise self._coded(error) from error

    async def staged(self, name: str) -> bool:
        """Whether an upload waits under its temporary name."""
        return await self.look(f".{name}{TEMPORARY}") is not None

    async def unstage(self, name: str) -> None:
        """Remove what waits under the temporary name."""
        await self.put_away(f".{name}{TEMPORARY}", "")

    async def publish(self, path: Path, name: str) -> None:
        """Rename the upload. A plain SFTP rename never replaces a file, so CB6063 when the name is taken."""
        if await self.look(name) is not None:
            raise AdapterError("CB6063", [Finding("CB6063", path=self.address, place=name)])
        try:
            await self._do(lambda sftp: sftp.rename(self._path(f".{name}{TEMPORARY}"), self._path(name)))
        except (asyncssh.SFTPNoSuchFile, asyncssh.SFTPNoSuchPath) as error:
            raise self._missing(name) from error

    async def write(self, name: str, data: bytes) -> None:
        """Write a mark under a temporary name, then rename it over whatever mark was there."""
        temporary = self._path(f".{name}{TEMPORARY}")

        async def put(sftp: asyncssh.SFTPClient) -> None:
            async with sftp.open(temporary, "wb") as remote:
                await remote.write(data)
            if await sftp.exists(self._path(name)):
                await sftp.remove(self._path(name))
            await sftp.rename(temporary, self._path(name))

        await self._do(put)

    async def put_away(self, name: str, into: str) -> None:
        """Move or delete a file; one that is gone already is no error."""

        async def away(sftp: asyncssh.SFTPClient) -> None:
            if not into:
                await sftp.remove(self._path(name))
                return
            if not await sftp.isdir(self._path(into)):
                await sftp.mkdir(self._path(into))
            number = 1
            goal = self._path(f"{into}/{name}")
            while await sftp.exists(goal):
                number += 1
                goal = self._path(f"{into}/{name}.{number}")
            await sftp.rename(self._path(name), goal)

        with suppress(asyncssh.SFTPNoSuchFile, asyncssh.SFTPNoSuchPath):
            await self._do(away)

    def _missing(self, name: str) -> AdapterError:
        return AdapterError("CB6009", [Finding("CB6009", path=self.address, place=name, got="no such file or folder")])
