"""Read the tables of an edition (CSV, TOML) into the frozen values of ``schemas.model``, reporting every problem."""

from __future__ import annotations

import csv
import difflib
import re
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import fields
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

from schemas import disclosure
from schemas.conditions import conditions
from schemas.model import (
    CodeRow,
    CodeTable,
    Condition,
    Edition,
    ErrorEntry,
    Flow,
    Format,
    Item,
    Listing,
    Operation,
    RecordType,
    Requirement,
    Rule,
    Unit,
)
from schemas.rows import about_problems

HOME = Path(__file__).parent
PATTERNS = ("inquiry", "notice", "late", "bulk")
TYPES = ("X", "N", "9", "9V", "S9", "YEAR", "DATE", "TIME", "DATETIME")
LEVELS = ("MUST", "SHOULD", "MAY")
ROLES = ("provider", "consumer", "both", "wsdl", "adapter", "data", "registry")
_TEST = re.compile(r"tests(?:/[a-z0-9_]+)+\.py::test_[a-z0-9_]+")
_JAPANESE = re.compile("[\u3040-\u30ff\u4e00-\u9fff]")
_YES_NO = {"yes": True, "no": False}
_SUBJECT = ("atenabango", "kazeinendo")
_HISTORY = "rirekibango"
_MUNICIPALITY = "shikuchosonkodo"
_Row = TypeVar("_Row")


class CatalogError(Exception):
    """The tables of the standard are wrong; ``problems`` holds all of them as ``<file>:<line>: <text>``."""

    def __init__(self, problems: Iterable[str]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(self.problems))


def nearest(name: str, known: Iterable[str]) -> str:
    """``; nearest: <known name>`` for a misspelt name, or an empty string."""
    close = difflib.get_close_matches(name, list(known), n=1, cutoff=0.5)
    return f"; nearest: {close[0]}" if close else ""


def load_errors(path: Path = HOME / "errors.csv") -> Mapping[str, ErrorEntry]:
    """The error catalogue by code."""
    with _Reader() as reader:
        return reader.keyed(path, ErrorEntry, "code")


def load_requirements(folder: Path = HOME / "requirements") -> tuple[Requirement, ...]:
    """The requirements of all documents; ids are unique among all and stand in order in each file."""
    with _Reader() as reader:
        return tuple(reader.requirements(folder))


def load_flows(edition: Edition) -> tuple[Flow, ...]:
    """The flows of an edition (``flows.csv``), none where it has no such table.

    Each pattern of a flow has an operation of the provider, and each consumer may use every operation named.
    """
    path = edition.folder / "flows.csv"
    with _Reader() as reader:
        units = edition.codes["gyomu"].codes if "gyomu" in edition.codes else frozenset(edition.units)
        found = tuple(reader.rows(path, Flow)) if path.is_file() else ()
        for line, flow in found:
            reader.known(path, line, "unit", {flow.provider, *flow.units} - {"*"}, units)
            reader.known(path, line, "pattern", flow.patterns, ("inquiry", "notice", "bulk"))
            for problem in _flow_problems(flow, edition):
                reader.add(path, line, problem)
    return tuple(flow for _, flow in found)


def load_code_table(path: Path, name_ja: str = "") -> CodeTable:
    """One code table, named after its file."""
    with _Reader() as reader:
        return CodeTable(path.stem, name_ja, tuple(reader.keyed(path, CodeRow, "code").values()))


def load_edition(version: str = "1.0", folder: Path | None = None, mounts: Mapping[str, Path] | None = None) -> Edition:
    """The edition ``version`` of ``folder`` (default: the shipped one); ``mounts`` replaces units by official folders.

    A mounted folder holds ``unit.toml``, its WSDL and XSD files and, where it has them, ``items/``, ``codes/``,
    ``rules.csv`` and the tables of ``schemas.disclosure``; its operations may name their own ``action``,
    ``reply_action``, ``input`` and ``output``. What is shipped is read once by a process; a folder of the site or of
    an organisation is read at every call, since it may change while the process runs.
    """
    return _read_edition(version, folder, mounts or {}) if folder or mounts else _shipped_edition(version)


@cache
def _shipped_edition(version: str) -> Edition:
    return _read_edition(version, None, {})


