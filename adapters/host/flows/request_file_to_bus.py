"""request-file-to-bus: each record of a vendor's request file is an inquiry; the answers go into one reply file.

Every question is kept under an id of its own before it is asked, so that a crash asks none twice and an answer that
comes later, as a message of its own, finds its question. The request file is moved away when the bus has each
question; the reply file (``answer_files``) is written when each has its answer or has waited for too long.
"""

from __future__ import annotations

import asyncio
import itertools
import sqlite3
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace

from lxml import etree

from adapters.host.bus_client import Answer
from adapters.host.flows.answer_files import AnswerFiles
from adapters.host.flows.base import Reply, WiredFlow
from adapters.host.flows.inquiries import Inquiries, Outcome
from adapters.host.flows.reading import VendorFile, error_list, put_away, take
from adapters.host.identity import message_id_of
from adapters.host.lanes import backoff
from adapters.host.store import asked, files
from adapters.host.store.asked import ANSWERED, OPEN, Question, QuestionFile
from adapters.host.store.files import DONE, ERROR, REFUSED
from adapters.sdk.types import BadRecord, VendorRecord
from adapters.transports.file_drop import FileDrop, watch
from bus.core import log
from bus.core.errors import AdapterError, ChiikibusError
from bus.core.types import Finding

CHUNK = 200
"""Questions per durable commit while a file is read."""

LATE = "late"
"""The pattern of operations whose answer may take hours: such a question says where its answer is to go."""

LATER_S = 7 * 24 * 3600.0
"""How long an answer is waited for, where the flow does not say ``answer_within_s``: the longest life of a message."""

PATIENT = frozenset({"CB3002", "CB4001", "CB4002", "CB4005", "CB4006", "CB4007"})
"""Refusals that say nothing of the question: it is under way already (asked before a crash), or was not stored."""
NOT_REACHED = frozenset({"CB5001"})
UNKNOWN = frozenset({"CB5001", "CB5002"})
"""What became of a question is not known: where the answer comes later, it is sent again under its id."""


