"""A year of the nation as a table, and towns with all 22 systems to play a small part of it on. All data synthetic.

What is assumed is in ``year.csv`` (messages per 1,000 residents and year) and in ``SEASONS`` and ``DAY``; nothing of it
is a statistic of anybody. Which system hears of what is not assumed: it is the edition's table of flows.
"""

from __future__ import annotations

import csv
import secrets
import sys
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from random import Random
from typing import Final

from conformance import payloads
from harness.messages import KB, Messages, Pair
from schemas.catalog import load_edition
from schemas.model import Edition

HERE: Final = Path(__file__).resolve().parent
sys.path.append(str(HERE.parents[1] / "examples/town"))
import plan  # noqa: E402 - the example town's table of who sends what to whom, found through the path above

RESIDENTS: Final = 124_000_000
MUNICIPALITIES: Final = 1_724
WORKING_DAYS: Final = 20
SEASONS: Final[Mapping[str, tuple[float, ...]]] = {
    "office": (9, 9, 11, 11, 9, 9, 8, 7, 7, 7, 7, 6),
    "moving": (6, 6, 20, 22, 8, 6, 6, 6, 6, 5, 5, 4),
    "assessment": (2, 2, 3, 5, 38, 36, 4, 3, 2, 2, 2, 1),
    "assets": (2, 2, 2, 50, 34, 2, 2, 2, 1, 1, 1, 1),
    "cars": (1, 1, 2, 24, 66, 2, 1, 1, 1, 1, 0, 0),
    "insurance": (3, 3, 4, 8, 6, 30, 34, 4, 2, 2, 2, 2),
    "allowance": (3, 3, 4, 6, 10, 52, 8, 4, 3, 3, 2, 2),
    "payments": (9, 8, 7, 6, 10, 14, 10, 11, 6, 9, 5, 5),
}
"""Shares of January to December, in parts; the sum need not be 100."""

DAY: Final = (1, 1, 1, 1, 1, 1, 2, 4, 30, 60, 70, 65, 40, 60, 65, 60, 50, 25, 8, 4, 2, 2, 1, 1)
"""Shares of the hours of a working day, in parts."""


@dataclass(frozen=True, slots=True)
class Kind:
    """One row of the year: an operation, how many of it, and to how many systems each goes."""

    operation: str
    per_1000: float
    season: str
    asked: bool
    targets: float

    def share(self, month: int) -> float:
        """What part of the year falls into a month (0 to 11)."""
        return SEASONS[self.season][month] / sum(SEASONS[self.season])


@dataclass(frozen=True, slots=True)
class Event:
    """One message: second of the played year, operation, town (by place) and person."""

    at: float
    month: int
    kind: Kind
    town: int
    person: int


def kinds(edition: Edition) -> list[Kind]:
    """The rows of ``year.csv``. Errors: ``KeyError`` for an operation that no flow has."""
    consumers = Counter(link.operation.key for link in plan.links(edition))
    found = []
    with (HERE.parent / "year.csv").open(encoding="utf-8", newline="") as stream:
        for row in csv.DictReader(stream):
            operation = edition.operation(row["operation"])
            if operation is None or not consumers[row["operation"]]:
                raise KeyError(row["operation"])
            asked = operation.pattern == "inquiry"
            targets = 1 if asked else consumers[row["operation"]]
            found.append(Kind(row["operation"], float(row["per_1000"]), row["season"], asked, targets))
    return found


def town_code(number: int) -> str:
    """A fictitious municipality's code with its check digit."""
    digits = f"{99001 + number:05d}"
    total = sum(int(digit) * weight for digit, weight in zip(digits, (6, 5, 4, 3, 2), strict=True))
    return digits + str((11 - total % 11) % 10)


def year(rows: list[Kind], *, towns: int, messages: int, seconds: float, seed: int) -> list[Event]:
    """The year's messages in order of time, ``messages`` of them by expectation; large towns have more of them."""
    random, weights = Random(seed), [1 / (1 + place) for place in range(towns)]
    per_year = sum(each.per_1000 for each in rows)
    events = []
    for kind in rows:
        for month in range(12):
            wanted = messages * kind.per_1000 / per_year * kind.share(month)
            for _ in range(int(wanted) + (random.random() < wanted % 1)):
                hour = random.choices(range(24), DAY)[0]
                at = (month + (random.randrange(WORKING_DAYS) + (hour + random.random()) / 24) / WORKING_DAYS) / 12
                town = random.choices(range(towns), weights)[0]
                events.append(Event(at * seconds, month, kind, town, random.randrange(1_000)))
    return sorted(events, key=lambda each: each.at)


