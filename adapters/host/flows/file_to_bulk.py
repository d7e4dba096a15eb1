"""file-to-bulk: a whole file (an extract) becomes one bulk transfer, in parts, with counts and digests on the last.

The parts are staged while the file is read and let go together with the file's completion, in one transaction: a
truncated extract sends nothing. Records held for a character follow, once it is registered, as a difference transfer.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

from lxml import etree

from adapters.host.bulk_family import family_of
from adapters.host.flows.base import WiredFlow
from adapters.host.flows.reading import (
    Good,
    RecordReader,
    VendorFile,
    again,
    error_list_of,
    list_name,
    log_file,
    put_away,
    setback,
    take,
)
from adapters.host.flows.shape import hold_to_shape
from adapters.host.identity import Lines, canonical_line, identify, message_id_of, totals, uuid_of
from adapters.host.store import bulk, files, outbox
from adapters.host.store.bulk import Totals
from adapters.host.store.files import DONE, ERROR, HELD, HeldRecord, Setback
from adapters.host.store.outbox import STAGED, WAITING, Letter
from adapters.host.translate import Translator
from adapters.sdk.types import Origin
from adapters.transports.file_drop import FileDrop
from bus.core import log
from bus.core.datarules import standard_datetime
from bus.core.errors import AdapterError, ChiikibusError
from bus.core.types import Finding
from bus.wire import records
from schemas.model import Operation, RecordType

FULL = "1"
DIFFERENCE = "2"


@dataclass(slots=True)
class Part:
    """A part in the making: the elements of its good records, their canonical lines, and what did not go on."""

    elements: list[etree._Element] = field(default_factory=list, repr=False)
    lines: list[tuple[str, str]] = field(default_factory=list, repr=False)
    setbacks: list[Setback] = field(default_factory=list)


@dataclass(slots=True)
class FileToBulk(WiredFlow):
    """One flow of kind ``file-to-bulk``."""

    drop: FileDrop = field(init=False)
    operation: Operation = field(init=False)
    record: RecordType = field(init=False)
    family: str = field(init=False)
    part_records: int = field(init=False)

    def __post_init__(self) -> None:
        self.drop = self.vendor_folder()
        self.operation = self.environment.operation(self.spec.text("operation"))
        self.record = self.environment.edition.units[self.operation.unit].records[self.operation.record]
        self.family = family_of(self.operation)
        self.part_records = int(self.spec.number("part_records", 100))

    @property
    def shubetsu(self) -> str:
        """1 for full extracts, 2 for differences."""
        return self.spec.text("shubetsu")

    def _translator(self) -> Translator:
        return self.environment.translators.get(self.spec.path("layout"), self.spec.path("mapping"))

    async def run(self, stop: asyncio.Event) -> None:
        """The unit's ``BulkDesk`` hands the files over: full and difference extracts go out in the vendor's order."""
        await stop.wait()

    async def take(self, path: Path) -> None:
        """Send the extract at ``path`` and move it away."""
        try:
            # the name belongs to the identity: an extract asked for anew may hold the same bytes
            identity = (self.environment.spec.municipality, self.id, path.name)
            await self.process(await asyncio.to_thread(take, self.drop, path, *identity))
        except AdapterError as error:
            log.warn("file_put_off", flow=self.id, file=path.name, code=error.code)

    async def process(self, file: VendorFile) -> None:
        """Stage all parts, then let them go and move the file away."""
        store, clock = self.environment.store, self.environment.clock
        now = clock.now()
        key = (self.id, file.name, file.sha256)
        before = await store.write(files.begin, *key, file.source, file.size, now)
        if before in {DONE, ERROR}:
            await asyncio.to_thread(self.drop.finish, file.path, before)
            log_file(store.reader, self.id, file, True, "")
            return
        await asyncio.to_thread(hold_to_shape, store, self.id, self._translator(), file)
        await store.write(outbox.discard, file.source)
        previous = bulk.latest(store.reader, self.family) if self.shubetsu == DIFFERENCE else ""
        ikkatsuid = self._ikkatsuid(file)
        kijun = standard_datetime(file.path.stat().st_mtime)
        reader = RecordReader(self._translator(), file, self.environment.owners)
        if self.shubetsu == DIFFERENCE and not previous:
            expected = "a full transfer before the first difference"
            reader.broken("E0004", Finding("E0004", "zenkai_ikkatsuid", 0, expected, name_ja="前回一括ID"))
        parts = self._parts(iter(reader))
        with closing(Lines(store.path.parent)) as lines:
            number = held = 0
            part: Part | None = await asyncio.to_thread(_next, parts)
            while part is not None:
                number += 1
                following = await asyncio.to_thread(_next, parts)
                await asyncio.to_thread(lines.add, part.lines)
                held += sum(one.state == HELD for one in part.setbacks)
                last = await asyncio.to_thread(totals, lines) if following is None else None
                context = json.dumps({"ikkatsuid": ikkatsuid, "kijun": kijun})
                letter = self._letter(
                    ikkatsuid, self.shubetsu, kijun, number, part, last, file.source, STAGED, previous
                )
                await store.write(_stage, self.id, file.source, letter, part.setbacks, context, now)
                part = following
            whole = await asyncio.to_thread(totals, lines)
        finished = _Finished(key, file.source, ikkatsuid, number, held, whole, self.family, self.shubetsu)
        await store.write(_finish, finished, reader, clock.now())
        self.environment.posted()
        errors = error_list_of(store.reader, self.id, file.source, reader.problems)
        number_of = files.number_of(store.reader, self.id, file.name, file.source)
        await asyncio.to_thread(put_away, file, ERROR if reader.problems else DONE, errors, number_of)
        log_file(store.reader, self.id, file, before is not None, reader.problem_code)

    def _ikkatsuid(self, file: VendorFile) -> str:
        """The id of the request that the file's name quotes, else one that the file always gives."""
        for stem in file.path.stem.split("_"):
            found = bulk.find(self.environment.store.reader, self.family, stem.lower(), bulk.OUT)
            if found is not None and found.state == bulk.REQUESTED:
                return found.ikkatsuid
        return uuid_of("ikkatsu", file.source)

    def _parts(self, outcomes: Iterator[Good | Setback]) -> Iterator[Part]:
        """Parts of at most ``part_records`` records; at least one, even of an empty file."""
        first = True
        while chunk := list(itertools.islice(outcomes, self.part_records)):
            first = False
            yield self._part(chunk)
        if first:
            yield Part()

    def _part(self, chunk: list[Good | Setback]) -> Part:
        """Check the records together, and one by one only when something is wrong."""
        good = [one for one in chunk if isinstance(one, Good)]
        part = Part(setbacks=[one for one in chunk if isinstance(one, Setback)])
        probe = self.composer.payload(self.operation, values=_probe(len(good)), rows=[one.values for one in good])
        try:
            self.environment.check(self.operation, probe)
        except ChiikibusError:
            good = [one for one in good if self._holds(one, part.setbacks)]
            probe = self.composer.payload(self.operation, rows=[one.values for one in good])
        part.elements = records.carried_elements(probe, self.operation)
        for one in good:
            key = identify(self.record, one.values).event
            part.lines.append((key, canonical_line(self.record, key, one.values)))
        return part

    def _holds(self, record: Good, setbacks: list[Setback]) -> bool:
        payload = self.composer.payload(self.operation, values=_probe(1), rows=[record.values])
        try:
            self.environment.check(self.operation, payload)
        except ChiikibusError as error:
            setbacks.append(setback(record.record_no, record.here(error)))
            return False
        return True

    def _letter(
        self,
        ikkatsuid: str,
        shubetsu: str,
        kijun: str,
        number: int,
        part: Part,
        last: Totals | None,
        source: str,
        state: str,
        before: str = "",
    ) -> Letter:
        values = {
            "ikkatsuid": ikkatsuid,
            "ikkatsu_shubetsu": shubetsu,
            "zenkai_ikkatsuid": before,
            "kijunnichiji": kijun,
            "bunkatsubango": str(number),
            "saishufuragu": "0" if last is None else "1",
            "kensu": str(len(part.elements)),
        }
        if last is not None:
            values |= {"sokensu": str(last.records), "kagidaijesuto": last.keys, "naiyodaijesuto": last.content}
        payload = self.composer.payload(self.operation, values=values)
        payload.extend(part.elements)
        return self.composer.letter(
            self.operation,
            payload,
            message_id_of(self.environment.spec.municipality, "ikkatsu", ikkatsuid, str(number)),
            flow=self.id,
            purpose=self.spec.text("purpose"),
            source=source,
            record_no=number,
            count=len(part.elements),
            state=state,
        )

    async def release(self) -> None:
        """Send the held records that can go on now as one difference transfer per file."""
        store, now = self.environment.store, self.environment.clock.now()
        by_source: dict[str, list[HeldRecord]] = {}
        for one in files.held(store.reader, self.id):
            by_source.setdefault(one.source, []).append(one)
        for source, held in by_source.items():
            await self._release(source, held, now)
        self.environment.posted()

    async def _release(self, source: str, held: list[HeldRecord], now: float) -> None:
        store = self.environment.store
        named = files.name_of(store.reader, source)
        name = named[1] if named else ""
        chunk: list[Good | Setback] = []
        for one in held:
            try:
                chunk.append(Good(one.record_no, self._again(one, name), Origin(name, one.record_no)))
            except AdapterError as error:
                chunk.append(setback(one.record_no, error, one.raw))
        part = self._part(chunk)
        failed = {one.record_no: one for one in part.setbacks}
        released = [one for one in held if one.record_no not in failed]
        if released:
            context = json.loads(held[0].context)
            origin = context["ikkatsuid"]
            ikkatsuid = uuid_of("ikkatsu", origin, *(str(one.record_no) for one in released))
            whole = totals(part.lines)
            letter = self._letter(
                ikkatsuid, DIFFERENCE, context["kijun"], 1, part, whole, source, WAITING, before=origin
            )
            sent = (self.family, ikkatsuid, DIFFERENCE, self.id, source, 1, 0, whole, now)
            await store.write(_released, letter, [one.id for one in released], sent, now)
        for one in held:
            bad = failed.get(one.record_no)
            if bad is not None:
                await store.write(files.still_held, one.id, bad.code, bad.findings, final=bad.state != HELD, now=now)
        await self.refresh(source)

    def _again(self, held: HeldRecord, name: str) -> dict[str, str]:
        return again(self._translator(), held.raw, name, held.record_no, self.environment.owners)

    async def refresh(self, source: str) -> None:
        """Write a file's error list anew."""
        reader = self.environment.store.reader
        named = files.name_of(reader, source)
        errors = error_list_of(reader, self.id, source)
        if named is not None and errors is not None:
            listed = list_name(named[1], files.number_of(reader, self.id, named[1], source))
            await asyncio.to_thread(self.drop.write_beside, ERROR, listed, errors)


