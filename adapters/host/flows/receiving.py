"""Records that come from the bus for the vendor: a notice must be expressible at once, a bulk part may hold some back.

Used by ``bus-to-file`` and ``bus-to-rest``; they differ only in how the queue is handed over.
"""

from __future__ import annotations

import asyncio
import json
import sqlite3
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import msgspec
from lxml import etree

from adapters.host.bulk_family import family_of, member
from adapters.host.compose import Composer
from adapters.host.definition import FlowSpec
from adapters.host.flows.base import AnsweringFlow, Environment, Reply, Request
from adapters.host.identity import canonical_line, digest, identify, message_id_of, totals
from adapters.host.store import bulk, files, outbox, received
from adapters.host.store.bulk import Totals
from adapters.host.store.files import HELD, HOLDABLE, RETURNED, Setback
from adapters.host.store.received import Incoming
from adapters.host.translate import Translator
from bus.core import log
from bus.core.errors import AdapterError
from bus.core.types import Finding
from bus.wire import records
from schemas.model import Operation, RecordType

LAST = "1"
MESSAGE = "message:"
"""Begins the source of a returned notice's records; its message id follows."""
PART_STRIDE = 1_000_000
"""Record numbers of a part begin at part x stride: unique within the transfer."""


@dataclass(frozen=True, slots=True)
class _Part:
    """A part of a transfer as received."""

    operation: Operation
    ikkatsuid: str
    shubetsu: str
    number: int
    lines: list[tuple[str, str]] = field(repr=False)
    held: list[Setback]
    last: Totals | None
    withheld: bool = False


