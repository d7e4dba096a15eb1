"""bus-to-file: received records become vendor files, in batches, each file written exactly once.

A batch is bound to its rows first; its data file is written under a name that the number alone decides; only when that
is recorded does the end mark appear. So after a crash a batch without an end mark is written again identically, and
one whose file the vendor has already taken is not.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec

from adapters.host.definition import FlowSpec
from adapters.host.flows.base import Environment
from adapters.host.flows.receiving import Receiving, ReceivingFlow
from adapters.host.store import received
from adapters.host.store.received import OPEN, Batch, Waiting
from adapters.transports.file_drop import END_MARK, write_data, write_end_mark
from bus.core import log
from bus.core.errors import AdapterError

LOOK_S = 1.0


@dataclass(slots=True)
class BatchWriter:
    """Writes batches of a flow's queue as files.

    ``keep_rows``: the rows wait for an answer after the file is written; ``number_field`` then carries their number.
    """

    spec: FlowSpec
    environment: Environment
    keep_rows: bool = False
    number_field: str = ""
    folder: Path = field(init=False)
    end_mark: str = field(init=False)
    _event: asyncio.Event = field(default_factory=asyncio.Event, init=False)

    def __post_init__(self) -> None:
        self.folder = self.environment.path(self.spec.text("folder"))
        self.end_mark = self.spec.text("end_mark", END_MARK)

    def wake(self) -> None:
        """Something was queued."""
        self._event.set()

    def name(self, number: int) -> str:
        """The file name of a batch."""
        return self.spec.text("file_name").format(batch=number)

    async def run(self, stop: asyncio.Event, layout: str, mapping: str) -> None:
        """Write batches until ``stop``: when enough rows wait, or ``batch_s`` after the first."""
        limit = int(self.spec.number("batch_records", 500))
        gather_s = self.spec.number("batch_s", 0.3)
        while not stop.is_set():
            self._event.clear()
            try:
                for batch in received.unfinished_batches(self.environment.store.reader, self.spec.id):
                    await self._publish(batch, layout, mapping)
                waiting = received.queued(self.environment.store.reader, self.spec.id)
                if waiting:
                    if waiting < limit:
                        await _wait(stop.wait(), gather_s)
                    now = self.environment.clock.now()
                    write = self.environment.store.write
                    if await write(received.open_batch, self.spec.id, limit, self.name, now) is not None:
                        continue
            except AdapterError as error:
                log.warn("batch_put_off", flow=self.spec.id, code=error.code)
            await _wait(self._either(stop), LOOK_S)

    async def _either(self, stop: asyncio.Event) -> None:
        waits = [asyncio.ensure_future(stop.wait()), asyncio.ensure_future(self._event.wait())]
        try:
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for one in waits:
                one.cancel()

    async def _publish(self, batch: Batch, layout: str, mapping: str) -> None:
        store = self.environment.store
        if batch.state == OPEN:
            rows = received.batch_rows(store.reader, self.spec.id, batch.number)
            data = await asyncio.to_thread(self._encode, rows, batch, layout, mapping)
            await asyncio.to_thread(write_data, self.folder, batch.name, data)
            await store.write(received.batch_written, self.spec.id, batch.number)
        if batch.state == OPEN or (self.folder / batch.name).exists():
            await asyncio.to_thread(write_end_mark, self.folder, batch.name, self.end_mark)
        now = self.environment.clock.now()
        await store.write(received.batch_published, self.spec.id, batch.number, now, keep_rows=self.keep_rows)
        log.line("batch_written", flow=self.spec.id, file=batch.name, records=batch.records)

    def _encode(self, rows: Sequence[Waiting], batch: Batch, layout: str, mapping: str) -> bytes:
        codec = self.environment.translators.get(self.spec.path(layout), self.spec.path(mapping)).codec
        known = {"batch": batch.number, "municipality": self.environment.spec.municipality}
        header = {name: str(text).format(**known) for name, text in self.spec.keys.get("header", {}).items()}
        records = [msgspec.json.decode(row.payload, type=dict[str, str]) for row in rows]
        if self.number_field:
            for row, values in zip(rows, records, strict=True):
                values[self.number_field] = str(row.seq)
        return b"".join(codec.encode(records, header=header))


async def _wait(what: Coroutine[Any, Any, object], seconds: float) -> None:
    with suppress(TimeoutError):
        await asyncio.wait_for(what, seconds)


def _items(items: dict[str, str], _raw: bytes) -> tuple[bytes, str]:
    """A file is encoded as a whole when it is written."""
    return msgspec.json.encode(items), ""


@dataclass(slots=True)
class BusToFile(ReceivingFlow):
    """One flow of kind ``bus-to-file``."""

    _writer: BatchWriter = field(init=False)

    def __post_init__(self) -> None:
        self._writer = BatchWriter(self.spec, self.environment)
        self._receiving = Receiving(self.spec, self.environment, self.composer, self._writer.wake, _items)

    async def run(self, stop: asyncio.Event) -> None:
        """Write batches until ``stop``."""
        await self._writer.run(stop, "layout", "mapping")
