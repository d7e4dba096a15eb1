"""Read the tables of personal data of a unit: disclosure.csv, protection.csv, number_guard.csv; all problems reported.

Which records go to whom is the column ``rows`` (``schemas.rows``). Items are named by selectors separated by ``|``: a
name, ``prefix_*``, ``@mark`` (every item of a sensitivity mark), ``*`` (every item without a mark), ``**`` (every item
that is not mandatory), and ``!`` before any of them takes out again. A selector that reaches no item is a problem, so
that a renamed item is noticed.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol, TypeVar

from schemas.model import CodeTable, Disclosure, Exemption, Operation, Protection, RecordType, Rule
from schemas.rows import EVERY, NONE, read_rows, undecided

DISCLOSURE, PROTECTION, GUARD = "disclosure.csv", "protection.csv", "number_guard.csv"
KINDS = "row_kinds.csv"
EFFECTS = ("withhold", "priority", "stop", "none")
NUMBERS = frozenset({"kojinbango", "juminhyokodo"})
"""The marks of the numbers that only 番号利用事務 may see."""
NUMBER_USE = "番号利用事務"
ABSENT = "-"
_Row = TypeVar("_Row")


class Rows(Protocol):
    """What is used of the reader of the catalogue."""

    def rows(self, path: Path, kind: type[_Row]) -> Iterator[tuple[int, _Row]]:
        """The rows of a file with their lines."""
        ...

    def add(self, path: Path, line: int, text: str) -> None:
        """Report a problem."""
        ...

    def known(self, path: Path, line: int, what: str, names: Iterable[str], known: Iterable[str]) -> None:
        """Report names that are not known."""
        ...


@dataclass(frozen=True, slots=True)
class Shelf:
    """What the tables of a unit refer to; ``kinds`` are the code tables by which a record belongs to somebody."""

    records: Mapping[str, RecordType]
    codes: Mapping[str, CodeTable]
    operations: Mapping[str, Operation]
    rules: tuple[Rule, ...]
    kinds: Mapping[str, str] = field(default_factory=dict)

    def carrying(self, record: str) -> list[Operation]:
        """The operations that carry a record to a consumer."""
        return [operation for operation in self.operations.values() if operation.record == record]

    def number_purposes(self) -> frozenset[str]:
        """The purposes that are 番号利用事務."""
        table = self.codes.get("riyomokuteki")
        return frozenset(row.code for row in table.rows if row.group == NUMBER_USE) if table else frozenset()


@dataclass(frozen=True, slots=True)
class _Discloses:
    record: str
    consumer: str
    purpose: str
    items: str
    rows: str
    basis_ja: str
    provenance: str


@dataclass(frozen=True, slots=True)
class _Kind:
    code: str
    reason_ja: str
    reason_en: str
    provenance: str


@dataclass(frozen=True, slots=True)
class _Protects:
    name: str
    record: str
    flag: str
    values: str
    effect: str
    items: str
    text_ja: str
    text_en: str
    provenance: str


def select(selectors: str, record: RecordType) -> tuple[frozenset[str], tuple[str, ...]]:
    """The items that the selectors name, and those selectors that reach none."""
    taken: set[str] = set()
    left: set[str] = set()
    unknown = []
    for selector in (part for part in selectors.split("|") if part):
        found = _reached(selector.removeprefix("!"), record)
        if not found:
            unknown.append(selector)
        (left if selector.startswith("!") else taken).update(found)
    return frozenset(taken - left), tuple(unknown)


def _reached(selector: str, record: RecordType) -> set[str]:
    if selector == "*":
        return {item.name for item in record.items if not item.sensitivity}
    if selector == "**":
        return {item.name for item in record.items if not item.mandatory}
    if selector.startswith("@"):
        return {item.name for item in record.items if item.sensitivity == selector[1:]}
    if selector.endswith("*"):
        return {item.name for item in record.items if item.name.startswith(selector[:-1])}
    return {item.name for item in record.items if item.name == selector}


def read_disclosure(
    reader: Rows, path: Path, shelf: Shelf, protections: Iterable[Protection]
) -> tuple[Disclosure, ...] | None:
    """The rows of ``disclosure.csv``, ``None`` where there is no such file.

    What a consumer sees for a purpose is still a message of the standard: every mandatory item, nothing that a rule
    then misses, no address without the flags that protect it; and a number only for 番号利用事務.
    """
    if not path.is_file():
        return None
    found: list[Disclosure] = []
    seen: dict[tuple[str, str, str], list[tuple[int, Disclosure]]] = {}
    for line, row in reader.rows(path, _Discloses):
        record = _record(reader, path, line, row.record, shelf)
        if record is None:
            continue
        denied = row.items == NONE
        items = frozenset() if denied else _items(reader, path, line, row.items, record)
        terms, problems = read_rows(row.rows, record, shelf.codes)
        if denied != (row.rows == NONE):
            problems.append(f"items {NONE} and rows {NONE} stand together: nothing is disclosed")
        elif not denied and not problems:
            problems += undecided(terms, record, shelf.kinds)
        for problem in problems:
            reader.add(path, line, problem)
        consumers, purposes = tuple(row.consumer.split("|")), tuple(row.purpose.split("|"))
        if denied and purposes == (EVERY,):
            purposes = tuple(sorted({one for each in shelf.carrying(record.name) for one in each.purposes}))
        _may_ask(reader, path, line, record, consumers, purposes, shelf)
        if not row.basis_ja:
            reader.add(path, line, "basis_ja says nothing: by what right or need?")
        entry = Disclosure(record.name, consumers, purposes, items, row.basis_ja, row.provenance, terms)
        found.append(entry)
        for consumer in consumers:
            for purpose in purposes:
                seen.setdefault((record.name, consumer, purpose), []).append((line, entry))
    rows = tuple(protections)
    for (name, consumer, purpose), entries in seen.items():
        for problem in dict.fromkeys(_together(shelf.records[name], [one for _, one in entries], purpose, shelf, rows)):
            reader.add(path, entries[-1][0], f"{name} {consumer} {purpose}: {problem}")
    return tuple(found)


def read_kinds(reader: Rows, path: Path, codes: Mapping[str, CodeTable]) -> dict[str, str]:
    """The code tables of ``row_kinds.csv`` with the reason; none where there is no such file.

    A table that only some units have is not known here: then nothing is said of it.
    """
    found = {}
    for line, row in reader.rows(path, _Kind) if path.is_file() else ():
        if not (row.reason_ja and row.reason_en):
            reader.add(path, line, "reason_ja and reason_en say why a record belongs to somebody by this code")
        found[row.code] = row.reason_ja
    return found


def _together(
    record: RecordType, entries: list[Disclosure], purpose: str, shelf: Shelf, protections: tuple[Protection, ...]
) -> Iterator[str]:
    """What is wrong with what one consumer may see of any record for one purpose: of a record that keeps the terms of
    one row, and of one that keeps those of all.
    """
    given = [one for one in entries if one.items]
    if given and len(given) != len(entries):
        yield "one row discloses and another says that nothing is disclosed"
    always = frozenset().union(*(one.items for one in given if not one.rows))
    views = {always | one.items for one in given} | {frozenset().union(*(one.items for one in given))}
    for items in sorted(views - {frozenset()}, key=sorted):
        yield from _problems(record, items, purpose, shelf, protections)


def read_protections(reader: Rows, path: Path, shelf: Shelf) -> tuple[Protection, ...]:
    """The rows of ``protection.csv``; none where there is no such file."""
    found: list[Protection] = []
    names: set[str] = set()
    for line, row in reader.rows(path, _Protects) if path.is_file() else ():
        record = _record(reader, path, line, row.record, shelf)
        reader.known(path, line, "effect", [row.effect], EFFECTS)
        if row.name in names:
            reader.add(path, line, f"{row.name} occurs twice")
        names.add(row.name)
        if record is None:
            continue
        values = frozenset(row.values.split("|")) - {"", ABSENT}
        absent = ABSENT in row.values.split("|")
        items = _items(reader, path, line, row.items, record)
        protection = Protection(
            row.name, record.name, row.flag, values, absent, row.effect, items, row.text_ja, row.text_en, row.provenance
        )
        for problem in _wrong(protection, record, shelf):
            reader.add(path, line, f"{row.name}: {problem}")
        found.append(protection)
    return tuple(found)


def read_exemptions(reader: Rows, path: Path) -> tuple[Exemption, ...]:
    """The rows of a ``number_guard.csv``; none where there is no such file."""
    return tuple(row for _, row in reader.rows(path, Exemption)) if path.is_file() else ()


def left_invalid(rule: Rule, withheld: frozenset[str]) -> bool:
    """Whether a rule may ask for an item that is withheld, because what triggers it is not withheld."""
    triggered = all(one.needs_no_item or not withheld.issuperset(one.items) for one in rule.when)
    return triggered and any(one.hurt_by(withheld) for one in rule.then)


def _record(reader: Rows, path: Path, line: int, name: str, shelf: Shelf) -> RecordType | None:
    reader.known(path, line, "record", [name], shelf.records)
    return shelf.records.get(name)


def _items(reader: Rows, path: Path, line: int, selectors: str, record: RecordType) -> frozenset[str]:
    items, unknown = select(selectors, record)
    for selector in unknown:
        plain = selector.removeprefix("!")
        if plain.startswith("@"):
            reader.known(path, line, "mark", [plain[1:]], {item.sensitivity for item in record.items} - {""})
        elif plain.endswith("*"):
            reader.add(path, line, f"{selector} reaches no item of {record.name}")
        else:
            reader.known(path, line, "item", [plain], [item.name for item in record.items])
    return items


def _may_ask(
    reader: Rows, path: Path, line: int, record: RecordType, consumers: Iterable[str], purposes: Iterable[str],
    shelf: Shelf,
) -> None:  # fmt: skip
    """Consumers and purposes are those of the operations that carry the record."""
    operations = shelf.carrying(record.name)
    if not operations:
        reader.add(path, line, f"no operation carries {record.name}")
        return
    if "gyomu" in shelf.codes:
        reader.known(path, line, "consumer", consumers, shelf.codes["gyomu"].codes)
    named = {consumer for operation in operations for consumer in operation.consumers}
    if "*" not in named:
        for consumer in set(consumers) - named:
            reader.add(path, line, f"no operation with {record.name} names {consumer} as its consumer")
    reader.known(path, line, "purpose", purposes, {purpose for one in operations for purpose in one.purposes})


def _problems(
    record: RecordType, items: frozenset[str], purpose: str, shelf: Shelf, protections: tuple[Protection, ...]
) -> Iterator[str]:
    """What is wrong with all that one consumer sees for one purpose."""
    missing = [item.name for item in record.items if item.mandatory and item.name not in items]
    if missing:
        yield f"mandatory items are not disclosed: {', '.join(missing)}"
    numbers = [item.name for item in record.items if item.name in items and item.sensitivity in NUMBERS]
    if numbers and purpose not in shelf.number_purposes():
        yield f"no {NUMBER_USE}, but it sees {', '.join(numbers)}"
    if numbers and not any(operation.number_use for operation in shelf.carrying(record.name)):
        yield f"no operation with {record.name} has number_use, but it carries {', '.join(numbers)}"
    hidden = frozenset(item.name for item in record.items) - items
    for rule in shelf.rules:
        if rule.record == record.name and left_invalid(rule, hidden):
            yield f"what is disclosed breaks the rule {rule.name}"
    for one in protections:
        if one.record == record.name and one.flag and one.flag not in items and one.items & items:
            yield f"it sees what {one.flag} protects, but not {one.flag}"


def _wrong(row: Protection, record: RecordType, shelf: Shelf) -> Iterator[str]:
    """What is wrong with one row of protection."""
    flag = next((item for item in record.items if item.name == row.flag), None)
    if row.effect == "none":
        if row.flag or row.values or row.items:
            yield "effect none has neither flag, values nor items"
        return
    if flag is None:
        yield f"unknown flag {row.flag!r}"
        return
    if not row.values and not row.absent:
        yield f"no values (a code, several with | between, {ABSENT} for an absent flag)"
    if flag.code in shelf.codes and row.effect != "stop" and (more := row.values - shelf.codes[flag.code].codes):
        yield f"not in the code table {flag.code}: {', '.join(sorted(more))}"
    if bool(row.items) != (row.effect == "withhold"):
        yield "items stand with the effect withhold, and only there"
    if kept := sorted(item.name for item in record.items if item.mandatory and item.name in row.items):
        yield f"mandatory items cannot be withheld: {', '.join(kept)}"
    if row.flag in row.items:
        yield "the flag itself is passed on"
    for rule in shelf.rules:
        if rule.record == record.name and left_invalid(rule, row.items):
            yield f"what is left breaks the rule {rule.name}"
    if not (row.text_ja and row.text_en):
        yield "text_ja and text_en say why"
