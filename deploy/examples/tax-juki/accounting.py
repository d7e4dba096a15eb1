"""The count at the end: what was sent is delivered, parked or refused, and nothing took effect twice."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bus.journal.reader import SqliteReader

PAGE = 1000
KEYS = (
    "residents",
    "notices_sent",
    "notices_delivered",
    "inquiries",
    "inquiries_answered",
    "parked",
    "lost",
    "duplicates",
    "switch_differences",
)


def notices_by_state(journal: Path, operation: str) -> Counter[str]:
    """Deliveries of one operation by state, read from the journal."""
    states: Counter[str] = Counter()
    reader = SqliteReader(journal)
    before = ""
    while True:
        page = reader.search(operation=operation, before=before, limit=PAGE)
        states.update(str(row["state"]) for row in page)
        if len(page) < PAGE:
            return states
        before = str(page[-1]["delivery_id"])


@dataclass(slots=True)
class Account:
    """The figures of the last line, and what else must be right."""

    residents: int = 0
    notices_sent: int = 0
    notices_delivered: int = 0
    inquiries: int = 0
    inquiries_answered: int = 0
    parked: int = 0
    lost: int = 0
    duplicates: int = 0
    switch_differences: int = 0
    wrong_answers: int = 0
    after_switch: str = ""
    unfinished: int = 0

    def count(self, states: Mapping[str, int], adapters: Iterable[Mapping[str, Any]]) -> None:
        """Take in the journal's states of the notices and the adapters' own counts."""
        held = sum(int(one.get("held", 0)) + int(one.get("refused", 0)) for one in adapters)
        self.notices_delivered = states.get("DELIVERED", 0)
        self.parked = states.get("PARKED", 0) + held
        accounted = sum(states.values()) + held
        self.unfinished = accounted - self.notices_delivered - self.parked
        self.lost = max(0, self.notices_sent - accounted)
        self.duplicates += max(0, accounted - self.notices_sent)

    def line(self) -> dict[str, int]:
        """The figures of the last line."""
        return {key: getattr(self, key) for key in KEYS}

    def agrees(self) -> bool:
        """Whether everything was delivered once, answered rightly, and both ledgers agree."""
        return (
            self.notices_sent == self.notices_delivered > 0
            and self.inquiries == self.inquiries_answered
            and self.after_switch in {"00", "01"}
            and not (self.parked or self.lost or self.duplicates or self.switch_differences)
            and not (self.wrong_answers or self.unfinished)
        )
