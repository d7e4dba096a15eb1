"""Veils: what one receiver does not see of one operation, from the standard's tables and the site's rights.

Three reasons, told to the receiver by name: the standard does not disclose the item to its unit for its purpose
(開示), the site's right withholds it (権限), or a flag in the record protects the person (保護). Which records pass at
all is in ``limits`` (``bus.pipeline.rows``) and is told to nobody: that a record is there is part of what it says.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Final

from lxml import etree

from bus.core.settings import Site
from bus.core.types import Endpoint, Right
from bus.pipeline.rows import (
    FOR_NOBODY,
    IN_BULK,
    Limit,
    Question,
    Subject,
    limit_of,
    question_of,
    subject_of,
    value_of,
)
from schemas.model import Edition, Protection

KAIJI: Final = "kaiji"
KENGEN: Final = "kengen"
HOGO: Final = "hogo"


@dataclass(frozen=True, slots=True)
class Shield:
    """A protection of a record: the flag's tag, the tags that go when it holds, and the record's tag."""

    row: Protection
    flag: str
    tags: tuple[str, ...]
    record: str = ""


@dataclass(frozen=True, slots=True)
class Veil:
    """``record`` is the record's tag, ``tags`` what never passes, ``loose`` what a right takes out wherever it stands.

    ``by_standard`` and ``by_right`` are the same by item name and reason; ``covered`` are the tags of the former.
    ``limits`` say which records pass, ``refuses`` with which code the message does not go without one of them; an
    answer may (empty).
    """

    record: str = ""
    tags: tuple[str, ...] = ()
    loose: frozenset[str] = frozenset()
    by_standard: frozenset[str] = frozenset()
    by_right: frozenset[str] = frozenset()
    shields: tuple[Shield, ...] = ()
    limits: tuple[Limit, ...] = ()
    refuses: str = ""
    covered: frozenset[str] = frozenset()

    def misses(self, records: Iterable[Mapping[str, str]]) -> bool:
        """Whether nothing of these records (values by tag) is behind the veil, told without looking at elements again.

        ``False`` also where only they can tell: what a right withholds may stand outside the record, and which records
        pass is decided by the elements.
        """
        if self.loose or self.limits:
            return False
        for record in records:
            if not self.covered.isdisjoint(record):
                return False
            for shield in self.shields:
                if shield.row.holds(record.get(shield.flag)):
                    return False
        return True

    @property
    def items(self) -> frozenset[str]:
        """Every item that never passes."""
        return self.by_standard | self.by_right

    def __bool__(self) -> bool:
        """Whether there is anything to look for."""
        return bool(self.tags or self.shields or self.limits)


@dataclass(frozen=True, slots=True)
class Views:
    """Every right as it counts, and the veils: of answers by (endpoint key, operation, purpose), of what is delivered
    by (endpoint key, operation). What has no veil is not in the tables and costs one look-up.

    ``void`` are rights that are none, since the standard discloses nothing to that unit for that purpose; ``known``
    are the (endpoint key, operation) that have any other. ``preferred`` are the flags that let a message go first, and
    ``stopped`` those that let it go nowhere, by operation. ``questions`` are what may be asked, by operation and then
    (endpoint key, purpose); ``subjects`` what answers are about, by operation.
    """

    rights: Mapping[tuple[str, str, str], Right]
    preferred: Mapping[str, tuple[Shield, ...]]
    void: frozenset[tuple[str, str, str]]
    known: frozenset[tuple[str, str]]
    answers: Mapping[tuple[str, str, str], Veil] = field(default_factory=dict)
    deliveries: Mapping[tuple[str, str], Veil] = field(default_factory=dict)
    stopped: Mapping[str, tuple[Shield, ...]] = field(default_factory=dict)
    questions: Mapping[str, Mapping[tuple[str, str], Question]] = field(default_factory=dict)
    subjects: Mapping[str, Subject] = field(default_factory=dict)


def views(site: Site, edition: Edition, endpoints: Mapping[tuple[str, str], Endpoint]) -> Views:
    """The views of a checked site.

    Two rows for the same purpose withhold what both withhold: nothing is disclosed that one row keeps back. What is
    delivered to an endpoint is seen for the endpoint's own purpose, or as narrowly as any of its purposes where its own
    is not among them.
    """
    rights: dict[tuple[str, str, str], Right] = {}
    receivers: dict[tuple[str, str], list[tuple[str, Right]]] = {}
    void: set[tuple[str, str, str]] = set()
    for right in site.rights:
        key = f"{right.municipality}/{right.endpoint}"
        endpoint = endpoints.get((right.municipality, right.endpoint))
        for purpose in right.purposes:
            place = (key, right.operation, purpose)
            if discloses(edition, right.operation, endpoint, purpose) == frozenset():
                void.add(place)
                continue
            before = rights.get(place)
            held = right.withhold if before is None else right.withhold | before.withhold
            rights[place] = Right(right.municipality, right.endpoint, right.operation, right.purposes, held)
            receivers.setdefault(place[:2], []).append((purpose, right))
    answers: dict[tuple[str, str, str], Veil] = {}
    questions: dict[str, dict[tuple[str, str], Question]] = {}
    for place, right in rights.items():
        endpoint = endpoints.get((right.municipality, right.endpoint))
        if veil := _veil(edition, right.operation, endpoint, (place[2],), right.withhold):
            answers[place] = veil
            asked = edition.operation(right.operation)
            if veil.limits and asked is not None:
                question = question_of(edition.units[asked.unit], asked, veil.limits[0])
                if question is not None:
                    questions.setdefault(right.operation, {})[place[0], place[2]] = question
    deliveries: dict[tuple[str, str], Veil] = {}
    for (key, operation), rows in receivers.items():
        endpoint = endpoints.get((rows[0][1].municipality, rows[0][1].endpoint))
        own = [row for row in rows if endpoint is not None and endpoint.purpose == row[0]] or rows
        withheld: frozenset[str] = frozenset().union(*(row.withhold for _, row in own))
        if veil := _veil(edition, operation, endpoint, {purpose for purpose, _ in own}, withheld):
            known = edition.operation(operation)
            bulk = known is not None and known.pattern == "bulk"
            deliveries[key, operation] = replace(veil, refuses=IN_BULK if bulk else FOR_NOBODY)
    return Views(
        rights,
        _flags(edition, "priority"),
        frozenset(void),
        frozenset(receivers),
        answers,
        deliveries,
        _flags(edition, "stop"),
        questions,
        _subjects(edition),
    )


def _subjects(edition: Edition) -> dict[str, Subject]:
    """What the answers of each operation are about, where the standard says so."""
    found = {one.key: subject_of(unit, one) for unit in edition.units.values() for one in unit.operations.values()}
    return {key: subject for key, subject in found.items() if subject is not None}


def _flags(edition: Edition, effect: str) -> dict[str, tuple[Shield, ...]]:
    """The protections with an effect, by the operations that carry their record."""
    found: dict[str, tuple[Shield, ...]] = {}
    for unit in edition.units.values():
        prefix = f"{{{unit.namespace}}}"
        for operation in unit.operations.values():
            rows = [row for row in unit.protections if (row.record, row.effect) == (operation.record, effect)]
            if rows:
                found[operation.key] = tuple(
                    Shield(row, prefix + row.flag, (), prefix + operation.record) for row in rows
                )
    return found


def raised(payload: etree._Element, shields: tuple[Shield, ...]) -> Shield | None:
    """The first protection whose flag holds in any record of a payload."""
    for shield in shields:
        for record in payload.iter(shield.record):
            if shield.row.holds(flag_of(record, shield)):
                return shield
    return None


def flag_of(record: etree._Element, shield: Shield) -> str | None:
    """The value of a record's flag, ``None`` where it is absent; a comment within it hides nothing."""
    return value_of(record, shield.flag)