def _read_edition(version: str, folder: Path | None, mounted: Mapping[str, Path]) -> Edition:
    home = folder if folder is not None else HOME / "standard" / version
    if not home.is_dir():
        known = sorted(path.name for path in (HOME / "standard").iterdir() if path.is_dir())
        raise CatalogError([f"{home}:0: there is no edition {version}; known: {', '.join(known)}"])
    with _Reader() as reader:
        codes = reader.codes(home / "common" / "codes")
        formats = reader.keyed(home / "common" / "formats.csv", Format, "name")
        places = {path.parent.name: path.parent for path in sorted(home.glob("*/unit.toml"))} | dict(mounted)
        shared = disclosure.read_exemptions(reader, home / "common" / disclosure.GUARD)
        unguarded = frozenset(row.item for row in shared)
        kinds = disclosure.read_kinds(reader, home / "common" / disclosure.KINDS, codes)
        found = [reader.unit(place, key, version, codes, formats, unguarded, kinds) for key, place in places.items()]
        units = sorted((unit for unit in found if unit is not None), key=lambda unit: unit.number)
        for unit in units:
            for file in (unit.wsdl, *unit.schemas) if unit.key in mounted else ():
                if not file.is_file():
                    reader.add(mounted[unit.key] / "unit.toml", 0, f"there is no file {file.name}")
    return Edition(version, home, {unit.key: unit for unit in units}, codes, formats)


