"""What a conversion is, how it complains, and how it reads its options."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from adapters.sdk.layout import LayoutField
from adapters.sdk.problems import Problems
from schemas.model import CodeTable, Item


class ConversionError(ValueError):
    """A value lies outside a conversion's domain. ``index`` is the source value's place; texts never quote it."""

    def __init__(self, code: str, expected: str, got: str = "", *, index: int = 0) -> None:
        super().__init__(f"{code}: expected {expected}, got {got}")
        self.code = code
        self.expected = expected
        self.got = got
        self.index = index


class Conversion(Protocol):
    """Vendor values to standard values and back; an absent value is ``""`` on both sides.

    ``exact`` promises that within its domain each direction undoes the other; otherwise the engine tries the way
    back for every value and lets the loss policy decide.
    """

    @property
    def arity(self) -> tuple[int, int]:
        """How many vendor items and how many standard items."""
        ...

    @property
    def exact(self) -> bool:
        """Whether the engine need not try the way back."""
        ...

    def to_standard(self, values: tuple[str, ...]) -> tuple[str, ...]:
        """Standard values; raises ConversionError."""
        ...

    def to_vendor(self, values: tuple[str, ...]) -> tuple[str, ...]:
        """Vendor values; raises ConversionError."""
        ...


class Scalar:
    """A conversion of one item to one item: subclasses write ``forward`` and ``back`` for values that are present.

    ``absent`` is how the vendor writes an absent value.
    """

    arity = (1, 1)
    absent = ""

    @property
    def exact(self) -> bool:
        """Whether each direction undoes the other for every value of the domain."""
        return False

    def forward(self, value: str) -> str:
        """Vendor value to standard value."""
        raise ConversionError("CB6006", "a conversion with a way forward")

    def back(self, value: str) -> str:
        """Standard value to vendor value."""
        raise ConversionError("CB6006", "a conversion with a way back")

    def to_standard(self, values: tuple[str, ...]) -> tuple[str, ...]:
        """See ``Conversion``."""
        (value,) = values
        return ("",) if value == self.absent else (self.forward(value),)

    def to_vendor(self, values: tuple[str, ...]) -> tuple[str, ...]:
        """See ``Conversion``."""
        (value,) = values
        return (self.back(value) if value else self.absent,)


@dataclass(slots=True)
class Setup:
    """What a maker of a conversion knows: the rule's options and place, its items, the vendor's folder.

    Options are read with ``text``, ``flag`` and ``number``; what nobody read is reported by ``leftovers``.
    """

    file: Path
    line: int
    folder: Path
    fields: tuple[LayoutField, ...]
    items: tuple[Item, ...]
    codes: Mapping[str, CodeTable]
    options: Mapping[str, Any]
    problems: Problems
    read: set[str] = field(default_factory=set)

    def problem(self, path: str, expected: str, got: str = "") -> None:
        """Note a problem of this rule."""
        self.problems.add(self.file, path, line=self.line, expected=expected, got=got)

    def text(self, name: str, default: str = "", choices: Iterable[str] = ()) -> str:
        """A text option; a value of another type or outside ``choices`` is a problem and gives the default."""
        self.read.add(name)
        value = self.options.get(name, default)
        allowed = list(choices)
        if not isinstance(value, str):
            self.problem(f"options.{name}", "a text", type(value).__name__)
            return default
        if allowed and value not in allowed:
            self.problems.unknown(self.file, f"options.{name}", value, allowed, line=self.line)
            return default
        return value

    def number(self, name: str, default: int) -> int:
        """A whole-number option."""
        self.read.add(name)
        value = self.options.get(name, default)
        if not isinstance(value, int) or isinstance(value, bool):
            self.problem(f"options.{name}", "a number", type(value).__name__)
            return default
        return value

    def numbers(self, name: str) -> tuple[int, ...]:
        """A list of whole numbers; another shape is a problem and gives nothing."""
        self.read.add(name)
        value = self.options.get(name, [])
        if not isinstance(value, list) or not all(isinstance(one, int) and not isinstance(one, bool) for one in value):
            self.problem(f"options.{name}", "a list of numbers", type(value).__name__)
            return ()
        return tuple(value)

    def table(self, name: str) -> Mapping[str, Any]:
        """An option that is a table of its own."""
        self.read.add(name)
        value = self.options.get(name, {})
        if not isinstance(value, dict):
            self.problem(f"options.{name}", "a table", type(value).__name__)
            return {}
        return value

    def tables(self, name: str) -> list[Mapping[str, Any]]:
        """An option that is a list of tables."""
        self.read.add(name)
        value = self.options.get(name, [])
        if not isinstance(value, list) or not all(isinstance(one, dict) for one in value):
            self.problem(f"options.{name}", "a list of tables", type(value).__name__)
            return []
        return list(value)

    def inner(
        self, fields: tuple[LayoutField, ...], items: tuple[Item, ...], options: Mapping[str, Any] | None = None
    ) -> Setup:
        """The setup of a conversion within this one."""
        return Setup(self.file, self.line, self.folder, fields, items, self.codes, options or {}, self.problems)

    def leftovers(self) -> None:
        """Report options that the conversion does not know."""
        for name in self.options:
            if name not in self.read:
                self.problems.unknown(self.file, f"options.{name}", name, self.read, line=self.line)

    def numbers_only(self, conversion: str) -> None:
        """Report standard items that are identifiers: their zeros are part of them."""
        for item in self.items:
            if item.type not in ("9", "9V", "S9"):
                self.problem(f"{conversion}.{item.name}", "a number item (9, 9V, S9), never an identifier", item.type)