def discloses(edition: Edition, key: str, endpoint: Endpoint | None, purpose: str) -> frozenset[str] | None:
    """What the standard lets an endpoint see of an operation's record; ``None`` where it does not limit it."""
    operation = edition.operation(key)
    if operation is None or endpoint is None or not operation.record or endpoint.unit == operation.provider:
        return None
    return edition.units[operation.unit].disclosed(operation.record, endpoint.unit, purpose)


def _veil(
    edition: Edition, key: str, endpoint: Endpoint | None, purposes: Iterable[str], withheld: frozenset[str]
) -> Veil:
    operation = edition.operation(key)
    if operation is None or endpoint is None:
        return Veil()
    unit = edition.units[operation.unit]
    prefix = f"{{{unit.namespace}}}"
    record = unit.records.get(operation.record)
    purposes = tuple(purposes)
    names = frozenset(item.name for item in record.items) if record is not None else frozenset()
    seen = [discloses(edition, key, endpoint, purpose) for purpose in purposes]
    hidden = frozenset().union(*(names - one for one in seen if one is not None)) - withheld
    shields: tuple[Shield, ...] = ()
    limits: tuple[Limit, ...] = ()
    if endpoint.unit != operation.provider:
        shields = tuple(
            Shield(row, prefix + row.flag, tuple(prefix + name for name in sorted(row.items)))
            for row in unit.protections
            if row.record == operation.record and row.effect == "withhold"
        )
        found = (limit_of(unit, operation.record, endpoint.unit, purpose) for purpose in purposes)
        limits = tuple(limit for limit in found if limit is not None)
    return Veil(
        record=prefix + operation.record if operation.record else "",
        tags=(*(prefix + name for name in sorted(hidden)), *(f"{{*}}{name}" for name in sorted(withheld))),
        loose=withheld,
        by_standard=hidden,
        by_right=withheld,
        shields=shields,
        limits=limits,
        covered=frozenset(prefix + name for name in hidden),
    )
