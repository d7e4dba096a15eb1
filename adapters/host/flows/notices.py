"""A vendor's record as one notice for the bus: made, held until a character is decided, and taken up again.

What comes after a held record under the same ordering key (person, household) waits behind it, so that nobody's
history arrives in another order than the vendor wrote it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from adapters.host.compose import Composer, lanes
from adapters.host.definition import FlowSpec
from adapters.host.flows.base import Environment
from adapters.host.flows.reading import Good, again, setback
from adapters.host.identity import message_id_of
from adapters.host.store import files, turns
from adapters.host.store.files import HELD, REFUSED, HeldRecord, Setback
from adapters.host.store.turns import Moved, Outcome
from adapters.host.translate import Translator
from adapters.sdk.types import Origin
from bus.core import log
from bus.core.errors import AdapterError, ChiikibusError
from bus.core.types import Finding
from schemas.model import Operation


@dataclass(frozen=True, slots=True)
class Notices:
    """The notices of one flow."""

    spec: FlowSpec
    environment: Environment
    composer: Composer

    @property
    def operation(self) -> Operation:
        """The operation that each record becomes."""
        return self.environment.operation(self.spec.text("operation"))

    def outcome(self, record: Good, source: str) -> Outcome:
        """The record as a letter; a setback when it breaks the standard."""
        operation = self.operation
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

    def placed(self, one: Setback, translator: Translator, name: str) -> Setback:
        """A held record with its ordering keys; refused (CB6076) when they cannot be read.

        Whom such a record is about nobody knows, so that it could neither wait nor let others pass.
        """
        operation = self.operation
        if one.state != HELD or not operation.ordering:
            return one
        names = frozenset(rule.rpartition("/")[2] for rule in operation.ordering)
        values = translator.keys_of(one.raw, name, one.record_no, names)
        found: tuple[str, ...] = ()
        if values is not None:
            found = lanes(operation, self.composer.payload(operation, rows=[values]))
        if found:
            return replace(one, lanes=found)
        place = one.findings[0].place if one.findings else ""
        missing = Finding("CB6076", path=" ".join(sorted(names)), place=place)
        return replace(one, code="CB6076", findings=(missing, *one.findings), state=REFUSED, raw=b"")

    async def release(self, translator: Translator) -> set[str]:
        """Try the held records again; the sources they came from. Files of other letters let go are told."""
        store, now = self.environment.store, self.environment.clock.now()
        sources: set[str] = set()
        elsewhere: set[Moved] = set()
        for one in files.held(store.reader, self.spec.id):
            outcome = self._again(one, translator)
            moved = await store.write(turns.settle, one.id, outcome, now)
            sources.add(one.source)
            sources.update(other.source for other in moved if other.flow == self.spec.id)
            elsewhere.update(other for other in moved if other.flow != self.spec.id)
        self.environment.posted()
        for other in elsewhere:
            self.environment.changed(other.flow, other.source)
        return sources

    def _again(self, one: HeldRecord, translator: Translator) -> Outcome:
        named = files.name_of(self.environment.store.reader, one.source)
        name = named[1] if named else ""
        try:
            values = again(translator, one.raw, name, one.record_no, self.environment.owners)
            return self.outcome(Good(one.record_no, values, Origin(name, one.record_no)), one.source)
        except AdapterError as error:
            return self.placed(setback(one.record_no, error, one.raw), translator, name)
        except Exception as error:
            # a defect of a conversion stops its record, not the others that were held
            log.logger().exception("record_failed", file=name, record=one.record_no)
            finding = Finding("CB9001", got=type(error).__name__, place=name)
            return Setback(one.record_no, "CB9001", (finding,))
