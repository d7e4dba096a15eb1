"""Read the tables of an edition (CSV, TOML) into the frozen values of ``schemas.model``, reporting every problem."""

from __future__ import annotations

import csv
import difflib
import re
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from schemas.model import CodeRow, CodeTable, Condition, Edition, ErrorEntry, Format, Item, Operation, RecordType, Unit
from schemas.model import Rule as _Rule

HOME = Path(__file__).parent
PATTERNS = ("inquiry", "notice", "late", "bulk")
TYPES = ("X", "N", "9", "9V", "S9", "YEAR", "DATE", "TIME", "DATETIME")
_TERM = re.compile(r"(?P<not>!?)(?P<items>[a-z0-9_|]+)(?:(?P<op>!=|!~|=|~)(?P<values>.+))?")
_YES_NO = {"yes": True, "no": False}


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
    reader = _Reader()
    entries: dict[str, ErrorEntry] = {}
    for line, row in reader.table(path, [*ErrorEntry.__dataclass_fields__]):
        if row["code"] in entries:
            reader.add(path, line, f"the code {row['code']} occurs twice")
        if not row["http_status"].isdigit() or row["retryable"] not in _YES_NO:
            reader.add(path, line, f"{row['code']}: http_status is a number and retryable is yes or no")
            continue
        status, retryable = int(row.pop("http_status")), _YES_NO[row.pop("retryable")]
        entries[row["code"]] = ErrorEntry(http_status=status, retryable=retryable, **row)
    reader.finish()
    return entries


def load_code_table(path: Path, name: str = "", name_ja: str = "") -> CodeTable:
    """One code table; CatalogError with all of its problems."""
    reader = _Reader()
    table = reader.codes(path, name or path.stem, name_ja)
    reader.finish()
    return table


def load_edition(version: str = "1.0", folder: Path | None = None, mounts: Mapping[str, Path] | None = None) -> Edition:
    """The edition ``version`` of ``folder`` (default: the shipped one); ``mounts`` replaces units by official folders.

    A mounted folder holds ``unit.toml``, its WSDL and XSD files and, where it has them, ``items/``, ``codes/`` and
    ``rules.csv``; its operations may name their own ``action``, ``reply_action``, ``input`` and ``output``.
    """
    home = folder if folder is not None else HOME / "standard" / version
    reader = _Reader()
    if not home.is_dir():
        known = sorted(path.name for path in (HOME / "standard").iterdir() if path.is_dir())
        raise CatalogError([f"{home}:0: there is no edition {version}; known: {', '.join(known)}"])
    codes = reader.code_folder(home / "common" / "codes")
    formats = {
        row["name"]: Format(**row)
        for _, row in reader.table(home / "common" / "formats.csv", [*Format.__dataclass_fields__])
    }
    places = {path.parent.name: path.parent for path in sorted(home.glob("*/unit.toml"))}
    mounted = dict(mounts or {})
    units: dict[str, Unit] = {}
    for key, place in (places | mounted).items():
        unit = reader.unit(place, key, version, codes, formats, mounted=key in mounted)
        if unit is not None:
            units[key] = unit
    reader.finish()
    ordered = sorted(units.values(), key=lambda unit: unit.number)
    return Edition(version, home, {unit.key: unit for unit in ordered}, codes, formats)


