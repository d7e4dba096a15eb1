"""An S3 bucket as a vendor's place: listed by pages, read from any byte, written once per name. SigV4 by obstore.

A file appears whole or not at all. It is uploaded beside its name first (large ones in parts), and gets its name by a
conditional write (``If-None-Match: *``), small ones by a conditional PUT, large ones by a conditional copy within the
bucket: an object that has the name already is never replaced.
"""

from __future__ import annotations

import asyncio
import contextlib
import re
from collections.abc import AsyncGenerator, Awaitable, Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar
from urllib.parse import urlsplit

import obstore
from obstore.exceptions import (
    AlreadyExistsError,
    BaseError,
    NotFoundError,
    PermissionDeniedError,
    PreconditionError,
    UnauthenticatedError,
)
from obstore.store import S3Store

from adapters.transports.place import CHUNK, MAX_LISTED, RemoteFile, safe_name
from bus.core.errors import AdapterError, ConfigurationError
from bus.core.types import Finding

if TYPE_CHECKING:
    from obstore.store import ClientConfig

T = TypeVar("T")
STAGING = ".staging"
"""Folder of uploads that have no name yet."""

ONE_PUT = 8 << 20
"""Bytes up to which a file gets its name by one conditional PUT; larger ones by a conditional copy of the upload."""

GONE = (NotFoundError, FileNotFoundError)
"""How the library says that an object or a bucket is not there."""

_REFUSED = re.compile(r"status(?: code)?: (?:401|403)\b")
"""What the library says of a refused list, for which it has no error of its own."""

_LOCAL = frozenset({"localhost", "127.0.0.1", "::1"})


@dataclass(frozen=True, slots=True)
class S3Address:
    """Where a bucket is: the service's address, the bucket, and the folder within it."""

    endpoint: str
    bucket: str
    prefix: str = ""


def read_address(text: str) -> S3Address:
    """``https://host[:port]/bucket[/folder]``; ConfigurationError CB7001 for anything else, and for http elsewhere."""
    parts = urlsplit(text)
    bucket, _, prefix = parts.path.strip("/").partition("/")
    safe = parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in _LOCAL)
    if not safe or not parts.hostname or not bucket or parts.username or parts.query or parts.fragment:
        expected = "https://host[:port]/bucket[/folder], without credentials"
        raise ConfigurationError("CB7001", [Finding("CB7001", path="address", expected=expected, got=parts.scheme)])
    return S3Address(f"{parts.scheme}://{parts.netloc}", bucket, prefix)


