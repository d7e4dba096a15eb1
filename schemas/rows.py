"""The column ``rows`` of disclosure.csv: which records of a kind go to a consumer, as terms over their items.

``*`` is every record, ``-`` none. Otherwise terms separated by ``;`` that must all hold: ``zeimoku=01|02``,
``gyomu=$consumer`` (the key of the receiving unit), ``a|b=1`` (either item), ``item`` (it is there) and ``!item``.
What a record *is not* cannot be asked: a code that is added later would then be disclosed before anybody decided so.

``about`` of an operation has terms of its own: ``item`` (the record has the question's value), ``item>other`` (it has
what the records of that value have in ``other``), ``item unless flag=1`` (as the first, except records of that flag).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from schemas.conditions import conditions
from schemas.model import CONSUMER, CodeTable, Condition, Operation, RecordType, Unit

EVERY, NONE = "*", "-"
ALLOWED = ("in", "present", "absent")


def read_rows(text: str, record: RecordType, codes: Mapping[str, CodeTable]) -> tuple[tuple[Condition, ...], list[str]]:
    """The terms of a cell (none for ``*`` and ``-``), and what is wrong with them."""
    if text in {EVERY, NONE}:
        return (), []
    items = {item.name: item for item in record.items}
    terms, problems = conditions(text, items, may_compare=False)
    if not text:
        return (), [f"rows says nothing: {EVERY} for every record, {NONE} for none, or terms over its items"]
    found = list(problems)
    for term in terms:
        if term.op not in ALLOWED:
            found.append(
                f"rows: only =, an item, or ! before an item can be asked, not {' '.join(term.items)} {term.op}"
            )
        found += [f"rows: {record.name} has no item {name}" for name in term.items if name not in items]
        for name in term.items:
            table = codes.get(items[name].code) if name in items else None
            if table is not None and (unknown := sorted(set(term.values) - table.codes - {CONSUMER})):
                found.append(f"rows: not in the code table {table.name}: {', '.join(unknown)}")
    return terms, found


def undecided(terms: tuple[Condition, ...], record: RecordType, kinds: Mapping[str, str]) -> Iterator[str]:
    """The items by whose code a record belongs to somebody (``row_kinds.csv``) and of which the terms name no value."""
    named = {name for term in terms if term.op == "in" for name in term.items}
    bound = [item for item in record.items if item.code in kinds]
    if bound and not any(item.name in named for item in bound):
        names = ", ".join(item.name for item in bound)
        yield f"rows names no value of {names}: {record.name} belongs to somebody by its kind"


@dataclass(frozen=True, slots=True)
class About:
    """One term of ``about``: ``item`` of the question, ``shared`` of the records, and the records it does not bind."""

    item: str
    shared: str
    flag: str = ""
    value: str = ""


def about_of(text: str) -> About:
    """A term as it is written."""
    term, _, exception = text.partition(" unless ")
    item, _, shared = term.partition(">")
    flag, _, value = exception.partition("=")
    return About(item, shared or item, flag, value)


def about_problems(
    about: tuple[str, ...], records: Mapping[str, RecordType], entry: Mapping[str, object]
) -> Iterator[str]:
    """What is wrong with ``about`` of an operation: items of the question, and of the record that answers it."""
    question, record = records.get(str(entry.get("request_record", ""))), records.get(str(entry.get("record", "")))
    for one in about:
        term = about_of(one)
        item, shared = term.item, term.shared
        if question is None or item not in {each.name for each in question.items}:
            yield f"the question has no item {item}"
        if " unless " in one and not (term.flag and term.value):
            yield f"an exception is an item and its value: {one}"
        for name in dict.fromkeys((item, shared, *([term.flag] if term.flag else ()))):
            if record is None or name not in {each.name for each in record.items}:
                yield f"the record has no item {name}"


def rows_text(unit: Unit, record: str, terms: tuple[Condition, ...], consumer: str = "") -> str:
    """The terms for a reader, in Japanese; ``consumer`` is the unit's name in the place of ``$consumer``."""
    if not terms:
        return "すべて"
    kind = unit.records[record]
    return "、かつ ".join(_term(unit, kind, term, consumer or "受け取る業務") for term in terms)


def about_text(unit: Unit, operation: Operation) -> str:
    """To what of the question the records of an answer belong, in Japanese; empty where nothing is said."""
    record = unit.records.get(operation.record)
    if record is None or not operation.about:
        return ""
    parts = []
    for one in operation.about:
        term = about_of(one)
        name = record.item(term.item).name_ja
        text = f"{name}の人と同じ{record.item(term.shared).name_ja}" if term.shared != term.item else f"同じ{name}"
        parts.append(f"{text}（{record.item(term.flag).name_ja}＝{term.value} のものを除く）" if term.flag else text)
    return "照会が示した" + "、".join(parts)


def _term(unit: Unit, record: RecordType, term: Condition, consumer: str) -> str:
    names = "または".join(record.item(name).name_ja for name in term.items)
    if term.op == "present":
        return f"{names}がある"
    if term.op == "absent":
        return f"{names}がない"
    table = unit.codes.get(record.item(term.items[0]).code)
    words = {row.code: f"{row.code} {row.name_ja}" for row in table.rows} if table is not None else {}
    return f"{names}が " + "・".join(consumer if one == CONSUMER else words.get(one, one) for one in term.values)
