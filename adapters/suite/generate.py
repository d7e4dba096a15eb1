"""Generated records of the standard that a mapping can carry: per rule the values that go there and back unchanged."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from random import Random

from adapters.mapping import Mapping
from adapters.mapping.conversions.base import ConversionError
from adapters.mapping.rules import ConstantRule, ItemRule
from adapters.sdk.layout import Layout
from adapters.sdk.protocols import Codec
from adapters.suite.candidates import candidates
from bus.core.errors import AdapterError

TRIES = 400


@dataclass(frozen=True, slots=True)
class Carried:
    """The standard values of one rule that pass, how many were refused or reported, how many changed silently."""

    rule: ItemRule
    values: tuple[tuple[str, ...], ...]
    refused: int
    silent: int


def carried(mapping: Mapping, codec: Codec, rule: ItemRule, random: Random) -> Carried:
    """Try candidate values of the rule's standard items through conversion and codec, there and back."""
    pools = [candidates(mapping.checks[name].item, mapping.unit, random) for name in rule.standard]
    if len(rule.standard) > 1:
        pools = [["", *pool] for pool in pools]
    beside = _beside(codec.layout)
    kept: list[tuple[str, ...]] = []
    refused = silent = 0
    for values in _tries(pools, random):
        if not any(values):
            continue
        try:
            vendor = rule.conversion.to_vendor(values)
            raw = codec.encode_record({**beside, **dict(zip(rule.vendor, vendor, strict=True))})
            back = codec.decode_record(raw).values
            again = rule.conversion.to_standard(tuple(back[name] for name in rule.vendor))
        except (ConversionError, AdapterError):
            refused += 1
            continue
        if again == values:
            kept.append(values)
        elif _reported(mapping, rule, values):
            refused += 1
        else:
            silent += 1
    return Carried(rule, tuple(kept), refused, silent)


def _tries(pools: list[list[str]], random: Random) -> Iterable[tuple[str, ...]]:
    """Combinations of the pools; for several items some by chance too: the first ones differ at their end only."""
    first = itertools.islice(itertools.product(*pools), TRIES)
    if len(pools) < 2 or not all(pools):
        return first
    chance = (tuple(random.choice(pool) for pool in pools) for _ in range(TRIES))
    return dict.fromkeys(itertools.chain(first, chance))


def _beside(layout: Layout) -> dict[str, str]:
    """What a record must hold beside a rule's items so that it can be written: an occurrence of repeated items."""
    if layout.group is None:
        return {}
    first = layout.group.items[0][0]
    number = {layout.group.number: "1"} if layout.group.number else {}
    return {**number, first: "2" * min(layout.field(first).bytes or 1, 2)}


def all_carried(mapping: Mapping, codec: Codec, seed: int) -> list[Carried]:
    """The values of every converting rule."""
    rules = (rule for rule in mapping.rules if isinstance(rule, ItemRule))
    return [carried(mapping, codec, rule, Random(f"{seed} {rule.vendor}")) for rule in rules]  # noqa: S311 (test data)


def _reported(mapping: Mapping, rule: ItemRule, values: tuple[str, ...]) -> bool:
    """Whether the mapping says that these values do not come back as they went."""
    present = {name: value for name, value in zip(rule.standard, values, strict=True) if value}
    try:
        losses = mapping.to_vendor(present).losses
    except AdapterError:
        return True
    return rule.loss == "allow" or any(loss.item in rule.standard for loss in losses)


def records(mapping: Mapping, rules: list[Carried], random: Random, count: int) -> Iterator[dict[str, str]]:
    """``count`` records: mandatory items always, others two times in three, constants as they are."""
    group = mapping.layout.group
    repeated = {name for name, _ in group.items} if group else set[str]()
    for _ in range(count):
        values: dict[str, str] = {}
        for rule in mapping.rules:
            if isinstance(rule, ConstantRule) and rule.side == "standard":
                values[rule.item] = rule.value
        for one in rules:
            must = any(mapping.checks[name].item.mandatory for name in one.rule.standard) or repeated & {
                *one.rule.vendor
            }
            if one.values and (must or random.random() < 0.67):
                chosen = random.choice(one.values)
                values.update({name: value for name, value in zip(one.rule.standard, chosen, strict=True) if value})
        yield values
