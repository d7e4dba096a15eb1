"""A vendor's database, SQLite and PostgreSQL: views read by keyset and never written, staging rows written once."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from adapters.host.carriers.table_fetch import TableFetch
from adapters.host.store import Store
from adapters.transports.table import Database, StagingTable, ViewReader
from bus.core.errors import AdapterError, ConfigurationError
from tests.host.carrying import Ground
from tests.support.network import free_port
from tests.support.postgres import SHARED

pytestmark = pytest.mark.slow


@dataclass(slots=True)
class Vendor:
    """A database with the view ``v_jumin`` over ``jumin``, and the staging table ``uketsuke``."""

    url: str
    folder: Path
    owner: sa.Engine

    def run(self, *statements: str) -> None:
        """What the vendor does in its own database."""
        with self.owner.begin() as connection:
            for one in statements:
                connection.execute(sa.text(one))

    def database(self, *, read_only: bool = True) -> Database:
        """The adapter's access."""
        return Database(self.url, self.folder, "", 5, read_only)


TABLES = (
    "CREATE TABLE jumin (bango VARCHAR(15), rireki INTEGER, shimei VARCHAR(100), kingaku NUMERIC(10,2),"
    " koshin TIMESTAMP, PRIMARY KEY (bango, rireki))",
    "CREATE VIEW v_jumin AS SELECT * FROM jumin",
    "CREATE TABLE uketsuke (torihiki VARCHAR(40) PRIMARY KEY, bango VARCHAR(15) NOT NULL, kingaku NUMERIC(10,2),"
    " hizuke DATE, CHECK (kingaku >= 0))",
)


def rows(*numbers: int, at: str = "2026-01-01 00:00:00") -> str:
    """An INSERT of residents."""
    values = ",".join(f"('{n:015d}', 1, '架空　{n}', {n}.50, '{at}')" for n in numbers)
    return f"INSERT INTO jumin VALUES {values}"


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.system)])
def vendor(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Vendor]:
    """A fresh database of each kind."""
    if request.param == "sqlite":
        owner = sa.create_engine(f"sqlite:///{tmp_path}/vendor.db")
        made = Vendor("sqlite:///vendor.db", tmp_path, owner)
    else:
        cluster = SHARED.cluster()
        url = cluster.url(cluster.create("vendor"))
        owner = sa.create_engine(url.replace("postgresql", "postgresql+psycopg"))
        made = Vendor(url, tmp_path, owner)
    made.run(*TABLES)
    yield made
    owner.dispose()


def test_a_view_is_read_by_pages_in_the_order_of_cursor_and_key(vendor: Vendor) -> None:
    """Equal cursors across a page's end lose nothing; every value is text with its digits."""
    vendor.run(rows(1, 2, 3), rows(4, 5, at="2026-01-02 00:00:00"))
    database = vendor.database()
    reader = ViewReader(database, "v_jumin", ["bango", "rireki"], "koshin", limit=2)
    found, place = [], ()
    while page := reader.page("", place):
        found += page
        place = page[-1].place
    database.close()
    assert [int(json.loads(one.line)["bango"]) for one in found] == [1, 2, 3, 4, 5]
    first = json.loads(found[0].line)
    assert first == {
        "bango": "000000000000001",
        "rireki": "1",
        "shimei": "架空　1",
        "kingaku": "1.50" if vendor.url.startswith("postgres") else first["kingaku"],
        "koshin": first["koshin"],
    }
    assert first["koshin"].startswith("2026-01-01")


def test_the_adapter_cannot_write_to_what_it_reads(vendor: Vendor) -> None:
    """Read-only by the connection, whatever the account may do."""
    database = vendor.database()
    with pytest.raises(sa.exc.DBAPIError), database.engine.begin() as connection:
        connection.execute(sa.text(rows(9)))
    database.close()


async def walk(vendor: Vendor, ground: Ground, **keys: Any) -> list[int]:
    """One round of table-fetch; the numbers in the files that appeared."""
    named = {"view": "v_jumin", "key": ["bango", "rireki"], "cursor": "koshin", "file_name": "V{number:04d}.json"}
    spec = ground.spec("table-fetch", **(named | {"page_rows": 2} | keys))
    carrier = TableFetch(spec, ground.environment(address=vendor.url))
    try:
        await carrier.round(asyncio.Event())
    finally:
        await carrier.close()
    found: list[int] = []
    for mark in sorted(ground.here.glob("*.END")):
        path = ground.here / mark.name.removesuffix(".END")
        found += [int(json.loads(line)["bango"]) for line in path.read_bytes().splitlines()]
        path.unlink()
        mark.unlink()
    return found


@pytest.fixture
def ground(tmp_path: Path) -> Iterator[Ground]:
    """A folder and a store."""
    (tmp_path / "here").mkdir()
    store = Store(tmp_path / "var" / "store.sqlite")
    store.open()
    yield Ground(tmp_path, store)
    store.close()


async def test_rows_come_once_and_changed_ones_again(vendor: Vendor, ground: Ground) -> None:
    """From the last cursor on, that value included: a row committed late with the same time is not lost."""
    vendor.run(rows(1, 2, 3, 4, 5))
    assert await walk(vendor, ground) == [1, 2, 3, 4, 5]
    assert await walk(vendor, ground) == []
    vendor.run(rows(6))
    assert await walk(vendor, ground) == [6]
    vendor.run("UPDATE jumin SET shimei = '架空　改', koshin = '2026-01-03 00:00:00' WHERE bango = '000000000000002'")
    assert await walk(vendor, ground) == [2]


