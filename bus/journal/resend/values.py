"""What a resend job is made of: what was asked for, how fast it goes, how it stands."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final

from bus.core.states import State


class JobState(StrEnum):
    """Where a job stands. PLANNING is one whose plan was never finished."""

    PLANNING = "PLANNING"
    PLANNED = "PLANNED"
    RUNNING = "RUNNING"
    PAUSED = "PAUSED"
    DONE = "DONE"
    CANCELLED = "CANCELLED"


class ItemState(StrEnum):
    """What became of one parked delivery in a job; the states of deliveries beside those of the job itself.

    SENT: due again, its outcome not known yet. SKIPPED: not the parking that was planned any more, or overtaken.
    BEHIND: an earlier one with a key of its own was not delivered. GONE: delivered and removed by retention since.
    """

    WAITING = "WAITING"
    SENT = "SENT"
    DELIVERED = State.DELIVERED.value
    REPLIED = State.REPLIED.value
    PARKED = State.PARKED.value
    EXPIRED = State.EXPIRED.value
    CANCELLED = State.CANCELLED.value
    SKIPPED = "SKIPPED"
    BEHIND = "BEHIND"
    GONE = "GONE"


ENDED: Final = frozenset({JobState.DONE, JobState.CANCELLED})


@dataclass(frozen=True, slots=True)
class Selection:
    """Which parked deliveries; empty for any. Times are those of reception, epoch seconds.

    ``deliveries`` names them one by one, and then nothing else counts.
    """

    municipality: str = ""
    target: str = ""
    operation: str = ""
    code: str = ""
    since: float = 0.0
    until: float = 0.0
    deliveries: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Pace:
    """``rate`` a second; at most ``most_open`` without an outcome; pause after ``most_failed`` were parked again (0:
    never). ``skip_overtaken`` leaves out those of which a later one with the same key has arrived.
    """

    rate: float = 20.0
    most_open: int = 100
    most_failed: int = 20
    skip_overtaken: bool = False


@dataclass(frozen=True, slots=True)
class Summary:
    """What a plan found, without a content of any message.

    ``lanes`` is how many different keys (``longest`` the most of one), ``expired`` and ``without_body`` cannot be
    delivered, ``overtaken`` have later ones of their keys that arrived, ``behind`` wait for them. The latter two are
    of the ``looked_at`` deliveries after the first one, which are all of them where ``complete``. ``not_parked`` are
    those that were named and are not.
    """

    number: int = 0
    bytes: int = 0
    groups: tuple[Mapping[str, Any], ...] = ()
    lanes: int = 0
    longest: int = 0
    expired: int = 0
    without_body: int = 0
    overtaken: int = 0
    behind: int = 0
    looked_at: int = 0
    complete: bool = True
    not_parked: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Job:
    """One job. ``counts`` are its items by state; ``code`` says why it pauses by itself."""

    number: int
    state: JobState
    at: float
    actor: str
    reason: str
    selection: Selection
    summary: Summary
    digest: str
    pace: Pace
    started_by: str = ""
    started_at: float = 0.0
    changed_at: float = 0.0
    ended_at: float = 0.0
    failed_before: int = 0
    code: str = ""
    holder: str = ""
    held_until: float = 0.0
    counts: Mapping[str, int] = field(default_factory=dict)

    @property
    def failed(self) -> int:
        """How many were parked again."""
        return self.counts.get(ItemState.PARKED, 0)

    @property
    def open(self) -> int:
        """How many have no outcome yet."""
        return self.counts.get(ItemState.WAITING, 0) + self.counts.get(ItemState.SENT, 0)

    @property
    def finished(self) -> bool:
        """Whether nothing will happen to it any more."""
        return self.state in ENDED
