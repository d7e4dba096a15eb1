"""Records of a REST face, page by page: where they stand in an answer, what comes next, how far was read.

Records stay the bytes that the vendor sent (one JSON object each); only line breaks between them go.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urljoin, urlsplit

import msgspec

from adapters.transports.rest import RestReply
from bus.core.errors import AdapterError
from bus.core.types import Finding

MAX_TOKEN = 4096
_LINK = re.compile(r'<([^<>]*)>[^,]*;\s*rel="?next"?')
_BREAKS = bytes.maketrans(b"\r\n\t", b"   ")


@dataclass(frozen=True, slots=True)
class Page:
    """``items`` are JSON objects without line breaks; ``following`` asks for the next page, empty on the last."""

    items: tuple[bytes, ...]
    following: str


@dataclass(frozen=True, slots=True)
class PageForm:
    """How a vendor's pages look, each a path of keys joined by ``.``; an empty ``items``: the answer is the array.

    ``following`` is the path of the next page's token or address, or ``link`` for the Link header.
    """

    items: str
    following: str = ""

    def read(self, reply: RestReply) -> Page:
        """The records of an answer; AdapterError CB6065 when it does not have this form."""
        try:
            found = msgspec.json.decode(_at(reply.body, self.items), type=list[msgspec.Raw])
        except msgspec.DecodeError as error:
            raise unusable(self.items, "an array of records", "another form") from error
        items = tuple(bytes(one).translate(_BREAKS) for one in found)
        for one in items:
            if not one.startswith(b"{"):
                raise unusable(self.items, "objects", "another value")
        return Page(items, self._following(reply))

    def _following(self, reply: RestReply) -> str:
        if not self.following:
            return ""
        if self.following == "link":
            match = _LINK.search(reply.headers.get("link", ""))
            text = match[1] if match else ""
        else:
            value = _scalar(_at(reply.body, self.following, absent=b"null"), self.following)
            text = "" if value is None else str(value)
        if len(text) > MAX_TOKEN or not text.isprintable():
            raise unusable(self.following, "a token of the next page", "something longer or unprintable")
        return text


def value_at(item: bytes, path: str) -> str | int | None:
    """A text or whole number of a record; AdapterError CB6065 for anything else."""
    return _scalar(_at(item, path, absent=b"null"), path)


def key_of(item: bytes, paths: list[str]) -> str:
    """A record's key, from the items that make it; CB6065 when one of them is missing."""
    parts = [value_at(item, path) for path in paths]
    if any(part in {None, ""} for part in parts):
        raise unusable(" + ".join(paths), "a key in each record", "nothing")
    return "\x1f".join(str(part) for part in parts)


def digest_of(item: bytes) -> str:
    """SHA-256 of a record's bytes."""
    return hashlib.sha256(item).hexdigest()


def next_address(base_url: str, path: str, following: str, parameter: str) -> str:
    """Path and query of the next page. An address of another host is refused (CB6065): it would get the credential."""
    if parameter:
        return with_query(path, {parameter: following})
    here = base_url.rstrip("/") + path
    target = urlsplit(urljoin(here, following))
    base = urlsplit(base_url.rstrip("/"))
    if (target.scheme, target.netloc) != (base.scheme, base.netloc) or not target.path.startswith(base.path):
        raise unusable("next", "an address below the one declared", "another host or path")
    return target.path.removeprefix(base.path) + (f"?{target.query}" if target.query else "")


def with_query(path: str, values: dict[str, str]) -> str:
    """A path with query parameters added, percent-encoded."""
    query = "&".join(f"{quote(name, safe='')}={quote(text, safe='')}" for name, text in values.items() if text)
    return path + (("&" if "?" in path else "?") + query if query else "")


def _at(document: bytes, path: str, *, absent: bytes = b"") -> bytes:
    """The raw JSON at a path of keys."""
    raw = document
    for key in path.split(".") if path else ():
        try:
            members = msgspec.json.decode(raw, type=dict[str, msgspec.Raw])
        except msgspec.DecodeError as error:
            raise unusable(path, "JSON with this path", "another form") from error
        if key not in members:
            if absent:
                return absent
            raise unusable(path, "JSON with this path", "nothing")
        raw = bytes(members[key])
    return raw


def _scalar(raw: bytes, path: str) -> str | int | None:
    try:
        value: Any = msgspec.json.decode(raw)
    except msgspec.DecodeError as error:
        raise unusable(path, "a text or number", "no JSON") from error
    if value is None or (isinstance(value, str | int) and not isinstance(value, bool)):
        return value
    raise unusable(path, "a text or whole number", type(value).__name__)


def unusable(path: str, expected: str, got: str) -> AdapterError:
    """CB6065 at a place of an answer."""
    return AdapterError("CB6065", [Finding("CB6065", path=path, expected=expected, got=got)])
