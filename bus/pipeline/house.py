"""The house: the ports and the tables that the steps work with; a reload replaces it as a whole."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

from bus.core import log
from bus.core.ports import Clock, Ids, Journal, Outbox, Sender
from bus.core.sequences import Acknowledger, SequenceKey
from bus.core.settings import Site
from bus.core.types import Package
from bus.pipeline.tables import Contract, Tables, build_tables
from bus.pipeline.turns import Turns
from schemas.model import Edition


def _leave(package: Package) -> None:
    """Where there is no folder of segments, nothing has to go."""


class Nobody:
    """Where sequences are not kept, nobody has to be told elsewhere."""

    __slots__ = ()

    def tell(self, key: SequenceKey, fault: bytes = b"") -> None:
        """Nothing."""


@dataclass(frozen=True, slots=True)
class House:
    """Everything a step may use. ``log`` writes one line: event name, then fields of ``bus.core.log_keys``.

    ``discard`` removes the segment of a package that no row holds. ``turns`` is kept over
    reloads: who waits for whom in a sequence. ``acknowledger`` is for sequences that are acknowledged elsewhere.
    """

    tables: Tables
    journal: Journal
    sender: Sender
    outbox: Outbox
    clock: Clock
    ids: Ids
    log: Callable[..., None] = log.line
    discard: Callable[[Package], None] = _leave
    turns: Turns = field(default_factory=Turns)
    acknowledger: Acknowledger = field(default_factory=Nobody)

    def reloaded(self, site: Site, edition: Edition, contracts: Mapping[str, Contract]) -> House:
        """The same ports with the tables of another state of the site folder."""
        return replace(self, tables=build_tables(site, edition, contracts))