@dataclass(slots=True)
class Receiving:
    """Takes notices and bulk parts into the flow's queue; ``queued`` is called when something came.

    ``pack`` makes a queue row's payload and context from the vendor's items and their bytes.
    """

    spec: FlowSpec
    environment: Environment
    composer: Composer
    queued: Callable[[], None]
    pack: Callable[[dict[str, str], bytes], tuple[bytes, str]]

    def translator(self) -> Translator:
        """The present translator of the flow."""
        return self.environment.translators.get(self.spec.path("layout"), self.spec.path("mapping"))

    async def answer(self, request: Request) -> Reply:
        """Check that the vendor can hold every record, queue them, give a receipt.

        A notice with a character that the vendor does not have is refused (the bus parks it); the character goes to
        the worklist.
        """
        operation = request.operation
        record = self.environment.edition.units[operation.unit].records[operation.record]
        elements = records.carried_elements(request.payload, operation)
        receipt = self.composer.receipt(operation, request.message_id, self.environment.ids.exchange())
        now = self.environment.clock.now()
        if operation.pattern == "bulk":
            part, rows = await asyncio.to_thread(self._part, request, record, elements)

            def store_part(database: sqlite3.Connection) -> None:
                self._store_part(database, request.message_id, part, rows, now)

            return Reply(receipt, store=store_part, after=self._told)
        source = f"{MESSAGE}{request.message_id}"
        incoming: list[Incoming] = []
        for number, one in enumerate(elements, 1):
            values = records.from_element(one)
            try:
                incoming.append(self._incoming(record, number, values))
            except AdapterError as error:
                if HOLDABLE & {finding.code for finding in error.findings}:
                    raw, context = msgspec.json.encode(values), json.dumps({"operation": operation.key})
                    setback = Setback(number, error.code, error.findings, RETURNED, raw, context)
                    await self.environment.store.write(files.set_back, self.spec.id, source, [setback], now)
                raise

        def store(database: sqlite3.Connection) -> None:
            received.take(database, self.spec.id, operation.key, request.message_id, incoming, now, stacked=True)
            files.came_again(database, self.spec.id, source)

        return Reply(receipt, store=store, after=self._told)

    async def trial(self, request: Request) -> None:
        """Whether the vendor could hold every record as things stand; nothing is stored. Errors: as ``answer``.

        What a bulk part would hold back is the first error, although the part itself would be taken.
        """
        operation = request.operation
        record = self.environment.edition.units[operation.unit].records[operation.record]
        elements = records.carried_elements(request.payload, operation)
        if operation.pattern == "bulk":
            part, _ = await asyncio.to_thread(self._part, request, record, elements)
            for held in part.held[:1]:
                raise AdapterError(held.code, held.findings)
            return
        for number, one in enumerate(elements, 1):
            self._incoming(record, number, records.from_element(one))

    def _told(self) -> None:
        self.queued()
        self.environment.posted()

    def _incoming(self, record: RecordType, number: int, values: dict[str, str], line: str = "") -> Incoming:
        """A record as the vendor will have it; AdapterError when the vendor cannot."""
        translator = self.translator()
        converted = translator.to_vendor(values)
        items = converted.values
        payload, context = self.pack(items, translator.encode(items))
        identity = identify(record, values)
        return Incoming(
            record_no=number,
            record=f"{record.unit}.{record.name}",
            key=identity.subject,
            rireki=identity.rireki,
            eda=identity.eda,
            digest=digest(line or canonical_line(record, identity.event, values)),
            payload=payload,
            context=context,
            lost=tuple(f"loss.{one.side}.{one.item}" for one in converted.losses),
        )

    def _part(
        self, request: Request, record: RecordType, elements: Sequence[etree._Element]
    ) -> tuple[_Part, list[Incoming]]:
        values = records.from_element(request.payload)
        number = int(values["bunkatsubango"])
        if int(values["kensu"]) != len(elements):
            finding = Finding("CB6013", path="kensu", name_ja="件数", expected=values["kensu"], got=str(len(elements)))
            raise AdapterError("CB6013", [finding])
        ikkatsuid = values["ikkatsuid"]
        context = json.dumps({"ikkatsuid": ikkatsuid, "operation": request.operation.key, "id": request.message_id})
        rows: list[Incoming] = []
        lines: list[tuple[str, str]] = []
        held: list[Setback] = []
        for index, element in enumerate(elements, number * PART_STRIDE + 1):
            items = records.from_element(element)
            event = identify(record, items).event
            line = canonical_line(record, event, items)
            lines.append((event, line))
            try:
                rows.append(self._incoming(record, index, items, line))
            except AdapterError as error:
                raw = msgspec.json.encode(items)
                held.append(Setback(index, error.code, error.findings, HELD, raw, context))
        last = None
        if values["saishufuragu"] == LAST:
            content = values.get("naiyodaijesuto", "")
            last = Totals(int(values.get("sokensu", "0")), values.get("kagidaijesuto", ""), content)
        shubetsu = values["ikkatsu_shubetsu"]
        part = _Part(request.operation, ikkatsuid, shubetsu, number, lines, held, last, request.withheld)
        return part, rows

    def _store_part(
        self, database: sqlite3.Connection, message_id: str, part: _Part, rows: list[Incoming], now: float
    ) -> None:
        family, flow = family_of(part.operation), self.spec.id
        new = bulk.take_part(
            database,
            family,
            part.ikkatsuid,
            part.shubetsu,
            flow,
            part.number,
            part.lines,
            len(part.held),
            part.last,
            now,
            withheld=part.withheld,
        )
        if not new:
            received.count(database, f"{flow}.duplicate", len(part.lines))
            return
        received.take(database, flow, part.operation.key, message_id, rows, now)
        files.set_back(database, flow, _source(family, part.ikkatsuid), part.held, now)
        expected = bulk.expected_if_whole(database, family, part.ikkatsuid)
        if expected is not None:
            self._compare(database, family, part.ikkatsuid, expected, now)

    def _compare(self, database: sqlite3.Connection, family: str, ikkatsuid: str, expected: Totals, now: float) -> None:
        """All parts are here: compare with the sender's totals and confirm through the outbox."""
        counted = totals(bulk.lines(database, family, ikkatsuid))
        agrees = (counted.records, counted.keys) == (expected.records, expected.keys) and expected.content in {
            "",
            counted.content,
        }
        code = "" if agrees else "CB6013"
        bulk.compared(database, family, ikkatsuid, counted, agrees=agrees, code=code, now=now)
        self._confirm(database, family, ikkatsuid, now)
        if agrees:
            log.line("bulk_received", ikkatsu_id=ikkatsuid, records=counted.records)
        else:
            log.warn("bulk_differs", code=code, ikkatsu_id=ikkatsuid, records=counted.records)

    def _confirm(self, database: sqlite3.Connection, family: str, ikkatsuid: str, now: float) -> None:
        transfer = bulk.find(database, family, ikkatsuid, bulk.IN)
        assert transfer is not None
        operation = self.environment.operation(member(family, "kakunin"))
        held = str(transfer.held)
        values = {
            "ikkatsuid": ikkatsuid,
            "kakuninkekka": transfer.result,
            "sokensu": str(transfer.records),
            "horyukensu": held,
            "kagidaijesuto": transfer.totals.keys,
            "naiyodaijesuto": transfer.totals.content,
        }
        spec = self.environment.spec
        letter = self.composer.letter(
            operation,
            self.composer.payload(operation, values=values),
            message_id_of(spec.municipality, spec.id, "kakunin", family, ikkatsuid, transfer.totals.keys, held),
            flow=self.spec.id,
            purpose=self.spec.text("purpose"),
            count=0,
        )
        outbox.add(database, [letter], now)

    async def release(self) -> None:
        """Try the held records again and confirm the transfers anew whose number of held records went down."""
        store, now = self.environment.store, self.environment.clock.now()
        touched: set[tuple[str, str]] = set()
        for one in files.held(store.reader, self.spec.id):
            context = json.loads(one.context)
            operation = self.environment.operation(context["operation"])
            record = self.environment.edition.units[operation.unit].records[operation.record]
            try:
                row = self._incoming(record, one.record_no, msgspec.json.decode(one.raw))
            except AdapterError as error:
                await store.write(files.still_held, one.id, error.code, error.findings, final=False, now=now)
                continue

            def store_row(database: sqlite3.Connection, held_id: int, key: str, message_id: str, row: Incoming) -> None:
                received.take(database, self.spec.id, key, message_id, [row], now)
                files.released(database, held_id, now)

            await store.write(store_row, one.id, operation.key, context["id"], row)
            touched.add((family_of(operation), context["ikkatsuid"]))
        await self._look_at_returned(now)
        for family, ikkatsuid in touched:
            await store.write(self._confirm_again, family, ikkatsuid, now)
        if touched:
            self._told()

    async def _look_at_returned(self, now: float) -> None:
        """Which returned notices the vendor could hold by now: their characters are decided, the bus has the rest."""
        store = self.environment.store
        for one in files.held(store.reader, self.spec.id, RETURNED):
            operation = self.environment.operation(json.loads(one.context)["operation"])
            record = self.environment.edition.units[operation.unit].records[operation.record]
            try:
                self._incoming(record, one.record_no, msgspec.json.decode(one.raw))
            except AdapterError as error:
                if HOLDABLE & {finding.code for finding in error.findings}:
                    continue
            await store.write(files.released, one.id, now)
            log.line("notice_may_come_again", flow=self.spec.id, message_id=one.source.removeprefix(MESSAGE))

    def _confirm_again(self, database: sqlite3.Connection, family: str, ikkatsuid: str, now: float) -> None:
        left = files.count_held(database, self.spec.id, _source(family, ikkatsuid))
        bulk.set_held(database, family, ikkatsuid, left)
        transfer = bulk.find(database, family, ikkatsuid, bulk.IN)
        if transfer is not None and transfer.state != bulk.RECEIVING:
            self._confirm(database, family, ikkatsuid, now)


@dataclass(slots=True)
class ReceivingFlow(AnsweringFlow):
    """A flow whose records come from the bus; a kind says how its queue reaches the vendor."""

    _receiving: Receiving = field(init=False)

    async def answer(self, request: Request) -> Reply:
        """Take records; see ``Receiving``."""
        return await self._receiving.answer(request)

    async def trial(self, request: Request) -> None:
        """What would become of a message; see ``Receiving``."""
        await self._receiving.trial(request)

    async def release(self) -> None:
        """Try held records again."""
        await self._receiving.release()


def _source(family: str, ikkatsuid: str) -> str:
    return f"{family}:{ikkatsuid}"
