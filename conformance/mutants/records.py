"""Seeded nonconformities of records: rows of ``records.csv`` that change one item of a sample of a unit.

``set`` gives an item a value (it is added in its place), ``drop`` takes it out, ``twice`` doubles it, ``last`` moves it
to the end, ``foreign`` adds an unknown element, ``attribute`` puts an attribute on it, ``child`` an element into it,
``resident`` takes another resident of the reference population (its number) as the base, ``records`` repeats or removes
the record (``value`` times), ``rename`` gives the payload another name. ``moji`` names a glyph (the value) in an item
by an entry of the header block Mojizukei, ``block`` begins another such block, with an element called ``item`` where
one is given. Values have the escapes of ``recorded``.
"""

from __future__ import annotations

import csv
from copy import deepcopy
from dataclasses import dataclass, replace

from lxml import etree

from conformance import reference
from conformance.description import Element
from conformance.documents import children
from conformance.evidence import Bundle, Circumstances, Exchange
from conformance.glyphs import BLOCK, ENTRY, ITEM
from conformance.mutants.recorded import HOME, MutantError, unescape
from conformance.names import COMMON
from conformance.payloads import carrier, envelope, fill, made_up, sample, written
from schemas.model import Edition, Operation, Unit


@dataclass(frozen=True, slots=True)
class Change:
    """One change of one item."""

    op: str
    item: str
    value: str


@dataclass(frozen=True, slots=True)
class Mutant:
    """A nonconformity of a record: what must fail exactly, and what must be judged as kept."""

    id: str
    unit: str
    record: str
    operation: str
    fails: frozenset[str]
    keeps: frozenset[str]
    text_ja: str
    text_en: str
    changes: tuple[Change, ...]


def load() -> tuple[Mutant, ...]:
    """The mutants in the order of the table."""
    found: dict[str, Mutant] = {}
    with (HOME / "records.csv").open(encoding="utf-8", newline="") as stream:
        for row in csv.DictReader(stream):
            change = Change(row["op"], row["item"], unescape(row["value"]))
            if row["id"] in found:
                found[row["id"]] = replace(found[row["id"]], changes=(*found[row["id"]].changes, change))
            else:
                found[row["id"]] = Mutant(
                    row["id"], row["unit"], row["record"], row["operation"], frozenset(row["fails"].split()),
                    frozenset(row["keeps"].split()), row["text_ja"], row["text_en"], (change,),
                )  # fmt: skip
    return tuple(found.values())


def bundle(mutant: Mutant, edition: Edition) -> Bundle:
    """The evidence that a mutant leaves: one message without HTTP."""
    unit = edition.units[mutant.unit]
    found = carrier(edition, mutant.unit, mutant.record, mutant.operation)
    if found is None:
        raise MutantError(f"{mutant.id}: no operation carries {mutant.record}")
    operation, direction = found
    payload, record = _payload(mutant, unit, operation, direction)
    for change in mutant.changes:
        _apply(record, payload, unit, change, mutant)
    raw = written(envelope(payload, _named(mutant)))
    name = f"exchanges/{mutant.id}.{direction}"
    exchange = Exchange(mutant.id, "", name if direction == "request" else "", name if direction == "response" else "")
    return Bundle(
        Circumstances("mutant", ("data",), mutant.id, "", edition.version, exchanges=(exchange,)), {name: raw}
    )


def _named(mutant: Mutant) -> list[Element]:
    """The header blocks that name glyphs."""
    found: list[Element] = []
    for change in mutant.changes:
        if change.op == "block" or (change.op == "moji" and not found):
            found.append(etree.Element(BLOCK, nsmap={"cb": COMMON}))
        if change.op == "block" and change.item:
            etree.SubElement(found[-1], f"{{{COMMON}}}{change.item}").text = change.value
        if change.op == "moji":
            etree.SubElement(found[-1], ENTRY, {ITEM: change.item}).text = change.value
    return found


def _payload(mutant: Mutant, unit: Unit, operation: Operation, direction: str) -> tuple[Element, Element]:
    """The payload and the record in it that is changed."""
    values = sample(unit, mutant.record) or made_up(unit, mutant.record)
    for change in mutant.changes:
        if change.op == "resident":
            values = reference.residents()[int(change.value)]
    root = etree.Element(operation.input if direction == "request" else operation.output, nsmap={"t": unit.namespace})
    own = operation.request_record if direction == "request" else etree.QName(operation.output).localname
    holder = root
    if mutant.record != own:
        if own in unit.records:
            fill(root, unit, unit.records[own], sample(unit, own) or made_up(unit, own))
        holder = etree.SubElement(root, f"{{{unit.namespace}}}{mutant.record}")
    fill(holder, unit, unit.records[mutant.record], values)
    return root, holder


def _apply(record: Element, payload: Element, unit: Unit, change: Change, mutant: Mutant) -> None:
    tag = f"{{{unit.namespace}}}{change.item}"
    there = next(iter(children(record, tag)), None)
    if change.op == "set":
        values = {etree.QName(one).localname: one.text or "" for one in children(record)} | {change.item: change.value}
        for one in children(record):
            record.remove(one)
        fill(record, unit, unit.records[mutant.record], values)
    elif change.op == "foreign":
        etree.SubElement(record, tag).text = change.value
    elif change.op == "rename":
        payload.tag = f"{{{unit.namespace}}}{change.value}"
    elif change.op == "records":
        for _ in range(int(change.value) - 1):
            payload.append(deepcopy(record))
        if change.value == "0":
            payload.remove(record)
    elif change.op not in ("resident", "moji", "block"):
        if there is None:
            raise MutantError(f"{mutant.id}: there is no {change.item}")
        _touch(record, there, change)


def _touch(record: Element, there: Element, change: Change) -> None:
    if change.op == "drop":
        record.remove(there)
    elif change.op == "twice":
        there.addnext(deepcopy(there))
    elif change.op == "last":
        record.append(there)
    elif change.op == "attribute":
        there.set("note", change.value)
    elif change.op == "child":
        etree.SubElement(there, "b").text = change.value
