"""Seeded nonconformities of data files: rows of ``data_files.csv`` that change a transfer or a set of layout files.

The base ``bulk`` is a transfer of a unit in two parts, ``layout`` the same records as a text file with a declaration
and, for the resident register, a second file that refers to it. On a transfer ``head`` gives an item of a part (its
place, from 1) a value (empty: none), ``record`` an item of the part's first record, ``repeat`` adds that record once
more, ``less`` takes one away, ``drop`` leaves the part out, ``twice`` sends it again, and ``totals`` counts and adds up
anew. On files ``replace`` changes the first occurrence of ``item``, ``encode`` writes the file in another coding,
``cell`` gives an item of the first row a value, ``again`` adds the last row once more, ``drop`` leaves the file out.
``none`` is a control.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from lxml import etree

from conformance import reference
from conformance.datafiles import bundled
from conformance.evidence import Bundle
from conformance.mutants.recorded import HOME, MutantError, unescape
from conformance.payloads import fill, made_up, written
from conformance.standard import Standard
from conformance.tables import LAYOUT
from conformance.transfers import CONTENT, COUNT, HISTORY, ID, KEYS, LAST, NUMBER, TOTAL, digests, is_part
from schemas.model import Operation, RecordType, Unit

REFERS = {"juki": ("shiensochi", "atenabango")}
"""Records of a unit that refer to its bulk record, and by which item."""


@dataclass(frozen=True, slots=True)
class Change:
    """One change; ``file`` is the place of a part or the name of a file."""

    op: str
    file: str
    item: str
    value: str


@dataclass(frozen=True, slots=True)
class Mutant:
    """A nonconformity of data files: what must fail exactly, and what must be judged as kept."""

    id: str
    base: str
    unit: str
    fails: frozenset[str]
    keeps: frozenset[str]
    text_ja: str
    text_en: str
    changes: tuple[Change, ...]


@dataclass(slots=True)
class Part:
    """A part that can be changed."""

    head: dict[str, str]
    records: list[dict[str, str]]


def load() -> tuple[Mutant, ...]:
    """The mutants in the order of the table."""
    found: dict[str, Mutant] = {}
    with (HOME / "data_files.csv").open(encoding="utf-8", newline="") as stream:
        for row in csv.DictReader(stream):
            change = Change(row["op"], row["file"], unescape(row["item"]), unescape(row["value"]))
            if row["id"] in found:
                found[row["id"]] = replace(found[row["id"]], changes=(*found[row["id"]].changes, change))
            else:
                found[row["id"]] = Mutant(
                    row["id"], row["base"], row["unit"], frozenset(row["fails"].split()),
                    frozenset(row["keeps"].split()), row["text_ja"], row["text_en"], (change,),
                )  # fmt: skip
    return tuple(found.values())


def bundle(mutant: Mutant, standard: Standard) -> Bundle:
    """The evidence of a mutant's files."""
    unit = standard.edition.units[mutant.unit]
    operation = next(one for one in unit.operations.values() if is_part(unit, one))
    if mutant.base == "bulk":
        files = _transfer(mutant, unit, operation)
    else:
        files = _layout(mutant, unit, unit.records[operation.record])
    return bundled(mutant.id, files, unit.key, standard)


def _known(unit: Unit, kind: RecordType) -> Mapping[str, str]:
    """A record of the reference population of that kind, else one with made-up values."""
    for question in reference.questions(unit):
        if unit.operations[question.operation].record == kind.name and question.answers:
            return question.answers[0]
    for one in reference.sent(unit):
        if unit.operations[one.operation].record == kind.name:
            return one.record
    return made_up(unit, kind.name)


def _records(unit: Unit, kind: RecordType) -> list[dict[str, str]]:
    """Three states of one subject by their history numbers, or one record where there is no such number."""
    known = dict(_known(unit, kind))
    if all(item.name != HISTORY for item in kind.items):
        return [known]
    first = int(known[HISTORY])
    return [{**known, HISTORY: str(first + more)} for more in (0, 1, 10)]


def _transfer(mutant: Mutant, unit: Unit, operation: Operation) -> dict[str, bytes]:
    kind = unit.records[operation.record]
    records = _records(unit, kind)
    head = {ID: "ikkatsu-1", "ikkatsu_shubetsu": "1", "kijunnichiji": "2024-04-01T10:00:00+09:00"}
    parts = [Part({**head, LAST: "0"}, records[:-1]), Part({**head, LAST: "1"}, records[-1:])]
    _totals(kind, parts)
    listed = {str(number): part for number, part in enumerate(parts, 1)}
    for change in mutant.changes:
        _change(listed, kind, change, mutant)
    return {f"{name}.xml": _payload(unit, operation, part) for name, part in listed.items()}


