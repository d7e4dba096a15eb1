"""Conditionals: choose, the first case whose condition holds says which items go where, in each direction."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from adapters.mapping.conversions.base import Conversion, ConversionError, Setup
from adapters.mapping.conversions.compute import read
from adapters.mapping.expressions import Expression, ExpressionError

if TYPE_CHECKING:
    from collections.abc import Callable

    from adapters.sdk.layout import LayoutField
    from schemas.model import Item

    Make = Callable[[str, Setup], Conversion | None]

_CASE = ("when", "set", "item", "note")


@dataclass(frozen=True, slots=True)
class Part:
    """Within a case: positions of vendor and standard items and the conversion between them."""

    vendor: tuple[int, ...]
    standard: tuple[int, ...]
    name: str
    conversion: Conversion


@dataclass(frozen=True, slots=True)
class Case:
    """When it applies on each side, what it converts, and what it fixes (position to value) on each side.

    ``fixed_vendor`` values are written towards the vendor and expected from it; ``fixed_standard`` likewise.
    """

    vendor_when: Expression | None
    standard_when: Expression | None
    parts: tuple[Part, ...]
    fixed_vendor: Mapping[int, str]
    fixed_standard: Mapping[int, str]
    note: str = ""


@dataclass(frozen=True, slots=True)
class Choose:
    """Cases in order. A case's condition on the other side must hold for what it made: the way back is tried."""

    vendor: tuple[str, ...]
    standard: tuple[str, ...]
    cases: tuple[Case, ...] = field(default=())
    exact = False

    @property
    def arity(self) -> tuple[int, int]:
        """As many as the rule names."""
        return len(self.vendor), len(self.standard)

    def to_standard(self, values: tuple[str, ...]) -> tuple[str, ...]:
        """The items of the first case that applies; CB6006 when none does."""
        if not any(values):
            return ("",) * len(self.standard)
        case = self.case("vendor", values)
        out = [""] * len(self.standard)
        for index, value in case.fixed_standard.items():
            out[index] = value
        for part in case.parts:
            found = _converted(part.conversion.to_standard, part.vendor, values)
            for index, value in zip(part.standard, found, strict=True):
                out[index] = value
        return tuple(out)

    def to_vendor(self, values: tuple[str, ...]) -> tuple[str, ...]:
        """The vendor's items of the first case that applies; CB6006 when none does."""
        if not any(values):
            return ("",) * len(self.vendor)
        case = self.case("standard", values)
        out = [""] * len(self.vendor)
        for index, value in case.fixed_vendor.items():
            out[index] = value
        for part in case.parts:
            found = _converted(part.conversion.to_vendor, part.standard, values)
            for index, value in zip(part.vendor, found, strict=True):
                out[index] = value
        return tuple(out)

    def case(self, side: str, values: tuple[str, ...]) -> Case:
        """The first case whose condition on ``side`` holds; CB6006 when none does."""
        names = self.vendor if side == "vendor" else self.standard
        known = dict(zip(names, values, strict=True))
        try:
            for case in self.cases:
                when = case.vendor_when if side == "vendor" else case.standard_when
                if when is None or when.holds(known):
                    return case
        except ExpressionError as error:
            raise ConversionError("CB6006", error.expected, error.got) from error
        raise ConversionError("CB6006", f"one of {len(self.cases)} cases", "none")


def _converted(
    convert: Callable[[tuple[str, ...]], tuple[str, ...]], places: tuple[int, ...], values: tuple[str, ...]
) -> tuple[str, ...]:
    try:
        return convert(tuple(values[place] for place in places))
    except ConversionError as error:
        place = places[min(error.index, len(places) - 1)]
        raise ConversionError(error.code, error.expected, error.got, index=place) from error


def make_choose(setup: Setup, make: Make) -> Conversion:
    """``choose``: [[item.case]] with ``when`` = { vendor, standard }, ``item`` = [{ vendor, standard, conversion }]."""
    vendor = tuple(one.name for one in setup.fields)
    standard = tuple(one.name for one in setup.items)
    cases: list[Case] = []
    tables = setup.tables("case")
    if len(tables) < 2:
        setup.problem("case", "two or more [[item.case]]", str(len(tables)))
    for number, table in enumerate(tables):
        cases.append(_case(setup, f"case[{number}]", table, number == len(tables) - 1, make))
    _spoken_of(setup, tables)
    return Choose(vendor, standard, tuple(cases))