class _Reader:
    """Reads tables and collects problems; they are raised together when the ``with`` block ends."""

    def __init__(self) -> None:
        self.problems: list[str] = []

    def __enter__(self) -> _Reader:
        return self

    def __exit__(self, *error: object) -> None:
        if self.problems and error[0] is None:
            raise CatalogError(self.problems)

    def add(self, path: Path, line: int, text: str) -> None:
        self.problems.append(f"{path}:{line}: {text}")

    def known(self, path: Path, line: int, what: str, names: Iterable[str], known: Iterable[str]) -> None:
        """Report each of ``names`` that is not known, with the nearest one that is."""
        for name in sorted(set(names) - set(known)):
            self.add(path, line, f"unknown {what} {name!r}{nearest(name, known)}")

    def rows(self, path: Path, kind: type[_Row]) -> Iterator[tuple[int, _Row]]:
        """The rows of a CSV file as values of a dataclass whose fields are the columns (str, int or yes / no)."""
        kinds = {field.name: str(field.type) for field in fields(kind)}  # type: ignore[arg-type]  # every row type is a dataclass
        try:
            lines = csv.reader(path.read_text(encoding="utf-8").splitlines())
        except (OSError, UnicodeDecodeError) as error:
            self.add(path, 0, f"cannot be read as UTF-8 text ({type(error).__name__})")
            return
        header = next(lines, [])
        self.known(path, 1, "column", header, kinds)
        if missing := [name for name in kinds if name not in header]:
            self.add(path, 1, f"missing columns: {', '.join(missing)}")
        for row in lines if not missing else ():
            values: dict[str, Any] = {name: value for name, value in zip(header, row, strict=False) if name in kinds}
            wrong = [
                name
                for name, value in values.items()
                if (kinds[name] == "int" and not (value or "0").isdecimal())
                or (kinds[name] == "bool" and value not in _YES_NO)
            ]
            if wrong or len(row) != len(header):
                width = f"{len(row)} fields instead of {len(header)}"
                text = f"not a number or not yes / no: {', '.join(wrong)}" if wrong else width
                self.add(path, lines.line_num, text)
                continue
            for name, value in values.items():
                if kinds[name] in ("int", "bool"):
                    values[name] = int(value or 0) if kinds[name] == "int" else _YES_NO[value]
            yield lines.line_num, kind(**values)

    def keyed(self, path: Path, kind: type[_Row], key: str) -> dict[str, _Row]:
        """The rows of a CSV file by a column that must be unique."""
        found: dict[str, _Row] = {}
        for line, row in self.rows(path, kind):
            if getattr(row, key) in found:
                self.add(path, line, f"{getattr(row, key)} occurs twice")
            found[getattr(row, key)] = row
        return found

    def requirements(self, folder: Path) -> Iterator[Requirement]:
        """The rows of every document, each with its level, its role, its words and what shows it."""
        seen: set[str] = set()
        for path in sorted(folder.glob("*.csv")):
            last: list[tuple[str, int]] = []
            for line, row in self.rows(path, Requirement):
                self.known(path, line, "level", [row.level], LEVELS)
                self.known(path, line, "role", [row.role], ROLES)
                for problem in _requirement_problems(row, last):
                    self.add(path, line, f"{row.id}: {problem}")
                if row.id in seen:
                    self.add(path, line, f"{row.id} occurs twice")
                seen.add(row.id)
                last = _order(row.id)
                yield row

    def codes(self, folder: Path) -> dict[str, CodeTable]:
        """The tables of a codes folder; ``tables.csv`` lists them with their Japanese names."""
        if not folder.is_dir():
            return {}
        listed = self.keyed(folder / "tables.csv", Listing, "name")
        files = {path.stem: path for path in sorted(folder.glob("*.csv")) if path.name != "tables.csv"}
        self.known(folder / "tables.csv", 1, "table", listed, files)
        self.known(folder / "tables.csv", 1, "file (it is not listed)", files, listed)
        return {
            name: CodeTable(name, listed[name].name_ja, tuple(self.keyed(path, CodeRow, "code").values()))
            for name, path in files.items()
            if name in listed
        }

    def unit(
        self, place: Path, key: str, version: str, common: Mapping[str, CodeTable], formats: Mapping[str, Format],
        unguarded: frozenset[str], kinds: Mapping[str, str],
    ) -> Unit | None:  # fmt: skip
        """One unit folder, or ``None`` when its ``unit.toml`` cannot be used at all."""
        path = place / "unit.toml"
        try:
            source = path.read_text(encoding="utf-8")
            data = tomllib.loads(source)
            head = {name: data["unit"][name] for name in ("key", "number", "name_ja", "name_en", "namespace")}
            wsdl, xsds = place / data["unit"]["wsdl"], [(place / name).resolve() for name in data["unit"]["schemas"]]
        except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError, KeyError) as error:
            self.add(path, 0, f"cannot be used: {type(error).__name__} {error}")
            return None
        if head["key"] != key:
            self.add(path, _line(source, "key = "), f"the key is not that of its folder or mount, {key}")
        codes = {**common, **self.codes(place / "codes")}
        records: dict[str, RecordType] = {}
        names = data.get("names", {})
        for file in sorted(place.glob("items/*.csv")):
            found_items = tuple(self.items(file, codes, formats))
            keys = self.key(path, source, file.stem, found_items, data.get("keys", {}))
            records[file.stem] = RecordType(key, file.stem, found_items, keys, str(names.get(file.stem, "")))
        self.known(path, _line(source, "[keys]"), "record", data.get("keys", {}), records)
        self.known(path, _line(source, "[names]"), "record", names, records)
        rules = tuple(self.rules(place / "rules.csv", records)) if (place / "rules.csv").is_file() else ()
        found = [self.operation(path, source, entry, head, records, codes) for entry in data.get("operation", [])]
        operations = {operation.name: operation for operation in found if operation is not None}
        shelf = disclosure.Shelf(records, codes, operations, rules, kinds)
        protections = disclosure.read_protections(self, place / disclosure.PROTECTION, shelf)
        own = disclosure.read_exemptions(self, place / disclosure.GUARD)
        return Unit(
            **head, edition=version, wsdl=wsdl, schemas=tuple(xsds), operations=operations, records=records,
            codes=codes, formats=formats, rules=rules, protections=protections,
            disclosure=disclosure.read_disclosure(self, place / disclosure.DISCLOSURE, shelf, protections),
            unguarded=unguarded | {row.item for row in own},
        )  # fmt: skip

    def key(
        self, path: Path, source: str, record: str, items: tuple[Item, ...], keys: Mapping[str, list[str]]
    ) -> tuple[str, ...]:
        """What identifies a record: ``[keys]``, else 宛名番号 and 課税年度, else what comes before the 履歴番号.

        Only mandatory items count, and the municipality does not.
        """
        names = [item.name for item in items]
        if record in keys:
            self.known(path, _line(source, f"{record} = "), "item", keys[record], names)
            return tuple(keys[record])
        must = [item.name for item in items if item.mandatory]
        before = names[: names.index(_HISTORY)] if _HISTORY in names else must[:1]
        usual = tuple(name for name in must if name in _SUBJECT)
        return usual or tuple(name for name in before if name in must and name != _MUNICIPALITY)

    def items(self, path: Path, codes: Mapping[str, CodeTable], formats: Mapping[str, Format]) -> Iterator[Item]:
        """The items of a record; names are unique, types, codes and formats known."""
        names: set[str] = set()
        for line, item in self.rows(path, Item):
            self.known(path, line, "type", [item.type], TYPES)
            self.known(path, line, "code table", {item.code} - {""}, codes)
            self.known(path, line, "format", {item.format} - {""}, formats)
            if item.name in names:
                self.add(path, line, f"{item.name} occurs twice")
            names.add(item.name)
            yield item

    def rules(self, path: Path, records: Mapping[str, RecordType]) -> Iterator[Rule]:
        """The correlation rules; ``when`` and ``then`` hold conditions separated by semicolons."""
        for line, row in self.rows(path, Rule):
            self.known(path, line, "record", [row.record], records)
            known = {item.name: item for item in records[row.record].items} if row.record in records else {}
            sides: dict[str, tuple[Condition, ...]] = {}
            for side, text in (("when", str(row.when)), ("then", str(row.then))):
                sides[side], problems = conditions(text, known, may_compare=side == "then")
                for problem in problems:
                    self.add(path, line, problem)
                self.known(path, line, "item", [name for c in sides[side] for name in c.items], known)
            yield Rule(row.name, row.record, sides["when"], sides["then"], row.text_ja, row.text_en, row.provenance)

    def operation(
        self, path: Path, source: str, entry: dict[str, Any], unit: Mapping[str, Any],
        records: Mapping[str, RecordType], codes: Mapping[str, CodeTable],
    ) -> Operation | None:  # fmt: skip
        """One ``[[operation]]`` with its defaults filled in."""
        name, space, output = str(entry.get("name", "")), unit["namespace"], str(entry.get("output", ""))
        line = _line(source, f'name = "{name}"')
        self.known(path, line, "key", entry, [field.name for field in fields(Operation)])
        self.known(path, line, "pattern", [entry.get("pattern", "")], PATTERNS)
        if records:
            used = {entry.get("record", ""), entry.get("request_record", "")} - {""}
            self.known(path, line, "record", used, records)
        if "riyomokuteki" in codes:
            self.known(path, line, "purpose", entry.get("purposes", []), codes["riyomokuteki"].codes)
        given = {"unit": unit["key"], "provider": unit["key"], "input": name} | entry
        given |= {field: tuple(entry.get(field, ())) for field in ("consumers", "ordering", "purposes", "about")}
        for problem in about_problems(given["about"], records, given):
            self.add(path, line, f"about: {problem}")
        given["deadline_s"] = float(entry.get("deadline_s", 10.0))
        given.setdefault("action", f"{space}/{name}")
        given.setdefault("reply_action", f"{space}/{output.rpartition('}')[2]}")
        for field in {"input", "output"} & set(given):
            given[field] = given[field] if given[field].startswith("{") else f"{{{space}}}{given[field]}"
        try:
            return Operation(**given)
        except TypeError as error:
            self.add(path, line, f"[[operation]] {name}: {str(error).partition(' ')[2]}")
            return None


