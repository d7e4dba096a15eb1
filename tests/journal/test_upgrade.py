"""Journals that earlier revisions wrote: today's program opens them, loses nothing and delivers what was open.

``tests/journal/earlier`` holds them as SQL, each written by the program of the revision that its first line names: a
notice that waits, one delivered to both receivers, one on its way to one and parked for the other, a later one of the
first resident, a call that was answered, one that was interrupted, a refusal. Those with seals are sealed.
"""

from __future__ import annotations

import sqlite3
from contextlib import closing
from hashlib import sha256
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from bus.core.errors import JournalError
from bus.core.ports import Journal
from bus.core.states import State
from bus.journal.operator import JournalOperator
from bus.journal.postgres import migrate
from bus.journal.postgres.database import Place
from bus.journal.postgres.journal import PostgresJournal
from bus.journal.postgres.schema import HEAD
from bus.journal.postgres.side import PostgresSide
from bus.journal.resend.desk import ResendDesk
from bus.journal.resend.values import Selection
from bus.journal.schema import MIGRATIONS, open_for_reading
from bus.journal.side import Side, SqliteSide
from bus.journal.sqlite import SqliteJournal
from bus.journal.upkeep.seal import Sealer
from bus.journal.upkeep.signing import Signer, Trust
from bus.journal.upkeep.verify import Verifier
from schemas.catalog import load_edition
from tests.support.deliveries import MUNICIPALITY, NOW, SteppedClock
from tests.support.polling import until
from tests.support.postgres import SHARED
from tests.support.providers import give_receipt
from tests.support.town import running_town

pytestmark = pytest.mark.slow
EARLIER = Path(__file__).parent / "earlier"
SQLITE = sorted(EARLIER.glob("version-*.sql"))
POSTGRESQL = sorted(EARLIER.glob("postgresql-*.sql"))
KEY = Ed25519PrivateKey.from_private_bytes(b"\x07" * 32)
SIGNER = Signer(KEY)

FROZEN = (
    "2491e035c3e5 88ee66204ef1 21b4c0247938 b32ae85fe5f1 53e0c49e76a8 dfa27bdfed44 "
    "645d3957556c 9ec4ed608c12 7bdc85a71e3c 0985ce26024e a173b08d7428"
)
FROZEN_POSTGRESQL = "132d6c19fddc a2d7edc21e21 7f5466441bab 0cbad18b1e92 a2231f6289e0 77f9a3072468"
"""Digests of the migrations: what journals were made by never changes; a new one adds its own."""


