"""The universal suite of the seals: every journal is sealed the same way, and no change to it goes unseen."""

from __future__ import annotations

import random
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from bus.core.keeping import Periods, RetentionSettings
from bus.core.ports import Acceptance, Journal
from bus.core.sequences import Arrival, Role, SequenceKey, SequenceRecord
from bus.core.states import State
from bus.core.types import Attachment, Package
from bus.journal.database import Database
from bus.journal.operator import JournalOperator
from bus.journal.upkeep import audit, seal
from bus.journal.upkeep.retention import Retention
from bus.journal.upkeep.seal import Seal, Sealer
from bus.journal.upkeep.signing import Signer, Trust
from bus.journal.upkeep.verify import Verdict, Verifier
from tests.ports.implementations import JournalImplementation, journals
from tests.support.deliveries import MUNICIPALITY, NOW, SteppedClock, acceptance, call, refusal, step

pytestmark = pytest.mark.slow

DAY = 86_400.0
KEY = Ed25519PrivateKey.from_private_bytes(b"\x07" * 32)
SIGNER = Signer(KEY)
TRUST = Trust({SIGNER.name: KEY.public_key()})


@dataclass
class Sealed:
    """An open journal that is sealed."""

    journal: Journal
    clock: SteppedClock
    implementation: JournalImplementation
    folder: Path
    messages: list[Acceptance] = field(default_factory=list)

    def seal(self) -> list[Seal]:
        """Seal what is new."""
        side = self.implementation.side(self.folder)
        try:
            return Sealer(side, SIGNER, self.clock, self.folder / "anchor.json").seal()
        finally:
            side.close()

    def verify(self, *expected: tuple[int, str], trust: Trust = TRUST) -> Verdict:
        """Compare with the seals."""
        side = self.implementation.side(self.folder)
        try:
            return Verifier(side, trust, self.clock).verify(expected)
        finally:
            side.close()

    def flaws(self, *expected: tuple[int, str]) -> list[tuple[str, str]]:
        """Codes and places."""
        return [(flaw.code, flaw.place) for flaw in self.verify(*expected).flaws]

    def removed(self, signer: Signer | None = SIGNER) -> None:
        """Remove what is old."""
        side = self.implementation.side(self.folder)
        rules = RetentionSettings(Periods(30, 90))
        pause: Callable[[float], object] = lambda seconds: None  # noqa: E731 (shorter than a function)
        Retention(side, rules, self.clock, actor="test", signer=signer, pause=pause).run()
        side.close()

    def change(self, statement: str, values: tuple[Any, ...] = ()) -> None:
        """What somebody with the password of the database does."""
        side = self.implementation.side(self.folder)
        with side.transaction() as database:
            assert database.execute(statement, values).rowcount
        side.close()

    def asked(self, statement: str) -> Any:
        """The first value that is found."""
        side = self.implementation.side(self.folder)
        try:
            return side.database.execute(statement).fetchone()[0]
        finally:
            side.close()

    async def fill(self, number: int = 12) -> None:
        """Messages of every kind and in every state, with answers, refusals and an attachment."""
        part = Attachment("<a>", "image/png", "binary", 0, 5, 5, "1" * 64)
        package = Package("a.mime", "multipart/related", "text/xml", 9, "2" * 64, "3" * 64, (part,))
        outcomes = (State.DELIVERED, State.PARKED, State.RETRY_WAIT, State.EXPIRED, State.CANCELLED)
        for count in range(number):
            at = self.clock.now()
            one = acceptance(targets=("tax", "kokuho"), received_at=at, package=package if count == 3 else None)
            await self.journal.accept(one)
            for index in (0, 1):
                way = [State.DISPATCHING, outcomes[(count + index) % 5]]
                await self.journal.record([step(one, each, index=index, at=at) for each in way])
            asked = call(received_at=at)
            await self.journal.accept(asked)
            await self.journal.record([step(asked, State.REPLIED, at=at, reply=b"<kaito/>", reply_status=200)])
            await self.journal.accept(refusal(received_at=at))
            self.messages += [one, asked]
        await self.journal.accept(acceptance(received_at=self.clock.now()))


@pytest.fixture(params=journals())
async def sealed(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Sealed]:
    """An open journal with some messages, all of them sealed."""
    clock = SteppedClock()
    journal: Journal = request.param.make(tmp_path, clock, sealed=True)
    await journal.open()
    found = Sealed(journal, clock, request.param, tmp_path)
    await found.fill()
    found.seal()
    yield found
    await journal.close()


