"""The count at the end: what was sent is delivered, parked or refused, and nothing took effect twice."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bus.app.stores import open_reader
from bus.core.config import load_site

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


def notices_by_state(site: Path, operation: str) -> Counter[str]:
    """Deliveries of one operation by state, read from the journal of this site folder, on whatever engine it is."""
    states: Counter[str] = Counter()
    reader = open_reader(load_site(site))
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

    def complaints(self) -> list[str]:
        """What does not agree, one line each; empty when everything was delivered once and is the same everywhere."""
        checks = (
            (self.notices_sent == self.notices_delivered > 0, "通知が届いていません / notices not delivered"),
            (self.inquiries == self.inquiries_answered, "回答のない照会があります / inquiries without answer"),
            (not self.wrong_answers, f"回答が住基と違います / wrong answers: {self.wrong_answers}"),
            (self.after_switch in {"00", "01"}, "乗換え後の照会ができません / no answer after the switch"),
            (not self.parked, f"保留があります / parked: {self.parked}"),
            (not self.unfinished, f"終わっていません / unfinished: {self.unfinished}"),
            (not self.lost, f"失われました / lost: {self.lost}"),
            (not self.duplicates, f"二重に作用しました / took effect twice: {self.duplicates}"),
            (not self.switch_differences, f"台帳が違います / ledgers differ: {self.switch_differences}"),
        )
        return [text for right, text in checks if not right]
