"""bus-to-table: received records become rows of a staging table of the vendor's database, each under its own key."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import msgspec

from adapters.host.flows.pushing import PushingFlow, key_of
from adapters.host.flows.table_access import database
from adapters.host.store.received import Waiting

if TYPE_CHECKING:
    from adapters.transports.table import Database, StagingTable


@dataclass(slots=True)
class BusToTable(PushingFlow):
    """One flow of kind ``bus-to-table``. Items are columns of the same name unless ``columns`` says another one."""

    _database: Database = field(init=False)
    _table: StagingTable = field(init=False)
    _columns: dict[str, str] = field(init=False)

    def prepare(self, concurrency: int) -> None:
        """The database and its table."""
        from adapters.transports.table import StagingTable  # noqa: PLC0415 (SQLAlchemy only where it is used)

        self._database = database(self.spec, self.environment, read_only=False)
        self._table = StagingTable(self._database, self.spec.text("table"), self.spec.text("key_column"))
        self._columns = {str(name): str(column) for name, column in self.spec.keys.get("columns", {}).items()}

    def pack(self, items: dict[str, str], raw: bytes) -> tuple[bytes, str]:
        """The row's values by column."""
        return msgspec.json.encode({self._columns.get(name, name): text for name, text in items.items()}), ""

    async def call(self, row: Waiting) -> None:
        """Write one row; one that is there already under its key with the same values was written before."""
        values = msgspec.json.decode(row.payload, type=dict[str, str])
        await asyncio.to_thread(self._table.write, key_of(row), values)

    async def close(self) -> None:
        """Close the connections."""
        await asyncio.to_thread(self._database.close)
