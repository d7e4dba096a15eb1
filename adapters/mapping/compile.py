"""Compile the rules of a mapping into the quick way of each direction."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType

from adapters.mapping.conversions.text import Copy
from adapters.mapping.fast import Accept, Computed, FastPath, Several, Single, always
from adapters.mapping.item_check import ItemCheck
from adapters.mapping.rules import ConstantRule, DerivedRule, ItemRule, Rule, UnmappedRule
from adapters.sdk.layout import Layout, LayoutField
from bus.core.datarules import bad_character

_NOTHING: Mapping[str, str] = MappingProxyType({})


def to_standard_path(
    rules: Sequence[Rule], layout: Layout, mandatory: Sequence[str], checks: Mapping[str, ItemCheck]
) -> FastPath:
    """Vendor to standard: values are checked by their items, constants of the vendor's side are expected."""
    path = _empty(frozenset(mandatory))
    constants: dict[str, str] = {}
    for rule in rules:
        if isinstance(rule, ItemRule):
            _item_in(rule, path, layout, checks)
        elif isinstance(rule, DerivedRule):
            _derived(rule, "standard", path, _accept(checks[rule.item]) if rule.side == "standard" else always)
        else:
            _other(rule, "vendor", path, constants)
    path.blank = constants
    return path.settled()


def _empty(mandatory: frozenset[str]) -> FastPath:
    return FastPath(
        copies=[],
        sized=[],
        wide=[],
        full_width=always,
        checked=[],
        singles=[],
        several=[],
        expect=[],
        silent=[],
        derive=[],
        agree=[],
        blank=_NOTHING,
        mandatory=mandatory,
    )


def _item_in(rule: ItemRule, path: FastPath, layout: Layout, checks: Mapping[str, ItemCheck]) -> None:
    conversion = rule.conversion
    accepts = tuple(_accept(checks[name]) for name in rule.standard)
    back = None if conversion.exact else conversion.to_vendor
    if isinstance(conversion, Copy):
        _copy_in(rule, path, layout.field(rule.vendor[0]), checks[rule.standard[0]], accepts[0])
    elif conversion.arity == (1, 1):
        single = Single(rule.vendor[0], rule.standard[0], conversion.to_standard, back, accepts[0])
        path.singles = [*path.singles, single]
    else:
        several = Several(rule.vendor, rule.standard, conversion.to_standard, back, accepts)
        path.several = [*path.several, several]


def _copy_in(rule: ItemRule, path: FastPath, one: LayoutField, check: ItemCheck, accept: Accept) -> None:
    """Leave out what the codec has seen to: half-width characters, digits, a width no larger than the item's."""
    source, target = rule.vendor[0], rule.standard[0]
    item = check.item
    plain = check.codes is None and not item.format
    seen = (item.type == "X" and one.type in ("X", "9")) or (item.type == "9" and one.type == "9")
    if plain and seen and 0 < one.bytes <= item.digits:
        path.copies = [*path.copies, (source, target)]
    elif plain and seen:
        path.sized = [*path.sized, (source, target, item.digits)]
    elif plain and item.type == "N" and (search := _not_full_width(check)):
        path.wide = [*path.wide, (source, target, item.digits)]
        path.full_width = lambda text: search(text) is None and bad_character(text) < 0
    else:
        path.checked = [*path.checked, (source, target, accept)]


def _not_full_width(check: ItemCheck) -> Callable[[str], re.Match[str] | None] | None:
    """The search for a character that the pattern ``[^...]+`` of full-width text shuts out."""
    pattern = check.pattern.pattern if check.pattern else ""
    if not (pattern.startswith("[^") and pattern.endswith("]+") and "]" not in pattern[:-2]):
        return None
    return re.compile(f"[{pattern[2:-2]}]").search


def _accept(check: ItemCheck) -> Accept:
    """The item's check as one quick test: most values pass by length and pattern alone."""
    digits, codes, fault = check.item.digits, check.codes, check.fault
    if codes is not None:
        return codes.__contains__
    if check.pattern is None or check.beyond is not None:
        return lambda value: fault(value) is None
    matches = check.pattern.fullmatch
    return lambda value: (len(value) <= digits or fault(value) is None) and matches(value) is not None


def to_vendor_path(rules: Sequence[Rule], layout: Layout) -> FastPath:
    """Standard to vendor: every item of the layout is present, the codec checks widths and characters."""
    path = _empty(frozenset())
    blank = {one.name: "" for one in layout.items}
    for rule in rules:
        if isinstance(rule, ItemRule):
            _item_out(rule, path)
        elif isinstance(rule, DerivedRule):
            _derived(rule, "vendor", path, always)
        else:
            _other(rule, "standard", path, blank)
    path.blank = blank
    return path.settled()


def _item_out(rule: ItemRule, path: FastPath) -> None:
    conversion = rule.conversion
    back = None if conversion.exact else conversion.to_standard
    if isinstance(conversion, Copy):
        path.copies = [*path.copies, (rule.standard[0], rule.vendor[0])]
    elif conversion.arity == (1, 1):
        single = Single(rule.standard[0], rule.vendor[0], conversion.to_vendor, back, always)
        path.singles = [*path.singles, single]
    else:
        accepts = tuple(always for _ in rule.vendor)
        several = Several(rule.standard, rule.vendor, conversion.to_vendor, back, accepts)
        path.several = [*path.several, several]


def _derived(rule: DerivedRule, target: str, path: FastPath, accept: Accept) -> None:
    one = Computed(rule.item, rule.expression, accept)
    if rule.side == target:
        path.derive = [*path.derive, one]
    elif rule.loss != "allow":
        path.agree = [*path.agree, one]


def _other(rule: Rule, source_side: str, path: FastPath, constants: dict[str, str]) -> None:
    if isinstance(rule, ConstantRule):
        if rule.side != source_side:
            constants[rule.item] = rule.value
        elif rule.loss != "allow":
            wanted = (rule.value,) if rule.side == "vendor" else (rule.value, "")
            path.expect = [*path.expect, (rule.item, wanted)]
    elif isinstance(rule, UnmappedRule) and rule.side == source_side and rule.loss != "allow":
        path.silent = [*path.silent, rule.item]