async def test_a_journal_that_nobody_touched_is_as_it_was_sealed(sealed: Sealed) -> None:
    """Through more messages, late answers, operators' acts, sequences, and the tail that has no seal yet."""
    assert sealed.seal() == []
    late = sealed.messages[0]
    await sealed.journal.record([step(late, State.REPLIED, at=NOW, reply=b"<late/>", reply_status=200)])
    await sealed.fill(3)
    verdict = sealed.verify()
    assert (verdict.flaws, verdict.seals) == ([], 1)
    assert verdict.unsealed > 3
    side = sealed.implementation.side(sealed.folder)
    operator = JournalOperator(side, sealed.clock)
    assert all(decision.done for decision in operator.resend(operator.parked_ids()))
    with side.transaction() as database:
        audit.note(database, NOW, "someone", "messages.view")
    side.close()
    key = SequenceKey(Role.DESTINATION, MUNICIPALITY, "juki", "urn:uuid:in")
    await sealed.journal.begin([SequenceRecord(key, "someone", NOW)])
    arrived = [acceptance(received_at=NOW) for _ in range(3)]
    for number in (3, 2):
        await sealed.journal.arrive(_arrival(key, number, arrived[number - 1]))
    sealed.clock.at += 60
    assert len(sealed.seal()) == 1
    await sealed.journal.arrive(_arrival(key, 1, arrived[0]))
    sealed.clock.at += 60
    assert len(sealed.seal()) == 1
    verdict = sealed.verify()
    assert (verdict.flaws, verdict.unsealed, verdict.last_seal) == ([], 0, 3)


def _arrival(key: SequenceKey, number: int, one: Acceptance) -> Arrival:
    return Arrival(key, number, one.message_id, "0" * 64, one.exchange_id, NOW, 100, 100, 1 << 20, one)


ALTERATIONS = {
    "exchange": {"purpose": "x", "sender": "x", "received_at": 1.0, "ordering_keys": "", "code": "E0001", "size": 1},
    "body": {"raw": b"x"},
    "delivery": {"state": "REPLIED", "target": "x", "attempt": 9, "open": 1, "next_attempt_at": 1.0},
    "reply": {"raw": b"x", "status": 500},
    "event": {"state": "PARKED", "at": 1.0, "actor": "x", "n": 10},
    "attachment": {"sha256": "x"},
}


@pytest.mark.parametrize("table", ALTERATIONS)
async def test_every_altered_value_is_found_where_it_is(sealed: Sealed, table: str) -> None:
    """One value of one row; the place names the message or delivery and nothing else. Put back, all is well."""
    first = "delivery" if table == "event" else "n"
    for column, value in ALTERATIONS[table].items():
        row = sealed.asked(f"SELECT min({first}) FROM {table}")
        extra = " AND n = 1" if table == "event" else ""
        old = sealed.asked(f"SELECT {column} FROM {table} WHERE {first} = {row}{extra}")
        message = row if table in {"exchange", "body", "attachment"} else row // 4096
        name = sealed.asked(f"SELECT exchange_id FROM exchange WHERE n = {message}")
        sealed.change(f"UPDATE {table} SET {column} = ? WHERE {first} = ?{extra}", (value, row))
        found = sealed.flaws()
        assert found, column
        assert {code for code, _ in found} == {"CB4020"}, (column, found)
        assert all(place.startswith(name) for _, place in found), (column, found, name)
        extra = " AND n = 10" if column == "n" else extra
        sealed.change(f"UPDATE {table} SET {column} = ? WHERE {first} = ?{extra}", (old, row))
    assert sealed.flaws() == []


async def test_every_removed_row_is_found(sealed: Sealed) -> None:
    """Rows that nobody removed by the rules, one table after the other: each time there is more to tell."""
    before: set[tuple[str, str]] = set()
    for table in ("attachment", "reply", "event", "body", "delivery", "exchange"):
        first = "delivery" if table == "event" else "n"
        sealed.change(f"DELETE FROM {table} WHERE {first} = (SELECT min({first}) FROM {table})")
        found = set(sealed.flaws())
        assert {code for code, _ in found} <= {"CB4020", "CB4021"}
        assert found - before, table
        before = found