def _case(setup: Setup, where: str, table: Mapping[str, Any], last: bool, make: Make) -> Case:
    for key in table:
        if key not in _CASE:
            setup.problems.unknown(setup.file, f"{where}.{key}", key, _CASE, line=setup.line)
    sides: dict[str, tuple[str, ...]] = {
        "vendor": tuple(one.name for one in setup.fields),
        "standard": tuple(one.name for one in setup.items),
    }
    whens = {side: _when(setup, where, table.get("when", {}), side, sides[side], last) for side in sides}
    fixed = {side: _fixed(setup, where, table.get("set", {}), side, sides[side]) for side in sides}
    return Case(
        whens["vendor"],
        whens["standard"],
        tuple(_parts(setup, where, table.get("item", []), make)),
        fixed["vendor"],
        fixed["standard"],
        str(table.get("note", "")),
    )


def _when(setup: Setup, where: str, table: object, side: str, known: tuple[str, ...], last: bool) -> Expression | None:
    if not isinstance(table, dict):
        setup.problem(f"{where}.when", "{ vendor = …, standard = … }", type(table).__name__)
        return None
    if side not in table:
        if not last:
            setup.problem(f"{where}.when.{side}", "a condition (only the last case may go without)", "nothing")
        return None
    return read(setup, f"{where}.when.{side}", table[side], known, "truth")


def _fixed(setup: Setup, where: str, table: object, side: str, known: tuple[str, ...]) -> dict[int, str]:
    values = table.get(side, {}) if isinstance(table, dict) else None
    if not isinstance(values, dict):
        setup.problem(f"{where}.set", "{ vendor = { item = value }, standard = { item = value } }", "another shape")
        return {}
    for name in values:
        if name not in known:
            setup.problems.unknown(setup.file, f"{where}.set.{side}.{name}", name, known, line=setup.line)
    return {known.index(name): str(value) for name, value in values.items() if name in known}


def _parts(setup: Setup, where: str, tables: object, make: Make) -> list[Part]:
    if not isinstance(tables, list) or not all(isinstance(one, dict) for one in tables):
        setup.problem(f"{where}.item", "a list of { vendor, standard, conversion }", "another shape")
        return []
    fields: dict[str, LayoutField] = {one.name: one for one in setup.fields}
    items: dict[str, Item] = {one.name: one for one in setup.items}
    parts: list[Part] = []
    for table in tables:
        vendor = _known(setup, f"{where}.item.vendor", table.get("vendor"), list(fields))
        standard = _known(setup, f"{where}.item.standard", table.get("standard"), list(items))
        if not vendor or not standard:
            continue
        options = {key: value for key, value in table.items() if key not in ("vendor", "standard", "conversion")}
        options = {**options.pop("options", {}), **options}
        name = str(table.get("conversion", ""))
        inner = setup.inner(tuple(fields[one] for one in vendor), tuple(items[one] for one in standard), options)
        made = make(name, inner)
        if made is not None:
            places = tuple(list(fields).index(one) for one in vendor)
            parts.append(Part(places, tuple(list(items).index(one) for one in standard), name, made))
    return parts


def _known(setup: Setup, where: str, value: object, known: list[str]) -> tuple[str, ...]:
    names = [value] if isinstance(value, str) else value
    if not isinstance(names, list) or not names:
        setup.problem(where, "a name or a list of names", type(value).__name__)
        return ()
    for name in names:
        if name not in known:
            setup.problems.unknown(setup.file, where, str(name), known, line=setup.line)
    return tuple(names) if all(name in known for name in names) else ()


def _spoken_of(setup: Setup, tables: list[Mapping[str, Any]]) -> None:
    """Every item of the rule must occur in some case."""
    text = {"vendor": set[str](), "standard": set[str]()}
    for table in tables:
        for side, seen in text.items():
            fixed = table.get("set", {})
            seen.update(fixed.get(side, {}) if isinstance(fixed, dict) else ())
            for part in table.get("item", []) if isinstance(table.get("item", []), list) else ():
                names = part.get(side, []) if isinstance(part, dict) else []
                seen.update([names] if isinstance(names, str) else names)
    for name in (one.name for one in setup.fields):
        if name not in text["vendor"]:
            setup.problem(f"vendor.{name}", "a case that converts or sets it", "none")
    for name in (one.name for one in setup.items):
        if name not in text["standard"]:
            setup.problem(f"standard.{name}", "a case that converts or sets it", "none")
