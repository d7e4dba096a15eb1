"""Retention as operators see it: what the rules are, what is there and how old it is, what was removed so far."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from bus.core.keeping import RetentionSettings
from bus.core.ports import Clock
from bus.journal.side import Side
from bus.journal.upkeep.retention import Piece, Retention
from bus.journal.upkeep.signing import Signer

_OLDEST: Final = {
    "payload": "SELECT e.received_at FROM body b JOIN exchange e ON e.n = b.n ORDER BY b.n LIMIT 1",
    "metadata": "SELECT received_at FROM exchange ORDER BY n LIMIT 1",
    "audit": "SELECT at FROM audit ORDER BY n LIMIT 1",
}
_REMOVED: Final = (
    "SELECT kind, count(*), sum(number), sum(bytes), max(at), min(first_at), max(last_at) FROM removal"
    " GROUP BY kind ORDER BY kind"
)
REMOVED: Final = ("kind", "pieces", "number", "bytes", "last_run", "first_at", "last_at")


def _nobody(piece: Piece) -> None:
    """Where nobody wants to hear of progress."""
    del piece


class RetentionDesk:
    """A connection beside the bus with the rules of the site."""

    def __init__(
        self, side: Side, settings: RetentionSettings, clock: Clock, actor: str, signer: Signer | None
    ) -> None:
        self._side = side
        self._settings = settings
        self._clock = clock
        self._actor = actor
        self._signer = signer

    def close(self) -> None:
        """Close the connection."""
        self._side.close()

    @property
    def settings(self) -> RetentionSettings:
        """The rules."""
        return self._settings

    def oldest(self) -> dict[str, float]:
        """When the oldest of each kind was received or written; 0.0 where there is none."""
        rows = {kind: self._side.database.execute(query).fetchone() for kind, query in _OLDEST.items()}
        return {kind: float(row[0]) if row else 0.0 for kind, row in rows.items()}

    def removed(self) -> list[dict[str, Any]]:
        """What all runs removed, by kind."""
        rows = self._side.database.execute(_REMOVED).fetchall()
        return [dict(zip(REMOVED, tuple(row), strict=True)) for row in rows]

    def retention(self, told: Callable[[Piece], object] = _nobody) -> Retention:
        """A run; ``told`` hears of every piece."""
        return Retention(
            self._side,
            self._settings,
            self._clock,
            actor=self._actor,
            signer=self._signer,
            told=told,
        )