@dataclass(frozen=True, slots=True)
class _Finished:
    key: tuple[str, str, str]
    source: str
    ikkatsuid: str
    parts: int
    held: int
    totals: Totals
    family: str
    shubetsu: str


def _probe(count: int) -> dict[str, str]:
    """Items of a part that is only checked, never sent."""
    return {
        "ikkatsuid": uuid_of("probe"),
        "ikkatsu_shubetsu": FULL,
        "kijunnichiji": "2000-01-01T00:00:00+09:00",
        "bunkatsubango": "1",
        "saishufuragu": "0",
        "kensu": str(count),
    }


def _next(parts: Iterator[Part]) -> Part | None:
    return next(parts, None)


def _stage(
    database: sqlite3.Connection,
    flow: str,
    source: str,
    letter: Letter,
    setbacks: list[Setback],
    context: str,
    now: float,
) -> None:
    noted = [Setback(one.record_no, one.code, one.findings, one.state, one.raw, context) for one in setbacks]
    files.set_back(database, flow, source, noted, now)
    outbox.add(database, [letter], now)


def _finish(database: sqlite3.Connection, done: _Finished, reader: RecordReader, now: float) -> None:
    broken = bool(reader.problems)
    if broken:
        outbox.discard(database, done.source)
        files.refuse_held(database, done.key[0], done.source, now)
    else:
        flow = done.key[0]
        bulk.sent(
            database,
            done.family,
            done.ikkatsuid,
            done.shubetsu,
            flow,
            done.source,
            done.parts,
            done.held,
            done.totals,
            now,
        )
        outbox.release(database, done.source)
    files.finish(
        database,
        *done.key,
        state=ERROR if broken else DONE,
        records=reader.count,
        now=now,
        code=reader.problem_code,
        findings=reader.problems,
        lost=reader.lost,
    )


def _released(
    database: sqlite3.Connection,
    letter: Letter,
    held: list[int],
    sent: tuple[str, str, str, str, str, int, int, Totals, float],
    now: float,
) -> None:
    bulk.sent(database, *sent)
    outbox.add(database, [letter], now)
    for one in held:
        files.released(database, one, now)
