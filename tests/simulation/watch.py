"""Looks at everything while it happens and writes it down: the trace, and what must never be.

It believes nothing that the bus says of itself: durability, states and order are read from the journal's file through
a connection of its own, which sees only what was committed.
"""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from bus.core.ports import Acceptance, Transition
from bus.core.settings import DeliverySettings
from bus.core.states import FINAL, State
from bus.core.types import Endpoint, Known, OnPark
from bus.deliver.breaker import BreakerState
from bus.deliver.retry import JITTER
from bus.journal.schema import FAN_OUT
from bus.wire.http import Response
from tests.simulation import letters
from tests.simulation.loop import VirtualClock, VirtualLoop
from tests.simulation.network import Effect, Vendor
from tests.simulation.plan import RECEIVERS, Letter, Plan

SLACK_S = 1e-6


@dataclass(frozen=True, slots=True)
class Violation:
    """Something that must never be. ``message`` is the id of the message it is about, where it is about one."""

    rule: str
    at: float
    text: str
    message: str = ""


@dataclass(slots=True)
class _Breaker:
    """What the breaker of one endpoint should think, told by outcomes alone."""

    in_a_row: int = 0
    opened_at: float = -1.0


@dataclass(frozen=True, slots=True)
class _Due:
    """When a delivery may be tried again: on the monotonic clock of the life that recorded it, and by the wall."""

    life: int
    monotonic: float
    wall: float