async def test_exchanged_and_added_records_are_found(sealed: Sealed) -> None:
    """Two messages in each other's place; a message from outside, before the newest ones; an event of long ago."""
    high = sealed.asked("SELECT max(n) FROM exchange")
    columns = (
        "sender, message_id, refused, sha256, unit, operation, edition, purpose, mode, ordering_keys, received_at,"
        " expires_at, content_type, soap_action, relates_to, tables_hash, size, code, municipality"
    )
    first = sealed.asked("SELECT min(n) FROM exchange WHERE refused = 1")
    second = sealed.asked("SELECT max(n) FROM exchange WHERE refused = 1")
    for old, new in ((first, high + 900), (second, first), (high + 900, second)):
        sealed.change("UPDATE exchange SET n = ? WHERE n = ?", (new, old))
    assert {code for code, _ in sealed.flaws()} == {"CB4023"}
    for old, new in ((first, high + 900), (second, first), (high + 900, second)):
        sealed.change("UPDATE exchange SET n = ? WHERE n = ?", (new, old))
    assert sealed.flaws() == []
    sealed.change("UPDATE exchange SET n = n + 900 WHERE n = ?", (high,))
    sealed.change(
        f"INSERT INTO exchange (n, exchange_id, {columns}) SELECT ?, 'added', {columns} FROM exchange WHERE n = ?",
        (high + 800, high + 900),
    )
    assert ("CB4022", "added") in sealed.flaws()
    sealed.change("DELETE FROM exchange WHERE exchange_id = 'added'")
    sealed.change("UPDATE exchange SET n = n - 900 WHERE n = ?", (high + 900,))
    assert sealed.flaws() == []
    sealed.clock.at += DAY
    await sealed.fill(1)
    sealed.seal()
    place = sealed.asked("SELECT min(n) FROM delivery")
    sealed.change(
        "INSERT INTO event (delivery, n, at, state, attempt, code, detail, actor)"
        " VALUES (?, 9, ?, 'PARKED', 0, '', '', '')",
        (place, NOW),
    )
    assert "CB4022" in {code for code, _ in sealed.flaws()}


async def test_what_was_cut_off_at_the_end_is_told_by_the_anchor(sealed: Sealed) -> None:
    """Records and seals of the last minutes are gone together: only what was kept elsewhere tells."""
    sealed.clock.at += 60
    await sealed.fill(1)
    (last,) = sealed.seal()
    kept = seal.read_anchor(sealed.folder / "anchor.json")
    assert kept == (last.number, last.digest)
    assert sealed.flaws(kept) == []
    sealed.change("DELETE FROM seal WHERE s = ?", (last.number,))
    assert ("CB4025", f"seal {last.number}") in sealed.flaws(kept)


SEAL_CHANGES = {
    "previous": "x", "at": 1.0, "digest": "x", "signature": b"x" * 64, "key": "x", "number": 1, "entries": b"x",
}  # fmt: skip


async def test_every_change_of_a_seal_is_found(sealed: Sealed) -> None:
    """A seal is held by its signature and by the next one."""
    for _ in range(2):
        sealed.clock.at += 60
        await sealed.fill(1)
        sealed.seal()
    for column, value in SEAL_CHANGES.items():
        old = sealed.asked(f"SELECT {column} FROM seal WHERE s = 2")
        sealed.change(f"UPDATE seal SET {column} = ? WHERE s = 2", (value,))
        assert ("CB4024", "seal 2") in sealed.flaws(), column
        sealed.change(f"UPDATE seal SET {column} = ? WHERE s = 2", (old,))
    assert sealed.flaws() == []


async def test_a_seal_that_is_missing_and_a_key_that_nobody_trusts_are_found(sealed: Sealed) -> None:
    """A chain made anew with another key is not believed."""
    stranger = Signer(Ed25519PrivateKey.from_private_bytes(b"\x08" * 32))
    assert {flaw.code for flaw in sealed.verify(trust=Trust({stranger.name: KEY.public_key()})).flaws} == {"CB4024"}
    sealed.clock.at += 60
    await sealed.fill(1)
    sealed.seal()
    sealed.change("DELETE FROM seal WHERE s = 1")
    assert ("CB4021", "seal 1") in sealed.flaws()