@dataclass(slots=True)
class RequestFileToBus(WiredFlow):
    """One flow of kind ``request-file-to-bus``."""

    drop: FileDrop = field(init=False)
    _inquiries: Inquiries = field(init=False)
    _answers: AnswerFiles = field(init=False)

    def __post_init__(self) -> None:
        self.drop = self.vendor_folder()
        self._inquiries = Inquiries(self.spec, self.environment, self.composer)
        self._answers = AnswerFiles(self.spec, self.environment, self._inquiries)

    async def run(self, stop: asyncio.Event) -> None:
        """Take request files and write answer files until ``stop``."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._answers.run(stop))
            group.create_task(self._files(stop))

    async def _files(self, stop: asyncio.Event) -> None:
        async for _, path in watch([self.drop], stop):
            try:
                await self.process(await asyncio.to_thread(take, self.drop, path, self.environment.spec.municipality))
            except AdapterError as error:
                log.warn("file_put_off", flow=self.id, file=path.name, code=error.code)

    async def process(self, file: VendorFile) -> None:
        """Keep and ask all questions of a file, move it away, and write the reply file if no answer is to come."""
        environment = self.environment
        store, clock = environment.store, environment.clock
        key = (self.id, file.name, file.sha256)
        await store.write(files.begin, *key, file.source, file.size, clock.now())
        taken = await store.write(asked.begin, *key, file.source, clock.now())
        problems: list[Finding] = []
        try:
            with self.drop.opened(file.path) as stream:
                records = self._inquiries.asked().codec.decode(stream, file.name)
                count = await self._note(taken, self._questions(taken, records, problems))
        except AdapterError:
            await store.write(asked.discard, taken.number)
            raise
        await self._ask_all(taken)
        state, code = (ERROR, problems[0].code) if problems else (DONE, "")
        errors = error_list([(0, REFUSED, code, tuple(problems))]) if problems else None
        await asyncio.to_thread(put_away, file, state, errors)

        def store_all(database: sqlite3.Connection) -> None:
            files.finish(database, *key, state=state, records=count, now=clock.now(), code=code, findings=problems)
            asked.asked_all(database, taken.number)

        await store.write(store_all)
        await self._answers.look()

    async def _note(self, taken: QuestionFile, questions: Iterator[tuple[Question, tuple[Finding, ...]]]) -> int:
        """Keep the questions of a file, those after a crash only that were not; how many there are."""
        store, now = self.environment.store, self.environment.clock.now()
        known, count = asked.noted(store.reader, taken.number), 0
        while chunk := await asyncio.to_thread(_next, questions):
            count += len(chunk)
            if chunk[-1][0].record_no > known:
                await store.write(asked.note, chunk, now)
        return count

    def _questions(
        self, taken: QuestionFile, records: Iterable[VendorRecord | BadRecord], problems: list[Finding]
    ) -> Iterator[tuple[Question, tuple[Finding, ...]]]:
        """Every record as a question; one that cannot be asked has its answer: the code."""
        number = 0
        for record in records:
            if isinstance(record, BadRecord) and record.scope == "file":
                problems.extend(record.error.findings)
                continue
            number += 1
            blank = Question(taken.number, number, self._message_id(taken, number), OPEN, self.id, self._key)
            if isinstance(record, BadRecord):
                yield replace(blank, state=ANSWERED, code=record.error.code), record.error.findings
                continue
            echo = {name: record.values.get(name, "") for name in self.spec.keys.get("echo", [])}
            try:
                body = self._body(self._inquiries.question(record), blank.message_id)
            except ChiikibusError as error:
                yield replace(blank, state=ANSWERED, echo=echo, code=error.code), error.findings
            else:
                yield replace(blank, body=body, echo=echo), ()

    @property
    def _key(self) -> str:
        return self._inquiries.operation.key

    def _message_id(self, taken: QuestionFile, record_no: int) -> str:
        """The same for a record of a file that was taken once; another when the vendor asks the same again."""
        spec = self.environment.spec
        where = (str(taken.number), f"{taken.taken_at!r}", str(record_no))
        return message_id_of(spec.municipality, spec.id, "shokai", self.id, taken.source, *where)

    def _body(self, payload: etree._Element, message_id: str) -> bytes:
        operation = self._inquiries.operation
        reply_to = self.composer.endpoint.address if operation.pattern == LATE else ""
        return self.composer.request(operation, payload, message_id, self.spec.text("purpose"), reply_to=reply_to)

    async def _ask_all(self, taken: QuestionFile) -> None:
        """Ask what the bus may not have yet, ``concurrency`` questions at a time."""
        open_ones = self._open(taken)

        async def work() -> None:
            for one in open_ones:
                await self._ask(one)

        async with asyncio.TaskGroup() as group:
            for _ in range(int(self.spec.number("concurrency", 16))):
                group.create_task(work())

    def _open(self, taken: QuestionFile) -> Iterator[Question]:
        after = 0
        while page := asked.to_ask(self.environment.store.reader, taken.number, after, CHUNK):
            yield from page
            after = page[-1].record_no

    async def _ask(self, one: Question) -> None:
        """Put a question to the bus until it says something; keep the answer, or that it comes later."""
        store, clock = self.environment.store, self.environment.clock
        answer = await self._inquiries.post(one.body, one.message_id)
        attempt = 0
        while self._again(answer):
            attempt += 1
            await asyncio.sleep(max(answer.retry_after_s, backoff(attempt)))
            answer = await self._inquiries.post(one.body, one.message_id)
        if answer.taken and answer.envelope is None:
            expires_at = clock.now() + self.spec.number("answer_within_s", LATER_S)
            await store.write(asked.later, one, expires_at)
            return
        found = self._inquiries.outcome(answer)
        await store.write(asked.settle, one, found.rows, found.code, found.findings, clock.now())

    def _again(self, answer: Answer) -> bool:
        if answer.envelope is None:
            return answer.code in (UNKNOWN if self._inquiries.operation.pattern == LATE else NOT_REACHED)
        return answer.code in PATIENT

    def late_answer(self, one: Question, payload: etree._Element) -> Reply:
        """Take the answer (or fault) to one of the questions, which comes as a message of its own."""
        found = self._inquiries.told_by(payload)

        def store(database: sqlite3.Connection) -> None:
            asked.settle(database, one, found.rows, found.code, found.findings, self.environment.clock.now())

        return Reply(None, store=store, after=lambda: self._told(one, found))

    def _told(self, one: Question, found: Outcome) -> None:
        log.line("late_answer_taken", flow=self.id, message_id=one.message_id, records=len(found.rows), code=found.code)
        self._answers.wake()


def _next(questions: Iterator[tuple[Question, tuple[Finding, ...]]]) -> list[tuple[Question, tuple[Finding, ...]]]:
    return list(itertools.islice(questions, CHUNK))
