"""Turn the correlation rules of a unit (``rules.csv``) into predicates over the values of a record."""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Mapping
from decimal import Decimal

from schemas.model import Condition, Rule, Side

Values = Mapping[str, str]
Predicate = Callable[[Values], bool]
Number = int | Decimal


def compile_rule(rule: Rule, prefix: str = "") -> Predicate:
    """Whether the values (by item name with ``prefix``) keep the rule."""
    holds = _all(rule.then, prefix)
    if not rule.when:
        return holds
    applies = _all(rule.when, prefix)
    return lambda values: not applies(values) or holds(values)


def _all(conditions: tuple[Condition, ...], prefix: str) -> Predicate:
    """Whether every condition holds; items that must be absent are looked for together."""
    terms = [_condition(each, prefix) for each in conditions if each.op != "absent" or len(each.items) > 1]
    absent = frozenset(prefix + each.items[0] for each in conditions if each.op == "absent" and len(each.items) == 1)
    if len(absent) == 1:
        (name,) = absent
        terms.append(lambda values: name not in values)
    elif absent:
        terms.append(absent.isdisjoint)
    if len(terms) == 1:
        return terms[0]

    def hold(values: Values) -> bool:
        for term in terms:  # noqa: SIM110 - a generator costs as much as the terms
            if not term(values):
                return False
        return True

    return hold


def _condition(condition: Condition, prefix: str) -> Predicate:
    if condition.compares:
        return _comparison(condition, prefix)
    names = tuple(prefix + name for name in condition.items)
    if len(names) == 1:
        return _single(names[0], condition)
    terms = tuple(_single(name, condition) for name in names)
    return lambda values: any(term(values) for term in terms)


def _single(name: str, condition: Condition) -> Predicate:
    """A condition over one item; absence satisfies ``absent``, ``not in`` and ``unlike``."""
    allowed = frozenset(condition.values)
    match condition.op:
        case "present":
            return lambda values: name in values
        case "absent":
            return lambda values: name not in values
        case "in":
            return lambda values: values.get(name) in allowed
        case "not in":
            return lambda values: values.get(name) not in allowed
        case "like":
            like = re.compile(condition.values[0]).fullmatch
            return lambda values: name in values and like(values[name]) is not None
        case _:
            unlike = re.compile(condition.values[0]).fullmatch
            return lambda values: name not in values or unlike(values[name]) is None


def _comparison(condition: Condition, prefix: str) -> Predicate:
    """A comparison of sums, or of two moments as text; where a side has no item there is nothing to compare."""
    compare = {"==": operator.eq, "<=": operator.le, "<": operator.lt}[condition.op]
    if condition.values:
        left, right = prefix + condition.left.plus[0], prefix + condition.right.plus[0]
        return lambda values: left not in values or right not in values or compare(values[left], values[right])
    one, other = _total(condition.left, prefix), _total(condition.right, prefix)

    def hold(values: Values) -> bool:
        try:
            here, there = one(values), other(values)
        except (ValueError, ArithmeticError):  # no number: an official schema may allow what the item's type does not
            return False
        return here is None or there is None or bool(compare(here, there))

    return hold


def _total(side: Side, prefix: str) -> Callable[[Values], Number | None]:
    """What a side comes to, or ``None`` where none of its items is there."""
    plus, minus = [prefix + name for name in side.plus], [prefix + name for name in side.minus]

    def total(values: Values) -> Number | None:
        added = [_number(values[name]) for name in plus if name in values]
        taken = [_number(values[name]) for name in minus if name in values]
        return sum(added) - sum(taken) if added or taken else None

    return total


def _number(text: str) -> Number:
    return Decimal(text) if "." in text else int(text)