async def test_what_retention_removed_is_excused_and_nothing_else(sealed: Sealed) -> None:
    """Signed removals explain what is missing; a removal that somebody wrote himself explains nothing."""
    sealed.clock.at += 31 * DAY
    await sealed.fill(2)
    sealed.removed()
    sealed.seal()
    assert sealed.flaws() == []
    sealed.clock.at += 100 * DAY
    await sealed.fill(1)
    sealed.removed()
    sealed.seal()
    assert sealed.flaws() == []
    assert sealed.asked("SELECT count(*) FROM exchange") < 30
    forger = Signer(Ed25519PrivateKey.from_private_bytes(b"\x08" * 32))
    sealed.clock.at += 100 * DAY
    await sealed.fill(1)
    sealed.removed(forger)
    sealed.seal()
    codes = {code for code, _ in sealed.flaws()}
    assert {"CB4021", "CB4024"} <= codes


async def test_a_removal_that_is_taken_back_out_of_the_books_is_found(sealed: Sealed) -> None:
    """The books of the upkeep are sealed too, and those of operators."""
    sealed.clock.at += 31 * DAY
    await sealed.fill(1)
    sealed.removed()
    sealed.seal()
    sealed.change("DELETE FROM removal WHERE r = (SELECT max(r) FROM removal)")
    assert "CB4021" in {code for code, _ in sealed.flaws()}
    sealed.change("UPDATE audit SET actor = 'nobody'")
    assert ("CB4020", "audit 1") in sealed.flaws()


async def test_many_messages_become_several_seals_and_nothing_is_left_out(
    sealed: Sealed, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Seals are bounded; what one leaves the next one takes."""
    monkeypatch.setattr(seal, "MOST_EXCHANGES", 7)
    monkeypatch.setattr(seal, "MOST_TOUCHED", 5)
    await sealed.fill(30)
    assert len(sealed.seal()) > 5
    verdict = sealed.verify()
    assert (verdict.flaws, verdict.unsealed) == ([], 0)


async def test_what_a_bus_without_traces_did_is_sealed_later(sealed: Sealed) -> None:
    """Sealing was switched off for a while: the next time everything is looked at again."""
    await sealed.journal.close()
    plain = sealed.implementation.make(sealed.folder, sealed.clock)
    await plain.open()
    await plain.record([step(sealed.messages[0], State.REPLIED, at=NOW, reply=b"x", reply_status=200)])
    await plain.close()
    sealed.journal = sealed.implementation.make(sealed.folder, sealed.clock, sealed=True)
    await sealed.journal.open()
    sealed.clock.at += DAY
    await sealed.fill(1)
    sealed.seal()
    assert sealed.flaws() == []
    await sealed.journal.close()


async def test_random_changes_never_go_unseen(sealed: Sealed) -> None:
    """Twenty changes by chance (the seed is printed), one after the other, each found; taken back, nothing is."""
    seed = random.randrange(1 << 32)
    print(f"seed {seed}")
    chance = random.Random(seed)
    side = sealed.implementation.side(sealed.folder)
    columns = {"exchange": ("sender", "operation", "message_id"), "event": ("actor", "code", "detail"),
               "delivery": ("target", "detail", "code")}  # fmt: skip
    for _ in range(20):
        table = chance.choice(sorted(columns))
        column = chance.choice(columns[table])
        keys = _keys(side.database, table)
        key = chance.choice(keys)
        where = " AND ".join(f"{name} = ?" for name in ("delivery", "n")[-len(key) :])
        (old,) = side.database.execute(f"SELECT {column} FROM {table} WHERE {where}", key).fetchone()
        for value in (f"{old}!", old):
            with side.transaction() as database:
                database.execute(f"UPDATE {table} SET {column} = ? WHERE {where}", (value, *key))
            found = Verifier(side, TRUST, sealed.clock).verify()
            # Nothing happened yet to the last message, so nothing of its delivery is sealed but the target.
            assert found.sound is (value == old), (table, column, key)
    side.close()


def _keys(database: Database, table: str) -> list[tuple[int, ...]]:
    """The keys of rows that are sealed as a whole."""
    if table == "event":
        return [tuple(row) for row in database.execute("SELECT delivery, n FROM event").fetchall()]
    if table == "delivery":
        return [tuple(row) for row in database.execute("SELECT DISTINCT delivery FROM event").fetchall()]
    return [tuple(row) for row in database.execute(f"SELECT n FROM {table}").fetchall()]
