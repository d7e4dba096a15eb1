"""B社 個人住民税 (simulated): a REST/JSON system. It is written to by PUT, read back by GET, and asks by POST.

All data is synthetic.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from aiohttp import web

from adapters.simulators.income import income_of
from adapters.simulators.ledger import Ledger
from adapters.transports.rest import HttpSite, RestClient, bearer, guard, json_object, json_reply
from bus.core.errors import AdapterError

PAGE = 500
REALM = "B-kojinjuminzei"


def flatten(document: Mapping[str, Any]) -> dict[str, str]:
    """A person document as flat items (groups joined by ``.``)."""
    flat: dict[str, str] = {}
    for name, value in document.items():
        if isinstance(value, Mapping):
            flat |= {f"{name}.{inner}": text for inner, text in flatten(value).items()}
        else:
            flat[name] = str(value)
    return flat


@dataclass(slots=True)
class BTax:
    """The system. ``token`` is asked of every caller; ``adapter`` and ``adapter_token`` are where it asks."""

    folder: Path
    municipality: str
    token: str = field(repr=False)
    port: int = 0
    adapter: str = ""
    adapter_token: str = field(repr=False, default="")
    ledger: Ledger = field(init=False)
    site: HttpSite = field(init=False)

    def __post_init__(self) -> None:
        self.ledger = Ledger(self.folder / "ledger.sqlite")
        app = web.Application(middlewares=[guard(bearer(self.token), realm=REALM)], client_max_size=1 << 20)
        app.add_routes(
            [
                web.put("/api/v1/kojin/{number}", self._put),
                web.get("/api/v1/kojin", self._list),
                web.get("/api/v1/shotoku/{number}/{year}", self._income),
                web.get("/stats", self._stats),
                web.get("/versions", self._versions),
                web.post("/shokai", self._ask),
            ]
        )
        self.site = HttpSite(app, port=self.port)

    async def _put(self, request: web.Request) -> web.Response:
        document = await json_object(request)
        number = request.match_info["number"]
        if document.get("宛名番号") != number or not document.get("履歴番号"):
            return json_reply({"error": "宛名番号・履歴番号"}, status=422)
        self.ledger.put(flatten(document))
        return json_reply({"受付": number})

    async def _list(self, request: web.Request) -> web.Response:
        rows = list(self.ledger.rows(request.query.get("after", ""), PAGE))
        return json_reply({"kojin": rows, "next": rows[-1]["宛名番号"] if len(rows) == PAGE else ""})

    async def _income(self, request: web.Request) -> web.Response:
        number, year = request.match_info["number"], request.match_info["year"]
        found = income_of(number, year)
        if found is None:
            return json_reply({}, status=404)
        return json_reply(
            {
                "団体コード": self.municipality,
                "宛名番号": number,
                "課税年度": year,
                "履歴番号": "1",
                "申告": "有",
                "登録外": "無",
                "区分": "課税" if found.taxable else "非課税",
                "所得": {
                    "給与収入": str(found.salary),
                    "給与": str(found.salary_income),
                    "合計": str(found.total_income),
                    "総所得等": str(found.total_income),
                },
                "控除": {"社会保険料": str(found.social_insurance)},
                "税額": {
                    "課税標準": str(found.taxable),
                    "市所得割": str(found.city_income_levy),
                    "市均等割": str(found.city_flat_levy),
                    "県所得割": str(found.prefecture_income_levy),
                    "県均等割": str(found.prefecture_flat_levy),
                },
            }
        )

    async def _stats(self, _request: web.Request) -> web.Response:
        return json_reply(self.ledger.stats())

    async def _versions(self, _request: web.Request) -> web.Response:
        return json_reply(self.ledger.versions())

    async def _ask(self, request: web.Request) -> web.Response:
        questions: list[dict[str, str]] = (await json_object(request))["照会"]
        client = RestClient(self.adapter, bearer(self.adapter_token), deadline_s=60.0)
        try:
            answers = [await self._question(client, one) for one in questions]
        finally:
            await client.close()
        return json_reply({"rows": answers})

    async def _question(self, client: RestClient, question: dict[str, str]) -> dict[str, Any]:
        try:
            reply = await client.request("POST", "/api/v1/juki/shokai", question)
        except AdapterError as error:
            return {"結果": error.code}
        return reply.value if isinstance(reply.value, dict) else {"結果": str(reply.status)}


async def serve(system: BTax, announce: Callable[[Mapping[str, str]], None]) -> None:
    """Serve until cancelled."""
    await system.site.start()
    announce({"panel": system.site.url})
    try:
        await asyncio.Event().wait()
    finally:
        await system.site.stop()
        system.ledger.close()
