"""The files of a site folder as read, before they are checked against each other."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from bus.core.config.files import Entry, SiteFile
from bus.core.settings import AdapterSpec
from bus.core.types import Endpoint, Right, Route
from schemas.model import Edition


@dataclass(frozen=True, slots=True)
class Parts:
    """All files of a site folder as read."""

    folder: Path
    edition: Edition
    site: SiteFile
    adapters: tuple[Entry[AdapterSpec], ...]
    endpoints: tuple[Entry[Endpoint], ...]
    routes: tuple[Entry[Route], ...]
    rights: tuple[Entry[Right], ...]

    def endpoint_ids(self, municipality: str) -> list[str]:
        """The endpoint ids of a municipality."""
        return [entry.value.id for entry in self.endpoints if entry.value.municipality == municipality]

    def endpoint(self, municipality: str, endpoint_id: str) -> Endpoint | None:
        """An endpoint by municipality and id."""
        for entry in self.endpoints:
            if entry.value.municipality == municipality and entry.value.id == endpoint_id:
                return entry.value
        return None
