"""Several conversions one after the other, and defaults for what is absent, around any conversion of one item."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from adapters.mapping.conversions.base import Conversion, Setup

Make = Callable[[str, Setup], Conversion | None]


@dataclass(frozen=True, slots=True)
class Steps:
    """Conversions of one item to one item, in the order from the vendor to the standard."""

    inner: tuple[Conversion, ...]
    arity = (1, 1)

    @property
    def exact(self) -> bool:
        """When all steps are."""
        return all(one.exact for one in self.inner)

    def to_standard(self, values: tuple[str, ...]) -> tuple[str, ...]:
        """Step by step forwards."""
        for one in self.inner:
            values = one.to_standard(values)
        return values

    def to_vendor(self, values: tuple[str, ...]) -> tuple[str, ...]:
        """Step by step backwards."""
        for one in reversed(self.inner):
            values = one.to_vendor(values)
        return values


@dataclass(frozen=True, slots=True)
class Default:
    """A value for an absent one. ``canonical`` says how it goes back: as absent, or as the value it became.

    ``standard`` fills an item of the standard that the vendor leaves out, ``vendor`` one of the vendor that the
    standard leaves out; one of them is empty. With ``value`` the two spellings are told apart no longer: a loss
    that the policy of the rule judges; with ``absent`` the value itself, written out by the other side, is one.
    """

    inner: Conversion
    standard: str = ""
    vendor: str = ""
    canonical: str = "absent"
    reason: str = ""
    arity = (1, 1)
    exact = False

    def to_standard(self, values: tuple[str, ...]) -> tuple[str, ...]:
        """The conversion, then the default of the standard."""
        if self.vendor and self.canonical == "absent" and values == (self.vendor,):
            return ("",)
        (found,) = self.inner.to_standard(values)
        return (found or self.standard,)

    def to_vendor(self, values: tuple[str, ...]) -> tuple[str, ...]:
        """The conversion; the default goes back as ``canonical`` says."""
        if self.standard and self.canonical == "absent" and values == (self.standard,):
            return self.inner.to_vendor(("",))
        if self.vendor and values == ("",):
            return (self.vendor,)
        return self.inner.to_vendor(values)

    def by_default(self, side: str, values: tuple[str, ...]) -> bool:
        """Whether towards ``side`` the default stands in for an absent value."""
        if side == "standard":
            return bool(self.standard) and self.inner.to_standard(values) == ("",)
        return bool(self.vendor) and values == ("",)


def make_steps(setup: Setup, make: Make) -> Conversion | None:
    """``steps``: a list of { conversion, options } from the vendor to the standard; one item on each side."""
    made: list[Conversion] = []
    tables = setup.tables("steps")
    if len(tables) < 2:
        setup.problem("steps", "two or more steps", str(len(tables)))
    for number, table in enumerate(tables):
        for key in table:
            if key not in ("conversion", "options"):
                setup.problems.unknown(
                    setup.file, f"steps[{number}].{key}", key, ("conversion", "options"), line=setup.line
                )
        inner = setup.inner(setup.fields, setup.items, table.get("options", {}))
        one = make(str(table.get("conversion", "")), inner)
        if one is not None:
            made.append(one)
    return Steps(tuple(made)) if len(made) == len(tables) and made else None


def with_default(setup: Setup, conversion: Conversion, value: object) -> Conversion:
    """``default`` of a rule: { standard | vendor = value, canonical = absent | value, reason }."""
    if not isinstance(value, dict):
        setup.problem("default", '{ standard = "…", reason = "…" }', type(value).__name__)
        return conversion
    inner = setup.inner(setup.fields, setup.items, value)
    made = Default(
        conversion,
        inner.text("standard"),
        inner.text("vendor"),
        inner.text("canonical", "absent", ("absent", "value")),
        inner.text("reason"),
    )
    inner.leftovers()
    if bool(made.standard) == bool(made.vendor):
        setup.problem("default", "either standard or vendor", "both" if made.standard else "none")
    if not made.reason:
        setup.problem("default.reason", "a reason", "nothing")
    if conversion.arity != (1, 1):
        setup.problem("default", "a conversion of one item to one item", str(conversion.arity))
        return conversion
    return made
