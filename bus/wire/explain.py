"""Find and word everything wrong with a payload that its contract refused; no finding holds a value."""

from __future__ import annotations

import difflib
import re
import threading
from bisect import bisect_left
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from lxml import etree

from bus.core.datarules import bad_character, checks, length
from bus.core.types import Finding
from bus.wire.rules import Predicate, compile_rule
from schemas.model import Item, RecordType, Rule, Unit

MAX_FINDINGS = 50  # as many as the fault's detail carries
_ELEMENT = re.compile(r"Element '(?:\{[^}']*\})?([^']*)'")
_EXPECTED = re.compile(r"Expected is (?:one of )?\(([^)]*)\)")
_MISSING = re.compile(r"Missing child element\(s\)")
_DIGITS = ("LENGTH", "DIGITS")
_FORMS = ("PATTERN", "ENUMERATION", "DATATYPE", "INCLUSIVE", "EXCLUSIVE")


class Explainer:
    """Judges item by item and puts each problem into words: the slow way, taken only by refused messages."""

    def __init__(self, unit: Unit, compile_schema: Callable[[], etree.XMLSchema]) -> None:
        self._unit = unit
        self._compile = compile_schema
        self._schema: etree.XMLSchema | None = None
        self._lock = threading.Lock()
        self._checks = checks()
        self._rules: Mapping[str, list[tuple[Rule, Predicate]]] = {
            name: [(rule, compile_rule(rule)) for rule in unit.rules if rule.record == name] for name in unit.records
        }
        self._plans: dict[str, tuple[RecordType | None, RecordType | None, bool]] = {}
        for operation in unit.operations.values():
            carried = unit.records.get(operation.record)
            must = carried is not None and not operation.output.endswith("_kaito") and not operation.repeats
            replies = operation.output.endswith("_kaito")
            asks, answers = unit.records.get(operation.request_record), unit.records.get(_local(operation.output))
            self._plans[operation.input] = (asks, None if replies else carried, must)
            if replies:
                self._plans[operation.output] = (answers, carried, False)

    def explain(self, payload: etree._Element, *, valid: bool = False) -> tuple[Finding, ...]:
        """Every problem, at most ``MAX_FINDINGS``; empty only where the XSD found the payload ``valid``."""
        findings: list[Finding] = []
        plan = self._plans.get(str(payload.tag)) if self._unit.records else None
        if plan is not None:
            for finding in self._record(payload, str(payload.tag), *plan):
                findings.append(finding)
                if len(findings) == MAX_FINDINGS:
                    break
        return tuple(findings or ([] if valid else self._from_schema(payload)))

    def _record(
        self,
        element: etree._Element,
        path: str,
        record: RecordType | None,
        carried: RecordType | None = None,
        must: bool = False,
    ) -> Iterator[Finding]:
        """Problems of one record element, then those of the records it carries."""
        path = _local(path) if path.startswith("{") else path
        items = {item.name: item for item in record.items} if record is not None else {}
        names = {name: place for place, name in enumerate([*items, *([carried.name] if carried is not None else [])])}
        children = self._children(element, carried, len(items) + MAX_FINDINGS)
        known = [(name, child) for name, child in children if name in names]
        own = [(name, child) for name, child in known if name in items]
        records = [child for name, child in known if name not in items]
        problems = [self._unknown(child, path, names) for name, child in children if name not in names]
        misplaced = _out_of_order([names[name] for name, _ in known], repeatable=len(items))
        problems += [self._misplaced(known[index][1], path, items) for index in misplaced]
        for name, child in own:
            problems += self._value(items[name], child, f"{path}/{name}")
        values = {name: child.text or "" for name, child in own}
        for item in items.values():
            if item.mandatory and item.name not in values:
                here = f"{path}/{item.name}"
                problems.append(
                    Finding("E0001", here, _line(element), "必須 / mandatory", "なし / absent", item.name_ja)
                )
        if must and len(records) != 1 and carried is not None:
            code = "CB1016" if records else "E0001"
            here = f"{path}/{carried.name}"
            problems.append(Finding(code, here, _line(element), "1件 / one record", f"{len(records)}件 / records"))
        if record is not None and not problems:
            problems += self._correlations(record, values, element, path, items)
        yield from problems
        for number, child in enumerate(records, 1):
            assert carried is not None
            yield from self._record(child, f"{path}/{carried.name}" + ("" if must else f"[{number}]"), carried)

    def _children(
        self, element: etree._Element, carried: RecordType | None, most: int
    ) -> list[tuple[str, etree._Element]]:
        """The children with their item names: all carried records, and of others not more than ``most`` and one.

        So many others are more problems than are told, whatever comes behind them.
        """
        record = carried.name if carried is not None else ""
        found: list[tuple[str, etree._Element]] = []
        others = 0
        for child in element:
            if isinstance(child.tag, str):
                name = self._item_name(child)
                found.append((name, child))
                others += name != record
                if others > most:
                    break
        return found

    def _item_name(self, child: etree._Element) -> str:
        """The local name of an element of the unit's namespace; others keep their full name."""
        name: str = child.tag
        prefix = f"{{{self._unit.namespace}}}"
        return name.removeprefix(prefix)

    def _unknown(self, child: etree._Element, path: str, names: Mapping[str, int]) -> Finding:
        name = _local(child.tag)
        near = difflib.get_close_matches(name, names, n=1)
        expected = f"{near[0]}?" if near else "標準にある項目 / an item of the standard"
        return Finding("CB1016", f"{path}/{name}", _line(child), expected, "知らない項目 / unknown item")

    def _misplaced(self, child: etree._Element, path: str, items: Mapping[str, Item]) -> Finding:
        name = self._item_name(child)
        name_ja = items[name].name_ja if name in items else ""
        expected = "標準の順序で1回 / once, in the order of the standard"
        return Finding("CB1016", f"{path}/{name}", _line(child), expected, "順序違い・重複 / misplaced", name_ja)

    def _value(self, item: Item, element: etree._Element, path: str) -> Iterator[Finding]:
        """The problem of one value, if any: the first of emptiness, code, characters, digits, form, check digit."""
        text = element.text or ""
        problem = self._shape(item, element, text) or self._rule(item, text)
        if problem is not None:
            code, expected, got = problem
            yield Finding(code, path, _line(element), expected, got, item.name_ja)

    def _shape(self, item: Item, element: etree._Element, text: str) -> tuple[str, str, str] | None:
        """What is wrong with the outside of a value: (code, expected, got)."""
        size = f"{item.digits},{item.scale}" if item.scale else str(item.digits)
        if len(element) or element.attrib:
            return "CB1016", "文字だけの項目 / text only", "要素・注釈・属性 / element, comment or attribute inside"
        if not text:
            code = "E0001" if item.mandatory else "E0002"
            return code, "値（ない場合は要素を省略） / a value, or no element", "空 / empty"
        base = self._unit.formats.get(item.type)
        if base is not None and not re.fullmatch(base.pattern, text):
            return "E0002", f"{base.name_ja} {item.type}({size})", _offender(base.pattern, text)
        if _too_long(item, text, length(text)):
            return "E0003", f"{item.type}({size})", f"{length(text)}桁 / {length(text)} characters"
        return None

    def _rule(self, item: Item, text: str) -> tuple[str, str, str] | None:
        """What is wrong with the inside of a value: code table, characters, form, check digit."""
        wrong = f"規則違反（{length(text)}桁） / against the rule"
        if item.code:
            table = self._unit.codes[item.code]
            return None if text in table.codes else ("E0002", f"コード表 {table.name_ja or table.name}", wrong)
        position = bad_character(text)
        if position >= 0:
            expected = (
                "基底文字のある字形選択子・私用領域以外・文字化けのない文字"
                " / a base before a selector, no private use, no UTF-8 read as Latin-1"
            )
            return "E0002", expected, f"{position + 1}文字目 U+{ord(text[position]):04X}"
        form = self._unit.formats.get(item.format)
        if form is None:
            return None
        if form.pattern and not re.fullmatch(form.pattern, text):
            return "E0002", f"{form.name_ja}の形式 / form", wrong
        check = self._checks.get(form.check)
        if check is not None and not check(text):
            return "E0002", f"{form.name_ja}の規則（検査数字・表記） / check digit or wording", wrong
        return None

    def _correlations(
        self,
        record: RecordType,
        values: Mapping[str, str],
        element: etree._Element,
        path: str,
        items: Mapping[str, Item],
    ) -> Iterator[Finding]:
        for rule, keeps in self._rules[record.name]:
            if not keeps(values):
                names = [name for condition in rule.then for name in condition.items]
                expected = f"{rule.text_ja} / {rule.text_en}"
                first = items[names[0]]
                yield Finding(
                    "E0004", f"{path}/{first.name}", _line(element), expected, f"規則 {rule.name}", first.name_ja
                )

    def _from_schema(self, payload: etree._Element) -> list[Finding]:
        """What libxml2 says, for contracts without item tables and for anything the item tables do not explain."""
        with self._lock:
            if self._schema is None:
                self._schema = self._compile()
            self._schema.validate(payload)
            log: Any = self._schema.error_log
            entries = [(entry.type_name, entry.line, entry.message) for entry in log]
        findings: dict[tuple[int, str], Finding] = {}
        for kind, line, message in entries:
            name = match[1] if (match := _ELEMENT.match(message)) else _local(str(payload.tag))
            wanted = match[1] if (match := _EXPECTED.search(message)) else ""
            expected = ", ".join(_local(part.strip()) for part in wanted.split(","))
            if _MISSING.search(message):
                path, code = f"{name}/{expected}", "E0001"
            elif any(word in kind for word in _DIGITS):
                path, code = name, "E0003"
            elif any(word in kind for word in _FORMS):
                path, code = name, "E0002"
            else:
                path, code = name, "CB1016"
            findings.setdefault((line, path), Finding(code, path, line, expected))
            if len(findings) == MAX_FINDINGS:
                break
        return [*findings.values()] or [Finding("CB1016", _local(str(payload.tag)), _line(payload))]


