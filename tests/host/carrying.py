"""A transport of files between a directory that plays the vendor's place and a local folder, without an adapter."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

from adapters.host.carriers.fetch import FolderFetch
from adapters.host.carriers.send import FolderSend
from adapters.host.definition import FlowSpec
from adapters.host.flows.base import Environment
from adapters.host.store import Store


@dataclass(slots=True)
class HandClock:
    """A clock that is set by hand."""

    seconds: float = 1_000_000.0

    def now(self) -> float:
        """Seconds since the epoch."""
        return self.seconds

    def monotonic(self) -> float:
        """The same."""
        return self.seconds


@dataclass(slots=True)
class Ground:
    """The vendor's directory ``there``, the local folder ``here`` and what a transport needs of its adapter."""

    folder: Path
    store: Store
    clock: HandClock = field(default_factory=HandClock)

    @property
    def there(self) -> Path:
        """The vendor's directory."""
        return self.folder / "there"

    @property
    def here(self) -> Path:
        """The local folder."""
        return self.folder / "here"

    def environment(self, **settings: str) -> Environment:
        """What a transport may use; only what it does use exists."""
        known = {"address": "there", "folder": "here"} | settings
        return cast(
            Environment,
            SimpleNamespace(
                store=self.store,
                clock=self.clock,
                folder=self.folder,
                setting=lambda key: known[key],
                path=lambda key: self.folder / known[key],
            ),
        )

    def spec(self, kind: str, **keys: Any) -> FlowSpec:
        """A declaration."""
        named = {"address": "address", "folder": "folder", "pattern": "*.DAT"} | keys
        return FlowSpec(kind, kind, self.folder, named)

    def fetch(self, **keys: Any) -> FolderFetch:
        """A transport towards the adapter."""
        return FolderFetch(self.spec("objects-fetch", **keys), self.environment())

    def send(self, **keys: Any) -> FolderSend:
        """A transport towards the vendor."""
        return FolderSend(self.spec("objects-send", **keys), self.environment())


async def once(carrier: FolderFetch | FolderSend) -> bool:
    """One round."""
    return await carrier.round(asyncio.Event())


def names(folder: Path) -> list[str]:
    """What a folder shows, hidden files included, in order."""
    return sorted(path.name for path in folder.iterdir())
