"""Turn the correlation rules of a unit (``rules.csv``) into predicates over the values of a record."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

from schemas.model import Condition, Rule

Values = Mapping[str, str]
Predicate = Callable[[Values], bool]


def compile_rule(rule: Rule, prefix: str = "") -> Predicate:
    """Whether the values (by item name with ``prefix``) keep the rule."""
    when = tuple(_condition(condition, prefix) for condition in rule.when)
    then = tuple(_condition(condition, prefix) for condition in rule.then)
    if len(when) == 1 and len(then) == 1:
        applies, holds = when[0], then[0]
        return lambda values: not applies(values) or holds(values)

    def keeps(values: Values) -> bool:
        for term in when:
            if not term(values):
                return True
        return all(term(values) for term in then)

    return keeps


def _condition(condition: Condition, prefix: str) -> Predicate:
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
