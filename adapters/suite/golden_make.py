"""Draft golden pairs for what no golden pair exercises yet: synthetic vendor files with their reading in the standard.

The pairs are made through the definition itself, so they prove nothing until a person has compared them with the
vendor's specification. From then on they do: any line that is changed makes a sample differ.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import chain, count
from pathlib import Path
from random import Random

from adapters.mapping.conversions.base import ConversionError
from adapters.mapping.conversions.code import Code
from adapters.mapping.rules import ConstantRule, ItemRule
from adapters.sdk.types import VendorRecord
from adapters.suite.exercise import Mark, exercised, marks, rule_marks, wanted
from adapters.suite.generate import all_carried
from adapters.suite.golden import write_records
from adapters.suite.subject import SAMPLES, Pair, Subject
from bus.core.errors import AdapterError

SUFFIXES = {"fixed": "dat", "delimited": "csv", "json": "json", "xml": "vendor.xml", "multi": "dat"}
MOST = 400
"""Records of one file at most: a code table of the standard has fewer rows."""

Values = dict[str, str]


@dataclass(slots=True)
class _Rule:
    """A converting rule with the values that go there and back, each with what it exercises."""

    rule: ItemRule
    must: bool
    values: list[tuple[tuple[str, ...], frozenset[Mark]]]
    used: int = 0


@dataclass(slots=True)
class Draft:
    """A drafted pair: the mapping, the direction it is good for, the records on both sides."""

    pair: Pair
    direction: str
    standard: list[Values] = field(default_factory=list)
    vendor: list[Values] = field(default_factory=list)


def drafts(subject: Subject, seed: int = 1) -> Iterator[Draft]:
    """What is missing, mapping by mapping, small records first: they are to show the rows of shared code tables."""
    have = exercised(subject)
    for pair in sorted(subject.pairs, key=_size):
        need = {mark for mark in wanted(pair) if mark not in have}
        if not need or pair.layout.kind not in SUFFIXES:
            continue
        for draft in _drafts(pair, need, seed):
            for vendor, standard in zip(draft.vendor, draft.standard, strict=True):
                have.update(marks(pair, vendor, standard))
            yield draft


def write_draft(folder: Path, draft: Draft) -> tuple[Path, ...]:
    """Write a drafted pair below ``samples`` and name it in ``samples.toml``; the files written."""
    pair, samples = draft.pair, folder / Path(SAMPLES).parent
    samples.mkdir(exist_ok=True)
    stem = Path(pair.name).stem + (".golden" if draft.direction == "both" else f".{draft.direction}")
    names = chain((stem,), (f"{stem}-{number}" for number in count(2)))
    stem = next(name for name in names if not any(samples.glob(f"{name}*")))
    files: list[Path] = []
    blocks: list[str] = []
    single = pair.layout.single
    parts = [slice(at, at + 1) for at in range(len(draft.vendor))] if single else [slice(None)]
    for number, part in enumerate(parts, start=1):
        name = f"{stem}{number}" if single and len(parts) > 1 else stem
        theirs, ours = samples / f"{name}.{SUFFIXES[pair.layout.kind]}", samples / f"{name}.xml"
        theirs.write_bytes(b"".join(pair.codec().encode(draft.vendor[part])))
        with ours.open("wb") as stream:
            write_records(stream, pair.mapping.unit, pair.mapping.record_type, draft.standard[part])
        files += [theirs, ours]
        layout = f"layout/{pair.layout.path.name}"
        block = f'[[sample]]\nfile = "{theirs.name}"\nlayout = "{layout}"\nmapping = "{pair.name}"\n'
        block += f'standard = "{ours.name}"\n'
        blocks.append(block + (f'direction = "{draft.direction}"\n' if draft.direction != "both" else ""))
    listing = folder / SAMPLES
    before = listing.read_text("utf-8").rstrip("\n") + "\n\n" if listing.is_file() else ""
    listing.write_text(before + "\n".join(blocks), encoding="utf-8", newline="\n")
    return tuple(files)


def _size(pair: Pair) -> tuple[bool, int]:
    return pair.layout.single, pair.layout.record_bytes or len(pair.layout.items)


def _drafts(pair: Pair, need: set[Mark], seed: int) -> Iterator[Draft]:
    rules = list(_rules(pair, seed))
    random = Random(f"{seed} {pair.name}")  # noqa: S311 (test data)
    draft = Draft(pair, "both")
    if any(mark[0] in ("golden", "item") for mark in need):
        for whole in (True,) if pair.layout.single else (True, True, False):
            _add(draft, need, _record(pair, rules, random, need, whole=whole))
    while need and len(draft.vendor) < MOST:
        before = len(need)
        _add(draft, need, _record(pair, rules, random, need, whole=False))
        if len(need) == before:
            break
    if draft.vendor:
        yield draft
    for direction in ("to_standard", "to_vendor"):
        one_way = Draft(pair, direction)
        for rule in pair.mapping.rules:
            if isinstance(rule, ItemRule) and isinstance(rule.conversion, Code) and draft.vendor:
                _one_way(one_way, draft, rule, rule.conversion, need)
        if one_way.vendor:
            yield one_way


def _rules(pair: Pair, seed: int) -> Iterator[_Rule]:
    group = pair.layout.group
    repeated = {name for name, _ in group.items} if group else set[str]()
    for one in all_carried(pair.mapping, pair.codec(), seed):
        values: list[tuple[tuple[str, ...], frozenset[Mark]]] = []
        for ours in one.values:
            theirs = one.rule.conversion.to_vendor(ours)
            values.append((ours, frozenset(rule_marks(pair, one.rule, theirs, ours))))
        values.sort(key=lambda value: -sum(map(bool, value[0])))
        must = any(pair.mapping.checks[name].item.mandatory for name in one.rule.standard)
        if values:
            yield _Rule(one.rule, must or bool(repeated & {*one.rule.vendor}), values)


def _record(pair: Pair, rules: list[_Rule], random: Random, need: set[Mark], *, whole: bool) -> Values:
    """A record of the standard: everything, or what is mandatory and what meets something that is still needed."""
    values = {
        rule.item: rule.value
        for rule in pair.mapping.rules
        if isinstance(rule, ConstantRule) and rule.side == "standard"
    }
    taken: set[tuple[str, ...]] = set()
    for one in rules:
        fresh = [ours for ours, met in one.values if met & need]
        if fresh and not whole:
            chosen = fresh[0]
        elif whole or one.must:
            # one after the other, awkward values first; no two items alike, or a mix-up would not be seen
            order = [one.values[(one.used + at) % len(one.values)][0] for at in range(len(one.values))]
            present = [ours for ours in order if all(ours)] or order
            chosen = next((ours for ours in present if ours not in taken), random.choice(present))
            one.used += 1
        else:
            continue
        taken.add(chosen)
        values.update({name: value for name, value in zip(one.rule.standard, chosen, strict=True) if value})
    return values


def _add(draft: Draft, need: set[Mark], values: Values) -> None:
    """Take a record that goes to the vendor's bytes and back unchanged."""
    mapping, codec = draft.pair.mapping, draft.pair.codec()
    try:
        raw = b"".join(codec.encode([mapping.to_vendor(values).values]))
        (back,) = codec.decode(io.BytesIO(raw), "draft")
        if not isinstance(back, VendorRecord) or mapping.to_standard(back).values != values:
            return
    except (AdapterError, ValueError):
        return
    met = set(marks(draft.pair, back.values, values))
    if met & need:
        need -= met
        draft.vendor.append(back.values)
        draft.standard.append(values)


def _one_way(draft: Draft, base: Draft, rule: ItemRule, code: Code, need: set[Mark]) -> None:
    """Rows that lead in one direction only: the first drafted record with the row's code in it."""
    mapping = draft.pair.mapping
    for row in code.rows:
        mark: Mark = ("code", code.table_name, str(row.line), draft.direction)
        if row.direction != draft.direction or mark not in need:
            continue
        try:
            if draft.direction == "to_standard":
                vendor = {**base.vendor[0], rule.vendor[0]: row.vendor}
                standard = mapping.to_standard(VendorRecord(vendor)).values
            else:
                standard = {**base.standard[0], rule.standard[0]: row.standard}
                vendor = mapping.to_vendor(standard).values
        except (AdapterError, ConversionError):
            continue
        need.discard(mark)
        draft.vendor.append(vendor)
        draft.standard.append(standard)
