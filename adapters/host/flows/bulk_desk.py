"""The provider's side of bulk transfers: a consumer asks for one (一括依頼) and confirms what came (一括確認)."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from adapters.host.bulk_family import member
from adapters.host.compose import Composer
from adapters.host.flows.base import Environment, Reply, Request
from adapters.host.flows.file_to_bulk import FileToBulk
from adapters.host.identity import uuid_of
from adapters.host.store import bulk
from adapters.host.store.files import findings_json
from adapters.transports.file_drop import END_MARK, FileDrop, watch, write_file
from bus.core import log
from bus.core.datarules import standard_datetime
from bus.core.errors import AdapterError
from bus.core.types import Finding
from bus.wire import records

REQUEST_NAME = "CHUSHUTSU_{ikkatsuid}.REQ"
REQUEST_TEXT = "{shubetsu},{kijunnichiji},{zenkai_ikkatsuid}\r\n"
AGREES = "1"


@dataclass(slots=True)
class BulkDesk:
    """Answers the requests and confirmations of one family of bulk operations for its ``file-to-bulk`` flows.

    A request is handed to the vendor as a file in the flow's ``request_folder``; the extract comes back under a name
    that quotes the transfer's id and is then sent as this transfer.
    """

    family: str
    flows: Sequence[FileToBulk]
    environment: Environment
    composer: Composer
    operations: tuple[str, ...] = field(init=False)

    def __post_init__(self) -> None:
        self.operations = (member(self.family, "irai"), member(self.family, "kakunin"))

    async def run(self, stop: asyncio.Event) -> None:
        """Hand extracts to their flows one after the other, in the order in which the vendor made them."""
        async for _, path in watch(self._drops(), stop):
            owner = next(one for one in self.flows if one.drop.folder == path.parent and one.drop.owns(path.name))
            await owner.take(path)

    def _drops(self) -> list[FileDrop]:
        """One drop for each folder and end mark."""
        patterns: dict[tuple[Path, str], list[str]] = {}
        for flow in self.flows:
            patterns.setdefault((flow.drop.folder, flow.drop.end_mark), []).extend(flow.drop.patterns)
        return [FileDrop(folder, tuple(names), mark, by_time=True) for (folder, mark), names in patterns.items()]

    async def answer(self, request: Request) -> Reply:
        """Take a request for a transfer, or a confirmation of one."""
        values = records.from_element(request.payload)
        if request.operation.key == self.operations[0]:
            return await self._requested(request, values)
        return self._confirmed(request, values)

    async def _requested(self, request: Request, values: dict[str, str]) -> Reply:
        shubetsu = values["ikkatsu_shubetsu"]
        flow = next((one for one in self.flows if one.shubetsu == shubetsu and one.spec.text("request_folder")), None)
        if flow is None:
            finding = Finding(
                "CB6009", path="ikkatsu_shubetsu", name_ja="一括種別", expected="a flow with request_folder"
            )
            raise AdapterError("CB6010", [finding])
        # the same request always names the same transfer: a repeat after a crash asks the vendor once
        ikkatsuid = uuid_of("ikkatsu_irai", request.message_id)
        now = self.environment.clock.now()
        await self.environment.store.write(bulk.request, self.family, ikkatsuid, shubetsu, flow.id, now)
        text = {name: values.get(name, "") for name in ("kijunnichiji", "zenkai_ikkatsuid")}
        text |= {"ikkatsuid": ikkatsuid, "shubetsu": shubetsu}
        write_file(
            self.environment.path(flow.spec.text("request_folder")),
            flow.spec.text("request_name", REQUEST_NAME).format_map(text),
            flow.spec.text("request_text", REQUEST_TEXT).format_map(text).encode("ascii"),
            flow.spec.text("end_mark", END_MARK),
        )
        reply = {"ikkatsuid": ikkatsuid, "uketsuke_nichiji": standard_datetime(now)}
        return Reply(self.composer.payload(request.operation, values=reply, reply=True))

    def _confirmed(self, request: Request, values: dict[str, str]) -> Reply:
        ikkatsuid = values["ikkatsuid"]
        sent = bulk.find(self.environment.store.reader, self.family, ikkatsuid, bulk.OUT)
        if sent is None:
            # reading the extract and confirming it are far apart; a transfer nobody sent is the receiver's mistake
            raise AdapterError("CB6015", [Finding("CB6015", path="ikkatsuid", name_ja="一括ID")])
        findings = _differences(sent, values)
        agrees = values["kakuninkekka"] == AGREES and not findings
        code = "" if agrees else "CB6013"
        now = self.environment.clock.now()

        held = int(values["horyukensu"])

        def store(database: sqlite3.Connection) -> None:
            bulk.confirmed(
                database,
                self.family,
                ikkatsuid,
                request.sender,
                agrees=agrees,
                result=values["kakuninkekka"],
                held=held,
                code=code,
                detail=findings_json(findings),
                now=now,
            )

        def after() -> None:
            if agrees:
                log.line("bulk_agreed", ikkatsu_id=ikkatsuid, records=sent.records, held=held, sender=request.sender)
            else:
                log.warn("bulk_differs", code=code, ikkatsu_id=ikkatsuid, records=sent.records, sender=request.sender)

        receipt = self.composer.receipt(request.operation, request.message_id, self.environment.ids.exchange())
        return Reply(receipt, store=store, after=after)


def _differences(sent: bulk.Transfer, values: dict[str, str]) -> list[Finding]:
    """What the receiver counted otherwise. Item names are the standard's; digests are no personal data."""
    pairs = (
        ("sokensu", "総件数", str(sent.records), values["sokensu"]),
        ("kagidaijesuto", "鍵集合ダイジェスト", sent.totals.keys, values["kagidaijesuto"]),
    )
    return [
        Finding("CB6013", path=name, name_ja=name_ja, expected=expected, got=got)
        for name, name_ja, expected, got in pairs
        if expected != got
    ]