def _flow_problems(flow: Flow, edition: Edition) -> Iterator[str]:
    """What is wrong with the operations of a flow; a provider whose unit the edition does not have has none."""
    if flow.provider not in edition.units:
        if flow.keys:
            yield f"the edition has no unit {flow.provider}"
        return
    known = {operation.key: operation for operation in edition.units[flow.provider].operations.values()}
    for key in set(flow.keys) - set(known):
        yield f"unknown operation {key!r} of {flow.provider}{nearest(key, known)}"
    used = [known[key] for key in flow.keys if key in known]
    there = {"inquiry" if operation.pattern == "late" else operation.pattern for operation in used}
    for pattern in set(flow.patterns) - there:
        yield f"no operation for {pattern}"
    for operation in used:
        if "*" not in operation.consumers and (left := set(flow.units) - set(operation.consumers)):
            yield f"{operation.key} may not be used by {', '.join(sorted(left))}"


def _requirement_problems(row: Requirement, last: list[tuple[str, int]]) -> Iterator[str]:
    """What is wrong with one requirement that follows the one of order ``last``."""
    if _order(row.id) < last:
        yield "out of order"
    if empty := [name for name in ("id", "document", "clause", "text_en", "since") if not getattr(row, name).strip()]:
        yield f"empty: {', '.join(empty)}"
    if _JAPANESE.search(row.text_ja) is None:
        yield "no Japanese text"
    if bool(row.test_names) == bool(row.not_tested_reason.strip()):
        yield "either tests or a reason why there are none"
    for name in row.test_names:
        if _TEST.fullmatch(name) is None:
            yield f"{name!r} is not tests/<room>/<file>.py::test_<name>"


def _order(identifier: str) -> list[tuple[str, int]]:
    """A key by which 9 stands before 10."""
    return [(text, int(part or 0)) for text, part in re.findall(r"([^0-9]*)([0-9]*)", identifier)]


def _line(source: str, needle: str) -> int:
    """The number of the first line that holds ``needle`` (TOML readers keep no lines); 0 when there is none."""
    return next((number for number, line in enumerate(source.splitlines(), 1) if needle in line), 0)
