"""An embedded journal carried over to PostgreSQL: everything, in order, once, and compared."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from bus.core.errors import JournalError
from bus.core.keeping import Periods, RetentionSettings
from bus.core.sequences import Arrival, Role, SequenceKey, SequenceRecord
from bus.core.states import State
from bus.core.types import Attachment, Package
from bus.journal.postgres import carry
from bus.journal.postgres.carry import Carrier
from bus.journal.postgres.database import Place
from bus.journal.postgres.journal import PostgresJournal
from bus.journal.postgres.side import PostgresSide
from bus.journal.resend.desk import ResendDesk
from bus.journal.resend.values import Pace, Selection
from bus.journal.side import SqliteSide
from bus.journal.sqlite import SqliteJournal
from bus.journal.upkeep.retention import Retention
from bus.journal.upkeep.seal import Sealer
from bus.journal.upkeep.signing import Signer, Trust
from bus.journal.upkeep.verify import Verifier
from bus.journal.vault import MasterKey, Vault
from tests.support.deliveries import MUNICIPALITY, NOW, SteppedClock, acceptance, call, refusal, step
from tests.support.postgres import SHARED, journal_place

pytestmark = [pytest.mark.slow, pytest.mark.system]

KEY = SequenceKey(Role.DESTINATION, MUNICIPALITY, "juki", "urn:uuid:in")
SOURCE = SequenceKey(Role.SOURCE, MUNICIPALITY, "tax", "urn:uuid:out")
DAY = 86_400.0
PRIVATE = Ed25519PrivateKey.from_private_bytes(b"\x07" * 32)
SIGNER = Signer(PRIVATE)
TRUST = Trust({SIGNER.name: PRIVATE.public_key()})


def quiet(carried: int, total: int) -> None:
    """Nobody is told."""
    assert carried <= total


async def fill(path: Path) -> dict[str, int]:
    """A journal with a bit of everything, over three days; its counts."""
    vault = Vault([MasterKey("test", AESGCM(b"k" * 32))])
    journal = SqliteJournal(path, clock=SteppedClock(), vault=vault)
    await journal.open()
    parts = (Attachment("<a>", "image/png", "binary", 0, 5, 5, "1" * 64),)
    package = Package("a.mime", "multipart/related", "text/xml", 9, "2" * 64, "3" * 64, parts)
    for number in range(60):
        one = acceptance(targets=("tax", "kokuho"), received_at=NOW + number * DAY / 20)
        await journal.accept(one)
        await journal.record([step(one, State.DISPATCHING, attempt=1)])
        outcome = (State.DELIVERED, State.PARKED, State.RETRY_WAIT, State.EXPIRED)[number % 4]
        await journal.record([step(one, outcome, code="CB5001", next_attempt_at=NOW)])
    gone = call(received_at=NOW)
    await journal.accept(gone)
    await journal.record([step(gone, State.REPLIED, reply=b"<kaito/>", reply_status=200)])
    asked = call(received_at=NOW + 3 * DAY, package=package)
    await journal.accept(asked)
    await journal.record([step(asked, State.REPLIED, reply=b"<kaito/>", reply_status=200, reply_package=package)])
    await journal.accept(refusal(received_at=NOW + 3 * DAY))
    await journal.begin([SequenceRecord(KEY, "someone", NOW), SequenceRecord(SOURCE, "someone", NOW)])
    for number in (1, 3):
        one = acceptance(received_at=NOW + 3 * DAY)
        await journal.arrive(
            Arrival(KEY, number, one.message_id, "0" * 64, one.exchange_id, NOW, 100, 100, 1 << 20, one)
        )
    await journal.depart(SOURCE, [(1, one.delivery_id(0))], [])
    await journal.remember("nonce", 1e10, NOW)
    await journal.accept(held := acceptance(received_at=NOW + 5 * DAY))
    await journal.record([step(held, State.DISPATCHING), step(held, State.PARKED, code="CB6004")])
    counts = journal.counts()
    await journal.close()
    later = SteppedClock(NOW + 5.1 * DAY)
    with closing(SqliteSide(path)) as side:
        sealer = Sealer(side, SIGNER, later, path.with_suffix(".json"))
        sealer.seal()
        Retention(side, RetentionSettings(Periods(3, 5)), later, actor="test", signer=SIGNER).run()
        desk = ResendDesk(side, later, "test")
        desk.start(desk.plan(Selection(deliveries=(held.delivery_id(0),)), "test").number, Pace())
        sealer.seal()
    return counts


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    """An empty schema."""
    return journal_place(tmp_path / "carried")


async def test_everything_is_carried_over_and_compared(tmp_path: Path, place: Place) -> None:
    """No row differs, the counts are the same, and the bus goes on where it was."""
    path = tmp_path / "journal.sqlite"
    counts = await fill(path)
    with closing(Carrier(path, place, quiet)) as carrier:
        carrier.carry()
        compared = carrier.compare()
        carrier.done()
    assert {each.table: each.differences for each in compared} == dict.fromkeys(carry.TABLES, 0)
    assert all(each.source == each.carried > 0 for each in compared), compared
    source, carried = SqliteJournal(path, clock=SteppedClock()), PostgresJournal(place, clock=SteppedClock())
    await source.open()
    await carried.open()
    with closing(PostgresSide(place)) as side:
        assert Verifier(side, TRUST, SteppedClock(NOW + 6 * DAY)).verify().flaws == []
        Sealer(side, SIGNER, SteppedClock(NOW + 6 * DAY), tmp_path / "carried.json").seal()
        verdict = Verifier(side, TRUST, SteppedClock(NOW + 6 * DAY)).verify()
    assert (verdict.flaws, verdict.unsealed) == ([], 0)
    assert carried.counts() == source.counts() == counts
    assert carried.open_deliveries() == source.open_deliveries()
    assert list(carried.departures(SOURCE)) == list(source.departures(SOURCE))
    assert not await carried.remember("nonce", 1e10, NOW)
    late = acceptance(received_at=NOW + 3 * DAY)
    admission = await carried.arrive(
        Arrival(KEY, 2, late.message_id, "0" * 64, late.exchange_id, NOW, 100, 100, 1 << 20, late)
    )
    assert len(admission.released) == 1
    await source.close()
    await carried.close()


async def test_what_was_broken_off_goes_on_and_no_bus_opens_it_meanwhile(
    tmp_path: Path, place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Portions that were durable are not carried twice; until the end the destination is closed to a bus."""
    monkeypatch.setattr(carry, "PORTION", 10)
    path = tmp_path / "journal.sqlite"
    counts = await fill(path)

    def breaking(carried: int, total: int) -> None:
        if carried >= total // 2:
            raise KeyboardInterrupt

    with closing(Carrier(path, place, breaking)) as carrier, pytest.raises(KeyboardInterrupt):
        carrier.carry()
    journal = PostgresJournal(place, clock=SteppedClock())
    with pytest.raises(JournalError) as caught:
        await journal.open()
    assert caught.value.code == "CB4008"
    steps: list[int] = []
    with closing(Carrier(path, place, lambda carried, total: steps.append(carried))) as carrier:
        carrier.carry()
        assert steps[0] > 40
        assert not any(each.differences for each in carrier.compare())
        carrier.done()
    await journal.open()
    assert journal.counts() == counts
    await journal.close()


