"""The quick way through a mapping: compiled per direction, for records without any trouble.

Anything out of the ordinary (a refused value, a loss, a missing item) gives ``None``, and the engine then goes through
the rules one by one and says what is wrong. What was converted is remembered: dates, codes and flags repeat.
What is remembered stays in this process.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from adapters.mapping.conversions.base import ConversionError
from adapters.mapping.expressions import Expression, ExpressionError

REMEMBER = 4096  # values per item; enough for the days of a lifetime's decades, small enough for any machine
BETWEEN = "\x1f"
Translate = Callable[[tuple[str, ...]], tuple[str, ...]]
Accept = Callable[[str], bool]


def always(_value: str) -> bool:
    """Accept every value: what checks it stands elsewhere."""
    return True


@dataclass(slots=True)
class Single:
    """One item to one item; ``known`` holds values that went through unchanged and were accepted."""

    source: str
    target: str
    there: Translate
    back: Translate | None
    accept: Accept
    known: dict[str, str] = field(default_factory=dict)

    def learn(self, value: str) -> str | None:
        """Convert, try the way back, check; ``None`` when anything is not as it should be."""
        try:
            found = self.there((value,))
            if self.back is not None and self.back(found) != (value,):
                return None
        except ConversionError:
            return None
        (result,) = found
        if result and not self.accept(result):
            return None
        if len(self.known) >= REMEMBER:
            self.known.clear()
        self.known[value] = result
        return result


@dataclass(slots=True)
class Several:
    """Several items on at least one side; ``known`` as with ``Single``."""

    sources: tuple[str, ...]
    targets: tuple[str, ...]
    there: Translate
    back: Translate | None
    accepts: tuple[Accept, ...]
    known: dict[tuple[str, ...], dict[str, str]] = field(default_factory=dict)

    def learn(self, values: tuple[str, ...]) -> dict[str, str] | None:
        """Convert, try the way back, check: the targets that are there; ``None`` when anything is amiss."""
        try:
            found = self.there(values)
            if self.back is not None and self.back(found) != values:
                return None
        except ConversionError:
            return None
        for result, accept in zip(found, self.accepts, strict=True):
            if result and not accept(result):
                return None
        if len(self.known) >= REMEMBER:
            self.known.clear()
        present = {target: result for target, result in zip(self.targets, found, strict=True) if result}
        self.known[values] = present
        return present


@dataclass(slots=True)
class Computed:
    """An item computed from items of its own side; ``accept`` checks what was computed."""

    item: str
    expression: Expression
    accept: Accept

    def result(self, values: Mapping[str, str]) -> str | None:
        """The item's value, ``""`` where it has none, ``None`` where the computation fails or is refused."""
        if not any(values.get(name) for name in self.expression.names):
            return ""
        try:
            found = self.expression.text(values)
        except ExpressionError:
            return None
        return found if not found or self.accept(found) else None


@dataclass(slots=True)
class FastPath:
    """One direction of a mapping.

    ``copies`` need no check, ``sized`` only a length, ``wide`` a length and (all together, in one search) full-width
    characters. ``blank`` holds what is there before anything is converted: constants, and the vendor's absent items.
    """

    copies: Sequence[tuple[str, str]]
    sized: Sequence[tuple[str, str, int]]
    wide: Sequence[tuple[str, str, int]]
    full_width: Accept
    checked: Sequence[tuple[str, str, Accept]]
    singles: Sequence[Single]
    several: Sequence[Several]
    expect: Sequence[tuple[str, tuple[str, ...]]]
    silent: Sequence[str]
    derive: Sequence[Computed]
    agree: Sequence[Computed]
    blank: Mapping[str, str]
    mandatory: frozenset[str]
    _alone: Sequence[tuple[str, str, dict[str, str], Single]] = ()
    _together: Sequence[tuple[tuple[str, ...], dict[tuple[str, ...], dict[str, str]], Several]] = ()

    def settled(self) -> FastPath:
        """The same with its plans laid out, once all its rules are there."""
        self._alone = tuple((one.source, one.target, one.known, one) for one in self.singles)
        self._together = tuple((one.sources, one.known, one) for one in self.several)
        return self

    def run(self, values: Mapping[str, str]) -> dict[str, str] | None:
        """The target values of an ordinary record, ``None`` for any other."""
        get = values.get
        out = dict(self.blank)
        for source, target in self.copies:
            if value := get(source):
                out[target] = value
        if not (self._sized(get, out) and self._one_to_one(get, out) and self._several(get, out)):
            return None
        if (self.derive or self.agree) and not self._computed(values, out):
            return None
        return out if self._nothing_lost(get, out) else None

    def _sized(self, get: Callable[..., str], out: dict[str, str]) -> bool:
        for source, target, digits in self.sized:
            if value := get(source):
                if len(value) > digits:
                    return False
                out[target] = value
        together: list[str] = []
        for source, target, digits in self.wide:
            if value := get(source):
                if len(value) > digits:
                    return False
                out[target] = value
                together.append(value)
        return not together or self.full_width(BETWEEN.join(together))

    def _one_to_one(self, get: Callable[..., str], out: dict[str, str]) -> bool:
        for source, target, accept in self.checked:
            if value := get(source):
                if not accept(value):
                    return False
                out[target] = value
        for source, target, known, single in self._alone:
            value = get(source, "")
            result = known.get(value)
            if result is None and (result := single.learn(value)) is None:
                return False
            if result:
                out[target] = result
        return True

    def _several(self, get: Callable[..., str], out: dict[str, str]) -> bool:
        for names, known, rule in self._together:
            sources = tuple([get(name, "") for name in names])
            found = known.get(sources)
            if found is None and (found := rule.learn(sources)) is None:
                return False
            out.update(found)
        return True

    def _computed(self, values: Mapping[str, str], out: dict[str, str]) -> bool:
        for one in self.derive:
            result = one.result(out)
            if result is None:
                return False
            if result:
                out[one.item] = result
        return all(values.get(one.item, "") == one.result(values) for one in self.agree)

    def _nothing_lost(self, get: Callable[..., str], out: dict[str, str]) -> bool:
        for source, wanted in self.expect:
            if get(source, "") not in wanted:
                return False
        for source in self.silent:
            if get(source):
                return False
        return self.mandatory <= out.keys()