def written(source: Path, path: Path) -> Path:
    """The journal of a file of SQL."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript(source.read_text("utf-8"))
    return path


def exchange(number: int) -> str:
    """The id of one of its messages."""
    return f"{number:032x}"


async def expect_everything(journal: Journal) -> None:
    """What the revision wrote is there, and what was open is open."""
    counts = journal.counts()
    assert (counts["accepted_messages"], counts["rejected_messages"]) == (6, 1)
    assert (counts[State.DELIVERED], counts[State.REPLIED], counts[State.PARKED]) == (2, 1, 1)
    found = {each.consignment.delivery_id: each.state for each in journal.open_deliveries()}
    assert found == {
        f"{exchange(1)}-0": State.ACCEPTED, f"{exchange(1)}-1": State.ACCEPTED,
        f"{exchange(3)}-0": State.DISPATCHING, f"{exchange(3)}-1": State.PARKED,
        f"{exchange(4)}-0": State.ACCEPTED, f"{exchange(4)}-1": State.ACCEPTED,
    }  # fmt: skip
    assert all(len(each.consignment.ordering_keys) == 2 for each in journal.open_deliveries())
    assert journal.interrupted_calls() == [f"{exchange(6)}-0"]
    for number in range(1, 5):
        assert journal.body(exchange(number)).startswith(b"<?xml")
    known = journal.find(MUNICIPALITY, "tax", f"urn:uuid:00000000-0000-4000-8000-{5:012x}")
    assert known is not None
    assert (known.state, known.reply, known.reply_status) == (State.REPLIED, b"<kaito/>", 200)
    assert journal.find(MUNICIPALITY, "juki", f"urn:uuid:00000000-0000-4000-8000-{7:012x}") is None


def expect_upkeep(side: Side, folder: Path) -> None:
    """It can be sealed and verified, a parked delivery planned and cancelled: every table of today is there."""
    clock = SteppedClock(NOW + 1000)
    Sealer(side, SIGNER, clock, folder / "anchor.json").seal()
    verdict = Verifier(side, Trust({SIGNER.name: KEY.public_key()}), clock).verify()
    assert (verdict.flaws, verdict.messages, verdict.deliveries) == ([], 7, 10)
    assert ResendDesk(side, clock, "test").plan(Selection(), "test").summary.number == 1
    assert [each.done for each in JournalOperator(side, clock).cancel([f"{exchange(3)}-1"])] == [True]


@pytest.mark.parametrize("source", SQLITE, ids=lambda path: path.stem)
async def test_a_journal_of_an_earlier_version_loses_nothing(source: Path, tmp_path: Path) -> None:
    """From the first released version to the one before this: rows, counts, open work, answers, seals."""
    path = written(source, tmp_path / "journal.sqlite")
    with pytest.raises(JournalError) as refused:
        open_for_reading(path)
    assert refused.value.code == "CB4003"
    journal = SqliteJournal(path, clock=SteppedClock(NOW + 1000), sealed=True)
    await journal.open()
    await expect_everything(journal)
    await journal.close()
    with closing(SqliteSide(path)) as side:
        expect_upkeep(side, tmp_path)
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("PRAGMA user_version").fetchone() == (len(MIGRATIONS),)
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)


def test_the_version_before_this_one_is_among_them() -> None:
    """Whoever adds a migration also adds a journal of the version before it (``docs/deployment.md`` says how)."""
    assert f"version-{len(MIGRATIONS) - 1:02d}" in {path.stem for path in SQLITE}


def test_no_migration_is_ever_edited() -> None:
    """A journal that took a step has what the step said then."""
    assert [sha256(each.encode()).hexdigest()[:12] for each in MIGRATIONS] == FROZEN.split()
    steps = sorted((Path(migrate.__file__).parent / "migrations" / "versions").glob("r*.py"))
    assert [sha256(each.read_bytes()).hexdigest()[:12] for each in steps] == FROZEN_POSTGRESQL.split()


@pytest.mark.system
@pytest.mark.parametrize("source", POSTGRESQL, ids=lambda path: path.stem)
async def test_a_journal_on_postgresql_loses_nothing(source: Path, tmp_path: Path) -> None:
    """The same on a schema that an earlier revision made and filled."""
    database = SHARED.cluster().create()
    SHARED.cluster().execute(_text(source), database)
    place = Place(SHARED.cluster().dsn(database), "earlier")
    with pytest.raises(JournalError) as refused:
        PostgresSide(place)
    assert refused.value.code == "CB4003"
    journal = PostgresJournal(place, clock=SteppedClock(NOW + 1000), sealed=True)
    await journal.open()
    await expect_everything(journal)
    await journal.close()
    with closing(PostgresSide(place)) as side:
        assert side.database.execute("SELECT version_num FROM alembic_version").fetchone()[0] == HEAD
        expect_upkeep(side, tmp_path)


@pytest.mark.parametrize("source", [SQLITE[0], SQLITE[-1]], ids=lambda path: path.stem)
def test_todays_bus_delivers_what_an_earlier_one_had_accepted(source: Path, tmp_path: Path) -> None:
    """The conveyor is filled from the journal: everything open arrives once, in order, with its first id and bytes."""
    town_folder = tmp_path / "site"
    with running_town(town_folder, lambda folder: _prepared(source, folder)) as town:
        town.tax.behaviour = give_receipt(load_edition(), "juki.ido_tsuchi")
        counts = until(lambda: _settled(town_folder), what="everything to arrive")
        got = [received.message_id for received in town.tax.received]
    ids = [f"urn:uuid:00000000-0000-4000-8000-{number:012x}" for number in (1, 3, 4)]
    assert sorted(set(got)) == ids
    assert got.index(ids[0]) < got.index(ids[2]), "notices of one resident stay in order"
    assert counts == {"DELIVERED": 7, "PARKED": 1, "REPLIED": 1, "CANCELLED": 1}


def _text(source: Path) -> str:
    return source.read_text("utf-8")


def _prepared(source: Path, folder: Path) -> None:
    written(source, folder / "var" / "journal.sqlite")


def _settled(folder: Path) -> dict[str, int]:
    """Deliveries by state, once nothing moves any more."""
    with closing(sqlite3.connect(folder / "var" / "journal.sqlite")) as connection:
        rows = dict(connection.execute("SELECT state, count(*) FROM delivery GROUP BY state").fetchall())
    return rows if set(rows) <= {"DELIVERED", "PARKED", "REPLIED", "CANCELLED"} else {}
