"""Layout files: tables as text with a declaration (``layout.toml``) of encoding, separator, header and references.

The official dialect is not public, so that a file says which one it is in::

    unit = "juki"
    encoding = "utf-8"       # or utf-16, cp932, shift_jis, shift_jis_2004, euc_jp, euc_jis_2004
    separator = ","
    header = "names"         # or japanese, or none
    [files]
    "jumin.csv" = "jumin"    # file = record
    [[reference]]            # each row of shiensochi.csv leads to one of jumin.csv
    file = "shiensochi.csv"
    items = ["atenabango"]
    to = "jumin.csv"

Quotation marks are ``"``, doubled inside a value; an empty value is an item without a value.
"""

from __future__ import annotations

import csv
import io
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from lxml import etree

from conformance.records import Field, Record
from schemas.catalog import nearest
from schemas.model import Edition, RecordType, Unit

LAYOUT: Final = "layout.toml"
ENCODINGS: Final = ("utf-8", "utf-16", "cp932", "shift_jis", "shift_jis_2004", "euc_jp", "euc_jis_2004")
HEADERS: Final = ("names", "japanese", "none")
SEPARATORS: Final = (",", "\t", ";", "|")
_KNOWN: Final = ("unit", "encoding", "separator", "header", "files", "reference")


@dataclass(frozen=True, slots=True)
class Reference:
    """Rows of one file that lead by the values of items to rows of another."""

    file: str
    items: tuple[str, ...]
    to: str


@dataclass(frozen=True, slots=True)
class Layout:
    """A declaration without fault: the unit, the dialect, the record of each file, the references."""

    unit: str
    encoding: str
    separator: str
    header: str
    files: Mapping[str, str]
    references: tuple[Reference, ...]


class LayoutError(Exception):
    """The declaration cannot be used; ``problems`` says why, one line each."""

    def __init__(self, problems: tuple[str, ...]) -> None:
        self.problems = problems
        super().__init__("\n".join(problems))


@dataclass(frozen=True, slots=True)
class Table:
    """One file. ``header`` is what it has as such (empty: none); ``rows`` are (line, values); ``fault`` why not."""

    name: str
    edition: Edition
    unit: Unit
    kind: RecordType
    heading: str
    header: tuple[str, ...]
    rows: tuple[tuple[int, tuple[str, ...]], ...]
    fault: str = ""

    @property
    def columns(self) -> tuple[str, ...]:
        """The item of each column; empty for a column that is no item."""
        names = {(item.name_ja if self.heading == "japanese" else item.name): item.name for item in self.kind.items}
        if self.heading == "none":
            return tuple(item.name for item in self.kind.items)
        return tuple(names.get(one, "") for one in self.header)

    def values(self) -> Iterator[tuple[int, Mapping[str, str]]]:
        """The items that have a value, by line; a row of another width is LAY-102's matter alone."""
        columns = self.columns
        for line, row in self.rows:
            if len(row) == len(columns):
                yield line, {name: text for name, text in zip(columns, row, strict=True) if name and text}

    def records(self) -> Iterator[tuple[int, Record]]:
        """The rows as records, so that the rules of records judge them, by line; made as they are asked for."""
        unit, kind = self.unit, self.kind
        items = {item.name: item for item in kind.items}
        operation = next(iter(unit.operations.values()))
        for line, values in self.values():
            root = etree.Element(f"{{{unit.namespace}}}{kind.name}")
            fields = []
            for name, text in values.items():
                fields.append(Field(items[name], etree.SubElement(root, f"{{{unit.namespace}}}{name}"), text))
            yield line, Record(self.name, self.edition, unit, operation, kind, root, tuple(fields), ())


