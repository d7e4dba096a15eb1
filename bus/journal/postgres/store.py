"""The connection that writes: how it is opened, owned, lost and found again, and how a commit without an answer ends.

Two things make one bus the owner of a journal. A session's advisory lock says that the owner is alive; the name in
the turn's row, compared in every transaction, keeps out one that only believes it still is.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Sequence
from typing import Any, Final
from zlib import crc32

import psycopg

from bus.core.errors import JournalError
from bus.core.ports import Acceptance, Clock
from bus.core.sequences import Arrival
from bus.core.types import Finding
from bus.journal.batch import Outcome, Work
from bus.journal.postgres import lease
from bus.journal.postgres.database import LOST, Link, Place, cannot_open, connect
from bus.journal.postgres.lease import LEASE_S, RENEWALS
from bus.journal.postgres.ledger import TAKEN_OVER, PostgresLedger
from bus.journal.postgres.migrate import migrate
from bus.journal.postgres.schema import DAY_S, check_version, day_of, ensure_day
from bus.journal.upkeep.trace import begin_trace
from bus.journal.vault import Vault

UNFINISHED: Final = "CB4008"

OWNER_CLASS: Final = 0x6368_6969
"""The first half of the owner's advisory lock; the second names the schema."""

PATIENCE_S: Final = 8.0
"""So long a batch is kept while the server restarts; afterwards its callers are told that it was not stored."""

PAUSE_S: Final = 0.1
COOL_S: Final = 0.5
"""After a failure nothing is tried for so long: callers are refused at once instead of waiting one after the other."""

_HOLDER: Final = (
    "SELECT a.pid, coalesce(host(a.client_addr), 'local'), a.application_name FROM pg_locks l"
    " JOIN pg_stat_activity a ON a.pid = l.pid WHERE l.locktype = 'advisory' AND l.classid::int8 = ?"
    " AND l.objid::int8 = ? AND l.granted"
    " AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())"
)


def _number(schema: str) -> int:
    return crc32(schema.encode()) & 0x7FFF_FFFF


