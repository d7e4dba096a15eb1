"""rest-fetch: what a vendor's REST face offers, page by page or as one file, becomes files of a local folder.

Each record is handed on once per content: repeated pages, an inclusive ``since`` and a second walk change nothing.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec

from adapters.host.carriers.base import Carrier
from adapters.host.carriers.spool import Spool
from adapters.host.flows.rest_access import client
from adapters.transports.file_drop import END_MARK, sync_folder, write_end_mark
from adapters.transports.place import too_large
from adapters.transports.rest import RestClient, RestReply
from adapters.transports.rest_pages import (
    Page,
    PageForm,
    digest_of,
    key_of,
    next_address,
    unusable,
    value_at,
    with_query,
)
from bus.core import log
from bus.core.errors import AdapterError, ConfigurationError
from bus.core.types import Finding

MAX_BYTES = 1 << 30
MAX_PAGES = 100_000


class Place(msgspec.Struct):
    """How far was read: ``since`` of the walk, the next page, the highest value met in it, the ETag of a whole walk."""

    since: str = ""
    page: str = ""
    high: str = ""
    etag: str = ""


@dataclass(slots=True)
class RestFetch(Carrier):
    """One transport of kind ``rest-fetch``."""

    spool: Spool = field(init=False)
    _client: RestClient = field(init=False)

    def prepare(self) -> None:
        """The client and the folder."""
        self._client = client(self.spec, self.environment, 2)
        if self.spec.text("format", "records") == "records" and not self.spec.keys.get("key"):
            finding = Finding("CB6008", path=f"transport.{self.id}.key", expected="the items of a record's key", got="")
            raise ConfigurationError("CB6008", [finding])
        end_mark = self.spec.text("end_mark", END_MARK)
        folder = self.environment.path(self.spec.text("folder"))
        self.spool = Spool(self.id, self.environment, folder, self.spec.text("file_name"), end_mark)

    async def close(self) -> None:
        """Close the connections."""
        await self._client.close()

    async def round(self, stop: asyncio.Event) -> bool:
        """One walk over the pages, or one look at the file; never at once again: ``poll_s`` is the vendor's peace."""
        await self.spool.mend()
        if self.spec.text("format", "records") == "file":
            await self._file()
        else:
            await self._walk(stop)
        return False

    # records

    async def _walk(self, stop: asyncio.Event) -> None:
        value, _ = self.spool.state()
        place = msgspec.json.decode(value, type=Place) if value else Place()
        resumed = bool(place.page)
        seen = {place.page} if resumed else set()
        form = PageForm(self.spec.text("items"), self.spec.text("next"))
        etag = place.etag
        for number in range(1, MAX_PAGES + 1):
            first = not place.page
            reply = await self._client.request("GET", self._address(place), headers=self._condition(place, first=first))
            if reply.status == 304 and first:
                return
            if reply.status in {400, 404, 410} and resumed and number == 1:
                # the vendor does not know the page any more: walk again, what was handed on is known
                await self.spool.note(_written(Place(place.since, "", "", "")), self.spool.state()[1], {})
                raise self._answered(reply)
            if reply.status != 200:
                raise self._answered(reply)
            etag = reply.headers.get("etag", "") if first else etag
            page = form.read(reply)
            place = await self._take(page, place, etag)
            if not page.following or stop.is_set():
                return
            if page.following in seen:
                raise unusable(self.spec.text("next"), "another page", "one that was read already")
            seen.add(page.following)
        raise AdapterError("CB6081", [Finding("CB6081", path=self.id, expected=f"<= {MAX_PAGES} pages")])

    def _address(self, place: Place) -> str:
        path = self.spec.text("path")
        since = self.spec.text("since_param")
        if since:
            path = with_query(path, {since: place.since})
        if place.page:
            return next_address(self._client.base_url, path, place.page, self.spec.text("page_param"))
        return path

    @staticmethod
    def _condition(place: Place, *, first: bool) -> dict[str, str]:
        return {"If-None-Match": place.etag} if first and place.etag else {}

    async def _take(self, page: Page, place: Place, etag: str) -> Place:
        """Store the news of a page together with the way to the next one."""
        keys: dict[str, str] = {}
        items: dict[str, bytes] = {}
        high = place.high
        cursor = self.spec.text("cursor")
        for item in page.items:
            key = key_of(item, list(self.spec.keys["key"]))
            digest = digest_of(item)
            items.pop(key, None)  # the last of a key in a page counts, at its place
            keys[key], items[key] = digest, item
            high = self._higher(high, item, cursor) if cursor else ""
        news = self.spool.news(keys)
        last = not page.following
        since = high or place.since
        # an ETag speaks of one address only: with another ``since`` it is another address
        after = Place(since, "", "", etag if since == place.since else "")
        if not last:
            after = Place(place.since, page.following, high, "")
        data = b"".join(item + b"\n" for key, item in items.items() if key in news)
        name = await self.spool.keep(data, _written(after), {key: keys[key] for key in news})
        if name:
            log.line("transport_fetched", flow=self.id, file=name, records=len(news))
        return after

    @staticmethod
    def _higher(high: str, item: bytes, cursor: str) -> str:
        value = value_at(item, cursor)
        if value is None:
            raise unusable(cursor, "a value in each record", "nothing")
        text = str(value)
        if isinstance(value, int):
            return text if not high or value > int(high) else high
        return max(high, text)

    def _answered(self, reply: RestReply) -> AdapterError:
        code = "CB6061" if reply.status in {401, 403} else "CB6065"
        return AdapterError(code, [Finding(code, path=self._client.base_url, got=f"HTTP {reply.status}")])

    # one file

    async def _file(self) -> None:
        """Fetch the file if its ETag is another; a break is continued where the server can (Range, If-Range)."""
        value, number = self.spool.state()
        known = msgspec.json.decode(value, type=Place) if value else Place()
        name = self.spool.name(number + 1)
        part, note = self.spool.folder / f".{name}.part", self.spool.folder / f".{name}.etag"
        await asyncio.to_thread(self.spool.folder.mkdir, parents=True, exist_ok=True)
        size, begun = await asyncio.to_thread(_begun, part, note)
        headers = {"If-None-Match": known.etag} if known.etag else {}
        if size:
            headers |= {"Range": f"bytes={size}-", "If-Range": begun}
        async with self._client.stream("GET", self.spec.text("path"), None, headers, None) as answer:
            if answer.status == 304:
                return
            if answer.status == 206 and not answer.headers.get("Content-Range", "").startswith(f"bytes {size}-"):
                raise unusable("Content-Range", f"bytes {size}-", "another range")
            if answer.status == 416:
                await asyncio.to_thread(part.unlink)
            if answer.status not in {200, 206}:
                raise self._answered(RestReply(answer.status))
            etag = answer.headers.get("ETag", "")
            offset = size if answer.status == 206 else 0
            if not offset:
                # only a strong ETag says that the bytes are the same
                await asyncio.to_thread(note.write_text, "" if etag.startswith("W/") else etag, "utf-8")
            await self._body(answer.content.iter_any(), part, offset)
        sha256 = await asyncio.to_thread(_sha256, part)
        await asyncio.to_thread(note.unlink)
        if self.spool.news({"": sha256}):
            await asyncio.to_thread(part.rename, self.spool.folder / name)
            await asyncio.to_thread(sync_folder, self.spool.folder)
            await self.spool.note(_written(Place(etag=etag)), number + 1, {"": sha256})
            await asyncio.to_thread(write_end_mark, self.spool.folder, name, self.spool.end_mark)
            log.line("transport_fetched", flow=self.id, file=name, sha256=sha256)
        else:
            await asyncio.to_thread(part.unlink)
            await self.spool.note(_written(Place(etag=etag)), number, {})

    async def _body(self, chunks: Any, part: Path, offset: int) -> None:
        most = int(self.spec.number("max_bytes", MAX_BYTES))
        with part.open("r+b" if offset else "wb") as target:
            target.seek(offset)
            target.truncate()
            async for chunk in chunks:
                offset += len(chunk)
                if offset > most:
                    raise too_large(part.name, most)
                await asyncio.to_thread(target.write, chunk)
            target.flush()
            await asyncio.to_thread(os.fsync, target.fileno())


def _written(place: Place) -> str:
    return msgspec.json.encode(place).decode("utf-8")


def _begun(part: Path, note: Path) -> tuple[int, str]:
    """Size and ETag of a download that broke; 0 when it cannot be continued."""
    try:
        etag = note.read_text("utf-8")
        return (part.stat().st_size, etag) if etag else (0, "")
    except FileNotFoundError:
        return 0, ""


def _sha256(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
