"""Which records pass: the terms of disclosure.csv over each record, what a question may ask for, whom a notice is for.

Prepared when a site is loaded; what has no terms is in no table here and costs nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final

from lxml import etree

from bus.core.errors import DeliveryError, RightsError
from bus.core.types import Endpoint, Finding
from bus.wire.rules import compile_rule
from schemas.model import Condition, Operation, Rule, Unit
from schemas.rows import about_of

NOT_ASKED: Final = "CB3027"
FOR_NOBODY: Final = "CB3028"
IN_BULK: Final = "CB3029"
ABOUT_OTHERS: Final = "CB3030"

Values = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Share:
    """One row of disclosure.csv before a receiver: ``holds`` of a record's values by tag, and the tags that it hides of
    those which other rows show.
    """

    holds: Callable[[Values], bool]
    hidden: frozenset[str]
    terms: tuple[Condition, ...]


@dataclass(frozen=True, slots=True)
class Limit:
    """The rows for one purpose, any of which lets a record pass; what all of those hide is taken out of it."""

    shares: tuple[Share, ...]

    def hides(self, values: Values) -> frozenset[str] | None:
        """The tags that go from a record of these values; ``None`` where the record itself does."""
        held = [share.hidden for share in self.shares if share.holds(values)]
        return frozenset.intersection(*held) if held else None


@dataclass(frozen=True, slots=True)
class Question:
    """What an asker may ask for: of each row the items that its question has too, with the values that are answered."""

    rows: tuple[tuple[tuple[str, frozenset[str]], ...], ...]

    def check(self, payload: etree._Element) -> None:
        """An item that is not asked for is answered as far as it is disclosed. Errors: CB3027."""
        values = values_of(payload)
        if not any(all(values.get(tag) in (None, *codes) for tag, codes in row) for row in self.rows):
            items = sorted({tag for row in self.rows for tag, _ in row})
            findings = [Finding(NOT_ASKED, path=name_of(tag), expected="disclosure.csv rows") for tag in items]
            raise RightsError(NOT_ASKED, findings)


@dataclass(frozen=True, slots=True)
class Subject:
    """To what of the question the records of an answer belong: (item of the question, item the records share).

    ``places`` says where the items stand when none before them is left out: looking there first makes this cost 1 µs.
    ``exceptions`` has, by the item of the question, a flag and its value with which a record is not bound.
    """

    record: str
    pairs: tuple[tuple[str, str], ...]
    places: tuple[Mapping[str, int], Mapping[str, int]]
    exceptions: Mapping[str, tuple[str, str]] = field(default_factory=dict)

    def asked(self, payload: etree._Element) -> Values:
        """What a question says of its subject."""
        found = {}
        for tag, _ in self.pairs:
            value = value_of(payload, tag, self.places[0][tag])
            if value is not None:
                found[tag] = value
        return found

    def holds(self, asked: Values, records: Iterable[Values]) -> bool:
        """Whether every record, by its values, has what was asked for; ``False`` also where only ``check`` can tell."""
        for tag, shared in self.pairs:
            if tag in asked:
                wanted = asked[tag]
                if shared != tag or any(record.get(tag) != wanted for record in records):
                    return False
        return True

    def check(self, asked: Values, payload: etree._Element) -> None:
        """Every record of an answer belongs to what was asked for. Errors: CB3030, which names items and no value."""
        places = self.places[1]
        records = [child for child in payload if child.tag == self.record]
        for tag, shared in self.pairs if records else ():
            if tag not in asked:
                continue
            wanted = {asked[tag]}
            if shared != tag:
                own = [one for one in records if value_of(one, tag, places[tag]) == asked[tag]]
                wanted = {value_of(one, shared, places[shared]) or "" for one in own}
            for record in records:
                if value_of(record, shared, places[shared]) not in wanted and not self._free(tag, record):
                    finding = Finding(ABOUT_OTHERS, path=name_of(shared), expected=f"{name_of(tag)} of the question")
                    raise DeliveryError(ABOUT_OTHERS, [finding])

    def _free(self, tag: str, record: etree._Element) -> bool:
        """Whether a record may stand under another number than was asked for: what is held in common."""
        flag, value = self.exceptions.get(tag, ("", ""))
        return bool(flag) and value_of(record, flag, self.places[1][flag]) == value


def limit_of(unit: Unit, record: str, consumer: str, purpose: str) -> Limit | None:
    """The rows that one purpose rests on, ``None`` where every record passes alike."""
    rows = unit.shares(record, consumer, purpose)
    if not any(row.rows for row in rows):
        return None
    prefix = f"{{{unit.namespace}}}"
    shown = frozenset().union(*(row.items for row in rows))
    return Limit(
        tuple(
            Share(
                compile_rule(Rule(record, record, (), row.rows_for(consumer), "", ""), prefix) if row.rows else _always,
                frozenset(prefix + name for name in shown - row.items),
                row.rows_for(consumer),
            )
            for row in rows
        )
    )


def question_of(unit: Unit, operation: Operation, limit: Limit) -> Question | None:
    """What may be asked, ``None`` where the question has none of the items by which records are limited."""
    request = unit.records.get(operation.request_record)
    named = {item.name for item in request.items} if request is not None else set()
    prefix = f"{{{unit.namespace}}}"
    rows = tuple(
        tuple(
            (prefix + term.items[0], frozenset(term.values))
            for term in share.terms
            if term.op == "in" and len(term.items) == 1 and term.items[0] in named
        )
        for share in limit.shares
    )
    return Question(rows) if rows and all(rows) else None


def subject_of(unit: Unit, operation: Operation) -> Subject | None:
    """What the answers of an operation are about, as far as the standard says so."""
    if not operation.about:
        return None
    prefix = f"{{{unit.namespace}}}"
    terms = [about_of(one) for one in operation.about]
    places = tuple(
        {prefix + item.name: place for place, item in enumerate(unit.records[name].items)}
        for name in (operation.request_record, operation.record)
    )
    pairs = tuple((prefix + one.item, prefix + one.shared) for one in terms)
    free = {prefix + one.item: (prefix + one.flag, one.value) for one in terms if one.flag}
    return Subject(prefix + operation.record, pairs, (places[0], places[1]), free)


def limit_records(payload: etree._Element, record: str, limits: Iterable[Limit]) -> tuple[int, frozenset[str]]:
    """Take out the records that no row discloses, and of the others the items that none of their rows does: how many
    records went, and the names of the items.
    """
    gone, names = 0, set()
    for element in list(payload.iter(record)):
        values = values_of(element)
        hidden: frozenset[str] = frozenset()
        for limit in limits:
            more = limit.hides(values)
            if more is None:
                _remove(element)
                gone += 1
                break
            hidden |= more
        else:
            for tag in hidden & values.keys():
                for item in list(element.iterchildren(tag)):
                    element.remove(item)
                names.add(name_of(tag))
    return gone, frozenset(names)


def is_for(payload: etree._Element, record: str, limits: tuple[Limit, ...]) -> bool:
    """Whether every record of a payload passes."""
    for element in payload.iter(record):
        values = values_of(element)
        if any(limit.hides(values) is None for limit in limits):
            return False
    return True


def for_nobody(code: str, refused: Iterable[Endpoint], limits: Iterable[Limit]) -> RightsError:
    """The refusal of a notice that no target of its route may see (CB3028), or of a bulk part (CB3029)."""
    items = sorted({name for limit in limits for share in limit.shares for term in share.terms for name in term.items})
    keys = " ".join(target.key for target in refused)
    return RightsError(code, [Finding(code, path=name, expected="disclosure.csv rows", got=keys) for name in items])


def values_of(element: etree._Element) -> dict[str, str]:
    """The texts of the children by tag; what a comment or CDATA parts is put together, as the contract does."""
    return {
        child.tag: (child.text or "")
        if not len(child)
        else "".join((child.text or "", *(part.tail or "" for part in child)))
        for child in element
        if isinstance(child.tag, str)
    }


def value_of(element: etree._Element, tag: str, place: int = -1) -> str | None:
    """The text of one child, which may stand at ``place``; ``None`` where it is absent."""
    child = element[place] if 0 <= place < len(element) else None
    if child is None or child.tag != tag:
        child = next(element.iterchildren(tag), None)
        if child is None:
            return None
    return (child.text or "") + "".join(part.tail or "" for part in child) if len(child) else child.text or ""


def name_of(tag: str) -> str:
    """The item's name without its namespace."""
    return tag.rpartition("}")[2]


def _always(_: Values) -> bool:
    return True


def _remove(element: etree._Element) -> None:
    parent = element.getparent()
    if parent is not None:
        parent.remove(element)
