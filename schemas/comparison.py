"""Compare two editions of the standard: what was added, removed or changed, and who may go on as before.

Two questions are asked of each change. ``senders``: is every message that was right still right, so that whoever
sends may go on? ``receivers``: may whoever receives go on, if what is new to him is left out of what he gets?
A change of meaning (mark of care, name of a code) is a change in neither form, and is listed as one to be read.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from schemas.model import CodeTable, Edition, Item, Operation, RecordType, Unit
from schemas.rows import rows_text

ADDED, REMOVED, CHANGED = "added", "removed", "changed"
_WIDER = {"X": frozenset({"9", "YEAR", "DATE", "TIME"}), "S9": frozenset({"9"})}
"""Types by those whose every value they take as well."""


@dataclass(frozen=True, slots=True)
class Change:
    """One difference of the facet ``what`` at ``<unit>``, ``<unit>.<operation>`` or ``<unit>/<record>/<item>``."""

    kind: str
    place: str
    name_ja: str
    what: str
    before: str
    after: str
    senders: bool
    receivers: bool

    @property
    def compatible(self) -> bool:
        """Whether both sides may go on."""
        return self.senders and self.receivers


def compare(old: Edition, new: Edition) -> tuple[Change, ...]:
    """Every difference between two editions, by unit: operations, records with their items, code tables, rules."""
    found: list[Change] = []
    for key, before, after in _pairs(old.units, new.units):
        if before is None or after is None:
            unit = before or after
            assert unit is not None
            found.append(_whole(key, unit.name_ja, "unit", added=before is None))
        else:
            found += _unit(before, after)
    return tuple(found)


def _unit(old: Unit, new: Unit) -> Iterator[Change]:
    for name, before, after in _pairs(old.operations, new.operations):
        place = f"{old.key}.{name}"
        if before is None or after is None:
            operation = before or after
            assert operation is not None
            yield _whole(place, operation.name_ja, "operation", added=before is None)
        else:
            yield from _operation(place, before, after)
    for name, one, other in _pairs(old.records, new.records):
        if one is not None and other is not None:
            yield from _record(f"{old.key}/{name}", one, other, old, new)
    yield from _rules(old, new)
    yield from _disclosure(old, new)


def _operation(place: str, old: Operation, new: Operation) -> Iterator[Change]:
    """Patterns, records and ordering bind both sides; who is left out loses it; who answers may get less time."""

    def change(what: str, before: object, after: object, *, senders: bool = False, receivers: bool = False) -> Change:
        return Change(CHANGED, place, new.name_ja, what, str(before), str(after), senders, receivers)

    for what in ("pattern", "record", "repeats", "request_record", "ordering", "number_use", "about"):
        if getattr(old, what) != getattr(new, what):
            yield change(what, _shown(getattr(old, what)), _shown(getattr(new, what)))
    for what in ("consumers", "purposes"):
        before, after = set(getattr(old, what)), set(getattr(new, what))
        if before != after:
            kept = before <= after or "*" in after
            yield change(what, _shown(sorted(before)), _shown(sorted(after)), senders=kept, receivers=kept)
    if old.deadline_s != new.deadline_s:
        longer = new.deadline_s >= old.deadline_s
        yield change("deadline_s", f"{old.deadline_s:g}", f"{new.deadline_s:g}", senders=True, receivers=longer)


def _record(place: str, old: RecordType, new: RecordType, units: Unit, others: Unit) -> Iterator[Change]:
    before = {item.name: item for item in old.items}
    after = {item.name: item for item in new.items}
    for name, one, other in _pairs(before, after):
        where = f"{place}/{name}"
        if one is None and other is not None:
            yield Change(ADDED, where, other.name_ja, "item", "", _kind(other), not other.mandatory, True)
        elif one is not None and other is None:
            yield Change(REMOVED, where, one.name_ja, "item", _kind(one), "", False, not one.mandatory)
        elif one is not None and other is not None:
            yield from _item(where, one, other)
            if one.code and one.code == other.code:
                yield from _codes(where, other.name_ja, units.codes[one.code], others.codes[other.code])
    common = [name for name in before if name in after]
    if common != [name for name in after if name in before]:
        yield Change(CHANGED, place, new.name_ja or new.name, "order", "", "", False, False)
    if old.key != new.key:
        yield Change(CHANGED, place, new.name_ja or new.name, "key", _shown(old.key), _shown(new.key), False, False)


def _item(place: str, old: Item, new: Item) -> Iterator[Change]:
    def change(what: str, before: object, after: object, senders: bool, receivers: bool) -> Change:
        return Change(CHANGED, place, new.name_ja, what, str(before), str(after), senders, receivers)

    if old.type != new.type:
        wider, narrower = old.type in _WIDER.get(new.type, ()), new.type in _WIDER.get(old.type, ())
        yield change("type", old.type, new.type, wider, narrower)
    for what in ("digits", "scale"):
        one, other = getattr(old, what), getattr(new, what)
        if one != other:
            yield change(what, one, other, other > one, other < one)
    if old.mandatory != new.mandatory:
        yield change("mandatory", _yes(old.mandatory), _yes(new.mandatory), old.mandatory, new.mandatory)
    for what in ("code", "format"):
        one, other = getattr(old, what), getattr(new, what)
        if one != other:
            yield change(what, one, other, not other, not one)
    for what in ("name_ja", "sensitivity"):
        if getattr(old, what) != getattr(new, what):
            # the form is the same, but what is withheld and masked may hang on the mark
            same = what == "name_ja"
            yield change(what, getattr(old, what), getattr(new, what), same, same)


def _codes(place: str, name_ja: str, old: CodeTable, new: CodeTable) -> Iterator[Change]:
    before, after = {row.code: row for row in old.rows}, {row.code: row for row in new.rows}
    for code, one, other in _pairs(before, after):
        what = f"code {new.name}"
        if one is None and other is not None:
            yield Change(ADDED, place, name_ja, what, "", f"{code} {other.name_ja}", True, False)
        elif one is not None and other is None:
            yield Change(REMOVED, place, name_ja, what, f"{code} {one.name_ja}", "", False, True)
        elif one is not None and other is not None and one.name_ja != other.name_ja:
            yield Change(
                CHANGED, place, name_ja, what, f"{code} {one.name_ja}", f"{code} {other.name_ja}", False, False
            )


def _rules(old: Unit, new: Unit) -> Iterator[Change]:
    """A new rule may refuse what was right; one that is gone lets through what was refused."""
    before = {f"{rule.record}.{rule.name}": rule for rule in old.rules}
    after = {f"{rule.record}.{rule.name}": rule for rule in new.rules}
    for name, one, other in _pairs(before, after):
        place = f"{old.key}/{name.replace('.', '/', 1)}"
        if one is None and other is not None:
            yield Change(ADDED, place, other.text_ja, "rule", "", other.text_ja, False, True)
        elif one is not None and other is None:
            yield Change(REMOVED, place, one.text_ja, "rule", one.text_ja, "", True, False)
        elif one is not None and other is not None and (one.when, one.then) != (other.when, other.then):
            yield Change(CHANGED, place, other.text_ja, "rule", one.text_ja, other.text_ja, False, False)


def _disclosure(old: Unit, new: Unit) -> Iterator[Change]:
    """Who sees what: the items and the records of each consumer and purpose. Who sees less has to look."""
    nothing: tuple[frozenset[str], str] = (frozenset(), "")
    for place, one, other in _pairs(_seen(old), _seen(new)):
        if one == other:
            continue
        kind = CHANGED if one and other else ADDED if other else REMOVED
        items, names = (one or nothing)[0], (other or nothing)[0]
        lost, won = sorted(items - names), sorted(names - items)
        if lost or won or kind != CHANGED:
            shown = " ".join([*(f"-{name}" for name in lost), *(f"+{name}" for name in won)])
            sizes = str(len(items)), f"{len(names)} ({shown})" if kind == CHANGED else str(len(names))
            yield Change(kind, place, "開示項目", "disclosure", *sizes, True, not lost)
        if one and other and one[1] != other[1]:
            yield Change(kind, place, "開示レコード", "rows", one[1], other[1], True, False)


def _seen(unit: Unit) -> dict[str, tuple[frozenset[str], str]]:
    """Items and rows by ``<unit>/<record> -> <consumer> <purpose>``."""
    found: dict[str, tuple[frozenset[str], str]] = {}
    for row in unit.disclosure or ():
        for consumer in row.consumers if row.items else ():
            for purpose in row.purposes:
                shares = unit.shares(row.record, consumer, purpose)
                rows = " / ".join(rows_text(unit, one.record, one.rows_for(consumer)) for one in shares)
                items = frozenset().union(*(one.items for one in shares))
                found[f"{unit.key}/{row.record} -> {consumer} {purpose}"] = (items, rows)
    return found


def _whole(place: str, name_ja: str, what: str, *, added: bool) -> Change:
    return Change(ADDED if added else REMOVED, place, name_ja, what, "", "", added, added)


def _pairs(old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[tuple[str, Any, Any]]:
    """Names of both in the order of the old, then the new ones, with what each has."""
    for name in [*old, *(name for name in new if name not in old)]:
        yield name, old.get(name), new.get(name)


def _kind(item: Item) -> str:
    size = f"{item.digits},{item.scale}" if item.scale else str(item.digits)
    return f"{item.type}({size}){' mandatory' if item.mandatory else ''}"


def _shown(value: object) -> str:
    return (
        ", ".join(str(one) for one in value)
        if isinstance(value, Iterable) and not isinstance(value, str)
        else str(value)
    )


def _yes(value: bool) -> str:
    return "yes" if value else "no"
