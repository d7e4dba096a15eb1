"""The journal on PostgreSQL: what writes, what reads, and what is asked of the rows in PostgreSQL's own way."""

from __future__ import annotations

import asyncio
import contextlib
import threading
import time
import uuid
from typing import Any, Final

import psycopg

from bus.core.errors import JournalError
from bus.core.ports import Clock
from bus.core.states import State
from bus.core.types import Finding, Known
from bus.journal.batch import Renewal
from bus.journal.message_key import message_key
from bus.journal.postgres.database import READ_WAIT_S, Link, Place, connect, reason
from bus.journal.postgres.lease import LEASE_S, RENEWALS
from bus.journal.postgres.ledger import TAKEN_OVER, tally_of
from bus.journal.postgres.schema import check_version
from bus.journal.postgres.store import PostgresStore
from bus.journal.relay import Log, no_log
from bus.journal.rows import known
from bus.journal.stored import StoredJournal
from bus.journal.vault import Vault
from bus.journal.writer import GroupWriter

UNREACHABLE: Final = "CB4006"
AGAIN_S: Final = 0.2
"""Between two tries to get the reading connection back."""

_OPEN: Final = "SELECT state, count(*) FROM delivery WHERE open IS NOT NULL GROUP BY state"
_KEY: Final = "SELECT n FROM exchange_key WHERE key = ? ORDER BY n"


class Reading:
    """The event loop's connection. While it is lost every question is refused at once, and a thread makes a new one."""

    def __init__(self, place: Place) -> None:
        self._place = place
        self._link: Link | None = None
        self._mending: threading.Thread | None = None
        self._closed = True

    def open(self) -> None:
        """Connect. Errors: CB4003."""
        self._link = self._connect()
        self._closed = False

    def close(self) -> None:
        """Close, also what a thread is connecting."""
        self._closed = True
        if self._mending is not None:
            self._mending.join()
        if self._link is not None:
            self._link.close()
            self._link = None

    def execute(self, statement: str, values: Any = (), /) -> Any:
        """One question. Errors: CB4006 the server cannot be asked, CB4003 not open."""
        link = self._link
        if self._closed:
            raise JournalError("CB4003", [Finding("CB4003", path="journal", got="not open")])
        if link is None:
            raise unreachable("reconnecting")
        try:
            return link.execute(statement, values)
        except psycopg.Error as error:
            if link.lost:
                self._link = None
                link.close()
                self._mend()
            raise unreachable(reason(error)) from error

    def executemany(self, statement: str, values: Any, /) -> object:
        """Nothing is written here. Errors: CB4006."""
        raise unreachable("this connection only reads")

    def _connect(self) -> Link:
        link = connect(self._place, purpose="reader", wait_s=READ_WAIT_S)
        try:
            check_version(link, self._place)
        except (psycopg.Error, JournalError):
            link.close()
            raise
        return link

    def _mend(self) -> None:
        if self._mending is None or not self._mending.is_alive():
            self._mending = threading.Thread(target=self._reconnect, name="journal-reader", daemon=True)
            self._mending.start()

    def _reconnect(self) -> None:
        while not self._closed:
            try:
                link = self._connect()
            except (JournalError, psycopg.Error):
                time.sleep(AGAIN_S)
                continue
            self._link = link
            break


def unreachable(why: str) -> JournalError:
    """CB4006 with the kind of failure."""
    return JournalError(UNREACHABLE, [Finding(UNREACHABLE, path="journal", got=why)], retry_after_s=5)