def _totals(kind: RecordType, parts: list[Part]) -> None:
    """Number the parts, count their records and give the last part the totals."""
    for number, part in enumerate(parts, 1):
        part.head |= {NUMBER: str(number), COUNT: str(len(part.records))}
    every = [values for part in parts for values in part.records]
    keys, content = digests(kind, every)
    parts[-1].head |= {TOTAL: str(len(every)), KEYS: keys, CONTENT: content}


def _change(parts: dict[str, Part], kind: RecordType, change: Change, mutant: Mutant) -> None:
    if change.op == "totals":
        _totals(kind, [*parts.values()])
    elif change.op == "head":
        parts[change.file].head.pop(change.item, None)
        parts[change.file].head |= {change.item: change.value} if change.value else {}
    elif change.op == "record":
        parts[change.file].records[0][change.item] = change.value
    elif change.op == "repeat":
        parts[change.file].records.append(dict(parts[change.file].records[0]))
    elif change.op == "less":
        parts[change.file].records.pop()
    elif change.op == "drop":
        del parts[change.file]
    elif change.op == "twice":
        parts["again"] = parts[change.file]
    elif change.op != "none":
        raise MutantError(f"{mutant.id}: unknown change {change.op}")


def _payload(unit: Unit, operation: Operation, part: Part) -> bytes:
    root = etree.Element(operation.input, nsmap={"t": unit.namespace})
    fill(root, unit, unit.records[operation.request_record], part.head)
    for values in part.records:
        holder = etree.SubElement(root, f"{{{unit.namespace}}}{operation.record}")
        fill(holder, unit, unit.records[operation.record], values)
    return written(root)


def _layout(mutant: Mutant, unit: Unit, kind: RecordType) -> dict[str, bytes]:
    records = _records(unit, kind)
    texts = {f"{kind.name}.csv": _text(kind, records)}
    lines = ['encoding = "utf-8"', 'header = "names"', "[files]", f'"{kind.name}.csv" = "{kind.name}"']
    if unit.key in REFERS:
        record, item = REFERS[unit.key]
        other = {**_known(unit, unit.records[record]), item: records[0][item]}
        texts[f"{record}.csv"] = _text(unit.records[record], [other])
        lines += [f'"{record}.csv" = "{record}"', "[[reference]]", f'file = "{record}.csv"', f'items = ["{item}"]',
                  f'to = "{kind.name}.csv"']  # fmt: skip
    texts[LAYOUT] = "\n".join((f'unit = "{unit.key}"', *lines, ""))
    files = {name: text.encode() for name, text in texts.items()}
    for change in mutant.changes:
        _edit(files, change, mutant)
    return files


def _text(kind: RecordType, records: list[dict[str, str]]) -> str:
    def rows() -> Iterator[list[str]]:
        yield [item.name for item in kind.items]
        for values in records:
            yield [values.get(item.name, "") for item in kind.items]

    stream = io.StringIO()
    csv.writer(stream, lineterminator="\r\n").writerows(rows())
    return stream.getvalue()


def _edit(files: dict[str, bytes], change: Change, mutant: Mutant) -> None:
    if change.op == "none":
        return
    before = files[change.file]
    if change.op == "replace":
        files[change.file] = before.replace(change.item.encode(), change.value.encode(), 1)
    elif change.op == "encode":
        files[change.file] = before.decode().encode(change.value)
    elif change.op == "again":
        files[change.file] = before + before.splitlines(keepends=True)[-1]
    elif change.op == "cell":
        files[change.file] = _cell(before.decode(), change).encode()
    elif change.op == "drop":
        del files[change.file]
    else:
        raise MutantError(f"{mutant.id}: unknown change {change.op}")
    if files.get(change.file) == before:
        raise MutantError(f"{mutant.id}: changes nothing")


def _cell(text: str, change: Change) -> str:
    """The file with another value of an item in its first row."""
    rows = list(csv.reader(io.StringIO(text, newline="")))
    rows[1][rows[0].index(change.item)] = change.value
    stream = io.StringIO()
    csv.writer(stream, lineterminator="\r\n").writerows(rows)
    return stream.getvalue()
