"""bus-to-table: received records stand in the vendor's staging table, each once, whatever breaks."""

from __future__ import annotations

import sqlite3

import pytest

from adapters.codecs import load_layout
from adapters.transports.table import StagingTable
from bus.core.errors import AdapterError
from schemas.model import Edition
from tests.host.place import Caller, Place
from tests.host.soap_world import vendor
from tests.support.polling import until_async
from tests.support.residents import ATENABANGO, message, resident

pytestmark = pytest.mark.slow

FLOW = """
[[flow]]
id = "jumin"
kind = "bus-to-table"
operations = ["juki.ido_tsuchi", "juki.ikkatsu_soshin"]
address = "db"
table = "uketsuke"
key_column = "torihiki"
columns = { "宛名番号" = "atena" }
layout = "layout/jumin.toml"
mapping = "mapping/jumin.toml"
"""


async def test_records_become_rows_once(place: Place, edition: Edition, monkeypatch: pytest.MonkeyPatch) -> None:
    """Written, then the answer lost: written again under its key it changes nothing."""
    folder = vendor(place.folder / "vendor", "b/kojinjuminzei", FLOW)
    layout = load_layout(folder / "layout" / "jumin.toml")
    assert layout is not None
    names = ["atena" if one.name == "宛名番号" else one.name for one in layout.items]
    database = sqlite3.connect(place.folder / "vendor.db")
    columns = ",".join(f'"{name}" TEXT' for name in names)
    database.execute(f"CREATE TABLE uketsuke (torihiki TEXT PRIMARY KEY, {columns})")
    place.settings["b-tax"] |= {"definition": "vendor", "db": "sqlite:///vendor.db"}
    write, lost = StagingTable.write, []

    def loses_the_first_answer(self: StagingTable, key: str, values: dict[str, str]) -> None:
        write(self, key, values)
        if not lost:
            lost.append(key)
            raise AdapterError("CB6009")

    monkeypatch.setattr(StagingTable, "write", loses_the_first_answer)
    async with place.running("b-tax") as host:
        for number in (1, 2):
            row = resident(rirekibango=str(number))
            await Caller(host).post(message(edition, "juki.ido_tsuchi", row, f"urn:uuid:{number}"))
        await until_async(lambda: place.status("b-tax")["received"].get("done") == 2, within_s=20)
    found = database.execute('SELECT atena, "履歴番号" FROM uketsuke ORDER BY rowid').fetchall()
    database.close()
    assert found == [(ATENABANGO, "1"), (ATENABANGO, "2")]
    assert len(lost) == 1
