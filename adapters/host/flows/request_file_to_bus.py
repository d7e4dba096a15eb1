"""request-file-to-bus: each record of a vendor's request file is an inquiry; the answers go into one reply file.

Answers stand in the order of the questions, each with ``結果``: 00 found, 01 none, else the error's code. The request
file is moved away when the reply file is complete; after a crash in between the questions are asked again.
"""

from __future__ import annotations

import asyncio
import sqlite3
from dataclasses import dataclass, field

from adapters.host.flows.base import WiredFlow
from adapters.host.flows.inquiries import FOUND, NONE, Inquiries, Outcome
from adapters.host.flows.reading import VendorFile, error_list, put_away, take
from adapters.host.store import files, received
from adapters.host.store.files import DONE, ERROR, REFUSED
from adapters.sdk.types import BadRecord, VendorRecord
from adapters.transports.file_drop import END_MARK, FileDrop, watch, write_file
from bus.core import log
from bus.core.errors import AdapterError
from bus.core.types import Finding


@dataclass(slots=True)
class RequestFileToBus(WiredFlow):
    """One flow of kind ``request-file-to-bus``."""

    drop: FileDrop = field(init=False)
    _inquiries: Inquiries = field(init=False)

    def __post_init__(self) -> None:
        self.drop = self.vendor_folder()
        self._inquiries = Inquiries(self.spec, self.environment, self.composer)

    async def run(self, stop: asyncio.Event) -> None:
        """Take request files until ``stop``."""
        async for _, path in watch([self.drop], stop):
            try:
                await self.process(await asyncio.to_thread(take, self.drop, path, self.environment.spec.municipality))
            except AdapterError as error:
                log.warn("file_put_off", flow=self.id, file=path.name, code=error.code)

    async def process(self, file: VendorFile) -> None:
        """Ask all questions of a file, write the reply file, move the request file away."""
        environment = self.environment
        key = (self.id, file.name, file.sha256)
        await environment.store.write(files.begin, *key, file.source, file.size, environment.clock.now())
        problems: list[Finding] = []
        gate = asyncio.Semaphore(int(self.spec.number("concurrency", 16)))
        tasks: list[asyncio.Task[list[dict[str, str]]]] = []
        async with asyncio.TaskGroup() as group:
            with self.drop.opened(file.path) as stream:
                for record in self._inquiries.asked().codec.decode(stream, file.name):
                    if isinstance(record, BadRecord) and record.scope == "file":
                        problems.extend(record.error.findings)
                    else:
                        tasks.append(group.create_task(self._one(gate, record)))
        answers = [task.result() for task in tasks]
        answered = sum(not self._failed(rows[0]) for rows in answers)
        codec = self._inquiries.told().codec
        rows = [row for rows in answers for row in rows]
        body = await asyncio.to_thread(lambda: b"".join(codec.encode(rows)))
        folder = environment.path(self.spec.text("reply_folder"))
        end_mark = self.spec.text("end_mark", END_MARK)
        await asyncio.to_thread(write_file, folder, self._reply_name(file.name), body, end_mark)
        state, code = (ERROR, problems[0].code) if problems else (DONE, "")

        def store(database: sqlite3.Connection) -> None:
            now = environment.clock.now()
            files.finish(database, *key, state=state, records=len(answers), now=now, code=code, findings=problems)
            received.count(database, f"{self.id}.answered", answered)
            received.count(database, f"{self.id}.failed", len(answers) - answered)

        await environment.store.write(store)
        errors = error_list([(0, REFUSED, code, tuple(problems))]) if problems else None
        await asyncio.to_thread(put_away, file, state, errors)
        log.line(
            "inquiry_file_answered", flow=self.id, file=file.name, records=len(answers), answered=answered, code=code
        )

    def _failed(self, row: dict[str, str]) -> bool:
        return row[self._result_field()] not in {FOUND, NONE}

    def _reply_name(self, name: str) -> str:
        return self.spec.text("reply_name").format(name=name, stem=name.rpartition(".")[0], rest=name.partition("_")[2])

    def _result_field(self) -> str:
        return self.spec.text("result_field", "結果")

    async def _one(self, gate: asyncio.Semaphore, record: VendorRecord | BadRecord) -> list[dict[str, str]]:
        """The answer's lines for one question: at least one."""
        echo: dict[str, str] = {}
        if isinstance(record, BadRecord):
            outcome = Outcome(code=record.error.code, findings=record.error.findings)
        else:
            echo = {name: record.values.get(name, "") for name in self.spec.keys.get("echo", [])}
            async with gate:
                outcome = await self._inquiries.ask(record, patient=True)
        blank = {one.name: "" for one in self._inquiries.told().codec.layout.items}
        mark = {self._result_field(): outcome.result}
        code_field = self.spec.text("code_field")
        if code_field:
            mark = {self._result_field(): "90" if outcome.code else outcome.result, code_field: outcome.code}
        return [{**blank, **row, **echo, **mark} for row in outcome.rows or [{}]]
