"""A reference provider that is ready to answer at once: its schemas are compiled before anybody waits for it."""

from __future__ import annotations

from collections.abc import Iterable

from conformance.driver.cases import CASES
from conformance.driver.provider import first_inquiry
from conformance.mutants import peers
from conformance.oracle import Oracle
from conformance.peer import Peer
from schemas.model import Edition


def known_steps() -> tuple[str, ...]:
    """The steps that a peer can leave out."""
    return tuple(sorted({step for mutant in peers.load() for step in mutant.skips}))


def ready_peer(edition: Edition, unit: str, skips: Iterable[str] = ()) -> Peer:
    """The peer of a unit that leaves these steps out; it has answered once already, to nobody."""
    chosen = edition.units[unit]
    made = Peer(edition, chosen, frozenset(skips), Oracle(edition, chosen))
    base = first_inquiry(chosen)
    raw = CASES["base"](base) if base is not None else None
    if raw is not None:
        made.answer(raw)
    return made
