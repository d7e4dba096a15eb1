"""rest-to-bus: the vendor asks through the adapter's own REST face; the bus's answer goes back as JSON.

Answer: ``{"結果": "00" | "01" | <code>, "明細": [records]}`` and status 200;
400 for a wrong question, 502 for other errors.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

import msgspec
from aiohttp import web

from adapters.host.flows.base import WiredFlow
from adapters.host.flows.inquiries import Inquiries, Outcome
from adapters.host.flows.rest_access import credential
from adapters.transports.rest import authorised, json_reply
from bus.core import log
from bus.core.errors import AdapterError, error_entry


@dataclass(slots=True)
class RestToBus(WiredFlow):
    """One flow of kind ``rest-to-bus``."""

    _inquiries: Inquiries = field(init=False)
    _credential: str = field(init=False, repr=False)

    def __post_init__(self) -> None:
        self._inquiries = Inquiries(self.spec, self.environment, self.composer)
        self._credential = credential(self.spec, self.environment)
        self.environment.web.append(("POST", self.spec.text("path"), self.handle))

    async def run(self, stop: asyncio.Event) -> None:
        """The face serves while the process runs."""
        await stop.wait()

    async def handle(self, request: web.Request) -> web.Response:
        """One question of the vendor."""
        if self._credential and not authorised(request.headers.get("Authorization", ""), self._credential):
            return self._reply(Outcome(code="CB2001"), 401)
        try:
            record = self._inquiries.asked().decode(await request.read(), self.spec.id, 1)
        except AdapterError as error:
            return self._reply(Outcome(code=error.code, findings=error.findings), 400)
        outcome = await self._inquiries.ask(record)
        status = 200 if not outcome.code else 400 if outcome.code.startswith("E0") else 502
        log.line("inquiry_answered", flow=self.id, operation=self._inquiries.operation.key, code=outcome.code)
        return self._reply(outcome, status)

    def _reply(self, outcome: Outcome, status: int) -> web.Response:
        encode = self._inquiries.told().encode
        answer: dict[str, object] = {}
        code_field = self.spec.text("code_field")
        result = outcome.result
        if code_field:
            answer[code_field] = outcome.code
            result = "90" if outcome.code else result
        answer = {self.spec.text("result_field", "結果"): result, **answer}
        if outcome.code:
            entry = error_entry(outcome.code)
            answer["理由"] = entry.title_ja
            answer["対処"] = entry.action_ja
            answer["指摘"] = [one.as_dict() for one in outcome.findings]
        items = [msgspec.Raw(encode(row)) for row in outcome.rows]
        answer[self.spec.text("items_field", "明細")] = items
        headers = {"WWW-Authenticate": 'Basic realm="chiikibus"'} if status == 401 else None
        return json_reply(answer, status, headers)