class Watch:
    """The observer of one run."""

    def __init__(self, loop: VirtualLoop, clock: VirtualClock, plan: Plan, settings: DeliverySettings) -> None:
        self._loop, self.clock, self._plan, self._settings = loop, clock, plan, settings
        self.violations: list[Violation] = []
        self.lines: list[str] = []
        self._digest = hashlib.blake2b(digest_size=16)
        self.letters = {each.number: each for each in plan.letters}
        self.by_id = {letters.message_id(each): each for each in plan.letters if each.kind != "other"}
        self.receipts: dict[int, str] = {}
        self.cancelled: set[str] = set()
        self.paused: set[str] = set()
        self.over = False
        self._posts: dict[tuple[str, str], int] = {}
        self._flying: dict[str, int] = {}
        self._breakers: dict[str, _Breaker] = {}
        self._due: dict[str, _Due] = {}
        self._interrupted: dict[int, int] = {}
        self._jumped = -1.0
        self._began = 0.0
        self._file: sqlite3.Connection | None = None

    # -- writing down -----------------------------------------------------------------------------------------

    @property
    def hash(self) -> str:
        """Of the whole trace so far."""
        return self._digest.hexdigest()

    def trace(self, event: str, **fields: object) -> None:
        """One line."""
        told = " ".join(f"{key}={value}" for key, value in fields.items())
        line = f"{self._loop.time():11.6f} life {self._loop.life} {event} {told}"
        self.lines.append(line)
        self._digest.update(line.encode() + b"\n")

    def log(self, event: str, /, **fields: object) -> None:
        """The log of the bus is part of the trace."""
        self.trace(f"log {event}", **fields)

    def wrong(self, text: str, message: str = "", rule: str = "wrong eyes") -> None:
        """Write down what must never be."""
        if not self.over:
            self.violations.append(Violation(rule, self._loop.time(), text, message))
            self.trace("VIOLATION", rule=rule, message=message, text=text)

    # -- lives ------------------------------------------------------------------------------------------------

    def begins(self, path: Path) -> None:
        """A life of the bus begins on this file: what was in memory is forgotten."""
        self.ends()
        self._began = self._loop.time()
        self._flying.clear()
        self._breakers.clear()
        now = self.clock.now()
        for delivery_id, due in self._due.items():
            # No wait is longer than the longest, wherever the wall clock was set meanwhile.
            wait = min(max(0.0, due.wall - now), self._settings.retry_max_s * (1 + JITTER))
            self._due[delivery_id] = _Due(self._loop.life, self._began + wait, due.wall)
        self._path = path
        for (place,) in self.file.execute("SELECT n FROM delivery WHERE state = ?", (State.DISPATCHING.value,)):
            # What became of this attempt nobody knows: it is no failure, and one more is allowed.
            self._interrupted[place] = self._interrupted.get(place, 0) + 1

    def ends(self) -> None:
        """The file goes away."""
        if self._file is not None:
            self._file.close()
            self._file = None

    def jumped(self, seconds: float) -> None:
        """The wall clock was moved."""
        self._jumped = self._loop.time()
        self.trace("jump", seconds=seconds)

    @property
    def file(self) -> sqlite3.Connection:
        """Reads what is durable now."""
        if self._file is None:
            self._file = sqlite3.connect(self._path, isolation_level=None)
            self._file.execute("PRAGMA query_only=1")
        return self._file

    # -- what senders see -------------------------------------------------------------------------------------

    def answered(self, letter: Letter, response: Response, fault: str) -> None:
        """An answer leaves the bus (whether or not it arrives)."""
        self.trace("answer", message=letters.message_id(letter), kind=letter.kind, status=response.status, fault=fault)
        if response.status not in (200, 202):
            return
        if letter.kind in {"other", "forbidden", "broken"}:
            self.wrong(f"letter {letter.number} ({letter.kind}) was accepted", letters.message_id(letter), "refusal")
        if letter.kind == "inquiry":
            own = letters.person_number(letter.person).encode()
            if own not in response.body or letter.town.encode() not in response.body:
                self.wrong("the answer is about somebody else", letters.message_id(letter), "wrong eyes")
            self._must_be_stored(letter, State.REPLIED)
        elif letter.kind == "notice":
            exchange = self._must_be_stored(letter, None)
            if exchange and exchange.encode() not in response.body:
                self.wrong("the receipt names another exchange", letters.message_id(letter), "receipt")
            if self.receipts.setdefault(letter.number, exchange) != exchange:
                self.wrong("the same message has two receipts", letters.message_id(letter), "receipt")

    def _must_be_stored(self, letter: Letter, state: State | None) -> str:
        """The exchange of an acknowledged message, as the file has it."""
        rows = self.file.execute(
            "SELECT e.exchange_id, d.state FROM exchange e JOIN delivery d ON d.n / ? = e.n WHERE e.municipality = ?"
            " AND e.sender = ? AND (e.message_id = ? OR e.message_id LIKE ?) AND e.refused = 0 ORDER BY e.n DESC",
            (FAN_OUT, letter.town, letters.sender_of(letter), (own := letters.message_id(letter)), f"{own}#%"),
        ).fetchall()
        if not rows or (state is not None and rows[0][1] != state):
            found = rows[0][1] if rows else "nothing"
            self.wrong(f"acknowledged while the file has {found}", own, "durable before told")
        return rows[0][0] if rows else ""

    # -- what goes out ----------------------------------------------------------------------------------------

    def posting(self, endpoint: Endpoint, headers: dict[str, str], deadline_s: float) -> int:
        """A message is about to leave; gives how many times it left for this endpoint before."""
        message = headers["Chiikibus-Message-Id"]
        number = self._posts.get((endpoint.key, message), 0)
        self._posts[endpoint.key, message] = number + 1
        attempt = int(headers["Chiikibus-Attempt"])
        self.trace("post", to=endpoint.key, message=message, attempt=attempt)
        if endpoint.key in self.paused:
            self.wrong(f"{endpoint.key} is paused", message, "pause")
        self._check_breaker(endpoint.key, message)
        row = self.file.execute(
            "SELECT d.state, d.attempt, d.n, e.municipality, d.target, e.expires_at, e.mode, e.n FROM exchange e"
            " JOIN delivery d ON d.n BETWEEN e.n * ? AND e.n * ? + ? WHERE e.exchange_id = ? AND d.target = ?",
            (FAN_OUT, FAN_OUT, FAN_OUT - 1, headers["Chiikibus-Exchange-Id"], endpoint.id),
        ).fetchone()
        if row is None or row[3] != endpoint.municipality:
            self.wrong(f"no such delivery to {endpoint.key}", message, "wrong eyes")
            return number
        state, stored, place, _, _, expires_at, mode, n = row
        if state != State.DISPATCHING:
            self.wrong(f"sent while the file says {state}", message, "DISPATCHING before the first byte")
        if mode != "queued":
            return number
        flying = self._flying[endpoint.key] = self._flying.get(endpoint.key, 0) + 1
        if flying > endpoint.concurrency:
            self.wrong(f"{flying} on the wire to {endpoint.key}", message, "concurrency")
        if attempt == 1:
            self._interrupted.pop(place, None)
        if attempt != stored or attempt > self._settings.retry_limit + self._interrupted.get(place, 0):
            self.wrong(f"attempt {attempt}, the file says {stored}", message, "attempts")
        if self.clock.now() > expires_at + SLACK_S:
            self.wrong(f"sent {self.clock.now() - expires_at:.3f} s after it expired", message, "expiry")
        self._check_due(f"{headers['Chiikibus-Exchange-Id']}-{place % FAN_OUT}", message)
        self._check_order(endpoint, message, n)
        return number

    def posted(self, endpoint: Endpoint, headers: dict[str, str], number: int, *, failed: bool) -> None:
        """The call has ended."""
        if self.over:
            return
        message = headers["Chiikibus-Message-Id"]
        self.trace("posted", to=endpoint.key, message=message, number=number, failed=failed)
        if headers["Chiikibus-Operation"] != "juki.jumin_shokai":
            self._flying[endpoint.key] = self._flying.get(endpoint.key, 1) - 1
        breaker = self._breakers.setdefault(endpoint.key, _Breaker())
        if not failed:
            breaker.in_a_row, breaker.opened_at = 0, -1.0
            return
        breaker.in_a_row += 1
        if breaker.opened_at >= 0 or breaker.in_a_row >= self._settings.breaker_failures:
            breaker.opened_at = self._loop.time()

    def _check_breaker(self, key: str, message: str) -> None:
        breaker = self._breakers.get(key)
        if breaker is None or breaker.opened_at < 0:
            return
        left = breaker.opened_at + self._settings.breaker_open_s - self._loop.time()
        if left > SLACK_S:
            self.wrong(f"{key} is suspended for {left:.3f} s more", message, "breaker")

    def settled(self, key: str, state: BreakerState) -> None:
        """At the end: an endpoint that answered last is not suspended."""
        breaker = self._breakers.get(key)
        if breaker is not None and breaker.opened_at < 0 and not breaker.in_a_row and state is not BreakerState.CLOSED:
            self.wrong(f"{key} answered and is {state}", "", "breaker")

    def _check_due(self, delivery_id: str, message: str) -> None:
        due = self._due.pop(delivery_id, None)
        if due is None or (due.life != self._loop.life) or self._jumped >= self._began:
            if due is None or due.life != self._loop.life or self._loop.time() >= due.monotonic - SLACK_S:
                return
            if self.clock.now() >= due.wall - SLACK_S:
                return
        if self._loop.time() < due.monotonic - SLACK_S:
            self.wrong(f"tried again {due.monotonic - self._loop.time():.3f} s early", message, "retry")

    def _check_order(self, endpoint: Endpoint, message: str, n: int) -> None:
        """Nothing that was accepted earlier and shares a key is still open."""
        letter = self.by_id.get(message)
        if letter is None:
            return
        own, passing = letters.keys_of(letter), self._plan.on_park is OnPark.CONTINUE
        for state, other_id in self.file.execute(
            "SELECT d.state, e.message_id FROM delivery d JOIN exchange e ON e.n = d.n / ?"
            " WHERE d.open IS NOT NULL AND d.n < ? AND d.target = ? AND e.municipality = ?",
            (FAN_OUT, n * FAN_OUT, endpoint.id, endpoint.municipality),
        ).fetchall():
            other = self.by_id.get(other_id)
            if other is None or not own & letters.keys_of(other):
                continue
            if not (passing and (other_id, endpoint.id) in self.parked):
                self.wrong(f"overtakes {other_id}, which is {state}", message, "order")

    # -- what is recorded and done ----------------------------------------------------------------------------

    def accepted(self, acceptance: Acceptance, known: Known | None) -> None:
        """The journal says that it has it."""
        found = known.exchange_id if known else acceptance.exchange_id
        self.trace("accepted", message=acceptance.message_id, exchange=found, state=acceptance.state, new=known is None)

    def not_recorded(self, transitions: Sequence[Transition], code: str) -> None:
        """The journal says that it could not."""
        self.trace("not recorded", count=len(transitions), code=code)

    def recorded(self, transitions: Sequence[Transition]) -> None:
        """The journal says that it has them."""
        for each in transitions:
            self.trace("recorded", delivery=each.delivery_id, state=each.state, attempt=each.attempt, code=each.code)
            if each.state is State.RETRY_WAIT:
                self._check_wait(each)
                wait = max(0.0, each.next_attempt_at - self.clock.now())
                self._due[each.delivery_id] = _Due(self._loop.life, self._loop.time() + wait, each.next_attempt_at)

    def _check_wait(self, waits: Transition) -> None:
        """The wait is what the settings say, within its jitter, unless the message expires before."""
        row = self.file.execute(
            "SELECT expires_at, message_id FROM exchange WHERE exchange_id = ?", (waits.delivery_id.rpartition("-")[0],)
        ).fetchone()
        plain = min(self._settings.retry_first_s * 2.0 ** (waits.attempt - 1), self._settings.retry_max_s)
        wait = waits.next_attempt_at - waits.at
        if wait < plain * (1 - JITTER) - SLACK_S and waits.next_attempt_at < row[0]:
            self.wrong(f"waits {wait:.3f} s after attempt {waits.attempt}", row[1], "retry")

    def effect(self, vendor: Vendor, effect: Effect, headers: dict[str, str]) -> None:
        """A receiver has done something for good."""
        self.trace("effect", at=vendor.key, message=effect.message_id, serial=effect.serial)
        letter = self.letters.get(effect.serial)
        town = letters.TOWN.search(effect.body)
        if letter is None or letter.kind != "notice" or vendor.name not in RECEIVERS:
            self.wrong(f"{vendor.key} did something that nobody sent", effect.message_id, "refusal")
            return
        if letter.town != vendor.town or town is None or town.group(1).decode() != vendor.town:
            self.wrong(f"{vendor.key} got a notice of {letter.town}", effect.message_id)
        sent = letters.body_of(letter)
        if vendor.name == "tax" and effect.body != sent:
            self.wrong("the bytes are not those that were sent", effect.message_id, "bytes")
        if vendor.name == "kokuho" and letters.WITHHELD in effect.body:
            self.wrong("an item that is withheld was shown", effect.message_id)
        if sum(1 for each in vendor.effects if each.serial == effect.serial) > 1:
            self.wrong(f"{vendor.key} did the same twice", effect.message_id, "one effect")

    def asked(self, vendor: Vendor, body: bytes, headers: dict[str, str]) -> None:
        """The residents' system was asked."""
        self.trace("asked", at=vendor.key, message=headers["Chiikibus-Message-Id"])
        letter = self.by_id.get(headers["Chiikibus-Message-Id"])
        if letter is None or letter.town != vendor.town or body != letters.body_of(letter):
            self.wrong(f"{vendor.key} was asked what nobody asked", headers["Chiikibus-Message-Id"])

    @property
    def parked(self) -> set[tuple[str, str]]:
        """Message id and target of all that was ever parked."""
        rows = self.file.execute(
            "SELECT DISTINCT e.message_id, d.target FROM event v JOIN delivery d ON d.n = v.delivery"
            " JOIN exchange e ON e.n = d.n / ? WHERE v.state = ?",
            (FAN_OUT, State.PARKED.value),
        )
        return {(row[0], row[1]) for row in rows.fetchall()}

    def open_count(self, mode: str) -> int:
        """Deliveries (or calls) that are not final."""
        final = ",".join(f"'{state.value}'" for state in sorted(FINAL))
        query = (
            "SELECT count(*) FROM delivery d JOIN exchange e ON e.n = d.n / ?"
            f" WHERE e.mode = ? AND d.state NOT IN ({final})"
        )
        return int(self.file.execute(query, (FAN_OUT, mode)).fetchone()[0])
