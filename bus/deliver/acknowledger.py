"""Acknowledgements and faults for sources that want them at an address of their own (wsrm:AcksTo).

What is told is read from the journal when it is sent: numbers that become durable meanwhile go along, and one message
speaks for many. Nothing is kept of what was told; after a restart every living sequence is told once more.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final

from bus.core.errors import ChiikibusError, DeliveryError, ReliableError
from bus.core.ports import Clock, HttpReply, Ids, Journal, Outgoing, Sender
from bus.core.sequences import LIVE, Role, SequenceKey, SequenceRecord
from bus.core.types import Addressing, Endpoint, Finding
from bus.pipeline.sequence_answer import acknowledgement_of, headers_only
from bus.wire import addressing as wsa
from bus.wire import splice
from bus.wire.fault import fault_bytes
from bus.wire.reliable import faults, names

GATHER_S: Final = 0.1
"""So long numbers are gathered before they are told together."""

PAUSE_S: Final = 1.0
LONGEST_PAUSE_S: Final = 60.0
TRIES: Final = 20
"""After so many failures in a row (a quarter of an hour) it is left: the next message tells everything anew."""

LAST_TRIES: Final = 5
"""The same once the sequence has ended."""

MAX_FAULTS: Final = 8
"""Faults of one sequence that wait to be told; more say nothing new."""

NOT_TOLD: Final = "CB3026"


class SequenceAcknowledger:
    """Implements ``bus.core.sequences.Acknowledger``; one conversation at a time for each sequence.

    ``registered`` gives the endpoint of a municipality at an address, as the tables stand now: what is not registered
    any more is not called.
    """

    def __init__(
        self,
        journal: Journal,
        sender: Sender,
        outgoing: Outgoing,
        registered: Callable[[str, str], Endpoint | None],
        clock: Clock,
        ids: Ids,
        log: Callable[..., None],
        *,
        gather_s: float = GATHER_S,
        pause_s: float = PAUSE_S,
    ) -> None:
        self._journal = journal
        self._sender = sender
        self._outgoing = outgoing
        self._registered = registered
        self._clock = clock
        self._ids = ids
        self._log = log
        self._gather_s = gather_s
        self._pause_s = pause_s
        self._due: set[SequenceKey] = set()
        self._faults: dict[SequenceKey, list[bytes]] = {}
        self._talks: dict[SequenceKey, asyncio.Task[None]] = {}

    def start(self) -> None:
        """Tell every living sequence what is durable: what was told before the restart is not known."""
        for record in self._journal.sequences(role=Role.DESTINATION):
            if record.acks_to != wsa.ANONYMOUS and record.numbers:
                self.tell(record.key)

    async def stop(self) -> None:
        """Tell nobody any more."""
        talks = list(self._talks.values())
        for talk in talks:
            talk.cancel()
        await asyncio.gather(*talks, return_exceptions=True)

    def tell(self, key: SequenceKey, fault: bytes = b"") -> None:
        """Soon: what is durable of the sequence, or a fault about it."""
        if fault:
            waiting = self._faults.setdefault(key, [])
            if len(waiting) < MAX_FAULTS:
                waiting.append(fault)
        else:
            self._due.add(key)
        if key not in self._talks:
            self._talks[key] = asyncio.create_task(self._talk(key), name=f"acknowledge {key.identifier}")

    def ended(self, record: SequenceRecord) -> None:
        """The bus has ended a sequence by itself: its source is told, where there is a way (SequenceTerminated)."""
        if record.key.role is not Role.DESTINATION or record.acks_to == wsa.ANONYMOUS:
            return
        block = faults.sequence_fault_block("CB3012", record.key.identifier)
        told = faults.bound(
            fault_bytes(ReliableError("CB3012"), request=Addressing(action=names.FAULT_ACTION)), "CB3012"
        )
        self.tell(record.key, told if block is None else splice.inserted(told, [block]))
        self.tell(record.key)

    async def _talk(self, key: SequenceKey) -> None:
        failures = 0
        try:
            while key in self._due or key in self._faults:
                pause_s = self._pause_s * 2.0 ** (failures - 1) if failures else self._gather_s
                await asyncio.sleep(min(pause_s, LONGEST_PAUSE_S))
                record = self._journal.sequence(key)
                if record is None:
                    break
                try:
                    await self._tell(record)
                    failures = 0
                except ChiikibusError as error:
                    failures += 1
                    self._say(record, error.code)
                    if failures >= (TRIES if record.state in LIVE else LAST_TRIES) or error.code == NOT_TOLD:
                        break
        finally:
            self._due.discard(key)
            self._faults.pop(key, None)
            self._talks.pop(key, None)

    async def _tell(self, record: SequenceRecord) -> None:
        """Faults are told once, acknowledgements until they were taken. Errors: CB3026, CB5001 to CB5005."""
        key = record.key
        endpoint = self._registered(key.municipality, record.acks_to)
        if endpoint is None or endpoint.key != f"{key.municipality}/{key.endpoint}":
            expected = "endpoints.toml"
            raise ReliableError(NOT_TOLD, [Finding(NOT_TOLD, path="wsrm:AcksTo", expected=expected, got="unknown")])
        for fault in self._faults.pop(key, []):
            to = wsa.blocks(Addressing(to=record.acks_to))
            await self._post(endpoint, splice.inserted(fault, to), names.FAULT_ACTION)
        if key not in self._due:
            return
        # Before it is read: what comes from here on is told by the next one.
        self._due.discard(key)
        told = self._journal.sequence(key) or record
        properties = Addressing(message_id=self._ids.message(), to=record.acks_to)
        raw = headers_only(names.ACKNOWLEDGEMENT, [acknowledgement_of(told)], properties)
        try:
            await self._post(endpoint, raw, names.action(names.ACKNOWLEDGEMENT))
        except ChiikibusError:
            self._due.add(key)
            raise

    async def _post(self, endpoint: Endpoint, raw: bytes, action: str) -> None:
        """One way: whatever 2xx or fault comes back was read by somebody. Errors: CB5001 to CB5005 (503 too)."""
        sent, headers = self._outgoing.protocol(endpoint, raw, action)
        reply: HttpReply = await self._sender.post(endpoint, sent, headers, endpoint.timeout_s)
        if reply.status == 503:
            raise DeliveryError("CB5005", [Finding("CB5005", path=endpoint.key, got=str(reply.status))])

    def _say(self, record: SequenceRecord, code: str) -> None:
        endpoint = f"{record.key.municipality}/{record.key.endpoint}"
        self._log("sequence.not_acknowledged", endpoint=endpoint, sequence=record.key.identifier, code=code)
