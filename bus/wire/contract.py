"""Judge a payload by its unit's contract: the XSD, then what no XSD can say (exact lengths, check digits, rules).

The valid message is the fast way: one compiled schema, one pass over the items. Only a message that fails is looked at
again by ``bus.wire.explain``, which finds every problem and puts it into words. No finding ever holds a value.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import Final

from lxml import etree

from bus.core.datarules import bad_character, checks, length
from bus.core.errors import ConfigurationError
from bus.core.settings import Site
from bus.core.types import Finding
from bus.wire.attachments.binary import read_places
from bus.wire.explain import Explainer
from bus.wire.rules import Predicate, compile_rule
from schemas.model import Edition, RecordType, Rule, Unit

XS = "http://www.w3.org/2001/XMLSchema"


class Values:
    """What a payload says, read once for all who ask: the texts of its own items, and of each record it carries, by
    tag. ``whole`` says that there is nothing but records.
    """

    __slots__ = ("own", "records", "whole")

    def __init__(self, own: dict[str, str], records: list[dict[str, str]], *, whole: bool) -> None:
        self.own = own
        self.records = records
        self.whole = whole


class _Contracts(dict[str, "UnitContract"]):
    """Contracts by unit: one that was not asked for at the start is compiled at its first message and then kept."""

    def __init__(self, edition: Edition) -> None:
        super().__init__()
        self._units = edition.units
        self._lock = threading.Lock()

    def __missing__(self, key: str) -> UnitContract:
        with self._lock:
            found = self.get(key)
            if found is None:
                found = self[key] = UnitContract(self._units[key])
            return found


def contracts(edition: Edition, used: Iterable[str] | None = None) -> Mapping[str, UnitContract]:
    """The contracts of the edition by unit. Those of ``used`` (all units where not given) are compiled at once.

    Errors: ConfigurationError CB7003 when one of them does not compile.
    """
    found = _Contracts(edition)
    for key in edition.units if used is None else sorted(set(used) & set(edition.units)):
        found[key]
    return found


def used_units(site: Site) -> frozenset[str]:
    """The units whose contracts a site meets: those of its endpoints, routes and rights, and every mounted one."""
    operations = {route.operation for route in site.routes} | {right.operation for right in site.rights}
    named = {operation.partition(".")[0] for operation in operations}
    return frozenset(named | {endpoint.unit for endpoint in site.endpoints} | set(site.mounts))


def compile_schema(unit: Unit) -> etree.XMLSchema:
    """All schemas of the unit as one; ConfigurationError CB7003 when they do not compile."""
    driver = etree.Element(f"{{{XS}}}schema", nsmap={"xs": XS})
    try:
        for path in unit.schemas:
            namespace = etree.parse(path).getroot().get("targetNamespace", "")
            etree.SubElement(driver, f"{{{XS}}}import", namespace=namespace, schemaLocation=path.as_uri())
        return etree.XMLSchema(driver)
    except (OSError, etree.XMLSyntaxError, etree.XMLSchemaParseError) as error:
        finding = Finding("CB7003", path=unit.key, place=str(unit.wsdl.parent), got=str(error))
        raise ConfigurationError("CB7003", [finding]) from error


class UnitContract:
    """The contract of one unit, compiled once. ``validate`` may be called from several threads."""

    def __init__(self, unit: Unit) -> None:
        self.unit = unit
        self._schema = compile_schema(unit)
        self.places = read_places(unit.schemas)
        self._explainer = Explainer(unit, lambda: compile_schema(unit))
        prefix = f"{{{unit.namespace}}}"
        records = {name: _RecordCheck(record, unit) for name, record in unit.records.items()}
        self._plans: dict[str, tuple[_RecordCheck | None, str, _RecordCheck | None]] = {}
        for operation in unit.operations.values():
            carried = records.get(operation.record)
            for tag, own in (
                (operation.input, records.get(operation.request_record)),
                (operation.output, records.get(operation.output.rpartition("}")[2])),
            ):
                if own is not None or carried is not None:
                    self._plans[tag] = (own, prefix + operation.record, carried)

    def values(self, payload: etree._Element) -> Values | None:
        """The texts of a request or reply element of this unit, ``None`` where there is nothing to look at.

        A comment could hide a part of a value from this look: such a payload has no values.
        """
        plan = self._plans.get(payload.tag)
        if plan is None or next(payload.iter(etree.Comment, etree.ProcessingInstruction), None) is not None:
            return None
        carried_tag = plan[1]
        own: dict[str, str] = {}
        records = []
        for child in payload:
            tag = child.tag
            if tag == carried_tag:
                records.append({item.tag: item.text or "" for item in child})
            else:
                own[tag] = child.text or ""
        return Values(own, records, whole=not own)

    def validate(self, payload: etree._Element, values: Values | None = None) -> tuple[Finding, ...]:
        """Everything wrong with a request or reply element (E0001 to E0004, CB1016), or an empty tuple.

        ``values`` are those of this payload, where somebody has read them before.
        """
        valid = self._schema.validate(payload)
        if valid and self._agrees(payload, values):
            return ()
        return self._explainer.explain(payload, valid=valid)

    def _agrees(self, payload: etree._Element, values: Values | None = None) -> bool:
        """Whether a payload that the XSD accepts also keeps the rules that the XSD cannot carry.

        One that has no values is looked at item by item.
        """
        plan = self._plans.get(payload.tag)
        if plan is None:
            return True
        if values is None:
            values = self.values(payload)
            if values is None:
                return False
        own, _, carried = plan
        if carried is not None and not all(map(carried.agrees, values.records)):
            return False
        return own is None or own.agrees(values.own)


_Asked = tuple[int, Callable[[str], bool] | None, dict[str, tuple[Predicate, ...]]]

NO_LIMIT: Final = 1 << 60
"""Characters of an item whose length its XSD type tells exactly."""


class _RecordCheck:
    """What one record type asks beyond the XSD, precomputed by element name: most rules are never looked at.

    ``_items`` holds, for each item of which anything is asked, the most characters it may have, its own check, and the
    rules that apply when it has a value; ``_whenever`` are the rules that apply when it is there.
    """

    __slots__ = ("_always", "_items", "_whenever")

    def __init__(self, record: RecordType, unit: Unit) -> None:
        prefix = f"{{{unit.namespace}}}"
        known = checks()
        self._items: dict[str, _Asked] = {}
        self._whenever: dict[str, tuple[Predicate, ...]] = {}
        self._always: tuple[Predicate, ...] = ()
        for item in record.items:
            form = unit.formats.get(item.format)
            check = known.get(form.check) if form is not None else None
            limit = item.digits if item.type == "N" else NO_LIMIT
            if check is not None or limit != NO_LIMIT:
                self._items[prefix + item.name] = (limit, check, {})
        for rule in unit.rules:
            if rule.record == record.name:
                self._plan(rule, prefix)

    def _plan(self, rule: Rule, prefix: str) -> None:
        """Put a rule where it is met only if its first telling condition holds."""
        for condition in rule.when:
            if len(condition.items) != 1 or condition.op not in {"in", "present"}:
                continue
            rest = compile_rule(replace(rule, when=tuple(each for each in rule.when if each is not condition)), prefix)
            tag = prefix + condition.items[0]
            if condition.op == "present":
                self._whenever[tag] = (*self._whenever.get(tag, ()), rest)
                return
            _, _, rules = self._items.setdefault(tag, (NO_LIMIT, None, {}))
            for value in condition.values:
                rules[value] = (*rules.get(value, ()), rest)
            return
        self._always += (compile_rule(rule, prefix),)

    def agrees(self, values: dict[str, str]) -> bool:
        """Whether exact lengths, check digits, characters and rules hold for values by element name."""
        items = self._items
        for tag, text in values.items():
            asked = items.get(tag)
            if asked is None:
                continue
            limit, check, by_value = asked
            if len(text) > limit and length(text) > limit:
                return False
            if check is not None and not check(text):
                return False
            if by_value:
                for rule in by_value.get(text, ()):
                    if not rule(values):
                        return False
        for tag, rules in self._whenever.items():
            if tag in values and not all(rule(values) for rule in rules):
                return False
        if bad_character("\x1f".join(values.values())) >= 0:
            return False
        return all(rule(values) for rule in self._always)
