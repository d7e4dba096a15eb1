"""rest-fetch and rest-send: each record once per content, whatever the vendor's pages do; files as they are."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from adapters.host.carriers.rest_fetch import RestFetch
from adapters.host.carriers.rest_send import RestSend
from adapters.host.carriers.spool import Spool
from adapters.host.store import Store
from adapters.transports.file_drop import write_file
from adapters.transports.rest import HttpSite, json_reply
from bus.core.errors import AdapterError, ConfigurationError
from tests.host.carrying import Ground, names

pytestmark = pytest.mark.slow


@dataclass(slots=True)
class Cloud:
    """A vendor's REST face: records by pages of two, an export as one file, and a place for posts."""

    rows: list[dict[str, Any]] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)
    posts: list[tuple[str, str, bytes]] = field(default_factory=list)
    export: bytes = b""
    etag: str = ""
    cut_at: int = 0
    status: int = 200
    next_form: str = "token"
    site: HttpSite = field(init=False)

    def __post_init__(self) -> None:
        app = web.Application(client_max_size=1 << 24)
        app.router.add_get("/api/kojin", self._list)
        app.router.add_get("/api/export", self._export)
        app.router.add_post("/api/files/{name}", self._post)
        self.site = HttpSite(app, drain_s=0.1)

    async def _list(self, request: web.Request) -> web.Response:
        self.asked.append(request.query_string)
        if self.status != 200:
            return json_reply({}, self.status, {"Retry-After": "3"})
        if self.etag and request.headers.get("If-None-Match") == self.etag:
            return web.Response(status=304)
        since = request.query.get("since", "")
        rows = [row for row in self.rows if row["更新"] >= since]
        start = int(request.query.get("after", "0"))
        more = start + 2 < len(rows)
        answer: dict[str, Any] = {"data": {"kojin": rows[start : start + 2]}}
        headers = {"ETag": self.etag} if self.etag else {}
        if self.next_form == "elsewhere":
            answer["next"] = "http://127.0.0.1:1/api/kojin?after=2"
        elif self.next_form == "same":
            answer["next"] = "0"
        elif more and self.next_form == "link":
            headers["Link"] = f'</api/kojin?after={start + 2}>; rel="next"'
        elif more:
            answer["next"] = str(start + 2)
        body = json.dumps(answer, ensure_ascii=False, indent=1).encode()
        return web.Response(body=body, content_type="application/json", headers=headers)

    async def _export(self, request: web.Request) -> web.StreamResponse:
        self.asked.append(request.headers.get("Range", ""))
        if request.headers.get("If-None-Match") == self.etag:
            return web.Response(status=304)
        data, status, headers = self.export, 200, {"ETag": self.etag}
        if request.headers.get("If-Range") == self.etag:
            start = int(request.headers["Range"].removeprefix("bytes=").rstrip("-"))
            headers["Content-Range"] = f"bytes {start}-{len(data) - 1}/{len(data)}"
            data, status = data[start:], 206
        answer = web.StreamResponse(status=status, headers=headers | {"Content-Length": str(len(data))})
        await answer.prepare(request)
        if self.cut_at:
            await answer.write(data[: self.cut_at])
            self.cut_at = 0
            assert request.transport is not None
            request.transport.close()
            return answer
        await answer.write(data)
        return answer

    async def _post(self, request: web.Request) -> web.Response:
        name = request.match_info["name"]
        self.posts.append((name, request.headers["Idempotency-Key"], await request.read()))
        return json_reply({}, self.status)


@pytest.fixture
async def cloud() -> AsyncIterator[Cloud]:
    """A running face with five residents."""
    made = Cloud([{"番号": f"{n}", "更新": f"2026-01-0{n}", "氏名": f"架空　{n}"} for n in range(1, 6)])
    await made.site.start()
    yield made
    await made.site.stop()


@pytest.fixture
def ground(tmp_path: Path) -> Iterator[Ground]:
    """A folder and a store."""
    (tmp_path / "here").mkdir()
    store = Store(tmp_path / "var" / "store.sqlite")
    store.open()
    yield Ground(tmp_path, store)
    store.close()


KEYS = {
    "path": "/api/kojin",
    "file_name": "K{number:04d}.json",
    "items": "data.kojin",
    "next": "next",
    "page_param": "after",
    "since_param": "since",
    "cursor": "更新",
    "key": ["番号"],
}


async def fetched(ground: Ground, cloud: Cloud, **keys: Any) -> list[dict[str, Any]]:
    """One round of rest-fetch; the records of the files that appeared, which are taken away."""
    carrier = RestFetch(ground.spec("rest-fetch", **(KEYS | keys)), ground.environment(address=cloud.site.url))
    try:
        await carrier.round(asyncio.Event())
    finally:
        await carrier.close()
    return taken(ground)