def read_layout(raw: bytes, edition: Edition) -> Layout:
    """A declaration. Errors: LayoutError with all that is wrong."""
    try:
        given = tomllib.loads(raw.decode("utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError) as error:
        raise LayoutError((f"{LAYOUT}: cannot be read ({error})",)) from error
    problems = [f"{LAYOUT}: unknown key {name}{nearest(name, _KNOWN)}" for name in given if name not in _KNOWN]
    problems += _not_one_of(given, "unit", tuple(edition.units), "")
    problems += _not_one_of(given, "encoding", ENCODINGS, "utf-8")
    problems += _not_one_of(given, "separator", SEPARATORS, ",")
    problems += _not_one_of(given, "header", HEADERS, "names")
    unit, files = edition.units.get(str(given.get("unit"))), given.get("files")
    if not isinstance(files, dict) or not files:
        problems.append(f"{LAYOUT}: files: a table of file and record is needed")
        files = {}
    for name, record in files.items():
        if unit is not None and str(record) not in unit.records:
            problems.append(f"{LAYOUT}: files: {name}: unknown record {record}{nearest(str(record), unit.records)}")
    references = list(_references(given.get("reference", []), files, unit, problems))
    if problems:
        raise LayoutError(tuple(problems))
    return Layout(
        given["unit"], given.get("encoding", "utf-8"), given.get("separator", ","), given.get("header", "names"),
        files, tuple(references),
    )  # fmt: skip


def _not_one_of(given: Mapping[str, Any], key: str, known: tuple[str, ...], default: str) -> list[str]:
    value = given.get(key, default)
    if value in known:
        return []
    return [f"{LAYOUT}: {key}: {value!r} is none of {', '.join(map(repr, known))}{nearest(str(value), known)}"]


def _references(given: Any, files: Mapping[str, str], unit: Unit | None, problems: list[str]) -> Iterator[Reference]:
    for number, one in enumerate(given if isinstance(given, list) else [given], 1):
        place = f"{LAYOUT}: reference {number}"
        if not isinstance(one, dict) or not _is_reference(one):
            problems.append(f"{place}: file, items (a list) and to are needed")
            continue
        wrong = [f"{place}: {name} is not under files" for name in (one["file"], one["to"]) if name not in files]
        for name in (one["file"], one["to"]):
            kind = unit.records.get(str(files.get(name))) if unit is not None else None
            have = [item.name for item in kind.items] if kind is not None else one["items"]
            wrong += [f"{place}: {name} has no {item}{nearest(str(item), have)}" for item in one["items"]
                      if item not in have]  # fmt: skip
        problems += wrong
        if not wrong:
            yield Reference(one["file"], tuple(one["items"]), one["to"])


def _is_reference(given: Mapping[str, Any]) -> bool:
    """Whether an entry has what a reference has: two files and the names of items."""
    if set(given) != {"file", "items", "to"} or not isinstance(given["items"], list) or not given["items"]:
        return False
    return all(isinstance(one, str) for one in (given["file"], given["to"], *given["items"]))


def read_table(name: str, raw: bytes | None, layout: Layout, edition: Edition) -> Table:
    """A file in the dialect of its declaration; ``fault`` where it is not there or cannot be read in it."""
    unit = edition.units[layout.unit]
    kind = unit.records[layout.files[name]]
    rows: list[tuple[int, tuple[str, ...]]] = []
    fault = "the file is not there" if raw is None else ""
    try:
        text = (raw or b"").decode("utf-8-sig" if layout.encoding == "utf-8" else layout.encoding)
        reader = csv.reader(io.StringIO(text, newline=""), delimiter=layout.separator, strict=True)
        rows = [(reader.line_num, tuple(row)) for row in reader if row]
    except UnicodeDecodeError as error:
        fault = f"byte {error.start} is not of {layout.encoding}"
    except csv.Error as error:
        fault = f"not separated values: {error}"
    header: tuple[str, ...] = ()
    names = (tuple(item.name for item in kind.items), tuple(item.name_ja for item in kind.items))
    if rows and (layout.header != "none" or rows[0][1] in names):
        header = rows.pop(0)[1]
    return Table(name, edition, unit, kind, layout.header, header, tuple(rows), fault)
