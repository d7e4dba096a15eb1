"""The independent oracle: judges a message by xmlschema and by its own lexical rules over the tables of ``schemas``."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from difflib import SequenceMatcher
from functools import cached_property
from itertools import zip_longest
from typing import NoReturn
from xml.etree import ElementTree

import xmlschema

from conformance.glyphs import ENTRY, blocks, make_ordinary, marks, named, nineteen, stand_in
from conformance.lexical import characters, keeps, misplaced, named_checks
from schemas.model import Edition, Item, Operation, RecordType, Unit

SOAP = "http://schemas.xmlsoap.org/soap/envelope/"


@dataclass(frozen=True, slots=True)
class Verdict:
    """One objection: code of the error catalogue, path of local names, and what the standard asks for."""

    code: str
    path: str
    expected: str = ""
    name_ja: str = ""


class _Unreadable(Exception):
    """The bytes are not a message at all; carries the code."""

    def __init__(self, code: str, reason: str) -> None:
        super().__init__(reason)
        self.code = code


class _Builder(ElementTree.TreeBuilder):
    """Builds the tree and refuses what a message may not hold."""

    def doctype(self, name: str, pubid: str | None, system: str | None) -> NoReturn:
        raise _Unreadable("CB1005", "DOCTYPE")

    def pi(self, target: str, text: str | None = None) -> NoReturn:
        raise _Unreadable("CB1005", "processing instruction")


class Oracle:
    """Judges messages of one unit. Slow and thorough: it reads with expat and validates with xmlschema."""

    def __init__(self, edition: Edition, unit: Unit) -> None:
        self.unit = unit
        self._checks = named_checks(edition.codes)
        self._operations: dict[str, Operation] = {}
        for operation in unit.operations.values():
            self._operations[operation.input] = self._operations[operation.output] = operation

    @cached_property
    def _schema(self) -> xmlschema.XMLSchema10:
        return xmlschema.XMLSchema10(str(self.unit.schemas[0]), allow="local")

    def judge(self, raw: bytes) -> tuple[Verdict, ...]:
        """Every objection to a SOAP message or a bare payload; empty when the standard is kept."""
        try:
            payload, names = _payload(raw)
        except _Unreadable as error:
            return (Verdict(error.code, "", str(error)),)
        operation = self._operations.get(payload.tag)
        if operation is None:
            return (Verdict("CB1013", _local(payload.tag), ", ".join(sorted(map(_local, self._operations)))),)
        if names:
            wrong = list(_glyphs(payload, names))
            if wrong:
                return tuple(wrong)
            make_ordinary(payload)
        own = list(self._own(payload, operation)) if self.unit.records else []
        if own:
            return tuple(own)
        return tuple(dict.fromkeys(self._foreign(payload)))

    def _own(self, payload: ElementTree.Element, operation: Operation) -> Iterator[Verdict]:
        """Objections by the item tables."""
        replies = payload.tag == operation.output
        inquiry = operation.output.endswith("_kaito")
        if replies and not inquiry:
            return
        record = self.unit.records.get(_local(payload.tag) if replies else operation.request_record)
        carried = self.unit.records.get(operation.record) if replies == inquiry else None
        path = _local(payload.tag)
        held = [child for child in payload if carried and _local(child.tag) == carried.name]
        yield from self._record(payload, path, record, {carried.name} if carried else set())
        if carried is None:
            return
        once = not inquiry and not operation.repeats
        for number, child in enumerate(held, 1):
            here = f"{path}/{carried.name}" + ("" if once else f"[{number}]")
            yield from self._record(child, here, carried, set())
        if once and not held:
            yield Verdict("E0001", f"{path}/{carried.name}", "one record")
        elif once and len(held) > 1:
            yield Verdict("CB1016", f"{path}/{carried.name}", "one record")

    def _record(
        self, element: ElementTree.Element, path: str, record: RecordType | None, others: set[str]
    ) -> Iterator[Verdict]:
        items = {item.name: item for item in record.items} if record else {}
        found: list[Verdict] = []
        names: list[str] = []
        values: dict[str, str] = {}
        for child in element:
            name = _local(child.tag)
            own_namespace = child.tag == f"{{{self.unit.namespace}}}{name}"
            if name in others and own_namespace:
                continue
            if name not in items or not own_namespace:
                found.append(Verdict("CB1016", f"{path}/{name}", "an item of the standard"))
                continue
            names.append(name)
            values[name] = child.text or ""
            found.extend(self._value(items[name], child, f"{path}/{name}"))
        right = [name for name in items if name in names]
        blocks = SequenceMatcher(None, names, right, autojunk=False).get_matching_blocks()
        placed = {index for block in blocks for index in range(block.a, block.a + block.size)}
        for index in sorted(set(range(len(names))) - placed):
            name = names[index]
            found.append(Verdict("CB1016", f"{path}/{name}", "once and in order", items[name].name_ja))
        found.extend(
            Verdict("E0001", f"{path}/{item.name}", "mandatory", item.name_ja)
            for item in items.values()
            if item.mandatory and item.name not in values
        )
        if record is not None and not found:
            for rule in self.unit.rules:
                if rule.record == record.name and not keeps(rule, values):
                    first = rule.then[0].items[0]
                    found.append(Verdict("E0004", f"{path}/{first}", rule.text_en, items[first].name_ja))
        yield from found

    def _value(self, item: Item, element: ElementTree.Element, path: str) -> Iterator[Verdict]:
        text = element.text or ""
        size = f"{item.type}({item.digits})"
        forms = self.unit.formats
        form = forms.get(item.format)
        if len(element) or element.attrib:
            yield Verdict("CB1016", path, "text only", item.name_ja)
        elif not text:
            yield Verdict("E0001" if item.mandatory else "E0002", path, "a value", item.name_ja)
        elif not re.fullmatch(forms[item.type].pattern, text) or stand_in(text):
            yield Verdict("E0002", path, f"{forms[item.type].name_ja} {size}", item.name_ja)
        elif self._length(item, text) > item.digits:
            yield Verdict("E0003", path, size, item.name_ja)
        elif item.code:
            if text not in {row.code for row in self.unit.codes[item.code].rows}:
                yield Verdict("E0002", path, f"code table {item.code}", item.name_ja)
        elif misplaced(text) or (form is not None and form.pattern and not re.fullmatch(form.pattern, text)):
            yield Verdict("E0002", path, form.name_ja if form else size, item.name_ja)
        elif form is not None and form.check and not self._checks[form.check](text):
            yield Verdict("E0002", path, form.name_ja, item.name_ja)

    @staticmethod
    def _length(item: Item, text: str) -> int:
        """Digits that count: neither sign nor decimals of a number; too many decimals count as too long."""
        whole, _, fraction = text.partition(".")
        if item.type == "9V":
            return item.digits + 1 if len(fraction) > item.scale else len(whole)
        return characters(text.lstrip("-") if item.type == "S9" else text)

    def _foreign(self, payload: ElementTree.Element) -> Iterator[Verdict]:
        """Objections by xmlschema, by the validator that raised them."""
        for error in self._schema.iter_errors(payload):
            path = re.sub(r"\{[^}]*\}|[A-Za-z0-9_]+:", "", error.path or "").strip("/")
            if isinstance(error, xmlschema.XMLSchemaChildrenValidationError):
                missing = error.invalid_child is None
                yield Verdict("E0001" if missing else "CB1016", path or _local(payload.tag), "the declared children")
            else:
                kind = type(error.validator).__name__
                code = "E0003" if "Length" in kind or "Digits" in kind else "E0002" if "Facet" in kind else "CB1016"
                yield Verdict(code, path, kind)


def _glyphs(payload: ElementTree.Element, found: list[ElementTree.Element]) -> Iterator[Verdict]:
    """Objections where the blocks that name glyphs are not what the Body marks."""
    there, said = marks(payload), named(found)
    for place, one in zip_longest(there, said):
        if one is None or one.item != place or one.name not in nineteen():
            yield Verdict("CB6018", place or (one.item if one else ""), "a moji of its item for each U+FFFC")
            return
    if len(found) > 1 or not said or any(entry.tag != ENTRY for entry in found[0]):
        yield Verdict("CB6018", "Mojizukei", "one block of moji")


def _payload(raw: bytes) -> tuple[ElementTree.Element, list[ElementTree.Element]]:
    """The payload of a SOAP message, or the root of a bare one; and the header blocks that name glyphs."""
    parser = ElementTree.XMLParser(target=_Builder())  # noqa: S314 - _Builder refuses DOCTYPE before any entity
    try:
        parser.feed(raw)
        root: ElementTree.Element = parser.close()
    except ElementTree.ParseError as error:
        raise _Unreadable("CB1004", f"line {error.position[0]}") from error
    if root.tag != f"{{{SOAP}}}Envelope":
        return root, []
    body = root.find(f"{{{SOAP}}}Body")
    if body is None or len(body) != 1:
        raise _Unreadable("CB1008", "one Body with one child")
    header = root.find(f"{{{SOAP}}}Header")
    return body[0], blocks(header if header is not None else ())


def _local(name: str) -> str:
    return name.rpartition("}")[2]