class PostgresStore:
    """Implements ``bus.journal.writer.Store``; used by the writer's thread only."""

    def __init__(
        self,
        place: Place,
        clock: Clock,
        owner: str,
        *,
        standby: bool = False,
        lease_s: float = LEASE_S,
        sealed: bool = False,
        vault: Vault | None = None,
    ) -> None:
        """``owner`` is unlike that of any other bus; with ``standby`` another owner's end or silence is waited for."""
        self._place = place
        self._clock = clock
        self._owner = owner
        self._standby = standby
        self._lease_s = lease_s
        self._token = 0
        self._overdue = (0.0, 0.0)
        self.fenced = False
        self._sealed = sealed
        self._vault = vault
        self._link: Link | None = None
        self._ledger: PostgresLedger | None = None
        self._owned = False
        self._last_pid = 0
        self._failed_at = 0.0
        self._tomorrow = 0
        self.ending: Callable[[], bool] = lambda: False
        self.waiting: Callable[[str], object] = lambda holder: None
        self.expired: Callable[[str], object] = lambda holder: None

    # -- opening ----------------------------------------------------------------------------------------------

    def open(self) -> None:
        """Connect, and own the journal. Errors: CB4003; CB4007 when another bus took it over meanwhile."""
        if self._owned and time.monotonic() - self._failed_at < COOL_S:
            raise cannot_open(self._place, "not reachable a moment ago")
        self._disconnect()
        try:
            self._open()
        except JournalError:
            self._failed_at = time.monotonic()
            self._disconnect()
            raise
        except psycopg.Error as error:
            self._failed_at = time.monotonic()
            self._disconnect()
            raise cannot_open(self._place, error) from error

    def _open(self) -> None:
        if not self._owned:
            migrate(self._place)
        link = self._link = connect(self._place, purpose="writer")
        check_version(link, self._place)
        # What a batch touches it knows by key; a table without statistics looks small enough to be gone through.
        link.execute("SET enable_seqscan = off")
        link.execute("SET idle_in_transaction_session_timeout = '10s'")
        self._take(link)
        self._last_pid = link.pid
        with link.connection.transaction():
            row: Any = link.execute("SELECT owner FROM turn FOR UPDATE").fetchone()
            if link.execute("SELECT 1 FROM carry WHERE done = 0").fetchone() is not None:
                raise JournalError(UNFINISHED, [Finding(UNFINISHED, path=self._place.shown)])
            if not self._owned:
                link.execute("UPDATE turn SET owner = ?, batches = batches + 1", (self._owner,))
            elif row[0] != self._owner:
                raise self._replaced()
            self._token = lease.take(link, self._lease_s, anew=not self._owned)
            ensure_day(link, day_of(self._clock.now()))
            begin_trace(link, sealed=self._sealed)
        self._owned = True
        self._ledger = PostgresLedger(link, self._clock, self._owner)
        self._ledger.traced, self._ledger.vault = self._sealed, self._vault
        if self._vault is not None:
            self._vault.forget()

    def _take(self, link: Link) -> None:
        """Get the owner's lock. A session of our own that the server still believes in is ended."""
        place, until, told = _number(self._place.schema), time.monotonic() + PATIENCE_S, False
        while not link.execute("SELECT pg_try_advisory_lock(?, ?)", (OWNER_CLASS, place)).fetchone()[0]:
            row: Any = link.execute(_HOLDER, (OWNER_CLASS, place)).fetchone()
            if self._owned and link.execute("SELECT owner FROM turn").fetchone()[0] != self._owner:
                raise self._replaced()
            if row is not None and row[0] == self._last_pid:
                link.execute("SELECT pg_terminate_backend(?)", (self._last_pid,))
            elif self._standby and row is not None:
                if not told:
                    told = True
                    self.waiting(f"process {row[0]} of {row[1]}")
                self._end_expired(link, int(row[0]))
            elif not self._standby and (row is not None or time.monotonic() > until):
                held = "another session" if row is None else f"process {row[0]} of {row[1]} ({row[2]})"
                raise cannot_open(self._place, f"held by {held}")
            if self.ending():
                raise cannot_open(self._place, "given up")
            if time.monotonic() > until and not self._standby:
                raise cannot_open(self._place, "held by a session that does not end")
            time.sleep(PAUSE_S)

    def _replaced(self) -> JournalError:
        self.fenced = True
        return JournalError(TAKEN_OVER, [Finding(TAKEN_OVER, path="journal", got="another bus")])

    def _end_expired(self, link: Link, pid: int) -> None:
        """End the session of an owner whose lease has expired; its lock falls with it.

        One that was only kept from renewing, as by a server that was away for everybody, gets a moment to do so.
        """
        held, now = lease.read(link), time.monotonic()
        if not held.expired:
            self._overdue = (0.0, 0.0)
        elif self._overdue[0] != held.until:
            self._overdue = (held.until, now)
        elif now - self._overdue[1] > self._lease_s / RENEWALS:
            self._overdue = (0.0, 0.0)
            self.expired(held.holder)
            link.execute("SELECT pg_terminate_backend(?)", (pid,))

    # -- batches ----------------------------------------------------------------------------------------------

    def weigh(self, batch: Sequence[Work]) -> int:
        """Always more than nothing: the thread writes every batch, since writing waits for the network."""
        return len(batch)

    def write(self, batch: Sequence[Work], *, patient: bool) -> list[Outcome] | None:
        """Write the rows. A connection that was lost before the commit is replaced: nothing of the batch was stored."""
        del patient
        until = time.monotonic() + PATIENCE_S
        while True:
            assert self._ledger is not None
            try:
                return self._ledger.write(batch)
            except JournalError as error:
                self.fenced = self.fenced or error.code == TAKEN_OVER
                raise
            except psycopg.DataError:
                return self._without_poison(batch)
            except LOST:
                if self._link is None or not self._link.lost:
                    raise
                self._reopen(until)

    def commit(self) -> None:
        """Make them durable. Where the answer got lost, the turn's row tells whether they are."""
        ledger = self._ledger
        assert ledger is not None
        wanted = ledger.serial + 1
        try:
            ledger.commit()
        except LOST:
            if self._link is None or not self._link.lost:
                raise
            self._reopen(time.monotonic() + PATIENCE_S)
            # Under the turn's row: a commit that is still on its way has been waited for.
            if self._serial() != wanted:
                raise

    def _serial(self) -> int:
        assert self._link is not None
        with self._link.connection.transaction():
            row: Any = self._link.execute("SELECT serial FROM turn FOR UPDATE").fetchone()
        return int(row[0])

    def _reopen(self, until: float) -> None:
        """Connect again until the patience ends. Errors: CB4003, CB4007."""
        while True:
            self._failed_at = 0.0
            try:
                return self.open()
            except JournalError as error:
                if error.code == TAKEN_OVER or time.monotonic() > until:
                    raise
            time.sleep(PAUSE_S)

    def _without_poison(self, batch: Sequence[Work]) -> list[Outcome]:
        """Refuse what PostgreSQL cannot hold (a NUL in a text) for its caller only. Errors: ``psycopg.Error``."""
        assert self._ledger is not None
        sound = [index for index, work in enumerate(batch) if "\\x00" not in _texts(work)]
        if len(sound) == len(batch):
            raise JournalError("CB4001", [Finding("CB4001", path="journal", got="DataError")])
        outcomes: list[Outcome] = [
            JournalError("CB4001", [Finding("CB4001", path="journal", got="U+0000 in a text")]) for _ in batch
        ]
        written = self._ledger.write([batch[index] for index in sound])
        for index, outcome in zip(sound, written, strict=True):
            outcomes[index] = outcome
        return outcomes

    def tidy(self, *, idle: bool) -> bool:
        """Make tomorrow's partitions in a gap, well before they are needed."""
        if not idle or self._link is None or self._ledger is None:
            return False
        tomorrow = day_of(self._clock.now() + DAY_S)
        if tomorrow != self._tomorrow:
            self._tomorrow = tomorrow
            try:
                with self._link.connection.transaction():
                    ensure_day(self._link, tomorrow)
            except psycopg.Error as error:
                raise OSError("no partitions for tomorrow") from error
        return False

    def close(self) -> None:
        """Give up connection and ownership; never raises."""
        if self._link is not None and self._owned and not self.fenced:
            with contextlib.suppress(psycopg.Error):
                lease.give_up(self._link, self._token)
        self._disconnect()
        self._owned = False

    def _disconnect(self) -> None:
        if self._link is not None:
            self._link.close()
        self._link = self._ledger = None


def _texts(work: Work) -> str:
    """The texts of an entry that come from outside, as Python shows them."""
    if isinstance(work, Acceptance):
        return repr(work)
    if isinstance(work, Arrival):
        return repr(work)
    if isinstance(work, tuple):
        return "".join(f"{each.code!r}{each.detail!r}{each.reply_content_type!r}{each.delivery_id!r}" for each in work)
    return repr(work)