def peaks(rows: list[Kind], reached: Mapping[str, float]) -> dict[str, float]:
    """The nation's year: messages and deliveries, and both per second in the fullest hour of the fullest month.

    ``reached`` says how many systems a message of an operation really went to: some flows choose by content.
    """
    rows = [replace(each, targets=reached.get(each.operation, each.targets)) for each in rows]
    yearly = {each: each.per_1000 * RESIDENTS / 1000 for each in rows}
    hour = max(DAY) / sum(DAY) / WORKING_DAYS / 3600
    by_month = [
        tuple(sum(count * each.share(month) * fan(each) for each, count in yearly.items()) for fan in (_one, _targets))
        for month in range(12)
    ]
    return {
        "messages": sum(yearly.values()),
        "deliveries": sum(count * each.targets for each, count in yearly.items()),
        "peak_messages_per_s": max(each[0] for each in by_month) * hour,
        "peak_deliveries_per_s": max(each[1] for each in by_month) * hour,
        "peak_month": 1 + max(range(12), key=lambda month: by_month[month][1]),
    }


def _one(kind: Kind) -> int:
    return 1


def _targets(kind: Kind) -> float:
    return kind.targets


class Letters:
    """The messages of a year: built once for each operation, then a town's and a person's number put in."""

    OWN = b"990019"

    def __init__(self, edition: Edition, rows: list[Kind]) -> None:
        inquiry = Messages().inquiry(KB)
        self.pairs = {each.operation: inquiry if each.asked else self._notice(edition, each) for each in rows}

    @staticmethod
    def _notice(edition: Edition, kind: Kind) -> Pair:
        operation = edition.operation(kind.operation)
        assert operation is not None
        unit = edition.units[operation.unit]
        payload = payloads.request(unit, operation)
        if payload is None:
            payload = payloads.etree.Element(operation.input, nsmap={"t": unit.namespace})
            record = payloads.etree.SubElement(payload, f"{{{unit.namespace}}}{operation.record}")
            values = payloads.made_up(unit, operation.record)
            payloads.fill(record, unit, unit.records[operation.record], values)
        return Pair(payloads.written(payloads.envelope(payload)), operation.action, b"")

    def body(self, kind: Kind, town: str, person: int) -> bytes:
        """The bytes of one message."""
        raw = self.pairs[kind.operation].request.replace(self.OWN, town.encode())
        return raw.replace(b"9" * 9, b"%09d" % (100_000_000 + person))


def write_site(folder: Path, edition: Edition, towns: int, *, port: int, target: str) -> dict[str, str]:
    """Towns with all systems, all flows and rights; ``target`` receives for all. Returns secrets by ``town/system``."""
    links, codes = plan.links(edition), [town_code(number) for number in range(towns)]
    (folder / "secrets").mkdir(parents=True)
    named = "".join(f'[[municipality]]\ncode = "{code}"\nname = "地域市（架空）"\n' for code in codes)
    site = f'[site]\nname = "一年（架空）"\nedition = "1.0"\n{named}[front]\nlisten = "127.0.0.1:{port}"\n'
    site += '[journal]\nengine = "sqlite"\npath = "var/journal.sqlite"\n[broker]\nengine = "memory"\n'
    purposes = {unit: plan._purpose(edition, unit, links) for unit in edition.units}
    endpoints = [
        f'{{ id = "{unit}", municipality = "{code}", unit = "{unit}", purpose = "{purpose}", '
        f'address = "{target}{code}/{unit}" }}'
        for code in codes
        for unit, purpose in purposes.items()
    ]
    texts = {"site": site, "adapters": "", "endpoints": plan._listed("endpoint", endpoints)}
    for name, lines in (("route", plan._routes(edition, links)), ("right", plan._rights(edition, links))):
        texts[f"{name}s"] = plan._listed(name, _everywhere(lines, codes))
    for name, text in texts.items():
        (folder / f"{name}.toml").write_text(text, encoding="utf-8")
    keys = {f"{code}/{unit}": secrets.token_urlsafe(18) for code in codes for unit in purposes}
    for name, key in keys.items():
        path = folder / "secrets" / f"{name.replace('/', '-')}.key"
        path.touch(mode=0o600)
        path.write_text(key + "\n", encoding="utf-8")
    return keys


def _everywhere(lines: list[str], codes: list[str]) -> Iterator[str]:
    for code in codes:
        for line in lines:
            yield line.replace(plan.MUNICIPALITY, code)


def nation() -> tuple[Edition, list[Kind]]:
    """The edition and the rows of the year."""
    edition = load_edition()
    return edition, kinds(edition)
