"""file-to-bus: every record of a vendor's file becomes one notice on the bus.

A file is moved to ``done/`` only when each of its records stands in the outbox or is noted as held or refused. What
comes behind a held record under the same ordering key stands in the outbox and waits for it (``store.turns``). A
file that is broken as a whole (truncated) goes to ``error/``; the whole records it has go on all the same: a notice
that comes again in the repaired file changes nothing.
"""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Iterator
from dataclasses import dataclass, field

from adapters.host.flows.base import WiredFlow
from adapters.host.flows.notices import Notices
from adapters.host.flows.reading import (
    Good,
    RecordReader,
    VendorFile,
    error_list,
    error_list_of,
    list_name,
    log_file,
    put_away,
    take,
)
from adapters.host.flows.shape import hold_to_shape
from adapters.host.store import files, turns
from adapters.host.store.files import DONE, ERROR
from adapters.host.store.turns import Outcome
from adapters.host.translate import Translator
from adapters.transports.file_drop import FileDrop, watch
from bus.core import log
from bus.core.errors import AdapterError

CHUNK = 200
"""Records per durable commit while a file is read."""


@dataclass(slots=True)
class FileToBus(WiredFlow):
    """One flow of kind ``file-to-bus``."""

    drop: FileDrop = field(init=False)
    _notices: Notices = field(init=False)

    def __post_init__(self) -> None:
        self.drop = self.vendor_folder()
        self._notices = Notices(self.spec, self.environment, self.composer)

    def _translator(self) -> Translator:
        return self.environment.translators.get(self.spec.path("layout"), self.spec.path("mapping"))

    async def run(self, stop: asyncio.Event) -> None:
        """Take files until ``stop``."""
        async for _, path in watch([self.drop], stop):
            try:
                await self.process(await asyncio.to_thread(take, self.drop, path, self.environment.spec.municipality))
            except AdapterError as error:
                # the vendor's share or the own disk: the file stays and is taken again
                log.warn("file_put_off", flow=self.id, file=path.name, code=error.code)

    async def process(self, file: VendorFile) -> None:
        """Bring all records of a file into the outbox, note the others, move the file away."""
        environment = self.environment
        store, now = environment.store, environment.clock.now()
        await asyncio.to_thread(hold_to_shape, store, self.id, self._translator(), file)
        key = (self.id, file.name, file.sha256)
        known = await store.write(files.begin, *key, file.source, file.size, now)
        settled = files.settled(store.reader, self.id, file.source)
        reader = RecordReader(self._translator(), file, environment.owners, settled)
        outcomes = self._outcomes(reader, file)
        while chunk := await asyncio.to_thread(_next, outcomes):
            await store.write(turns.keep, self.id, file.source, chunk, now)
            environment.posted()
        state = ERROR if reader.problems else DONE
        await store.write(
            files.finish,
            *key,
            state=state,
            records=reader.count,
            now=environment.clock.now(),
            code=reader.problem_code,
            findings=reader.problems,
            lost=reader.lost,
        )
        errors = error_list_of(store.reader, self.id, file.source, reader.problems)
        number = files.number_of(store.reader, self.id, file.name, file.source)
        await asyncio.to_thread(put_away, file, state, errors, number)
        log_file(store.reader, self.id, file, known is not None, reader.problem_code)

    def _outcomes(self, reader: RecordReader, file: VendorFile) -> Iterator[Outcome]:
        translator = reader.translator
        for one in reader:
            if isinstance(one, Good):
                yield self._notices.outcome(one, file.source)
            else:
                yield self._notices.placed(one, translator, file.name)

    async def release(self) -> None:
        """Try the held records again: the register has changed."""
        for source in await self._notices.release(self._translator()):
            await self.refresh(source)

    async def refresh(self, source: str) -> None:
        """Write a file's error list anew: something of it was refused by the bus, or released."""
        reader = self.environment.store.reader
        named = files.name_of(reader, source)
        if named is not None:
            errors = error_list_of(reader, self.id, source) or error_list([])
            listed = list_name(named[1], files.number_of(reader, self.id, named[1], source))
            await asyncio.to_thread(self.drop.write_beside, ERROR, listed, errors)


def _next(outcomes: Iterator[Outcome]) -> list[Outcome]:
    return list(itertools.islice(outcomes, CHUNK))
