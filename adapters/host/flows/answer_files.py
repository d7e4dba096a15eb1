"""The answer files of a request-file flow: complete, in the order of the questions, each written exactly once.

Each line says in ``結果`` what came of its question: 00 found, 01 none, else the error's code, of which one is that no
answer came in time. An answer that comes after that is laid into ``late/`` beside the answer files, in their form.
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from adapters.host.definition import FlowSpec
from adapters.host.flows.base import Environment
from adapters.host.flows.inquiries import FOUND, NONE, Inquiries
from adapters.host.store import asked, received
from adapters.host.store.asked import WRITTEN, Question, QuestionFile
from adapters.transports.file_drop import END_MARK, write_data, write_end_mark
from bus.core import log
from bus.core.errors import AdapterError
from bus.core.types import Finding

LATE = "late"
"""The folder, beside the answer files, of answers that came when theirs was written already."""

OUT_OF_TIME = "CB6078"
TOO_LATE = "CB6079"
LOOK_S = 1.0
"""How often it is looked at what has waited for too long."""


@dataclass(slots=True)
class AnswerFiles:
    """Writes the answer files of one flow; ``wake`` says that an answer came."""

    spec: FlowSpec
    environment: Environment
    inquiries: Inquiries
    folder: Path = field(init=False)
    end_mark: str = field(init=False)
    _event: asyncio.Event = field(default_factory=asyncio.Event, init=False)
    _one: asyncio.Lock = field(default_factory=asyncio.Lock, init=False)
    _put_off: set[int] = field(default_factory=set, init=False)

    def __post_init__(self) -> None:
        self.folder = self.environment.path(self.spec.text("reply_folder"))
        self.end_mark = self.spec.text("end_mark", END_MARK)

    def wake(self) -> None:
        """An answer came."""
        self._event.set()

    async def run(self, stop: asyncio.Event) -> None:
        """Write what is complete until ``stop``, and let what waited for too long expire."""
        while not stop.is_set():
            self._event.clear()
            try:
                await self.look()
            except AdapterError as error:
                log.warn("answers_put_off", flow=self.spec.id, code=error.code)
            await self._pause(stop)

    async def _pause(self, stop: asyncio.Event) -> None:
        waits = [asyncio.ensure_future(one.wait()) for one in (stop, self._event)]
        try:
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED, timeout=LOOK_S)
        finally:
            for one in waits:
                one.cancel()

    async def look(self) -> None:
        """Let expire what is out of time, write the answer files that are complete, lay aside what came too late."""
        store, now = self.environment.store, self.environment.clock.now()
        async with self._one:
            if asked.due(store.reader, self.spec.id, now):
                expired = await store.write(asked.expire, self.spec.id, OUT_OF_TIME, now)
                log.warn("answers_out_of_time", flow=self.spec.id, count=expired, code=OUT_OF_TIME)
            for file in asked.complete(store.reader, self.spec.id):
                try:
                    await self._publish(file)
                    self._put_off.discard(file.number)
                except AdapterError as error:
                    # another file is not to wait for this one; it is tried again, and said once
                    if file.number not in self._put_off:
                        self._put_off.add(file.number)
                        log.warn("answer_file_put_off", flow=self.spec.id, file=file.name, code=error.code)
            for one, name in asked.overdue(store.reader, self.spec.id):
                await self._lay_aside(one, name)

    async def _publish(self, file: QuestionFile) -> None:
        store, name = self.environment.store, self._name(file.name)
        answers = asked.answers(store.reader, file.number)
        if file.state != WRITTEN:
            data = await asyncio.to_thread(self._encode, answers)
            await asyncio.to_thread(self._write, name, data)
            await store.write(asked.written, file.number)
        if file.state != WRITTEN or (self.folder / name).exists():
            await asyncio.to_thread(write_end_mark, self.folder, name, self.end_mark)
        answered = sum(not one.code for one in answers)

        def store_end(database: sqlite3.Connection) -> None:
            asked.published(database, file.number, self.environment.clock.now())
            received.count(database, f"{self.spec.id}.answered", answered)
            received.count(database, f"{self.spec.id}.failed", len(answers) - answered)

        await store.write(store_end)
        log.line(
            "inquiry_file_answered", flow=self.spec.id, file=file.name, records=len(answers), answered=answered, code=""
        )

    def _write(self, name: str, data: bytes) -> None:
        """The data file; AdapterError CB6080 while another of its name lies there that the vendor may not have read."""
        path = self.folder / name
        try:
            other = path.exists() and path.read_bytes() != data
        except OSError as error:
            raise AdapterError("CB6009", [Finding("CB6009", got=error.strerror or "")]) from error
        if other:
            raise AdapterError("CB6080", [Finding("CB6080", place=name)])
        write_data(self.folder, name, data)

    async def _lay_aside(self, one: Question, name: str) -> None:
        stem, dot, suffix = self._name(name).rpartition(".")
        aside = f"{stem or suffix}.{one.file}.{one.record_no}{dot if stem else ''}{suffix if stem else ''}"
        data = await asyncio.to_thread(self._encode, [one])
        await asyncio.to_thread(write_data, self.folder / LATE, aside, data)
        await self.environment.store.write(asked.laid_aside, one)
        log.warn("late_answer_laid_aside", flow=self.spec.id, file=aside, message_id=one.message_id, code=TOO_LATE)

    def _name(self, name: str) -> str:
        stem, rest = name.rpartition(".")[0], name.partition("_")[2]
        return self.spec.text("reply_name").format(name=name, stem=stem, rest=rest)

    def _encode(self, answers: Iterable[Question]) -> bytes:
        codec = self.inquiries.told().codec
        blank = {one.name: "" for one in codec.layout.items}
        return b"".join(codec.encode(line for one in answers for line in self._lines(one, blank)))

    def _lines(self, one: Question, blank: dict[str, str]) -> list[dict[str, str]]:
        """The answer's lines for one question: at least one."""
        result, code_field = self.spec.text("result_field", "結果"), self.spec.text("code_field")
        verdict = one.code or (FOUND if one.rows else NONE)
        mark = {result: "90" if one.code else verdict, code_field: one.code} if code_field else {result: verdict}
        return [{**blank, **row, **one.echo, **mark} for row in one.rows or [{}]]
