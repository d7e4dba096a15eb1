"""A vendor's record as one notice for the bus: made, held until a character is decided, and taken up again."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass

from adapters.host.compose import Composer
from adapters.host.definition import FlowSpec
from adapters.host.flows.base import Environment
from adapters.host.flows.reading import Good, again, setback
from adapters.host.identity import message_id_of
from adapters.host.store import files, outbox
from adapters.host.store.files import HELD, Setback
from adapters.host.store.outbox import Letter
from adapters.host.translate import Translator
from adapters.sdk.types import Origin
from bus.core.errors import AdapterError, ChiikibusError

Outcome = Letter | Setback


@dataclass(frozen=True, slots=True)
class Notices:
    """The notices of one flow."""

    spec: FlowSpec
    environment: Environment
    composer: Composer

    def outcome(self, record: Good, source: str) -> Outcome:
        """The record as a letter; a setback when it breaks the standard."""
        operation = self.environment.operation(self.spec.text("operation"))
        payload = self.composer.payload(operation, rows=[record.values])
        try:
            self.environment.check(operation, payload)
        except ChiikibusError as error:
            return setback(record.record_no, record.here(error))
        message_id = message_id_of(self.environment.spec.municipality, source, str(record.record_no))
        return self.composer.letter(
            operation,
            payload,
            message_id,
            flow=self.spec.id,
            purpose=self.spec.text("purpose"),
            source=source,
            record_no=record.record_no,
        )

    async def release(self, translator: Translator) -> set[str]:
        """Try the held records again; the sources they came from."""
        store, now = self.environment.store, self.environment.clock.now()
        sources: set[str] = set()
        for one in files.held(store.reader, self.spec.id):
            named = files.name_of(store.reader, one.source)
            name = named[1] if named else ""
            try:
                values = again(translator, one.raw, name, one.record_no, self.environment.owners)
                outcome = self.outcome(Good(one.record_no, values, Origin(name, one.record_no)), one.source)
            except AdapterError as error:
                outcome = setback(one.record_no, error, one.raw)
            await store.write(_settle, one.id, outcome, now)
            sources.add(one.source)
        self.environment.posted()
        return sources


def _settle(database: sqlite3.Connection, held_id: int, outcome: Outcome, now: float) -> None:
    if isinstance(outcome, Letter):
        outbox.add(database, [outcome], now)
        files.released(database, held_id, now)
    else:
        final = outcome.state != HELD
        files.still_held(database, held_id, outcome.code, outcome.findings, final=final, now=now)
