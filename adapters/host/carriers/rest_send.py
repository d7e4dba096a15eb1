"""rest-send: complete files of a local folder are posted to a vendor's REST face as they are, each under its own key.

The same file carries the same ``Idempotency-Key`` (its SHA-256) however often it is tried.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote

from adapters.host.carriers.base import Carrier
from adapters.host.flows.rest_access import client
from adapters.host.store import carried
from adapters.transports.file_drop import DONE, END_MARK, ERROR, FileDrop
from adapters.transports.rest import RestClient
from bus.core import log
from bus.core.errors import AdapterError
from bus.core.types import Finding

CHUNK = 1 << 18
LATER = frozenset({401, 403, 404, 408, 423, 425})
"""Answers that say nothing about the file: it is offered again."""


@dataclass(slots=True)
class RestSend(Carrier):
    """One transport of kind ``rest-send``."""

    drop: FileDrop = field(init=False)
    _client: RestClient = field(init=False)

    def prepare(self) -> None:
        """The client and the folder."""
        self._client = client(self.spec, self.environment, 2)
        folder = self.environment.path(self.spec.text("folder"))
        self.drop = FileDrop(folder, (self.spec.text("pattern"),), self.spec.text("end_mark", END_MARK))

    async def close(self) -> None:
        """Close the connections."""
        await self._client.close()

    async def round(self, stop: asyncio.Event) -> bool:
        """Post every complete file, in the order of their names."""
        paths = await asyncio.to_thread(self.drop.complete)
        for path in paths:
            if stop.is_set():
                break
            await self._post(path)
        return bool(paths)

    async def _post(self, path: Path) -> None:
        size, sha256 = await asyncio.to_thread(_look_at, path)
        known = carried.find(self.environment.store.reader, self.id, path.name, sha256)
        if known is None or known.state != carried.SENT:
            status = await self._call(path, size, sha256)
            if not 200 <= status < 300:
                await self._refused(path, size, sha256, status)
                return
            await self._note(path.name, size, sha256, carried.SENT)
            log.line("transport_sent", flow=self.id, file=path.name, size=size, sha256=sha256)
        await asyncio.to_thread(self.drop.finish, path, DONE)

    async def _call(self, path: Path, size: int, sha256: str) -> int:
        headers = {
            "Content-Type": self.spec.text("content_type", "text/csv; charset=utf-8"),
            "Content-Length": str(size),
            "Idempotency-Key": sha256,
        }
        where = self.spec.text("path").replace("{name}", quote(path.name, safe=""))
        method = self.spec.text("method", "POST")
        async with self._client.stream(method, where, lambda: _chunks(path), headers, None) as answer:
            if answer.status in LATER:
                code = "CB6061" if answer.status in {401, 403} else "CB6009"
                raise AdapterError(code, [Finding(code, path=self._client.base_url, got=f"HTTP {answer.status}")])
            return answer.status

    async def _refused(self, path: Path, size: int, sha256: str, status: int) -> None:
        """The vendor refuses the file: it waits in ``error/`` for a person."""
        log.warn("transport_file_refused", flow=self.id, file=path.name, code="CB6010", http_status=status)
        await self._note(path.name, size, sha256, carried.FAILED, "CB6010")
        await asyncio.to_thread(self.drop.finish, path, ERROR)

    async def _note(self, name: str, size: int, sha256: str, state: str, code: str = "") -> None:
        now, key = self.environment.clock.now(), (self.id, name, sha256)
        await self.environment.store.write(carried.put, *key, state, size=size, sha256=sha256, code=code, now=now)


async def _chunks(path: Path) -> AsyncIterator[bytes]:
    with await asyncio.to_thread(path.open, "rb") as stream:
        while chunk := await asyncio.to_thread(stream.read, CHUNK):
            yield chunk


def _look_at(path: Path) -> tuple[int, str]:
    with path.open("rb") as stream:
        digest = hashlib.file_digest(stream, "sha256").hexdigest()
        return stream.tell(), digest