@dataclass(slots=True)
class S3Place:
    """A folder of a bucket. ``key`` and ``secret`` sign each request; ``ca`` is the PEM text of a private authority.

    Errors: CB6009 away, CB6011 stalled, CB6061 refused, CB6063 the name is taken, CB6081 too many objects.
    """

    where: S3Address
    key: str
    secret: str = field(repr=False)
    remote: str = ""
    stall_s: float = 30.0
    region: str = "ap-northeast-1"
    ca: str = ""
    _store: S3Store | None = field(default=None, init=False, repr=False)

    @property
    def address(self) -> str:
        """The bucket and the folder."""
        return "/".join(part for part in (self.where.bucket, self._folder) if part)

    @property
    def _folder(self) -> str:
        return "/".join(part.strip("/") for part in (self.where.prefix, self.remote) if part.strip("/"))

    def _path(self, name: str) -> str:
        return f"{self._folder}/{name}" if self._folder else name

    def _staging(self, name: str) -> str:
        return self._path(f"{STAGING}/{name}")

    async def connect(self) -> None:
        """Make the client; the first call tells whether the bucket is there."""
        if self._store is not None:
            return
        limit = timedelta(seconds=self.stall_s)
        options: ClientConfig = {
            "allow_http": self.where.endpoint.startswith("http:"),
            "connect_timeout": limit,
            "read_timeout": limit,
            # the whole of a long transfer is not limited, only its standing still
            "timeout": timedelta(days=1),
            "proxy_excludes": self.where.endpoint,
        }
        if self.ca:
            options["root_certificate"] = self.ca
        self._store = S3Store(
            self.where.bucket,
            endpoint=self.where.endpoint,
            region=self.region,
            access_key_id=self.key,
            secret_access_key=self.secret,
            copy_if_not_exists="multipart",
            conditional_put="etag",
            client_options=options,
            retry_config={"max_retries": 2, "retry_timeout": limit},
        )

    async def close(self) -> None:
        """Nothing is held between calls."""
        self._store = None

    def _ready(self) -> S3Store:
        if self._store is None:
            raise AdapterError("CB6009", [Finding("CB6009", path=self.address, got="not connected")])
        return self._store

    async def _do(self, call: Awaitable[T], limit_s: float | None = None) -> T:
        with self._told():
            async with asyncio.timeout(limit_s or self.stall_s * 3):
                return await call

    @contextlib.contextmanager
    def _told(self) -> Iterator[None]:
        """What the library raises, as the errors of a place; its texts may show keys and are not passed on."""
        try:
            yield
        except TimeoutError as error:
            raise self._error("CB6011", f"> {self.stall_s:g} s") from error
        except (PermissionDeniedError, UnauthenticatedError, PermissionError) as error:
            raise self._error("CB6061", "access refused") from error
        except (AlreadyExistsError, PreconditionError, FileExistsError) as error:
            raise self._error("CB6063", "the name is taken") from error
        except GONE:
            raise
        except (BaseError, OSError) as error:
            if _REFUSED.search(str(error)):
                raise self._error("CB6061", "access refused") from error
            raise self._error("CB6009", type(error).__name__) from error

    def _error(self, code: str, got: str) -> AdapterError:
        return AdapterError(code, [Finding(code, path=self.address, got=got)])

    async def listing(self) -> list[RemoteFile]:
        """The objects of the folder, page by page; those of folders below are left out."""
        try:
            found = await self._do(obstore.list_with_delimiter_async(self._ready(), self._folder or None), 600.0)
        except GONE as error:
            raise self._error("CB6009", "no such bucket") from error
        objects = found["objects"]
        if len(objects) > MAX_LISTED:
            finding = Finding("CB6081", path=self.address, expected="fewer files", got=f"> {MAX_LISTED}")
            raise AdapterError("CB6081", [finding])
        files = [(str(one["path"]).rpartition("/")[2], one) for one in objects]
        return [RemoteFile(name, one["size"], str(one["e_tag"])) for name, one in files if safe_name(name)]

    async def look(self, name: str) -> RemoteFile | None:
        """One object."""
        try:
            found = await self._do(obstore.head_async(self._ready(), self._path(name)))
        except GONE:
            return None
        return RemoteFile(name, found["size"], str(found["e_tag"]))

    async def read(self, name: str, offset: int = 0) -> AsyncGenerator[bytes, None]:
        """The bytes of an object from ``offset`` (a range request), in chunks; an object that changed ends it."""
        store, path = self._ready(), self._path(name)
        known = await self.look(name)
        if known is None:
            raise self._error("CB6009", "gone")
        if offset >= known.size:
            return
        try:
            asked = obstore.get_async(store, path, options={"range": {"offset": offset}, "if_match": known.version})
            found = await self._do(asked)
        except GONE as error:
            raise self._error("CB6009", "gone") from error
        stream = aiter(found.stream(min_chunk_size=CHUNK))
        with self._told():
            while True:
                async with asyncio.timeout(self.stall_s):
                    chunk = await anext(stream, None)
                if chunk is None:
                    return
                yield bytes(chunk)

    async def stage(self, path: Path, name: str) -> None:
        """Upload beside the name, large files in parts that are tried again one by one."""
        await self._do(obstore.put_async(self._ready(), self._staging(name), path), 24 * 3600.0)

    async def staged(self, name: str) -> bool:
        """Whether an upload waits for its name."""
        return await self.look(f"{STAGING}/{name}") is not None

    async def unstage(self, name: str) -> None:
        """Remove the upload."""
        await self.put_away(f"{STAGING}/{name}", "")

    async def publish(self, path: Path, name: str) -> None:
        """Give the upload its name, if nothing has it; CB6063 otherwise."""
        store, target = self._ready(), self._path(name)
        size = await asyncio.to_thread(lambda: path.stat().st_size)
        if size <= ONE_PUT:
            data = await asyncio.to_thread(path.read_bytes)
            await self._do(obstore.put_async(store, target, data, mode="create", use_multipart=False))
        else:
            await self._do(obstore.copy_async(store, self._staging(name), target, overwrite=False), 3600.0)
        await self.unstage(name)

    async def write(self, name: str, data: bytes) -> None:
        """Write a mark: whole or not at all, and the same again changes nothing."""
        await self._do(obstore.put_async(self._ready(), self._path(name), data, use_multipart=False))

    async def put_away(self, name: str, into: str) -> None:
        """Move or delete an object; one that is gone already is no error."""
        store = self._ready()
        if into:
            target, number = f"{into}/{name}", 1
            while await self.look(target) is not None:
                number += 1
                target = f"{into}/{name}.{number}"
            try:
                await self._do(obstore.copy_async(store, self._path(name), self._path(target)), 3600.0)
            except GONE:
                return
        with contextlib.suppress(*GONE):
            await self._do(obstore.delete_async(store, self._path(name)))
