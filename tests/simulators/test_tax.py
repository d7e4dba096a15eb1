"""The simulated tax systems: what they are given is what they hold, doubles are counted, files and REST are theirs."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from adapters.simulators import a_tax, b_tax
from adapters.simulators.a_tax import ATax, read_csv, write_csv
from adapters.simulators.b_tax import BTax, flatten
from adapters.simulators.income import income_of
from adapters.simulators.ledger import Ledger
from adapters.transports.file_drop import write_file
from tests.support.polling import until_async

TOKEN = "synthetic-token"
A_ROW = {"宛名番号": "000000000001015", "履歴番号": "1", "枝番号": "0", "名前１": "ソウム"}
B_ROW = {"宛名番号": "000000000001015", "履歴番号": "1", "氏名": {"氏名１": "そうむ"}}


async def _until(path: Path) -> None:
    await until_async(path.exists, what=path.name)


@pytest.fixture
async def system_a(tmp_path: Path) -> AsyncIterator[ATax]:
    """A社税, running."""
    made = ATax(tmp_path, "990019")
    ready = asyncio.Event()
    task = asyncio.create_task(a_tax.serve(made, lambda _: ready.set()))
    await asyncio.wait_for(ready.wait(), 10)
    yield made
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


@pytest.fixture
async def system_b(tmp_path: Path) -> AsyncIterator[BTax]:
    """B社税, running."""
    made = BTax(tmp_path, "990019", TOKEN)
    ready = asyncio.Event()
    task = asyncio.create_task(b_tax.serve(made, lambda _: ready.set()))
    await asyncio.wait_for(ready.wait(), 10)
    yield made
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def _panel(url: str, method: str, path: str, value: Any = None, token: str = TOKEN) -> tuple[int, Any]:
    headers = {"Authorization": f"Bearer {token}"}
    async with (
        aiohttp.ClientSession(url, headers=headers) as session,
        session.request(method, path, json=value) as done,
    ):
        return done.status, await done.json()


async def test_a_tax_applies_each_file_once(system_a: ATax) -> None:
    """The same name again is left alone; a record given in two files is a double effect and is counted."""
    columns = list(A_ROW)
    write_file(system_a.folder / "in", "IDO1.CSV", write_csv(columns, [A_ROW]))
    await _until(system_a.folder / "in/done/IDO1.CSV")
    write_file(system_a.folder / "in", "IDO1.CSV", write_csv(columns, [A_ROW]))
    await _until(system_a.folder / "in/done/IDO1.CSV.2")
    assert (await _panel(system_a.site.url, "GET", "/stats"))[1]["duplicates"] == 0
    write_file(system_a.folder / "in", "IDO2.CSV", write_csv(columns, [A_ROW]))
    await _until(system_a.folder / "in/done/IDO2.CSV")
    stats = (await _panel(system_a.site.url, "GET", "/stats"))[1]
    assert (stats["residents"], stats["effects"], stats["duplicates"]) == (1, 2, 1)


async def test_a_tax_gives_its_ledger_as_a_file_and_asks_by_files(system_a: ATax) -> None:
    """Ledger and inquiries are CP932 files with end marks; the answers are read from a file."""
    url = system_a.site.url
    write_file(system_a.folder / "in", "IDO1.CSV", write_csv(list(A_ROW), [A_ROW]))
    await _until(system_a.folder / "in/done/IDO1.CSV")
    told = (await _panel(url, "POST", "/daicho", {}))[1]
    assert read_csv((system_a.folder / "daicho" / told["file"]).read_bytes()) == [A_ROW]
    question = {"宛名番号": A_ROW["宛名番号"], "基準日": "R08.01.01"}
    answer = (await _panel(url, "POST", "/shokai", {"照会": [question]}))[1]["answer"]
    (asked,) = (system_a.folder / "shokai").glob("SHOKAI_*.CSV")
    assert read_csv(asked.read_bytes()) == [{"照会番号": "00000001", **question}]
    assert (await _panel(url, "GET", f"/kaito/{answer}"))[0] == 404
    write_file(system_a.folder / "kaito", answer, write_csv(["照会番号", "結果"], [{"照会番号": "1", "結果": "01"}]))
    assert (await _panel(url, "GET", f"/kaito/{answer}"))[1]["rows"] == [{"照会番号": "1", "結果": "01"}]


async def test_a_tax_answers_income_inquiries_by_files(system_a: ATax) -> None:
    """Both tax systems know the same synthetic income of a person."""
    request = {"依頼番号": "7", "宛名番号": "000000000001015", "課税年度": "2026"}
    write_file(system_a.folder / "shotoku", "SHOTOKU_1.CSV", write_csv(list(request), [request]))
    await _until(system_a.folder / "shotoku_kai/SHOTOKUKAI_1.CSV.END")
    (row,) = read_csv((system_a.folder / "shotoku_kai/SHOTOKUKAI_1.CSV").read_bytes())
    known = income_of("000000000001015", "2026")
    assert row["依頼番号"] == "7"
    assert row["結果"] == ("01" if known is None else "00")
    assert known is None or row["合計所得"] == str(known.total_income)


async def test_b_tax_holds_what_was_put_and_a_repeated_put_has_no_second_effect(system_b: BTax) -> None:
    """Documents are read back flat, in pages."""
    url, path = system_b.site.url, f"/api/v1/kojin/{B_ROW['宛名番号']}"
    for _ in range(2):
        assert (await _panel(url, "PUT", path, B_ROW))[0] == 200
    assert (await _panel(url, "PUT", path, B_ROW | {"履歴番号": "2"}))[0] == 200
    held = (await _panel(url, "GET", "/api/v1/kojin"))[1]
    assert held == {"kojin": [flatten(B_ROW) | {"履歴番号": "2"}], "next": ""}
    stats = (await _panel(url, "GET", "/stats"))[1]
    assert (stats["residents"], stats["effects"], stats["duplicates"]) == (1, 2, 0)


async def test_b_tax_refuses_strangers_and_documents_of_somebody_else(system_b: BTax) -> None:
    """401 without its token, 422 when number and document do not agree."""
    url = system_b.site.url
    assert (await _panel(url, "GET", "/stats", token="other"))[0] == 401
    assert (await _panel(url, "PUT", "/api/v1/kojin/000000000000001", B_ROW))[0] == 422


def test_a_ledger_keeps_what_it_holds_over_a_restart(tmp_path: Path) -> None:
    """SQLite on disk."""
    first = Ledger(tmp_path / "ledger.sqlite")
    assert first.apply("one", [A_ROW])
    first.close()
    again = Ledger(tmp_path / "ledger.sqlite")
    assert not again.apply("one", [A_ROW])
    assert list(again.rows()) == [A_ROW]
    assert again.versions() == {"000000000001015": "1"}
    again.close()
