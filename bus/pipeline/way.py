"""What the tables say of one operation that one endpoint uses: looked up at the first message, kept with the tables.

The steps ask the same questions of every message; a look-up costs little, two dozen of them a tenth of all steps.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from bus.core.types import Endpoint

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bus.pipeline.guard import Guard
    from bus.pipeline.rows import Question, Subject
    from bus.pipeline.tables import Lane, PreparedRoute, Standard, Tables
    from bus.pipeline.veil import Shield
    from schemas.model import Operation


@dataclass(frozen=True, slots=True)
class Way:
    """``own`` is what the tables say by the sender's edition, ``other`` by that of the first target.

    ``plain`` says that what goes to the targets goes as it came: nothing is withheld from any of them, and all speak
    the same edition. ``even`` says that every endpoint speaks one edition, and that no flag stops an answer.
    ``output`` is the element that answers in the target's edition.
    """

    own: Edge
    other: Edge
    prepared: PreparedRoute | None
    plain: bool
    even: bool
    output: str
    lanes: tuple[Lane, ...]
    preferred: tuple[Shield, ...]
    questions: Mapping[tuple[str, str], Question] | None


@dataclass(frozen=True, slots=True)
class Edge:
    """One end of a way: its edition, and by that the guard, the flags that stop a message, what answers are about."""

    standard: Standard
    guard: Guard | None
    stopped: tuple[Shield, ...]
    subject: Subject | None


def find(tables: Tables, sender: Endpoint, operation: Operation) -> Way:
    """The way of an operation from an endpoint."""
    prepared = tables.route_for(sender, operation.key)
    own = _edge(tables, sender, operation.key)
    targets = prepared.targets if prepared is not None else ()
    other = _edge(tables, targets[0], operation.key) if targets else own
    answers = other.standard.operations.get(operation.key, operation)
    seen = tables.seen_by(sender)
    return Way(
        own=own,
        other=other,
        prepared=prepared,
        even=not tables.others and not other.stopped,
        plain=not tables.others and all(_sees_all(tables, target, operation) for target in targets),
        output=answers.output,
        lanes=own.standard.lanes.get(operation.key, ()),
        preferred=seen.preferred.get(operation.key, ()),
        questions=seen.questions.get(operation.key),
    )


def _edge(tables: Tables, endpoint: Endpoint, key: str) -> Edge:
    standard, seen = tables.standard(endpoint), tables.seen_by(endpoint)
    return Edge(standard, standard.guards.get(key), seen.stopped.get(key, ()), seen.subjects.get(key))


def _sees_all(tables: Tables, target: Endpoint, operation: Operation) -> bool:
    """Whether a target has a right to what is delivered to it, and nothing of that is withheld."""
    place = (target.key, operation.key)
    own = target.unit == operation.provider or place in tables.known_rights
    return own and place not in tables.views.deliveries
