"""What happens in a run: letters and faults, both drawn from the seed and nothing else.

Whatever is uncertain later (a delay, whether this copy is lost) is a throw of dice that are named by seed and
occasion, not the next number of a generator: so leaving one fault out changes as little as possible of the rest.
"""

from __future__ import annotations

import hashlib
from dataclasses import asdict, dataclass
from random import Random
from typing import Any

from bus.core.types import OnPark

TOWNS = ("990019", "990027")
"""Fictitious municipalities with valid check digits."""

RECEIVERS = ("tax", "kokuho")
FAULTS_END = 60.0
"""From this second on nothing fails any more."""

WINDOWS = (
    "ask_lost", "answer_lost", "ask_doubled", "partition", "post_lost", "reply_lost", "reply_cut", "post_doubled",
    "slow", "busy", "fault", "nonsense", "unsure", "locked_out", "disk_fails", "disk_full", "disk_slow",
    "broker_gone", "broker_doubles", "hesitant",
)  # fmt: skip
"""Faults that last for a while. Sender's line: ask_lost, answer_lost, ask_doubled. Receiver's line: partition,
post_lost, reply_lost, reply_cut, post_doubled. Receiver: slow, busy (503), fault (refused for good), nonsense (an
answer that is none; ``unsure``: after the effect), locked_out (401). Machine: disk_*; hesitant: every way is longer."""

MOMENTS = ("crash", "crash_before", "crash_after", "crash_torn", "jump", "restart", "resend", "cancel", "pause")
"""Faults that happen once: kill -9 at a step of the event loop or at a commit, a jump of the wall clock, a graceful
restart, an operator's hand, a pause of an endpoint by reload."""


def dice(*occasion: object) -> float:
    """A number in [0, 1) that this occasion always gets."""
    digest = hashlib.blake2b(repr(occasion).encode(), digest_size=7).digest()
    return int.from_bytes(digest, "big") / (1 << 56)


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault. ``target`` is an endpoint key or empty for all; ``amount`` a share, a distance or a step."""

    kind: str
    start: float
    end: float = 0.0
    target: str = ""
    amount: float = 1.0

    def told(self) -> str:
        """For people."""
        when = f"{self.start:.3f}" if not self.end else f"{self.start:.3f} to {self.end:.3f} s"
        return f"{self.kind} {self.target or 'everywhere'} {when} amount {self.amount:.3f}"


@dataclass(frozen=True, slots=True)
class Letter:
    """One message that a system wants to send: a notice about a person, an inquiry, or one that must be refused.

    ``kind``: notice, inquiry, other (a used id with other content), forbidden (no right), broken (against the schema).
    """

    number: int
    at: float
    town: str
    kind: str
    person: int
    household: int
    of: int = 0


@dataclass(frozen=True, slots=True)
class Plan:
    """A whole run."""

    seed: int
    letters: tuple[Letter, ...]
    faults: tuple[Fault, ...]
    max_open: int
    concurrency: int
    expires_s: float
    on_park: OnPark
    timeout_s: float

    def as_dict(self) -> dict[str, Any]:
        """For a report."""
        return {"seed": self.seed, "letters": len(self.letters), "faults": [asdict(each) for each in self.faults]}


def plan(seed: int) -> Plan:
    """The run of a seed."""
    random = Random(f"simulation {seed}")
    letters = _letters(random)
    return Plan(
        seed=seed,
        letters=letters,
        faults=_faults(random),
        max_open=random.choice((2, 4, 8, 50_000, 50_000)),
        concurrency=random.choice((1, 2, 4, 16)),
        expires_s=random.choice((20.0, 45.0, 86_400.0, 86_400.0, 86_400.0)),
        on_park=random.choice((OnPark.BLOCK, OnPark.BLOCK, OnPark.CONTINUE)),
        timeout_s=random.choice((2.0, 5.0, 10.0)),
    )


def _letters(random: Random) -> tuple[Letter, ...]:
    count, persons = random.randint(12, 36), random.randint(2, 8)
    span = random.choice((0.5, 5.0, 40.0))
    letters: list[Letter] = []
    for number in range(1, count + 1):
        kind = random.choices(("notice", "inquiry", "other", "forbidden", "broken"), (78, 14, 4, 2, 2))[0]
        notices = [each for each in letters if each.kind == "notice"]
        if kind == "other" and not notices:
            kind = "notice"
        of = random.choice(notices) if kind == "other" else None
        town = of.town if of else random.choice(TOWNS)
        person = of.person if of else random.randint(1, persons)
        household = of.household if of else random.randint(1, max(1, persons // 2))
        letters.append(Letter(number, random.uniform(0, span), town, kind, person, household, of.number if of else 0))
    return tuple(sorted(letters, key=lambda each: (each.at, each.number)))


def _faults(random: Random) -> tuple[Fault, ...]:
    faults: list[Fault] = []
    targets = ("", *(f"{town}/{name}" for town in TOWNS for name in (*RECEIVERS, "juki")))
    for _ in range(random.randint(0, 8)):
        start = random.uniform(0, 45)
        end = min(FAULTS_END, start + random.choice((0.5, 3.0, 12.0, 30.0)))
        kind, target = random.choice(WINDOWS), random.choice(targets)
        target = "" if kind.startswith(("disk", "broker")) else target
        faults.append(Fault(kind, start, end, target, random.choice((0.1, 0.3, 0.6, 1.0))))
    for _ in range(random.randint(0, 5)):
        kind = random.choice(MOMENTS)
        start = random.uniform(0, 50)
        target = random.choice(targets)
        if kind == "crash":
            faults.append(Fault(kind, start, amount=random.randint(1, 400)))
        elif kind == "jump":
            distance = random.choice((-7200.0, -3600.0, -60.0, -2.0, 2.0, 30.0, 3600.0))
            faults.append(Fault(kind, start, amount=distance))
        elif kind == "pause":
            faults.append(Fault(kind, start, min(FAULTS_END, start + random.uniform(1, 20)), target))
        else:
            faults.append(Fault(kind, start, target=target))
    return tuple(faults)


class Weather:
    """Which faults are in force at a moment."""

    def __init__(self, given: Plan, now: Any) -> None:
        self._seed = given.seed
        self._now = now
        self._windows: dict[str, list[Fault]] = {}
        for fault in given.faults:
            if fault.kind in WINDOWS:
                self._windows.setdefault(fault.kind, []).append(fault)

    def strikes(self, kind: str, target: str, *occasion: object) -> bool:
        """Whether this fault strikes this occasion."""
        windows = self._windows.get(kind)
        if not windows:
            return False
        now = self._now()
        for fault in windows:
            met = fault.start <= now < fault.end and fault.target in ("", target)
            if met and (fault.amount >= 1.0 or dice(self._seed, kind, target, *occasion) < fault.amount):
                return True
        return False

    def throw(self, *occasion: object) -> float:
        """The dice of this run."""
        return dice(self._seed, *occasion)
