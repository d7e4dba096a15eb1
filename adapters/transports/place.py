"""A vendor's place where files lie: what fetching and sending need of it, and the marks that declare a file complete.

A mark is a small file beside the data: ``end`` is empty, ``sha256`` holds ``<hex>  <name>``, ``manifest`` is JSON that
names the file (or several) with size and SHA-256. ``none``: a file is complete when it no longer changes.
"""

from __future__ import annotations

import re
from collections.abc import AsyncGenerator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import msgspec

from bus.core.errors import AdapterError
from bus.core.types import Finding

CHUNK = 1 << 20
"""Bytes of one read or write: what a stalled connection can cost, and what is held in memory."""

MAX_LISTED = 100_000
"""Entries of a folder; a place with more is not tidied up by anybody."""

MAX_MARK = 1 << 20
MARKS = {"end": ".END", "sha256": ".sha256", "manifest": ".manifest.json", "none": ""}
_NAME = re.compile(r"[^\x00-\x1f/\\.\x7f][^\x00-\x1f/\\\x7f]*\Z")
_SHA256 = re.compile(r"[0-9a-f]{64}\Z")


@dataclass(frozen=True, slots=True)
class RemoteFile:
    """A file as it lies at the vendor's. ``version`` changes when the file does (time of change, or ETag)."""

    name: str
    size: int
    version: str


@dataclass(frozen=True, slots=True)
class Promise:
    """What a mark says of a file: size (-1: nothing) and SHA-256 (empty: nothing)."""

    name: str
    size: int = -1
    sha256: str = ""


class RemotePlace(Protocol):
    """A folder somewhere else. Errors: CB6009 away, CB6011 stalled, CB6060 wrong host, CB6061 access refused."""

    @property
    def address(self) -> str:
        """What errors call it: no credential, no path with personal data."""
        ...

    async def connect(self) -> None:
        """Be ready for the calls below; called before each round."""
        ...

    async def close(self) -> None:
        """Let go of the connection."""
        ...

    async def listing(self) -> list[RemoteFile]:
        """The plain files of the folder, at most ``MAX_LISTED`` (CB6081)."""
        ...

    async def look(self, name: str) -> RemoteFile | None:
        """One file; ``None`` when it is not there."""
        ...

    def read(self, name: str, offset: int = 0) -> AsyncGenerator[bytes, None]:
        """The bytes of a file from ``offset``, in chunks."""
        ...

    async def stage(self, path: Path, name: str) -> None:
        """Bring a local file beside its final name, resuming what an earlier attempt left; nobody sees it yet."""
        ...

    async def publish(self, path: Path, name: str) -> None:
        """Let a staged file appear under its name, whole; CB6063 when another one has that name."""
        ...

    async def staged(self, name: str) -> bool:
        """Whether a staged file waits to be published."""
        ...

    async def unstage(self, name: str) -> None:
        """Remove a staged file that is not wanted any more."""
        ...

    async def write(self, name: str, data: bytes) -> None:
        """Write a small file (a mark)."""
        ...

    async def put_away(self, name: str, into: str) -> None:
        """Move a file into a folder below, under a number when the name is taken; an empty ``into`` deletes it."""
        ...


def safe_name(name: str) -> bool:
    """Whether a name from outside may become a file here: no path, no control characters, not hidden.

    The full-width space is no control character, though Python does not call it printable: vendors use it.
    """
    short = len(name.encode("utf-8", "surrogateescape")) <= 200
    return short and _NAME.match(name) is not None and name.replace("\u3000", "").isprintable()


async def read_small(place: RemotePlace, name: str) -> bytes:
    """A mark's content; CB6081 when it is larger than any mark."""
    data = bytearray()
    async for chunk in place.read(name):
        data += chunk
        if len(data) > MAX_MARK:
            raise too_large(name, MAX_MARK)
    return bytes(data)


def too_large(name: str, most: int) -> AdapterError:
    """CB6081 for a file above a limit."""
    return AdapterError("CB6081", [Finding("CB6081", place=name, expected=f"<= {most} bytes")])


def mark_text(kind: str, promise: Promise) -> bytes:
    """The content of the mark that declares a file complete."""
    if kind == "sha256":
        return f"{promise.sha256}  {promise.name}\n".encode()
    if kind == "manifest":
        entry = {"name": promise.name, "bytes": promise.size, "sha256": promise.sha256}
        return msgspec.json.format(msgspec.json.encode({"files": [entry]}), indent=2) + b"\n"
    return b""


class _Entry(msgspec.Struct, frozen=True):
    name: str
    sha256: str
    bytes: int = -1


class _Manifest(msgspec.Struct, frozen=True):
    files: list[_Entry]


def read_mark(kind: str, name: str, data: bytes, data_name: str) -> tuple[Promise, ...]:
    """What a mark called ``name`` promises of its files; CB6062 when it cannot be understood."""
    if kind == "end":
        return (Promise(data_name),)
    try:
        if kind == "sha256":
            digest = data.decode("ascii").split()[0].lower()
            found = [Promise(data_name, -1, digest)]
        else:
            manifest = msgspec.json.decode(data, type=_Manifest)
            found = [Promise(one.name, one.bytes, one.sha256.lower()) for one in manifest.files]
    except (UnicodeDecodeError, IndexError, msgspec.DecodeError) as error:
        raise _bad_mark(name, kind, type(error).__name__) from error
    if not found or not all(_SHA256.match(one.sha256) and safe_name(one.name) for one in found):
        raise _bad_mark(name, kind, "no SHA-256 or an impossible file name")
    return tuple(found)


def _bad_mark(name: str, kind: str, got: str) -> AdapterError:
    return AdapterError("CB6062", [Finding("CB6062", place=name, expected=f"a mark of kind {kind}", got=got)])
