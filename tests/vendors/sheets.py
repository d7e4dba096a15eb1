"""Golden pairs written by hand: sheets that say line by line what a vendor writes and what it means in the standard.

``samples/sheets/<name>.csv`` has one line for an item: number of the record, the standard's item and value, the
vendor's item and what the vendor writes there. A line whose vendor item is ``#`` is a remark; ``=`` begins with
everything of an earlier record of the sheet. Nothing here knows a mapping or a codec: bytes are made with Python's own
csv, json and cp932 from the columns of the vendor's record description.

Run as a program (``python -m tests.vendors.sheets``) it writes the pairs (``<name>.hand.*``) anew from the sheets.
"""

from __future__ import annotations

import csv
import io
import json
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from lxml import etree

from adapters.simulators.a_juki_files import IDO, Records
from schemas.catalog import load_edition
from schemas.model import Edition, Unit

VENDORS = Path(__file__).resolve().parents[2] / "adapters" / "vendors"
MADE = ("5080101", "120000")
"""Date (和暦) and time in the header of vendor A's file."""
REMARK, LIKE = "#", "="

Values = dict[str, str]


@dataclass(frozen=True, slots=True)
class Hand:
    """A sheet and the interfaces it is good for; the first ``records`` of it, all where 0."""

    folder: str
    name: str
    sheet: str
    record: str
    records: int = 0

    @property
    def samples(self) -> Path:
        """Where its pairs lie."""
        return VENDORS / self.folder / "samples"

    def layout(self) -> Path:
        """The vendor's record description."""
        return VENDORS / self.folder / "layout" / f"{self.name}.toml"


HANDS = (
    Hand("a/juki", "jumin", "jumin", "juki.jumin"),
    Hand("a/juki", "jumin_shokai", "jumin_shokai", "juki.jumin_shokai"),
    Hand("a/juki", "setai_shokai", "setai_shokai", "juki.setai_shokai"),
    Hand("a/kojinjuminzei", "jumin", "jumin", "juki.jumin"),
    Hand("a/kojinjuminzei", "kaito", "jumin", "juki.jumin", 2),
    Hand("a/kojinjuminzei", "shokai", "shokai", "juki.jumin_shokai"),
    Hand("a/kojinjuminzei", "shotoku_irai", "shotoku_irai", "kojinjuminzei.shotoku_shokai"),
    Hand("a/kojinjuminzei", "shotoku", "shotoku", "kojinjuminzei.shotoku"),
    Hand("b/kojinjuminzei", "jumin", "jumin", "juki.jumin"),
    Hand("b/kojinjuminzei", "shokai", "shokai", "juki.jumin_shokai"),
    Hand("b/kojinjuminzei", "shotoku_irai", "shotoku_irai", "kojinjuminzei.shotoku_shokai"),
    Hand("b/kojinjuminzei", "shotoku", "shotoku", "kojinjuminzei.shotoku"),
)
"""A's answer file (kaito) has the items of its resident file behind three of its own: held to the same sheet."""


@cache
def edition() -> Edition:
    """The standard."""
    return load_edition("1.0")


def read_sheet(path: Path) -> list[tuple[Values, Values]]:
    """The records of a sheet: as the vendor writes them, and what they mean."""
    found: dict[str, tuple[Values, Values]] = {}
    with path.open(encoding="utf-8", newline="") as stream:
        for row in csv.DictReader(stream):
            vendor, standard = found.setdefault(row["record"], ({}, {}))
            if row["vendor"] == REMARK:
                continue
            if row["vendor"] == LIKE:
                vendor |= found[row["written"]][0]
                standard |= found[row["written"]][1]
                continue
            if row["vendor"]:
                vendor[row["vendor"]] = row["written"]
            if row["standard"]:
                standard[row["standard"]] = row["means"]
    return list(found.values())


def files(hand: Hand) -> Iterator[tuple[Path, Path, bytes, bytes]]:
    """What the pairs of a sheet are: the vendor's file and the standard's, and the bytes of both."""
    records = read_sheet(hand.samples / "sheets" / f"{hand.sheet}.csv")[: hand.records or None]
    vendor = [theirs for theirs, _ in records]
    standard = [ours for _, ours in records]
    described = tomllib.loads(hand.layout().read_text("utf-8"))
    names = [field["name"] for field in described["field"]]
    unknown = {name for row in vendor for name in row} - set(names)
    if unknown:
        raise ValueError(f"{hand.folder} {hand.name}: no such items: {sorted(unknown)}")
    kind = described["layout"]["kind"]
    if kind == "json":
        for number, (theirs, ours) in enumerate(records, 1):
            place = hand.samples / f"{hand.name}.hand{number}"
            yield _at(place, "json"), _at(place, "xml"), _json(names, theirs), _xml(hand.record, [ours])
        return
    place = hand.samples / f"{hand.name}.hand"
    data = _csv(names, vendor) if kind == "delimited" else _fixed(hand, described, vendor)
    yield _at(place, "csv" if kind == "delimited" else "dat"), _at(place, "xml"), data, _xml(hand.record, standard)


def _at(place: Path, suffix: str) -> Path:
    return place.with_name(f"{place.name}.{suffix}")


def _csv(names: Sequence[str], rows: Sequence[Values]) -> bytes:
    out = io.StringIO(newline="")
    writer = csv.DictWriter(out, names, restval="", lineterminator="\r\n")
    writer.writeheader()
    writer.writerows(rows)
    return out.getvalue().encode("cp932")


def _json(names: Sequence[str], row: Values) -> bytes:
    document: dict[str, Any] = {}
    for name in names:
        if name in row:
            *groups, last = name.split(".")
            place = document
            for group in groups:
                place = place.setdefault(group, {})
            place[last] = row[name]
    return json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode("utf-8")


def _fixed(hand: Hand, described: Mapping[str, Any], rows: Sequence[Values]) -> bytes:
    if "header" in described:
        writer = Records(hand.layout())
        return b"".join(writer.lines(IDO, rows[0]["団体コード"], MADE, map(writer.pack, rows)))
    widths = {field["name"]: field["bytes"] for field in described["field"]}
    return b"".join(row.get(name, "").encode("ascii").ljust(width) for row in rows for name, width in widths.items())


def _xml(record: str, rows: Sequence[Values]) -> bytes:
    unit_name, _, name = record.partition(".")
    unit: Unit = edition().units[unit_name]
    order = [item.name for item in unit.records[name].items]
    root = etree.Element(f"{{{unit.namespace}}}kiroku_ichiran", nsmap={None: unit.namespace})
    for row in rows:
        element = etree.SubElement(root, f"{{{unit.namespace}}}{name}")
        for item in sorted(row, key=order.index):
            etree.SubElement(element, f"{{{unit.namespace}}}{item}").text = row[item]
    return etree.tostring(root, encoding="utf-8", xml_declaration=True, pretty_print=True)


def write_all() -> None:
    """Write every pair of every sheet."""
    for hand in HANDS:
        for vendor, standard, theirs, ours in files(hand):
            vendor.write_bytes(theirs)
            standard.write_bytes(ours)


if __name__ == "__main__":
    write_all()
