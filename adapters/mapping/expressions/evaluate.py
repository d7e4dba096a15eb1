"""An expression made of closures: names it reads, kind of its result, evaluation without any reach beyond its items."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from adapters.mapping.expressions.values import ExpressionError, Value, number, text

Values = Mapping[str, str]
Step = Callable[[Values], Value]

__all__ = ["Expression", "ExpressionError", "Node", "Step", "Value", "Values"]


@dataclass(frozen=True, slots=True)
class Node:
    """A part of an expression: ``kind`` of its result is text, number, truth or any (an item's text)."""

    kind: str
    step: Step = field(repr=False)


@dataclass(frozen=True, slots=True)
class Expression:
    """A whole expression. ``names`` are the items it reads, absent ones read as ``""``."""

    source: str
    names: tuple[str, ...]
    kind: str
    step: Step = field(repr=False)

    def text(self, values: Values) -> str:
        """The result as an item's text; raises ExpressionError."""
        return text(self.step(values))

    def holds(self, values: Values) -> bool:
        """Whether a condition holds; raises ExpressionError."""
        return self.step(values) is True


def compare(operator: str, left: Value, right: Value) -> bool:
    """Texts as texts, numbers as numbers; an item's text beside a number is read as one."""
    if isinstance(left, str) and isinstance(right, str):
        return _ORDER[operator](left > right, left < right)
    if operator in ("=", "<>") and "" in (left, right):
        return operator == "<>"
    a, b = number(left), number(right)
    return _ORDER[operator](a > b, a < b)


_ORDER: Mapping[str, Callable[[bool, bool], bool]] = MappingProxyType(
    {
        "=": lambda more, less: not more and not less,
        "<>": lambda more, less: more or less,
        "<": lambda _more, less: less,
        ">": lambda more, _less: more,
        "<=": lambda more, _less: not more,
        ">=": lambda _more, less: not less,
    }
)