class PostgresJournal(StoredJournal):
    """Implements ``bus.core.ports.Journal`` on one schema of a PostgreSQL database.

    Errors: ``JournalError`` CB4001 when a batch could not be stored (the next one is tried on a new connection),
    CB4003 when the journal cannot be opened or another bus owns it, CB4004 for a transition that may not follow,
    CB4006 for a question while the server cannot be reached.
    """

    def __init__(
        self,
        place: Place,
        *,
        clock: Clock,
        standby: bool = False,
        lease_s: float = LEASE_S,
        log: Log = no_log,
        sealed: bool = False,
        vault: Vault | None = None,
    ) -> None:
        """``sealed``: somebody seals the journal beside this bus; ``vault`` encrypts payloads; ``standby``: ``open``
        waits for another owner to end, or to be silent for its ``lease_s``, instead of refusing, and says so once."""
        self._log = log
        self._place = place
        self._store = PostgresStore(
            place, clock, uuid.uuid4().hex, standby=standby, lease_s=lease_s, sealed=sealed, vault=vault
        )
        self._clock = clock
        self._lease_s = lease_s
        self._held_until = 0.0
        self._renewing: asyncio.Task[None] | None = None
        self._lost = asyncio.Event()
        self._vault = vault
        self._writer = GroupWriter(self._store, 0)
        self._reading = Reading(place)
        self._closing = False
        self._store.ending = lambda: self._closing

    async def open(self) -> None:
        """Own the journal, bring its schema up to date, start the writer. Errors: CB4003."""
        self._closing = False
        loop = asyncio.get_running_loop()
        self._store.waiting = lambda holder: loop.call_soon_threadsafe(self._stand_by, holder)
        self._store.expired = lambda holder: loop.call_soon_threadsafe(self._found_expired, holder)
        try:
            await self._writer.start()
            await self._renew()
            await asyncio.to_thread(self._reading.open)
        except BaseException:
            self._closing = True
            await self._writer.stop()
            raise
        self._renewing = asyncio.create_task(self._renew_forever(), name="journal lease")

    async def close(self) -> None:
        """Commit what waits, close both connections, give up ownership."""
        self._closing = True
        if self._renewing is not None:
            self._renewing.cancel()
            await asyncio.gather(self._renewing, return_exceptions=True)
            self._renewing = None
        await self._writer.stop()
        self._reading.close()

    @property
    def held(self) -> bool:
        """Whether no other bus can own the journal now: the lease, counted from before it was asked for, lasts."""
        return not self._store.fenced and self._clock.monotonic() < self._held_until

    async def taken_over(self) -> None:
        """Returns when another bus owns the journal."""
        await self._lost.wait()

    async def _renew(self) -> None:
        """Errors: CB4001."""
        asked = self._clock.monotonic()
        await self._writer.submit(Renewal(self._lease_s))
        self._held_until = asked + self._lease_s

    async def _renew_forever(self) -> None:
        while True:
            await asyncio.sleep(self._lease_s / RENEWALS)
            with contextlib.suppress(JournalError):
                await self._renew()
            if self._store.fenced:
                self._log("journal.taken_over", code=TAKEN_OVER)
                self._lost.set()
                return

    def counts(self) -> dict[str, int]:
        """Deliveries per state (all states named), ``accepted_messages`` and ``rejected_messages``."""
        read = self._read()
        counts = {state.value: 0 for state in State}
        read.execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
        try:
            tally = tally_of(read)
            counts |= dict(read.execute(_OPEN).fetchall())
        finally:
            read.execute("COMMIT")
        counts |= {
            State.DELIVERED.value: tally.delivered,
            State.REPLIED.value: tally.replied,
            State.EXPIRED.value: tally.expired,
            State.CANCELLED.value: tally.cancelled,
            State.REJECTED.value: tally.rejected,
        }
        return counts | {"accepted_messages": tally.accepted, "rejected_messages": tally.rejected}

    def _stand_by(self, holder: str) -> None:
        self._log("journal.standby", got=holder)

    def _found_expired(self, holder: str) -> None:
        self._log("journal.lease_expired", got=holder)

    def _known(self, municipality: str, message_id: str, sender: str) -> Known | None:
        read = self._read()
        rows = read.execute(_KEY, (message_key(municipality, message_id),)).fetchall()
        return known(read, [row[0] for row in rows], municipality, message_id, sender) if rows else None

    def _read(self) -> Reading:
        return self._reading
