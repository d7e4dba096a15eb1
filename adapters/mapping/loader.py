"""Read ``mapping/*.toml`` and hold it to completeness: every item of both sides exactly once, all problems at once."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

from adapters.mapping.conversions import Setup, make_conversion
from adapters.mapping.conversions.chain import with_default
from adapters.mapping.engine import DIRECTIONS, Mapping
from adapters.mapping.expressions import SyntaxProblem, parse
from adapters.mapping.item_check import item_check
from adapters.mapping.repeat import repeated
from adapters.mapping.rules import ConstantRule, DerivedRule, ItemRule, Rule, UnmappedRule
from adapters.sdk.item_table import with_rules
from adapters.sdk.layout import Layout, LayoutField
from adapters.sdk.problems import Problems
from adapters.sdk.toml import TomlFile, read_toml
from adapters.sdk.types import LossPolicy, Side
from schemas.model import Edition, Item, RecordType, Unit

_POLICIES = ("forbid", "record", "allow")
_SIDES = ("vendor", "standard")
_HEAD = ("id", "layout", "record", "direction", "codec_loss", "table", "note")
_ITEM = ("vendor", "standard", "conversion", "options", "case", "steps", "default", "loss", "note")
_DERIVED = ("side", "item", "value", "reason", "loss")
_TABLES = ("mapping", "item", "unmapped", "constant", "derived")
_UNMAPPED = ("side", "items", "reason", "loss")
_CONSTANT = ("side", "item", "value", "reason", "loss")


def load_mapping(
    path: Path, layout: Layout, edition: Edition, problems: Problems | None = None, *, folder: Path | None = None
) -> Mapping | None:
    """The mapping of ``path`` between ``layout`` and its record of ``edition``.

    ``folder`` is the vendor's folder, where code tables stand (default: two above the file). Without ``problems``
    raises ConfigurationError CB6008; with it, notes, and gives ``None`` only together with noted problems.
    """
    own = problems if problems is not None else Problems()
    before = len(own.found)
    mapping = _load(path, layout, edition, own, folder or path.parent.parent)
    if problems is None:
        own.raise_if_any()
    return mapping if len(own.found) == before else None


@dataclass(slots=True)
class _Reading:
    """What is known while one file is read; ``seen`` notes where each item was spoken of."""

    file: TomlFile
    layout: Layout
    unit: Unit
    record: RecordType
    folder: Path
    problems: Problems
    rules: list[Rule] = field(default_factory=list)
    seen: dict[Side, dict[str, int]] = field(default_factory=lambda: {"vendor": {}, "standard": {}})
    fields: dict[str, LayoutField] = field(init=False)
    items: dict[str, Item] = field(init=False)

    def __post_init__(self) -> None:
        self.fields = {one.name: one for one in self.layout.items}
        self.items = {item.name: item for item in self.record.items}

    def known(self, side: Side) -> Iterable[str]:
        """The names of one side."""
        return self.fields if side == "vendor" else self.items

    def take(self, side: Side, name: str, line: int) -> bool:
        """Note that ``name`` is spoken of; unknown and double names are problems."""
        known = self.known(side)
        if name not in known:
            if side == "vendor" and name in {one.name for one in self.layout.fields}:
                expected = "no rule: the codec writes record type and filler itself"
                self.problems.add(self.file.path, f"{side}.{name}", line=line, expected=expected, got="a rule")
            else:
                self.problems.unknown(self.file.path, f"{side}.{name}", name, known, line=line)
            return False
        if name in self.seen[side]:
            got = f"line {self.seen[side][name]} too"
            self.problems.add(self.file.path, f"{side}.{name}", line=line, expected="exactly once", got=got)
            return False
        self.seen[side][name] = line
        return True


def _load(path: Path, layout: Layout, edition: Edition, problems: Problems, folder: Path) -> Mapping | None:
    file = read_toml(path, problems)
    return read_mapping(file, layout, edition, problems, folder) if file is not None else None


def read_mapping(file: TomlFile, layout: Layout, edition: Edition, problems: Problems, folder: Path) -> Mapping | None:
    """The mapping of an already parsed file; ``None`` only together with noted problems."""
    path = file.path
    file = repeated(with_rules(file, problems), problems)
    for key in file.data:
        if key not in _TABLES:
            problems.unknown(path, key, key, _TABLES, line=file.line(key))
    head = file.data.get("mapping", {})
    line = file.line("mapping")
    _keys(file, "mapping", line, head, _HEAD, problems)
    unit, record = _record(file, str(head.get("record", "")), edition, problems)
    direction = str(head.get("direction", "both"))
    if direction not in DIRECTIONS:
        problems.unknown(path, "mapping.direction", direction, DIRECTIONS, line=line)
    codec_loss = str(head.get("codec_loss", "record"))
    if codec_loss not in _POLICIES:
        problems.unknown(path, "mapping.codec_loss", codec_loss, _POLICIES, line=line)
    if not head.get("id"):
        problems.add(path, "mapping.id", line=line, expected="a name", got="nothing")
    if unit is None or record is None:
        return None
    reading = _Reading(file, layout, unit, record, folder, problems)
    before = len(problems.found)
    _items(reading)
    _unmapped(reading, direction)
    _constants(reading)
    _derived(reading)
    _complete(reading)
    if len(problems.found) > before or not head.get("id"):
        return None
    rules = tuple(reading.rules)
    return Mapping(str(head["id"]), path, layout, unit, record, rules, direction, cast(LossPolicy, codec_loss))


def _keys(
    file: TomlFile, where: str, line: int, table: dict[str, Any], known: tuple[str, ...], problems: Problems
) -> None:
    for key in table:
        if key not in known:
            problems.unknown(file.path, f"{where}.{key}", key, known, line=line)


def _record(file: TomlFile, name: str, edition: Edition, problems: Problems) -> tuple[Unit | None, RecordType | None]:
    unit_key, _, record_name = name.partition(".")
    unit = edition.units.get(unit_key)
    record = unit.records.get(record_name) if unit else None
    if record is None:
        known = [f"{unit.key}.{one}" for unit in edition.units.values() for one in unit.records]
        problems.unknown(file.path, "mapping.record", name, known, line=file.line("mapping"))
    return unit, record


def _names(reading: _Reading, where: str, line: int, value: Any) -> tuple[str, ...]:
    if isinstance(value, str):
        return (value,)
    if isinstance(value, list) and value and all(isinstance(one, str) for one in value):
        return tuple(value)
    reading.problems.add(reading.file.path, where, line=line, expected="a list of names", got=type(value).__name__)
    return ()


def _policy(reading: _Reading, where: str, line: int, value: Any) -> LossPolicy:
    if value not in _POLICIES:
        reading.problems.unknown(reading.file.path, f"{where}.loss", str(value), _POLICIES, line=line)
        return "forbid"
    return cast(LossPolicy, value)


def _items(reading: _Reading) -> None:
    file, problems = reading.file, reading.problems
    for number, (line, table) in enumerate(file.tables("item", problems)):
        where = f"item[{number}]"
        _keys(file, where, line, table, _ITEM, problems)
        vendor = _names(reading, f"{where}.vendor", line, table.get("vendor"))
        standard = _names(reading, f"{where}.standard", line, table.get("standard"))
        taken = [reading.take("vendor", name, line) for name in vendor]
        taken += [reading.take("standard", name, line) for name in standard]
        name, options = _conversion(reading, where, line, table)
        loss = _policy(reading, where, line, table.get("loss", "forbid"))
        if not vendor or not standard or not all(taken):
            continue
        fields = tuple(reading.fields[one] for one in vendor)
        items = tuple(reading.items[one] for one in standard)
        setup = Setup(file.path, line, reading.folder, fields, items, reading.unit.codes, options, problems)
        conversion = make_conversion(name, setup)
        if conversion is not None:
            if "default" in table:
                conversion = with_default(setup, conversion, table["default"])
            shown = json.dumps(options, ensure_ascii=False) if options else ""
            rule = ItemRule(vendor, standard, name, conversion, loss, str(table.get("note", "")), line, shown)
            reading.rules.append(rule)


def _conversion(reading: _Reading, where: str, line: int, table: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    """Name and options; ``case`` and ``steps`` are written beside them because they are long."""
    options = table.get("options", {})
    if not isinstance(options, dict):
        expected, got = "a table", type(options).__name__
        reading.problems.add(reading.file.path, f"{where}.options", line=line, expected=expected, got=got)
        options = {}
    name = table.get("conversion", "steps" if "steps" in table else "choose" if "case" in table else "")
    return str(name), {**options, **{key: table[key] for key in ("case", "steps") if key in table}}


def _side(reading: _Reading, where: str, line: int, value: Any) -> Side | None:
    if value not in _SIDES:
        reading.problems.unknown(reading.file.path, f"{where}.side", str(value), _SIDES, line=line)
        return None
    return cast(Side, value)


def _reason(reading: _Reading, where: str, line: int, value: Any) -> str:
    if not isinstance(value, str) or not value:
        reading.problems.add(reading.file.path, f"{where}.reason", line=line, expected="a reason", got="nothing")
        return ""
    return value


def _unmapped(reading: _Reading, direction: str) -> None:
    file, problems = reading.file, reading.problems
    for number, (line, table) in enumerate(file.tables("unmapped", problems)):
        where = f"unmapped[{number}]"
        _keys(file, where, line, table, _UNMAPPED, problems)
        side = _side(reading, where, line, table.get("side"))
        names = _names(reading, f"{where}.items", line, table.get("items"))
        reason = _reason(reading, where, line, table.get("reason"))
        loss = _policy(reading, where, line, table.get("loss", "forbid"))
        for name in names if side else ():
            assert side is not None
            if not reading.take(side, name, line):
                continue
            if side == "standard" and direction != "to_vendor" and reading.items[name].mandatory:
                expected = "a mapping or constant for a mandatory item"
                problems.add(file.path, f"standard.{name}", line=line, expected=expected, got="unmapped")
            reading.rules.append(UnmappedRule(side, name, reason, loss, line))


def _constants(reading: _Reading) -> None:
    file, problems = reading.file, reading.problems
    for number, (line, table) in enumerate(file.tables("constant", problems)):
        where = f"constant[{number}]"
        _keys(file, where, line, table, _CONSTANT, problems)
        side = _side(reading, where, line, table.get("side"))
        name, value = str(table.get("item", "")), table.get("value")
        reason = _reason(reading, where, line, table.get("reason"))
        loss = _policy(reading, where, line, table.get("loss", "forbid"))
        if not isinstance(value, str) or not value:
            problems.add(file.path, f"{where}.value", line=line, expected="a text", got=type(value).__name__)
            continue
        if side is None or not reading.take(side, name, line):
            continue
        if side == "standard":
            fault = item_check(reading.items[name], reading.unit).fault(value)
            if fault is not None:
                problems.add(file.path, f"{where}.value", line=line, expected=fault.expected, got=value)
        reading.rules.append(ConstantRule(side, name, value, reason, loss, line))


def _derived(reading: _Reading) -> None:
    """Items computed from items of their own side that other rules convert."""
    file, problems = reading.file, reading.problems
    for number, (line, table) in enumerate(file.tables("derived", problems)):
        where = f"derived[{number}]"
        _keys(file, where, line, table, _DERIVED, problems)
        side = _side(reading, where, line, table.get("side"))
        name = str(table.get("item", ""))
        reason = _reason(reading, where, line, table.get("reason"))
        loss = _policy(reading, where, line, table.get("loss", "forbid"))
        if side is None or not reading.take(side, name, line):
            continue
        known = [one for one in reading.known(side) if one != name]
        try:
            expression = parse(str(table.get("value", "")), known)
        except SyntaxProblem as problem:
            expected = f"{problem.expected} at character {problem.place}"
            problems.add(file.path, f"{where}.value", line=line, expected=expected, got=problem.got)
            continue
        for other in (rule for rule in reading.rules if isinstance(rule, DerivedRule) and rule.side == side):
            if name in other.expression.names:
                expected = f"an item that no rule above uses (line {other.line})"
                problems.add(file.path, f"{where}.item", line=line, expected=expected, got=name)
        reading.rules.append(DerivedRule(side, name, expression, reason, loss, line))


def _complete(reading: _Reading) -> None:
    sides: tuple[Side, ...] = ("vendor", "standard")
    for side in sides:
        for name in reading.known(side):
            if name not in reading.seen[side]:
                expected = "an item, unmapped, constant or derived rule"
                reading.problems.add(reading.file.path, f"{side}.{name}", expected=expected, got="nothing")