async def test_without_a_cursor_every_walk_looks_at_all_rows(vendor: Vendor, ground: Ground) -> None:
    """Only news appear."""
    vendor.run(rows(1, 2, 3))
    assert await walk(vendor, ground, cursor="") == [1, 2, 3]
    vendor.run("UPDATE jumin SET kingaku = 7 WHERE bango = '000000000000001'")
    assert await walk(vendor, ground, cursor="") == [1]


async def test_a_walk_that_broke_goes_on_behind_its_last_page(
    vendor: Vendor, ground: Ground, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing twice, nothing left out."""
    vendor.run(rows(1, 2, 3, 4, 5))
    page, calls = ViewReader.page, []

    def breaks(self: ViewReader, *given: Any) -> Any:
        calls.append(1)
        if len(calls) == 2:
            raise AdapterError("CB6009")
        return page(self, *given)

    monkeypatch.setattr(ViewReader, "page", breaks)
    with pytest.raises(AdapterError):
        await walk(vendor, ground)
    assert await walk(vendor, ground) == [1, 2, 3, 4, 5]
    assert len(calls) == 4


@pytest.mark.parametrize(
    ("view", "key", "code"),
    [
        ("nazo", ["bango"], "CB6071"),
        ("v_jumin", ["nazo"], "CB6071"),
        ("v_jumin; DROP TABLE jumin", ["bango"], "CB6071"),
    ],
)
def test_a_view_or_column_that_is_not_there_is_said(vendor: Vendor, view: str, key: list[str], code: str) -> None:
    """And a name is never SQL."""
    database = vendor.database()
    with pytest.raises(AdapterError) as caught:
        ViewReader(database, view, key).page("", ())
    database.close()
    assert caught.value.code == code


def test_values_without_an_exact_text_are_refused(vendor: Vendor) -> None:
    """CB6065 for a float; for a key that is null, too."""
    kind = "REAL" if vendor.url.startswith("sqlite") else "DOUBLE PRECISION"
    vendor.run(f"CREATE TABLE f (k INTEGER, x {kind})", "INSERT INTO f VALUES (1, 0.1)")
    vendor.run("CREATE TABLE n (k INTEGER, x INTEGER)", "INSERT INTO n VALUES (NULL, 1)")
    database = vendor.database()
    for name in ("f", "n"):
        with pytest.raises(AdapterError) as caught:
            ViewReader(database, name, ["k"]).page("", ())
        assert caught.value.code == "CB6065"
    database.close()


def test_a_row_is_written_once_per_key(vendor: Vendor) -> None:
    """Again with the same values: no error; with others: CB6072. Types as the columns want them."""
    database = vendor.database(read_only=False)
    table = StagingTable(database, "uketsuke", "torihiki")
    row = {"bango": "000000000000001", "kingaku": "12.50", "hizuke": "2026-01-02"}
    table.write("k1", row)
    table.write("k1", row)
    with pytest.raises(AdapterError) as caught:
        table.write("k1", row | {"kingaku": "13.00"})
    assert caught.value.code == "CB6072"
    with vendor.owner.connect() as connection:
        assert connection.execute(sa.text("SELECT COUNT(*) FROM uketsuke")).scalar() == 1
    database.close()


@pytest.mark.parametrize(
    ("values", "code"),
    [
        ({"bango": "1", "kingaku": "-1"}, "CB6072"),
        ({"bango": ""}, "CB6072"),
        ({"bango": "1", "kingaku": "多い"}, "CB6072"),
        ({"bango": "1", "hizuke": "令和8年"}, "CB6072"),
        ({"bango": "1", "nazo": "1"}, "CB6071"),
    ],
)
def test_a_row_that_the_table_does_not_take_is_refused(vendor: Vendor, values: dict[str, str], code: str) -> None:
    """A rule, a missing value, a value of another type, a column that is not there."""
    database = vendor.database(read_only=False)
    with pytest.raises(AdapterError) as caught:
        StagingTable(database, "uketsuke", "torihiki").write("k", values)
    database.close()
    assert caught.value.code == code


def test_a_database_that_is_away_is_said_and_used_again(tmp_path: Path) -> None:
    """CB6009."""
    database = Database("sqlite:///nowhere/x.db", tmp_path)
    with pytest.raises(AdapterError) as caught:
        ViewReader(database, "v", ["k"]).page("", ())
    assert caught.value.code == "CB6009"
    database = Database(f"postgresql://u@127.0.0.1:{free_port()}/x", tmp_path)
    with pytest.raises(AdapterError) as caught:
        ViewReader(database, "v", ["k"]).page("", ())
    assert caught.value.code == "CB6009"


@pytest.mark.parametrize("url", ["postgresql://u:secret@h/d", "mysql://u@h/d", "nonsense", "oracle://u@h"])
def test_an_address_with_a_password_or_of_another_kind_is_refused(url: str, tmp_path: Path) -> None:
    """CB7001, and the password is not repeated."""
    with pytest.raises(ConfigurationError) as caught:
        _ = Database(url, tmp_path).engine
    assert caught.value.code == "CB7001"
    assert "secret" not in str(caught.value)
