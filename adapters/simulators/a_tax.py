"""A社 個人住民税 (simulated): takes delimited files from a folder, asks by files, gives its ledger as a file.

Its folder: ``in/`` files from the adapter, ``shokai/`` its own inquiries, ``kaito/`` the answers, ``daicho/`` ledger
extracts on request, ``shotoku/`` and ``shotoku_kai/`` income inquiries and their answers. Every file is complete
when its ``.END`` mark is there. All data is synthetic.
"""

from __future__ import annotations

import asyncio
import csv
import io
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from aiohttp import web

from adapters.simulators.income import income_of
from adapters.simulators.ledger import Ledger
from adapters.transports.file_drop import END_MARK, FileDrop, write_file
from adapters.transports.rest import HttpSite, json_object, json_reply

ENCODING = "cp932"
POLL_S = 0.05
SHOKAI_COLUMNS = ("照会番号", "宛名番号", "基準日")
SHOTOKU_COLUMNS = (
    "依頼番号", "結果", "団体コード", "宛名番号", "課税年度", "履歴番号", "申告有無", "登録外課税", "課税区分",
    "給与収入", "給与所得", "合計所得", "総所得等", "社保控除",
    "課税標準", "市所得割", "市均等割", "県所得割", "県均等割",
)  # fmt: skip


def read_csv(data: bytes) -> list[dict[str, str]]:
    """Rows of one of A's files: CP932 with its user area, a line of column names, CRLF."""
    return list(csv.DictReader(io.StringIO(data.decode(ENCODING), newline="")))


def write_csv(columns: Sequence[str], rows: Iterable[Mapping[str, str]]) -> bytes:
    """The inverse of ``read_csv``."""
    out = io.StringIO(newline="")
    writer = csv.DictWriter(out, columns, lineterminator="\r\n")
    writer.writeheader()
    writer.writerows(rows)
    return out.getvalue().encode(ENCODING)


@dataclass(slots=True)
class ATax:
    """The system: ``run`` until cancelled; ``site`` is its operator's panel (JSON over HTTP, loopback only)."""

    folder: Path
    municipality: str
    port: int = 0
    ledger: Ledger = field(init=False)
    site: HttpSite = field(init=False)
    _columns: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.ledger = Ledger(self.folder / "ledger.sqlite")
        app = web.Application()
        app.add_routes(
            [
                web.get("/stats", self._stats),
                web.get("/versions", self._versions),
                web.post("/shokai", self._shokai),
                web.get("/kaito/{name}", self._kaito),
                web.post("/daicho", self._daicho),
            ]
        )
        self.site = HttpSite(app, port=self.port)

    async def run(self) -> None:
        """Take files as they come."""
        incoming = FileDrop(self.folder / "in", ("*.CSV",))
        income = FileDrop(self.folder / "shotoku", ("*.CSV",))
        while True:
            worked = False
            for path in incoming.complete():
                self._take(incoming.read(path), path.name)
                incoming.finish(path)
                worked = True
            for path in income.complete():
                self._answer_income(income.read(path), path.name)
                income.finish(path)
                worked = True
            await asyncio.sleep(0 if worked else POLL_S)

    def _take(self, data: bytes, name: str) -> None:
        rows = read_csv(data)
        self.ledger.apply(name, rows)

    def _answer_income(self, data: bytes, name: str) -> None:
        answers = [self._income_row(row) for row in read_csv(data)]
        write_file(
            self.folder / "shotoku_kai", name.replace("SHOTOKU", "SHOTOKUKAI"), write_csv(SHOTOKU_COLUMNS, answers)
        )

    def _income_row(self, row: Mapping[str, str]) -> dict[str, str]:
        found = income_of(row["宛名番号"], row["課税年度"])
        head = {"依頼番号": row["依頼番号"], "宛名番号": row["宛名番号"], "課税年度": row["課税年度"]}
        if found is None:
            return head | {"結果": "01"}
        figures = (
            found.salary, found.salary_income, found.total_income, found.total_income, found.social_insurance,
            found.taxable, found.city_income_levy, found.city_flat_levy, found.prefecture_income_levy,
            found.prefecture_flat_levy,
        )  # fmt: skip
        fixed = (
            "00",
            self.municipality,
            row["宛名番号"],
            row["課税年度"],
            "1",
            "1",
            "0",
            "K" if found.taxable else "H",
        )
        return dict(zip(SHOTOKU_COLUMNS, (row["依頼番号"], *fixed, *map(str, figures)), strict=True))

    async def _stats(self, _request: web.Request) -> web.Response:
        return json_reply(self.ledger.stats())

    async def _versions(self, _request: web.Request) -> web.Response:
        return json_reply(self.ledger.versions())

    async def _shokai(self, request: web.Request) -> web.Response:
        rows: list[dict[str, Any]] = (await json_object(request))["照会"]
        taken = len(list((self.folder / "shokai").glob("**/SHOKAI_*.CSV")))
        name = f"SHOKAI_{taken + 1:06d}.CSV"
        numbered = [{"照会番号": f"{number:08d}", **row} for number, row in enumerate(rows, 1)]
        write_file(self.folder / "shokai", name, write_csv(SHOKAI_COLUMNS, numbered))
        return json_reply({"answer": name.replace("SHOKAI", "KAITO")})

    async def _kaito(self, request: web.Request) -> web.Response:
        name = request.match_info["name"]
        drop = FileDrop(self.folder / "kaito", (name,))
        for path in drop.complete():
            return json_reply({"rows": read_csv(drop.read(path))})
        return json_reply({}, status=404)

    async def _daicho(self, _request: web.Request) -> web.Response:
        rows = list(self.ledger.rows())
        number = len(list((self.folder / "daicho").glob("DAICHO_*.CSV"))) + 1
        columns = list(rows[0]) if rows else ["宛名番号"]
        path = write_file(self.folder / "daicho", f"DAICHO_{number:06d}.CSV", write_csv(columns, rows), END_MARK)
        return json_reply({"file": path.name, "records": len(rows)})


async def serve(system: ATax, announce: Callable[[Mapping[str, str]], None]) -> None:
    """Start the panel and take files until cancelled."""
    await system.site.start()
    announce({"panel": system.site.url})
    try:
        await system.run()
    finally:
        await system.site.stop()
        system.ledger.close()
