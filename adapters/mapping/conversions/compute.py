"""Computed items: compute, an expression for each item of each side over the items of the other."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from adapters.mapping.conversions.base import Conversion, ConversionError, Setup
from adapters.mapping.expressions import Expression, ExpressionError, SyntaxProblem, parse


@dataclass(frozen=True, slots=True)
class Compute:
    """Expressions there and back. The engine tries the way back for every value: what differs is a loss."""

    vendor: tuple[str, ...]
    standard: tuple[str, ...]
    inward: tuple[Expression, ...] = field(default=())
    outward: tuple[Expression, ...] = field(default=())
    exact = False

    @property
    def arity(self) -> tuple[int, int]:
        """As many as the rule names."""
        return len(self.vendor), len(self.standard)

    def to_standard(self, values: tuple[str, ...]) -> tuple[str, ...]:
        """The standard's items; all absent where all of the vendor's are."""
        return _results(self.inward, self.vendor, values)

    def to_vendor(self, values: tuple[str, ...]) -> tuple[str, ...]:
        """The vendor's items; all absent where all of the standard's are."""
        return _results(self.outward, self.standard, values)


def _results(expressions: tuple[Expression, ...], names: tuple[str, ...], values: tuple[str, ...]) -> tuple[str, ...]:
    if not any(values):
        return ("",) * len(expressions)
    known = dict(zip(names, values, strict=True))
    try:
        return tuple(one.text(known) for one in expressions)
    except ExpressionError as error:
        raise ConversionError("CB6006", error.expected, error.got) from error


def make_compute(setup: Setup) -> Conversion:
    """``compute``: ``to_standard`` = { item = expression }, ``to_vendor`` = { item = expression }."""
    vendor = tuple(one.name for one in setup.fields)
    standard = tuple(one.name for one in setup.items)
    inward = _expressions(setup, "to_standard", standard, vendor)
    outward = _expressions(setup, "to_vendor", vendor, standard)
    return Compute(vendor, standard, inward, outward)


def _expressions(
    setup: Setup, option: str, targets: tuple[str, ...], sources: tuple[str, ...]
) -> tuple[Expression, ...]:
    table: Mapping[str, object] = setup.table(option)
    for name in table:
        if name not in targets:
            setup.problems.unknown(setup.file, f"options.{option}.{name}", name, targets, line=setup.line)
    found = [read(setup, f"options.{option}.{name}", table.get(name), sources) for name in targets]
    return tuple(one for one in found if one is not None)


def read(setup: Setup, where: str, value: object, known: tuple[str, ...], kind: str = "any") -> Expression | None:
    """An expression of a rule; what is wrong with it is noted."""
    if not isinstance(value, str):
        setup.problem(where, "an expression", type(value).__name__)
        return None
    try:
        return parse(value, known, kind)
    except SyntaxProblem as problem:
        setup.problem(where, f"{problem.expected} at character {problem.place}", problem.got)
        return None
