"""bus-to-file-exchange: an inquiry is answered later, by way of a request file and an answer file of the vendor.

The request is acknowledged with 202 once it is durable. Requests are numbered, written in batches, and matched with
the vendor's answers by their number; each answer is posted to the bus as a reply to its request.
"""

from __future__ import annotations

import asyncio
import json
import sqlite3
from dataclasses import dataclass, field

import msgspec

from adapters.host.flows.base import AnsweringFlow, Reply, Request
from adapters.host.flows.bus_to_file import BatchWriter
from adapters.host.flows.inquiries import FOUND, NONE, Inquiries
from adapters.host.flows.reading import VendorFile, error_list, log_file, put_away, setback, take
from adapters.host.identity import message_id_of
from adapters.host.store import files, outbox, received
from adapters.host.store.files import DONE, ERROR, REFUSED, Setback
from adapters.host.store.outbox import Letter
from adapters.host.store.received import Waiting
from adapters.sdk.types import BadRecord, VendorRecord
from adapters.transports.file_drop import FileDrop, watch
from bus.core import log
from bus.core.errors import AdapterError, ChiikibusError
from bus.core.types import Addressing, Finding
from bus.wire import envelope, fault, safe_xml
from bus.wire.addressing_fault import SOAP_FAULT_ACTION

ANSWERED_TO = ("reply_to", "fault_to", "reply_parameters", "fault_parameters")
"""What is remembered of a request's addressing until its answer is there."""


@dataclass(slots=True)
class BusToFileExchange(AnsweringFlow):
    """One flow of kind ``bus-to-file-exchange``."""

    drop: FileDrop = field(init=False)
    _writer: BatchWriter = field(init=False)
    _inquiries: Inquiries = field(init=False)

    def __post_init__(self) -> None:
        self.drop = self.vendor_folder("reply_folder", "reply_pattern")
        self._writer = BatchWriter(self.spec, self.environment, keep_rows=True, number_field=self._number_field)
        self._inquiries = Inquiries(self.spec, self.environment, self.composer)

    @property
    def _number_field(self) -> str:
        return self.spec.text("number_field")

    async def answer(self, request: Request) -> Reply:
        """Queue the request for the vendor; its answer comes later."""
        values = self._inquiries.vendor_request(request)
        payload = msgspec.json.encode(values)
        asked = {name: getattr(request.addressing, name) for name in ANSWERED_TO}
        context = json.dumps({"purpose": request.purpose, **{name: text for name, text in asked.items() if text}})
        now = self.environment.clock.now()

        def store(database: sqlite3.Connection) -> None:
            key = request.operation.key
            received.enqueue(database, self.id, key, request.message_id, 1, "", payload, now, context)

        return Reply(None, store=store, after=self._writer.wake)

    async def run(self, stop: asyncio.Event) -> None:
        """Write request files and take answer files until ``stop``."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._writer.run(stop, "request_layout", "request_mapping"))
            group.create_task(self._answers(stop))

    async def _answers(self, stop: asyncio.Event) -> None:
        async for _, path in watch([self.drop], stop):
            try:
                await self.process(await asyncio.to_thread(take, self.drop, path, self.environment.spec.municipality))
            except AdapterError as error:
                log.warn("file_put_off", flow=self.id, file=path.name, code=error.code)

    async def process(self, file: VendorFile) -> None:
        """Post every answer of a file to the bus, then move the file away."""
        store, clock = self.environment.store, self.environment.clock
        now = clock.now()
        key = (self.id, file.name, file.sha256)
        known = await store.write(files.begin, *key, file.source, file.size, now)
        problems: list[Finding] = []
        setbacks: list[Setback] = []
        count = 0
        by_number: dict[str, list[VendorRecord]] = {}
        with self.drop.opened(file.path) as stream:
            for one in self._inquiries.told().codec.decode(stream, file.name):
                if isinstance(one, BadRecord):
                    if one.scope == "file":
                        problems.extend(one.error.findings)
                        continue
                    count += 1
                    setbacks.append(Setback(count, one.error.code, one.error.findings))
                    continue
                count += 1
                by_number.setdefault(one.values.get(self._number_field, ""), []).append(one)
        for number, rows in by_number.items():
            waiting = self._waiting(number)
            if waiting is None:
                if known is None:
                    finding = Finding("CB6015", path=self._number_field, place=rows[0].origin.place(self._number_field))
                    setbacks.append(Setback(rows[0].origin.record_no, "CB6015", (finding,)))
                continue
            letter = self._letter(waiting, rows, setbacks)
            await store.write(_answered, letter, waiting.seq, now)
            self.environment.posted()
        await store.write(files.set_back, self.id, file.source, setbacks, now)
        state, code = (ERROR, problems[0].code) if problems else (DONE, "")
        await store.write(files.finish, *key, state=state, records=count, now=clock.now(), code=code, findings=problems)
        lines = [(one.record_no, one.state, one.code, one.findings) for one in setbacks]
        if problems:
            lines.insert(0, (0, REFUSED, code, tuple(problems)))
        await asyncio.to_thread(put_away, file, state, error_list(lines) if lines else None)
        log_file(store.reader, self.id, file, known is not None, code)

    def _waiting(self, number: str) -> Waiting | None:
        if not (number.isascii() and number.isdigit()):
            return None
        return received.find(self.environment.store.reader, self.id, int(number))

    def _letter(self, waiting: Waiting, rows: list[VendorRecord], setbacks: list[Setback]) -> Letter:
        """The reply to a request; a fault where the vendor's answer cannot be brought into the standard."""
        operation = self._inquiries.operation
        context: dict[str, str] = json.loads(waiting.context or "{}")
        purpose = context.pop("purpose", "")
        request = Addressing(waiting.message_id, operation.action, **context)
        try:
            payload, action = self._inquiries.reply(self._found(rows)), operation.reply_action
        except ChiikibusError as error:
            setbacks.append(setback(rows[0].origin.record_no, error))
            payload, action = envelope.read(safe_xml.parse(fault.fault_bytes(error))).body, SOAP_FAULT_ACTION
        message_id = message_id_of(
            self.environment.spec.municipality, self.environment.spec.id, "kaito", waiting.message_id
        )
        return Letter(
            message_id=message_id,
            flow=self.id,
            operation=operation.key,
            action=action,
            purpose=purpose,
            source="",
            record_no=waiting.seq,
            lanes=(),
            body=self.composer.late_reply(operation, payload, message_id, request, purpose),
        )

    def _found(self, rows: list[VendorRecord]) -> list[VendorRecord]:
        result = self.spec.text("result_field")
        if not result:
            return rows
        for row in rows:
            got = row.values.get(result, "")
            if got not in {FOUND, NONE}:
                raise AdapterError("CB6010", [Finding("CB6010", path=result, expected="00 | 01", got=got[:8])])
        return [row for row in rows if row.values[result] == FOUND]


def _answered(database: sqlite3.Connection, letter: Letter, seq: int, now: float) -> None:
    outbox.add(database, [letter], now)
    received.done(database, [seq], now)
