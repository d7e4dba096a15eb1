"""The files of a site folder as read, before they are checked against each other."""

from __future__ import annotations

from dataclasses import dataclass, field
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

    _ids: dict[str, list[str]] = field(init=False, repr=False, compare=False)
    _named: dict[tuple[str, str], Endpoint] = field(init=False, repr=False, compare=False)
    _holders: dict[tuple[str, str], list[str]] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        """Index them: a site of many municipalities asks for every name many times."""
        ids: dict[str, list[str]] = {}
        named: dict[tuple[str, str], Endpoint] = {}
        holders: dict[tuple[str, str], list[str]] = {}
        for entry in self.endpoints:
            ids.setdefault(entry.value.municipality, []).append(entry.value.id)
            named.setdefault((entry.value.municipality, entry.value.id), entry.value)
        for held in self.rights:
            holders.setdefault((held.value.municipality, held.value.operation), []).append(held.value.endpoint)
        for name, index in (("_ids", ids), ("_named", named), ("_holders", holders)):
            object.__setattr__(self, name, index)

    def endpoint_ids(self, municipality: str) -> list[str]:
        """The endpoint ids of a municipality."""
        return self._ids.get(municipality, [])

    def endpoint(self, municipality: str, endpoint_id: str) -> Endpoint | None:
        """An endpoint by municipality and id; the first of that name."""
        return self._named.get((municipality, endpoint_id))

    def holders(self, municipality: str, operation: str) -> list[str]:
        """The ids of endpoints with a right to an operation, in the order of the rights."""
        return self._holders.get((municipality, operation), [])
