"""Which lines of a definition its golden pairs exercise: items, code rows, spellings, cases, defaults.

A line that no golden pair exercises could be changed without any sample noticing; the universal suite names it
(CB6056).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from collections.abc import Mapping as Table
from types import MappingProxyType

from adapters.mapping.conversions.base import Conversion, ConversionError
from adapters.mapping.conversions.chain import Default, Steps
from adapters.mapping.conversions.choose import Choose
from adapters.mapping.conversions.code import Code
from adapters.mapping.conversions.numbers import Flag
from adapters.mapping.conversions.wareki import WarekiDate, WarekiGengo
from adapters.mapping.rules import DerivedRule, ItemRule
from adapters.sdk.types import Side, VendorRecord
from adapters.suite.golden import load_golden
from adapters.suite.subject import Pair, Subject
from bus.core.types import Finding

Mark = tuple[str, ...]
"""Kind (item, code, value, case, default, golden), then what about. Code tables belong to the folder, not a mapping."""


def wanted(pair: Pair) -> dict[Mark, None]:
    """Everything that golden pairs should exercise of a mapping."""
    only = pair.mapping.direction
    ways = [way for way in ("to_standard", "to_vendor") if only in ("both", way)]
    found: dict[Mark, None] = {("golden", pair.name, way): None for way in ways}
    for rule in pair.mapping.rules:
        if isinstance(rule, ItemRule):
            found.update(dict.fromkeys(("item", pair.name, name) for name in (*rule.vendor, *rule.standard)))
            place = (pair.name, "・".join(rule.vendor))
            found.update(dict.fromkeys(_of(rule.conversion, place, pair.mapping.direction)))
            for value in _landmarks(rule.conversion):
                if _accepted(pair, rule, value):
                    found["value", *place, value] = None
        elif isinstance(rule, DerivedRule):
            found["item", pair.name, rule.item] = None
    return found


def exercised(subject: Subject) -> set[Mark]:
    """What the golden pairs of a definition exercise."""
    found: set[Mark] = set()
    for sample in subject.samples:
        if sample.golden is None or sample.pair is None:
            continue
        unit, record_type = sample.pair.mapping.unit, sample.pair.mapping.record_type
        standard = load_golden(sample.golden, unit, record_type)
        vendor = [one.values for one in sample.read()[0] if isinstance(one, VendorRecord)]
        for ours, theirs in zip(standard, vendor, strict=False):
            found.update(marks(sample.pair, theirs, ours, sample.direction))
    return found


def missing(subject: Subject) -> dict[Mark, None]:
    """What no golden pair exercises, in the order of the definition."""
    there = exercised(subject)
    return {mark: None for pair in subject.pairs for mark in wanted(pair) if mark not in there}


def marks(pair: Pair, vendor: Table[str, str], standard: Table[str, str], direction: str = "both") -> Iterator[Mark]:
    """What one record exercises in ``direction``, given as it stands on both sides."""
    for way in ("to_standard", "to_vendor"):
        if direction in ("both", way):
            yield "golden", pair.name, way
    for rule in pair.mapping.rules:
        if isinstance(rule, DerivedRule):
            there = vendor if rule.side == "vendor" else standard
            if there.get(rule.item):
                yield "item", pair.name, rule.item
        if isinstance(rule, ItemRule):
            theirs = tuple(vendor.get(name, "") for name in rule.vendor)
            ours = tuple(standard.get(name, "") for name in rule.standard)
            yield from rule_marks(pair, rule, theirs, ours, direction)


def rule_marks(
    pair: Pair, rule: ItemRule, theirs: tuple[str, ...], ours: tuple[str, ...], direction: str = "both"
) -> Iterator[Mark]:
    """What the values of one rule exercise in ``direction``, given as they stand on both sides."""
    for name, value in (*zip(rule.vendor, theirs, strict=True), *zip(rule.standard, ours, strict=True)):
        if value:
            yield "item", pair.name, name
    place = (pair.name, "・".join(rule.vendor))
    if len(theirs) == 1 and theirs[0] in _landmarks(rule.conversion):
        yield "value", *place, theirs[0]
    if direction != "to_vendor":
        yield from _met(rule.conversion, place, "vendor", theirs)
    if direction != "to_standard":
        yield from _met(rule.conversion, place, "standard", ours)


def _landmarks(conversion: Conversion) -> tuple[str, ...]:
    """The vendor's own spellings that a rule's options name: only a golden pair can tell that they are right."""
    if isinstance(conversion, Default):
        return _landmarks(conversion.inner)
    if isinstance(conversion, Flag):
        found: tuple[str, ...] = (conversion.on, conversion.off)
    elif isinstance(conversion, WarekiDate | WarekiGengo):
        found = (conversion.inner.open_start, conversion.inner.open_end)
    else:
        found = ()
    return tuple(value for value in found if value)


def _accepted(pair: Pair, rule: ItemRule, value: str) -> bool:
    """Whether the standard's item may have what a vendor's spelling means."""
    try:
        ours = rule.conversion.to_standard((value,))
    except ConversionError:
        return False
    names = zip(rule.standard, ours, strict=True)
    return all(pair.mapping.checks[name].fault(one) is None for name, one in names if one)


def _of(conversion: Conversion, place: Mark, direction: str) -> Iterator[Mark]:
    """Every mark that lies within a conversion."""
    if isinstance(conversion, Code):
        for row in conversion.rows:
            for way in ("to_standard", "to_vendor"):
                if row.direction in ("both", way) and direction in ("both", way):
                    yield "code", conversion.table_name, str(row.line), way
    elif isinstance(conversion, Steps):
        for one in conversion.inner:
            yield from _of(one, place, direction)
    elif isinstance(conversion, Default):
        yield "default", *place
        yield from _of(conversion.inner, place, direction)
    elif isinstance(conversion, Choose):
        for number, case in enumerate(conversion.cases):
            yield "case", *place, str(number)
            for part in case.parts:
                yield from _of(part.conversion, place, direction)


def _met(conversion: Conversion, place: Mark, side: Side, values: tuple[str, ...]) -> Iterator[Mark]:
    """The marks that values of one side meet on their way to the other."""
    if isinstance(conversion, Code):
        way = "to_standard" if side == "vendor" else "to_vendor"
        for row in conversion.rows:
            if row.direction in ("both", way) and values == ((row.vendor if side == "vendor" else row.standard),):
                yield "code", conversion.table_name, str(row.line), way
    elif isinstance(conversion, Steps):
        yield from _stepped(conversion.inner, place, side, values)
    elif isinstance(conversion, Default):
        try:
            if conversion.by_default("standard" if side == "vendor" else "vendor", values):
                yield "default", *place
        except ConversionError:
            return
        yield from _met(conversion.inner, place, side, values)
    elif isinstance(conversion, Choose) and any(values):
        try:
            case = conversion.case(side, values)
        except ConversionError:
            return
        yield "case", *place, str(conversion.cases.index(case))
        for part in case.parts:
            places = part.vendor if side == "vendor" else part.standard
            yield from _met(part.conversion, place, side, tuple(values[at] for at in places))


def _stepped(inner: Iterable[Conversion], place: Mark, side: Side, values: tuple[str, ...]) -> Iterator[Mark]:
    steps = list(inner) if side == "vendor" else list(inner)[::-1]
    for one in steps:
        yield from _met(one, place, side, values)
        try:
            values = one.to_standard(values) if side == "vendor" else one.to_vendor(values)
        except ConversionError:
            return


def unexercised(subject: Subject) -> tuple[Finding, ...]:
    """CB6056 for every line that no golden pair exercises."""
    return tuple(
        Finding("CB6056", path=" ".join(mark[1:]), expected=_KINDS[mark[0]], got="none", place=str(subject.folder))
        for mark in missing(subject)
    )


_KINDS = MappingProxyType(
    {
        "golden": "a golden pair of this mapping",
        "item": "a golden pair with a value in this item",
        "code": "a golden pair with the code in this line",
        "value": "a golden pair with this spelling of the vendor",
        "case": "a golden pair that takes this case",
        "default": "a golden pair that takes the default",
    }
)