class _Reader:
    """Reads tables and collects problems; ``finish`` raises them together."""

    def __init__(self) -> None:
        self.problems: list[str] = []

    def add(self, path: Path, line: int, text: str) -> None:
        self.problems.append(f"{path}:{line}: {text}")

    def finish(self) -> None:
        if self.problems:
            raise CatalogError(self.problems)

    def table(self, path: Path, columns: list[str]) -> Iterator[tuple[int, dict[str, str]]]:
        """The rows of a CSV file with their line numbers; columns may stand in any order."""
        try:
            text = path.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            self.add(path, 0, f"cannot be read as UTF-8 text ({type(error).__name__})")
            return
        rows = csv.reader(text.splitlines())
        header = next(rows, [])
        for name in header:
            if name not in columns:
                self.add(path, 1, f"unknown column {name!r}{nearest(name, columns)}")
        for name in columns:
            if name not in header:
                self.add(path, 1, f"the column {name} is missing")
        if sorted(header) != sorted(columns):
            return
        for row in rows:
            if len(row) != len(header):
                self.add(path, rows.line_num, f"{len(row)} fields instead of {len(header)}")
                continue
            yield rows.line_num, dict(zip(header, row, strict=True))

    def codes(self, path: Path, name: str, name_ja: str = "") -> CodeTable:
        rows: dict[str, CodeRow] = {}
        for line, row in self.table(path, [*CodeRow.__dataclass_fields__]):
            if row["code"] in rows:
                self.add(path, line, f"the code {row['code']} occurs twice")
            rows[row["code"]] = CodeRow(**row)
        return CodeTable(name, name_ja, tuple(rows.values()))

    def code_folder(self, folder: Path) -> dict[str, CodeTable]:
        """The tables listed in ``tables.csv`` of a codes folder."""
        if not folder.is_dir():
            return {}
        tables: dict[str, CodeTable] = {}
        index = folder / "tables.csv"
        for line, row in self.table(index, ["name", "name_ja"]):
            if not (folder / f"{row['name']}.csv").is_file():
                files = [path.stem for path in folder.glob("*.csv")]
                self.add(index, line, f"there is no table {row['name']}.csv{nearest(row['name'], files)}")
                continue
            tables[row["name"]] = self.codes(folder / f"{row['name']}.csv", row["name"], row["name_ja"])
        for path in sorted(folder.glob("*.csv")):
            if path.stem not in tables and path != index:
                self.add(path, 1, "the table is not listed in tables.csv")
        return tables

    def unit(
        self,
        place: Path,
        key: str,
        version: str,
        common: Mapping[str, CodeTable],
        common_formats: Mapping[str, Format],
        *,
        mounted: bool,
    ) -> Unit | None:
        """One unit folder, or ``None`` when its ``unit.toml`` cannot be used at all."""
        path = place / "unit.toml"
        try:
            source = path.read_text(encoding="utf-8")
            data = tomllib.loads(source)
            head: dict[str, Any] = data["unit"]
            declared = {name: head[name] for name in ("key", "number", "name_ja", "name_en", "namespace")}
        except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
            self.add(path, 0, f"cannot be read: {error}")
            return None
        except KeyError as error:
            self.add(path, 1, f"[unit] lacks {error}")
            return None
        if declared["key"] != key:
            self.add(path, _line(source, f'"{declared["key"]}"'), f"the key is not that of its folder or mount, {key}")
        codes = {**common, **self.code_folder(place / "codes")}
        records = {
            file.stem: self.record(file, key, codes, common_formats) for file in sorted(place.glob("items/*.csv"))
        }
        rules = tuple(self.rules(place / "rules.csv", records)) if (place / "rules.csv").is_file() else ()
        operations: dict[str, Operation] = {}
        for entry in data.get("operation", []):
            operation = self.operation(path, source, entry, declared, records, codes)
            if operation is not None:
                operations[operation.name] = operation
        wsdl = place / str(head.get("wsdl", "service.wsdl"))
        xsds = tuple((place / str(name)).resolve() for name in head.get("schemas", []))
        for file in (wsdl, *xsds):
            if mounted and not file.is_file():
                self.add(path, _line(source, f'"{file.name}"'), f"there is no file {file.name}")
        return Unit(
            **declared, edition=version, wsdl=wsdl, schemas=xsds, operations=operations, records=records,
            codes=codes, formats=common_formats, rules=rules, mounted=mounted,
        )  # fmt: skip

    def record(
        self, path: Path, unit: str, codes: Mapping[str, CodeTable], formats: Mapping[str, Format]
    ) -> RecordType:
        items: dict[str, Item] = {}
        for line, row in self.table(path, [*Item.__dataclass_fields__]):
            name = row["name"]
            if row["type"] not in TYPES:
                self.add(path, line, f"{name}: unknown type {row['type']!r}; known: {', '.join(TYPES)}")
            if not row["digits"].isdigit() or row["mandatory"] not in _YES_NO or name in items:
                self.add(path, line, f"{name}: digits is a number, mandatory is yes or no, and a name occurs once")
                continue
            for column, known in (("code", codes), ("format", formats)):
                if row[column] and row[column] not in known:
                    self.add(path, line, f"{name}: unknown {column} {row[column]!r}{nearest(row[column], known)}")
            texts = {
                column: row[column] for column in ("name_ja", "type", "code", "format", "sensitivity", "provenance")
            }
            digits, scale = int(row["digits"]), int(row["scale"] or 0)
            items[name] = Item(name, digits=digits, scale=scale, mandatory=_YES_NO[row["mandatory"]], **texts)
        return RecordType(unit, path.stem, tuple(items.values()))

    def rules(self, path: Path, records: Mapping[str, RecordType]) -> Iterator[_Rule]:
        for line, row in self.table(path, [*_Rule.__dataclass_fields__]):
            record = records.get(row["record"])
            if record is None:
                self.add(
                    path, line, f"{row['name']}: unknown record {row['record']!r}{nearest(row['record'], records)}"
                )
                continue
            known = [item.name for item in record.items]
            sides: list[tuple[Condition, ...]] = []
            for column in ("when", "then"):
                terms = [_condition(term) for term in row[column].split(";") if term]
                for term, raw in zip(terms, row[column].split(";"), strict=False):
                    if term is None:
                        self.add(path, line, f"{row['name']}: {raw!r} is not a condition")
                        continue
                    for name in term.items:
                        if name not in known:
                            self.add(path, line, f"{row['name']}: unknown item {name!r}{nearest(name, known)}")
                sides.append(tuple(term for term in terms if term is not None))
            when, then = sides
            yield _Rule(row["name"], record.name, when, then, row["text_ja"], row["text_en"], row["provenance"])

    def operation(
        self,
        path: Path,
        source: str,
        entry: dict[str, Any],
        unit: Mapping[str, Any],
        records: Mapping[str, RecordType],
        codes: Mapping[str, CodeTable],
    ) -> Operation | None:
        """One ``[[operation]]`` with its defaults filled in."""
        name = str(entry.get("name", ""))
        line = _line(source, f'name = "{name}"')
        known = [*Operation.__dataclass_fields__]
        for field in entry:
            if field not in known:
                self.add(path, line, f"{name}: unknown key {field!r}{nearest(field, known)}")
        missing = [field for field in ("name", "name_ja", "pattern", "output") if not entry.get(field)]
        if missing:
            self.add(path, line, f"{name or 'an operation'}: {', '.join(missing)} is missing")
        if missing or not set(entry) <= set(known):
            return None
        if entry["pattern"] not in PATTERNS:
            self.add(path, line, f"{name}: pattern is one of {', '.join(PATTERNS)}")
        for field in ("record", "request_record"):
            if entry.get(field) and records and entry[field] not in records:
                self.add(path, line, f"{name}: unknown record {entry[field]!r}{nearest(entry[field], records)}")
        purposes = codes["riyomokuteki"].codes if "riyomokuteki" in codes else frozenset(entry.get("purposes", ()))
        for purpose in set(entry.get("purposes", ())) - purposes:
            self.add(path, line, f"{name}: unknown purpose {purpose!r}{nearest(purpose, purposes)}")
        space, output = unit["namespace"], str(entry["output"])
        given = {"unit": unit["key"], "provider": unit["key"], "input": name} | entry
        for field in ("consumers", "ordering", "purposes"):
            given[field] = tuple(given.get(field, ()))
        given["deadline_s"] = float(given.get("deadline_s", 10.0))
        given.setdefault("action", f"{space}/{name}")
        given.setdefault("reply_action", f"{space}/{output.rpartition('}')[2]}")
        for field in ("input", "output"):
            given[field] = given[field] if given[field].startswith("{") else f"{{{space}}}{given[field]}"
        return Operation(**given)


def _condition(term: str) -> Condition | None:
    """``a``, ``!a``, ``a|b``, ``a=1|2``, ``a!=1``, ``a~regex`` or ``a!~regex`` as a condition."""
    match = _TERM.fullmatch(term.strip())
    if match is None or (match["not"] and match["op"]):
        return None
    items = tuple(match["items"].split("|"))
    if not match["op"]:
        return Condition(items, "absent" if match["not"] else "present")
    if match["op"] in ("=", "!="):
        return Condition(items, "in" if match["op"] == "=" else "not in", tuple(match["values"].split("|")))
    return Condition(items, "like" if match["op"] == "~" else "unlike", (match["values"],))


def _line(source: str, needle: str) -> int:
    """The number of the first line that holds ``needle`` (TOML readers keep no lines); 0 when there is none."""
    return next((number for number, line in enumerate(source.splitlines(), 1) if needle in line), 0)