async def test_a_difference_is_found(tmp_path: Path, place: Place) -> None:
    """One changed byte of one body, and one event too few."""
    path = tmp_path / "journal.sqlite"
    await fill(path)
    with closing(Carrier(path, place, quiet)) as carrier:
        carrier.carry()
        SHARED.cluster().execute(
            f"UPDATE {place.schema}.body SET raw = 'x' WHERE n = (SELECT min(n) FROM {place.schema}.body)"
        )
        SHARED.cluster().execute(
            f"DELETE FROM {place.schema}.event WHERE (delivery, n) = (SELECT delivery, n FROM {place.schema}.event"
            " ORDER BY delivery DESC, n DESC LIMIT 1)"
        )
        found = {each.table: each.differences for each in carrier.compare() if each.differences}
    assert found == {"body": 1, "event": 1}


async def test_a_journal_in_use_is_not_carried_over_nor_into(tmp_path: Path, place: Place) -> None:
    """Neither from under a running bus, nor into a journal that has messages of its own."""
    path = tmp_path / "journal.sqlite"
    source, own = SqliteJournal(path, clock=SteppedClock()), PostgresJournal(place, clock=SteppedClock())
    await source.open()
    with pytest.raises(JournalError) as caught:
        Carrier(path, place, quiet)
    assert caught.value.code == "CB4003"
    await source.close()
    await own.open()
    await own.accept(replace(acceptance(), municipality=MUNICIPALITY))
    await own.close()
    with closing(Carrier(path, place, quiet)) as carrier, pytest.raises(JournalError) as caught:
        carrier.carry()
    assert caught.value.code == "CB4009"
