"""Lineage: for every target item the conversion and the source items it came from, down to the bytes of the file."""

from __future__ import annotations

from collections.abc import Mapping as Table
from typing import TYPE_CHECKING, Literal

from adapters.mapping.conversions.chain import Default
from adapters.mapping.rules import ConstantRule, DerivedRule, ItemRule
from adapters.sdk.types import LineageStep, Origin, Side, Source, VendorRecord

if TYPE_CHECKING:
    from adapters.mapping.engine import Mapping


def trace(
    mapping: Mapping, side: Side, values: Table[str, str], origin: Origin, record: VendorRecord | None
) -> tuple[LineageStep, ...]:
    """The steps towards ``side``, in the order of the target's items; sources left out come last."""
    spans = record.spans if record is not None and record.raw else {}

    def source(name: str) -> Source:
        offset, length = spans.get(name, (0, 0))
        return Source(name, _name_ja(mapping, name), offset, length)

    steps: list[LineageStep] = []
    other: Side = "vendor" if side == "standard" else "standard"
    for rule in mapping.rules:
        if isinstance(rule, ItemRule):
            names, targets = (rule.vendor, rule.standard) if side == "standard" else (rule.standard, rule.vendor)
            default = _default(rule, side, tuple(values.get(name, "") for name in names))
            if default is not None or any(values.get(name) for name in names):
                sources = tuple(source(name) for name in names)
                how = f"{rule.name}{rule.options}"
                kind: Literal["item", "default"] = "item" if default is None else "default"
                note = rule.note if default is None else default
                steps.extend(
                    LineageStep(side, target, _name_ja(mapping, target), kind, how, sources, origin, note, rule.line)
                    for target in targets
                )
        elif isinstance(rule, DerivedRule):
            if rule.side == side:
                name_ja, how = _name_ja(mapping, rule.item), rule.expression.source
                sources = tuple(source(name) for name in _beneath(mapping, side, rule.expression.names))
                if any(values.get(one.item) for one in sources):
                    steps.append(
                        LineageStep(side, rule.item, name_ja, "derived", how, sources, origin, rule.reason, rule.line)
                    )
        elif isinstance(rule, ConstantRule) and rule.side == side:
            name_ja = _name_ja(mapping, rule.item)
            steps.append(
                LineageStep(side, rule.item, name_ja, "constant", rule.value, (), origin, rule.reason, rule.line)
            )
        elif rule.side == other and values.get(rule.item):
            left = (source(rule.item),)
            name_ja = left[0].name_ja
            steps.append(LineageStep(other, rule.item, name_ja, "unmapped", "", left, origin, rule.reason, rule.line))
    order = {name: index for index, name in enumerate(_order(mapping, side))}
    return tuple(
        sorted(steps, key=lambda step: order.get(step.target, len(order)) if step.side == side else len(order))
    )


def _beneath(mapping: Mapping, side: Side, names: tuple[str, ...]) -> tuple[str, ...]:
    """The items of the other side that these items of ``side`` come from."""
    found: dict[str, None] = {}
    for rule in mapping.rules:
        if isinstance(rule, ItemRule):
            own, other = (rule.standard, rule.vendor) if side == "standard" else (rule.vendor, rule.standard)
            if any(name in own for name in names):
                found.update(dict.fromkeys(other))
        elif isinstance(rule, DerivedRule) and rule.side == side and rule.item in names:
            found.update(dict.fromkeys(_beneath(mapping, side, rule.expression.names)))
    return tuple(found)


def _default(rule: ItemRule, side: Side, values: tuple[str, ...]) -> str | None:
    """The reason of the rule's default where it stands in for an absent value."""
    conversion = rule.conversion
    return conversion.reason if isinstance(conversion, Default) and conversion.by_default(side, values) else None


def _order(mapping: Mapping, side: Side) -> tuple[str, ...]:
    if side == "standard":
        return tuple(item.name for item in mapping.record_type.items)
    return tuple(one.name for one in mapping.layout.items)


def _name_ja(mapping: Mapping, name: str) -> str:
    check = mapping.checks.get(name)
    return check.item.name_ja if check else name
