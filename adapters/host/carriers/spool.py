"""Records that were asked for become numbered files of a folder, so that a break between any two steps shows nothing.

A file is written without its end mark; how far was read and what was read is noted in one commit with the file's
number; only then does the end mark appear. A file without end mark whose number is noted gets it at the next start.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from adapters.host.flows.base import Environment
from adapters.host.store import carried
from adapters.transports.file_drop import write_data, write_end_mark
from adapters.transports.place import safe_name
from bus.core.errors import ConfigurationError
from bus.core.types import Finding


@dataclass(frozen=True, slots=True)
class Spool:
    """The folder of one transport. ``file_name`` has a place ``{number}``, as in ``JUMIN_{number:010d}.json``."""

    transport: str
    environment: Environment
    folder: Path
    file_name: str
    end_mark: str

    def __post_init__(self) -> None:
        """Raise ConfigurationError CB6008 unless every number gives a file name of its own."""
        try:
            good = self.name(1) != self.name(2) and safe_name(self.name(1))
        except (KeyError, IndexError, ValueError):
            good = False
        if not good:
            finding = Finding("CB6008", path=f"transport.{self.transport}.file_name", expected="a name with {number}")
            raise ConfigurationError("CB6008", [finding])

    def state(self) -> tuple[str, int]:
        """How far was read, and the number of the last file."""
        return carried.cursor(self.environment.store.reader, self.transport)

    def name(self, number: int) -> str:
        """The name of a file."""
        return self.file_name.format(number=number)

    async def mend(self) -> None:
        """After a crash: the last file is noted, and may lack its end mark. One that is gone was taken."""
        _, number = self.state()
        name = self.name(number)
        if number and (self.folder / name).exists():
            await asyncio.to_thread(write_end_mark, self.folder, name, self.end_mark)

    async def keep(self, data: bytes, value: str, digests: Mapping[str, str]) -> str:
        """Store what was read up to ``value`` as the next file, none when ``data`` is empty; the file's name."""
        _, number = self.state()
        name = ""
        if data:
            number += 1
            name = self.name(number)
            await asyncio.to_thread(write_data, self.folder, name, data)
        await self.note(value, number, digests)
        if name:
            await asyncio.to_thread(write_end_mark, self.folder, name, self.end_mark)
        return name

    async def note(self, value: str, number: int, digests: Mapping[str, str]) -> None:
        """Note how far was read."""
        now = self.environment.clock.now()
        await self.environment.store.write(carried.advance, self.transport, value, number, digests, now)

    def news(self, found: Mapping[str, str]) -> set[str]:
        """Which of these keys are new or have another digest than when they were read last."""
        known = carried.known(self.environment.store.reader, self.transport, found)
        return {key for key, digest in found.items() if known.get(key) != digest}
