"""The rules of a mapping as frozen values: converted, fixed and derived items, items left out with their reason."""

from __future__ import annotations

from dataclasses import dataclass, field

from adapters.mapping.conversions.base import Conversion
from adapters.mapping.expressions import Expression
from adapters.sdk.types import LossPolicy, Side


@dataclass(frozen=True, slots=True)
class ItemRule:
    """Vendor items and standard items with the named conversion between them."""

    vendor: tuple[str, ...]
    standard: tuple[str, ...]
    name: str
    conversion: Conversion = field(repr=False)
    loss: LossPolicy = "forbid"
    note: str = ""
    line: int = 0
    options: str = ""


@dataclass(frozen=True, slots=True)
class ConstantRule:
    """An item of one side that always has one value; ``loss`` says what another value on that side does."""

    side: Side
    item: str
    value: str
    reason: str
    loss: LossPolicy = "forbid"
    line: int = 0


@dataclass(frozen=True, slots=True)
class UnmappedRule:
    """An item of one side that the other does not have; ``loss`` says what a present value does."""

    side: Side
    item: str
    reason: str
    loss: LossPolicy = "forbid"
    line: int = 0


@dataclass(frozen=True, slots=True)
class DerivedRule:
    """An item of one side computed from other items of the same side: written there, and expected of it when read.

    ``loss`` says what another value on that side does.
    """

    side: Side
    item: str
    expression: Expression
    reason: str
    loss: LossPolicy = "forbid"
    line: int = 0


Rule = ItemRule | ConstantRule | UnmappedRule | DerivedRule