def taken(ground: Ground) -> list[dict[str, Any]]:
    """The records of complete files."""
    found: list[dict[str, Any]] = []
    for mark in sorted(ground.here.glob("*.END")):
        path = ground.here / mark.name.removesuffix(".END")
        found += [json.loads(line) for line in path.read_bytes().splitlines()]
        path.unlink()
        mark.unlink()
    return found


def numbers(rows: list[dict[str, Any]]) -> list[str]:
    """Who they are."""
    return [row["番号"] for row in rows]


@pytest.mark.parametrize("form", ["token", "link"])
async def test_all_pages_come_once_and_then_only_what_changed(ground: Ground, cloud: Cloud, form: str) -> None:
    """An inclusive ``since`` repeats the last record; it is known. A changed one comes again, alone."""
    cloud.next_form = form
    how = {"next": "link", "page_param": ""} if form == "link" else {}
    assert await fetched(ground, cloud, **how) == cloud.rows
    cloud.asked.clear()
    assert await fetched(ground, cloud, **how) == []
    assert cloud.asked == ["since=2026-01-05"]
    cloud.rows[4] = cloud.rows[4] | {"氏名": "架空　改"}
    assert await fetched(ground, cloud, **how) == [cloud.rows[4]]


async def test_after_a_break_the_walk_goes_on_at_its_page(
    ground: Ground, cloud: Cloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing twice, nothing left out, and ``since`` stays until the walk is over."""
    keep, calls = Spool.keep, []

    async def breaks(self: Spool, *given: Any) -> str:
        calls.append(1)
        if len(calls) == 2:
            raise AdapterError("CB6012")
        return await keep(self, *given)

    monkeypatch.setattr(Spool, "keep", breaks)
    with pytest.raises(AdapterError):
        await fetched(ground, cloud)
    first = taken(ground)
    cloud.asked.clear()
    rest = await fetched(ground, cloud)
    assert numbers(first + rest) == ["1", "2", "3", "4", "5"]
    assert cloud.asked == ["after=2", "after=4"]


async def test_a_file_that_was_noted_and_has_no_end_mark_gets_it(
    ground: Ground, cloud: Cloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The crash came between the note and the mark."""

    def crash(*_: object) -> None:
        raise AdapterError("CB6009")

    with monkeypatch.context() as patch:
        patch.setattr("adapters.host.carriers.spool.write_end_mark", crash)
        with pytest.raises(AdapterError):
            await fetched(ground, cloud)
    assert names(ground.here) == ["K0001.json"]
    assert numbers(await fetched(ground, cloud)) == ["1", "2", "3", "4", "5"]


async def test_an_unchanged_answer_costs_one_question(ground: Ground, cloud: Cloud) -> None:
    """304 by ETag, where the address does not change."""
    cloud.rows, cloud.etag = cloud.rows[:2], '"v1"'
    how = {"since_param": "", "cursor": ""}
    assert len(await fetched(ground, cloud, **how)) == 2
    cloud.rows.append(cloud.rows[0] | {"番号": "9"})
    assert await fetched(ground, cloud, **how) == []
    cloud.etag = '"v2"'
    assert numbers(await fetched(ground, cloud, **how)) == ["9"]


async def test_an_etag_of_another_address_is_not_sent(ground: Ground, cloud: Cloud) -> None:
    """With a new ``since`` the old ETag says nothing: records would be lost."""
    cloud.etag = '"always"'
    assert len(await fetched(ground, cloud)) == 5
    cloud.rows.append({"番号": "6", "更新": "2026-01-06"})
    assert numbers(await fetched(ground, cloud)) == ["6"]


@pytest.mark.parametrize(
    ("rows", "keys", "form", "code"),
    [
        ([{"更新": "1"}], {}, "token", "CB6065"),
        ([{"番号": "1"}], {"since_param": ""}, "token", "CB6065"),
        ([{"番号": {"a": 1}, "更新": "1"}], {}, "token", "CB6065"),
        (["text"], {"since_param": ""}, "token", "CB6065"),
        ([], {"items": "data"}, "token", "CB6065"),
        ([], {"items": "none.here"}, "token", "CB6065"),
        ([{"番号": "1", "更新": "1"}], {}, "same", "CB6065"),
        ([{"番号": "1", "更新": "1"}], {"page_param": ""}, "elsewhere", "CB6065"),
    ],
)
async def test_answers_of_another_form_are_refused(
    ground: Ground, cloud: Cloud, rows: list[Any], keys: dict[str, str], form: str, code: str
) -> None:
    """No key, no cursor, no objects, a circle of pages, a next page on another host."""
    cloud.rows, cloud.next_form = [], form

    async def raw(request: web.Request) -> web.Response:
        answer: dict[str, Any] = {"data": {"kojin": rows}}
        if form == "same":
            answer["next"] = "0"
        if form == "elsewhere":
            answer["next"] = "http://127.0.0.1:1/api/kojin?after=2"
        return json_reply(answer)

    app = web.Application()
    app.router.add_get("/api/kojin", raw)
    site = HttpSite(app, drain_s=0.1)
    await site.start()
    cloud.site, own = site, cloud.site
    try:
        with pytest.raises(AdapterError) as caught:
            await fetched(ground, cloud, **keys)
    finally:
        await site.stop()
        cloud.site = own
    assert caught.value.code == code


@pytest.mark.parametrize(
    ("status", "code", "wait_s"), [(429, "CB6064", 3), (503, "CB6009", 3), (403, "CB6061", 0), (404, "CB6065", 0)]
)
async def test_refusals_have_their_codes(ground: Ground, cloud: Cloud, status: int, code: str, wait_s: int) -> None:
    """And the vendor's wish to wait is kept."""
    cloud.status = status
    with pytest.raises(AdapterError) as caught:
        await fetched(ground, cloud)
    assert (caught.value.code, caught.value.retry_after_s) == (code, wait_s)


@pytest.mark.parametrize(
    "keys", [{"key": []}, {"file_name": "K.json"}, {"file_name": "{nummer}.json"}, {"file_name": "../{number}"}]
)
def test_records_without_a_key_or_files_without_a_number_are_refused_at_the_start(
    ground: Ground, keys: dict[str, Any]
) -> None:
    """CB6008: without a key nothing can be known again; one file would be written over the other."""
    spec = ground.spec("rest-fetch", **(KEYS | keys))
    with pytest.raises(ConfigurationError) as caught:
        RestFetch(spec, ground.environment(address="http://127.0.0.1:9"))
    assert caught.value.code == "CB6008"


# one file

FILE = {"format": "file", "path": "/api/export", "file_name": "E{number:04d}.csv"}


async def exported(ground: Ground, cloud: Cloud) -> None:
    """One round for the export."""
    carrier = RestFetch(ground.spec("rest-fetch", **FILE), ground.environment(address=cloud.site.url))
    try:
        await carrier.round(asyncio.Event())
    finally:
        await carrier.close()


async def test_an_export_is_continued_after_a_break_and_fetched_once_per_version(ground: Ground, cloud: Cloud) -> None:
    """Range and If-Range with the ETag of the first part; the same content comes once; new content is a new file."""
    cloud.export, cloud.etag, cloud.cut_at = b"0123456789" * 200_000, '"v1"', 1_500_000
    with pytest.raises(AdapterError) as caught:
        await exported(ground, cloud)
    assert caught.value.code == "CB6009"
    await exported(ground, cloud)
    assert cloud.asked[0] == ""
    assert cloud.asked[1].startswith("bytes=")
    assert (ground.here / "E0001.csv").read_bytes() == cloud.export
    await exported(ground, cloud)
    cloud.etag = '"v1b"'
    await exported(ground, cloud)
    assert names(ground.here) == ["E0001.csv", "E0001.csv.END"]
    cloud.export, cloud.etag = b"new", '"v2"'
    await exported(ground, cloud)
    assert (ground.here / "E0002.csv").read_bytes() == b"new"


async def test_an_export_that_changed_after_the_break_begins_anew(ground: Ground, cloud: Cloud) -> None:
    """Two versions are never mixed."""
    cloud.export, cloud.etag, cloud.cut_at = b"0123456789" * 200_000, '"v1"', 1_500_000
    with pytest.raises(AdapterError):
        await exported(ground, cloud)
    cloud.export, cloud.etag = b"abcdefghij" * 200_000, '"v2"'
    await exported(ground, cloud)
    assert (ground.here / "E0001.csv").read_bytes() == cloud.export


# sending


async def test_files_are_posted_once_under_their_key(ground: Ground, cloud: Cloud) -> None:
    """Unchanged, in the order of the names; what the vendor refuses waits in error/."""
    write_file(ground.here, "B.DAT", b"two")
    write_file(ground.here, "A.DAT", b"one")
    carrier = RestSend(ground.spec("rest-send", path="/api/files/{name}"), ground.environment(address=cloud.site.url))
    cloud.status = 503
    with pytest.raises(AdapterError):
        await carrier.round(asyncio.Event())
    cloud.status = 201
    assert await carrier.round(asyncio.Event())
    assert [(name, body) for name, _, body in cloud.posts] == [("A.DAT", b"one"), ("A.DAT", b"one"), ("B.DAT", b"two")]
    assert cloud.posts[0][1] == cloud.posts[1][1] != cloud.posts[2][1]
    assert names(ground.here / "done") == ["A.DAT", "B.DAT"]
    cloud.status = 422
    write_file(ground.here, "C.DAT", b"three")
    await carrier.round(asyncio.Event())
    assert names(ground.here / "error") == ["C.DAT"]
    await carrier.close()
