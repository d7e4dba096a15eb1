"""table-fetch: the rows of a vendor's database view become files of a local folder, each row once per content.

A walk goes from the highest ``cursor`` of the last one (that value included) to the end, by keyset; without ``cursor``
it goes over all rows. Rows that are known by key and digest are left out.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import msgspec

from adapters.host.carriers.base import Carrier
from adapters.host.carriers.spool import Spool
from adapters.host.flows.table_access import database
from adapters.transports.file_drop import END_MARK
from adapters.transports.rest_pages import digest_of
from bus.core import log

if TYPE_CHECKING:
    from adapters.transports.table import Database, ViewReader


class Place(msgspec.Struct):
    """How far was read: ``since`` of the walk, where its last page ended, the highest cursor met in it."""

    since: str = ""
    place: list[str] = []
    high: str = ""


@dataclass(slots=True)
class TableFetch(Carrier):
    """One transport of kind ``table-fetch``."""

    spool: Spool = field(init=False)
    _database: Database = field(init=False)
    _reader: ViewReader = field(init=False)

    def prepare(self) -> None:
        """The database and the folder."""
        from adapters.transports.table import ViewReader  # noqa: PLC0415 (SQLAlchemy only where it is used)

        self._database = database(self.spec, self.environment, read_only=True)
        key = [str(one) for one in self.spec.keys["key"]]
        limit = int(self.spec.number("page_rows", 1000))
        self._reader = ViewReader(self._database, self.spec.text("view"), key, self.spec.text("cursor"), limit)
        end_mark = self.spec.text("end_mark", END_MARK)
        folder = self.environment.path(self.spec.text("folder"))
        self.spool = Spool(self.id, self.environment, folder, self.spec.text("file_name"), end_mark)

    async def close(self) -> None:
        """Close the connections."""
        await asyncio.to_thread(self._database.close)

    async def round(self, stop: asyncio.Event) -> bool:
        """One walk over the view; never at once again."""
        await self.spool.mend()
        while not stop.is_set() and await self._page():
            pass
        return False

    async def _page(self) -> bool:
        """Read one page; whether another may follow."""
        value, _ = self.spool.state()
        place = msgspec.json.decode(value, type=Place) if value else Place()
        rows = await asyncio.to_thread(self._reader.page, place.since, place.place)
        found = {row.key: digest_of(row.line) for row in rows}
        lines = {row.key: row.line for row in rows}
        news = self.spool.news(found)
        data = b"".join(line + b"\n" for key, line in lines.items() if key in news)
        more = len(rows) == self._reader.limit
        high = rows[-1].cursor if rows else place.high
        after = Place(place.since, list(rows[-1].place), high) if more else Place(high or place.since)
        digests = {key: found[key] for key in news}
        name = await self.spool.keep(data, msgspec.json.encode(after).decode("utf-8"), digests)
        if name:
            log.line("transport_fetched", flow=self.id, file=name, records=len(news))
        return more
