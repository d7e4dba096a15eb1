"""Veils: what one receiver does not see of one operation, from the standard's tables and the site's rights.

Three reasons, told to the receiver by name: the standard does not disclose the item to its unit for its purpose
(開示), the site's right withholds it (権限), or a flag in the record protects the person (保護).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final

from lxml import etree

from bus.core.settings import Site
from bus.core.types import Endpoint, Right
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

    ``by_standard`` and ``by_right`` are the same by item name and reason.
    """

    record: str = ""
    tags: tuple[str, ...] = ()
    loose: frozenset[str] = frozenset()
    by_standard: frozenset[str] = frozenset()
    by_right: frozenset[str] = frozenset()
    shields: tuple[Shield, ...] = ()

    @property
    def items(self) -> frozenset[str]:
        """Every item that never passes."""
        return self.by_standard | self.by_right

    def __bool__(self) -> bool:
        """Whether there is anything to look for."""
        return bool(self.tags or self.shields)


@dataclass(frozen=True, slots=True)
class Views:
    """Every right as it counts, and the veils: of answers by (endpoint key, operation, purpose), of what is delivered
    by (endpoint key, operation). What has no veil is not in the tables and costs one look-up.

    ``void`` are rights that are none, since the standard discloses nothing to that unit for that purpose; ``known``
    are the (endpoint key, operation) that have any other. ``preferred`` are the flags that let a message go first, and
    ``stopped`` those that let it go nowhere, by operation.
    """

    rights: Mapping[tuple[str, str, str], Right]
    preferred: Mapping[str, tuple[Shield, ...]]
    void: frozenset[tuple[str, str, str]]
    known: frozenset[tuple[str, str]]
    answers: Mapping[tuple[str, str, str], Veil] = field(default_factory=dict)
    deliveries: Mapping[tuple[str, str], Veil] = field(default_factory=dict)
    stopped: Mapping[str, tuple[Shield, ...]] = field(default_factory=dict)


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
    for place, right in rights.items():
        endpoint = endpoints.get((right.municipality, right.endpoint))
        if veil := _veil(edition, right.operation, endpoint, (place[2],), right.withhold):
            answers[place] = veil
    deliveries: dict[tuple[str, str], Veil] = {}
    for (key, operation), rows in receivers.items():
        endpoint = endpoints.get((rows[0][1].municipality, rows[0][1].endpoint))
        own = [row for row in rows if endpoint is not None and endpoint.purpose == row[0]] or rows
        withheld: frozenset[str] = frozenset().union(*(row.withhold for _, row in own))
        if veil := _veil(edition, operation, endpoint, {purpose for purpose, _ in own}, withheld):
            deliveries[key, operation] = veil
    return Views(
        rights,
        _flags(edition, "priority"),
        frozenset(void),
        frozenset(receivers),
        answers,
        deliveries,
        _flags(edition, "stop"),
    )


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
            flag = next(record.iterchildren(shield.flag), None)
            if shield.row.holds(None if flag is None else flag.text or ""):
                return shield
    return None


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
    names = frozenset(item.name for item in record.items) if record is not None else frozenset()
    seen = [discloses(edition, key, endpoint, purpose) for purpose in purposes]
    hidden = frozenset().union(*(names - one for one in seen if one is not None)) - withheld
    shields: tuple[Shield, ...] = ()
    if endpoint.unit != operation.provider:
        shields = tuple(
            Shield(row, prefix + row.flag, tuple(prefix + name for name in sorted(row.items)))
            for row in unit.protections
            if row.record == operation.record and row.effect == "withhold"
        )
    return Veil(
        record=prefix + operation.record if operation.record else "",
        tags=(*(prefix + name for name in sorted(hidden)), *(f"{{*}}{name}" for name in sorted(withheld))),
        loose=withheld,
        by_standard=hidden,
        by_right=withheld,
        shields=shields,
    )
