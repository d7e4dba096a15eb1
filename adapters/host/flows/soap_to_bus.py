"""soap-to-bus: the vendor hands over records by calling the adapter; each becomes one notice on the bus.

The call is answered when its records are durable. A call that comes again under the same key changes nothing.
"""

from __future__ import annotations

import asyncio
import hashlib
import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from lxml import etree

from adapters.host.flows.base import WiredFlow
from adapters.host.flows.notices import Notices
from adapters.host.flows.reading import Good, again, setback
from adapters.host.flows.soap_desk import join_desk
from adapters.host.identity import uuid_of
from adapters.host.store import carried, turns
from adapters.host.store.files import HELD, Setback
from adapters.host.store.turns import Outcome
from adapters.host.translate import Translator
from adapters.transports.soap_paths import at, put, text_at
from bus.core import log
from bus.core.errors import AdapterError
from bus.core.types import Finding

if TYPE_CHECKING:
    from adapters.transports.vendor_soap import SoapContract


@dataclass(slots=True)
class SoapToBus(WiredFlow):
    """One flow of kind ``soap-to-bus``."""

    _contract: SoapContract = field(init=False)
    _notices: Notices = field(init=False)
    _one: asyncio.Lock = field(default_factory=asyncio.Lock, init=False)

    def __post_init__(self) -> None:
        self._contract = join_desk(self.spec, self.environment, self.answer)
        self._notices = Notices(self.spec, self.environment, self.composer)

    def _translator(self) -> Translator:
        return self.environment.translators.get(self.spec.path("layout"), self.spec.path("mapping"))

    async def run(self, stop: asyncio.Event) -> None:
        """The face serves while the process runs."""
        await stop.wait()

    async def answer(self, body: etree._Element) -> bytes:
        """Take the records of a call.

        Errors: CB6065 no record, CB6068 a key used for other content, those of the mapping and of the standard; then
        nothing of the call is kept.
        """
        records = [
            etree.tostring(one, with_tail=False, encoding="UTF-8") for one in at(body, self.spec.text("record_at"))
        ]
        if not records:
            finding = Finding("CB6065", path=self.spec.text("record_at"), expected="a record", got="none")
            raise AdapterError("CB6065", [finding])
        digest = hashlib.sha256(b"\n".join(records)).hexdigest()
        key = text_at(body, self.spec.text("key_at")) or digest
        async with self._one:
            known = carried.known(self.environment.store.reader, self.id, [key]).get(key)
            if known is None:
                await self._keep(records, key, digest)
            elif known != digest:
                finding = Finding("CB6068", path=self.spec.text("key_at"), expected="the content sent before under it")
                raise AdapterError("CB6068", [finding])
        log.line("call_answered", flow=self.id, records=len(records), known=known is not None)
        return self._contract.reply(self._told(key))

    async def _keep(self, records: Sequence[bytes], key: str, digest: str) -> None:
        source = uuid_of("soap", self.environment.spec.municipality, self.id, key)
        outcomes = await asyncio.to_thread(lambda: [self._outcome(n, one, source) for n, one in enumerate(records, 1)])
        for one in outcomes:
            if isinstance(one, Setback) and one.state != HELD:
                raise AdapterError(one.code, one.findings)
        now = self.environment.clock.now()
        await self.environment.store.write(_store, self.id, source, outcomes, {key: digest}, now)
        self.environment.posted()

    def _outcome(self, number: int, raw: bytes, source: str) -> Outcome:
        try:
            values = again(self._translator(), raw, self.id, number, self.environment.owners)
        except AdapterError as error:
            return self._notices.placed(setback(number, error, raw), self._translator(), self.id)
        return self._notices.outcome(Good(number, values), source)

    def _told(self, key: str) -> dict[str, Any]:
        values: dict[str, Any] = {}
        said: Mapping[str, Any] = self.spec.keys.get("answer", {})
        for path, text in said.items():
            put(values, path, str(text).replace("{key}", key))
        return values

    async def release(self) -> None:
        """Try the held records again: the register has changed."""
        await self._notices.release(self._translator())


def _store(
    database: sqlite3.Connection,
    flow: str,
    source: str,
    outcomes: Sequence[Outcome],
    digests: Mapping[str, str],
    now: float,
) -> None:
    turns.keep(database, flow, source, outcomes, now)
    carried.learn(database, flow, digests)