def _out_of_order(places: list[int], repeatable: int) -> list[int]:
    """Indexes of the fewest elements that would have to move: those outside a longest increasing run.

    Places from ``repeatable`` on may occur again.
    """
    ends: list[tuple[int, int]] = []  # (order, count) of the last element of the best run of each length
    best: list[int] = []  # its index
    before = [-1] * len(places)
    for index, place in enumerate(places):
        key = (place, index if place >= repeatable else 0)
        length_before = bisect_left(ends, key)
        before[index] = best[length_before - 1] if length_before else -1
        ends[length_before : length_before + 1] = [key]
        best[length_before : length_before + 1] = [index]
    kept: set[int] = set()
    index = best[-1] if best else -1
    while index >= 0:
        kept.add(index)
        index = before[index]
    return [index for index in range(len(places)) if index not in kept]


def _too_long(item: Item, text: str, count: int) -> bool:
    """Whether the value has more digits than the item: the sign and the point of numbers do not count."""
    if item.type in ("X", "N", "9"):
        return count > item.digits
    if item.type == "S9":
        return len(text.removeprefix("-")) > item.digits
    if item.type == "9V":
        whole, _, fraction = text.partition(".")
        return len(whole) > item.digits or len(fraction) > item.scale
    return False


def _offender(pattern: str, text: str) -> str:
    """The first character that the type does not allow, by position and code point; else only the length."""
    if pattern.endswith("]+"):
        for position, character in enumerate(text, 1):
            if not re.fullmatch(pattern, character):
                return f"{position}文字目 U+{ord(character):04X}"
    return f"形式違い（{length(text)}桁） / wrong form"


def _line(element: Any) -> int:
    line: int = element.sourceline or 0
    return line


def _local(name: str) -> str:
    return name.rpartition("}")[2]
