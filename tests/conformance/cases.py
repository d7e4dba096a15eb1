"""The corpus: a base message by name, changed by one line of a CSV file.

Changes are separated by ``;``: ``item=value`` sets (in the place of the standard), ``item=`` empties,
``!item`` removes, ``^item`` moves to the front, ``*item`` doubles, ``+item=value`` appends an item the standard
does not have, ``@item`` puts a comment inside the value, ``?x=y`` sets an attribute on the first item, ``**`` doubles
the carried record, ``!!`` removes it. Values may hold ``\\uXXXX`` and ``\\UXXXXXXXX``.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator
from copy import deepcopy
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from lxml import etree

from schemas.catalog import load_edition
from schemas.model import Edition, Operation, RecordType, Unit

CORPUS = Path(__file__).parent / "corpus"


@dataclass(frozen=True)
class Case:
    """One line of the corpus; ``expected`` holds ``code@item`` pairs, empty for a message that is right."""

    name: str
    base: str
    changes: str
    expected: frozenset[str]

    def __str__(self) -> str:
        return self.name


@cache
def edition() -> Edition:
    """The shipped edition."""
    return load_edition()


def _rows(path: Path) -> Iterator[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        yield from csv.DictReader(file)


def cases() -> list[Case]:
    """All lines of all case files."""
    return [
        Case(f"{path.stem}:{row['case']}", row["base"], row["changes"], frozenset(row["expected"].split()))
        for path in sorted(CORPUS.glob("cases_*.csv"))
        for row in _rows(path)
    ]


def disagreements() -> dict[str, dict[str, str]]:
    """Known differences between the two judges, by case name, each with its ruling."""
    return {row["case"]: row for row in _rows(CORPUS / "disagreements.csv")}


def base(name: str) -> tuple[Unit, Operation, str, dict[str, str], dict[str, str]]:
    """Unit, operation, payload tag, own values and carried values of a base message."""
    rows = [row for row in _rows(CORPUS / "bases.csv") if row["base"] == name]
    unit = edition().units[rows[0]["unit"]]
    operation = unit.operations[rows[0]["operation"]]
    tag = operation.input if rows[0]["side"] == "request" else operation.output
    own = {row["item"]: row["value"] for row in rows if row["place"] == "own"}
    carried = {row["item"]: row["value"] for row in rows if row["place"] == "carried"}
    return unit, operation, tag, own, carried


def payload(name: str, changes: str) -> bytes:
    """The base message with the changes, as a bare payload in UTF-8."""
    unit, operation, tag, own, carried = base(name)
    space = f"{{{unit.namespace}}}"
    root = etree.Element(tag, nsmap={"t": unit.namespace})
    asks = unit.records.get(operation.request_record if tag == operation.input else tag.rpartition("}")[2])
    _write(root, space, asks, own)
    target, record = root, asks
    if carried:
        record = unit.records[operation.record]
        target = etree.SubElement(root, space + operation.record)
        _write(target, space, record, carried)
    for change in filter(None, changes.split(";")):
        _apply(target, space, record, change)
    return etree.tostring(root, encoding="utf-8")


def _write(element: etree._Element, space: str, record: RecordType | None, values: dict[str, str]) -> None:
    for item in record.items if record else ():
        if item.name in values:
            etree.SubElement(element, space + item.name).text = values[item.name]


def _apply(target: etree._Element, space: str, record: RecordType | None, change: str) -> None:
    assert record is not None
    parent = target.getparent()
    if change == "**":
        assert parent is not None
        parent.append(deepcopy(target))
        return
    if change == "!!":
        assert parent is not None
        parent.remove(target)
        return
    mark = change[0] if change[0] in "!^*+@?" else ""
    name, _, value = change[len(mark) :].partition("=")
    value = re.sub(r"\\u([0-9A-Fa-f]{4})|\\U([0-9A-Fa-f]{8})", lambda match: chr(int(match[1] or match[2], 16)), value)
    found = target.find(space + name)
    if mark == "+":
        etree.SubElement(target, space + name).text = value
    elif mark == "?":
        target[0].set(name, value)
    elif mark:
        assert found is not None, name
        if mark == "!":
            target.remove(found)
        elif mark == "^":
            target.insert(0, found)
        elif mark == "*":
            found.addnext(deepcopy(found))
        else:
            text = found.text or ""
            found.text = text[:2]
            comment = etree.Comment(" ")
            comment.tail = text[2:]
            found.append(comment)
    elif found is not None:
        found.text = value
    else:
        order = [item.name for item in record.items]
        fresh = etree.Element(space + name)
        fresh.text = value
        place = sum(order.index(str(child.tag).rpartition("}")[2]) < order.index(name) for child in target)
        target.insert(place, fresh)
