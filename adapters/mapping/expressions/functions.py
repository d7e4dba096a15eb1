"""The functions of expressions: a closed list, each with the kinds of its arguments and of its result."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from fractions import Fraction
from types import MappingProxyType

from adapters.mapping.expressions.values import MAX_DIGITS, ExpressionError, Value, number, text

MANY = 99


@dataclass(frozen=True, slots=True)
class Function:
    """``kinds`` are those of the arguments, the last one repeated up to ``most``: text, number, truth or any."""

    name: str
    kinds: tuple[str, ...]
    least: int
    most: int
    result: str
    call: Callable[[Sequence[Value]], Value]
    about: str

    def kind(self, index: int) -> str:
        """The kind of argument ``index``."""
        return self.kinds[min(index, len(self.kinds) - 1)]


def _whole(value: Value, least: int = 0) -> int:
    found = number(value)
    if found.denominator != 1 or not least <= found <= 1000:
        raise ExpressionError(f"a whole number from {least} to 1000")
    return int(found)


def _unit(values: Sequence[Value]) -> Fraction:
    unit = number(values[1]) if len(values) > 1 else Fraction(1)
    if unit <= 0:
        raise ExpressionError("a unit above 0")
    return unit


def _floor(values: Sequence[Value]) -> Value:
    unit = _unit(values)
    return (number(values[0]) // unit) * unit


def _ceil(values: Sequence[Value]) -> Value:
    unit = _unit(values)
    return -((-number(values[0])) // unit) * unit


def _truncate(values: Sequence[Value]) -> Value:
    found = number(values[0])
    cut = _floor((abs(found), *values[1:]))
    assert isinstance(cut, Fraction)
    return -cut if found < 0 else cut


def _round(values: Sequence[Value]) -> Value:
    """Half away from zero, as amounts are rounded (四捨五入)."""
    unit = _unit(values)
    found = number(values[0])
    up = ((abs(found) + unit / 2) // unit) * unit
    return -up if found < 0 else up


def _number(values: Sequence[Value]) -> Value:
    return number(values[1]) if len(values) > 1 and not values[0] else number(values[0])


def _pad(values: Sequence[Value]) -> Value:
    width = _whole(values[1])
    bare = text(values[0])
    if len(bare) > width or width > MAX_DIGITS:
        raise ExpressionError(f"at most {width} characters", str(len(bare)))
    return bare.rjust(width, "0")


def _middle(values: Sequence[Value]) -> Value:
    start = _whole(values[1], 1) - 1
    length = _whole(values[2]) if len(values) > 2 else None
    return text(values[0])[start : None if length is None else start + length]


def _right(values: Sequence[Value]) -> Value:
    count = _whole(values[1])
    return text(values[0])[-count:] if count else ""


def _day(value: Value) -> date:
    try:
        return date.fromisoformat(text(value))
    except ValueError:
        raise ExpressionError("a day YYYY-MM-DD of the calendar") from None


def _strip(values: Sequence[Value]) -> Value:
    bare = text(values[0])
    return bare.lstrip("0") or ("0" if bare else "")


def _first(values: Sequence[Value]) -> Value:
    return next((value for value in values if value != ""), "")


def _sum(values: Sequence[Value]) -> Value:
    return sum((number(value) for value in values if value != ""), Fraction(0))


_ALL = (
    Function("floor", ("number",), 1, 2, "number", _floor, "floor(x[, unit]): down to a multiple of unit (切捨て)"),
    Function("ceil", ("number",), 1, 2, "number", _ceil, "ceil(x[, unit]): up to a multiple of unit (切上げ)"),
    Function("round", ("number",), 1, 2, "number", _round, "round(x[, unit]): half away from 0 (四捨五入)"),
    Function("truncate", ("number",), 1, 2, "number", _truncate, "truncate(x[, unit]): towards 0 (端数切捨て)"),
    Function("abs", ("number",), 1, 1, "number", lambda v: abs(number(v[0])), "abs(x)"),
    Function("min", ("number",), 1, MANY, "number", lambda v: min(map(number, v)), "min(x, …)"),
    Function("max", ("number",), 1, MANY, "number", lambda v: max(map(number, v)), "max(x, …)"),
    Function("sum", ("any",), 1, MANY, "number", _sum, "sum(x, …): of those that are present"),
    Function("number", ("any",), 1, 2, "number", _number, "number(x[, where absent])"),
    Function("text", ("any",), 1, 1, "text", lambda v: text(v[0]), "text(x)"),
    Function("pad", ("any", "number"), 2, 2, "text", _pad, "pad(x, width): zeros on the left"),
    Function("strip", ("any",), 1, 1, "text", _strip, "strip(x): without zeros on the left"),
    Function(
        "left", ("any", "number"), 2, 2, "text", lambda v: text(v[0])[: _whole(v[1])], "left(x, n): first n characters"
    ),
    Function("right", ("any", "number"), 2, 2, "text", _right, "right(x, n): last n characters"),
    Function("middle", ("any", "number"), 2, 3, "text", _middle, "middle(x, from 1[, n])"),
    Function("length", ("any",), 1, 1, "number", lambda v: Fraction(len(text(v[0]))), "length(x): characters"),
    Function("first", ("any",), 1, MANY, "any", _first, "first(x, …): the first that is present"),
    Function("present", ("any",), 1, 1, "truth", lambda v: v[0] != "", "present(x)"),
    Function("absent", ("any",), 1, 1, "truth", lambda v: v[0] == "", "absent(x)"),
    Function(
        "starts", ("any", "text"), 2, 2, "truth", lambda v: text(v[0]).startswith(text(v[1])), "starts(x, beginning)"
    ),
    Function(
        "days",
        ("any",),
        2,
        2,
        "number",
        lambda v: Fraction((_day(v[1]) - _day(v[0])).days),
        "days(from, to): of the calendar",
    ),
)

FUNCTIONS: Mapping[str, Function] = MappingProxyType({one.name: one for one in _ALL})
